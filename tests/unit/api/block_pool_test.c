/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/block_pool.h"

#include "tests/unit/api/fake.h"

static void blocks_come_zeroed_and_come_again(void **state)
{
	struct block_pool pool;
	char *blocks[200];

	block_pool_init(&pool, 21);
	for (unsigned i = 0; i < 200; i++) {
		blocks[i] = block_take(&pool);
		assert_non_null(blocks[i]);
		for (unsigned at = 0; at < 21; at++)
			assert_int_equal(blocks[i][at], 0);
		memset(blocks[i], (int)i + 1, 21);
	}
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal((uint8_t)blocks[i][20], i + 1);
	block_give(&pool, blocks[3]);
	assert_ptr_equal(block_take(&pool), blocks[3]);
	block_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_zeroed_and_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
