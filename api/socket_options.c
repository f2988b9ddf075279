/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a socket that lives: what is in effect, and changing it. See api/options.h. */
#include "api/socket.h"

#include <errno.h>

#include "api/address.h"
#include "api/options.h"

/* ---- Asking ----------------------------------------------------------------------------- */

/* The local end that the options named, out of the one that there is. */
static struct rws_address asked_local(const struct sock *s)
{
	struct rws_address asked = {0};

	if (s->asked_ip)
		asked = s->local;
	asked.family = s->asked_family ? s->local.family : 0;
	asked.port = s->asked_port ? s->local.port : 0;
	return asked;
}

int rws_get_options(rws_socket_t handle, struct rws_options *options)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	*options = *s->options;
	options->send_buffer = s->send_buffer;
	options->local = asked_local(s);
	if (s->kind != SOCK_LISTENER) /* an accepted one shares its listener's */
		options->backlog = 0;
	return 0;
}

/* ---- Changing --------------------------------------------------------------------------- */

/* A local end that was not asked for when the socket was opened. */
static bool names_another_local(const struct sock *s, const struct rws_address *local)
{
	const struct rws_address none = {0}, asked = asked_local(s);

	return !rws_address_equal(local, &none) && !rws_address_equal(local, &asked);
}

/* What rws_get_options told of a buffer that grows is no wish to stop that. */
static struct rws_options keep_growing(const struct sock *s, const struct rws_options *options)
{
	struct rws_options asked = *options;

	if (options_send_buffer_grows(s->options) && asked.send_buffer == s->send_buffer)
		asked.send_buffer = 0;
	if (options_receive_buffer_grows(s->options) &&
		asked.receive_buffer == s->options->receive_buffer)
		asked.receive_buffer = 0;
	asked.local = (struct rws_address){0};
	return asked;
}

static bool is_told_of(const struct sock *s)
{
	return s->released || (s->opened && (s->kind == SOCK_LISTENER || s->open_posted));
}

static bool is_answered(const struct sock *s)
{
	return s->extra->options_left == 0 || s->released;
}

static bool has_room(const struct sock *s)
{
	return chan_post_room(sock_lane(s)->chan) > 0;
}

/* Posts the request to the socket's stack core, or to all of a listener's; how many those are. */
static unsigned post(struct sock *s, struct chan_message *request)
{
	if (s->kind == SOCK_LISTENER)
		return listener_post_options(s, request->setup);
	selector_await(s->sel, has_room, s);
	if (s->released || s->release_posted)
		return 0;
	request->ep = s->ep;
	request->sock = s;
	return chan_post(sock_lane(s)->chan, request);
}

int sock_ask(struct sock *s, struct chan_message *request)
{
	selector_await(s->sel, is_told_of, s);
	if (s->closing || s->dead)
		return -ESHUTDOWN;
	s->extra->options_error = 0;
	s->extra->options_left = post(s, request);
	if (s->extra->options_left == 0)
		return -ESHUTDOWN;
	selector_await(s->sel, is_answered, s);
	int error = s->extra->options_left == 0 ? s->extra->options_error : -ESHUTDOWN;
	s->extra->options_left = 0;
	return error;
}

/* Runs the loop until all stack cores that the socket is on have the options. */
static int tell_stack(struct sock *s, const struct rws_options *wanted)
{
	selector_await(s->sel, is_told_of, s); /* what it was opened with is not needed any more */
	if (s->closing || s->dead)
		return -ESHUTDOWN;
	struct endpoint_setup *setup = sock_make_setup(s, wanted);
	if (setup == NULL)
		return -ENOBUFS;
	if (s->kind == SOCK_LISTENER) /* as rws_tcp_bind */
		setup->conn.reuse_port |= s->sel->lane_count > 1;
	struct chan_message request = {.kind = REQ_OPTIONS, .setup = setup};
	int result = sock_ask(s, &request);
	if (result != 0)
		sock_drop_setup(s); /* else adopt() does, as the new options need a place or not */
	return result;
}

void sock_options_answered(struct sock *s, int error)
{
	s->extra->options_left--;
	if (s->extra->options_error == 0)
		s->extra->options_error = error;
}

/* The options are in effect: what hangs on them on this side. */
static void adopt(struct sock *s, const struct rws_options *wanted)
{
	bool same_buffer = wanted->send_buffer == s->options->send_buffer &&
		options_send_buffer_grows(wanted) == options_send_buffer_grows(s->options);

	if (!same_buffer)
		sock_shrink_send_buffer(s);
	options_drop(s->options);
	s->options = wanted;
	if (!same_buffer)
		s->send_buffer = wanted->send_buffer;
	sock_tell_room(s);
	sock_drop_setup(s);
	timeout_restart(s);
	selector_dirty(s);
}

static int change(struct sock *s, const struct rws_options *wanted)
{
	if (!options_may_follow(s->options, wanted))
		return -ENOPROTOOPT;
	if (timeout_needs_place(wanted) && sock_make_extra(s) == NULL)
		return -ENOMEM;
	return tell_stack(s, wanted);
}

int rws_set_options(rws_socket_t handle, const struct rws_options *options)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	if (s->closing || s->dead)
		return -ESHUTDOWN;
	/* No stack core has it yet, or ever will. */
	if (sock_has_host(s) && !s->connected)
		return -ENOTCONN;
	if (s->extra != NULL && s->extra->layer != NULL)
		return -EOPNOTSUPP;
	if (options == NULL || names_another_local(s, &options->local))
		return options == NULL ? -EINVAL : -ENOPROTOOPT;
	struct rws_options asked = keep_growing(s, options);
	result = options_check(s->kind, &asked);
	if (result != 0)
		return result;
	const struct rws_options *wanted = options_take(&s->sel->options, s->kind, &asked);
	if (wanted == NULL)
		return -ENOMEM;
	sock_hold(s);
	result = change(s, wanted);
	if (result == 0)
		adopt(s, wanted);
	else
		options_drop(wanted);
	sock_let_go(s);
	return result;
}
