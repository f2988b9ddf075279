/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients of a server, taken in while there are places.
 *
 * Called from apps/app_connections.c and apps/proxy*.c. Calls rws.h.
 *
 * The events of a turn come together, and an earlier one may end the client of a later one. So a
 * program asks rws_user whose the event is: nobody's once the socket was disposed.
 */
#ifndef RWS_APPS_APP_ACCEPT_H
#define RWS_APPS_APP_ACCEPT_H

#include <rws.h>
#include <stddef.h>

/* One thread's. */
struct app_clients {
	rws_socket_t listener;
	unsigned count; /* those that have not ended */
	size_t size;    /* bytes of what the program has for each */
	/* Takes the socket over; the client's memory is zero. */
	void (*open)(struct app_clients *clients, void *client, rws_socket_t socket);
};

/*
 * Accepts some, at most so many, and returns how many; to be called until it returns 0. Where there
 * are no places left, clients wait in the backlog.
 */
unsigned app_accept(struct app_clients *clients, unsigned places);

/* It is over, its sockets disposed: frees its memory. */
void app_client_ended(struct app_clients *clients, void *client);

#endif
