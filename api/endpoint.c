/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/endpoint.h"

#include <errno.h>
#include <string.h>

#include "api/address.h"
#include "api/core_internal.h"

/* What an endpoint has to tell that the stack does not know of; above all CONN_EV_* bits. */
#define TELL_OPENED  (1u << 13)
#define TELL_OPTIONS (1u << 12)

_Static_assert(CONN_EV_ERROR < TELL_OPTIONS, "the stack's events fit below ours");

struct endpoint *endpoint_alloc(struct core *core, struct chan *chan)
{
	struct endpoint *ep = endpoint_pool_take(&core->endpoints);

	if (ep == NULL)
		return NULL;
	ep->chan = chan;
	ep->sock = NULL;
	ep->ready = NULL;
	ep->error = 0;
	ep->pending = 0;
	ep->listed = ep->released = 0;
	return ep;
}

/* ---- Telling the application ------------------------------------------------------------ */

static bool emit(struct endpoint *ep, struct chan_message *message)
{
	message->sock = ep->sock;
	if (message->ep == NULL)
		message->ep = ep;
	return chan_emit(ep->chan, message);
}

static bool tell(struct endpoint *ep, enum chan_event kind, int error)
{
	struct chan_message message = {.kind = kind, .error = error};

	return emit(ep, &message);
}

/* Tells a plain event and clears its bit, if it is pending and the ring takes it. */
static bool tell_bit(struct endpoint *ep, uint16_t bit, enum chan_event kind, int error)
{
	if ((ep->pending & bit) == 0)
		return true;
	if (!tell(ep, kind, error))
		return false;
	ep->pending &= (uint16_t)~bit;
	return true;
}

static bool tell_data(struct endpoint *ep)
{
	struct conn *conn = ep->conn;

	if ((ep->pending & CONN_EV_READABLE) == 0)
		return true;
	if (conn->rxq != NULL) {
		struct chan_message message = {
			.kind = EV_DATA, .p = conn->rxq, .length = conn->rxq_len};
		if (!emit(ep, &message))
			return false;
		conn->rxq = conn->rxq_last = NULL;
		conn->rxq_len = 0;
	}
	ep->pending &= (uint16_t)~CONN_EV_READABLE;
	return true;
}

/* Tells that so many bytes need not be kept any more, and takes them off the account. */
static bool tell_acked(struct endpoint *ep)
{
	struct conn *conn = ep->conn;

	if (conn->acked == 0)
		return true;
	struct chan_message message = {.kind = EV_ACKED,
		.buffers = conn->counted,
		.length = conn->acked,
		.count = conn_send_buffer(conn)};
	if (!emit(ep, &message))
		return false;
	conn->acked = conn->counted = 0;
	return true;
}

static bool tell_given(struct endpoint *ep, struct dgram_account *account)
{
	struct chan_message message = {.kind = EV_ACKED, .length = account->acked};

	if (account->acked == 0)
		return true;
	if (!emit(ep, &message))
		return false;
	account->acked = 0;
	return true;
}

static bool tell_conn(struct endpoint *ep)
{
	struct conn *conn = ep->conn;
	int error = conn->ready.error;

	ep->pending |= conn->ready.events & (uint16_t)~CONN_EV_SPACE; /* told by tell_acked */
	conn->ready.events = 0;
	return tell_bit(ep, CONN_EV_CONNECTED, EV_CONNECTED, 0) && tell_data(ep) &&
		tell_bit(ep, CONN_EV_FIN, EV_FIN, 0) && tell_acked(ep) &&
		tell_bit(ep, CONN_EV_SENT, EV_SENT, 0) &&
		tell_bit(ep, CONN_EV_FIN_ACKED, EV_FIN_ACKED, 0) &&
		tell_bit(ep, CONN_EV_ERROR, EV_ERROR, error);
}

