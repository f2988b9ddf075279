/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of a server that answers only once it has seen the end of what it was sent: sends
 * bytes, ends its own direction, then reads them back until the server's end.
 *
 * Called from tests/e2e/half_close.sh, and built out of tree by tests/e2e/install.sh, so it uses
 * the installed header alone.
 *
 * usage: half_close_client DEVICE ADDRESS/PREFIX SERVER:PORT BYTES inline|channel CORES
 */
#include <errno.h>
#include <rws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND   INT64_C(1000000000)
#define PATIENCE (30 * SECOND)
#define PART     65521u

static uint8_t part[PART]; /* what is sent, over and over */

static int64_t in_time(struct rws_selector *sel)
{
	return rws_now(sel) + PATIENCE;
}

static int complain(const char *what, int result)
{
	fprintf(stderr, "half_close_client: %s: %s\n", what, strerror(-result));
	return 1;
}

static bool has_address(const struct rws_interface_info *info, const char *address)
{
	for (unsigned i = 0; i < info->address_count; i++) {
		if (strcasecmp(info->addresses[i], address) == 0)
			return true;
	}
	return false;
}

/* The device is up, and the address was checked for duplicates. */
static int await_interface(struct rws *rws, struct rws_selector *sel, const char *address)
{
	struct rws_interface_info info;
	struct rws_event event;
	int64_t deadline = in_time(sel);

	while (rws_now(sel) < deadline) {
		if (rws_interface_info(rws, 0, &info) == 0 && info.link_up &&
			has_address(&info, address))
			return 0;
		rws_selector_select(sel, &event, 1, rws_now(sel) + SECOND / 100);
	}
	return -ETIMEDOUT;
}

static int send_all(struct rws_selector *sel, rws_channel_t out, size_t length)
{
	size_t sent = 0;

	while (sent < length) {
		size_t at = sent % PART, n = PART - at;
		ssize_t wrote;
		int result;

		wrote = rws_write_available(out, part + at, n < length - sent ? n : length - sent);
		if (wrote > 0) {
			sent += (size_t)wrote;
			continue;
		}
		if (wrote != -EAGAIN)
			return (int)wrote;
		rws_flush(out);
		result = rws_await_free_space(out, 1, in_time(sel));
		if (result < 0)
			return result;
	}
	rws_channel_close(out, 0);
	return 0;
}

/* Reads to the end of the stream; -EBADMSG unless it is what was sent. */
static int receive_all(struct rws_selector *sel, rws_channel_t in, size_t length)
{
	static uint8_t buffer[PART];
	size_t got = 0;

	for (;;) {
		size_t at = got % PART;
		ssize_t n = rws_read_available(in, buffer, PART - at);

		if (n == 0)
			return got == length ? 0 : -EBADMSG;
		if (n == -EAGAIN)
			n = rws_await_content(in, 1, in_time(sel));
		else if (n > 0 &&
			(got + (size_t)n > length || memcmp(buffer, part + at, (size_t)n) != 0))
			return -EBADMSG;
		else if (n > 0)
			got += (size_t)n;
		if (n < 0)
			return (int)n;
	}
}

static int exchange(struct rws_selector *sel, const char *server, size_t length)
{
	struct rws_address address;
	rws_channel_t in, out;
	rws_socket_t s;
	int result;

	if (rws_address_parse(server, &address) < 0)
		return complain(server, -EINVAL);
	result = rws_tcp_connect(sel, &address, NULL, &s);
	if (result < 0)
		return complain("connect", result);
	result = rws_await(s, RWS_EV_CONNECTED, in_time(sel));
	if (result < 0)
		return complain("connect", result);
	result = rws_connection(s, &in, &out);
	if (result == 0)
		result = send_all(sel, out, length);
	if (result == 0)
		result = receive_all(sel, in, length);
	if (result < 0)
		return complain("exchange", result);
	rws_close(s);
	result = rws_await_closed(s, in_time(sel));
	rws_dispose(s);
	return result < 0 ? complain("close", result) : 0;
}

static int run(struct rws *rws, const char *address, const char *server, size_t length)
{
	struct rws_selector *sel;
	int result = rws_selector_create(rws, 0, &sel);
	int status;

	if (result < 0)
		return complain("selector", result);
	result = await_interface(rws, sel, address);
	status = result < 0 ? complain("interface", result) : exchange(sel, server, length);
	rws_selector_close(sel);
	return status;
}

int main(int argc, char **argv)
{
	struct rws_interface interface = {.address_count = 1};
	struct rws_config config;
	struct rws_error error;
	struct rws *rws;
	int status, left;

	if (argc != 7) {
		fprintf(stderr,
			"usage: half_close_client DEVICE ADDRESS/PREFIX SERVER:PORT BYTES "
			"inline|channel CORES\n");
		return 2;
	}
	for (uint32_t i = 0; i < PART; i++)
		part[i] = (uint8_t)(i * 2654435761u >> 24);
	interface.device = argv[1];
	interface.addresses = (const char *const[]){argv[2]};
	rws_config_init(&config);
	config.interfaces = &interface;
	config.interface_count = 1;
	config.placement = strcmp(argv[5], "inline") == 0 ? RWS_INLINE : RWS_CHANNEL;
	config.cores = argv[6];
	config.idle = RWS_IDLE_SLEEP;
	if (rws_create(&config, &rws, &error) < 0) {
		fprintf(stderr, "half_close_client: %s\n", error.text);
		return 2;
	}
	status = run(rws, argv[2], argv[3], strtoul(argv[4], NULL, 10));
	left = rws_destroy(rws);
	if (left != 0)
		fprintf(stderr, "half_close_client: %d packet buffers left behind\n", left);
	return left != 0 ? 1 : status;
}
