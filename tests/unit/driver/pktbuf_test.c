/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/pktbuf.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "driver/pktbuf_impl.h"
#include "tests/unit/driver/lab.h"

static void an_empty_buffer_has_room_behind_its_head_room(void **state)
{
	struct pktpool *pool = lab_pool(64, 1000);
	struct pbuf *p = pktbuf_alloc(pool);

	(void)state;
	assert_int_equal(p->len, 0);
	assert_int_equal(p->tot_len, 0);
	assert_int_equal(p->ref, 1);
	assert_int_equal(p->pkt_flags, 0);
	assert_null(p->next);
	assert_int_equal(pktbuf_room(p), 1000);
	p->len = p->tot_len = 10;
	assert_int_equal(pktbuf_room(p), 990);
	assert_int_equal(pbuf_add_header(p, PKTBUF_HEADROOM), 0);
	assert_non_null(pktbuf_mbuf(p));
	assert_int_equal(pktpool_in_use(pool), 1);
	pbuf_free(p);
	lab_pool_free(pool);
}

/* What a PCI device is told, IOVA being VA; also of a buffer that was a reference in between. */
static void a_device_finds_the_bytes_at_their_address(void **state)
{
	const struct pktpool_config config = {.name = "plain", .count = 2, .data_size = 1000};
	struct fault fault;
	struct rte_mempool *pool = pktbuf_mempool_create(&config, &fault);

	(void)state;
	assert_non_null(pool);
	struct rte_mbuf *payload = rte_pktmbuf_alloc(pool), *other = rte_pktmbuf_alloc(pool);
	assert_int_equal(rte_pktmbuf_iova(payload), (uintptr_t)rte_pktmbuf_mtod(payload, void *));
	rte_pktmbuf_attach(other, payload);
	assert_int_equal(rte_pktmbuf_iova(other), (uintptr_t)rte_pktmbuf_mtod(payload, void *));
	rte_pktmbuf_free(other);
	other = rte_pktmbuf_alloc(pool);
	assert_int_equal(rte_pktmbuf_iova(other), (uintptr_t)rte_pktmbuf_mtod(other, void *));
	rte_pktmbuf_free(other);
	rte_pktmbuf_free(payload);
	rte_mempool_free(pool);
}

/* net_ring hands over what was sent, references among it: behind them are the sender's bytes. */
static void there_is_no_room_behind_bytes_that_others_refer_to(void **state)
{
	struct pktpool *pool = lab_pool(64, 1000);
	struct pbuf *p = pktbuf_alloc(pool), *q;
	struct rte_mbuf *m = pktbuf_mbuf(p);
	struct rte_mbuf *reference = rte_pktmbuf_alloc(m->pool);

	(void)state;
	assert_int_equal(pktbuf_room(p), 1000);
	m->data_len = 10;
	m->pkt_len = 10;
	rte_pktmbuf_attach(reference, m);
	assert_int_equal(pktbuf_room(p), 0);
	q = pktbuf_from_mbuf(reference);
	assert_non_null(q);
	assert_int_equal(q->len, 10);
	assert_int_equal(pktbuf_room(q), 0);
	pbuf_free(q);
	assert_int_equal(pktbuf_room(p), 1000);
	pbuf_free(p);
	lab_pool_free(pool);
}

static unsigned loans_over;

static void loan_is_over(struct pktbuf_loan *loan)
{
	assert_non_null(loan);
	loans_over++;
}

/* Memory that is not ours: buffers refer to it, and their own room is theirs again afterwards. */
static void lent_memory_is_told_of_when_nothing_refers_to_it(void **state)
{
	struct pktpool *pool = lab_pool(64, 1000);
	struct pbuf *p = pktbuf_alloc(pool), *q = pktbuf_alloc(pool);
	char memory[3000] = "";
	struct pktbuf_loan loan;

	(void)state;
	loans_over = 0;
	pktbuf_loan_begin(&loan, loan_is_over);
	pktbuf_lend(&loan, p, memory, 2000);
	pktbuf_lend(&loan, q, memory + 2000, 1000);
	pktbuf_loan_end(&loan);
	assert_ptr_equal(p->payload, memory);
	assert_int_equal(p->len, 2000);
	assert_int_equal(pktbuf_room(p), 0);
	struct rte_mbuf *m = pktbuf_mbuf(p);
	assert_non_null(m);
	assert_ptr_equal(rte_pktmbuf_mtod(m, void *), memory);
	pbuf_free(q);
	/* As a device does that still has to send it. */
	struct rte_mbuf *reference = rte_pktmbuf_alloc(m->pool);
	rte_pktmbuf_attach(reference, m);
	pbuf_free(p);
	assert_int_equal(loans_over, 0);
	rte_pktmbuf_free(reference);
	assert_int_equal(loans_over, 1);
	for (unsigned i = 0; i < 64; i++) {
		p = pktbuf_alloc(pool);
		assert_int_equal(pktbuf_room(p), 1000);
		pbuf_free(p);
	}
	lab_pool_free(pool);
}

