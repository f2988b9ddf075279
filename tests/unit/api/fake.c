/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/api/fake.h"

#include <stdlib.h>

#include "driver/pktbuf.h"

struct fake fake;
const struct rws_address fake_peer = {.family = RWS_IPV4, .port = 80, .ip = {10, 0, 0, 2}};

/* ---- What lwIP has ---------------------------------------------------------------------- */

const ip_addr_t ip_addr_any_type = IPADDR_ANY_TYPE_INIT;

/* The rules of lwIP's own: count down, free, go on with the rest of the chain. */
u8_t pbuf_free(struct pbuf *p)
{
	u8_t count = 0;

	while (p != NULL && --p->ref == 0) {
		struct pbuf *next = p->next;
		((struct pbuf_custom *)p)->custom_free_function(p);
		count++;
		p = next;
	}
	return count;
}

unsigned runtime_name_servers(struct rws *rws, struct rws_address servers[RUNTIME_DNS_MAX])
{
	return 0;
}

bool runtime_prefers_ipv6(struct rws *rws, const struct rws_address *destination)
{
	return false;
}

void lwip_check_failed(const char *message)
{
	fail_msg("%s", message);
}

/* ---- Buffers ---------------------------------------------------------------------------- */

struct buffer {
	struct pbuf_custom custom; /* first member */
	size_t room;
	bool may_stay; /* the application asked whether it may be freed anywhere, and it may */
	struct pktbuf_loan *loan; /* that its payload is of */
	_Alignas(16) char data[];
};

struct pktpool {
	int nothing;
};

static struct pbuf *make_buffer(size_t size, pbuf_free_custom_fn free_fn)
{
	struct buffer *b = calloc(1, sizeof(*b) + size);

	b->room = size;
	b->custom.custom_free_function = free_fn;
	b->custom.pbuf.payload = b->data;
	b->custom.pbuf.flags = PBUF_FLAG_IS_CUSTOM;
	b->custom.pbuf.ref = 1;
	return &b->custom.pbuf; // cppcheck-suppress memleak ; free_fn finds it from its pbuf
}

static void free_own(struct pbuf *p)
{
	struct pktbuf_loan *loan = ((struct buffer *)p)->loan;

	fake.buffers_out--;
	free(p);
	if (loan != NULL)
		pktbuf_loan_end(loan);
}

void pktbuf_loan_begin(struct pktbuf_loan *loan, void (*over)(struct pktbuf_loan *loan))
{
	*loan = (struct pktbuf_loan){.over = over, .shared = {1}};
}

void pktbuf_loan_end(struct pktbuf_loan *loan)
{
	if (--loan->shared[0] == 0)
		loan->over(loan);
}

void pktbuf_lend(struct pktbuf_loan *loan, struct pbuf *p, void *bytes, uint16_t n)
{
	loan->shared[0]++;
	((struct buffer *)p)->loan = loan;
	p->payload = bytes;
	p->len = p->tot_len = n;
}

static void free_received(struct pbuf *p)
{
	assert_true(fake.on_core || ((struct buffer *)p)->may_stay);
	fake.received_out--;
	free(p);
}

int pktpool_create(const struct pktpool_config *config, struct pktpool **pool, struct fault *fault)
{
	*pool = calloc(1, sizeof(**pool));
	return 0;
}

unsigned pktpool_left(const struct pktpool *pool)
{
	return fake.buffers_out < fake.pool_limit ? fake.pool_limit - fake.buffers_out : 0;
}

struct pbuf *pktbuf_alloc(struct pktpool *pool)
{
	if (fake.buffers_out >= fake.pool_limit)
		return NULL;
	fake.buffers_out++;
	return make_buffer(fake.buffer_size, free_own);
}

unsigned pktbuf_room(const struct pbuf *p)
{
	const struct buffer *b = (const struct buffer *)p;

	if (b->loan != NULL)
		return 0;
	return (unsigned)(b->room - (size_t)((char *)p->payload - b->data) - p->len);
}

/* Real ones lie in an mbuf; what lwIP made does not, and may be freed on its core only. */
struct rte_mbuf *pktbuf_mbuf(const struct pbuf *p)
{
	struct buffer *b = (struct buffer *)(uintptr_t)p;

