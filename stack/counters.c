/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's statistics as 64-bit counters. */
#include "lwip/stats.h"

#include "stack/stack_internal.h"

void stack_fold_counters(struct stack *st)
{
	struct stack_counters *counters = &st->counters;
	const struct {
		uint32_t now;
		uint64_t *total;
	} folds[STACK_LWIP_COUNTERS] = {
		{lwip_stats.tcp.recv, &counters->tcp_rx_segments},
		{lwip_stats.tcp.xmit, &counters->tcp_tx_segments},
		{lwip_stats.mib2.tcpretranssegs, &counters->tcp_retransmits},
		{lwip_stats.mib2.tcpoutrsts, &counters->tcp_resets_sent},
		{lwip_stats.udp.recv, &counters->udp_rx},
		{lwip_stats.udp.xmit, &counters->udp_tx},
		{lwip_stats.icmp.recv + lwip_stats.icmp6.recv, &counters->icmp_rx},
		{lwip_stats.icmp.xmit + lwip_stats.icmp6.xmit, &counters->icmp_tx},
	};
	for (unsigned i = 0; i < STACK_LWIP_COUNTERS; i++) {
		*folds[i].total += (uint32_t)(folds[i].now - st->lwip_seen[i]);
		st->lwip_seen[i] = folds[i].now;
	}
}

void stack_get_counters(const struct stack *st, struct stack_counters *counters)
{
	struct stack *mutable = (struct stack *)(uintptr_t)st;
	stack_enter(mutable);
	stack_fold_counters(mutable);
	*counters = st->counters;
}
