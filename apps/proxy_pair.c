/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * A pair begins with a HANDSHAKE if clients speak TLS, is CONNECTING until a backend took the
 * connection, then SPLICED. Two channels join the two sockets, one for each direction: attached for
 * reading to the one, for writing to the other. From then on the library moves the bytes, and the
 * program sees none of them.
 *
 *   client --read--> up   --write--> backend
 *   client <-write-- down <--read--  backend
 *
 * The end of one direction passes through by itself: the channel ends behind the last byte, and the
 * other socket sends FIN. When both directions of both sockets are done, so is the pair. A reset ends
 * the pair and passes on. What a slow receiver does not take fills the channel, then the sender's
 * receive window, and then the sender has to wait.
 *
 * Over TLS the client is the socket above its connection, and nothing else differs: the end of a
 * direction is close_notify there, and FIN without it is an error, which passes on as a reset.
 *
 * Until it is SPLICED, what the client sends waits in its receive window. It is the backends' only
 * once its handshake is done: who just knocks costs them nothing.
 */
#include "apps/proxy.h"

#include <errno.h>

#define S          1000000000LL
#define IDLE_LOOKS 4 /* at whether bytes moved, within the idle time */

/* ---- Its states -------------------------------------------------------------------------- */

/* To the end of the list: all of a state have the same patience. */
static void enter(struct proxy_pair *pair, enum pair_state state, int64_t due)
{
	struct proxy_pairs *pairs = pair->server->pairs;

	TAILQ_REMOVE(&pairs[pair->state], pair, link);
	pair->state = state;
	pair->due = due;
	TAILQ_INSERT_TAIL(&pairs[state], pair, link);
}

static void end(struct proxy_pair *pair)
{
	struct proxy_server *server = pair->server;

	TAILQ_REMOVE(&server->pairs[pair->state], pair, link);
	server->counters.bytes_up += rws_total_bytes_read(pair->up);
	server->counters.bytes_down += rws_total_bytes_read(pair->down);
	rws_dispose(pair->client);
	rws_dispose(pair->backend);
	rws_channel_dispose(pair->up);
	rws_channel_dispose(pair->down);
	app_client_ended(&server->clients, pair);
}

void proxy_pair_abort(struct proxy_pair *pair, int cause)
{
	rws_abort(pair->client, cause);
	rws_abort(pair->backend, cause);
	end(pair);
}

static int64_t after(const struct proxy_pair *pair, uint64_t seconds)
{
	return rws_now(pair->server->thread->selector) + (int64_t)seconds * S;
}

/* ---- A backend --------------------------------------------------------------------------- */

/* What went wrong here says nothing of the backend. */
static bool is_our_own(int error)
{
	return error == -ENOBUFS || error == -ENOMEM || error == -EADDRINUSE ||
		error == -EADDRNOTAVAIL;
}

static void attempt_failed(struct proxy_pair *pair, int error)
{
	struct proxy_server *server = pair->server;
	const struct app *app = server->thread->app;
	int64_t now = rws_now(server->thread->selector);
	char text[RWS_ADDRESS_TEXT];

	rws_abort(pair->backend, error);
	rws_dispose(pair->backend);
	pair->backend = RWS_NONE;
	rws_address_format(&server->backends.each[pair->backend_index].address, text);
	if (is_our_own(error))
		app_progress(app, "connecting to %s: %s", text, app_reason(error));
	else if (proxy_backend_failed(&server->backends, pair->backend_index, now))
		app_progress(app, "backend %s: %s; left out for %llu s", text,
			app_connect_reason(error),
			(unsigned long long)server->options->fail_timeout);
}

static void refuse(struct proxy_pair *pair)
{
	struct proxy_server *server = pair->server;

	if (!server->is_refusing)
		app_progress(server->thread->app, "no backend left: clients are reset");
	server->is_refusing = true;
	server->counters.refused++;
	proxy_pair_abort(pair, -ECONNREFUSED);
}

static int start_attempt(struct proxy_pair *pair)
{
	struct rws_selector *selector = pair->server->thread->selector;
	struct rws_options options = {0};
	int result;

	proxy_socket_options(pair->server->options, &options);
	result =
		rws_tcp_connect(selector, &pair->server->backends.each[pair->backend_index].address,
			&options, &pair->backend);

	if (result < 0)
		return result;
	rws_set_user(pair->backend, pair);
	enter(pair, PAIR_CONNECTING, after(pair, pair->server->options->connect_timeout));
	return 0;
}

/* Goes on to the next backend until one may be reached; at most once to each of them. */
static void connect_next(struct proxy_pair *pair)
{
	struct proxy_server *server = pair->server;
	int64_t now = rws_now(server->thread->selector);

	for (;;) {
		int result;

		pair->backend_index = proxy_backend_choose(&server->backends, now, &pair->tried);
		if (pair->backend_index < 0)
			break;
		result = start_attempt(pair);
		if (result == 0)
			return;
		attempt_failed(pair, result);
	}
	refuse(pair);
}

/* ---- The splice -------------------------------------------------------------------------- */

/* What comes from the one goes to the other, its end as well. */
static int join(struct proxy_pair *pair, rws_socket_t from, rws_socket_t to, rws_channel_t *channel)
{
	int result = rws_channel_create(
		pair->server->thread->selector, pair->server->options->buffer, false, channel);

	if (result == 0)
		result = rws_attach_for_reading(from, *channel, NULL);
	if (result == 0)
		result = rws_attach_for_writing(to, *channel, NULL);
	return result;
}

static int64_t next_look(const struct proxy_pair *pair, int64_t now)
{
	uint64_t seconds = pair->server->options->idle_timeout;

	return seconds > 0 ? now + (int64_t)seconds * S / IDLE_LOOKS : RWS_FOREVER;
}

