/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/cmocka_all.h"

static const char zone_text[] = "$ORIGIN example.\n"
				"@ 3600 SOA ns hostmaster 1 2 3 4 30\n"
				"@ 3600 NS ns\n"
				"ns 3600 A 10.0.0.1\n"
				"www 60 A 10.0.0.2\n"
				"www 60 A 10.0.0.3\n"
				"www 60 AAAA fd00::2\n"
				"alias 60 CNAME next\n"
				"next 60 CNAME www\n"
				"away 60 CNAME www.other.\n"
				"lost 60 CNAME nobody\n"
				"below 60 CNAME x.sub\n"
				"loop 60 CNAME pool\n"
				"pool 60 CNAME LOOP\n"
				"into 60 CNAME loop\n"
				"self 60 CNAME self\n"
				"*.circle 60 CNAME a.circle\n"
				"*.wild 60 TXT wild\n"
				"a.b 60 TXT x\n"
				"sub 60 NS ns.sub\n"
				"sub 60 NS ns.other.\n"
				"ns.sub 60 A 10.0.1.1\n"
				"ns.sub 60 AAAA fd00:1::1\n";

static struct dns_zones zones;
static struct dns_counters counters;
static uint8_t out[DNS_MESSAGE_MAX];
static ldns_pkt *reply;

