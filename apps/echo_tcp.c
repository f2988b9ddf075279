/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * Bytes are borrowed from the read channel, written to the write channel and only then consumed:
 * what the peer does not take back fills the send buffer, then the receive window, and then it has
 * to stop sending, and no turn moves more than these hold. At the peer's FIN the write channel is closed, which sends the rest and our FIN;
 * the job of that direction tells when this is done, and the socket goes.
 */
#include "apps/echo.h"

#include <errno.h>

#define VIEWS 16

/* 0: there may be more; else why not. */
static int step(struct app_connection *connection)
{
	struct iovec views[VIEWS];
	ssize_t written;
	int n = rws_request(connection->in, 0, 1, views, VIEWS);

	if (n == 0) {
		rws_channel_close(connection->out, 0);
		return -EAGAIN; /* for the end of the writing job */
	}
	if (n < 0)
		return n;
	written = rws_writev(connection->out, views, n);
	if (written < 0)
		return (int)written;
	return rws_consumed(connection->in, (size_t)written);
}

int echo_tcp_open(struct app_connections *tcp, struct app_thread *thread, uint16_t port)
{
	struct rws_options options = app_listen_options(thread->app);

	options.keep_alive = true; /* a peer that vanished must not hold its place for ever */
	tcp->clients.size = sizeof(struct app_connection);
	tcp->step = step;
	return app_connections_open(tcp, thread, port, &options);
}

void echo_tcp_event(struct app_connection *connection, const struct rws_event *event)
{
	if ((event->bits & RWS_EV_JOB_DONE) != 0 &&
		rws_job_channel(event->handle) == connection->out)
		app_connection_end(connection);
	else
		app_connection_run(connection);
}
