/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of a congestion control algorithm. Called from the TCP core, calls the algorithms. */
#include "stack/tcp/tcp_cc.h"

#include <string.h>

#include "stack/tcp/tcp_cc_internal.h"

static const struct tcp_cc_ops *const algorithms[TCP_CC_COUNT] = {
	[TCP_CC_CUBIC] = &tcp_cubic,
	[TCP_CC_NEWRENO] = &tcp_newreno,
	[TCP_CC_BBR] = &tcp_bbr,
};

bool tcp_cc_init(struct tcp_cc *cc, enum tcp_cc_kind kind, struct arena *arena, uint32_t mss,
	uint64_t now_ns)
{
	if ((unsigned)kind >= TCP_CC_COUNT)
		return false;
	memset(cc, 0, sizeof(*cc));
	cc->mss = mss;
	cc->cwnd = tcp_cc_initial_window(mss);
	cc->ssthresh = UINT32_MAX; /* RFC 5681 3.1: arbitrarily high */
	cc->ops = algorithms[kind];
	tcp_cc_set_send_quantum(cc);
	return cc->ops->init(cc, arena, now_ns);
}

bool tcp_cc_samples_rates(enum tcp_cc_kind kind)
{
	return algorithms[kind]->rate_samples;
}

void tcp_cc_fini(struct tcp_cc *cc, struct arena *arena)
{
	if (cc->ops != NULL && cc->ops->fini != NULL)
		cc->ops->fini(cc, arena);
	cc->ops = NULL;
}

enum tcp_cc_kind tcp_cc_by_name(const char *name)
{
	unsigned kind = 0;
	while (kind < TCP_CC_COUNT && strcmp(algorithms[kind]->name, name) != 0)
		kind++;
	return (enum tcp_cc_kind)kind;
}