static void splice(struct proxy_pair *pair)
{
	struct proxy_server *server = pair->server;
	int64_t now = rws_now(server->thread->selector);
	int result;

	pair->jobs_left = 4;
	pair->moved_ns = now;
	enter(pair, PAIR_SPLICED, next_look(pair, now));
	result = join(pair, pair->client, pair->backend, &pair->up);
	if (result == 0)
		result = join(pair, pair->backend, pair->client, &pair->down);
	if (result == 0)
		return;
	app_progress(server->thread->app, "joining two connections: %s", app_reason(result));
	server->counters.reset++;
	proxy_pair_abort(pair, result);
}

static void connected(struct proxy_pair *pair)
{
	struct proxy_server *server = pair->server;
	char text[RWS_ADDRESS_TEXT];

	server->is_refusing = false;
	if (proxy_backend_connected(&server->backends, pair->backend_index))
		app_progress(server->thread->app, "backend %s is back",
			rws_address_format(
				&server->backends.each[pair->backend_index].address, text));
	splice(pair);
}

/* ---- Its beginning ----------------------------------------------------------------------- */

static void handshake_failed(struct proxy_pair *pair, int error)
{
	proxy_handshake_ended(&pair->server->handshakes, error);
	proxy_pair_abort(pair, error);
}

static void begin_handshake(struct proxy_pair *pair)
{
	const struct proxy_options *options = pair->server->options;
	int result = app_tls_server(options->tls, &pair->client);

	proxy_handshake_begins(&pair->server->handshakes);
	enter(pair, PAIR_HANDSHAKE, after(pair, options->handshake_timeout));
	if (result < 0)
		handshake_failed(pair, result);
	else
		rws_set_user(pair->client, pair);
}

void proxy_pair_open(struct app_clients *clients, void *memory, rws_socket_t client)
{
	struct proxy_server *server = (struct proxy_server *)clients;
	struct proxy_pair *pair = memory;

	server->counters.accepted++;
	pair->server = server;
	pair->client = client;
	TAILQ_INSERT_TAIL(&server->pairs[pair->state], pair, link);
	if (server->options->tls != NULL) {
		begin_handshake(pair);
		return;
	}
	rws_set_user(client, pair);
	connect_next(pair);
}

/* ---- Events ------------------------------------------------------------------------------ */

static void reset(struct proxy_pair *pair, int cause)
{
	pair->server->counters.reset++;
	proxy_pair_abort(pair, cause);
}

static void handshake_event(struct proxy_pair *pair, const struct rws_event *event)
{
	if ((event->bits & (RWS_EV_ERROR | RWS_EV_CONTEXT_DONE)) != 0) {
		handshake_failed(pair, event->result);
	} else if ((event->bits & RWS_EV_CONNECTED) != 0) {
		proxy_handshake_ended(&pair->server->handshakes, 0);
		connect_next(pair);
	}
}

static void connecting_event(struct proxy_pair *pair, const struct rws_event *event)
{
	bool is_over = (event->bits & (RWS_EV_ERROR | RWS_EV_CONTEXT_DONE)) != 0;

	if (event->handle == pair->client && is_over) {
		reset(pair, event->result);
	} else if (event->handle == pair->backend && is_over) {
		attempt_failed(pair, event->result);
		connect_next(pair);
	} else if (event->handle == pair->backend && (event->bits & RWS_EV_CONNECTED) != 0) {
		connected(pair);
	}
}

static void spliced_event(struct proxy_pair *pair, const struct rws_event *event)
{
	if ((event->bits & (RWS_EV_ERROR | RWS_EV_CONTEXT_DONE)) != 0) {
		if (event->handle == pair->client || event->handle == pair->backend)
			reset(pair, event->result);
		return;
	}
	if ((event->bits & RWS_EV_JOB_DONE) == 0 || --pair->jobs_left > 0)
		return;
	pair->server->counters.finished++;
	end(pair);
}

void proxy_pair_event(struct proxy_pair *pair, const struct rws_event *event)
{
	switch (pair->state) {
	case PAIR_HANDSHAKE:
		handshake_event(pair, event);
		break;
	case PAIR_CONNECTING:
		connecting_event(pair, event);
		break;
	case PAIR_SPLICED:
		spliced_event(pair, event);
		break;
	default:
		break;
	}
}

/* ---- Time -------------------------------------------------------------------------------- */

static uint64_t bytes_moved(const struct proxy_pair *pair)
{
	return rws_total_bytes_written(pair->up) + rws_total_bytes_read(pair->up) +
		rws_total_bytes_written(pair->down) + rws_total_bytes_read(pair->down);
}

/* A peer that still takes or sends bytes is not idle, however slow it is. */
static void look_for_bytes(struct proxy_pair *pair, int64_t now)
{
	struct proxy_server *server = pair->server;
	uint64_t moved = bytes_moved(pair);

	if (moved != pair->moved) {
		pair->moved = moved;
		pair->moved_ns = now;
	}
	if (now - pair->moved_ns >= (int64_t)server->options->idle_timeout * S) {
		server->counters.idle++;
		proxy_pair_abort(pair, -ETIMEDOUT);
		return;
	}
	enter(pair, PAIR_SPLICED, next_look(pair, now));
}

void proxy_pair_due(struct proxy_pair *pair, int64_t now)
{
	switch (pair->state) {
	case PAIR_HANDSHAKE:
		handshake_failed(pair, -ETIMEDOUT);
		break;
	case PAIR_CONNECTING:
		attempt_failed(pair, -ETIMEDOUT);
		connect_next(pair);
		break;
	case PAIR_SPLICED:
		look_for_bytes(pair, now);
		break;
	default:
		break;
	}
}
