/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack core that tests script, for the application's side of api/ without stack, device or
 * DPDK's environment: it consumes requests and emits events through api/chan.h, on virtual time,
 * and remembers what it was asked for. Rings and pools are as small as a test wants.
 *
 * With RWS_INLINE it runs in core_run_once, with RWS_CHANNEL whenever the selector waits, in
 * fake_turn, and when its ring is full.
 */
#ifndef RWS_TESTS_FAKE_H
#define RWS_TESTS_FAKE_H

#include <errno.h>
#include <string.h>

#include "api/chan.h"
#include "api/endpoint.h"
#include "api/runtime.h"
#include "api/selector.h"
#include "tests/unit/api/placement.h"

#define FAKE_ENDS  4096
#define FAKE_LOG   65536
#define FAKE_CORES 2
#define MS         1000000LL

/* One connection, listener or UDP socket on the fake stack core. */
struct fake_end {
	struct endpoint ep; /* first member */
	struct conn conn;   /* where the application finds the addresses, or */
	struct dgram dgram;
	bool used, adopted, shut, aborted, released;
	uint8_t *sent; /* bytes of REQ_SEND, or of the last REQ_SEND_TO */
	size_t sent_len, unacked, recved;
	struct pbuf *kept; /* with fake.keep_sent: buffers that are not acknowledged */
	size_t kept_acked; /* bytes of the first one that are */
	unsigned sends, datagrams_back;
	struct chan_message last; /* last REQ_SEND_TO, REQ_JOIN or REQ_LEAVE */
	uint16_t asked_port;
	struct endpoint_setup setup;
};

struct fake {
	struct rws rws;
	int64_t now;
	struct fake_end ends[FAKE_ENDS];
	struct fake_end *latest; /* allocated last */
	uint16_t log[FAKE_LOG];  /* kinds of requests in order */
	unsigned logged;
	unsigned slots;       /* of each ring from the next selector on */
	unsigned pool_limit;  /* transmit buffers that there are */
	unsigned buffer_size; /* bytes in each */
	size_t received_room; /* bytes in a received buffer; 0: as many as there are */
	unsigned buffers_out, received_out;
	bool on_core;            /* the fake runs: received buffers may be freed */
	bool mute;               /* the core does nothing at all */
	bool no_connect;         /* a connection is opened, not more */
	bool no_ack;             /* nothing is acknowledged by itself */
	bool keep_sent;          /* buffers stay until they are acknowledged */
	bool no_sent;            /* REQ_SHUTDOWN is not answered */
	bool no_mbufs;           /* received buffers are not of a pool */
	bool short_packets;      /* more than half of the cores' receive buffers are in use */
	int open_error;          /* EV_OPENED's */
	int options_error;       /* EV_OPTIONS's */
	bool fail_second_listen; /* it gets -EADDRINUSE */
	uint16_t next_port;
	void (*idle)(struct fake *fake); /* the selector waits; NULL: time passes */
	unsigned waits;
};

extern struct fake fake;

/* Of the case; NULL: it closed it. */
extern struct rws_selector *sel;

/* A runtime of so many cores, and the selector on core 0. */
void fake_start(enum rws_placement placement, unsigned cores);

/* Closes the selector and checks that every buffer is back. */
void fake_stop(void);

/* The same for cmocka, on one core. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* The stack core's events. */
void fake_connected(struct fake_end *end);
void fake_data(struct fake_end *end, const void *bytes, size_t n);
void fake_data_in(struct fake_end *end, const void *bytes, size_t n, size_t segment);
void fake_fin(struct fake_end *end);
void fake_ack(struct fake_end *end, uint32_t bytes);
/* The same, with what conn_send_buffer says. */
void fake_ack_worth(struct fake_end *end, uint32_t bytes, uint32_t send_buffer);
void fake_sent(struct fake_end *end);
void fake_fin_acked(struct fake_end *end);
void fake_error(struct fake_end *end, int error);
struct fake_end *fake_accept(struct fake_end *listener);
void fake_datagram(struct fake_end *end, const void *bytes, size_t n, uint16_t from_port);
void fake_dropped(struct fake_end *end, uint32_t count);

/* Turns of the loop; with RWS_CHANNEL the core has one behind each, and what it tells is taken. */
void fake_turn(struct rws_selector *sel, unsigned n);

/* How many requests of the kind there were; where the first was, -1 for none. */
unsigned fake_count(enum chan_request kind);
int fake_first(enum chan_request kind);

/* A connected socket, its end in *end. */
rws_socket_t fake_connect(
	struct rws_selector *sel, const struct rws_options *options, struct fake_end **end);

extern const struct rws_address fake_peer; /* 10.0.0.2:80 */

#endif
