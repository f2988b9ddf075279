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
 */
#ifndef RWS_SOCKET_H
#define RWS_SOCKET_H

#include <sys/queue.h>

#include "api/channel.h"
#include "api/endpoint.h"
#include "api/handle.h"
#include "api/job.h"
#include "api/selector.h"

enum sock_kind { SOCK_TCP, SOCK_LISTENER, SOCK_UDP };

#define SOCK_BITS 10u /* RWS_EV_* */

struct callbacks {
	uint32_t bits; /* those that have one */
	rws_callback *fn[SOCK_BITS];
	void *user[SOCK_BITS];
};

struct listener;
struct datagrams;

struct sock {
	struct slot slot; /* first member */
	struct rws_selector *sel;
	struct lane *lane;
	struct endpoint *ep;
	void *user;
	uint8_t kind; /* enum sock_kind */

	/* Said to the stack core, or heard from it. */
	bool open_posted, opened, connected;
	bool want_shutdown, shutdown_posted, sent, fin_acked;
	bool want_abort, abort_posted;
	bool release_posted, released;
	bool fin_received;

	/* Life. */
	bool closing, dead, disposed;
	bool linger_for_ack; /* rws_close_linger: the context waits for the ack of our FIN */
	bool rx_discard;     /* what is received is nobody's */
	bool had_reader, had_writer;
	bool tx_told; /* DRAINED, and then ACKED, since the last byte was sent */
	bool acked_told;
	int error;      /* first cause of failure */
	int open_error; /* EV_OPENED's */

	struct rws_options options;
	struct rws_address local, remote;

	/* Receiving. */
	struct segments rxq; /* received, in no channel yet */
	size_t rxq_bytes;
	struct segments spent; /* consumed, to go back with REQ_RECVED */
	uint32_t spent_count;  /* datagrams in it */
	uint32_t recved;       /* bytes to tell with it */
	uint32_t lent;         /* pbufs that are neither back nor in `spent` */

	/* Sending. */
	struct segments staged; /* taken from the channel, not yet posted */
	uint32_t staged_bytes;
	size_t inflight; /* bytes given to the stack core (or staged), not yet acknowledged */

	struct channel *rx, *tx; /* attached now; may be the socket's own below */
	struct channel read_channel, write_channel;
	struct job reader_job, writer_job, context;

	/* Events. */
	uint32_t armed, pending;
	int event_result;
	struct callbacks *callbacks;

	bool is_dirty, is_starved, is_ready, is_news;
	TAILQ_ENTRY(sock) dirty_link, starved_link, event_link, accept_link;
	struct deadline deadline;

	struct listener *listener;   /* SOCK_LISTENER; api/listener.c */
	struct sock *accepted_by;    /* waits in that listener's queue */
	struct datagrams *datagrams; /* SOCK_UDP; api/dgram_socket.c */

	struct endpoint_setup setup; /* the stack core's from open_posted to opened */
};

/* The socket of a socket's handle, for the owner's thread: 0, -EBADF, -EXDEV. */
int sock_of(rws_socket_t handle, struct sock **s);

/* The same for the handle of anything that is part of a socket. */
int sock_of_part(uint64_t handle, struct sock **s);

rws_socket_t sock_handle(const struct sock *s);

/* A new one, options with defaults filled in (NULL: all); NULL when the table is full. */
struct sock *sock_create(
	struct rws_selector *sel, enum sock_kind kind, const struct rws_options *options);

/* Fills the options of s->setup from s->options. */
void sock_fill_setup(struct sock *s);

/* Gives the slot back if nobody can name the socket any more. */
void sock_free_if_over(struct sock *s);

/* Frees one that was never told to a stack core. */
void sock_free(struct sock *s);

/* socket_post.c: says what there is to say; false when a ring was full. */
bool sock_post(struct sock *s);

/* All flushed bytes are with the stack core. */
bool sock_is_drained(const struct sock *s);

/* socket_event.c: acts on one message of the stack core. */
void socket_event(struct lane *lane, const struct chan_message *message);

/* Moves received segments to the attached channel as far as it has room. */
void sock_pump_rx(struct sock *s);

/* Tells WRITABLE when there is room enough to be worth it. */
void sock_tell_room(struct sock *s);

/* A received chain goes back to the stack core: nobody wants the bytes. */
void sock_discard(struct sock *s, struct segments *list);

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

/* The lingering is over. */
void sock_linger_expired(struct sock *s);

void sock_complete_context(struct sock *s);

/* attach.c: the direction's channel was closed or failed by its other side. */
void sock_rx_channel_closed(struct sock *s, int cause);
void sock_tx_channel_closed(struct sock *s, int cause);
void sock_cancel_writer_job(struct sock *s);
void sock_detach_rx(struct sock *s);
void sock_detach_tx(struct sock *s);

/* events.c */
void sock_tell(struct sock *s, uint32_t bits);
void sock_arm(struct sock *s, uint32_t bits);
void sock_job_news(struct sock *s);
void sock_list_events(struct sock *s); /* after a change of who is told */
void sock_forget_events(struct sock *s);

/* What is true of it now, of RWS_EV_*; for awaits. */
uint32_t sock_levels(const struct sock *s);

/* listener.c */
void listener_accepted(struct lane *lane, struct sock *s, struct endpoint *ep);
void listener_opened(struct lane *lane, struct sock *s, int error);
void listener_released(struct lane *lane, struct sock *s);
bool listener_post(struct sock *s);
void listener_close(struct sock *s);
void listener_free(struct sock *s);
void listener_forget(struct sock *s); /* an accepted one that died before it was taken */
unsigned listener_waiting(const struct sock *s);

/* dgram_socket.c */
void dgram_received(struct sock *s, const struct chan_message *message);
void dgram_dropped(struct sock *s, uint32_t count);
void dgram_drop_all(struct sock *s);
void dgram_free(struct sock *s);
unsigned dgram_waiting(const struct sock *s);

#endif
