/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients of a server: taken in while there are places, freed when no event can name them.
 *
 * Called from apps/app_connections.c and apps/proxy*.c. Calls rws.h.
 *
 * The events of a turn come together, and each names its client by a pointer. So one that ended is
 * kept to the end of the turn, when app_free_ended frees it.
 */
#ifndef RWS_APPS_APP_ACCEPT_H
#define RWS_APPS_APP_ACCEPT_H

#include <rws.h>
#include <stddef.h>
#include <sys/queue.h>

/* What a program has for a client begins with it. */
struct app_client {
	SLIST_ENTRY(app_client) ended_link;
};

/* One thread's. */
struct app_clients {
	rws_socket_t listener;
	unsigned count; /* those that have not ended */
	size_t size;    /* bytes of what the program has for each */
	/* Takes the socket over; the client's memory is zero. */
	void (*open)(struct app_clients *clients, struct app_client *client, rws_socket_t socket);
	SLIST_HEAD(, app_client) ended;
};

/*
 * Accepts some, at most so many, and returns how many; to be called until it returns 0. Where there
 * are no places left, clients wait in the backlog.
 */
unsigned app_accept(struct app_clients *clients, unsigned places);

/* It is over, and nothing but its memory is left. */
void app_client_ended(struct app_clients *clients, struct app_client *client);

/* At the end of a turn. */
void app_free_ended(struct app_clients *clients);

#endif
