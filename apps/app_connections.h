/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connections of a server that reads and answers: run when there is news of them, ended when they
 * did not get on for too long.
 *
 * Called from apps/dns*.c, apps/echo*.c and apps/httpd*.c. Calls apps/app_accept.h.
 *
 * Theory of operation
 * -------------------
 * open -> begin() -> run() at once, as its first bytes may be here, and for each event -> end()
 *
 * run() never waits: it goes on until a call says -EAGAIN, and the event that follows brings the next
 * turn; anything else ends the connection. What "getting on" is, the program says by
 * app_connection_touch; a peer that still takes bytes gets on in any case, however slow it is.
 */
#ifndef RWS_APPS_APP_CONNECTIONS_H
#define RWS_APPS_APP_CONNECTIONS_H

#include <stdint.h>
#include <sys/queue.h>

#include "apps/app.h"
#include "apps/app_accept.h"

/* What a program has for a connection begins with it. */
struct app_connection {
	struct app_connections *all;
	TAILQ_ENTRY(app_connection) link; /* all->by_activity */
	int64_t active_ns;                /* when it last got on */
	size_t room_empty; /* room of the write channel when nothing is under way in it */
	size_t room_seen;  /* and when it last got on */
	rws_socket_t socket;
	rws_channel_t in, out;
};

/* One thread's. The program fills in clients.size and the first part. */
struct app_connections {
	struct app_clients clients; /* first member */
	void *server;               /* the program's */
	unsigned max;               /* at once */
	int64_t idle_ns;            /* that a connection may take to get on; 0: for ever */
	/* Before its channels are opened; may put another socket in its place. 0 or -errno; NULL: none. */
	int (*begin)(struct app_connection *connection);
	/* Goes on: 0, there may be more to do; -EAGAIN, it waits; anything else is its end. */
	int (*step)(struct app_connection *connection);
	/* Gives back what the program has of it; NULL: nothing. */
	void (*end)(struct app_connection *connection);

	struct rws_selector *selector;
	TAILQ_HEAD(, app_connection) by_activity; /* longest idle first */
};

/* Listens: 0, or as rws_tcp_bind. */
int app_connections_open(struct app_connections *all, struct app_thread *thread, uint16_t port,
	const struct rws_options *options);

/* When app_connections_turn is due, without events. */
int64_t app_connections_deadline(const struct app_connections *all);

/* Behind the events of a turn: ends those that are idle, accepts. */
void app_connections_turn(struct app_connections *all);

/* Lets them say goodbye, all within a second. Also for what was never opened. */
void app_connections_close(struct app_connections *all);

/* That of an event, or NULL: it is another socket's, or the connection has ended by now. */
struct app_connection *app_connection_of(const struct rws_event *event);

/* Steps until it waits or ends. */
void app_connection_run(struct app_connection *connection);

/* It got on: its idle time begins anew. */
void app_connection_touch(struct app_connection *connection);

/* Ends and frees it. The library sends what was written, then FIN. */
void app_connection_end(struct app_connection *connection);

#endif
