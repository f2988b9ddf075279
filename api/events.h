/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the loop does with the events of sockets (gathered by sock_tell, api/socket.h).
 *
 * Called from api/wait.c and api/selector.c.
 */
#ifndef RWS_EVENTS_H
#define RWS_EVENTS_H

#include "api/remote.h"
#include "api/rws.h"

/* Takes at most max events of sockets without callbacks for them; how many. */
unsigned events_take(struct rws_selector *sel, struct rws_event *events, unsigned max);

/* Whether there is anything for events_dispatch. */
bool events_waiting(const struct rws_selector *sel);

/* Calls the callbacks that are due, and posted functions. */
void events_dispatch(struct rws_selector *sel);

#endif
