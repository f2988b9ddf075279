/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps net_tap from using a signal.
 *
 * The PMD asks the kernel for a real-time signal with every frame, to spare the read() of an
 * empty queue. A signal a frame costs more than that: it interrupts whatever thread runs, also
 * the application's, and when its queue overflows the kernel sends SIGIO, which ends the process.
 * The PMD polls instead when it finds no signal free, and it takes one for free whose handler is
 * the default; so while it opens descriptors, none looks free.
 */
#ifndef RWS_RT_SIGNALS_H
#define RWS_RT_SIGNALS_H

#include <stdint.h>

struct rt_signals {
	uint64_t hidden; /* bit n: signal n was at its default */
};

void rt_signals_hide(struct rt_signals *signals);
void rt_signals_show(const struct rt_signals *signals);

#endif
