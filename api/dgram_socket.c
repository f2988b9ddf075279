/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets: datagrams keep their boundaries and their senders. See api/socket.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/address.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

/* The stack core lends no more than that at once, see api/endpoint.c. */
#define QUEUE_SLOTS DGRAM_RECEIVE_COUNT

struct datagram {
	struct pbuf *p;
	struct rws_address remote;
	uint8_t local_scope, local[16]; /* as in struct chan_message */
};

struct datagrams {
	struct dgram_account account; /* the stack core's */
	_Alignas(64) uint64_t dropped;
	uint32_t spent; /* datagrams whose buffers are in the socket's `spent` */
	int error;      /* the last one */
	bool received;  /* by rws_receive, so not by a channel */
	uint32_t first, count;
	struct datagram queue[QUEUE_SLOTS];
};

/* ---- Receiving -------------------------------------------------------------------------- */

/* The chain goes back; the stack core counts datagrams and bytes that it lends. */
static void give_back(struct sock *s, struct pbuf *chain, uint32_t length)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		p->next = s->spent;
		s->spent = p;
	}
	s->extra->datagrams->spent++;
	s->recved += length;
	selector_dirty(s);
}

void dgram_received(struct sock *s, const struct chan_message *message)
{
	struct datagrams *datagrams = s->extra->datagrams;

	if (s->closing || s->rx_discard || datagrams->count == QUEUE_SLOTS) {
		datagrams->dropped += !s->closing && !s->rx_discard;
		give_back(s, message->p, message->p->tot_len);
		return;
	}
	struct datagram *d =
		&datagrams->queue[(datagrams->first + datagrams->count++) % QUEUE_SLOTS];
	d->p = message->p;
	d->remote = message->remote;
	d->local_scope = message->local_scope;
	memcpy(d->local, message->local, sizeof(d->local));
	s->lent++;
	if (sock_rx(s) != NULL)
		dgram_pump(s);
	else
		sock_tell(s, RWS_EV_READABLE);
}

void dgram_dropped(struct sock *s, uint32_t count)
{
	s->extra->datagrams->dropped += count;
}

/* An ICMP error or a refused datagram; it goes on. */
void dgram_failed(struct sock *s, int error)
{
	s->extra->datagrams->error = error;
	sock_arm(s, RWS_EV_ERROR);
	sock_tell(s, RWS_EV_ERROR);
}

int dgram_error(const struct sock *s)
{
	return s->dead ? s->error : s->extra->datagrams->error;
}

uint32_t dgram_spent(const struct sock *s)
{
	return s->kind == SOCK_UDP ? s->extra->datagrams->spent : 0;
}

void dgram_forget_spent(struct sock *s)
{
	if (s->kind == SOCK_UDP)
		s->extra->datagrams->spent = 0;
}

static size_t copy_out(const struct datagram *d, void *buf, size_t capacity)
{
	size_t done = 0;

	for (struct pbuf *p = d->p; p != NULL && done < capacity; p = p->next) {
		size_t n = p->len < capacity - done ? p->len : capacity - done;
		memcpy((char *)buf + done, p->payload, n);
		done += n;
	}
	return done;
}

static struct datagram take(struct sock *s)
{
	struct datagrams *datagrams = s->extra->datagrams;
	struct datagram d = datagrams->queue[datagrams->first];

	datagrams->first = (datagrams->first + 1) % QUEUE_SLOTS;
	datagrams->count--;
	s->lent--;
	return d;
}

static void receive_one(struct sock *s, struct rws_datagram *out)
{
	struct datagram d = take(s);

	out->length = copy_out(&d, out->data, out->capacity);
	out->truncated = d.p->tot_len > out->length;
	out->address = d.remote;
	out->local = (struct rws_address){
		.family = d.remote.family, .scope = d.local_scope, .port = s->local.port};
	memcpy(out->local.ip, d.local, sizeof(d.local));
	give_back(s, d.p, d.p->tot_len);
}

static int udp_of(rws_socket_t handle, struct sock **s)
{
	int result = sock_of(handle, s);

	if (result == 0 && (*s)->kind != SOCK_UDP)
		result = -EINVAL;
	return result;
}

int rws_receive_burst(rws_socket_t handle, struct rws_datagram *datagrams, unsigned n)
{
	struct sock *s;
	int result = udp_of(handle, &s);
	unsigned count = 0;

	if (result != 0)
		return result;
	if (s->closing)
		return -ECANCELED;
	if (s->had_reader)
		return -EBUSY;
	s->extra->datagrams->received = true;
	while (count < n && s->extra->datagrams->count > 0)
		receive_one(s, &datagrams[count++]);
	if (count > 0 || n == 0)
		return (int)count;
	sock_arm(s, RWS_EV_READABLE);
	return -EAGAIN;
}

