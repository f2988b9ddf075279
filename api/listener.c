/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening sockets. See api/socket.h.
 *
 * With RWS_CHANNEL a listener has one endpoint on each stack core, all on one port: frames of a
 * connection come to the core that its flow is steered to. The first core picks the port, the
 * others follow.
 *
 * An accepted connection gets its socket (and REQ_ADOPT) as soon as the stack core tells of it, and
 * waits in the listener's queue until rws_accept: so a peer that is gone by then is noticed. Those
 * for which there is no socket or no place in the queue are reset.
 */
#include "api/socket.h"

#include <errno.h>
#include <stdlib.h>

#include "api/address.h"

/* One endpoint of the listener. */
struct listener_end {
	struct lane *lane;
	struct endpoint *ep;
	bool open_posted, opened, release_posted, released;
	int error;
};

struct listener {
	struct slot_list queue; /* by event_link */
	unsigned waiting;
	unsigned count; /* of ends in use */
	struct listener_end ends[];
};

/* ---- Opening ---------------------------------------------------------------------------- */

static struct listener_end *end_of(struct sock *s, const struct lane *lane)
{
	return &s->listener->ends[lane - s->sel->lanes];
}

static bool post_end(struct sock *s, struct listener_end *end)
{
	struct chan_message open = {.kind = REQ_LISTEN, .ep = end->ep, .sock = s};
	struct chan_message release = {.kind = REQ_RELEASE, .ep = end->ep, .sock = s};

	if (!end->open_posted) {
		open.setup = s->extra->setup;
		end->open_posted = chan_post(end->lane->chan, &open);
	}
	if (end->open_posted && s->closing && !end->release_posted)
		end->release_posted = chan_post(end->lane->chan, &release);
	return end->open_posted && (!s->closing || end->release_posted);
}

bool listener_post(struct sock *s)
{
	bool told = true;

	for (unsigned i = 0; i < s->listener->count; i++)
		told &= post_end(s, &s->listener->ends[i]);
	return told;
}

unsigned listener_post_options(struct sock *s, const struct endpoint_setup *setup)
{
	unsigned posted = 0;

	for (unsigned i = 0; i < s->listener->count; i++) {
		struct listener_end *end = &s->listener->ends[i];
		struct chan_message message = {
			.kind = REQ_OPTIONS, .ep = end->ep, .sock = s, .setup = setup};
		while (chan_post_room(end->lane->chan) == 0)
			selector_turn(s->sel);
		if (!end->release_posted && chan_post(end->lane->chan, &message))
			posted++;
	}
	return posted;
}

void listener_opened(struct lane *lane, struct sock *s, int error)
{
	struct listener_end *end = end_of(s, lane);

	end->opened = true;
	end->error = error;
	if (error == 0 && !s->opened && !end->release_posted) {
		const struct conn *conn = end->ep->conn;
		s->opened = s->is_bound = true;
		address_from_ip(&conn->local, conn->local_port, &s->local);
	}
}

void listener_released(struct lane *lane, struct sock *s)
{
	struct listener *listener = s->listener;

	end_of(s, lane)->released = true;
	s->released = true;
	for (unsigned i = 0; i < listener->count; i++)
		s->released &= listener->ends[i].released;
	sock_free_if_over(s);
}

static bool is_last_opened(const struct sock *s)
{
	return s->listener->ends[s->listener->count - 1].opened;
}

/* Opens the endpoint on the next core and runs the loop until it answered. */
static int open_end(struct sock *s, struct lane *lane)
{
	struct listener_end *end = end_of(s, lane);

	end->lane = lane;
	end->ep = endpoint_alloc(lane->core, lane->chan);
	if (end->ep == NULL)
		return -ENOBUFS;
	s->listener->count++;
	selector_dirty(s);
	selector_await(s->sel, is_last_opened, s);
	return end->error;
}

static int open_ends(struct sock *s, struct endpoint_setup *setup)
{
	struct rws_selector *sel = s->sel;

	for (unsigned i = 0; i < sel->lane_count; i++) {
		int result = open_end(s, &sel->lanes[i]);
		if (result != 0)
			return result;
		setup->local_port = s->local.port;
	}
	return 0;
}

static int listener_create(struct sock *s)
{
	size_t size = sizeof(struct listener) + s->sel->lane_count * sizeof(struct listener_end);

	s->listener = calloc(1, size);
	if (s->listener == NULL)
		return -ENOMEM;
	slot_list_init(&s->listener->queue, &s->sel->socks, offsetof(struct sock, event_link));
	return 0;
}

