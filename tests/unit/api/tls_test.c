/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS over the wire in virtual time: client at end 0, server at end 1, both ours. */
#include "api/tls/rws_tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/selector.h"
#include "api/tls/tls.h"
#include "tests/unit/api/certificates.h"
#include "tests/unit/api/rig.h"

#define PORT   7000
#define SECOND ((int64_t)1000000000)

/* ---- Two ends ------------------------------------------------------------------------------ */

/* raw: the sockets below, which belong to s. [0] is the client. */
struct pair {
	rws_socket_t listener, raw[2], s[2];
	rws_channel_t in[2], out[2];
};

static struct rws_tls *context(void (*change)(struct rws_tls_config *config))
{
	struct rws_tls_config config;
	struct rws_error error;
	struct rws_tls *tls;

	rws_tls_config_init(&config);
	config.ca_file = certificates_path("ca.pem");
	config.certificate_file = certificates_path("server.pem");
	config.key_file = certificates_path("server.key");
	if (change != NULL)
		change(&config);
	if (rws_tls_create(&config, &tls, &error) != 0)
		fail_msg("%s", error.text);
	return tls;
}

static struct pair connect_raw_with(struct rig *rig, const struct rws_options *options)
{
	struct rws_address address = rig_address(1, false, PORT);
	struct pair p = {0};

	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, options, &p.listener), 0);
	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &p.raw[0]), 0);
	assert_int_equal(
		rws_await(p.raw[0], RWS_EV_CONNECTED, rig_after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(rws_await(p.listener, RWS_EV_ACCEPTABLE, rig_after(rig, SECOND)),
		RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(p.listener, &p.raw[1]), 0);
	return p;
}

static struct pair connect_raw(struct rig *rig)
{
	const struct rws_options options = {.reuse_address = true};

	return connect_raw_with(rig, &options);
}

static struct pair begin(
	struct rig *rig, struct rws_tls *client, struct rws_tls *server, const char *name)
{
	struct pair p = connect_raw(rig);

	assert_int_equal(rws_tls_client(client, p.raw[0], name, &p.s[0]), 0);
	assert_int_equal(rws_tls_server(server, p.raw[1], &p.s[1]), 0);
	return p;
}

static struct pair connected_with(
	struct rig *rig, struct rws_tls *client, struct rws_tls *server, const char *name)
{
	struct pair p = begin(rig, client, server, name);

	for (unsigned end = 0; end < 2; end++) {
		assert_int_equal(rws_await(p.s[end], RWS_EV_CONNECTED, rig_after(rig, SECOND)),
			RWS_EV_CONNECTED);
		assert_int_equal(rws_connection(p.s[end], &p.in[end], &p.out[end]), 0);
	}
	return p;
}

static struct rws_tls *common;

static struct pair connected(struct rig *rig)
{
	return connected_with(rig, common, common, "a.example");
}

static void dispose(struct rig *rig, struct pair *p)
{
	for (unsigned end = 0; end < 2; end++)
		if (p->s[end] != RWS_NONE)
			rws_dispose(p->s[end]);
	rws_dispose(p->listener);
	rig_run(rig, SECOND);
	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rig->sel[end]->socks.live, 0);
}

/* From here on the other end hears nothing of that one. */
static void cut(struct rig *rig, unsigned end)
{
	struct wire_impairment lost = {.delay_ns = 50000, .loss_ppm = 1000000};

	wire_impair(rig->wire, end, &lost);
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static void bytes_cross_both_ways(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	struct rws_tls_info info;
	struct rws_address address;
	char line[6];

	assert_int_equal(rws_tls_info(p.s[0], &info), 0);
	assert_string_equal(info.version, "TLSv1.3");
	assert_string_equal(info.peer, "server");
	rig_write_all(rig, p.out[0], "hello", 6);
	rig_read_all(rig, p.in[1], line, 6);
	assert_string_equal(line, "hello");
	rig_write_all(rig, p.out[1], "world", 6);
	rig_read_all(rig, p.in[0], line, 6);
	assert_string_equal(line, "world");
	assert_int_equal(rws_remote_address(p.s[0], &address), 0);
	assert_int_equal(address.port, PORT);
	dispose(rig, &p);
}

/* RFC 5246. */
static void tls_1_2_is_spoken_where_the_peer_knows_no_other(void **state)
{
	struct rig *rig = *state;
	struct rws_tls *old = context(NULL);
	struct rws_tls_info info;
	char line[6];

	SSL_CTX_set_max_proto_version(old->context, TLS1_2_VERSION);
	struct pair p = connected_with(rig, old, common, "a.example");
	assert_int_equal(rws_tls_info(p.s[1], &info), 0);
	assert_string_equal(info.version, "TLSv1.2");
	rig_write_all(rig, p.out[0], "hello", 6);
	rig_read_all(rig, p.in[1], line, 6);
	assert_string_equal(line, "hello");
	assert_int_equal(rws_channel_close(p.out[0], 0), 1);
	assert_int_equal(rws_await_content(p.in[1], 1, rig_after(rig, SECOND)), 0);
	assert_int_equal(rws_close(p.raw[1]), 0);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -EPROTO);
	dispose(rig, &p);
	rws_tls_destroy(old);
}

static const uint8_t *seen_bytes;
static bool seen;

static void look_for_plain_text(
	void *user, unsigned from, uint64_t now, const uint8_t *frame, unsigned length)
{
	seen |= memmem(frame, length, seen_bytes, 16) != NULL;
}

