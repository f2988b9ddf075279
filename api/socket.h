/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of a socket on the application's side, and what the files about sockets share.
 * Internal to api/.
 *
 * Called from all of the application's side of api/.
 *
 * Theory of operation
 * -------------------
 * What a socket wants of its stack core is state: `want_*` and the content of its lists. Whoever
 * changes it calls selector_dirty; sock_post (api/socket_post.c) turns it into messages, in the
 * order of api/chan.h, as far as the ring takes them. `*_posted` is what was said.
 *
 * A socket ends in these steps, of which some fall together:
 *   closing    rws_close, rws_abort or dispose: nothing can be attached any more
 *   dead       the connection is no more: reset by the peer or by us
 *   jobs done  reader_job when all was sent and FIN, then writer_job
 *   context    done; the stack core is asked to release the endpoint once no received buffer is out
 *   disposed   the handle is no more
 *   freed      context done, disposed and EV_RELEASED
 *
 * A million sockets may be idle, so one holds what every connection has, in few bytes, and no
 * more: equal options are shared (api/options.h), what is needed while it is opened, callbacks and
 * channels of the application's own lie in a struct sock_extra, and lists are linked by index.
 */
#ifndef RWS_SOCKET_H
#define RWS_SOCKET_H

#include "api/channel.h"
#include "api/copy.h"
#include "api/endpoint.h"
#include "api/handle.h"
#include "api/job.h"
#include "api/layer.h"
#include "api/selector.h"
#include "api/slot_list.h"
#include "api/timeout.h"

#define SOCK_BITS 10 /* RWS_EV_* */

struct callbacks {
	uint32_t bits; /* those that have one */
	rws_callback *fn[SOCK_BITS];
	void *user[SOCK_BITS];
	struct job_callback done[JOBS];
};

/* A channel of the application's own that a direction is, or was, attached to. */
struct attached {
	struct own_channel *own; /* NULL: not attached, or disposed */
	rws_channel_t handle;
};

/* What few sockets have, or have for a while. Memory: the selector's pools. */
struct sock_extra {
	struct endpoint_setup *setup; /* the stack core's from open_posted to opened, then NULL */
	struct datagrams *datagrams;  /* of a SOCK_UDP; api/dgram_socket.c */
	struct callbacks *callbacks;  /* of rws_on and rws_job_on_completion */
	struct attached rx, tx;
	struct channel_copies copies; /* `out` from the read channel, `in` to the write channel */
	uint32_t detached;            /* buffers that the application keeps, api/buf.h */
	struct limits limits;
	uint32_t options_left;   /* answers to REQ_OPTIONS that are still to come */
	int options_error;       /* the first that was not 0 */
	struct host *host;       /* of rws_tcp_connect_host, while there are attempts; api/host.h */
	struct rws_layer *layer; /* of an upper socket, until it has ended; api/layer.h */
};

struct listener;
struct datagrams;

struct sock {
	struct slot slot; /* first member */

	/* Receiving. */
	uint32_t recved;    /* bytes to tell with REQ_RECVED */
	uint32_t lent : 31; /* pbufs that are neither back nor in `spent` */
	uint32_t wants : 1; /* TCP: more bytes than it has, which is to be told with REQ_WANT */
	struct pbuf *spent; /* a chain of those consumed, to go back with it, the last one first */

	uint32_t inflight;    /* bytes given to the stack core and not yet acknowledged */
	uint32_t send_buffer; /* TCP: of the options, and what it grew by; sock_grow_send_buffer */
	uint32_t deadline : 24; /* place among the selector's, 0: none; api/deadline.h */
	uint32_t lane : 8;      /* index in sel->lanes */

	struct rws_selector *sel;
	struct endpoint *ep;
	const struct rws_options *options; /* shared; all but `local` */
	struct sock_extra *extra;          /* NULL while there is none */
	union {
		void *user;               /* the application's, once it has the socket */
		struct sock *accepted_by; /* while is_queued: the listener that has it */
	};

	struct slot_link dirty_link, starved_link;
	struct slot_link event_link; /* of ready or news; while is_queued of the listener's queue */

	uint32_t kind : 2; /* enum sock_kind */

	/* Said to the stack core, or heard from it. */
	bool open_posted : 1, opened : 1, connected : 1;
	bool want_shutdown : 1, shutdown_posted : 1, fin_acked : 1;
	bool want_abort : 1, abort_posted : 1;
	bool release_posted : 1, released : 1;
	bool fin_received : 1;

	/* Life. */
	bool closing : 1, dead : 1, disposed : 1;
	bool linger_for_ack : 1; /* rws_close_linger: the context waits for the ack of our FIN */
	bool rx_discard : 1;     /* what is received is nobody's */
	bool had_reader : 1, had_writer : 1;
	bool tx_told : 1; /* DRAINED, and then ACKED, since the last byte was sent */
	bool acked_told : 1;

