/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/app.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apps/app_interfaces.h"

#define BACKLOG         4096 /* a crowd that comes at once finds room until the next turn */
#define SOCKETS_BESIDE  64   /* that are no connection */
#define SOCKETS_DEFAULT 65536
#define MS              1000000LL
#define CONTROL_TURN_NS (5 * MS)
#define LOOK_NS         (500 * MS)   /* between looks whether the devices are there */
#define FIRST_WORD_NS   (2000 * MS)  /* silence until then */
#define NEXT_WORD_NS    (10000 * MS) /* between words after it */
#define REFUSED_NS      (5000 * MS)  /* RFC 4862 5.4: duplicate detection takes about one second */

void app_error(const struct app *app, const char *format, ...)
{
	va_list arguments;

	flockfile(stderr);
	fprintf(stderr, "%s: ", app->program->options.program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void app_progress(const struct app *app, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (app->options.quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	app_error(app, "%s", text);
}

int app_flush_output(const struct app *app)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return APP_OK;
	app_error(app, "standard output: %s", app_reason(-errno));
	return APP_FAILED;
}

const char *app_reason(int result)
{
	switch (result) {
	case -ECONNREFUSED:
		return "connection refused: nothing listens there";
	case -ETIMEDOUT:
		return "no answer in time";
	case -EHOSTUNREACH:
		return "host unreachable: nobody answers for this address";
	case -ENETUNREACH:
		return "no route: give --gateway, or an --addr in the network of the peer";
	case -ENXIO:
		return "no such name, or it has no address";
	case -EREMOTEIO:
		return "the name server failed, or is none; see --dns";
	case -EDESTADDRREQ:
		return "no name server is known; give --dns";
	case -ECONNRESET:
		return "connection reset by the peer";
	case -EADDRINUSE:
		return "already in use; choose another --port";
	default:
		return strerrordesc_np(-result) != NULL ? strerrordesc_np(-result)
							: "unknown error";
	}
}

const char *app_connect_reason(int result)
{
	if (result == -EINVAL)
		return "not one other host, but our own address, a group's or a broadcast one; give "
		       "the server's";
	return app_reason(result);
}

struct rws_options app_bind_options(const struct app *app)
{
	return (struct rws_options){
		.reuse_address = true,
		.reuse_port = app->thread_count > 1,
	};
}

struct rws_options app_listen_options(const struct app *app)
{
	struct rws_options options = app_bind_options(app);

	options.backlog = BACKLOG;
	return options;
}

/* ---- Start ------------------------------------------------------------------------------- */

static int read_options(struct app *app, int argc, char **argv)
{
	if (options_parse(&app->program->options, argc, argv, &app->options) < 0) {
		app_error(app, "%s", app->options.error);
		return APP_BAD_INPUT;
	}
	return APP_OK;
}

static bool asks_for_text(const struct options *options)
{
	return options->help || options->version || options->man;
}

static int print_text(const struct app *app)
{
	const struct option_spec *spec = &app->program->options;

	if (app->options.help)
		options_print_help(stdout, spec);
	else if (app->options.man)
		options_print_man(stdout, spec, rws_version());
	else
		printf("%s %s\n", spec->program, rws_version());
	return app_flush_output(app);
}

static struct rws_interface interface_config(const struct options_interface *from)
{
	return (struct rws_interface){
		.device = from->device,
		.addresses = from->addresses,
		.address_count = from->address_count,
		.gateways = from->gateways,
		.gateway_count = from->gateway_count,
		.dhcp = from->dhcp,
		.slaac = from->slaac,
		.mtu = (uint16_t)from->mtu,
	};
}

/*
 * The sockets of a thread: its connections, as many again that still send their last bytes, those
 * that wait to be accepted. 0: the default has room for all of them.
 */
static unsigned sockets_wanted(const struct app_program *program)
{
	uint64_t connections = program->connections != NULL ? *program->connections : 0;
	uint64_t wanted = 2 * connections + BACKLOG + SOCKETS_BESIDE;

	return wanted > SOCKETS_DEFAULT ? (unsigned)wanted : 0;
}

/* What rws_create refuses is what the user asked for: bad input. */
static int create_runtime(struct app *app)
{
	const struct options *options = &app->options;
	struct rws_interface interfaces[OPTIONS_INTERFACES];
	struct rws_config config;
	struct rws_error error;

	for (unsigned i = 0; i < options->interface_count; i++)
		interfaces[i] = interface_config(&options->interfaces[i]);
	rws_config_init(&config);
	config.interfaces = interfaces;
	config.interface_count = options->interface_count;
	config.dns = options->dns;
	config.dns_count = options->dns_count;
	config.cores = options->cores;
	config.placement = options->placement == OPTIONS_INLINE ? RWS_INLINE : RWS_CHANNEL;
	config.idle = options->idle == OPTIONS_POLL ? RWS_IDLE_POLL
		: options->idle == OPTIONS_YIELD    ? RWS_IDLE_YIELD
						    : RWS_IDLE_SLEEP;
	config.memory_mb = (unsigned)options->memory_mb;
	config.hugepages = options->hugepages;
	config.sockets = sockets_wanted(app->program);
	if (rws_create(&config, &app->rws, &error) < 0) {
		app_error(app, "%s", error.text);
		return APP_BAD_INPUT;
	}
	return APP_OK;
}

/* ---- A thread ---------------------------------------------------------------------------- */

static void tell_control(struct app *app)
{
	atomic_store(&app->ended, true);
	pthread_kill(app->control, SIGUSR1);
}

static int start_thread(struct app_thread *thread)
{
	struct app *app = thread->app;
	int result = rws_selector_create(app->rws, thread->index, &thread->selector);

	if (result < 0) {
		app_error(app, "stack core %u: %s", thread->index, app_reason(result));
		return APP_FAILED;
	}
	return app->program->start(thread);
}

/* Turns the loop and looks at no event; only for a thread that has no sockets in use. */
static void idle_turn(struct app_thread *thread)
{
	struct rws_event events[16];
	int64_t deadline = rws_now(thread->selector) + 10 * MS;

	rws_selector_select(thread->selector, events, 16, deadline);
}

int app_await_ready(struct app_thread *thread, int64_t deadline)
{
	while (!atomic_load(&thread->app->ready)) {
		if (thread->stop)
			return -ECANCELED;
		if (rws_now(thread->selector) >= deadline)
			return -ETIMEDOUT;
		idle_turn(thread);
	}
	return 0;
}

static void serve_thread(struct app_thread *thread)
{
	struct app *app = thread->app;

	while (atomic_load(&app->started) < app->thread_count && !thread->stop)
		rws_selector_run_once(thread->selector);
	if (thread->status == APP_OK && !thread->stop)
		thread->status = app->program->serve(thread);
	if (!thread->stop)
		tell_control(app);
	while (!thread->stop)
		idle_turn(thread);
	app->program->finish(thread);
	while (!atomic_load(&app->stop_posted))
		sched_yield();
	rws_selector_close(thread->selector);
}

static void *run_thread(void *argument)
{
	struct app_thread *thread = argument;

	thread->status = start_thread(thread);
	atomic_fetch_add(&thread->app->started, 1);
	if (thread->selector != NULL)
		serve_thread(thread);
	else
		tell_control(thread->app);
	return NULL;
}

static bool spawn_threads(struct app *app)
{
	bool is_inline = app->options.placement == OPTIONS_INLINE;
	unsigned wanted = is_inline ? rws_core_count(app->rws) : 1;

	app->thread_count = wanted < APP_THREADS ? wanted : APP_THREADS;
	for (unsigned i = 0; i < app->thread_count; i++) {
		struct app_thread *thread = &app->threads[i];
		int error;

		thread->app = app;
		thread->index = i;
		error = pthread_create(&thread->id, NULL, run_thread, thread);
		if (error == 0)
			continue;
		app_error(app, "thread %u: %s", i, app_reason(-error));
		app->thread_count = i;
		return false;
	}
	return true;
}

/* ---- The control thread ------------------------------------------------------------------ */

static sigset_t control_signals(void)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* The terminal is gone: an end like any other, unless we were told to live on (nohup). */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1); /* tell_control() */
	return set;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

/* Waits at most ns. False: it is time to stop. */
static bool pause_control(struct app *app, int64_t ns)
{
	const struct timespec time = {.tv_nsec = ns};
	sigset_t set = control_signals();
	int signal_number = sigtimedwait(&set, NULL, &time);

	return signal_number < 0 && !atomic_load(&app->ended);
}

static bool await_started(struct app *app)
{
	while (atomic_load(&app->started) < app->thread_count) {
		if (!pause_control(app, CONTROL_TURN_NS))
			return false;
	}
	return !atomic_load(&app->ended);
}

/* Without a device there is nothing that this process could still do. */
static bool any_device_left(struct app *app)
{
	if (app_interfaces_left(app))
		return true;
	app->status = APP_FAILED;
	return false;
}

/* Says what is waited for after two seconds, and again every ten. */
static bool await_interfaces(struct app *app)
{
	char why[256];
	int64_t begun = now_ns(), next_word = begun + FIRST_WORD_NS;

	while (!app_interfaces_ready(app, why, sizeof(why))) {
		if (now_ns() >= next_word) {
			app_progress(app, "waiting: %s", why);
			next_word += NEXT_WORD_NS;
		}
		if (now_ns() - begun >= REFUSED_NS &&
			app_interfaces_refused(app, why, sizeof(why))) {
			app_error(app, "%s", why);
			app->status = APP_BAD_INPUT;
			return false;
		}
		if (!pause_control(app, CONTROL_TURN_NS) || !any_device_left(app))
			return false;
	}
	return true;
}

static void await_end(struct app *app)
{
	while (pause_control(app, LOOK_NS) && any_device_left(app))
		;
}

/* In the thread's own loop. */
static void stop_thread(void *user)
{
	struct app_thread *thread = user;

	thread->stop = true;
	if (thread->app->program->interrupt != NULL)
		thread->app->program->interrupt(thread);
}

/* From here on a second Ctrl-C ends the program at once; hangups come in twos, from kernel and shell. */
static void let_signals_kill(void)
{
	sigset_t set = control_signals();

	sigdelset(&set, SIGUSR1);
	sigdelset(&set, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void stop_threads(struct app *app)
{
	let_signals_kill();
	while (atomic_load(&app->started) < app->thread_count)
		sched_yield();
	for (unsigned i = 0; i < app->thread_count; i++) {
		struct app_thread *thread = &app->threads[i];

		while (thread->selector != NULL &&
			rws_selector_post(thread->selector, stop_thread, thread) == -EAGAIN)
			sched_yield();
	}
	atomic_store(&app->stop_posted, true);
	for (unsigned i = 0; i < app->thread_count; i++)
		pthread_join(app->threads[i].id, NULL);
}

static void control(struct app *app)
{
	if (await_started(app) && await_interfaces(app)) {
		atomic_store(&app->ready, true);
		app_print_ready(app);
		await_end(app);
	}
}

/* ---- End --------------------------------------------------------------------------------- */

static void print_line(const char *name, const char *text, uint64_t value)
{
	fprintf(stderr, "%-32s %12llu  %s\n", name, (unsigned long long)value, text);
}

void app_print_sums(const struct app *app, const struct app_counter *rows, unsigned count,
	const void *each, size_t size)
{
	for (unsigned i = 0; i < count; i++) {
		const char *at = (const char *)each + rows[i].offset;
		uint64_t sum = 0;

		for (unsigned t = 0; t < app->thread_count; t++)
			sum += *(const uint64_t *)(at + t * size);
		print_line(rows[i].name, rows[i].text, sum);
	}
}

static void print_counter(void *user, const char *name, const char *text, uint64_t value)
{
	const struct app *app = user;
	bool is_drop = strncmp(name, "drop.", 5) == 0;

	if (app->options.stats || (is_drop && value != 0))
		print_line(name, text, value);
}

static int destroy_runtime(struct app *app)
{
	int left;

	if (app->options.stats && app->program->report != NULL)
		app->program->report(app);
	if (app->options.stats || !app->options.quiet)
		rws_counters(app->rws, print_counter, app);
	left = rws_destroy(app->rws);
	if (left == 0)
		return APP_OK;
	if (left < 0)
		app_error(app, "stopping: %s", app_reason(left));
	else
		app_error(app, "%d packet buffers were left behind: a leak", left);
	return APP_FAILED;
}

static int worst_status(const struct app *app)
{
	int status = app->status;

	for (unsigned i = 0; i < app->thread_count; i++) {
		if (app->threads[i].status > status)
			status = app->threads[i].status;
	}
	return status;
}

static int run(struct app *app)
{
	int status = create_runtime(app), left;

	if (status != APP_OK)
		return status;
	if (spawn_threads(app))
		control(app);
	else
		app->status = APP_FAILED;
	stop_threads(app);
	status = worst_status(app);
	left = destroy_runtime(app);
	return status != APP_OK ? status : left;
}

/*
 * The next descriptor that the process makes would take the place of one that was closed, and get what
 * is meant for standard output or error. What stands there instead can be neither read nor written.
 */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}

int app_main(const struct app_program *program, int argc, char **argv)
{
	struct app app = {.program = program, .control = pthread_self()};
	sigset_t set = control_signals();
	int status;

	hold_standard_streams();
	status = read_options(&app, argc, argv);
	if (status == APP_OK && asks_for_text(&app.options))
		return print_text(&app);
	if (status == APP_OK && program->check != NULL)
		status = program->check(&app);
	if (status != APP_OK)
		return status;
	/* Blocked before any thread is made, so that only the control thread takes them. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return run(&app);
}
