/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the application's that is sent as it is: rws_write_buf.
 *
 * Called from api/wait.c, api/events.c, api/selector*.c, api/runtime.c and the application. Calls
 * driver/pktbuf.h.
 *
 * Theory of operation
 * -------------------
 * Buffers of the selector's pool refer to pieces of the memory and go the way of all bytes: TCP
 * frees each when its last byte was acknowledged or the connection is over, a device may hold it a
 * little longer. Whoever lets go last, on whatever thread, pushes the donation on a list, and the
 * selector's loop tells the application. The account of a donation lies in a buffer of the same
 * pool, so the pool bounds how many there are.
 *
 * A connection may outlive its selector. So the lists are the runtime's, by the selector's id: the
 * next selector that has it tells what comes then, or rws_destroy does.
 */
#ifndef RWS_DONATION_H
#define RWS_DONATION_H

#include <stdbool.h>

struct rws;
struct rws_selector;

/* Something was let go that the application was not told of. */
bool donations_waiting(const struct rws_selector *sel);

/* Tells the application; from the loop. */
void donations_run(struct rws_selector *sel);

/* No core and no device runs any more: tells of all that are left. */
void donations_finish(struct rws *rws);

#endif