static void plain_text_is_not_on_the_wire(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	char bytes[16];

	seen_bytes = (const uint8_t *)"nobody sees this";
	seen = false;
	wire_tap(rig->wire, look_for_plain_text, NULL);
	rig_write_all(rig, p.out[0], seen_bytes, 16);
	rig_read_all(rig, p.in[1], bytes, 16);
	assert_memory_equal(bytes, seen_bytes, 16);
	assert_false(seen);
	wire_tap(rig->wire, NULL, NULL);
	dispose(rig, &p);
}

/* n bytes each way at once, from out to in; the readers are slow. */
static void exchange(struct rig *rig, rws_channel_t out0, rws_channel_t in0, rws_channel_t out1,
	rws_channel_t in1, size_t n)
{
	rws_channel_t out[2] = {out0, out1}, in[2] = {in0, in1};
	uint8_t *sent = malloc(n), *got[2] = {malloc(n), malloc(n)};
	size_t written[2] = {0}, read[2] = {0};

	for (size_t i = 0; i < n; i++)
		sent[i] = (uint8_t)(i * 31 + i / 251);
	while (read[0] < n || read[1] < n) {
		for (unsigned way = 0; way < 2; way++) {
			ssize_t w = rws_write_available(
				out[way], sent + written[way], n - written[way]);
			written[way] += w > 0 ? (size_t)w : 0;
			rws_flush(out[way]);
			size_t left = n - read[way];
			ssize_t r = rws_read_available(
				in[way], got[way] + read[way], left < 20000 ? left : 20000);
			read[way] += r > 0 ? (size_t)r : 0;
		}
		rig_run(rig, 500000);
	}
	assert_memory_equal(sent, got[0], n);
	assert_memory_equal(sent, got[1], n);
	free(sent);
	free(got[0]);
	free(got[1]);
}

/* Larger than all buffers. */
static void megabytes_are_byte_equal(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);

	exchange(rig, p.out[0], p.in[1], p.out[1], p.in[0], 4 << 20);
	dispose(rig, &p);
}

/* The reader stops: what is held is bounded, and the writer has to wait. */
static void reader_that_stops_stops_the_writer(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	static uint8_t block[65536];
	size_t written = 0;

	for (unsigned i = 0; i < 2000; i++) {
		ssize_t w = rws_write_available(p.out[0], block, sizeof(block));
		written += w > 0 ? (size_t)w : 0;
		rws_flush(p.out[0]);
		rig_run(rig, 1000000);
	}
	assert_true(rws_available_for_read(p.in[1]) <= 65536 + 16384);
	assert_true(written < (32u << 20));
	assert_int_equal(rws_write_available(p.out[0], block, 1), -EAGAIN);
	while (rws_total_bytes_read(p.in[1]) < written) {
		if (rws_read_available(p.in[1], block, sizeof(block)) <= 0)
			rig_run(rig, 1000000);
	}
	assert_true(rws_write_available(p.out[0], block, 1) == 1);
	dispose(rig, &p);
}

/* What is decrypted and not read is bounded, and that is what can be waited for. */
static void all_that_is_kept_for_a_reader_can_be_awaited(void **state)
{
	enum { KEPT = 64 << 10 };
	struct rig *rig = *state;
	struct pair p = connected(rig);
	uint8_t *bytes = calloc(2, KEPT);
	size_t length;

	assert_non_null(bytes);
	memset(bytes, 'x', 2 * KEPT);
	assert_int_equal(rws_await_content(p.in[0], KEPT + 1, rig_after(rig, SECOND)), -EINVAL);
	rig_write_all(rig, p.out[1], bytes, 2 * KEPT);
	assert_int_equal(rws_await_content(p.in[0], KEPT, rig_after(rig, SECOND)), 1);
	assert_int_equal(rws_read_utf8_line(p.in[0], (char *)bytes, 2 * KEPT, SIZE_MAX, 0, &length),
		-EMSGSIZE);
	free(bytes);
	dispose(rig, &p);
}

static void bytes_written_before_the_handshake_follow_it(void **state)
{
	struct rig *rig = *state;
	struct pair p = begin(rig, common, common, "a.example");
	rws_channel_t out, in;
	char bytes[6];

	assert_int_equal(rws_open_write_channel(p.s[0], true, &out), 0);
	assert_int_equal(rws_write_available(out, "early", 6), 6);
	assert_int_equal(rws_open_read_channel(p.s[1], &in), 0);
	rig_read_all(rig, in, bytes, 6);
	assert_string_equal(bytes, "early");
	dispose(rig, &p);
}

static void acknowledged_is_told_after_the_peers_acknowledgement(void **state)
{
	struct rig *rig = *state;
	struct wire_impairment far = {.delay_ns = 50000000};
	struct pair p = connected(rig);

	wire_impair(rig->wire, 1, &far);
	rig_write_all(rig, p.out[0], "hello", 5);
	assert_int_equal(
		rws_await(p.s[0], RWS_EV_TX_ACKED, rig_after(rig, SECOND / 25)), -ETIMEDOUT);
	assert_int_equal(
		rws_await(p.s[0], RWS_EV_TX_ACKED, rig_after(rig, SECOND)), RWS_EV_TX_ACKED);
	dispose(rig, &p);
}

/* ---- Ends ------------------------------------------------------------------------------------- */