/* Makes an endpoint of each connection that waits to be accepted, and tells of it. */
static bool tell_listener(struct core *core, struct endpoint *ep)
{
	ep->conn->ready.events = 0;
	for (;;) {
		if (chan_emit_room(ep->chan) == 0)
			return false;
		struct conn *conn = conn_accept(ep->conn);
		if (conn == NULL)
			return true;
		struct endpoint *accepted = endpoint_alloc(core, ep->chan);
		if (accepted == NULL) {
			core->counters.drops.count[DROP_ACCEPT_QUEUE_FULL]++;
			conn_abort(conn);
			continue;
		}
		accepted->conn = conn;
		conn->ready.user = accepted;
		struct chan_message message = {.kind = EV_ACCEPTED, .ep = accepted};
		emit(ep, &message);
	}
}

static struct chan_message datagram_message(const struct dgram_rx *rx)
{
	struct chan_message message = {.kind = EV_DATAGRAM, .p = rx->payload};
	struct rws_address local;

	address_from_ip(&rx->from, rx->from_port, &message.remote);
	address_from_ip(&rx->to, 0, &local);
	message.local_scope = local.scope;
	memcpy(message.local, local.ip, sizeof(message.local));
	return message;
}

static bool tell_datagrams(struct endpoint *ep, struct dgram_account *account)
{
	struct dgram_rx rx;

	while (account->rx_bytes < account->rx_bytes_max &&
		account->rx_count < account->rx_count_max) {
		if (chan_emit_room(ep->chan) == 0)
			return false;
		if (!dgram_next(ep->dgram, &rx))
			break;
		struct chan_message message = datagram_message(&rx);
		account->rx_bytes += rx.payload->tot_len;
		account->rx_count++;
		emit(ep, &message);
	}
	return true;
}

static bool tell_dropped(struct endpoint *ep, struct dgram_account *account)
{
	uint64_t dropped = ep->dgram->rx_dropped;

	if (dropped == account->dropped)
		return true;
	struct chan_message message = {
		.kind = EV_DROPPED, .length = (uint32_t)(dropped - account->dropped)};
	if (!emit(ep, &message))
		return false;
	account->dropped = dropped;
	return true;
}

static bool tell_dgram(struct endpoint *ep)
{
	struct ready *ready = ep->ready;
	struct dgram_account *account = ready->user;

	ep->pending |= ready->events & (uint16_t)~DGRAM_EV_READABLE; /* found by dgram_next */
	ready->events = 0;
	return tell_given(ep, account) && tell_datagrams(ep, account) &&
		tell_dropped(ep, account) && tell_bit(ep, DGRAM_EV_ERROR, EV_ERROR, ready->error);
}

static bool tell_ready(struct core *core, struct endpoint *ep)
{
	switch (ep->ready->kind) {
	case READY_LISTENER:
		return tell_listener(core, ep);
	case READY_DGRAM:
		return tell_dgram(ep);
	default:
		return tell_conn(ep);
	}
}

/* All that the endpoint has to tell, in the order of its life; false: the ring is full. */
static bool tell_all(struct core *core, struct endpoint *ep)
{
	if (ep->released) {
		if (ep->sock != NULL && !tell(ep, EV_RELEASED, 0)) /* NULL: never adopted */
			return false;
		endpoint_pool_give(&core->endpoints, ep);
		return true;
	}
	if (!tell_bit(ep, TELL_OPENED, EV_OPENED, ep->error) ||
		!tell_bit(ep, TELL_OPTIONS, EV_OPTIONS, ep->error))
		return false;
	return ep->ready == NULL || tell_ready(core, ep);
}

static void list_pending(struct core *core, struct endpoint *ep)
{
	uint32_t index = endpoint_pool_index(&core->endpoints, ep);

	if (ep->listed)
		return;
	ep->listed = true;
	atomic_store_explicit(&ep->next, NO_ENDPOINT, memory_order_relaxed);
	if (core->pending == NO_ENDPOINT)
		core->pending = index;
	else
		atomic_store_explicit(&endpoint_pool_at(&core->endpoints, core->pending_last)->next,
			index, memory_order_relaxed);
	core->pending_last = index;
}

