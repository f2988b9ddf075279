/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/socket.h"

struct rws_layer {
	struct sock *sock;
	rws_socket_t lower;
	const struct rws_layer_ops *ops;
	void *user;
};

/* Received bytes, from the heap: a buffer of the selector's pool would be one to send with less. */
struct layer_buffer {
	struct pbuf_custom custom; /* first member */
	char bytes[];
};

/* ---- Life --------------------------------------------------------------------------------- */

static int lower_of(rws_socket_t handle, struct sock **lower)
{
	int result = sock_of(handle, lower);

	if (result != 0)
		return result;
	if ((*lower)->kind == SOCK_UDP)
		return -EINVAL;
	return (*lower)->connected ? 0 : -ENOTCONN;
}

int rws_layer_check(rws_socket_t handle)
{
	struct sock *lower;

	return lower_of(handle, &lower);
}

int rws_layer_create(rws_socket_t handle, const struct rws_layer_ops *ops, void *user,
	struct rws_layer **out, rws_socket_t *upper)
{
	struct sock *lower, *s;
	int result = lower_of(handle, &lower);

	if (result != 0)
		return result;
	s = sock_create(lower->sel, SOCK_TCP, lower->options);
	if (s == NULL)
		return -ENOBUFS;
	struct sock_extra *extra = sock_make_extra(s);
	struct rws_layer *layer = extra != NULL ? malloc(sizeof(*layer)) : NULL;
	if (layer == NULL) {
		sock_free(s);
		return -ENOBUFS;
	}
	*layer = (struct rws_layer){s, handle, ops, user};
	extra->layer = layer;
	s->lane = lower->lane;
	s->local = lower->local;
	s->remote = lower->remote;
	s->is_bound = s->open_posted = s->opened = true;
	*out = layer;
	*upper = sock_handle(s);
	selector_dirty(s);
	return 0;
}

void *rws_layer_user(rws_socket_t upper, const struct rws_layer_ops *ops)
{
	struct sock *s;

	if (sock_of(upper, &s) != 0 || s->extra == NULL || s->extra->layer == NULL)
		return NULL;
	return s->extra->layer->ops == ops ? s->extra->layer->user : NULL;
}

static void end(struct rws_layer *layer)
{
	struct sock *s = layer->sock;

	layer->ops->free(layer->user);
	s->extra->layer = NULL;
	s->released = true;
	free(layer);
	sock_free_if_over(s);
}

/* ---- Sending ------------------------------------------------------------------------------ */

int rws_layer_pending(const struct rws_layer *layer, struct iovec *iov, int n)
{
	const struct channel *tx = sock_tx(layer->sock);
	size_t left = tx != NULL ? tx->readable : 0;
	struct pbuf *p = left > 0 ? segments_head(&tx->list) : NULL;
	int count = 0;

	for (; left > 0 && count < n; p = p->next) {
		size_t here = p->len < left ? p->len : left;
		if (here > 0)
			iov[count++] = (struct iovec){p->payload, here};
		left -= here;
	}
	return count;
}

void rws_layer_taken(struct rws_layer *layer, size_t n)
{
	struct sock *s = layer->sock;
	struct channel *tx = sock_tx(s);

	channel_consume(tx, n);
	s->inflight = 1; /* not acknowledged; how much is for the lower side to know */
	s->acked_told = false;
	sock_tell_room(s);
	if (sock_is_drained(s))
		sock_tell(s, RWS_EV_TX_DRAINED);
}

unsigned rws_layer_wants(const struct rws_layer *layer)
{
	const struct sock *s = layer->sock;
	unsigned wants = 0;

	if (s->want_shutdown && sock_is_drained(s))
		wants |= RWS_LAYER_END;
	if (s->want_abort)
		wants |= RWS_LAYER_ABORT;
	if (s->linger_for_ack)
		wants |= RWS_LAYER_ACK;
	return wants;
}

/* ---- Receiving ---------------------------------------------------------------------------- */

size_t rws_layer_room(const struct rws_layer *layer)
{
	size_t held = layer->sock->read_channel.readable;

	return held < LAYER_HELD_MAX ? LAYER_HELD_MAX - held : 0;
}

static void free_buffer(struct pbuf *p)
{
	free(p);
}

static void tell(struct rws_layer *layer, struct chan_message message)
{
	message.sock = layer->sock;
	socket_event(sock_lane(layer->sock), &message);
}

int rws_layer_deliver(struct rws_layer *layer, const void *bytes, size_t n)
{
	struct layer_buffer *buffer = malloc(sizeof(*buffer) + n);

	if (buffer == NULL)
		return -ENOBUFS;
	memset(buffer, 0, sizeof(*buffer));
	memcpy(buffer->bytes, bytes, n);
	buffer->custom.custom_free_function = free_buffer;
	buffer->custom.pbuf.flags = PBUF_FLAG_IS_CUSTOM;
	buffer->custom.pbuf.ref = 1;
	buffer->custom.pbuf.payload = buffer->bytes;
	buffer->custom.pbuf.len = buffer->custom.pbuf.tot_len = (u16_t)n;
	tell(layer,
		(struct chan_message){
			.kind = EV_DATA, .p = &buffer->custom.pbuf, .length = (uint32_t)n});
	return 0; // cppcheck-suppress memleak ; free_buffer finds it from its pbuf
}

/* Those that were read. */
static void free_spent(struct sock *s)
{
	while (s->spent != NULL) {
		struct pbuf *p = s->spent;
		s->spent = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	s->recved = 0;
}

/* ---- News --------------------------------------------------------------------------------- */

void rws_layer_connected(struct rws_layer *layer)
{
	struct sock *lower;

	if (sock_of(layer->lower, &lower) == 0 && lower->extra != NULL)
		lower->extra->limits.above = sock_handle(layer->sock);
	tell(layer, (struct chan_message){.kind = EV_CONNECTED});
}

void rws_layer_received_end(struct rws_layer *layer)
{
	tell(layer, (struct chan_message){.kind = EV_FIN});
}

void rws_layer_acked(struct rws_layer *layer)
{
	tell(layer, (struct chan_message){.kind = EV_ACKED, .length = layer->sock->inflight});
}

void rws_layer_ended(struct rws_layer *layer)
{
	tell(layer, (struct chan_message){.kind = EV_SENT});
}

void rws_layer_end_acked(struct rws_layer *layer)
{
	tell(layer, (struct chan_message){.kind = EV_FIN_ACKED});
}

void rws_layer_failed(struct rws_layer *layer, int error)
{
	tell(layer, (struct chan_message){.kind = EV_ERROR, .error = error});
	selector_dirty(layer->sock);
}

/* ---- The loop ----------------------------------------------------------------------------- */

bool layer_post(struct sock *s)
{
	struct rws_layer *layer = s->extra->layer;

	free_spent(s);
	layer->ops->run(layer->user);
	free_spent(s); /* what was delivered to nobody */
	if (s->context.state == JOB_DONE && s->lent == 0)
		end(layer);
	return true;
}