/* Contract 128. */
static void options_are_those_of_the_socket_underneath(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	struct rws_options options;
	char got[4];

	assert_int_equal(rws_get_options(p.s[0], &options), 0);
	options.keep_alive = true;
	assert_int_equal(rws_set_options(p.s[0], &options), -EOPNOTSUPP);
	rig_write_all(rig, p.out[0], "more", 4);
	rig_read_all(rig, p.in[1], got, 4);
	assert_memory_equal(got, "more", 4);
	dispose(rig, &p);
}

static void b128_bytes_before_the_end_are_read_to_it(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	static uint8_t sent[100000], got[100000];

	memset(sent, 7, sizeof(sent));
	rig_write_all(rig, p.out[1], sent, sizeof(sent));
	rws_dispose(p.s[1]);
	p.s[1] = RWS_NONE;
	rig_run(rig, SECOND);
	rig_read_all(rig, p.in[0], got, sizeof(got));
	assert_memory_equal(sent, got, sizeof(got));
	assert_int_equal(rws_await_content(p.in[0], 1, rig_after(rig, SECOND)), 0);
	assert_int_equal(rws_read_available(p.in[0], got, 1), 0);
	assert_false(rws_is_closed(p.s[0]));
	dispose(rig, &p);
}

static void half_close_ends_one_direction_only(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	char bytes[6];

	rig_write_all(rig, p.out[0], "bye", 4);
	assert_int_equal(rws_channel_close(p.out[0], 0), 1);
	rig_read_all(rig, p.in[1], bytes, 4);
	assert_int_equal(rws_await_content(p.in[1], 1, rig_after(rig, SECOND)), 0);
	rig_write_all(rig, p.out[1], "still", 6);
	rig_read_all(rig, p.in[0], bytes, 6);
	assert_string_equal(bytes, "still");
	assert_int_equal(rws_channel_close(p.out[1], 0), 1);
	assert_int_equal(rws_await_content(p.in[0], 1, rig_after(rig, SECOND)), 0);
	rws_close(p.s[0]);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), 0);
	dispose(rig, &p);
}

/* Contract 129: FIN without close_notify: somebody may have cut it short. */
static void b129_bare_fin_is_an_error_behind_the_bytes(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	char bytes[5];

	rig_write_all(rig, p.out[1], "last", 5);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_close(p.raw[1]), 0); /* behind the back of TLS */
	rig_run(rig, SECOND / 10);
	rig_read_all(rig, p.in[0], bytes, 5);
	assert_int_equal(rws_read_available(p.in[0], bytes, 1), -EPROTO);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -EPROTO);
	dispose(rig, &p);
}

static void reset_is_told_as_what_it_is(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);

	assert_int_equal(rws_abort(p.s[1], -ECONNABORTED), 0);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -ECONNRESET);
	dispose(rig, &p);
}

/* The server's socket has a timeout of a second. TLS, or so many times one over the other. */
static struct pair connected_with_timeout(struct rig *rig, unsigned layers)
{
	const struct rws_options options = {.socket_timeout_ns = SECOND};
	struct pair p = connect_raw_with(rig, &options);

	memcpy(p.s, p.raw, sizeof(p.s));
	for (unsigned layer = 0; layer < layers; layer++) {
		assert_int_equal(rws_tls_client(common, p.s[0], "a.example", &p.s[0]), 0);
		assert_int_equal(rws_tls_server(common, p.s[1], &p.s[1]), 0);
		for (unsigned end = 0; end < 2; end++)
			assert_int_equal(
				rws_await(p.s[end], RWS_EV_CONNECTED, rig_after(rig, SECOND)),
				RWS_EV_CONNECTED);
	}
	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rws_connection(p.s[end], &p.in[end], &p.out[end]), 0);
	return p;
}

/* Contract 108: TLS reads ahead, but its reader is the application. */
static void b108_socket_timeout_is_for_who_waits(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected_with_timeout(rig, 1);
	char bytes[5];

	rig_write_all(rig, p.out[0], "work", 5);
	rig_run(rig, 5 * SECOND);
	rig_read_all(rig, p.in[1], bytes, 5);
	rig_write_all(rig, p.out[1], "done", 5);
	rig_read_all(rig, p.in[0], bytes, 5);
	assert_string_equal(bytes, "done");
	assert_int_equal(rws_read_available(p.in[1], bytes, 5), -EAGAIN);
	rig_run(rig, 2 * SECOND);
	assert_int_equal(rws_read_available(p.in[1], bytes, 5), -ETIMEDOUT);
	rig_write_all(rig, p.out[1], "late", 5); /* the other direction goes on */
	rig_read_all(rig, p.in[0], bytes, 5);
	assert_string_equal(bytes, "late");
	dispose(rig, &p);
}

/* Nothing of a record can be read before all of it is there; here that takes over a second. */
static void b108_bytes_of_a_record_renew_the_socket_timeout(void **state)
{
	struct wire_impairment slow = {.delay_ns = 50000, .rate_bits_per_s = 16000};
	struct rig *rig = *state;
	struct pair p = connected_with_timeout(rig, 1);
	static uint8_t record[16384];

	wire_impair(rig->wire, 0, &slow);
	rig_write_all(rig, p.out[0], record, sizeof(record));
	assert_int_equal(rws_await_content(p.in[1], 1, rig_after(rig, 10 * SECOND)), 1);
	dispose(rig, &p);
}

static void discard_all(void *user, const struct rws_event *event)
{
	const struct pair *p = user;

	while (rws_discard(p->in[0], SIZE_MAX) > 0)
		continue;
}