int rws_receive(rws_socket_t handle, struct rws_datagram *datagram)
{
	int result = rws_receive_burst(handle, datagram, 1);

	return result > 0 ? 0 : result;
}

bool dgram_is_received(const struct sock *s)
{
	return s->extra->datagrams->received;
}

struct pbuf *dgram_take(struct sock *s)
{
	return s->extra->datagrams->count > 0 ? take(s).p : NULL;
}

void dgram_done(struct sock *s)
{
	s->extra->datagrams->spent++;
	selector_dirty(s);
}

uint64_t rws_receive_dropped(rws_socket_t handle)
{
	struct sock *s;

	return udp_of(handle, &s) == 0 ? s->extra->datagrams->dropped : 0;
}

unsigned dgram_waiting(const struct sock *s)
{
	return s->kind == SOCK_UDP ? s->extra->datagrams->count : 0;
}

void dgram_drop_all(struct sock *s)
{
	while (s->extra->datagrams->count > 0) {
		struct datagram d = take(s);
		give_back(s, d.p, d.p->tot_len);
	}
}

void dgram_free(struct sock *s)
{
	if (s->extra == NULL)
		return;
	free(s->extra->datagrams);
	s->extra->datagrams = NULL;
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* Where a datagram goes: family 0 for the connected peer. */
static int destination(
	const struct sock *s, const struct rws_address *address, struct rws_address *to)
{
	if (address->family == 0 || (s->connected && rws_address_equal(address, &s->remote)))
		return s->connected ? 0 : -EDESTADDRREQ;
	if (address->family != RWS_IPV4 && address->family != RWS_IPV6)
		return -EAFNOSUPPORT;
	if (s->connected)
		return -EISCONN;
	if (address->port == 0 || address_is_any(address))
		return -EINVAL;
	if (address_is_broadcast(address) && !s->options->broadcast)
		return -EACCES;
	if (s->local.family != 0 && address->family != s->local.family)
		return -EAFNOSUPPORT;
	*to = *address;
	return 0;
}

/* Whether it is an address that datagrams come to, and none that they come from. */
static bool is_of_many(const struct rws_address *address)
{
	return address_is_any(address) || address_is_multicast(address) ||
		address_is_broadcast(address);
}

/* Where it comes from. A connected socket has one source; another's the stack core looks at. */
static int source(
	const struct sock *s, const struct rws_address *local, struct chan_message *message)
{
	uint8_t family = s->connected ? s->remote.family : message->remote.family;
	struct rws_address own = s->local;

	if (local->port != 0 && local->port != own.port)
		return -EINVAL;
	if (local->family != 0 && local->family != family)
		return -EAFNOSUPPORT;
	if (is_of_many(local))
		return 0;
	if (s->connected) {
		own.port = local->port;
		return rws_address_equal(local, &own) ? 0 : -EADDRNOTAVAIL;
	}
	message->local_scope = local->scope;
	memcpy(message->local, local->ip, sizeof(message->local));
	return 0;
}

/* A chain of pool buffers with the payload; one empty buffer for an empty datagram. */
static struct pbuf *copy_in(struct rws_selector *sel, const char *bytes, size_t length)
{
	struct segments list = {0};
	size_t done = 0;

	do {
		struct pbuf *p = selector_buffer(sel);
		if (p == NULL) {
			segments_free(&list);
			return NULL;
		}
		size_t room = pktbuf_room(p);
		p->len = (u16_t)(length - done < room ? length - done : room);
		if (p->len > 0)
			memcpy(p->payload, bytes + done, p->len);
		done += p->len;
		segments_push(&list, p);
	} while (done < length);
	return segments_chain(&list, length);
}

/* No buffer, or no place in the ring, or too much under way. */
static int would_block(struct sock *s, bool for_memory)
{
	sock_arm(s, RWS_EV_WRITABLE);
	if (for_memory)
		selector_starve(s);
	return -EAGAIN;
}

static int send_one(struct sock *s, const struct rws_datagram *datagram)
{
	struct chan_message message = {.kind = REQ_SEND_TO, .ep = s->ep, .sock = s};

	if (datagram->length > RWS_DATAGRAM_MAX)
		return -EMSGSIZE;
	int result = destination(s, &datagram->address, &message.remote);
	if (result == 0)
		result = source(s, &datagram->local, &message);
	if (result != 0)
		return result;
	if (s->inflight > 0 && s->inflight + datagram->length > s->options->send_buffer)
		return would_block(s, false);
	message.p = copy_in(s->sel, datagram->data, datagram->length);
	if (message.p == NULL)
		return would_block(s, true);
	if (!chan_post(sock_lane(s)->chan, &message)) {
		pbuf_free(message.p);
		return would_block(s, true);
	}
	s->inflight += (uint32_t)datagram->length;
	return 0;
}

int rws_send_burst(rws_socket_t handle, const struct rws_datagram *datagrams, unsigned n)
{
	struct sock *s;
	int result = udp_of(handle, &s);
	unsigned count = 0;

	if (result == 0 && s->closing)
		result = -ESHUTDOWN;
	while (result == 0 && count < n) {
		result = send_one(s, &datagrams[count]);
		count += result == 0;
	}
	return count > 0 ? (int)count : result;
}

int rws_send(rws_socket_t handle, const struct rws_datagram *datagram)
{
	int result = rws_send_burst(handle, datagram, 1);

	return result > 0 ? 0 : result;
}

/* ---- Opening ---------------------------------------------------------------------------- */

/* One stack core has the socket: by its port, or in turn where the stack picks one. */
static unsigned choose_lane(struct rws_selector *sel, const struct rws_address *local)
{
	if (local == NULL || local->port == 0)
		return selector_next_lane(sel);
	return local->port % sel->lane_count;
}

static int make_queue(struct sock *s)
{
	struct datagrams *datagrams =
		aligned_alloc(_Alignof(struct datagrams), sizeof(struct datagrams));

	if (datagrams == NULL)
		return -ENOMEM;
	datagrams->dropped = 0;
	datagrams->first = datagrams->count = datagrams->spent = 0;
	datagrams->error = 0;
	datagrams->received = false;
	s->extra->datagrams = datagrams;
	return 0;
}

static int set_up(struct sock *s, const struct rws_address *local, const struct rws_address *remote)
{
	struct endpoint_setup *setup = sock_make_setup(s, s->options);

	if (setup == NULL)
		return -ENOBUFS;
	int result = address_to_ip(local, &setup->local, &setup->local_port);
	if (result == 0)
		result = address_to_ip(remote, &setup->remote, &setup->remote_port);
	if (result == 0)
		result = make_queue(s);
	if (result != 0)
		return result;
	address_from_ip(&setup->remote, setup->remote_port, &s->remote);
	setup->account = &s->extra->datagrams->account;
	s->lane = choose_lane(s->sel, local);
	s->ep = endpoint_alloc(sock_lane(s)->core, sock_lane(s)->chan);
	return s->ep == NULL ? -ENOBUFS : 0;
}

static bool is_opened(const struct sock *s)
{
	return s->opened;
}

/* Runs the loop until the stack core answered. */
static int await_opened(struct sock *s)
{
	selector_dirty(s);
	selector_await(s->sel, is_opened, s);
	return s->dead ? s->error : 0;
}

static int udp_open(struct rws_selector *sel, const struct rws_address *local,
	const struct rws_address *remote, const struct rws_options *options, rws_socket_t *out)
{
	int result = selector_check(sel);

	if (result == 0)
		result = options_check(SOCK_UDP, options);
	if (result != 0)
		return result;
	struct sock *s = sock_create(sel, SOCK_UDP, options);
	if (s == NULL)
		return -ENOBUFS;
	result = set_up(s, local, remote);
	if (result != 0) {
		sock_free(s);
		return result;
	}
	*out = sock_handle(s);
	result = await_opened(s);
	s->connected = result == 0 && remote != NULL;
	if (result != 0)
		sock_dispose(s);
	return result;
}

/* What is sent stands in the ring behind the request to open; if that was refused it is lost. */
int dgram_connect_begin(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_address *local, rws_socket_t *out)
{
	struct sock *s = sock_create(sel, SOCK_UDP, NULL);

	if (s == NULL)
		return -ENOBUFS;
	int result = set_up(s, local, remote);
	if (result != 0) {
		sock_free(s);
		return result;
	}
	s->connected = true;
	if (!sock_post(s))
		selector_dirty(s);
	*out = sock_handle(s);
	return 0;
}

int rws_udp_bind(struct rws_selector *sel, const struct rws_address *local,
	const struct rws_options *options, rws_socket_t *s)
{
	return udp_open(sel, local, NULL, options, s);
}

int rws_udp_connect(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_address *local, const struct rws_options *options, rws_socket_t *s)
{
	if (remote == NULL || remote->port == 0 || address_is_any(remote))
		return -EINVAL;
	return udp_open(sel, local, remote, options, s);
}
