/* SPDX-License-Identifier: BSD-3-Clause */
/* Outgoing TCP connections. */
#include "api/socket.h"

#include <errno.h>

#include "api/address.h"

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
	int result = check_remote(remote, &s->local);

	if (result != 0)
		return result;
	struct endpoint_setup *setup = sock_make_setup(s, s->options);
	if (setup == NULL)
		return -ENOBUFS;
	result = address_to_ip(remote, &setup->remote, &setup->remote_port);
	if (result == 0)
		result = address_to_ip(&s->local, &setup->local, &setup->local_port);
	if (result != 0)
		return result;
	address_from_ip(&setup->remote, setup->remote_port, &s->remote);
	s->lane = selector_next_lane(s->sel);
	s->ep = endpoint_alloc(sock_lane(s)->core, sock_lane(s)->chan);
	return s->ep == NULL ? -ENOBUFS : 0;
}

int rws_tcp_connect(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_options *options, rws_socket_t *out)
{
	int result = selector_check(sel);

	if (result == 0)
		result = options_check(SOCK_TCP, options);
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
	timeout_connecting(s);
	selector_dirty(s);
	*out = sock_handle(s);
	return 0;
}
