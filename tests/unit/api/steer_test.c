/* SPDX-License-Identifier: BSD-3-Clause */
/* Which core a frame belongs to: api/steer.c. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/steer.h"

#define CORES 4u

struct fixture {
	struct steer steer;
	struct steer_core core[CORES];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->steer.cores = CORES;
	f->steer.every_core_has_queue = true;
	for (unsigned c = 0; c < CORES; c++)
		f->core[c] = (struct steer_core){.steer = &f->steer, .core = c};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* ---- Frames ----------------------------------------------------------------------------- */

struct frame {
	uint8_t bytes[160];
	unsigned length;
};

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static struct frame ip4(uint8_t proto, unsigned source, unsigned destination)
{
	struct frame f = {.length = 14 + 20 + 20};

	put16(f.bytes + 12, 0x0800);
	f.bytes[14] = 0x45;
	f.bytes[14 + 9] = proto;
	memcpy(f.bytes + 14 + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	put16(f.bytes + 34, source);
	put16(f.bytes + 36, destination);
	return f;
}

static struct frame ip6(uint8_t next, unsigned source, unsigned destination)
{
	struct frame f = {.length = 14 + 40 + 20};

	put16(f.bytes + 12, 0x86dd);
	f.bytes[14] = 0x60;
	f.bytes[14 + 6] = next;
	f.bytes[14 + 23] = 1;
	f.bytes[14 + 39] = 2;
	put16(f.bytes + 54, source);
	put16(f.bytes + 56, destination);
	return f;
}

static uint32_t all_to(const struct fixture *f, unsigned self, const struct frame *frame)
{
	return steer_frame(&f->steer, self, frame->bytes, frame->length);
}

/* The one core, or STEER_ALL. */
static unsigned to(const struct fixture *f, unsigned self, const struct frame *frame)
{
	uint32_t cores = all_to(f, self, frame);

	if (cores == STEER_ALL)
		return STEER_ALL;
	assert_int_equal(__builtin_popcount(cores), 1);
	return (unsigned)__builtin_ctz(cores);
}

/* ---- Claims ----------------------------------------------------------------------------- */

static void port_held_alone_is_refused_to_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(steer_claim(&f->core[1], IPPROTO_TCP, 50000, false), 0);
	assert_int_equal(steer_claim(&f->core[2], IPPROTO_TCP, 50000, false), -EADDRINUSE);
	assert_int_equal(steer_claim(&f->core[2], IPPROTO_TCP, 50000, true), -EADDRINUSE);
	assert_int_equal(steer_claim(&f->core[2], IPPROTO_UDP, 50000, false), 0);
}

static void port_given_back_is_free_for_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(steer_claim(&f->core[1], IPPROTO_TCP, 50000, false), 0);
	steer_release(&f->core[1], IPPROTO_TCP, 50000);
	assert_int_equal(steer_claim(&f->core[2], IPPROTO_TCP, 50000, false), 0);
}

static void port_shared_is_refused_to_one_who_wants_it_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(steer_claim(&f->core[0], IPPROTO_UDP, 53, true), 0);
	assert_int_equal(steer_claim(&f->core[3], IPPROTO_UDP, 53, true), 0);
	assert_int_equal(steer_claim(&f->core[2], IPPROTO_UDP, 53, false), -EADDRINUSE);
}

static void release_without_claim_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(steer_claim(&f->core[0], IPPROTO_TCP, 80, false), 0);
	steer_release(&f->core[1], IPPROTO_TCP, 80);
	assert_int_equal(steer_claim(&f->core[1], IPPROTO_TCP, 80, false), -EADDRINUSE);
}

/* ---- Frames to cores -------------------------------------------------------------------- */

static void frame_to_unclaimed_port_stays(void **state)
{
	struct fixture *f = *state;
	struct frame tcp = ip4(IPPROTO_TCP, 1234, 80);

	for (unsigned self = 0; self < CORES; self++)
		assert_int_equal(to(f, self, &tcp), self);
}

