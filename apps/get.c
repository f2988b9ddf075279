/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/get.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_WORD_NS 2000000000LL /* silence until then */

static struct get_options own = {
	.repeat = 1,
	.timeout_s = 30,
	.upload_fd = -1,
	.tls_options.protocol = "http/1.1",
};

static const struct option_row rows[] = {
	{.name = "output",
		.letter = 'o',
		.argument = "FILE",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct get_options, output),
		.text = "where the body of a 2xx response goes, - for standard output",
		.fallback = "dropped"},
	{.name = "upload",
		.argument = "FILE",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct get_options, upload),
		.text = "send FILE with PUT instead of a GET"},
	{.name = "repeat",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 1000000000,
		.offset = offsetof(struct get_options, repeat),
		.fallback = "1",
		.text = "requests, one after the other on one connection"},
	{.name = "timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 86400,
		.offset = offsetof(struct get_options, timeout_s),
		.fallback = "30",
		.text = "give up when nothing moves for so long"},
	{.name = "max-time",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 86400,
		.offset = offsetof(struct get_options, max_time_s),
		.fallback = "none",
		.text = "give up after so long in all, also while something moves"},
	{.name = "ca",
		.argument = "FILE",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct get_options, tls_options.trusted),
		.fallback = "the system's",
		.text = "certificates in PEM whose holders vouch for https:// servers"},
	{.name = "insecure",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct get_options, tls_options.trust_anybody),
		.text = "take any certificate of an https:// server"},
};

/* ---- Options ----------------------------------------------------------------------------- */