/* Once around the list of those that found the ring full; what still does goes back on it. */
static void retry_pending(struct core *core)
{
	uint32_t index = core->pending;

	core->pending = NO_ENDPOINT;
	while (index != NO_ENDPOINT) {
		struct endpoint *ep = endpoint_pool_at(&core->endpoints, index);
		index = atomic_load_explicit(&ep->next, memory_order_relaxed);
		ep->listed = false;
		if (!tell_all(core, ep))
			list_pending(core, ep);
	}
}

static struct endpoint *endpoint_of(const struct ready *ready)
{
	if (ready->kind == READY_DGRAM && ready->user != NULL)
		return ((struct dgram_account *)ready->user)->ep;
	return ready->user;
}

void endpoint_flush_events(struct core *core)
{
	struct ready *ready;

	retry_pending(core);
	while ((ready = stack_next_ready(core->stack)) != NULL) {
		struct endpoint *ep = endpoint_of(ready);
		/* Before REQ_ADOPT nobody asks; its events stay with the connection until then. */
		if (ep == NULL || ep->sock == NULL || ep->listed)
			continue;
		if (!tell_all(core, ep))
			list_pending(core, ep);
	}
}

/* ---- Requests --------------------------------------------------------------------------- */

/* The answer to an open request waits on the pending list: endpoint_flush_events comes soon. */
static void opened(struct core *core, struct endpoint *ep, int error, void *user)
{
	ep->error = (int16_t)error;
	if (error != 0)
		ep->ready = NULL;
	else
		ep->ready->user = user;
	ep->pending |= TELL_OPENED;
	list_pending(core, ep);
}

static void open_conn(struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	int error = conn_connect(core->stack, &setup->local, setup->local_port, &setup->remote,
		setup->remote_port, &setup->conn, &ep->conn);

	opened(core, ep, error, ep);
}

static void open_listener(
	struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	int error =
		conn_listen(core->stack, &setup->local, setup->local_port, &setup->conn, &ep->conn);

	opened(core, ep, error, ep);
}

static uint32_t half(uint32_t wanted, uint32_t otherwise)
{
	uint32_t all = wanted != 0 ? wanted : otherwise;

	return all / 2 + all % 2;
}

/*
 * Half of what may wait for the application is lent to it, the other half waits in the stack; the
 * sum is what the socket's options allow.
 */
static void open_dgram(struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	bool connected = setup->remote_port != 0;
	struct dgram_options options = setup->dgram;
	struct dgram_account *account = setup->account;

	options.receive_bytes = half(options.receive_bytes, DGRAM_RECEIVE_BYTES);
	options.receive_count = half(options.receive_count, DGRAM_RECEIVE_COUNT);
	*account = (struct dgram_account){.ep = ep,
		.rx_bytes_max = options.receive_bytes,
		.rx_count_max = options.receive_count};
	int error = dgram_open(core->stack, &setup->local, setup->local_port,
		connected ? &setup->remote : NULL, setup->remote_port, &options, &ep->dgram);

	opened(core, ep, error, account);
}

static void adopt(struct core *core, struct endpoint *ep)
{
	if (ep->ready != NULL)
		stack_mark_ready(core->stack, ep->ready);
}

static void send_to(struct core *core, struct endpoint *ep, const struct chan_message *request)
{
	if (ep->ready == NULL) {
		stack_free_pbufs(core->stack, request->p);
		return;
	}
	struct dgram_account *account = ep->ready->user;
	struct rws_address local = {
		.family = request->remote.family, .scope = request->local_scope};
	uint32_t length = request->p->tot_len;
	ip_addr_t from, to;
	uint16_t port;
	memcpy(local.ip, request->local, sizeof(local.ip));
	address_to_ip(&local, &from, &port);
	address_to_ip(&request->remote, &to, &port);
	bool connected = request->remote.family == 0;
	int error = dgram_send_from(ep->dgram, request->p, &from, connected ? NULL : &to, port);

	if (error != 0) {
		ep->dgram->ready.error = error;
		ep->pending |= DGRAM_EV_ERROR;
	}
	account->acked += length;
	list_pending(core, ep);
}

