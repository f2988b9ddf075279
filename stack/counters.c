/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's statistics as 64-bit counters, and what it refused as reasons of drops. */
#include "lwip/stats.h"

#include "stack/stack_internal.h"

void stack_fold_counters(struct stack *st)
{
	struct stack_counters *counters = &st->counters;
	uint64_t *drops = st->drops.count;
	const struct {
		uint32_t now;
		uint64_t *total;
	} folds[STACK_LWIP_COUNTERS] = {
		{lwip_stats.udp.recv, &counters->udp_rx},
		{lwip_stats.udp.xmit, &counters->udp_tx},
		{lwip_stats.icmp.recv + lwip_stats.icmp6.recv, &counters->icmp_rx},
		{lwip_stats.icmp.xmit + lwip_stats.icmp6.xmit, &counters->icmp_tx},
		/* What lwIP refuses is in a layer's `drop`, bad checksums among it. */
		{lwip_stats.ip.chkerr, &drops[DROP_IP_CHECKSUM]},
		{lwip_stats.udp.chkerr, &drops[DROP_L4_CHECKSUM]},
		{lwip_stats.etharp.drop, &drops[DROP_LINK_REFUSED]},
		{lwip_stats.ip.drop + lwip_stats.ip6.drop - lwip_stats.ip.chkerr,
			&drops[DROP_IP_REFUSED]},
		{lwip_stats.ip_frag.drop + lwip_stats.ip6_frag.drop, &drops[DROP_FRAGMENT_REFUSED]},
		{lwip_stats.icmp.drop + lwip_stats.icmp6.drop + lwip_stats.nd6.drop,
			&drops[DROP_ICMP_REFUSED]},
		{lwip_stats.udp.drop - lwip_stats.udp.chkerr, &drops[DROP_UDP_REFUSED]},
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
