/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The limits of time that a socket has: connect_timeout_ns, socket_timeout_ns, and how long a close
 * may linger. They share the socket's one place among the selector's deadlines.
 *
 * Called from api/socket*.c, api/attach.c, api/events.c, api/wait.c and api/selector.c.
 *
 * Theory of operation
 * -------------------
 * A direction waits while the application, or a job that moves its bytes on, is to be told of it:
 * rx_waits and tx_waits look at the state that says so. `*_since` is when it began to wait or when
 * anything last happened, whichever is later. Activity only stores the time: a deadline that comes
 * up too early finds that out and is set anew.
 */
#ifndef RWS_TIMEOUT_H
#define RWS_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "api/rws.h"

struct sock;

/* In struct sock_extra; selector_clock's time. */
struct limits {
	int64_t connect_at, linger_at; /* 0: none */
	int64_t rx_since, tx_since;
	bool rx_over, tx_over; /* it waited for too long */
	rws_socket_t above; /* api/layer.h: whose reading and writing is bounded instead, or none */
};

/* Sockets with these options have a struct sock_extra for life. */
static inline bool timeout_needs_place(const struct rws_options *options)
{
	return options->socket_timeout_ns != 0 || options->connect_timeout_ns != 0;
}

/* The connection is being opened; and it stands. */
void timeout_connecting(struct sock *s);
void timeout_connected(struct sock *s);

/* The close has so long to send what there is. */
void timeout_linger(struct sock *s, int64_t ns);

/* The direction begins to wait, unless it did already; or something happened in it. */
void timeout_rx_restart(struct sock *s);
void timeout_tx_restart(struct sock *s);

/* Both, after a change of the options. */
void timeout_restart(struct sock *s);

/* RWS_EV_READABLE or RWS_EV_WRITABLE is to be told from now on, of `bits`. */
void timeout_armed(struct sock *s, uint32_t bits);

/* An await for the bits of a socket or channel is about to begin; and the selector noted it. */
void timeout_await(uint64_t handle, uint32_t bits);
void timeout_awaiting(uint64_t handle, uint32_t bits);

/* The socket's deadline is there, perhaps. */
void timeout_due(struct sock *s);

#endif
