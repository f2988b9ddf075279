/* SPDX-License-Identifier: BSD-3-Clause */
/* Outgoing TCP connections. */
#include "api/socket.h"

#include <errno.h>

#include "api/address.h"

void sock_fill_setup(struct sock *s)
{
	const struct rws_options *o = &s->options;

	s->setup.conn = (struct conn_options){
		.tos = o->type_of_service,
		.ttl = o->ttl,
		.no_delay = !o->delay,
		.keep_alive = o->keep_alive,
		.reuse_address = o->reuse_address,
		.reuse_port = o->reuse_port,
		.backlog = o->backlog,
		.receive_window = o->receive_buffer,
	};
	s->setup.dgram = (struct dgram_options){
		.tos = o->type_of_service,
		.ttl = o->ttl,
		.broadcast = o->broadcast,
		.reuse_address = o->reuse_address,
		.reuse_port = o->reuse_port,
		.receive_bytes = o->receive_buffer,
	};
}

/* RFC 9293 3.9.2.3: a connection has two ends, and each is one host. */
static int check_remote(const struct rws_address *remote, const struct rws_address *local)
{
	if (remote == NULL)
		return -EINVAL;
	if (remote->family != RWS_IPV4 && remote->family != RWS_IPV6)
		return remote->family == 0 ? -EINVAL : -EAFNOSUPPORT;
	if (remote->port == 0 || address_is_any(remote) || address_is_multicast(remote) ||
		address_is_broadcast(remote))
		return -EINVAL;
	return local->family != 0 && local->family != remote->family ? -EINVAL : 0;
}

static int set_up(struct sock *s, const struct rws_address *remote)
{
	struct endpoint_setup *setup = &s->setup;
	int result = check_remote(remote, &s->options.local);

	if (result == 0)
		result = address_to_ip(remote, &setup->remote, &setup->remote_port);
	if (result == 0)
		result = address_to_ip(&s->options.local, &setup->local, &setup->local_port);
	if (result != 0)
		return result;
	sock_fill_setup(s);
	s->lane = selector_next_lane(s->sel);
	s->ep = endpoint_alloc(s->lane->core, s->lane->chan);
	return s->ep == NULL ? -ENOBUFS : 0;
}

int rws_tcp_connect(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_options *options, rws_socket_t *out)
{
	int result = selector_check(sel);

	if (result != 0)
		return result;
	struct sock *s = sock_create(sel, SOCK_TCP, options);
	if (s == NULL)
		return -ENOBUFS;
	result = set_up(s, remote);
	if (result != 0) {
		sock_free(s);
		return result;
	}
	s->remote = *remote;
	selector_dirty(s);
	*out = sock_handle(s);
	return 0;
}