	b->may_stay = !fake.no_mbufs;
	return b->may_stay ? (struct rte_mbuf *)b : NULL;
}

bool pktbuf_is_spare(const struct pbuf *p)
{
	return !fake.short_packets;
}

static struct pbuf *received(const char *bytes, size_t n, size_t segment)
{
	struct pbuf *head = NULL, **link = &head;

	do {
		size_t piece = n < segment ? n : segment;
		size_t room = piece > fake.received_room ? piece : fake.received_room;
		struct pbuf *p = make_buffer(room, free_received);
		fake.received_out++;
		memcpy(p->payload, bytes, piece);
		p->len = p->tot_len = (u16_t)piece;
		*link = p;
		link = &p->next;
		bytes += piece;
		n -= piece;
	} while (n > 0);
	return head;
}

/* ---- Rings ------------------------------------------------------------------------------ */

struct ring {
	struct chan_message *slots;
	unsigned size, head, count, published;
};

struct chan {
	struct ring down, up;
};

static void ring_init(struct ring *ring)
{
	*ring = (struct ring){.size = fake.slots};
	ring->slots = calloc(ring->size, sizeof(*ring->slots));
}

int chan_create(struct chan **out, struct fault *fault)
{
	*out = calloc(1, sizeof(**out));
	ring_init(&(*out)->down);
	ring_init(&(*out)->up);
	/* Events are as many as a test emits at once. */
	(*out)->up.size = 16384;
	(*out)->up.slots = realloc((*out)->up.slots, (*out)->up.size * sizeof(struct chan_message));
	return 0;
}

void chan_free(struct chan *chan)
{
	free(chan->down.slots);
	free(chan->up.slots);
	free(chan);
}

static bool ring_put(struct ring *ring, const struct chan_message *message)
{
	if (ring->count == ring->size)
		return false;
	ring->slots[(ring->head + ring->count++) % ring->size] = *message;
	return true;
}

static unsigned ring_take(struct ring *ring, struct chan_message *out, unsigned n)
{
	unsigned taken = 0;

	while (taken < n && ring->published > 0) {
		out[taken++] = ring->slots[ring->head];
		ring->head = (ring->head + 1) % ring->size;
		ring->count--;
		ring->published--;
	}
	return taken;
}

bool chan_post(struct chan *chan, const struct chan_message *message)
{
	return ring_put(&chan->down, message);
}

unsigned chan_post_room(const struct chan *chan)
{
	return chan->down.size - chan->down.count;
}

static void run_cores(void);

/* A core with a thread of its own goes on while the selector is busy with a full ring. */
bool chan_publish(struct chan *chan)
{
	bool any = chan->down.published < chan->down.count;

	chan->down.published = chan->down.count;
	if (fake.rws.placement == RWS_CHANNEL && chan->down.count == chan->down.size)
		run_cores();
	return any;
}

unsigned chan_reap(struct chan *chan, struct chan_message *out, unsigned n)
{
	return ring_take(&chan->up, out, n);
}

bool chan_events_waiting(const struct chan *chan)
{
	return chan->up.published > 0;
}

static void emit(struct fake_end *end, struct chan_message message)
{
	message.sock = end->ep.sock;
	if (message.kind == EV_ACCEPTED)
		assert_non_null(message.ep);
	assert_non_null(message.sock);
	assert_true(ring_put(&end->ep.chan->up, &message));
	end->ep.chan->up.published = end->ep.chan->up.count;
}

/* ---- Endpoints -------------------------------------------------------------------------- */

struct endpoint *endpoint_alloc(struct core *core, struct chan *chan)
{
	for (unsigned i = 0; i < FAKE_ENDS; i++) {
		struct fake_end *end = &fake.ends[i];
		if (end->used)
			continue;
		free(end->sent);
		*end = (struct fake_end){.used = true, .ep = {.chan = chan}};
		fake.latest = end;
		return &end->ep;
	}
	return NULL;
}

void fake_connected(struct fake_end *end)
{
	emit(end, (struct chan_message){.kind = EV_CONNECTED});
}

