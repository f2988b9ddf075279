/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/socket.h"

#include <errno.h>
#include <stdlib.h>

#include "api/remote.h"

#define BUFFER_DEFAULT  (1024u * 1024u)
#define BACKLOG_DEFAULT 511u
#define LINGER_DEFAULT  (30 * (int64_t)1000000000)
#define TTL_DEFAULT     64u

/* ---- Finding ---------------------------------------------------------------------------- */

int sock_of_part(uint64_t handle, struct sock **s)
{
	struct rws_selector *sel;

	if (handle_kind(handle) == HANDLE_NONE || handle_kind(handle) >= HANDLE_CHANNEL)
		return -EBADF;
	int result = handle_owner_selector(handle, &sel);
	if (result != 0)
		return result;
	*s = (struct sock *)slot_find(&sel->socks, handle);
	return *s == NULL ? -EBADF : 0;
}

int sock_of(rws_socket_t handle, struct sock **s)
{
	return handle_kind(handle) == HANDLE_SOCKET ? sock_of_part(handle, s) : -EBADF;
}

rws_socket_t sock_handle(const struct sock *s)
{
	return handle_make(HANDLE_SOCKET, s->sel->id, &s->slot);
}

/* ---- Birth and death -------------------------------------------------------------------- */

static void options_with_defaults(struct rws_options *to, const struct rws_options *from)
{
	*to = from != NULL ? *from : (struct rws_options){0};
	if (to->ttl == 0)
		to->ttl = TTL_DEFAULT;
	if (to->backlog == 0)
		to->backlog = BACKLOG_DEFAULT;
	if (to->send_buffer == 0)
		to->send_buffer = BUFFER_DEFAULT;
	if (to->receive_buffer == 0)
		to->receive_buffer = BUFFER_DEFAULT;
	if (to->linger_ns <= 0)
		to->linger_ns = LINGER_DEFAULT;
}

struct sock *sock_create(
	struct rws_selector *sel, enum sock_kind kind, const struct rws_options *options)
{
	struct sock *s = slot_take(&sel->socks);

	if (s == NULL)
		return NULL;
	s->sel = sel;
	s->kind = kind;
	s->armed = ~(uint32_t)RWS_EV_WRITABLE;
	s->tx_told = s->acked_told = true;
	options_with_defaults(&s->options, options);
	job_start(&s->context, RWS_NONE);
	return s;
}

void sock_free(struct sock *s)
{
	struct rws_selector *sel = s->sel;

	deadline_clear(&sel->deadlines, s);
	sock_forget_events(s);
	selector_clean(s);
	if (s->is_starved)
		TAILQ_REMOVE(&sel->starved, s, starved_link);
	sock_detach_rx(s);
	sock_detach_tx(s);
	listener_free(s);
	dgram_free(s);
	free(s->callbacks);
	s->context.state = JOB_NONE;
	slot_give(&sel->socks, &s->slot);
}

void sock_free_if_over(struct sock *s)
{
	if (s->disposed && s->released && segments_empty(&s->spent))
		sock_free(s);
}

/* ---- Asking ----------------------------------------------------------------------------- */

int rws_get_options(rws_socket_t handle, struct rws_options *options)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		*options = s->options;
	return result;
}

int rws_local_address(rws_socket_t handle, struct rws_address *address)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	if (s->local.port == 0)
		return -EINVAL;
	*address = s->local;
	return 0;
}

int rws_remote_address(rws_socket_t handle, struct rws_address *address)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	if (!s->connected)
		return -ENOTCONN;
	*address = s->remote;
	return 0;
}

int rws_set_user(rws_socket_t handle, void *user)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		s->user = user;
	return result;
}

void *rws_user(rws_socket_t handle)
{
	struct sock *s;

	return sock_of(handle, &s) == 0 ? s->user : NULL;
}

rws_job_t rws_socket_context(rws_socket_t handle)
{
	struct sock *s;

	return sock_of(handle, &s) == 0 ? job_handle(s, &s->context) : RWS_NONE;
}

bool rws_is_closed(rws_socket_t handle)
{
	struct sock *s;

	return sock_of(handle, &s) != 0 || s->context.state == JOB_DONE;
}

/* ---- Ending ----------------------------------------------------------------------------- */

int rws_close(rws_socket_t handle)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == -EXDEV)
		return remote_request(handle, REMOTE_CLOSE);
	if (result == 0)
		sock_close(s, s->options.linger_ns);
	return result;
}

int rws_close_linger(rws_socket_t handle, int64_t ns)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	if (ns < 0)
		return -EINVAL;
	s->linger_for_ack = !s->closing;
	sock_close(s, ns);
	return 0;
}

int rws_abort(rws_socket_t handle, int cause)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		sock_abort(s, cause < 0 ? cause : -ECONNABORTED, -ECANCELED);
	return result;
}

void rws_dispose(rws_socket_t handle)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == -EXDEV)
		remote_request(handle, REMOTE_DISPOSE);
	else if (result == 0)
		sock_dispose(s);
}
