/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP connections between two stacks in one thread, joined by a cable. */
#include "tests/unit/stack/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void handshake_of_two_stacks_connects_both(void **state)
{
	struct lab lab;
	struct conn *client, *server;
	lab_open(&lab, 2, NULL);
	struct conn *listener = lab_listen(&lab, 1, 80);
	lab_connect(&lab, listener, &client, &server);
	ip_addr_t a = lab_ip4(0), b = lab_ip4(1);
	assert_true(ip_addr_eq(&client->local, &a) && ip_addr_eq(&client->remote, &b));
	assert_true(ip_addr_eq(&server->local, &b) && ip_addr_eq(&server->remote, &a));
	assert_int_equal(server->local_port, 80);
	assert_int_equal(server->remote_port, client->local_port);
	lab_close(&lab);
}

static void data_both_ways_arrives_equal(void **state)
{
	enum { SIZE = 1 << 20 };
	struct lab lab;
	struct conn *client, *server;
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	lab_pattern(sent, SIZE, 7);
	lab_open(&lab, 2, NULL);
	lab_connect(&lab, lab_listen(&lab, 1, 80), &client, &server);
	lab_send(client, sent, SIZE);
	size_t length = 0;
	for (int i = 0; i < 400 && length < SIZE; i++) {
		lab_advance(&lab, 10);
		length += lab_receive(server, got + length, SIZE - length);
	}
	assert_int_equal(length, SIZE);
	assert_memory_equal(sent, got, SIZE);
	lab_advance(&lab, 1000);
	assert_int_equal(client->acked, SIZE);
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
	free(sent);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_of_two_stacks_connects_both),
		cmocka_unit_test(data_both_ways_arrives_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
