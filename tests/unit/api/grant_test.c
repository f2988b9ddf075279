/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/grant.h"

#include "api/selector.h"
#include "tests/unit/api/fake.h"

static void grants_run_out_and_come_back(void **state)
{
	struct grant_table table;

	assert_int_equal(grant_table_init(&table), 0);
	for (unsigned i = 1; i <= GRANTS_MAX; i++)
		assert_int_equal(grant_take(&table), i);
	assert_int_equal(grant_take(&table), NO_GRANT);
	grant_give(&table, 7);
	grant_give(&table, 9);
	assert_int_equal(grant_take(&table), 9);
	assert_int_equal(table.grants[9].bytes, 0);
	assert_int_equal(grant_take(&table), 7);
	assert_int_equal(grant_take(&table), NO_GRANT);
	grant_table_fini(&table);
}

static void small_segments_run_out_and_come_back(void **state)
{
	struct small_segments table;
	struct pbuf *p = NULL;

	assert_int_equal(small_segments_init(&table), 0);
	for (unsigned i = 0; i < SMALL_SEGMENTS_MAX; i++) {
		p = small_segment_take(&table);
		assert_non_null(p);
		assert_int_equal(small_segment_room(p), SMALL_SEGMENT);
	}
	assert_null(small_segment_take(&table));
	p->len = 100;
	assert_int_equal(small_segment_room(p), SMALL_SEGMENT - 100);
	small_segment_give(&table, p);
	assert_ptr_equal(small_segment_take(&table), p);
	assert_int_equal(p->len, 0);
	assert_int_equal(p->pkt_flags, SEGMENT_SMALL);
	assert_null(small_segment_take(&table));
	small_segments_fini(&table);
}

/* ---- As the API sees them --------------------------------------------------------------- */

static void no_grant_left_is_eagain_and_told_when_there_is_one(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_event events[8];
	rws_channel_t out;
	struct iovec iov;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	while (rws_selector_select(sel, events, 8, RWS_NOW) > 0)
		continue;
	while (grant_take(&sel->grants) != NO_GRANT)
		continue;
	assert_int_equal(rws_write_request(out, 1, &iov, 1), -EAGAIN);
	assert_int_equal(rws_written(out, 1), -EINVAL);
	grant_give(&sel->grants, 1);
	assert_int_equal(rws_selector_select(sel, events, 8, RWS_NOW), 1);
	assert_true(events[0].bits & RWS_EV_WRITABLE);
	assert_int_equal(rws_write_request(out, 1, &iov, 1), 1);
	memcpy(iov.iov_base, "x", 1);
	assert_int_equal(rws_written(out, 1), 0);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 1);
}

static void a_grant_is_held_from_request_to_written_only(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	rws_channel_t out;
	struct iovec iov;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rws_write_request(out, 1, &iov, 1), 1);
		assert_int_equal(sel->grants.free, NO_GRANT);
		assert_int_equal(rws_written(out, 0), 0);
		assert_int_equal(sel->grants.free, 1);
	}
	assert_int_equal(sel->grants.touched, 1);
	/* The next write ends one, and so does a reset. */
	assert_int_equal(rws_write_request(out, 1, &iov, 1), 1);
	assert_int_equal(rws_write_available(out, "x", 1), 1);
	assert_int_equal(sel->grants.free, 1);
	assert_int_equal(rws_write_request(out, 1, &iov, 1), 1);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 1);
	assert_int_equal(sel->grants.free, 1);
}

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_run_out_and_come_back),
		cmocka_unit_test(small_segments_run_out_and_come_back),
		CASE(no_grant_left_is_eagain_and_told_when_there_is_one),
		CASE(a_grant_is_held_from_request_to_written_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