static void frame_to_claimed_port_goes_to_its_core(void **state)
{
	struct fixture *f = *state;
	struct frame tcp4 = ip4(IPPROTO_TCP, 1234, 50000);
	struct frame tcp6 = ip6(IPPROTO_TCP, 1234, 50000);
	struct frame udp4 = ip4(IPPROTO_UDP, 1234, 50000);

	steer_claim(&f->core[2], IPPROTO_TCP, 50000, false);
	for (unsigned self = 0; self < CORES; self++) {
		assert_int_equal(to(f, self, &tcp4), 2);
		assert_int_equal(to(f, self, &tcp6), 2);
		assert_int_equal(to(f, self, &udp4), self);
	}
}

static void frame_to_port_of_all_stays_with_each(void **state)
{
	struct fixture *f = *state;
	struct frame tcp = ip4(IPPROTO_TCP, 1234, 80);

	for (unsigned c = 0; c < CORES; c++)
		steer_claim(&f->core[c], IPPROTO_TCP, 80, true);
	for (unsigned self = 0; self < CORES; self++)
		assert_int_equal(to(f, self, &tcp), self);
}

static void flow_without_queues_for_all_goes_to_one_owner_wherever_it_lands(void **state)
{
	struct fixture *f = *state;
	unsigned seen = 0;

	f->steer.every_core_has_queue = false;
	steer_claim(&f->core[1], IPPROTO_TCP, 80, true);
	steer_claim(&f->core[3], IPPROTO_TCP, 80, true);
	for (unsigned source = 1024; source < 1124; source++) {
		struct frame tcp = ip4(IPPROTO_TCP, source, 80);
		unsigned owner = to(f, 0, &tcp);
		assert_true(owner == 1 || owner == 3);
		seen |= 1u << owner;
		assert_int_equal(to(f, 1, &tcp), owner);
		assert_int_equal(to(f, 3, &tcp), owner);
	}
	assert_int_equal(seen, 1u << 1 | 1u << 3); /* both get some */
}

/* What makes a frame one to many: its group, or its link-layer address. */
static struct frame to_many(unsigned kind, unsigned port)
{
	struct frame f = kind < 2 ? ip4(IPPROTO_UDP, 1234, port) : ip6(IPPROTO_UDP, 1234, port);

	if (kind == 0)
		memcpy(f.bytes + 30, "\xef\x01\x02\x03", 4);
	else if (kind == 1)
		memset(f.bytes, 0xff, 6);
	else
		f.bytes[38] = 0xff;
	return f;
}

/* RFC 1122 3.3.6, 3.3.7: each socket that may be meant gets it, on whichever core it lives. */
static void datagram_to_many_goes_to_every_core_with_its_port(void **state)
{
	struct fixture *f = *state;

	steer_claim(&f->core[1], IPPROTO_UDP, 53, true);
	steer_claim(&f->core[3], IPPROTO_UDP, 53, true);
	steer_claim(&f->core[2], IPPROTO_UDP, 54, false);
	for (unsigned queues = 0; queues < 2; queues++) {
		f->steer.every_core_has_queue = queues == 1;
		for (unsigned i = 0; i < 3 * CORES; i++) {
			struct frame both = to_many(i / CORES, 53), one = to_many(i / CORES, 54);
			struct frame none = to_many(i / CORES, 55), dhcp = to_many(1, 68);
			unsigned self = i % CORES;
			assert_int_equal(all_to(f, self, &both), 1u << 1 | 1u << 3);
			assert_int_equal(to(f, self, &one), 2);
			assert_int_equal(to(f, self, &none), self);
			assert_int_equal(to(f, self, &dhcp), 0);
			both.bytes[both.bytes[14] == 0x45 ? 23 : 20] = IPPROTO_TCP;
			assert_int_equal(to(f, self, &both), self);
		}
	}
	assert_int_equal(steer_owners(&f->steer, IPPROTO_UDP, 53), 1u << 1 | 1u << 3);
	assert_int_equal(steer_owners(&f->steer, IPPROTO_UDP, 54), 1u << 2);
	assert_int_equal(steer_owners(&f->steer, IPPROTO_ICMP, 54), 0);
}