void fake_data_in(struct fake_end *end, const void *bytes, size_t n, size_t segment)
{
	emit(end,
		(struct chan_message){
			.kind = EV_DATA, .p = received(bytes, n, segment), .length = (uint32_t)n});
}

void fake_data(struct fake_end *end, const void *bytes, size_t n)
{
	fake_data_in(end, bytes, n, 1460);
}

void fake_fin(struct fake_end *end)
{
	emit(end, (struct chan_message){.kind = EV_FIN});
}

void fake_ack(struct fake_end *end, uint32_t bytes)
{
	fake_ack_worth(end, bytes, 0);
}

/* They were acknowledged, or the connection is over. */
static void drop_kept(struct fake_end *end, size_t bytes)
{
	struct pbuf *p;

	end->kept_acked += bytes;
	while ((p = end->kept) != NULL && p->len <= end->kept_acked) {
		end->kept_acked -= p->len;
		end->kept = p->next;
		p->next = NULL;
		end->conn.counted += (p->pkt_flags & CONN_COUNTED) != 0;
		pbuf_free(p);
	}
}

void fake_ack_worth(struct fake_end *end, uint32_t bytes, uint32_t send_buffer)
{
	end->unacked -= bytes;
	drop_kept(end, bytes);
	emit(end,
		(struct chan_message){.kind = EV_ACKED,
			.buffers = end->conn.counted,
			.length = bytes,
			.count = send_buffer});
	end->conn.counted = 0;
}

void fake_sent(struct fake_end *end)
{
	emit(end, (struct chan_message){.kind = EV_SENT});
}

void fake_fin_acked(struct fake_end *end)
{
	emit(end, (struct chan_message){.kind = EV_FIN_ACKED});
}

void fake_error(struct fake_end *end, int error)
{
	emit(end, (struct chan_message){.kind = EV_ERROR, .error = error});
}

static void set_address(ip_addr_t *ip, uint8_t last)
{
	const uint8_t bytes[4] = {10, 0, 0, last};

	ip_addr_set_zero_ip4(ip);
	memcpy(ip_2_ip4(ip), bytes, sizeof(bytes));
}

struct fake_end *fake_accept(struct fake_end *listener)
{
	struct fake_end *end = (struct fake_end *)endpoint_alloc(NULL, listener->ep.chan);

	assert_non_null(end);
	set_address(&end->conn.local, 1);
	set_address(&end->conn.remote, 2);
	end->conn.local_port = listener->conn.local_port;
	end->conn.remote_port = 5000;
	end->ep.conn = &end->conn;
	emit(listener, (struct chan_message){.kind = EV_ACCEPTED, .ep = &end->ep});
	return end;
}

void fake_datagram(struct fake_end *end, const void *bytes, size_t n, uint16_t from_port)
{
	struct chan_message message = {.kind = EV_DATAGRAM,
		.p = received(bytes, n, 1460),
		.remote = {.family = RWS_IPV4, .port = from_port, .ip = {10, 0, 0, 2}},
		.local = {10, 0, 0, 1}};

	message.p->tot_len = (u16_t)n;
	emit(end, message);
}

void fake_dropped(struct fake_end *end, uint32_t count)
{
	emit(end, (struct chan_message){.kind = EV_DROPPED, .length = count});
}

/* ---- Requests --------------------------------------------------------------------------- */

static void on_open(struct fake_end *end, const struct chan_message *request)
{
	end->ep.sock = request->sock;
	end->setup = *request->setup;
	end->asked_port = request->setup->local_port;
	set_address(&end->conn.local, 1);
	end->conn.local_port = end->asked_port != 0 ? end->asked_port : fake.next_port++;
	end->ep.conn = &end->conn;
	if (request->kind == REQ_UDP_OPEN) {
		end->dgram.local = end->conn.local;
		end->dgram.local_port = end->conn.local_port;
		end->ep.dgram = &end->dgram;
	}
	int error = fake.open_error;
	if (fake.fail_second_listen && fake_count(REQ_LISTEN) == 2)
		error = -EADDRINUSE;
	emit(end, (struct chan_message){.kind = EV_OPENED, .error = error});
	if (request->kind == REQ_CONNECT && fake.open_error == 0 && !fake.no_connect)
		fake_connected(end);
}

