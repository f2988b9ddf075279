/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzzing targets share: how input becomes decisions, what ends a run, and a stack whose
 * frames wait in a queue.
 *
 * Every received frame is a malloc of its exact size, so that the sanitizers see each byte that is
 * read behind it.
 */
#ifndef RWS_FUZZ_H
#define RWS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/stack.h"

/* The target of libFuzzer: one run, which leaves nothing behind. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Ends the process with a stack trace when it does not hold. */
#define CHECK(holds)                                           \
	do {                                                   \
		if (!(holds))                                  \
			fuzz_fail(__FILE__, __LINE__, #holds); \
	} while (0)
void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

/* Input, read from its front. Behind its end all is 0. */
struct input {
	const uint8_t *at, *end;
};
static inline bool input_is_empty(const struct input *in)
{
	return in->at == in->end;
}
uint8_t input_u8(struct input *in);
uint16_t input_u16(struct input *in); /* big endian */
uint32_t input_u32(struct input *in);
/* Takes at most n bytes; returns how many there were. */
size_t input_bytes(struct input *in, size_t n, const uint8_t **bytes);

/* A stretch of virtual time, ns: zero to several minutes in 16 steps. */
uint64_t input_pause(uint8_t choice);

#define FUZZ_FRAME_MAX 9100u

/* A frame on its way. */
struct frame {
	struct frame *next;
	uint32_t length;
	uint8_t bytes[];
};
struct frame *frame_new(const uint8_t *bytes, uint32_t length);

/* Frames in order. */
struct frame_queue {
	struct frame *first, *last;
	unsigned count;
};
void frame_push(struct frame_queue *queue, struct frame *frame);
/* Takes the frame at a place, 0 for the first; NULL when there are fewer. */
struct frame *frame_take(struct frame_queue *queue, unsigned place);
void frame_clear(struct frame_queue *queue);

/* One stack with one interface. */
struct host {
	struct stack *stack;
	struct nif *nif;
	struct frame_queue sent;
	size_t used_at_start; /* bytes of the arena, at host_note_memory */
	unsigned index;
};

struct host_config {
	uint64_t now_ns;
	uint16_t mtu, tx_offloads;
	bool dhcp, slaac;
	uint8_t syn_cookies;
};

#define HOSTS_MAX 2u

/*
 * Host i of HOSTS_MAX has 10.0.0.(i+1)/24, fd00::(i+1)/64 and the MAC address 02:00:00:00:00:(i+1).
 */
void host_open(struct host *host, unsigned index, const struct host_config *config);
/* Frees the stack, and checks that every buffer came back and that none of its checks failed. */
void host_close(struct host *host);

/* When all is set up. The destination cache, which keeps its memory, has an entry then. */
void host_note_memory(struct host *host);
/* Checks that it uses no more than when it was noted, and holds no connection. */
void host_check_idle(struct host *host);

/* Time, timers and output. */
void host_turn(struct host *host, uint64_t now_ns);
void host_receive(struct host *host, const uint8_t *bytes, size_t length);

ip_addr_t host_ip4(unsigned index);
ip_addr_t host_ip6(unsigned index);

/* A packet buffer of its own; those alive are counted. */
struct pbuf *fuzz_pbuf(const uint8_t *bytes, size_t length);
extern unsigned fuzz_live_pbufs;

#endif