/* Contract 109: not while bytes go on, however slowly. */
static void write_slowly(struct rig *rig, unsigned layers)
{
	struct wire_impairment slow = {.delay_ns = 50000, .rate_bits_per_s = 1000000};
	struct pair p = connected_with_timeout(rig, layers);
	static uint8_t block[5000000];

	assert_int_equal(rws_on(p.s[0], RWS_EV_READABLE, discard_all, &p), 0);
	discard_all(&p, NULL);
	wire_impair(rig->wire, 1, &slow);
	rig_write_all(rig, p.out[1], block, sizeof(block));
	rws_abort(p.s[1], 0);
	rig_run(rig, 60 * SECOND);
	dispose(rig, &p);
}

static void b109_socket_timeout_is_for_writers_that_come_no_further(void **state)
{
	write_slowly(*state, 1);
}

static void b109_socket_timeout_is_the_uppermost_sockets(void **state)
{
	write_slowly(*state, 2);
}

/* Contract 12: also when the peer's stream had come to its end before. */
static void reset_behind_the_peers_end_is_told(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);

	rws_channel_close(p.out[0], 0);
	assert_int_equal(rws_await_content(p.in[1], 1, rig_after(rig, SECOND)), 0);
	assert_int_equal(rws_abort(p.raw[0], -ECONNABORTED), 0); /* behind the back of TLS */
	assert_int_equal(rws_await_closed(p.s[1], rig_after(rig, SECOND)), -ECONNRESET);
	dispose(rig, &p);
}

/* ---- A peer of OpenSSL alone ---------------------------------------------------------------- */

/* It sends what it wants, and reads only while it shakes hands. */
struct loner {
	SSL *ssl;
	BIO *in, *out;
	rws_channel_t raw_in, raw_out;
};

/* What it has to send goes on its way; false: TCP takes no more, even after a while. */
static bool send_all(struct rig *rig, struct loner *l)
{
	uint8_t bytes[4096];
	size_t n = (size_t)BIO_read(l->out, bytes, sizeof(bytes)), done = 0;
	unsigned tries = 0;

	assert_true(n < sizeof(bytes));
	while (rws_write_fully(l->raw_out, bytes, n, &done) == -EAGAIN) {
		if (++tries == 20)
			return false;
		rig_run(rig, SECOND / 10);
	}
	assert_int_equal(done, n);
	assert_int_equal(rws_flush(l->raw_out), 0);
	return true;
}

static void begin_alone(struct rig *rig, struct loner *l, rws_socket_t raw)
{
	uint8_t bytes[4096];
	ssize_t n;

	assert_int_equal(rws_connection(raw, &l->raw_in, &l->raw_out), 0);
	l->ssl = SSL_new(common->context);
	l->in = BIO_new(BIO_s_mem());
	l->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(l->in, -1);
	SSL_set_bio(l->ssl, l->in, l->out);
	SSL_set_connect_state(l->ssl);
	while (SSL_do_handshake(l->ssl) != 1) {
		assert_true(send_all(rig, l));
		assert_int_equal(rws_await_content(l->raw_in, 1, rig_after(rig, SECOND)), 1);
		while ((n = rws_read_available(l->raw_in, bytes, sizeof(bytes))) > 0)
			assert_int_equal(BIO_write(l->in, bytes, (int)n), n);
	}
	assert_true(send_all(rig, l));
}

/* RFC 8446 4.6.3: each asks for an answer, which this peer never reads. */
static void peer_that_reads_no_answers_is_not_read_for_ever(void **state)
{
	const struct rws_options options = {.send_buffer = 16384, .receive_buffer = 11680};
	struct rws_address address = rig_address(1, false, PORT);
	struct rig *rig = *state;
	struct pair p = {0};
	struct loner l;
	unsigned updates = 0;

	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, &options, &p.listener), 0);
	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, &options, &p.raw[0]), 0);
	assert_int_equal(rws_await(p.listener, RWS_EV_ACCEPTABLE, rig_after(rig, SECOND)),
		RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(p.listener, &p.raw[1]), 0);
	assert_int_equal(rws_tls_server(common, p.raw[1], &p.s[1]), 0);
	begin_alone(rig, &l, p.raw[0]);
	do {
		assert_int_equal(SSL_key_update(l.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(l.ssl), 1);
	} while (send_all(rig, &l) && ++updates < 20000);
	assert_in_range(updates, 1000, 19999);
	SSL_free(l.ssl);
	p.s[0] = p.raw[0];
	rws_abort(p.s[0], 0);
	dispose(rig, &p);
}

