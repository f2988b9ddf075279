/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/handle.h"

#include <sys/resource.h>

#include "tests/unit/api/fake.h"

struct thing {
	struct slot slot;
	int value;
};

static void slot_stale_handles_find_nothing(void **state)
{
	struct slot_table table;

	assert_int_equal(slot_table_init(&table, sizeof(struct thing), 2, 0), 0);
	struct thing *a = slot_take(&table);
	uint64_t old = handle_make(HANDLE_SOCKET, 3, &a->slot);
	assert_ptr_equal(slot_find(&table, old), a);
	assert_int_equal(handle_kind(old), HANDLE_SOCKET);
	assert_int_equal(handle_selector(old), 3);
	slot_retire(&table, &a->slot);
	assert_null(slot_find(&table, old));
	slot_give(&table, &a->slot);
	struct thing *b = slot_take(&table);
	assert_ptr_equal(a, b);
	assert_null(slot_find(&table, old));
	assert_ptr_equal(slot_find(&table, handle_make(HANDLE_SOCKET, 3, &b->slot)), b);
	slot_table_fini(&table);
}

static void slot_elements_start_as_zero(void **state)
{
	struct slot_table table;

	assert_int_equal(slot_table_init(&table, sizeof(struct thing), 1, 0), 0);
	struct thing *a = slot_take(&table);
	assert_int_equal(a->value, 0);
	a->value = 7;
	slot_give(&table, &a->slot);
	a = slot_take(&table);
	assert_int_equal(a->value, 0);
	slot_table_fini(&table);
}

static void slot_table_full_is_null(void **state)
{
	struct slot_table table;

	assert_int_equal(slot_table_init(&table, sizeof(struct thing), 2, 0), 0);
	struct thing *a = slot_take(&table);
	assert_non_null(slot_take(&table));
	assert_null(slot_take(&table));
	assert_int_equal(table.live, 2);
	slot_give(&table, &a->slot);
	assert_ptr_equal(slot_take(&table), a);
	slot_table_fini(&table);
}

static void slot_generation_wraps_without_handle_zero(void **state)
{
	struct slot_table table;

	assert_int_equal(
		slot_table_init(&table, sizeof(struct thing), 1, HANDLE_GENERATION_MAX - 1), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct thing *a = slot_take(&table);
		uint64_t handle = handle_make(HANDLE_SOCKET, 0, &a->slot);
		assert_ptr_equal(slot_find(&table, handle), a);
		assert_int_equal(handle_generation(handle) & 1, 1);
		slot_give(&table, &a->slot);
		assert_null(slot_find(&table, handle));
	}
	slot_table_fini(&table);
}

/* ---- As the API sees them --------------------------------------------------------------- */

static struct fake_end *end;

static void made_up_handles_are_ebadf(void **state)
{
	rws_socket_t s = fake_connect(sel, NULL, &end);
	static const uint64_t made_up[] = {0, 1, UINT64_MAX, 1ULL << 60, 7ULL << 60, 15ULL << 60};
	struct rws_address address;

	for (unsigned i = 0; i < 6; i++) {
		uint64_t h = made_up[i];
		assert_int_equal(rws_close(h), -EBADF);
		assert_int_equal(rws_remote_address(h, &address), -EBADF);
		assert_int_equal(rws_read_available(h, &address, 1), -EBADF);
		assert_int_equal(rws_write_available(h, "x", 1), -EBADF);
		assert_int_equal(rws_job_cancel(h), -EBADF);
		assert_int_equal(rws_await(h, RWS_EV_READABLE, RWS_NOW), -EBADF);
		assert_int_equal(rws_on(h, RWS_EV_READABLE, NULL, NULL), -EBADF);
		assert_int_equal(rws_flush(h), -EBADF);
		rws_dispose(h);
	}
	assert_false(rws_is_closed(s));
}

