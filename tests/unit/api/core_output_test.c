/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stack core sends that has no queue: api/core.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_lcore.h>
#include <rte_ring.h>

#include "api/core_internal.h"
#include "driver/pktbuf.h"
#include "driver/wire.h"
#include "tests/unit/api/rig.h"

#define HEADER   54u /* Ethernet, IPv4, TCP */
#define MSS      1000u
#define SEGMENTS 8u
#define SLOTS    16u
#define ARENA    ((size_t)16 << 20)

/* Core 1 sends through core 0, whose loop does not run. */
struct fixture {
	struct rws rws;
	struct core core[2];
	struct pktpool *pool, *wire_pool;
	struct wire *wire;
	uint8_t header[HEADER], payload[SEGMENTS * MSS];
	struct pbuf bytes; /* of payload */
};

static struct pktpool *new_pool(const char *name, unsigned count)
{
	struct pktpool_config config = {.name = name, .count = count, .numa_node = -1};
	struct pktpool *pool;
	struct fault fault;

	assert_int_equal(pktpool_create(&config, &pool, &fault), 0);
	return pool;
}

static void open_cores(struct fixture *f)
{
	struct stack_config config = {.arena = malloc(ARENA), .arena_size = ARENA};
	struct core *core = &f->core[1];

	f->rws.core_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		f->core[i].rws = &f->rws;
		f->core[i].id = i;
		f->rws.cores[i] = &f->core[i];
	}
	core->stack = stack_init(&config);
	assert_non_null(core->stack);
	core->arena = config.arena;
	core->pool = f->pool;
	core->port_count = 1;
	core->ports[0] = (struct core_port){.core = core, .port = wire_port(f->wire, 0)};
	f->core[0].from[1] =
		rte_ring_create("core_output", SLOTS, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(f->core[0].from[1]);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fault fault;

	assert_non_null(f);
	f->pool = new_pool("core_output", 63);
	f->wire_pool = new_pool("wire", 255);
	struct wire_config wire = {.seed = 1, .queues = 1, .pool = f->wire_pool};
	assert_int_equal(wire_create(&wire, &f->wire, &fault), 0);
	open_cores(f);
	f->header[12] = 8;
	f->header[14] = 0x45;
	f->header[23] = 6;
	f->header[46] = 0x50;
	for (unsigned i = 0; i < sizeof(f->payload); i++)
		f->payload[i] = (uint8_t)(i * 7 + i / MSS);
	f->bytes = (struct pbuf){.payload = f->payload,
		.len = sizeof(f->payload),
		.tot_len = sizeof(f->payload),
		.ref = 1};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	rte_ring_free(f->core[0].from[1]);
	stack_free(f->core[1].stack);
	free(f->core[1].arena);
	wire_free(f->wire);
	assert_int_equal(pktpool_free(f->wire_pool), 0);
	assert_int_equal(pktpool_free(f->pool), 0);
	free(f);
	return 0;
}

static enum drop_reason send_super_segment(struct fixture *f)
{
	struct nif_frame frame = {
		.header = f->header,
		.header_length = HEADER,
		.gso_size = MSS,
		.l2_length = 14,
		.l3_length = 20,
		.l4_length = 20,
		.l4_protocol = 6,
		.payload = &f->bytes,
		.length = sizeof(f->payload),
	};
	return core_output_elsewhere(&f->core[1].ports[0], &frame);
}

/* Frees what waits for core 0, each a whole segment, in order; returns how many. */
static unsigned take_all(struct fixture *f)
{
	struct pbuf *p;
	unsigned n = 0;

	while (rte_ring_sc_dequeue(f->core[0].from[1], (void **)&p) == 0) {
		const uint8_t *payload = (uint8_t *)p->payload + HEADER;
		assert_int_equal(p->tot_len, HEADER + MSS);
		assert_memory_equal(payload, f->payload + n % SEGMENTS * MSS, MSS);
		stack_free_pbufs(f->core[1].stack, p);
		n++;
	}
	return n;
}

static uint64_t drops(const struct fixture *f, enum drop_reason reason)
{
	return stack_drops(f->core[1].stack)->count[reason];
}

static void super_segment_goes_there_in_segments(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send_super_segment(f), DROP_NONE);
	assert_int_equal(take_all(f), SEGMENTS);
	assert_int_equal(f->core[1].counters.forwarded, SEGMENTS);
}

/* What is told to have failed is sent again: no part of it may be on its way. */
static void super_segment_that_the_ring_has_no_room_for_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(send_super_segment(f), DROP_NONE);
	assert_int_equal(send_super_segment(f), DROP_FORWARD_FULL);
	assert_int_equal(take_all(f), SEGMENTS);
	assert_int_equal(drops(f, DROP_FORWARD_FULL), 0); /* the sender keeps it */
	assert_int_equal(send_super_segment(f), DROP_NONE);
	assert_int_equal(take_all(f), SEGMENTS);
}

static void super_segment_without_buffers_for_all_is_refused(void **state)
{
	struct fixture *f = *state;
	struct pbuf *held[64];
	unsigned n = 0;

	while ((held[n] = pktbuf_alloc(f->pool)) != NULL)
		n++;
	for (unsigned i = 0; i < SEGMENTS - 1; i++)
		stack_free_pbufs(f->core[1].stack, held[--n]);
	assert_int_equal(send_super_segment(f), DROP_NO_PBUF);
	assert_int_equal(take_all(f), 0);
	assert_int_equal(drops(f, DROP_NO_PBUF), 1);
	while (n > 0)
		stack_free_pbufs(f->core[1].stack, held[--n]);
	assert_int_equal(send_super_segment(f), DROP_NONE);
	assert_int_equal(take_all(f), SEGMENTS);
}

#define CASE(test) BOTH_CASE(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(super_segment_goes_there_in_segments),
		CASE(super_segment_that_the_ring_has_no_room_for_is_refused),
		CASE(super_segment_without_buffers_for_all_is_refused),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