	/* The lists it is on. */
	bool is_dirty : 1, is_starved : 1, is_ready : 1, is_news : 1;
	bool is_queued : 1; /* at its listener: nobody has accepted it yet */

	/* `local` is what the stack core opened; before, what the application asked for. */
	bool is_bound : 1;
	bool asked_family : 1, asked_ip : 1, asked_port : 1; /* given in its options */
	bool is_held : 1; /* a call that runs the loop needs it; another thread may dispose it */

	struct job reader_job;
	uint64_t armed : SOCK_BITS, pending : SOCK_BITS; /* RWS_EV_* */
	uint64_t held : 14; /* TCP: buffers of the pool with bytes on their way to the peer */
	int64_t error : 14; /* first cause of failure, of cause_pack */
	uint16_t grant;     /* of write_channel, api/grant.h */
	struct job writer_job, context;

	union {
		struct {
			/* SOCK_TCP: what is received waits in read_channel, opened or not. */
			struct channel read_channel, write_channel;
		};
		struct listener *listener; /* SOCK_LISTENER; api/listener.c */
	};

	struct rws_address local, remote;
};

_Static_assert(sizeof(struct sock) <= 240, "idle connections are many; see memory_test");
_Static_assert(SELECTOR_BUFFERS < 1 << 14, "one socket may hold them all");

/* The socket of a socket's handle, for the owner's thread: 0, -EBADF, -EXDEV. */
int sock_of(rws_socket_t handle, struct sock **s);

/* The same for the handle of anything that is part of a socket. */
int sock_of_part(uint64_t handle, struct sock **s);

rws_socket_t sock_handle(const struct sock *s);

/* A new one, options with defaults filled in (NULL: all); NULL when the table is full. */
struct sock *sock_create(
	struct rws_selector *sel, enum sock_kind kind, const struct rws_options *options);

/* One that its listener accepts, with the listener's options; NULL when the table is full. */
struct sock *sock_create_accepted(struct sock *listener);

/* What is needed to open s, options filled in, until sock_drop_setup; NULL: no memory. */
struct endpoint_setup *sock_make_setup(struct sock *s, const struct rws_options *options);
void sock_fill_setup(struct endpoint_setup *setup, const struct rws_options *options);
void sock_drop_setup(struct sock *s);

/* The extra part of s, made on demand; NULL: no memory. */
struct sock_extra *sock_make_extra(struct sock *s);

/* Gives the slot back if nobody can name the socket any more. */
void sock_free_if_over(struct sock *s);

/* Between them it is not freed, whoever disposes it while the loop runs. */
void sock_hold(struct sock *s);
void sock_let_go(struct sock *s);

/* Frees one that was never told to a stack core. */
void sock_free(struct sock *s);

/* socket_post.c: says what there is to say; false when a ring was full. */
bool sock_post(struct sock *s);

/* All flushed bytes are with the stack core. */
bool sock_is_drained(const struct sock *s);

/* The endpoint, whose connection stands, becomes that of a socket without one. */
void sock_take_connection(struct sock *s, struct endpoint *ep, const struct rws_address *remote);

/* Received buffers that are not of the socket's connection go back. */
void sock_return(struct sock *s, struct pbuf *chain);

/* socket_event.c: acts on one message of the stack core. */
void socket_event(struct lane *lane, const struct chan_message *message);

/*
 * socket_options.c: runs the loop until the stack core answered REQ_OPTIONS or the like, and returns
 * what it said. The socket has a struct sock_extra, and the caller holds it.
 */
int sock_ask(struct sock *s, struct chan_message *request);
void sock_options_answered(struct sock *s, int error);

/* Moves received segments to the attached channel as far as it has room. */
void sock_pump_rx(struct sock *s);

/* Moves one segment that does not fit any more; false: none waits, or the channel is full. */
bool sock_pull_rx(struct sock *s);

/* Tells whoever writes, or waits to, when there is room enough to be worth it. */
void sock_tell_room(struct sock *s);

/* The send buffer is that of the options again. */
void sock_shrink_send_buffer(struct sock *s);

/* What was received and is in no channel yet goes back to the stack core: nobody wants it. */
void sock_discard_waiting(struct sock *s);

/* One received pbuf was consumed. */
void sock_spend(struct sock *s, struct pbuf *p);

/* socket_close.c */
void sock_close(struct sock *s, int64_t linger_ns);
void sock_dispose(struct sock *s);

/* The connection is over at once: RST if it stands; jobs are cancelled; the context gets cause. */
void sock_abort(struct sock *s, int cause, int job_result);

/* The stack core says that it is dead. */
void sock_died(struct sock *s, int error);

