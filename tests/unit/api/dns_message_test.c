/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/dns_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dns_question ask4 = {.id = 0x1234, .family = RWS_IPV4, .name = "a.example"};
static const struct dns_question ask6 = {.id = 0x1234, .family = RWS_IPV6, .name = "a.example"};

static struct dns_addresses found;

/* ---- Messages --------------------------------------------------------------------------- */

struct built {
	uint8_t bytes[2048];
	size_t n;
};

static void put(struct built *m, const void *bytes, size_t n)
{
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static void put16(struct built *m, unsigned value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(m, bytes, 2);
}

/* An answer to `question` so far without records; name as on the wire. */
static struct built answer_to(const struct dns_question *question, unsigned flags)
{
	struct built m = {.n = 0};

	put16(&m, question->id);
	put16(&m, flags);
	put16(&m, 1);
	put16(&m, 0);
	put16(&m, 0);
	put16(&m, 0);
	put(&m, "\1a\7example", 11); /* with its last zero */
	put16(&m, question->family == RWS_IPV6 ? 28 : 1);
	put16(&m, 1);
	return m;
}

static void add(struct built *m, const char *owner, size_t owner_length, unsigned type,
	const void *data, unsigned length)
{
	m->bytes[7]++;
	put(m, owner, owner_length);
	put16(m, type);
	put16(m, 1);
	put16(m, 0);
	put16(m, 300);
	put16(m, length);
	put(m, data, length);
}

#define THE_NAME "\xc0\x0c", 2 /* a pointer to the question's */

static int read_built(const struct dns_question *question, const struct built *m)
{
	/* A copy of just that size, so that a sanitizer sees what reads beyond it. */
	uint8_t *exact = malloc(m->n > 0 ? m->n : 1);

	assert_non_null(exact);
	memcpy(exact, m->bytes, m->n);
	int result = dns_answer(question, exact, m->n, &found);
	free(exact);
	return result;
}

/* ---- Asking ------------------------------------------------------------------------------ */

static void query_asks_one_question_with_recursion(void **state)
{
	static const uint8_t wanted[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 7, 'e',
		'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 28, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0,
		0};
	uint8_t out[DNS_QUERY_MAX];

	assert_int_equal(dns_query(&ask6, out), sizeof(wanted));
	assert_memory_equal(out, wanted, sizeof(wanted));
	assert_true(dns_query(&ask4, out) == sizeof(wanted) && out[24] == 1);
}

static void longest_name_fits(void **state)
{
	char name[HOST_NAME_LENGTH + 1];
	struct dns_question question = {.id = 1, .family = RWS_IPV4, .name = name};
	uint8_t out[DNS_QUERY_MAX];

	memset(name, 'a', HOST_NAME_LENGTH);
	name[63] = name[127] = name[191] = '.';
	name[HOST_NAME_LENGTH] = '\0';
	assert_int_equal(dns_query(&question, out), DNS_QUERY_MAX);
}

/* ---- Answers ------------------------------------------------------------------------------ */

static void addresses_come_in_their_order(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	add(&m, THE_NAME, 1, "\x0a\0\0\x02", 4);
	add(&m, THE_NAME, 1, "\x0a\0\0\x01", 4);
	add(&m, THE_NAME, 1, "\x0a\0\0\x02", 4); /* once more */
	assert_int_equal(read_built(&ask4, &m), 0);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.address[0].ip[3], 2);
	assert_int_equal(found.address[1].ip[3], 1);
	assert_int_equal(found.address[1].family, RWS_IPV4);
}