/* RFC 8446 6.1: the other direction goes on, and what it asks for has no answer any more. */
static void updates_behind_our_end_harm_nothing(void **state)
{
	struct rig *rig = *state;
	struct pair p = connect_raw(rig);
	static uint8_t block[200000];
	struct loner l;
	char bytes[5];
	size_t written;

	assert_int_equal(rws_tls_server(common, p.raw[1], &p.s[1]), 0);
	begin_alone(rig, &l, p.raw[0]);
	assert_int_equal(
		rws_await(p.s[1], RWS_EV_CONNECTED, rig_after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(rws_connection(p.s[1], &p.in[1], &p.out[1]), 0);
	cut(rig, 1); /* our end stands behind these bytes, with TCP */
	assert_int_equal(rws_write_available(p.out[1], block, sizeof(block)), sizeof(block));
	assert_int_equal(rws_channel_close(p.out[1], 0), 1);
	rig_run(rig, SECOND / 10);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(SSL_key_update(l.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(l.ssl), 1);
		assert_int_equal(SSL_write_ex(l.ssl, "more", 5, &written), 1);
		assert_true(send_all(rig, &l));
		rig_read_all(rig, p.in[1], bytes, 5);
		assert_string_equal(bytes, "more");
	}
	SSL_free(l.ssl);
	p.s[0] = p.raw[0];
	rws_abort(p.s[0], 0);
	rws_abort(p.s[1], 0);
	dispose(rig, &p);
}

static void broken_record_ends_it(void **state)
{
	struct rig *rig = *state;
	struct pair p = connect_raw(rig);
	rws_channel_t out;

	assert_int_equal(rws_tls_client(common, p.raw[0], "a.example", &p.s[0]), 0);
	assert_int_equal(rws_open_write_channel(p.raw[1], true, &out), 0);
	assert_int_equal(rws_write_available(out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -EPROTO);
	p.s[1] = p.raw[1];
	dispose(rig, &p);
}

static void close_during_the_handshake_leaves_nothing(void **state)
{
	struct rig *rig = *state;

	for (unsigned step = 0; step < 10; step++) {
		struct pair p = begin(rig, common, common, "a.example");
		rig_run(rig, step * 50000);
		bool over = rws_await(p.s[0], RWS_EV_CONNECTED, 0) > 0;
		rws_close(p.s[0]);
		rig_run(rig, SECOND);
		assert_true(rws_is_closed(p.s[0]));
		if (over) /* the end of a stream then, which is the reader's to answer */
			assert_true(rws_await(p.s[1], RWS_EV_RX_EOF, 0) > 0);
		else
			assert_true(rws_is_closed(p.s[1]));
		dispose(rig, &p);
	}
}

static void selector_that_closes_ends_them(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	struct rws_selector *sel = rig->sel[0];

	rig_write_all(rig, p.out[0], "hello", 5);
	rig_write_all(rig, p.out[1], "world", 5);
	rig_run(rig, SECOND / 10);
	rig->sel[0] = NULL;
	assert_int_equal(rws_selector_close(sel), 2); /* the one and what is below it */
	assert_true(rws_is_closed(p.s[0]));
	assert_int_equal(rws_await_closed(p.s[1], rig_after(rig, SECOND)), -ECONNRESET);
	assert_int_equal(rws_selector_create(rig->rws[0], 0, &rig->sel[0]), 0);
	dispose(rig, &p);
}

/* Contract 47: a peer that takes nothing. */
static void close_is_bounded_by_the_linger_time(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	static uint8_t block[65536];

	while (rws_write_available(p.out[0], block, sizeof(block)) > 0) {
		rws_flush(p.out[0]);
		rig_run(rig, 20000000);
	}
	assert_int_equal(rws_close_linger(p.s[0], 2 * SECOND), 0);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -ETIMEDOUT);
	assert_false(rws_is_closed(p.s[0]));
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, 3 * SECOND)), -ETIMEDOUT);
	assert_true(rws_is_closed(p.s[0]));
	dispose(rig, &p);
}

/* Contract 47: what TCP could not send is not closed well. */
static void b047_close_with_unsent_bytes_is_bounded_by_the_linger_time(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);
	static uint8_t block[200000];

	cut(rig, 0);
	assert_int_equal(rws_write_available(p.out[0], block, sizeof(block)), sizeof(block));
	assert_int_equal(rws_close(p.s[0]), 0);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, 20 * SECOND)), -ETIMEDOUT);
	assert_false(rws_is_closed(p.s[0]));
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, 20 * SECOND)), -ETIMEDOUT);
	assert_true(rws_is_closed(p.s[0]));
	rws_abort(p.s[1], 0);
	dispose(rig, &p);
}

/* rws_close_linger: the peer has acknowledged our FIN, or it is over. */
static void linger_waits_for_the_peers_acknowledgement(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig);

	assert_int_equal(rws_write_available(p.out[0], "bye", 3), 3);
	assert_int_equal(rws_close_linger(p.s[0], SECOND), 0);
	assert_false(rws_is_closed(p.s[0]));
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), 0);
	dispose(rig, &p);
	p = connected(rig);
	cut(rig, 0);
	assert_int_equal(rws_write_available(p.out[0], "bye", 3), 3);
	assert_int_equal(rws_close_linger(p.s[0], 2 * SECOND), 0);
	rig_run(rig, SECOND);
	assert_false(rws_is_closed(p.s[0]));
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, 2 * SECOND)), -ETIMEDOUT);
	assert_true(rws_is_closed(p.s[0]));
	rws_abort(p.s[1], 0);
	dispose(rig, &p);
}

/* ---- On to a connection without TLS ---------------------------------------------------------------- */

/* End 1 joins its TLS socket, by attached channels, to a plain connection with end 0. */
struct relay {
	struct pair tls;
	rws_socket_t listener, near, far; /* near is at end 1, far at end 0 */
	rws_channel_t up, down;           /* from the client, and to it */
	rws_channel_t in, out;            /* of far */
};

