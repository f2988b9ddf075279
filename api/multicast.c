/* SPDX-License-Identifier: BSD-3-Clause */
/* Memberships of UDP sockets in multicast groups; the stack core has them. */
#include <errno.h>

#include "api/address.h"
#include "api/socket.h"

static int check(const struct sock *s, const struct rws_address *group)
{
	if (s->kind != SOCK_UDP || group == NULL || !address_is_multicast(group))
		return -EINVAL;
	return s->closing ? -ESHUTDOWN : 0;
}

static int change(rws_socket_t handle, const struct rws_address *group, uint32_t interface,
	enum chan_request kind)
{
	struct chan_message request = {.kind = kind, .count = interface};
	struct sock *s;
	int result = sock_of(handle, &s);
	uint16_t port;

	if (result == 0)
		result = check(s, group);
	if (result == 0)
		result = address_to_ip(group, &request.address, &port);
	if (result != 0)
		return result;
	sock_hold(s);
	result = sock_ask(s, &request);
	sock_let_go(s);
	return result;
}

int rws_multicast_join(rws_socket_t s, const struct rws_address *group, uint32_t interface)
{
	return change(s, group, interface, REQ_JOIN);
}

int rws_multicast_leave(rws_socket_t s, const struct rws_address *group, uint32_t interface)
{
	return change(s, group, interface, REQ_LEAVE);
}