static void fragments_of_a_datagram_to_many_go_to_all(void **state)
{
	struct fixture *f = *state;

	steer_claim(&f->core[2], IPPROTO_UDP, 53, false);
	for (unsigned i = 0; i < 3; i++) {
		struct frame frame = to_many(i, 53);
		if (i < 2)
			put16(frame.bytes + 14 + 6, 0x2000);
		else
			frame.bytes[20] = IPPROTO_FRAGMENT;
		assert_int_equal(to(f, 1, &frame), STEER_ALL);
	}
}

static void fragments_of_a_datagram_meet_on_one_core(void **state)
{
	struct fixture *f = *state;
	struct frame first = ip4(IPPROTO_UDP, 1234, 53);
	struct frame later = ip4(IPPROTO_UDP, 0xdead, 0xbeef); /* payload where ports would be */

	put16(first.bytes + 14 + 4, 77);
	put16(later.bytes + 14 + 4, 77);
	put16(first.bytes + 14 + 6, 0x2000);
	put16(later.bytes + 14 + 6, 185);
	steer_claim(&f->core[2], IPPROTO_UDP, 53, false);
	unsigned core = to(f, 0, &first);
	assert_true(core < CORES);
	for (unsigned self = 0; self < CORES; self++) {
		assert_int_equal(to(f, self, &first), core);
		assert_int_equal(to(f, self, &later), core);
	}
}

/* RFC 8200 4.1. */
static void extension_headers_hide_no_port(void **state)
{
	static const uint8_t headers[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS};
	struct fixture *f = *state;

	steer_claim(&f->core[3], IPPROTO_TCP, 80, false);
	for (unsigned i = 0; i < 3; i++) {
		/* Twice the header, the second one of 16 bytes; ports behind both. */
		struct frame tcp = ip6(headers[i], (unsigned)headers[i] << 8, 0);
		tcp.bytes[54 + 8] = IPPROTO_TCP;
		tcp.bytes[54 + 9] = 1;
		put16(tcp.bytes + 54 + 8 + 16, 40000);
		put16(tcp.bytes + 54 + 8 + 16 + 2, 80);
		tcp.length = 54 + 8 + 16 + 20;
		assert_int_equal(to(f, 1, &tcp), 3);
		tcp.length = 54 + 8 + 16 + 4; /* cut off */
		assert_int_equal(to(f, 1, &tcp), 1);
		tcp.length = 54 + 8 + 4;
		assert_int_equal(to(f, 1, &tcp), 1);
		tcp.bytes[54 + 9] = 255; /* far beyond its end */
		tcp.length = 54 + 8 + 16 + 20;
		assert_int_equal(to(f, 1, &tcp), 1);
	}
}

static void arp_and_neighbour_discovery_go_to_all(void **state)
{
	struct fixture *f = *state;
	struct frame arp = {.length = 42};
	struct frame nd = ip6(IPPROTO_ICMPV6, 0, 0);
	struct frame mld = ip6(IPPROTO_HOPOPTS, IPPROTO_ICMPV6 << 8, 0); /* with its router alert */

	put16(arp.bytes + 12, 0x0806);
	nd.bytes[54] = 135;
	mld.bytes[54 + 8] = 131;
	assert_int_equal(to(f, 1, &arp), STEER_ALL);
	assert_int_equal(to(f, 1, &nd), STEER_ALL);
	assert_int_equal(to(f, 1, &mld), STEER_ALL);
}

static void ping_stays_and_an_icmp_error_follows_the_packet_it_quotes(void **state)
{
	struct fixture *f = *state;
	struct frame icmp = ip4(IPPROTO_ICMP, 0, 0);
	uint8_t *l4 = icmp.bytes + 34;

	steer_claim(&f->core[3], IPPROTO_TCP, 50000, false);
	l4[0] = 8;
	assert_int_equal(to(f, 1, &icmp), 1);

	l4[0] = 3;
	l4[8] = 0x45;
	l4[8 + 9] = IPPROTO_TCP;
	put16(l4 + 28, 50000);
	icmp.length = 34 + 8 + 20 + 8;
	assert_int_equal(to(f, 1, &icmp), 3);
	icmp.length = 34 + 8 + 20 + 3; /* the ports are cut off */
	assert_int_equal(to(f, 1, &icmp), 1);
}