static void ipv6_addresses_are_read(void **state)
{
	struct built m = answer_to(&ask6, 0x8180);

	add(&m, THE_NAME, 28, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	add(&m, THE_NAME, 1, "\x0a\0\0\x02", 4); /* not asked for */
	assert_int_equal(read_built(&ask6, &m), 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.address[0].family, RWS_IPV6);
	assert_int_equal(found.address[0].ip[15], 2);
}

static void no_more_are_taken_than_there_is_room_for(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	for (uint8_t i = 1; i <= 40; i++)
		add(&m, THE_NAME, 1, (uint8_t[]){10, 0, 0, i}, 4);
	assert_int_equal(read_built(&ask4, &m), 0);
	assert_int_equal(found.count, DNS_ADDRESSES_MAX);
}

/* RFC 1034 3.6.2: the alias may stand anywhere; addresses of other names are nobody's business. */
static void aliases_are_followed_in_any_order(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	add(&m, "\1b\0", 3, 5, "\1c\0", 3);
	add(&m, "\1c\0", 3, 1, "\x0a\0\0\x03", 4);
	add(&m, "\1x\0", 3, 1, "\x0a\0\0\x04", 4);
	add(&m, THE_NAME, 5, "\1B\0", 3);
	assert_int_equal(read_built(&ask4, &m), 0);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.address[0].ip[3], 3);
}

static void alias_to_itself_ends(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	add(&m, THE_NAME, 5, "\1b\0", 3);
	add(&m, "\1b\0", 3, 5, THE_NAME);
	assert_int_equal(read_built(&ask4, &m), -ENXIO);
}

static void codes_are_told_apart(void **state)
{
	struct built none = answer_to(&ask4, 0x8180), no_name = answer_to(&ask4, 0x8183);
	struct built failed = answer_to(&ask4, 0x8182), refused = answer_to(&ask4, 0x8185);

	assert_int_equal(read_built(&ask4, &none), -ENXIO);
	assert_int_equal(read_built(&ask4, &no_name), -ENXIO);
	assert_int_equal(read_built(&ask4, &failed), -EREMOTEIO);
	assert_int_equal(read_built(&ask4, &refused), -EREMOTEIO);
}

/* Nobody connects there, whatever a server says. */
static void addresses_that_are_no_hosts_are_left_out(void **state)
{
	struct built m = answer_to(&ask4, 0x8180), n = answer_to(&ask6, 0x8180);

	add(&m, THE_NAME, 1, "\0\0\0\0", 4);
	add(&m, THE_NAME, 1, "\x7f\0\0\x01", 4);
	add(&m, THE_NAME, 1, "\xe0\0\0\x01", 4);
	add(&m, THE_NAME, 1, "\xff\xff\xff\xff", 4);
	assert_int_equal(read_built(&ask4, &m), -ENXIO);
	add(&n, THE_NAME, 28, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	add(&n, THE_NAME, 28, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	add(&n, THE_NAME, 28, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	add(&n, THE_NAME, 28, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16);
	assert_int_equal(read_built(&ask6, &n), -ENXIO);
}

/* RFC 5452 9.1. */
static void what_does_not_answer_the_question_is_ignored(void **state)
{
	struct dns_question other_id = ask4, other_name = ask4;
	struct built m = answer_to(&ask4, 0x8180);

	add(&m, THE_NAME, 1, "\x0a\0\0\x02", 4);
	other_id.id++;
	other_name.name = "b.example";
	assert_int_equal(read_built(&other_id, &m), -EBADMSG);
	assert_int_equal(read_built(&other_name, &m), -EBADMSG);
	assert_int_equal(read_built(&ask6, &m), -EBADMSG);
	m.bytes[2] = 0x01; /* a query */
	assert_int_equal(read_built(&ask4, &m), -EBADMSG);
	m.bytes[2] = 0x83; /* cut short */
	assert_int_equal(read_built(&ask4, &m), -EBADMSG);
	m.bytes[2] = 0x91; /* another kind of query */
	assert_int_equal(read_built(&ask4, &m), -EBADMSG);
	m.bytes[2] = 0x81;
	m.bytes[5] = 2; /* two questions */
	assert_int_equal(read_built(&ask4, &m), -EBADMSG);
	m.bytes[5] = 1;
	assert_int_equal(read_built(&ask4, &m), 0);
}

static void capitals_in_the_answer_are_the_same(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	m.bytes[13] = 'A';
	m.bytes[15] = 'E';
	add(&m, THE_NAME, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &m), 0);
}

/* ---- Broken ones ---------------------------------------------------------------------------- */

static void every_cut_is_refused(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);

	add(&m, THE_NAME, 5, "\1b\0", 3);
	add(&m, "\1b\0", 3, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &m), 0);
	while (m.n-- > 0)
		assert_int_equal(read_built(&ask4, &m), -EBADMSG);
}