/* Goes on with a close as far as it can. */
void sock_close_step(struct sock *s);

/* A direction ended: when both have and one of them failed, the socket closes by itself. */
void sock_half_ended(struct sock *s);

void sock_complete_context(struct sock *s);

/* attach.c: the handle of the channel that a direction is or was attached to; RWS_NONE. */
rws_channel_t sock_rx_handle(const struct sock *s);
rws_channel_t sock_tx_handle(const struct sock *s);

/* The direction's channel was closed or failed by its other side. */
void sock_rx_channel_closed(struct sock *s, int cause);
void sock_tx_channel_closed(struct sock *s, int cause);
void sock_cancel_writer_job(struct sock *s);
void sock_cancel_reader_job(struct sock *s);

/* Parts the socket from a channel of the application's own. */
void sock_detach_rx(struct sock *s);
void sock_detach_tx(struct sock *s);

/* events.c */
void sock_tell(struct sock *s, uint32_t bits);
void sock_arm(struct sock *s, uint32_t bits);
void sock_list_events(struct sock *s); /* after a change of who is told, or of a job */
void sock_forget_events(struct sock *s);
struct callbacks *sock_callbacks(struct sock *s); /* made on demand; NULL: no memory */

/* What is true of it now, of RWS_EV_*; for awaits. */
uint32_t sock_levels(const struct sock *s);

/* listener.c */
void listener_accepted(struct lane *lane, struct sock *s, struct endpoint *ep);
void listener_opened(struct lane *lane, struct sock *s, int error);
void listener_released(struct lane *lane, struct sock *s);
bool listener_post(struct sock *s);
unsigned listener_post_options(struct sock *s, const struct endpoint_setup *setup); /* how many */
void listener_close(struct sock *s);
void listener_free(struct sock *s);
void listener_forget(struct sock *s); /* an accepted one that died before it was taken */
unsigned listener_waiting(const struct sock *s);

/* dgram_socket.c */
void dgram_received(struct sock *s, const struct chan_message *message);
void dgram_dropped(struct sock *s, uint32_t count);
void dgram_failed(struct sock *s, int error);
void dgram_drop_all(struct sock *s);
void dgram_free(struct sock *s);
unsigned dgram_waiting(const struct sock *s);
int dgram_error(const struct sock *s); /* for RWS_EV_ERROR */
/*
 * A connected socket for parts of ours: opened without waiting. It may be used at once; what cannot
 * be opened tells RWS_EV_ERROR. The part takes all of its events by rws_on, so that the application
 * sees none. Returns as rws_udp_connect.
 */
int dgram_connect_begin(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_address *local, rws_socket_t *out);
uint32_t dgram_spent(const struct sock *s); /* datagrams that go back with s->spent */
void dgram_forget_spent(struct sock *s);
bool dgram_is_received(const struct sock *s); /* rws_receive was called */
struct pbuf *dgram_take(struct sock *s); /* the first that waits, or NULL; dgram_done follows */
void dgram_done(struct sock *s);

/* dgram_channel.c: what byte channels do where they are joined to a UDP socket. */
void dgram_pump(struct sock *s);                                   /* for sock_pump_rx */
void dgram_consumed(struct sock *s, struct channel *ch, size_t n); /* n bytes */
void dgram_content_dropped(struct channel *ch);                    /* all of them */
int dgram_take_empty(struct channel *ch);                          /* -ENOMSG */
bool dgram_post(struct sock *s, struct channel *tx);               /* false: a full ring */
void dgram_acked(struct sock *s);

/* ---- What belongs to what --------------------------------------------------------------- */

static inline struct lane *sock_lane(const struct sock *s)
{
	return &s->sel->lanes[s->lane];
}

/*
 * Whether it may hold n more of the pool's buffers, all of them at once: see api/selector.h. One that
 * holds none could wait for ever for a share of that size.
 */
static inline bool sock_may_hold(const struct sock *s, size_t n)
{
	return s->kind != SOCK_TCP || s->held + n <= selector_share(s->sel, s->held) ||
		(s->held == 0 && n <= s->sel->buffers_left / 4);
}

static inline bool sock_has_share(const struct sock *s)
{
	return sock_may_hold(s, 1);
}

/* A buffer of the pool for bytes of s (NULL: of no socket), and its end other than by the peer. */
static inline void sock_hold_buffer(struct sock *s, struct pbuf *p)
{
	if (s == NULL || s->kind != SOCK_TCP || s->held == SELECTOR_BUFFERS)
		return;
	p->pkt_flags |= CONN_COUNTED;
	s->held++;
}

static inline void sock_drop_buffer(struct sock *s, struct pbuf *p)
{
	if ((p->pkt_flags & CONN_COUNTED) == 0)
		return;
	p->pkt_flags &= (u16_t)~CONN_COUNTED;
	if (s != NULL && s->held > 0)
		s->held--;
}