static void an_exhausted_pool_gives_what_it_has(void **state)
{
	struct pktpool *pool = lab_pool(50, 0);
	struct pbuf *all[64];

	(void)state;
	assert_int_equal(pktpool_size(pool), 50);
	unsigned n = pktbuf_alloc_bulk(pool, all, 64);
	assert_int_equal(n, 50);
	assert_null(pktbuf_alloc(pool));
	assert_int_equal(pktpool_in_use(pool), 50);
	pbuf_free(all[--n]);
	all[n] = pktbuf_alloc(pool);
	assert_non_null(all[n]);
	for (unsigned i = 0; i < 50; i++)
		pbuf_free(all[i]);
	lab_pool_free(pool);
}

static void a_freed_pool_tells_how_many_are_missing(void **state)
{
	struct pktpool *pool = lab_pool(16, 512);

	(void)state;
	assert_non_null(pktbuf_alloc(pool));
	assert_non_null(pktbuf_alloc(pool));
	assert_int_equal(pktpool_free(pool), 2);
}

static void wrong_pools_are_refused(void **state)
{
	static const struct pktpool_config wrong[] = {
		{.name = NULL, .count = 1},
		{.name = "", .count = 1},
		{.name = "a-name-of-21-letters-", .count = 1},
		{.name = "none", .count = 0},
		{.name = "wide", .count = 1, .data_size = 65535},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pktpool *pool;
		struct fault fault = {""};
		assert_int_equal(pktpool_create(&wrong[i], &pool, &fault), -EINVAL);
		assert_true(strlen(fault.text) > 0);
	}
}

static void a_pool_beyond_memory_and_a_name_taken_are_faults(void **state)
{
	struct pktpool *pool = lab_pool(16, 512), *other;
	struct pktpool_config huge = {.name = "huge", .count = 1u << 20, .numa_node = -1};
	struct pktpool_config twice = {.name = "twice", .count = 16, .numa_node = -1};
	struct fault fault = {""};

	(void)state;
	assert_true(pktpool_create(&huge, &other, &fault) < 0);
	assert_non_null(strstr(fault.text, "memory"));
	assert_int_equal(pktpool_create(&twice, &other, NULL), 0);
	struct pktpool *third;
	assert_int_equal(pktpool_create(&twice, &third, &fault), -EEXIST);
	lab_pool_free(other);
	lab_pool_free(pool);
}

/* A chain as a device with scatter delivers it. */
static struct rte_mbuf *received_chain(struct pktpool *pool, unsigned segments, unsigned each)
{
	struct rte_mbuf *head = NULL, **link = &head;

	for (unsigned i = 0; i < segments; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pktpool_mempool(pool));
		assert_non_null(m);
		m->data_len = (uint16_t)each;
		memset(rte_pktmbuf_mtod(m, void *), (int)i, each);
		*link = m;
		link = &m->next;
	}
	assert_non_null(head);
	head->nb_segs = (uint16_t)segments;
	head->pkt_len = segments * each;
	return head;
}

