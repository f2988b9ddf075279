/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/endpoint.h"

#include <errno.h>

#include <rte_mempool.h>

#include "api/core_internal.h"

/* What an endpoint has to tell that the stack does not know of; above all CONN_EV_* bits. */
enum {
	TELL_OPENED = 1 << 14,
	TELL_RELEASED = 1 << 15,
};

struct endpoint *endpoint_alloc(struct core *core, struct chan *chan)
{
	void *memory;

	if (rte_mempool_get(core->endpoints, &memory) != 0)
		return NULL;
	struct endpoint *ep = memory;
	*ep = (struct endpoint){.core = core, .chan = chan};
	return ep;
}

/* ---- Telling the application ------------------------------------------------------------ */

static bool emit(struct endpoint *ep, struct chan_message *message)
{
	message->sock = ep->sock;
	return chan_emit(ep->chan, message);
}

static bool tell(struct endpoint *ep, enum chan_event kind)
{
	struct chan_message message = {.kind = kind, .error = ep->error};

	return emit(ep, &message);
}

/* Tells a plain event and clears its bit, if it is pending and the ring takes it. */
static bool tell_bit(struct endpoint *ep, uint16_t bit, enum chan_event kind)
{
	if ((ep->pending & bit) == 0)
		return true;
	if (!tell(ep, kind))
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

static bool tell_acked(struct endpoint *ep)
{
	if (ep->acked == 0)
		return true;
	struct chan_message message = {.kind = EV_ACKED, .length = ep->acked};
	if (!emit(ep, &message))
		return false;
	ep->acked = 0;
	return true;
}

static bool tell_conn(struct endpoint *ep)
{
	struct conn *conn = ep->conn;

	ep->pending |= conn->ready.events;
	conn->ready.events = 0;
	ep->acked += conn->acked;
	conn->acked = 0;
	if (ep->pending & CONN_EV_ERROR)
		ep->error = conn->ready.error;
	if (ep->pending & CONN_EV_CONNECTED) {
		ep->local = conn->local;
		ep->local_port = conn->local_port;
	}
	bool told = tell_bit(ep, CONN_EV_CONNECTED, EV_CONNECTED) && tell_data(ep) &&
		tell_bit(ep, CONN_EV_FIN, EV_FIN) && tell_acked(ep) &&
		tell_bit(ep, CONN_EV_SENT, EV_SENT) &&
		tell_bit(ep, CONN_EV_FIN_ACKED, EV_FIN_ACKED) &&
		tell_bit(ep, CONN_EV_ERROR, EV_ERROR);
	ep->pending &= (uint16_t)~CONN_EV_SPACE; /* told by tell_acked */
	return told;
}

/* Makes an endpoint of each connection that waits to be accepted, and tells of it. */
static bool tell_listener(struct endpoint *ep)
{
	ep->conn->ready.events = 0;
	for (;;) {
		if (chan_emit_room(ep->chan) == 0)
			return false;
		struct conn *conn = conn_accept(ep->conn);
		if (conn == NULL)
			return true;
		struct endpoint *accepted = endpoint_alloc(ep->core, ep->chan);
		if (accepted == NULL) {
			ep->core->counters.drops.count[DROP_ACCEPT_QUEUE_FULL]++;
			conn_abort(conn);
			continue;
		}
		accepted->kind = READY_CONN;
		accepted->conn = conn;
		accepted->local = conn->local;
		accepted->remote = conn->remote;
		accepted->local_port = conn->local_port;
		accepted->remote_port = conn->remote_port;
		conn->ready.user = accepted;
		struct chan_message message = {.kind = EV_ACCEPTED, .ep = accepted};
		emit(ep, &message);
	}
}

static bool tell_dgram(struct endpoint *ep)
{
	struct dgram *dgram = ep->dgram;
	struct dgram_rx rx;

	ep->pending |= dgram->ready.events;
	dgram->ready.events = 0;
	if (!tell_acked(ep))
		return false;
	while (ep->rx_bytes < ep->rx_bytes_max && ep->rx_count < ep->rx_count_max) {
		if (chan_emit_room(ep->chan) == 0)
			return false;
		if (!dgram_next(dgram, &rx))
			break;
		struct chan_message message = {.kind = EV_DATAGRAM,
			.p = rx.payload,
			.length = rx.payload->tot_len,
			.address = rx.from,
			.port = rx.from_port};
		ep->rx_bytes += rx.payload->tot_len;
		ep->rx_count++;
		emit(ep, &message);
	}
	ep->pending &= (uint16_t)~DGRAM_EV_READABLE;
	if (dgram->rx_dropped > ep->dropped) {
		struct chan_message message = {
			.kind = EV_DROPPED, .length = (uint32_t)(dgram->rx_dropped - ep->dropped)};
		if (!emit(ep, &message))
			return false;
		ep->dropped = dgram->rx_dropped;
	}
	if (ep->pending & DGRAM_EV_ERROR)
		ep->error = dgram->ready.error;
	return tell_bit(ep, DGRAM_EV_ERROR, EV_ERROR);
}

static bool tell_ready(struct endpoint *ep)
{
	switch (ep->kind) {
	case READY_LISTENER:
		return tell_listener(ep);
	case READY_DGRAM:
		return tell_dgram(ep);
	default:
		return tell_conn(ep);
	}
}

/* All that the endpoint has to tell, in the order of its life; false: the ring is full. */
static bool tell_all(struct endpoint *ep)
{
	if (ep->released) {
		if (ep->sock != NULL && !tell(ep, EV_RELEASED)) /* NULL: never adopted */
			return false;
		rte_mempool_put(ep->core->endpoints, ep);
		return true;
	}
	if (!tell_bit(ep, TELL_OPENED, EV_OPENED))
		return false;
	return ep->ready == NULL || tell_ready(ep);
}

static void list_pending(struct core *core, struct endpoint *ep)
{
	if (ep->listed)
		return;
	ep->listed = true;
	ep->pending_next = NULL;
	if (core->pending == NULL)
		core->pending = ep;
	else
		core->pending_last->pending_next = ep;
	core->pending_last = ep;
}

/* Once around the list of those that found the ring full; what still does goes back on it. */
static void retry_pending(struct core *core)
{
	struct endpoint *ep = core->pending;

	core->pending = core->pending_last = NULL;
	while (ep != NULL) {
		struct endpoint *next = ep->pending_next;
		ep->listed = false;
		if (!tell_all(ep))
			list_pending(core, ep);
		ep = next;
	}
}

void endpoint_flush_events(struct core *core)
{
	struct ready *ready;

	retry_pending(core);
	while ((ready = stack_next_ready(core->stack)) != NULL) {
		struct endpoint *ep = ready->user;
		/* Before REQ_ADOPT nobody asks; its events stay with the connection until then. */
		if (ep == NULL || ep->sock == NULL || ep->listed)
			continue;
		if (!tell_all(ep))
			list_pending(core, ep);
	}
}

/* ---- Requests --------------------------------------------------------------------------- */

/* The answer to an open request waits on the pending list: endpoint_flush_events comes soon. */
static void opened(struct core *core, struct endpoint *ep, int error)
{
	ep->error = error;
	if (error != 0)
		ep->ready = NULL;
	else
		ep->ready->user = ep;
	ep->pending |= TELL_OPENED;
	list_pending(core, ep);
}

static void open_conn(struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	int error = conn_connect(core->stack, &setup->local, setup->local_port, &setup->remote,
		setup->remote_port, &setup->conn, &ep->conn);

	ep->kind = READY_CONN;
	ep->remote = setup->remote;
	ep->remote_port = setup->remote_port;
	if (error == 0) {
		ep->local = ep->conn->local;
		ep->local_port = ep->conn->local_port;
	}
	opened(core, ep, error);
}

static void open_listener(
	struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	int error =
		conn_listen(core->stack, &setup->local, setup->local_port, &setup->conn, &ep->conn);

	ep->kind = READY_LISTENER;
	if (error == 0) {
		ep->local = ep->conn->local;
		ep->local_port = ep->conn->local_port;
	}
	opened(core, ep, error);
}

static uint32_t half(uint32_t wanted, uint32_t otherwise)
{
	return ((wanted != 0 ? wanted : otherwise) + 1) / 2;
}

/*
 * Half of what may wait for the application is lent to it, the other half waits in the stack; the
 * sum is what the socket's options allow.
 */
static void open_dgram(struct core *core, struct endpoint *ep, const struct endpoint_setup *setup)
{
	bool connected = setup->remote_port != 0;
	struct dgram_options options = setup->dgram;

	ep->rx_bytes_max = half(options.receive_bytes, DGRAM_RECEIVE_BYTES);
	ep->rx_count_max = half(options.receive_count, DGRAM_RECEIVE_COUNT);
	options.receive_bytes = ep->rx_bytes_max;
	options.receive_count = ep->rx_count_max;
	int error = dgram_open(core->stack, &setup->local, setup->local_port,
		connected ? &setup->remote : NULL, setup->remote_port, &options, &ep->dgram);

	ep->kind = READY_DGRAM;
	ep->remote = setup->remote;
	ep->remote_port = setup->remote_port;
	if (error == 0) {
		ep->local = ep->dgram->local;
		ep->local_port = ep->dgram->local_port;
	}
	opened(core, ep, error);
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
	bool connected = request->address.type == IPADDR_TYPE_ANY && request->port == 0;
	uint32_t length = request->p->tot_len;
	int error = dgram_send(
		ep->dgram, request->p, connected ? NULL : &request->address, request->port);

	if (error != 0) {
		ep->error = error;
		ep->dgram->ready.error = error;
		ep->pending |= DGRAM_EV_ERROR;
	}
	ep->acked += length;
	list_pending(core, ep);
}

static void recved(struct core *core, struct endpoint *ep, const struct chan_message *request)
{
	stack_free_pbufs(core->stack, request->p);
	if (ep == NULL || ep->ready == NULL)
		return;
	if (ep->kind == READY_CONN) {
		conn_recved(ep->conn, request->length);
	} else if (ep->kind == READY_DGRAM) {
		ep->rx_bytes -= request->length;
		ep->rx_count -= request->count;
		list_pending(core, ep);
	}
}

static void abort_or_close(struct endpoint *ep, bool abort)
{
	if (ep->ready == NULL)
		return;
	if (ep->kind == READY_DGRAM)
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
	case REQ_SHUTDOWN:
		if (ep->ready != NULL)
			conn_shutdown(ep->conn);
		break;
	case REQ_ABORT:
		abort_or_close(ep, true);
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
