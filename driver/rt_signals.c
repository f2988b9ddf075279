/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/rt_signals.h"

#include <signal.h>
#include <stddef.h>

#define SIGNAL_BIT(number) (UINT64_C(1) << ((number) - 1))

void rt_signals_hide(struct rt_signals *signals)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	signals->hidden = 0;
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
		struct sigaction now;
		if (sigaction(number, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
			continue;
		if (sigaction(number, &ignore, NULL) == 0)
			signals->hidden |= SIGNAL_BIT(number);
	}
}

void rt_signals_show(const struct rt_signals *signals)
{
	const struct sigaction by_default = {.sa_handler = SIG_DFL};

	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		if ((signals->hidden & SIGNAL_BIT(number)) != 0)
			sigaction(number, &by_default, NULL);
}
