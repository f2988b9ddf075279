/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/socket.h"

#include <errno.h>
#include <stdlib.h>

#include "api/address.h"
#include "api/options.h"
#include "api/remote.h"

#define ALL_BITS  ((1 << SOCK_BITS) - 1)
#define NS_PER_MS 1000000

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

static void init(struct sock *s, struct rws_selector *sel, enum sock_kind kind)
{
	s->sel = sel;
	s->kind = kind;
	s->armed = (uint16_t)(ALL_BITS & ~RWS_EV_WRITABLE);
	s->tx_told = s->acked_told = true;
	job_start(&s->context);
}

struct sock *sock_create(
	struct rws_selector *sel, enum sock_kind kind, const struct rws_options *options)
{
	const struct rws_options *shared = options_take(&sel->options, kind, options);

	if (shared == NULL)
		return NULL;
	struct sock *s = slot_take(&sel->socks);
	if (s == NULL) {
		options_drop(shared);
		return NULL;
	}
	init(s, sel, kind);
	s->options = shared;
	s->send_buffer = shared->send_buffer;
	if (options != NULL) {
		s->local = options->local;
		s->asked_family = s->local.family != 0;
		s->asked_ip = !address_is_any(&s->local);
		s->asked_port = s->local.port != 0;
	}
	return s;
}

struct sock *sock_create_accepted(struct sock *listener)
{
	struct sock *s = slot_take(&listener->sel->socks);

	if (s == NULL)
		return NULL;
	init(s, listener->sel, SOCK_TCP);
	s->options = options_share(listener->options);
	s->send_buffer = s->options->send_buffer;
	s->asked_family = s->asked_ip = s->asked_port = true; /* its local end has no other */
	if (timeout_needs_place(s->options) && sock_make_extra(s) == NULL) {
		sock_free(s);
		return NULL;
	}
	return s;
}

/* SOCK_TCP has no part of its own beyond struct sock. */
static void free_kind(struct sock *s)
{
	if (s->kind == SOCK_LISTENER)
		listener_free(s);
	else if (s->kind == SOCK_UDP)
		dgram_free(s);
}

void sock_free(struct sock *s)
{
	struct rws_selector *sel = s->sel;

	deadline_clear(&sel->deadlines, s);
	sock_forget_events(s);
	selector_clean(s);
	selector_sate(s);
	sock_detach_rx(s);
	sock_detach_tx(s);
	free_kind(s);
	sock_drop_setup(s);
	if (s->extra != NULL) {
		free(s->extra->callbacks);
		block_give(&sel->extras, s->extra);
	}
	s->extra = NULL;
	options_drop(s->options);
	s->context.state = JOB_NONE;
	slot_give(&sel->socks, &s->slot);
}

void sock_free_if_over(struct sock *s)
{
	if (s->disposed && s->released && s->spent == NULL && !s->is_held && !sock_has_host(s))
		sock_free(s);
}

void sock_hold(struct sock *s)
{
	s->is_held = true;
}

void sock_let_go(struct sock *s)
{
	s->is_held = false;
	sock_free_if_over(s);
}

/* ---- The extra part --------------------------------------------------------------------- */

struct sock_extra *sock_make_extra(struct sock *s)
{
	if (s->extra == NULL)
		s->extra = block_take(&s->sel->extras);
	return s->extra;
}

void sock_fill_setup(struct endpoint_setup *setup, const struct rws_options *o)
{
	setup->conn = (struct conn_options){
		.tos = o->type_of_service,
		.ttl = o->ttl,
		.no_delay = !o->delay,
		.keep_alive = o->keep_alive,
		.keep_idle_ms = (uint32_t)(o->keep_idle_ns / NS_PER_MS),
		.keep_interval_ms = (uint32_t)(o->keep_interval_ns / NS_PER_MS),
		.keep_count = o->keep_count,
		.user_timeout_ms = (uint32_t)(o->user_timeout_ns / NS_PER_MS),
		.reuse_address = o->reuse_address,
		.reuse_port = o->reuse_port,
		.backlog = o->backlog,
		.receive_window = options_receive_buffer_grows(o) ? 0 : o->receive_buffer,
	};
	setup->dgram = (struct dgram_options){
		.tos = o->type_of_service,
		.ttl = o->ttl,
		.broadcast = o->broadcast,
		.multicast_ttl = o->multicast_ttl,
		.no_multicast_loop = o->no_multicast_loop,
		.reuse_address = o->reuse_address,
		.reuse_port = o->reuse_port,
		.receive_bytes = o->receive_buffer,
	};
}

struct endpoint_setup *sock_make_setup(struct sock *s, const struct rws_options *o)
{
	struct sock_extra *extra = sock_make_extra(s);
	struct endpoint_setup *setup = extra != NULL ? block_take(&s->sel->setups) : NULL;

	if (setup == NULL)
		return NULL;
	extra->setup = setup;
	sock_fill_setup(setup, o);
	return setup;
}

void sock_drop_setup(struct sock *s)
{
	struct sock_extra *extra = s->extra;

	if (extra == NULL || extra->setup == NULL)
		return;
	block_give(&s->sel->setups, extra->setup);
	extra->setup = NULL;
	if (extra->callbacks != NULL || extra->datagrams != NULL || extra->host != NULL ||
		extra->rx.handle != RWS_NONE || extra->tx.handle != RWS_NONE ||
		extra->detached != 0 || extra->copies.out != NULL || extra->copies.in != NULL ||
		sock_has_timed_out(s) || timeout_needs_place(s->options))
		return;
	block_give(&s->sel->extras, extra);
	s->extra = NULL;
}

/* ---- Asking ----------------------------------------------------------------------------- */

int rws_local_address(rws_socket_t handle, struct rws_address *address)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	if (!s->is_bound)
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

void *rws_user(uint64_t handle)
{
	struct copy *copy;
	struct sock *s;

	if (handle_kind(handle) == HANDLE_COPY)
		return copy_of(handle, &copy) == 0 ? copy->user : NULL;
	return sock_of_part(handle, &s) == 0 ? s->user : NULL;
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
		sock_close(s, s->options->linger_ns);
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
	s->linger_for_ack |= !s->closing;
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
