/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers at which a connection begins, such that a stranger cannot guess them and one connection
 * after the other between the same ends counts upwards.
 */
#include <string.h>

#include "stack/tcp/tcp_flow_key.h"
#include "stack/tcp/tcp_internal.h"

/* RFC 6528 3: ISN = M + F(). M ticks every 4 us (4.096 here), F is a keyed hash. */
uint32_t tcp_isn(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port)
{
	struct tcp_flow_key key;
	tcp_flow_key_set(&key, local, local_port, remote, remote_port);
	return (uint32_t)(st->now_ns >> 12) +
		(uint32_t)siphash_2_4(&st->isn_key, &key, sizeof(key));
}

/*
 * RFC 7323 5.4: a random offset for each peer. Not for each connection, so that the clock goes
 * on from one connection to the next: RFC 6191 builds on that.
 */
uint32_t tcp_ts_offset(struct stack *st, const ip_addr_t *local, const ip_addr_t *remote)
{
	struct tcp_flow_key key;
	tcp_flow_key_set(&key, local, 0, remote, 0);
	return (uint32_t)siphash_2_4(&tcp_of(st)->ts_key, &key, sizeof(key));
}