static void connect_plain(struct rig *rig, struct relay *r)
{
	struct rws_address address = rig_address(0, false, PORT + 1);
	struct rws_options options = {.reuse_address = true};

	assert_int_equal(rws_tcp_bind(rig->sel[0], &address, &options, &r->listener), 0);
	assert_int_equal(rws_tcp_connect(rig->sel[1], &address, NULL, &r->near), 0);
	assert_int_equal(
		rws_await(r->near, RWS_EV_CONNECTED, rig_after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(rws_await(r->listener, RWS_EV_ACCEPTABLE, rig_after(rig, SECOND)),
		RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(r->listener, &r->far), 0);
	assert_int_equal(rws_connection(r->far, &r->in, &r->out), 0);
}

static rws_channel_t join(struct rig *rig, rws_socket_t from, rws_socket_t to)
{
	rws_channel_t ch;

	assert_int_equal(rws_channel_create(rig->sel[1], 65536, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(from, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(to, ch, NULL), 0);
	return ch;
}

static struct relay relayed(struct rig *rig)
{
	struct relay r = {.tls = begin(rig, common, common, "a.example")};

	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rws_await(r.tls.s[end], RWS_EV_CONNECTED, rig_after(rig, SECOND)),
			RWS_EV_CONNECTED);
	assert_int_equal(rws_connection(r.tls.s[0], &r.tls.in[0], &r.tls.out[0]), 0);
	connect_plain(rig, &r);
	r.up = join(rig, r.tls.s[1], r.near);
	r.down = join(rig, r.near, r.tls.s[1]);
	return r;
}

static void end_relay(struct rig *rig, struct relay *r)
{
	rws_dispose(r->near);
	rws_dispose(r->far);
	rws_dispose(r->listener);
	rws_channel_dispose(r->up);
	rws_channel_dispose(r->down);
	dispose(rig, &r->tls);
}

static void attached_channels_carry_megabytes_both_ways(void **state)
{
	const size_t n = 2 << 20;
	struct rig *rig = *state;
	struct relay r = relayed(rig);

	exchange(rig, r.tls.out[0], r.in, r.out, r.tls.in[0], n);
	assert_int_equal(rws_total_bytes_read(r.up), n);
	assert_int_equal(rws_total_bytes_read(r.down), n);
	end_relay(rig, &r);
}

static void reader_behind_a_relay_stops_the_writer(void **state)
{
	struct rig *rig = *state;
	struct relay r = relayed(rig);
	static uint8_t block[65536];

	for (unsigned i = 0; i < 1000; i++) {
		if (rws_write_available(r.tls.out[0], block, sizeof(block)) > 0)
			rws_flush(r.tls.out[0]);
		rig_run(rig, 1000000);
	}
	assert_int_equal(rws_write_available(r.tls.out[0], block, 1), -EAGAIN);
	assert_true(rws_available_for_read(r.up) <= 65536 + 16384);
	end_relay(rig, &r);
}

/* FIN, then close_notify: each direction's end passes, and the other goes on. */
static void ends_pass_through_a_relay_one_by_one(void **state)
{
	for (unsigned first = 0; first < 2; first++) {
		struct rig *rig = *state;
		struct relay r = relayed(rig);
		rws_channel_t out[2] = {r.tls.out[0], r.out}, in[2] = {r.in, r.tls.in[0]};
		char bytes[5];

		for (unsigned i = 0; i < 2; i++) {
			unsigned way = first ^ i;
			rig_write_all(rig, out[way], "last", 5);
			assert_int_equal(rws_channel_close(out[way], 0), 1);
			rig_read_all(rig, in[way], bytes, 5);
			assert_int_equal(rws_await_content(in[way], 1, rig_after(rig, SECOND)), 0);
		}
		rws_close(r.tls.s[0]);
		assert_int_equal(rws_await_closed(r.tls.s[0], rig_after(rig, SECOND)), 0);
		end_relay(rig, &r);
	}
}

/* RFC 8446 6.1: what was cut must not look complete at the other side. */
static void truncation_passes_through_a_relay_as_a_reset(void **state)
{
	struct rig *rig = *state;
	struct relay r = relayed(rig);

	rig_write_all(rig, r.out, "half", 5);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_abort(r.far, -ECONNABORTED), 0);
	assert_int_equal(rws_await_closed(r.tls.s[0], rig_after(rig, SECOND)), -ECONNRESET);
	end_relay(rig, &r);

	r = relayed(rig);
	rig_write_all(rig, r.tls.out[0], "half", 5);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_close(r.tls.raw[0]), 0); /* FIN without close_notify */
	assert_int_equal(rws_await_closed(r.far, rig_after(rig, SECOND)), -ECONNRESET);
	end_relay(rig, &r);
}

/* ---- Whom to trust ------------------------------------------------------------------------------ */

static void assert_refused(struct rig *rig, struct rws_tls *client, struct rws_tls *server,
	const char *name, int wanted)
{
	struct pair p = begin(rig, client, server, name);

	assert_int_equal(rws_await(p.s[0], RWS_EV_CONNECTED, rig_after(rig, SECOND)), wanted);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), wanted);
	assert_int_equal(rws_await_closed(p.s[1], rig_after(rig, SECOND)), wanted);
	rig_run(rig, SECOND);
	/* Contract 130: nothing is left of the raw ones. */
	assert_int_equal(rws_local_address(p.raw[0], &(struct rws_address){0}), -EBADF);
	assert_int_equal(rws_local_address(p.raw[1], &(struct rws_address){0}), -EBADF);
	dispose(rig, &p);
}

static void b130_certificate_for_another_name_is_refused(void **state)
{
	assert_refused(*state, common, common, "b.example", -EKEYREJECTED);
}

static void of_nobody(struct rws_tls_config *config)
{
	config->certificate_file = certificates_path("self.pem");
	config->key_file = certificates_path("self.key");
}

static void b130_certificate_that_nobody_vouches_for_is_refused(void **state)
{
	struct rws_tls *server = context(of_nobody);

	assert_refused(*state, common, server, "a.example", -EKEYREJECTED);
	rws_tls_destroy(server);
}