/* A direction failed by socket_timeout_ns; and it was the sending one: no FIN any more. */
static inline bool sock_has_timed_out(const struct sock *s)
{
	return s->extra != NULL && (s->extra->limits.rx_over || s->extra->limits.tx_over);
}

static inline bool sock_is_truncated(const struct sock *s)
{
	return s->extra != NULL && s->extra->limits.tx_over;
}

/* It has attempts to connect by name; api/host.h. */
static inline bool sock_has_host(const struct sock *s)
{
	return s->extra != NULL && s->extra->host != NULL;
}

/* It has a layer in the place of a stack core; api/layer.h. */
static inline bool sock_has_layer(const struct sock *s)
{
	return s->extra != NULL && s->extra->layer != NULL;
}

/* The channel that received bytes go to: the socket's own or the application's; NULL: none. */
static inline struct channel *sock_rx(const struct sock *s)
{
	if (s->kind == SOCK_LISTENER)
		return NULL;
	if (s->read_channel.role == CHANNEL_READ)
		return (struct channel *)(uintptr_t)&s->read_channel;
	return s->extra != NULL && s->extra->rx.own != NULL ? &s->extra->rx.own->channel : NULL;
}

/* The channel whose bytes are sent, in the same way. */
static inline struct channel *sock_tx(const struct sock *s)
{
	if (s->kind == SOCK_LISTENER)
		return NULL;
	if (s->write_channel.role == CHANNEL_WRITE)
		return (struct channel *)(uintptr_t)&s->write_channel;
	return s->extra != NULL && s->extra->tx.own != NULL ? &s->extra->tx.own->channel : NULL;
}

static inline struct own_channel *channel_own(const struct channel *ch)
{
	return (struct own_channel *)((uintptr_t)ch - offsetof(struct own_channel, channel));
}

/* The socket that a read or write channel is part of. */
static inline struct sock *channel_sock(const struct channel *ch)
{
	return (struct sock *)((uintptr_t)ch -
		(ch->role == CHANNEL_READ ? offsetof(struct sock, read_channel)
					  : offsetof(struct sock, write_channel)));
}

/* The socket whose received bytes go into it, or NULL. */
static inline struct sock *channel_source(const struct channel *ch)
{
	return ch->role == CHANNEL_READ   ? channel_sock(ch)
		: ch->role == CHANNEL_OWN ? channel_own(ch)->source
					  : NULL;
}

/* The socket that sends what is written to it, or NULL. */
static inline struct sock *channel_sink(const struct channel *ch)
{
	return ch->role == CHANNEL_WRITE  ? channel_sock(ch)
		: ch->role == CHANNEL_OWN ? channel_own(ch)->sink
					  : NULL;
}

/* Where its copies are kept; NULL: it never had one. */
static inline struct channel_copies *channel_copies(const struct channel *ch)
{
	if (ch->role == CHANNEL_OWN)
		return &channel_own(ch)->copies;
	if (ch->role == CHANNEL_UNOPENED || channel_sock(ch)->extra == NULL)
		return NULL;
	return &channel_sock(ch)->extra->copies;
}

/* The copy that reads it, or NULL. */
static inline struct copy *channel_reading_copy(const struct channel *ch)
{
	const struct channel_copies *copies = channel_copies(ch);

	if (copies == NULL || ch->role == CHANNEL_WRITE || copies->out == NULL)
		return NULL;
	return copies->out->src == ch ? copies->out : NULL;
}

/* The copy that writes it, or NULL. */
static inline struct copy *channel_writing_copy(const struct channel *ch)
{
	const struct channel_copies *copies = channel_copies(ch);

	return copies != NULL && ch->role != CHANNEL_READ ? copies->in : NULL;
}

static inline struct rws_selector *channel_selector(const struct channel *ch)
{
	return ch->role == CHANNEL_OWN ? channel_own(ch)->sel : channel_sock(ch)->sel;
}

/* Bytes received and not yet read: more do not come. */
static inline size_t sock_receive_capacity(const struct sock *s)
{
	return sock_has_layer(s) ? LAYER_HELD_MAX : s->options->receive_buffer;
}

static inline size_t own_capacity(const struct own_channel *own)
{
	size_t most = own->source != NULL ? sock_receive_capacity(own->source) : SIZE_MAX;

	return own->capacity < most ? own->capacity : most;
}

static inline size_t channel_capacity(const struct channel *ch)
{
	switch (ch->role) {
	case CHANNEL_READ:
		return sock_receive_capacity(channel_sock(ch));
	case CHANNEL_WRITE:
		return channel_sock(ch)->send_buffer;
	default:
		return own_capacity(channel_own(ch));
	}
}

#endif