/* As TCP keeps what is not acknowledged. */
static void keep(struct fake_end *end, struct pbuf *chain)
{
	struct pbuf **link = &end->kept;

	while (*link != NULL)
		link = &(*link)->next;
	*link = chain;
}

static void on_send(struct fake_end *end, const struct chan_message *request)
{
	size_t length = 0;

	if (request->kind == REQ_SEND_TO)
		end->sent_len = 0;
	if (request->kind == REQ_SEND)
		assert_int_equal(request->p->tot_len, request->length);
	for (struct pbuf *p = request->p; p != NULL; p = p->next) {
		uint8_t *longer = realloc(end->sent, end->sent_len + p->len + 1);

		assert_non_null(longer);
		end->sent = longer;
		memcpy(end->sent + end->sent_len, p->payload, p->len);
		end->sent_len += p->len;
		length += p->len;
	}
	assert_int_equal(length, request->p->tot_len);
	end->last = *request;
	end->sends++;
	end->unacked += length;
	for (struct pbuf *p = request->p; p != NULL && !fake.keep_sent; p = p->next)
		end->conn.counted += (p->pkt_flags & CONN_COUNTED) != 0;
	if (fake.keep_sent)
		keep(end, request->p);
	else
		pbuf_free(request->p);
	if (!fake.no_ack && length > 0)
		fake_ack(end, (uint32_t)end->unacked);
}

static void on_recved(struct fake_end *end, const struct chan_message *request)
{
	pbuf_free(request->p);
	if (end == NULL)
		return;
	end->recved += request->length;
	end->datagrams_back += request->count;
}

static void on_shutdown(struct fake_end *end)
{
	assert_false(end->shut);
	end->shut = true;
	if (fake.no_sent)
		return;
	fake_sent(end);
	fake_fin_acked(end);
}

static void on_options(struct fake_end *end, const struct chan_message *request)
{
	end->setup = *request->setup;
	emit(end, (struct chan_message){.kind = EV_OPTIONS, .error = fake.options_error});
}

static void on_membership(struct fake_end *end, const struct chan_message *request)
{
	end->last = *request;
	emit(end, (struct chan_message){.kind = EV_OPTIONS, .error = fake.options_error});
}

static void on_release(struct fake_end *end)
{
	assert_false(end->released);
	end->released = true;
	if (end->ep.sock != NULL)
		emit(end, (struct chan_message){.kind = EV_RELEASED});
	end->used = false;
}

static void on_request(const struct chan_message *request)
{
	struct fake_end *end = (struct fake_end *)request->ep;

	assert_true(fake.logged < FAKE_LOG);
	fake.log[fake.logged++] = request->kind;
	assert_true(end == NULL ? request->kind == REQ_RECVED : end->used);
	switch (request->kind) {
	case REQ_CONNECT:
	case REQ_LISTEN:
	case REQ_UDP_OPEN:
		on_open(end, request);
		break;
	case REQ_ADOPT:
		assert_false(end->adopted);
		end->adopted = true;
		end->ep.sock = request->sock;
		break;
	case REQ_SEND:
	case REQ_SEND_TO:
		on_send(end, request);
		break;
	case REQ_RECVED:
		on_recved(end, request);
		break;
	case REQ_WANT:
		break;
	case REQ_SHUTDOWN:
		on_shutdown(end);
		break;
	case REQ_ABORT:
		end->aborted = true;
		drop_kept(end, end->sent_len);
		break;
	case REQ_RELEASE:
		on_release(end);
		break;
	case REQ_OPTIONS:
		on_options(end, request);
		break;
	case REQ_JOIN:
	case REQ_LEAVE:
		on_membership(end, request);
		break;
	default:
		fail_msg("request %u", request->kind);
	}
}

/* ---- The core --------------------------------------------------------------------------- */

struct core {
	struct chan *chan;
	bool claimed;
};

static struct core cores[FAKE_CORES];