static void trusting(struct rws_tls_config *config)
{
	config->trust_anybody = true;
	config->certificate_file = config->key_file = NULL;
}

static void trust_in_anybody_takes_any_certificate(void **state)
{
	struct rws_tls *client = context(trusting), *server = context(of_nobody);
	struct pair p = connected_with(*state, client, server, NULL);

	dispose(*state, &p);
	rws_tls_destroy(client);
	rws_tls_destroy(server);
}

/* Contract 131: RFC 6125 6.4.3, a wildcard stands for one label; RFC 2818 3.1, addresses. */
static void b131_wildcards_and_addresses_are_matched(void **state)
{
	static const char *const good[] = {"a.example.", "x.wild.example", "10.0.0.2"};
	static const char *const bad[] = {"wild.example", "x.y.wild.example", "10.0.0.3"};

	for (unsigned i = 0; i < 3; i++) {
		struct pair p = connected_with(*state, common, common, good[i]);
		dispose(*state, &p);
		assert_refused(*state, common, common, bad[i], -EKEYREJECTED);
	}
}

static void needing(struct rws_tls_config *config)
{
	config->need_client_certificate = true;
}

static void with_none(struct rws_tls_config *config)
{
	config->certificate_file = config->key_file = NULL;
}

/* Contract 131. */
static void b131_client_certificate_is_asked_for(void **state)
{
	struct rig *rig = *state;
	struct rws_tls *server = context(needing), *without = context(with_none);
	struct rws_tls_info info;

	struct pair p = connected_with(rig, common, server, "a.example");
	assert_int_equal(rws_tls_info(p.s[1], &info), 0);
	assert_string_equal(info.peer, "server");
	dispose(rig, &p);

	p = begin(rig, without, server, "a.example");
	assert_int_equal(rws_await_closed(p.s[1], rig_after(rig, SECOND)), -EKEYREJECTED);
	assert_int_equal(rws_await_closed(p.s[0], rig_after(rig, SECOND)), -EKEYREJECTED);
	dispose(rig, &p);
	rws_tls_destroy(server);
	rws_tls_destroy(without);
}

/* ---- What is agreed on ----------------------------------------------------------------------------- */

static void offering_both(struct rws_tls_config *config)
{
	static const char *const protocols[] = {"h2", "http/1.1"};

	config->alpn = protocols;
	config->alpn_count = 2;
}

static void speaking_one(struct rws_tls_config *config)
{
	static const char *const protocols[] = {"http/1.1"};

	config->alpn = protocols;
	config->alpn_count = 1;
}

static void speaking_another(struct rws_tls_config *config)
{
	static const char *const protocols[] = {"smtp"};

	config->alpn = protocols;
	config->alpn_count = 1;
}

static void only_13(struct rws_tls_config *config)
{
	config->tls13_only = true;
}

static void peer_with_old_versions_only_is_refused(void **state)
{
	struct rws_tls *client = context(only_13), *old = context(NULL);

	SSL_CTX_set_max_proto_version(old->context, TLS1_2_VERSION);
	assert_refused(*state, client, old, "a.example", -EPROTO);
	rws_tls_destroy(client);
	rws_tls_destroy(old);
}

/* RFC 7301. */
static void protocol_in_common_is_chosen(void **state)
{
	struct rig *rig = *state;
	struct rws_tls *client = context(offering_both), *server = context(speaking_one);
	struct rws_tls *other = context(speaking_another);
	struct rws_tls_info info;

	struct pair p = connected_with(rig, client, server, "a.example");
	for (unsigned end = 0; end < 2; end++) {
		assert_int_equal(rws_tls_info(p.s[end], &info), 0);
		assert_string_equal(info.alpn, "http/1.1");
	}
	dispose(rig, &p);
	assert_refused(rig, client, other, "a.example", -EPROTO);
	rws_tls_destroy(client);
	rws_tls_destroy(server);
	rws_tls_destroy(other);
}

static void context_may_go_before_its_connections(void **state)
{
	struct rig *rig = *state;
	struct rws_tls *client = context(offering_both), *server = context(speaking_one);
	struct pair p = begin(rig, client, server, "a.example");

	rws_tls_destroy(client);
	rws_tls_destroy(server);
	assert_int_equal(
		rws_await(p.s[0], RWS_EV_CONNECTED, rig_after(rig, SECOND)), RWS_EV_CONNECTED);
	dispose(rig, &p);
}

/* ---- Calls that make no sense --------------------------------------------------------------------- */

static void socket_must_be_fresh(void **state)
{
	struct rig *rig = *state;
	struct pair p = connect_raw(rig);
	rws_channel_t in;
	rws_socket_t s;

	assert_int_equal(rws_tls_client(common, p.raw[0], NULL, &s), -EINVAL);
	assert_int_equal(rws_tls_client(common, p.raw[0], ".", &s), -EINVAL);
	assert_int_equal(rws_tls_client(common, p.listener, "a.example", &s), -ENOTCONN);
	assert_int_equal(rws_open_read_channel(p.raw[0], &in), 0);
	assert_int_equal(rws_tls_client(common, p.raw[0], "a.example", &s), -EALREADY);
	assert_int_equal(rws_tls_client(common, RWS_NONE, "a.example", &s), -EBADF);
	assert_int_equal(rws_tls_info(p.raw[0], &(struct rws_tls_info){0}), -EBADF);
	struct rws_tls *client = context(with_none);
	assert_int_equal(rws_tls_server(client, p.raw[1], &s), -EINVAL);
	rws_tls_destroy(client);
	p.s[0] = p.raw[0];
	p.s[1] = p.raw[1];
	dispose(rig, &p);
}

