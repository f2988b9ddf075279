/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver's unit tests share: EAL, frames, and a checksum of their own. */
#ifndef RWS_TESTS_DRIVER_LAB_H
#define RWS_TESTS_DRIVER_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver/pktbuf.h"
#include "driver/port.h"

/* Group fixtures: EAL without privileges and hugepages, with one net_ring device. */
int lab_start(void **state);
int lab_stop(void **state);

#define LAB_DEVICE "net_ring0"

struct pktpool *lab_pool(unsigned count, unsigned data_size);

/* Frees the pool and fails the test when a buffer is missing. */
void lab_pool_free(struct pktpool *pool);

struct lab_frame {
	bool ipv6, tcp, vlan;
	unsigned payload; /* bytes of payload: 0, 1, 2, ... */
	uint16_t source_port;
};

/*
 * Writes an Ethernet frame with correct checksums, made here byte by byte; returns its length.
 * *ip and *l4 tell where the headers are.
 */
unsigned lab_frame(
	const struct lab_frame *what, uint8_t *out, unsigned size, unsigned *ip, unsigned *l4);

/* Whether the checksums of an untruncated frame of lab_frame's kind are right. */
bool lab_checksums_good(const uint8_t *frame, unsigned ip, bool ipv6);

/* A pbuf chain of copies of the bytes, cut into parts of at most `part` bytes. */
struct pbuf *lab_packet(struct pktpool *pool, const uint8_t *bytes, unsigned length, unsigned part);

/* A pbuf that only points to bytes, as lwIP makes them; owner: caller, never freed. */
void lab_point(struct pbuf *p, const void *bytes, unsigned length);

/* A super-segment: `payload` bytes in buffers of `part` each, to be cut at `size`. */
struct lab_super {
	struct nif_frame frame;
	uint8_t header[NIF_HEADER_MAX];
};
void lab_super_open(struct lab_super *super, struct pktpool *pool, const struct lab_frame *what,
	unsigned size, unsigned part);
void lab_super_close(struct lab_super *super);

/*
 * Whether this is the next segment of it, behind *done bytes of its payload: right lengths,
 * sequence number, bytes, and checksums where they were made in software. Adds to *done.
 */
void lab_super_assert_next(
	const struct lab_super *super, const uint8_t *frame, unsigned length, unsigned *done);

/* port_tx of a frame that is a pbuf chain as a whole. */
enum drop_reason lab_tx(struct port *port, unsigned queue, struct pbuf *p);

#endif