/* RFC 4443 3.2, RFC 8200 4.5: the ports of what was too big stand in its first fragment. */
static void packet_too_big_follows_the_fragment_it_quotes(void **state)
{
	struct fixture *f = *state;
	struct frame icmp = ip6(IPPROTO_ICMPV6, 2 << 8, 0);
	uint8_t *quoted = icmp.bytes + 54 + 8;

	steer_claim(&f->core[3], IPPROTO_UDP, 50000, false);
	quoted[0] = 0x60;
	quoted[6] = IPPROTO_FRAGMENT;
	quoted[40] = IPPROTO_UDP;
	quoted[43] = 1; /* more of them follow */
	put16(quoted + 48, 50000);
	icmp.length = 54 + 8 + 40 + 8 + 8;
	assert_int_equal(to(f, 1, &icmp), 3);
	icmp.length = 54 + 8 + 40 + 8 + 3; /* the ports are cut off */
	assert_int_equal(to(f, 1, &icmp), 1);
	icmp.length = 54 + 8 + 40 + 8 + 8;
	put16(quoted + 42, 1448); /* a later one, which has none */
	assert_int_equal(to(f, 1, &icmp), 1);
}

static void dhcp_reply_goes_to_the_first_core(void **state)
{
	struct fixture *f = *state;
	struct frame dhcp = ip4(IPPROTO_UDP, 67, 68);

	assert_int_equal(to(f, 2, &dhcp), 0);
}

/* No length of a frame makes it read past the end: valgrind and ASan watch the exact copy. */
static void truncated_frames_stay_within_bounds(void **state)
{
	struct fixture *f = *state;
	struct frame frames[] = {ip4(IPPROTO_TCP, 1, 2), ip6(IPPROTO_UDP, 1, 2),
		ip6(IPPROTO_ICMPV6, 0, 0), ip6(IPPROTO_FRAGMENT, 0, 0),
		ip4(IPPROTO_ICMP, 0x0300, 0)};

	frames[4].bytes[14] = 0x4f; /* options to the end */
	for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		for (unsigned length = 0; length <= frames[i].length; length++) {
			uint8_t *exact = malloc(length > 0 ? length : 1);
			assert_non_null(exact);
			memcpy(exact, frames[i].bytes, length);
			uint32_t cores = steer_frame(&f->steer, 1, exact, length);
			assert_true(cores == STEER_ALL || (cores != 0 && cores < 1u << CORES));
			free(exact);
		}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(port_held_alone_is_refused_to_others),
		CASE(port_given_back_is_free_for_others),
		CASE(port_shared_is_refused_to_one_who_wants_it_alone),
		CASE(release_without_claim_changes_nothing),
		CASE(frame_to_unclaimed_port_stays),
		CASE(frame_to_claimed_port_goes_to_its_core),
		CASE(frame_to_port_of_all_stays_with_each),
		CASE(flow_without_queues_for_all_goes_to_one_owner_wherever_it_lands),
		CASE(datagram_to_many_goes_to_every_core_with_its_port),
		CASE(fragments_of_a_datagram_to_many_go_to_all),
		CASE(fragments_of_a_datagram_meet_on_one_core),
		CASE(extension_headers_hide_no_port),
		CASE(arp_and_neighbour_discovery_go_to_all),
		CASE(ping_stays_and_an_icmp_error_follows_the_packet_it_quotes),
		CASE(packet_too_big_follows_the_fragment_it_quotes),
		CASE(dhcp_reply_goes_to_the_first_core),
		CASE(truncated_frames_stay_within_bounds),
	};

	return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