static void handles_of_another_kind_are_ebadf(void **state)
{
	rws_socket_t s = fake_connect(sel, NULL, &end);
	rws_channel_t in;
	rws_job_t context = rws_socket_context(s);

	assert_int_equal(rws_read_available(s, &(char){0}, 1), -EBADF);
	assert_int_equal(rws_close(context), -EBADF);
	assert_int_equal(rws_job_result(s), -EBADF);
	rws_open_read_channel(s, &in);
	assert_int_equal(rws_close(in), -EBADF);
	rws_channel_dispose(in); /* a socket's own: not the application's to dispose */
	fake_data(end, "x", 1);
	fake_turn(sel, 1);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), 1);
	/* A write channel and the jobs of the socket that were never opened do not exist. */
	assert_int_equal(rws_write_available(s ^ (1ULL << 60) ^ (6ULL << 60), "x", 1), -EBADF);
	assert_int_equal(rws_job_cancel(s ^ (1ULL << 60) ^ (3ULL << 60)), -EBADF);
}

static void handles_of_a_closed_selector_are_ebadf(void **state)
{
	rws_socket_t s = fake_connect(sel, NULL, &end);

	assert_int_equal(rws_selector_close(sel), 1);
	assert_int_equal(rws_close(s), -EBADF);
	assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
	assert_int_equal(rws_close(s), -EBADF);
	rws_socket_t next = fake_connect(sel, NULL, &end);
	assert_true(next != s);
	assert_int_equal(rws_close(s), -EBADF);
	assert_false(rws_is_closed(next));
}

static void handles_of_before_a_selector_that_could_not_be_made_are_ebadf(void **state)
{
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rlimit files, none = {0};

	assert_int_equal(rws_selector_close(sel), 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none.rlim_max = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int result = rws_selector_create(&fake.rws, 0, &sel);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(result, -EMFILE);
	assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
	for (unsigned i = 0; i < 100; i++) { /* the slot's owners, one after the other */
		rws_socket_t next = fake_connect(sel, NULL, &end);
		assert_int_equal(rws_set_user(s, &s), -EBADF);
		rws_dispose(next);
		fake_turn(sel, 4);
	}
}

/* A relay has one channel each way: as many as sockets. */
static void there_are_channels_for_all_sockets(void **state)
{
	rws_channel_t ch;
	unsigned count = 0;

	assert_int_equal(rws_selector_close(sel), 0);
	fake.rws.sockets_max = 20000;
	assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
	while (rws_channel_create(sel, 0, true, &ch) == 0)
		count++;
	assert_int_equal(count, 20000);
	rws_channel_dispose(ch);
	assert_int_equal(rws_channel_create(sel, 0, true, &ch), 0);
}

static void a_full_table_is_enobufs(void **state)
{
	rws_socket_t s, last = RWS_NONE;
	unsigned count = 0;
	int result;

	while ((result = rws_tcp_connect(sel, &fake_peer, NULL, &s)) == 0) {
		last = s;
		count++;
		fake_turn(sel, 1);
	}
	assert_int_equal(result, -ENOBUFS);
	assert_int_equal(count, fake.rws.sockets_max);
	rws_dispose(last);
	fake_turn(sel, 3);
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
}

static void user_pointer_and_options(void **state)
{
	struct rws_options options = {.receive_buffer = 70000, .keep_alive = true};
	rws_socket_t s = fake_connect(sel, &options, &end);
	int mine;

	assert_null(rws_user(s));
	assert_int_equal(rws_set_user(s, &mine), 0);
	assert_ptr_equal(rws_user(s), &mine);
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_int_equal(options.receive_buffer, 70000);
	assert_int_equal(options.send_buffer, 1024 * 1024);
	assert_int_equal(options.backlog, 0);
	assert_int_equal(options.ttl, 64);
	assert_int_equal(end->setup.conn.receive_window, 70000);
	assert_true(end->setup.conn.no_delay);
	assert_true(end->setup.conn.keep_alive);
}

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_stale_handles_find_nothing),
		cmocka_unit_test(slot_elements_start_as_zero),
		cmocka_unit_test(slot_table_full_is_null),
		cmocka_unit_test(slot_generation_wraps_without_handle_zero),
		CASE(made_up_handles_are_ebadf),
		CASE(handles_of_another_kind_are_ebadf),
		CASE(handles_of_a_closed_selector_are_ebadf),
		CASE(handles_of_before_a_selector_that_could_not_be_made_are_ebadf),
		CASE(there_are_channels_for_all_sockets),
		CASE(a_full_table_is_enobufs),
		CASE(user_pointer_and_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