static void datagrams_have_no_tls(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = rig_address(1, false, PORT);
	rws_socket_t udp, s;
	rws_channel_t in, out;

	assert_int_equal(rws_udp_connect(rig->sel[0], &remote, NULL, NULL, &udp), 0);
	assert_int_equal(rws_tls_client(common, udp, "a.example", &s), -EINVAL);
	assert_int_equal(rws_tls_server(common, udp, &s), -EINVAL);
	assert_int_equal(rws_connection(udp, &in, &out), 0); /* it is as it was */
	rws_dispose(udp);
}

/* It is on standard input, where one is not to look for it. */
static void nobody_is_asked_for_a_pass_phrase(void **state)
{
	struct rws_tls_config config;
	struct rws_error error;
	struct rws_tls *tls;
	int ends[2];

	certificates_lock_key("locked", "server");
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "phrase\n", 7), 7);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	rws_tls_config_init(&config);
	config.certificate_file = certificates_path("server.pem");
	config.key_file = certificates_path("locked.key");
	assert_int_equal(rws_tls_create(&config, &tls, &error), -EINVAL);
	assert_non_null(strstr(error.text, "locked.key"));
	assert_non_null(strstr(error.text, "pass phrase"));
	close(ends[0]);
	close(ends[1]);
}

static void files_that_make_no_sense_are_told(void **state)
{
	struct rws_tls_config config;
	struct rws_error error;
	struct rws_tls *tls;

	rws_tls_config_init(&config);
	config.certificate_file = certificates_path("server.pem");
	assert_int_equal(rws_tls_create(&config, &tls, &error), -EINVAL);
	config.key_file = certificates_path("nothing.key");
	assert_int_equal(rws_tls_create(&config, &tls, &error), -ENOENT);
	assert_non_null(strstr(error.text, "nothing.key"));
	config.key_file = certificates_path("self.key"); /* another one's */
	assert_int_equal(rws_tls_create(&config, &tls, &error), -EINVAL);
	config.key_file = certificates_path("server.key");
	config.ca_file = certificates_path("server.key"); /* no certificate */
	assert_int_equal(rws_tls_create(&config, &tls, &error), -EINVAL);
	config.size--;
	assert_int_equal(rws_tls_create(&config, &tls, NULL), -EINVAL);
}

static int group_setup(void **state)
{
	certificates_begin();
	certificates_make("server", "DNS:a.example,DNS:*.wild.example,IP:10.0.0.2", 0);
	certificates_make("self", "DNS:a.example", 1);
	common = context(NULL);
	return rig_group_setup(state);
}

static int group_teardown(void **state)
{
	rws_tls_destroy(common);
	certificates_end();
	return rig_group_teardown(state);
}

#define CASE(test) BOTH_CASE(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_cross_both_ways),
		CASE(tls_1_2_is_spoken_where_the_peer_knows_no_other),
		CASE(plain_text_is_not_on_the_wire),
		CASE(megabytes_are_byte_equal),
		CASE(reader_that_stops_stops_the_writer),
		CASE(all_that_is_kept_for_a_reader_can_be_awaited),
		CASE(bytes_written_before_the_handshake_follow_it),
		CASE(acknowledged_is_told_after_the_peers_acknowledgement),
		CASE(options_are_those_of_the_socket_underneath),
		CASE(b128_bytes_before_the_end_are_read_to_it),
		CASE(half_close_ends_one_direction_only),
		CASE(b129_bare_fin_is_an_error_behind_the_bytes),
		CASE(reset_is_told_as_what_it_is),
		CASE(b108_socket_timeout_is_for_who_waits),
		CASE(b108_bytes_of_a_record_renew_the_socket_timeout),
		CASE(b109_socket_timeout_is_for_writers_that_come_no_further),
		CASE(b109_socket_timeout_is_the_uppermost_sockets),
		CASE(reset_behind_the_peers_end_is_told),
		CASE(peer_that_reads_no_answers_is_not_read_for_ever),
		CASE(updates_behind_our_end_harm_nothing),
		CASE(broken_record_ends_it),
		CASE(close_during_the_handshake_leaves_nothing),
		CASE(selector_that_closes_ends_them),
		CASE(close_is_bounded_by_the_linger_time),
		CASE(b047_close_with_unsent_bytes_is_bounded_by_the_linger_time),
		CASE(linger_waits_for_the_peers_acknowledgement),
		CASE(attached_channels_carry_megabytes_both_ways),
		CASE(reader_behind_a_relay_stops_the_writer),
		CASE(ends_pass_through_a_relay_one_by_one),
		CASE(truncation_passes_through_a_relay_as_a_reset),
		CASE(b130_certificate_for_another_name_is_refused),
		CASE(b130_certificate_that_nobody_vouches_for_is_refused),
		CASE(trust_in_anybody_takes_any_certificate),
		CASE(b131_wildcards_and_addresses_are_matched),
		CASE(b131_client_certificate_is_asked_for),
		CASE(peer_with_old_versions_only_is_refused),
		CASE(protocol_in_common_is_chosen),
		CASE(context_may_go_before_its_connections),
		CASE(socket_must_be_fresh),
		CASE(datagrams_have_no_tls),
		cmocka_unit_test(nobody_is_asked_for_a_pass_phrase),
		cmocka_unit_test(files_that_make_no_sense_are_told),
	};

	return cmocka_run_group_tests_name("tls", tests, group_setup, group_teardown);
}