static void a_received_chain_becomes_a_pbuf_chain_in_place(void **state)
{
	struct pktpool *pool = lab_pool(32, 512);
	struct rte_mbuf *m = received_chain(pool, 3, 100);
	const uint8_t *bytes = rte_pktmbuf_mtod(m, uint8_t *);
	struct pbuf *p = pktbuf_from_mbuf(m);
	unsigned left = 300;

	(void)state;
	assert_ptr_equal(p->payload, bytes);
	for (struct pbuf *q = p; q != NULL; q = q->next) {
		assert_int_equal(q->tot_len, left);
		assert_int_equal(q->len, 100);
		assert_int_equal(((uint8_t *)q->payload)[99], 3 - left / 100);
		assert_int_equal(pktbuf_mbuf(q)->nb_segs, 1);
		assert_null(pktbuf_mbuf(q)->next);
		left -= 100;
	}
	assert_int_equal(left, 0);
	/* The first may go while the others stay. */
	pbuf_ref(p->next);
	struct pbuf *rest = pbuf_dechain(p);
	pbuf_free(p);
	assert_int_equal(pktpool_in_use(pool), 2);
	pbuf_free(rest);
	lab_pool_free(pool);
}

static void received_chains_that_lie_are_freed(void **state)
{
	struct pktpool *pool = lab_pool(32, 512);

	(void)state;
	struct rte_mbuf *m = received_chain(pool, 2, 100);
	m->pkt_len = 201;
	assert_null(pktbuf_from_mbuf(m));
	m = received_chain(pool, 2, 100);
	m->nb_segs = 3;
	assert_null(pktbuf_from_mbuf(m));
	m = received_chain(pool, 1, 100);
	m->data_len = 513;
	m->pkt_len = 513;
	assert_null(pktbuf_from_mbuf(m));
	m = received_chain(pool, 1, 100);
	m->data_off = 600;
	assert_null(pktbuf_from_mbuf(m));
	lab_pool_free(pool);
}

static void a_buffer_tells_of_its_own_pool(void **state)
{
	struct pktpool *pools[] = {lab_pool(64, 1000), lab_pool(64, 1000)};
	struct pbuf *p[] = {pktbuf_alloc(pools[0]), pktbuf_alloc(pools[1])}, view;

	(void)state;
	assert_true(pktbuf_is_spare(p[0]) && pktbuf_is_spare(p[1]));
	pktpool_set_spare(pools[1], false);
	assert_true(pktbuf_is_spare(p[0]));
	assert_false(pktbuf_is_spare(p[1]));
	lab_point(&view, p[0]->payload, 1); /* of no pool */
	assert_false(pktbuf_is_spare(&view));
	for (unsigned i = 0; i < 2; i++) {
		pbuf_free(p[i]);
		lab_pool_free(pools[i]);
	}
}

static void only_bytes_in_a_buffer_of_a_pool_have_an_mbuf(void **state)
{
	struct pktpool *pool = lab_pool(16, 512);
	struct pbuf *p = pktbuf_alloc(pool), view;
	static uint8_t elsewhere[64];
	uint8_t *was = p->payload;
	unsigned room = pktbuf_room(p);

	(void)state;
	p->len = (uint16_t)room;
	assert_non_null(pktbuf_mbuf(p));
	p->payload = was + 1; /* crosses the end */
	assert_null(pktbuf_mbuf(p));
	p->payload = was + room - 1;
	p->len = 1;
	assert_non_null(pktbuf_mbuf(p));
	p->payload = elsewhere; /* one of ours that was made to point away */
	p->len = 64;
	assert_null(pktbuf_mbuf(p));
	assert_int_equal(pktbuf_room(p), 0);
	lab_point(&view, was, 1); /* a pbuf that only points there */
	assert_null(pktbuf_mbuf(&view));
	lab_point(&view, NULL, 0);
	assert_null(pktbuf_mbuf(&view));
	pbuf_free(p);
	lab_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_has_room_behind_its_head_room),
		cmocka_unit_test(a_device_finds_the_bytes_at_their_address),
		cmocka_unit_test(there_is_no_room_behind_bytes_that_others_refer_to),
		cmocka_unit_test(lent_memory_is_told_of_when_nothing_refers_to_it),
		cmocka_unit_test(an_exhausted_pool_gives_what_it_has),
		cmocka_unit_test(a_freed_pool_tells_how_many_are_missing),
		cmocka_unit_test(wrong_pools_are_refused),
		cmocka_unit_test(a_pool_beyond_memory_and_a_name_taken_are_faults),
		cmocka_unit_test(a_received_chain_becomes_a_pbuf_chain_in_place),
		cmocka_unit_test(received_chains_that_lie_are_freed),
		cmocka_unit_test(a_buffer_tells_of_its_own_pool),
		cmocka_unit_test(only_bytes_in_a_buffer_of_a_pool_have_an_mbuf),
	};
	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
