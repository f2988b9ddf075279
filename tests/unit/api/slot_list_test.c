/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/slot_list.h"

#include "tests/unit/api/fake.h"

#define THINGS 4u

struct thing {
	struct slot slot;
	struct slot_link link, other;
};

static struct slot_table table;
static struct slot_list list;
static struct thing *things[THINGS];

static int start(void **state)
{
	assert_int_equal(slot_table_init(&table, sizeof(struct thing), THINGS, 0), 0);
	slot_list_init(&list, &table, offsetof(struct thing, link));
	for (unsigned i = 0; i < THINGS; i++)
		things[i] = slot_take(&table);
	return 0;
}

static int over(void **state)
{
	slot_table_fini(&table);
	return 0;
}

static void append_all(void)
{
	for (unsigned i = 0; i < THINGS; i++)
		slot_list_append(&list, &things[i]->slot);
}

static void an_empty_list_has_no_first(void **state)
{
	assert_true(slot_list_empty(&list));
	assert_null(slot_list_first(&list));
	assert_int_equal(slot_list_count(&list), 0);
}

static void slots_come_in_the_order_of_their_arrival(void **state)
{
	append_all();
	assert_int_equal(slot_list_count(&list), THINGS);
	for (unsigned i = 0; i < THINGS; i++) {
		assert_ptr_equal(slot_list_first(&list), things[i]);
		slot_list_remove(&list, &things[i]->slot);
	}
	assert_true(slot_list_empty(&list));
}

static void a_slot_leaves_from_anywhere(void **state)
{
	static const unsigned order[THINGS] = {1, 3, 0, 2};

	append_all();
	for (unsigned i = 0; i < THINGS; i++) {
		slot_list_remove(&list, &things[order[i]]->slot);
		assert_int_equal(slot_list_count(&list), THINGS - 1 - i);
	}
	assert_null(slot_list_first(&list));
	append_all();
	assert_ptr_equal(slot_list_first(&list), things[0]);
}

static void a_slot_is_on_two_lists_at_once(void **state)
{
	struct slot_list second;

	slot_list_init(&second, &table, offsetof(struct thing, other));
	append_all();
	slot_list_append(&second, &things[2]->slot);
	slot_list_append(&second, &things[0]->slot);
	slot_list_remove(&list, &things[0]->slot);
	assert_ptr_equal(slot_list_first(&list), things[1]);
	assert_ptr_equal(slot_list_first(&second), things[2]);
	assert_int_equal(slot_list_count(&second), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_list_has_no_first),
		CASE(slots_come_in_the_order_of_their_arrival),
		CASE(a_slot_leaves_from_anywhere),
		CASE(a_slot_is_on_two_lists_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