static void recved(struct core *core, struct endpoint *ep, const struct chan_message *request)
{
	stack_free_pbufs(core->stack, request->p);
	if (ep == NULL || ep->ready == NULL)
		return;
	if (ep->ready->kind == READY_CONN) {
		conn_recved(ep->conn, request->length);
	} else if (ep->ready->kind == READY_DGRAM) {
		struct dgram_account *account = ep->ready->user;
		account->rx_bytes -= request->length;
		account->rx_count -= request->count;
		list_pending(core, ep);
	}
}

/* All that may change while it lives; the rest, also what a listener shares, is as it was. */
static int set_conn_options(struct conn *conn, const struct conn_options *wanted)
{
	struct conn_options options;

	conn_get_options(conn, &options);
	options.tos = wanted->tos;
	options.ttl = wanted->ttl;
	options.no_delay = wanted->no_delay;
	options.keep_alive = wanted->keep_alive;
	options.keep_idle_ms = wanted->keep_idle_ms;
	options.keep_interval_ms = wanted->keep_interval_ms;
	options.keep_count = wanted->keep_count;
	options.user_timeout_ms = wanted->user_timeout_ms;
	options.backlog = wanted->backlog;
	return conn_set_options(conn, &options);
}

static int set_options(struct endpoint *ep, const struct endpoint_setup *setup)
{
	if (ep->ready == NULL)
		return -ESHUTDOWN;
	if (ep->ready->kind != READY_DGRAM)
		return set_conn_options(ep->conn, &setup->conn);
	dgram_set_options(ep->dgram, &setup->dgram);
	return 0;
}

static int change_membership(struct endpoint *ep, const struct chan_message *request)
{
	if (ep->ready == NULL)
		return -ESHUTDOWN;
	return dgram_membership(
		ep->dgram, &request->address, request->count, request->kind == REQ_JOIN);
}

/* As with opened(). */
static void answer(struct core *core, struct endpoint *ep, int error)
{
	ep->error = (int16_t)error;
	ep->pending |= TELL_OPTIONS;
	list_pending(core, ep);
}

static void abort_or_close(struct endpoint *ep, bool abort)
{
	if (ep->ready == NULL)
		return;
	if (ep->ready->kind == READY_DGRAM)
		dgram_close(ep->dgram);
	else if (abort)
		conn_abort(ep->conn);
	else
		conn_close(ep->conn);
	ep->ready = NULL;
}

void endpoint_request(struct core *core, const struct chan_message *request)
{
	struct endpoint *ep = request->ep;

	switch (request->kind) {
	case REQ_CONNECT:
		ep->sock = request->sock;
		open_conn(core, ep, request->setup);
		break;
	case REQ_LISTEN:
		ep->sock = request->sock;
		open_listener(core, ep, request->setup);
		break;
	case REQ_UDP_OPEN:
		ep->sock = request->sock;
		open_dgram(core, ep, request->setup);
		break;
	case REQ_ADOPT:
		ep->sock = request->sock;
		adopt(core, ep);
		break;
	case REQ_SEND:
		if (ep->ready != NULL)
			conn_send(ep->conn, request->p);
		else
			stack_free_pbufs(core->stack, request->p);
		break;
	case REQ_SEND_TO:
		send_to(core, ep, request);
		break;
	case REQ_RECVED:
		recved(core, ep, request);
		break;
	case REQ_WANT:
		if (ep->ready != NULL)
			conn_want(ep->conn);
		break;
	case REQ_SHUTDOWN:
		if (ep->ready != NULL)
			conn_shutdown(ep->conn);
		break;
	case REQ_ABORT:
		abort_or_close(ep, true);
		break;
	case REQ_OPTIONS:
		answer(core, ep, set_options(ep, request->setup));
		break;
	case REQ_JOIN:
	case REQ_LEAVE:
		answer(core, ep, change_membership(ep, request));
		break;
	case REQ_RELEASE:
		abort_or_close(ep, false);
		ep->released = true;
		list_pending(core, ep);
		break;
	default:
		break;
	}
}