static int open_upload(struct app *app)
{
	struct stat status;

	own.upload_fd = open(own.upload, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (own.upload_fd < 0 || fstat(own.upload_fd, &status) < 0) {
		app_error(app, "--upload %s: %s", own.upload, app_reason(-errno));
		return APP_BAD_INPUT;
	}
	if (!S_ISREG(status.st_mode)) {
		app_error(app, "--upload %s: not a file; its length must be known", own.upload);
		return APP_BAD_INPUT;
	}
	own.upload_length = (uint64_t)status.st_size;
	return APP_OK;
}

static int check(struct app *app)
{
	char error[320];

	if (url_parse(app->options.operand, &own.url, error, sizeof(error)) < 0) {
		app_error(app, "%s", error);
		return APP_BAD_INPUT;
	}
	if (own.url.is_secure && app_tls_create(app, &own.tls_options, &own.tls) != APP_OK)
		return APP_BAD_INPUT;
	return own.upload != NULL ? open_upload(app) : APP_OK;
}

/* ---- The connection ---------------------------------------------------------------------- */

static const char *tls_reason(int result)
{
	switch (result) {
	case -EPROTO:
		return "no answer in TLS 1.2 or 1.3; is the port one for https://?";
	case -EKEYREJECTED:
		return "its certificate is not trusted, or for another name; see --ca";
	default:
		return app_reason(result);
	}
}

/* Says why there is no connection; returns the result, for `return`. */
static int explain(const struct exchange *exchange, int result, const char *reason)
{
	const struct app *app = exchange->thread->app;
	const char *peer = own.url.host;

	if (exchange->interrupted)
		app_error(app, "%s: interrupted", peer);
	else if (result == -ETIMEDOUT)
		get_say_late(exchange, peer);
	else
		app_error(app, "%s: %s", peer, reason);
	return result;
}

static int secure(struct exchange *exchange)
{
	int result = app_tls_client(own.tls, own.url.name, &exchange->socket);

	if (result == 0)
		result = rws_await(exchange->socket, RWS_EV_CONNECTED, get_deadline(exchange));
	return result < 0 ? explain(exchange, result, tls_reason(result)) : 0;
}

/* 0, or a negative errno and said. */
static int connect_server(struct exchange *exchange)
{
	struct app_thread *thread = exchange->thread;
	int result;

	result = rws_tcp_connect_host(thread->selector, own.url.host, NULL, &exchange->socket);
	if (result == 0)
		result = rws_await(exchange->socket, RWS_EV_CONNECTED, get_deadline(exchange));
	if (result < 0)
		return explain(exchange, result, app_connect_reason(result));
	result = own.tls != NULL ? secure(exchange) : 0;
	if (result < 0)
		return result;
	result = rws_connection(exchange->socket, &exchange->in, &exchange->out);
	return result < 0 ? explain(exchange, result, app_reason(result)) : 0;
}

static bool is_success(const struct exchange *exchange)
{
	return exchange->parser.status_code / 100 == 2;
}

/* How many responses came; stops at the first that is not a success. */
static uint64_t exchange_all(struct exchange *exchange)
{
	uint64_t count = 0;

	while (count < own.repeat) {
		if (count > 0 && exchange->last) {
			app_error(exchange->thread->app,
				"the server closed the connection after %" PRIu64 " of %" PRIu64
				" responses",
				count, own.repeat);
			return count;
		}
		if (get_exchange(exchange) < 0)
			return count;
		count++;
		if (!is_success(exchange))
			return count;
	}
	return count;
}

/* Beside a body on standard output the report goes to standard error. APP_OK, or APP_FAILED. */
static int report(const struct exchange *exchange, uint64_t count, int64_t ns)
{
	bool to_stdout = own.output == NULL || strcmp(own.output, "-") != 0;
	FILE *out = to_stdout ? stdout : stderr;
	double seconds = (double)(ns > 0 ? ns : 1) / 1e9;
	uint64_t bytes = exchange->received + exchange->sent;

	fprintf(out, "%u %s, ", exchange->parser.status_code,
		http_status_str((enum http_status)exchange->parser.status_code));
	if (own.repeat > 1)
		fprintf(out, "%" PRIu64 " responses, ", count);
	if (own.upload_fd >= 0)
		fprintf(out, "%" PRIu64 " bytes sent, ", exchange->sent);
	fprintf(out, "%" PRIu64 " bytes in %.3f s, %.1f MB/s\n", exchange->received, seconds,
		(double)bytes / 1e6 / seconds);
	return app_flush_output(exchange->thread->app);
}

static int fetch(struct exchange *exchange)
{
	struct rws_selector *selector = exchange->thread->selector;
	uint64_t count;
	bool wanted;

	exchange->broken = true;
	if (connect_server(exchange) < 0)
		return APP_FAILED;
	exchange->broken = false;
	exchange->begun_ns = rws_now(selector);
	exchange->next_word_ns = exchange->begun_ns + FIRST_WORD_NS;
	get_output_init(&exchange->output, own.output);
	count = exchange_all(exchange);
	wanted = count > 0 && !(exchange->thread->app->options.quiet && is_success(exchange));
	if (wanted && report(exchange, count, rws_now(selector) - exchange->begun_ns) != APP_OK)
		return APP_FAILED;
	return count == own.repeat && is_success(exchange) ? APP_OK : APP_FAILED;
}

/* ---- The threads ------------------------------------------------------------------------- */

static struct exchange only; /* the first thread's */

static int start(struct app_thread *thread)
{
	int64_t max_time_ns = (int64_t)own.max_time_s * 1000000000;

	if (thread->index == 0) {
		only.thread = thread;
		only.options = &own;
		only.end_ns =
			max_time_ns > 0 ? rws_now(thread->selector) + max_time_ns : RWS_FOREVER;
		thread->state = &only;
	}
	return APP_OK;
}

/* A stack core without a connection of its own keeps its loop running. */
static int keep_running(struct app_thread *thread)
{
	struct rws_event event;

	while (!thread->stop)
		rws_selector_select(thread->selector, &event, 1, RWS_FOREVER);
	return APP_OK;
}

static int serve(struct app_thread *thread)
{
	struct exchange *exchange = thread->state;
	int result;

	if (exchange == NULL)
		return keep_running(thread);
	result = app_await_ready(thread, get_deadline(exchange));
	if (result == -ETIMEDOUT)
		get_say_late(exchange, "waiting for the interface");
	else if (result < 0)
		app_error(thread->app, "interrupted");
	if (result < 0)
		return APP_FAILED;
	exchange->busy = true;
	result = fetch(exchange);
	exchange->busy = false;
	return result;
}

static void interrupt(struct app_thread *thread)
{
	struct exchange *exchange = thread->state;

	if (exchange == NULL || !exchange->busy)
		return;
	exchange->interrupted = true;
	rws_abort(exchange->socket, -ECANCELED);
}

static void finish(struct app_thread *thread)
{
	struct exchange *exchange = thread->state;

	if (exchange == NULL || exchange->socket == RWS_NONE)
		return;
	if (exchange->broken)
		rws_abort(exchange->socket, -ECANCELED);
	else
		rws_close(exchange->socket);
	rws_await_closed(exchange->socket, get_deadline(exchange));
	rws_dispose(exchange->socket);
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "rws-get",
				.summary = "fetches http[s]://HOST[:PORT]/PATH, or uploads to it",
				.operand = "URL",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
				.notes =
					"Prints status, bytes, time and rate. Exit code 0 for a 2xx "
					"response, 1 for others and\nfor failures, 2 for options "
					"that make no sense.\n",
			},
		.check = check,
		.start = start,
		.serve = serve,
		.interrupt = interrupt,
		.finish = finish,
	};

	int status = app_main(&program, argc, argv);
	app_tls_destroy(own.tls);
	return status;
}