/* RFC 1035 4.1.4: only to an earlier place; a loop would never end. */
static void pointers_that_lead_forwards_or_nowhere_are_refused(void **state)
{
	struct built m = answer_to(&ask4, 0x8180);
	unsigned at = (unsigned)m.n;
	uint8_t self[2] = {(uint8_t)(0xc0 | at >> 8), (uint8_t)at};
	uint8_t forwards[2] = {(uint8_t)(0xc0 | at >> 8), (uint8_t)(at + 2)};

	struct built loop = m;
	add(&loop, (const char *)self, 2, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &loop), -EBADMSG);
	struct built ahead = m;
	add(&ahead, (const char *)forwards, 2, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &ahead), -EBADMSG);
	struct built nowhere = m;
	add(&nowhere, "\xff\xff", 2, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &nowhere), -EBADMSG);
}

static void names_that_are_none_are_refused(void **state)
{
	struct built dot = answer_to(&ask4, 0x8180), zero = answer_to(&ask4, 0x8180);
	struct built kind = answer_to(&ask4, 0x8180), long_one = answer_to(&ask4, 0x8180);
	char name[5 * 64 + 1] = {0};

	add(&dot, "\3a.b\0", 5, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &dot), -EBADMSG);
	add(&zero, "\3a\0b\0", 5, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &zero), -EBADMSG);
	add(&kind,
		"\x41"
		"a\0",
		3, 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &kind), -EBADMSG);
	for (unsigned i = 0; i < 5; i++) {
		memset(name + i * 64, 'a', 64);
		name[i * 64] = 63;
	}
	add(&long_one, name, sizeof(name), 1, "\x0a\0\0\x02", 4);
	assert_int_equal(read_built(&ask4, &long_one), -EBADMSG);
}

/* The same numbers each time: a generator of Lehmer's. */
static unsigned any(unsigned below)
{
	static uint64_t state = 1;

	state = state * 48271 % 2147483647;
	return (unsigned)(state % below);
}

/* Whatever bytes come, reading them ends and stays within them. */
static void random_changes_do_no_harm(void **state)
{
	struct built good = answer_to(&ask4, 0x8180);

	add(&good, THE_NAME, 5, "\1b\0", 3);
	add(&good, "\1b\0", 3, 5, "\1c\0", 3);
	add(&good, "\1c\0", 3, 1, "\x0a\0\0\x02", 4);
	for (unsigned round = 0; round < 20000; round++) {
		struct built m = good;
		for (unsigned i = 0; i < 1 + round % 4; i++)
			m.bytes[12 + any((unsigned)m.n - 12)] = (uint8_t)any(256);
		m.n -= any(8);
		int result = read_built(&ask4, &m);
		assert_true(result == 0 || result == -EBADMSG || result == -ENXIO);
		assert_true(found.count <= DNS_ADDRESSES_MAX && (result == 0) == (found.count > 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_asks_one_question_with_recursion),
		cmocka_unit_test(longest_name_fits),
		cmocka_unit_test(addresses_come_in_their_order),
		cmocka_unit_test(ipv6_addresses_are_read),
		cmocka_unit_test(no_more_are_taken_than_there_is_room_for),
		cmocka_unit_test(aliases_are_followed_in_any_order),
		cmocka_unit_test(alias_to_itself_ends),
		cmocka_unit_test(codes_are_told_apart),
		cmocka_unit_test(addresses_that_are_no_hosts_are_left_out),
		cmocka_unit_test(what_does_not_answer_the_question_is_ignored),
		cmocka_unit_test(capitals_in_the_answer_are_the_same),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(pointers_that_lead_forwards_or_nowhere_are_refused),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(random_changes_do_no_harm),
	};

	return cmocka_run_group_tests_name("dns_message", tests, NULL, NULL);
}