bool core_run_once(struct core *core)
{
	struct chan_message request;
	bool any = false;

	if (core->chan == NULL || fake.mute)
		return false;
	fake.on_core = true;
	while (ring_take(&core->chan->down, &request, 1) == 1) {
		on_request(&request);
		any = true;
	}
	fake.on_core = false;
	return any;
}

static void run_cores(void)
{
	for (unsigned i = 0; i < fake.rws.core_count; i++)
		core_run_once(&cores[i]);
}

static void pass_time(void *user, int64_t until)
{
	run_cores();
	fake.waits++;
	if (fake.idle != NULL) {
		fake.idle(&fake);
		return;
	}
	for (unsigned i = 0; i < fake.rws.core_count; i++) {
		if (cores[i].chan != NULL && chan_events_waiting(cores[i].chan))
			return;
	}
	if (until == INT64_MAX)
		fail_msg("the selector waits for ever");
	if (until > fake.now)
		fake.now = until;
}

int core_idle(struct core *core, int64_t deadline, int extra_fd)
{
	pass_time(NULL, deadline);
	return 0;
}

void core_wake(struct core *core)
{
}

int core_join(struct core *core, struct chan *chan, struct selector_wake *wake)
{
	core->chan = chan;
	return 0;
}

void core_part(struct core *core, struct chan *chan)
{
	core_run_once(core);
	core->chan = NULL;
}

int core_claim(struct core *core, struct fault *fault)
{
	if (core->claimed)
		return -EBUSY;
	core->claimed = true;
	return 0;
}

void core_unclaim(struct core *core)
{
	core->claimed = false;
}

static int64_t fake_clock(void *user)
{
	return fake.now;
}

/* ---- For tests -------------------------------------------------------------------------- */

struct rws_selector *sel;

void fake_start(enum rws_placement placement, unsigned cores_wanted)
{
	memset(&fake, 0, sizeof(fake));
	memset(cores, 0, sizeof(cores));
	fake.now = 1000 * MS;
	fake.slots = 256;
	fake.pool_limit = SELECTOR_BUFFERS;
	fake.buffer_size = 2048;
	fake.next_port = 40000;
	fake.rws.placement = placement;
	fake.rws.core_count = cores_wanted;
	fake.rws.sockets_max = 2000;
	fake.rws.send_buffer_max = 4 << 20;
	fake.rws.clock = fake_clock;
	fake.rws.wait = pass_time;
	for (unsigned i = 0; i < cores_wanted; i++)
		fake.rws.cores[i] = &cores[i];
	assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
}

void fake_stop(void)
{
	if (sel != NULL)
		assert_true(rws_selector_close(sel) >= 0);
	assert_int_equal(fake.buffers_out, 0);
	assert_int_equal(fake.received_out, 0);
	for (unsigned i = 0; i < FAKE_ENDS; i++) {
		assert_false(fake.ends[i].used);
		free(fake.ends[i].sent);
	}
	for (unsigned i = 0; i < RUNTIME_SELECTORS_MAX; i++)
		free(fake.rws.tx_pools[i]);
	assert_int_equal(atomic_load(&fake.rws.selector_count), 0);
}

int fake_setup(void **state)
{
	fake_start(placement_of(state), 1);
	return 0;
}

int fake_teardown(void **state)
{
	fake_stop();
	return 0;
}

void fake_turn(struct rws_selector *selector, unsigned n)
{
	while (n-- > 0) {
		assert_int_equal(rws_selector_run_once(selector), 0);
		if (fake.rws.placement == RWS_INLINE)
			continue;
		run_cores();
		assert_int_equal(rws_selector_run_once(selector), 0);
	}
}

unsigned fake_count(enum chan_request kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake.logged; i++)
		count += fake.log[i] == kind;
	return count;
}

int fake_first(enum chan_request kind)
{
	for (unsigned i = 0; i < fake.logged; i++) {
		if (fake.log[i] == kind)
			return (int)i;
	}
	return -1;
}

rws_socket_t fake_connect(
	struct rws_selector *selector, const struct rws_options *options, struct fake_end **end)
{
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(selector, &fake_peer, options, &s), 0);
	*end = fake.latest;
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, fake.now + 1000 * MS), RWS_EV_CONNECTED);
	return s;
}