static void load_text(FILE *file, const char *path)
{
	char error[512];

	assert_int_equal(fclose(file), 0);
	if (dns_zones_load(&zones, path, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	unlink(path);
}

/* Two sets that fit into no datagram: about 1,000 and 5,000 bytes. */
static void load(void)
{
	char path[] = "/tmp/rws-zone-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");

	assert_non_null(file);
	fputs(zone_text, file);
	for (int i = 0; i < 20; i++)
		fprintf(file, "row%d 60 CNAME row%d\n", i, i + 1);
	for (int i = 0; i < 60; i++)
		fprintf(file, "many 60 A 10.1.0.%d\n", i);
	for (int i = 0; i < 300; i++)
		fprintf(file, "more 60 A 10.2.%d.%d\n", i / 256, i % 256);
	load_text(file, path);
}

static int start(void **state)
{
	load();
	return 0;
}

static int stop(void **state)
{
	dns_zones_free(&zones);
	return 0;
}

static int forget(void **state)
{
	ldns_pkt_free(reply);
	reply = NULL;
	memset(&counters, 0, sizeof(counters));
	return 0;
}

/* ---- Asking ------------------------------------------------------------------------------ */

static ldns_pkt *question(const char *name, ldns_rr_type type)
{
	ldns_pkt *query =
		ldns_pkt_query_new(ldns_dname_new_frm_str(name), type, LDNS_RR_CLASS_IN, LDNS_RD);

	assert_non_null(query);
	ldns_pkt_set_id(query, 4711);
	return query;
}

static size_t answer(const uint8_t *message, size_t length, bool tcp)
{
	size_t size = dns_answer(&zones, message, length, tcp, out, &counters);

	ldns_pkt_free(reply);
	reply = NULL;
	if (size > 0)
		assert_int_equal(ldns_wire2pkt(&reply, out, size), LDNS_STATUS_OK);
	return size;
}

/* Frees the query. */
static size_t ask_query(ldns_pkt *query, bool tcp)
{
	uint8_t *wire = NULL;
	size_t size;

	assert_int_equal(ldns_pkt2wire(&wire, query, &size), LDNS_STATUS_OK);
	size = answer(wire, size, tcp);
	free(wire);
	ldns_pkt_free(query);
	assert_true(size > 0);
	assert_true(ldns_pkt_qr(reply));
	assert_int_equal(ldns_pkt_id(reply), 4711);
	return size;
}

static size_t ask(const char *name, ldns_rr_type type)
{
	return ask_query(question(name, type), false);
}

static size_t ask_sized(const char *name, ldns_rr_type type, uint16_t size)
{
	ldns_pkt *query = question(name, type);

	ldns_pkt_set_edns_udp_size(query, size);
	return ask_query(query, false);
}

/* ---- What came --------------------------------------------------------------------------- */

static void expect(ldns_pkt_rcode rcode, bool aa, unsigned answers, unsigned authorities)
{
	assert_int_equal(ldns_pkt_get_rcode(reply), rcode);
	assert_int_equal(ldns_pkt_aa(reply), aa);
	assert_false(ldns_pkt_tc(reply));
	assert_false(ldns_pkt_ra(reply));
	assert_int_equal(ldns_pkt_ancount(reply), answers);
	assert_int_equal(ldns_pkt_nscount(reply), authorities);
}

static void expect_record(const ldns_rr_list *section, unsigned index, const char *text)
{
	char *got = ldns_rr2str(ldns_rr_list_rr(section, index));

	got[strcspn(got, "\n")] = '\0';
	assert_string_equal(got, text);
	free(got);
}

static void expect_answer(unsigned index, const char *text)
{
	expect_record(ldns_pkt_answer(reply), index, text);
}

/* RFC 2308 3: the SOA with the lesser of its TTL and its minimum. */
static void expect_soa(void)
{
	expect_record(ldns_pkt_authority(reply), 0,
		"example.\t30\tIN\tSOA\tns.example. hostmaster.example. 1 2 3 4 30");
}

/* ---- Answers ----------------------------------------------------------------------------- */

static void name_with_the_type_gets_its_records(void **state)
{
	ask("www.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 2, 0);
	expect_answer(0, "www.example.\t60\tIN\tA\t10.0.0.2");
	expect_answer(1, "www.example.\t60\tIN\tA\t10.0.0.3");
	assert_true(ldns_pkt_rd(reply));
	assert_int_equal(ldns_pkt_qdcount(reply), 1);
	assert_false(ldns_pkt_edns(reply));
	assert_int_equal(counters.answered, 1);
}

/* Letters "a.a. ... .example." of so many labels. */
static size_t ask_deep(unsigned labels)
{
	char name[256] = "";

	while (--labels > 0)
		strcat(name, "a.");
	strcat(name, "example.");
	return ask(name, LDNS_RR_TYPE_A);
}

/* It is longer without them, and costs no work that grows with the third power of the labels. */
static void deep_name_is_answered_without_pointers(void **state)
{
	const size_t rest = sizeof("\7example") + 4 + 12;
	size_t soa = sizeof("\7example") + 10 + sizeof("\2ns\7example") +
		sizeof("\12hostmaster\7example") + 20;

	assert_int_equal(ask_deep(17), 16 * 2 + rest + soa);
	expect(LDNS_RCODE_NXDOMAIN, true, 0, 1);
	expect_soa();
	assert_int_equal(ask_deep(124), 123 * 2 + rest + soa);
	expect(LDNS_RCODE_NXDOMAIN, true, 0, 1);
	expect_soa();
	assert_in_range(ask_deep(16), 1, 15 * 2 + rest + soa - 1);
	expect_soa();
}

/* RFC 4343 4.1: found whatever its case, which comes back as it was. */
static void case_of_letters_does_not_matter(void **state)
{
	ask("wWw.EXAMPLE.", LDNS_RR_TYPE_AAAA);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	expect_record(ldns_pkt_question(reply), 0, "wWw.EXAMPLE.\tIN\tAAAA");
}

static void top_of_the_zone_is_a_name(void **state)
{
	ask("example.", LDNS_RR_TYPE_NS);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	ask("example.", LDNS_RR_TYPE_SOA);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	expect_answer(0, "example.\t3600\tIN\tSOA\tns.example. hostmaster.example. 1 2 3 4 30");
}

static void name_without_the_type_gets_no_data(void **state)
{
	ask("www.example.", LDNS_RR_TYPE_MX);
	expect(LDNS_RCODE_NOERROR, true, 0, 1);
	expect_soa();
	ask("b.example.", LDNS_RR_TYPE_TXT); /* exists for the one below it */
	expect(LDNS_RCODE_NOERROR, true, 0, 1);
	assert_int_equal(counters.no_data, 2);
}

static void name_that_does_not_exist_gets_nxdomain(void **state)
{
	ask("nobody.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NXDOMAIN, true, 0, 1);
	expect_soa();
	assert_int_equal(counters.no_name, 1);
}

static void cname_is_followed(void **state)
{
	ask("alias.example.", LDNS_RR_TYPE_AAAA);
	expect(LDNS_RCODE_NOERROR, true, 3, 0);
	expect_answer(0, "alias.example.\t60\tIN\tCNAME\tnext.example.");
	expect_answer(1, "next.example.\t60\tIN\tCNAME\twww.example.");
	expect_answer(2, "www.example.\t60\tIN\tAAAA\tfd00::2");
	ask("alias.example.", LDNS_RR_TYPE_CNAME);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
}

/* RFC 6604 3: the code is that of the last name. */
static void cname_that_leads_nowhere_says_so(void **state)
{
	ask("lost.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NXDOMAIN, true, 1, 1);
	ask("alias.example.", LDNS_RR_TYPE_MX);
	expect(LDNS_RCODE_NOERROR, true, 2, 1);
}

static void cname_out_of_our_zones_is_all_we_know(void **state)
{
	ask("away.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	ask("below.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 1, 2);
}

static void cnames_in_a_circle_are_told_once(void **state)
{
	ask("loop.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 2, 0);
	expect_answer(0, "loop.example.\t60\tIN\tCNAME\tpool.example.");
	expect_answer(1, "pool.example.\t60\tIN\tCNAME\tloop.example."); /* compressed */
	ask("into.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 3, 0);
	ask("self.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	ask("x.circle.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 2, 0);
}

/* Each name once, and still no answer without a bound. */
static void cnames_in_a_row_end(void **state)
{
	ask("row0.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 16, 0);
	expect_answer(15, "row15.example.\t60\tIN\tCNAME\trow16.example.");
}

/* RFC 4592 3.3.1: the answer has the name that was asked for. */
static void wildcard_answers_under_the_name_asked_for(void **state)
{
	ask("x.y.wild.example.", LDNS_RR_TYPE_TXT);
	expect(LDNS_RCODE_NOERROR, true, 1, 0);
	expect_answer(0, "x.y.wild.example.\t60\tIN\tTXT\t\"wild\"");
	ask("x.wild.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, true, 0, 1);
}

static void name_below_a_cut_gets_a_referral(void **state)
{
	ask("x.sub.example.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_NOERROR, false, 0, 2);
	assert_int_equal(ldns_pkt_arcount(reply), 2);
	expect_record(ldns_pkt_additional(reply), 0, "ns.sub.example.\t60\tIN\tA\t10.0.1.1");
	ask("sub.example.", LDNS_RR_TYPE_NS);
	expect(LDNS_RCODE_NOERROR, false, 0, 2);
	assert_int_equal(counters.referred, 2);
}

/* RFC 8482 4.1 */
static void any_type_gets_one_set(void **state)
{
	ask("www.example.", LDNS_RR_TYPE_ANY);
	expect(LDNS_RCODE_NOERROR, true, 2, 0);
}

/* ---- Refusals ---------------------------------------------------------------------------- */

static void other_zones_classes_and_transfers_are_refused(void **state)
{
	ldns_pkt *query = question("version.bind.", LDNS_RR_TYPE_TXT);

	ask("www.other.", LDNS_RR_TYPE_A);
	expect(LDNS_RCODE_REFUSED, false, 0, 0);
	ask(".", LDNS_RR_TYPE_NS);
	expect(LDNS_RCODE_REFUSED, false, 0, 0);
	ldns_rr_set_class(ldns_rr_list_rr(ldns_pkt_question(query), 0), LDNS_RR_CLASS_CH);
	ask_query(query, false);
	expect(LDNS_RCODE_REFUSED, false, 0, 0);
	ask("example.", LDNS_RR_TYPE_AXFR);
	expect(LDNS_RCODE_REFUSED, false, 0, 0);
	assert_int_equal(counters.refused, 4);
}

static void other_operations_and_types_are_not_implemented(void **state)
{
	ldns_pkt *query = question("example.", LDNS_RR_TYPE_SOA);

	ldns_pkt_set_opcode(query, LDNS_PACKET_NOTIFY);
	ask_query(query, false);
	expect(LDNS_RCODE_NOTIMPL, false, 0, 0);
	assert_int_equal(ldns_pkt_get_opcode(reply), LDNS_PACKET_NOTIFY);
	ask("example.", LDNS_RR_TYPE_MAILB);
	expect(LDNS_RCODE_NOTIMPL, false, 0, 0);
	assert_int_equal(counters.not_implemented, 2);
}

/* A header that asks, and what stands behind it. */
static void expect_malformed(const char *body, size_t length)
{
	uint8_t message[100] = {0x12, 0x67, 0x01, 0};

	memcpy(message + 4, body, length);
	assert_int_equal(answer(message, 4 + length, false), 12);
	expect(LDNS_RCODE_FORMERR, false, 0, 0);
	assert_int_equal(ldns_pkt_id(reply), 0x1267);
	assert_true(ldns_pkt_rd(reply));
}

#define MALFORMED(body) expect_malformed(body, sizeof(body) - 1)

static void what_is_no_question_is_malformed(void **state)
{
	MALFORMED("\0\0\0\0\0\0\0\0");                               /* none */
	MALFORMED("\0\1\0\0\0\0\0\0");                               /* it is missing */
	MALFORMED("\0\1\0\0\0\0\0\0\3www");                          /* cut within the name */
	MALFORMED("\0\1\0\0\0\0\0\0\3www\0\0\1\0");                  /* within the class */
	MALFORMED("\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1");               /* a name within itself */
	MALFORMED("\0\1\0\0\0\0\0\0\x80\0\0\1\0\1");                 /* no kind of label */
	MALFORMED("\0\2\0\0\0\0\0\0\3www\0\0\1\0\1\3www\0\0\1\0\1"); /* two */
	MALFORMED("\0\1\0\0\0\0\0\1\3www\0\0\1\0\1");                /* a record is missing */
	MALFORMED("\0\1\0\0\0\0\0\2\3www\0\0\1\0\1"                  /* two OPTs */
		  "\0\0\x29\2\0\0\0\0\0\0\0\0\0\x29\2\0\0\0\0\0\0\0");
	assert_int_equal(counters.malformed, 9);
}

static void what_asks_nothing_gets_no_answer(void **state)
{
	static const uint8_t answer_of_another[12] = {0x12, 0x67, 0x80};

	for (size_t n = 0; n < 12; n++)
		assert_int_equal(answer((const uint8_t *)"\0\0\1\0\0\1\0\0\0\0\0\0", n, false), 0);
	assert_int_equal(answer(answer_of_another, 12, false), 0);
	assert_int_equal(counters.ignored, 13);
}

/* ---- Sizes, EDNS ------------------------------------------------------------------------- */

static void expect_truncated(size_t size)
{
	assert_true(size < 100);
	assert_true(ldns_pkt_tc(reply));
	assert_true(ldns_pkt_aa(reply));
	assert_int_equal(ldns_pkt_get_rcode(reply), LDNS_RCODE_NOERROR);
	assert_int_equal(ldns_pkt_ancount(reply), 0);
	assert_int_equal(ldns_pkt_qdcount(reply), 1);
}

static void answer_too_long_for_a_datagram_is_truncated(void **state)
{
	expect_truncated(ask("many.example.", LDNS_RR_TYPE_A));
	assert_int_equal(counters.truncated, 1);
	assert_true(ask_query(question("many.example.", LDNS_RR_TYPE_A), true) > 512);
	expect(LDNS_RCODE_NOERROR, true, 60, 0);
	assert_true(ask_query(question("more.example.", LDNS_RR_TYPE_A), true) > 4096);
	expect(LDNS_RCODE_NOERROR, true, 300, 0);
	assert_int_equal(counters.truncated, 1);
}

/* RFC 6891 6.2.3, 6.2.5 */
static void edns_size_bounds_the_answer(void **state)
{
	size_t size = ask_sized("many.example.", LDNS_RR_TYPE_A, 1232);

	assert_in_range(size, 900, 1232);
	expect(LDNS_RCODE_NOERROR, true, 60, 0);
	assert_true(ldns_pkt_edns(reply));
	assert_int_equal(ldns_pkt_edns_udp_size(reply), DNS_UDP_MAX);
	assert_int_equal(ask_sized("many.example.", LDNS_RR_TYPE_A, (uint16_t)size), size);
	expect_truncated(ask_sized("many.example.", LDNS_RR_TYPE_A, (uint16_t)(size - 1)));
	assert_true(ldns_pkt_edns(reply));
	expect_truncated(ask_sized("more.example.", LDNS_RR_TYPE_A, 65535));
	ask_sized("www.example.", LDNS_RR_TYPE_A, 1); /* counts as 512 */
	expect(LDNS_RCODE_NOERROR, true, 2, 0);
}

/* RFC 6891 6.1.3 */
static void other_version_of_edns_gets_badvers(void **state)
{
	ldns_pkt *query = question("www.example.", LDNS_RR_TYPE_A);

	ldns_pkt_set_edns_udp_size(query, 1232);
	ldns_pkt_set_edns_version(query, 1);
	ask_query(query, false);
	expect(LDNS_RCODE_NOERROR, false, 0, 0);
	assert_int_equal(ldns_pkt_edns_extended_rcode(reply), 1);
	assert_int_equal(ldns_pkt_edns_version(reply), 0);
}

/* RFC 3225 3 */
static void do_bit_comes_back(void **state)
{
	ldns_pkt *query = question("www.example.", LDNS_RR_TYPE_A);

	ldns_pkt_set_edns_udp_size(query, 1232);
	ldns_pkt_set_edns_do(query, true);
	ask_query(query, false);
	assert_true(ldns_pkt_edns_do(reply));
}

/* ---- Any message at all ------------------------------------------------------------------ */

static uint32_t random_number(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void whatever_comes_the_answer_is_a_message(void **state)
{
	static const char seed[] = "\x12\x67\1\0\0\1\0\0\0\0\0\1\3www\7example\0\0\1\0\1"
				   "\0\0\x29\4\xd0\0\0\0\0\0\0";
	uint8_t message[sizeof(seed) - 1];

	for (int i = 0; i < 20000; i++) {
		size_t length = sizeof(message), size;

		memcpy(message, seed, length);
		for (uint32_t flips = random_number() % 6; flips > 0; flips--)
			message[random_number() % length] = (uint8_t)random_number();
		if (random_number() % 4 == 0)
			length = random_number() % (length + 1);
		size = answer(message, length, false);
		assert_true(size <= DNS_UDP_MAX);
		assert_int_equal(size == 0, length < 12 || (message[2] & 0x80) != 0);
	}
}

#define CASE(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(name_with_the_type_gets_its_records),
		CASE(deep_name_is_answered_without_pointers),
		CASE(case_of_letters_does_not_matter),
		CASE(top_of_the_zone_is_a_name),
		CASE(name_without_the_type_gets_no_data),
		CASE(name_that_does_not_exist_gets_nxdomain),
		CASE(cname_is_followed),
		CASE(cname_that_leads_nowhere_says_so),
		CASE(cname_out_of_our_zones_is_all_we_know),
		CASE(cnames_in_a_circle_are_told_once),
		CASE(cnames_in_a_row_end),
		CASE(wildcard_answers_under_the_name_asked_for),
		CASE(name_below_a_cut_gets_a_referral),
		CASE(any_type_gets_one_set),
		CASE(other_zones_classes_and_transfers_are_refused),
		CASE(other_operations_and_types_are_not_implemented),
		CASE(what_is_no_question_is_malformed),
		CASE(what_asks_nothing_gets_no_answer),
		CASE(answer_too_long_for_a_datagram_is_truncated),
		CASE(edns_size_bounds_the_answer),
		CASE(other_version_of_edns_gets_badvers),
		CASE(do_bit_comes_back),
		CASE(whatever_comes_the_answer_is_a_message),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