int rws_tcp_bind(struct rws_selector *sel, const struct rws_address *local,
	const struct rws_options *options, rws_socket_t *server)
{
	int result = selector_check(sel);

	if (result == 0)
		result = options_check(SOCK_LISTENER, options);
	if (result != 0)
		return result;
	struct sock *s = sock_create(sel, SOCK_LISTENER, options);
	if (s == NULL)
		return -ENOBUFS;
	struct endpoint_setup *setup = sock_make_setup(s, s->options);
	result = setup == NULL ? -ENOBUFS : address_to_ip(local, &setup->local, &setup->local_port);
	if (result == 0)
		result = listener_create(s);
	if (result != 0) {
		sock_free(s);
		return result;
	}
	setup->conn.reuse_port |= s->sel->lane_count > 1; /* its own ends share the port */
	*server = sock_handle(s);
	result = open_ends(s, setup);
	sock_drop_setup(s);
	if (result != 0)
		sock_dispose(s);
	return result;
}

/* ---- Accepting -------------------------------------------------------------------------- */

void listener_accepted(struct lane *lane, struct sock *s, struct endpoint *ep)
{
	struct listener *listener = s->listener;
	struct sock *accepted = NULL;

	if (!s->closing && listener->waiting < s->options->backlog)
		accepted = sock_create_accepted(s);
	if (accepted == NULL) {
		if (!s->closing)
			atomic_fetch_add_explicit(
				&s->sel->rws->accept_overflows, 1, memory_order_relaxed);
		lane_orphan(lane, ep);
		return;
	}
	accepted->lane = (uint32_t)(lane - s->sel->lanes);
	accepted->ep = ep;
	accepted->opened = accepted->connected = true;
	accepted->armed &= (uint16_t)~RWS_EV_CONNECTED;
	address_from_ip(&ep->conn->local, ep->conn->local_port, &accepted->local);
	address_from_ip(&ep->conn->remote, ep->conn->remote_port, &accepted->remote);
	accepted->is_bound = true;
	accepted->is_queued = true;
	accepted->accepted_by = s;
	slot_list_append(&listener->queue, &accepted->slot);
	listener->waiting++;
	selector_dirty(accepted);
	sock_tell(s, RWS_EV_ACCEPTABLE);
}

static void unqueue(struct sock *accepted)
{
	struct listener *listener = accepted->accepted_by->listener;

	slot_list_remove(&listener->queue, &accepted->slot);
	listener->waiting--;
	accepted->is_queued = false;
	accepted->user = NULL; /* from here on the application's */
}

void listener_forget(struct sock *accepted)
{
	if (!accepted->is_queued)
		return;
	unqueue(accepted);
	sock_dispose(accepted);
}

int rws_accept_burst(rws_socket_t server, rws_socket_t *sockets, unsigned n)
{
	struct sock *s, *accepted;
	int result = sock_of(server, &s);
	int count = 0;

	if (result != 0)
		return result;
	if (s->kind != SOCK_LISTENER)
		return -EINVAL;
	if (s->closing)
		return -ECANCELED;
	while ((unsigned)count < n && (accepted = slot_list_first(&s->listener->queue)) != NULL) {
		unqueue(accepted);
		sockets[count++] = sock_handle(accepted);
		sock_list_events(accepted);
	}
	if (count == 0)
		sock_arm(s, RWS_EV_ACCEPTABLE);
	return count > 0 || n == 0 ? count : -EAGAIN;
}

int rws_accept(rws_socket_t server, rws_socket_t *s)
{
	int result = rws_accept_burst(server, s, 1);

	return result > 0 ? 0 : result;
}

unsigned listener_waiting(const struct sock *s)
{
	return s->kind == SOCK_LISTENER ? s->listener->waiting : 0;
}

/* ---- Closing ---------------------------------------------------------------------------- */

void listener_close(struct sock *s)
{
	struct sock *accepted;

	while ((accepted = slot_list_first(&s->listener->queue)) != NULL) {
		unqueue(accepted);
		sock_abort(accepted, -ECONNABORTED, -ECANCELED);
		sock_dispose(accepted);
	}
	s->released = s->listener->count == 0;
	selector_dirty(s);
}

void listener_free(struct sock *s)
{
	free(s->listener);
}
