/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns_zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/cmocka_all.h"

#define TOP "$ORIGIN example.\n@ 60 SOA ns hostmaster 1 2 3 4 30\n"
#define NS  "@ 60 NS ns\n"

static struct dns_zones zones;
static char error[512], path[64];

static int load_bytes(const char *text, size_t size)
{
	int fd, result;

	strcpy(path, "/tmp/rws-zone-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
	error[0] = '\0';
	result = dns_zones_load(&zones, path, error, sizeof(error));
	unlink(path);
	return result;
}

static int load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static int stop(void **state)
{
	dns_zones_free(&zones);
	return 0;
}

/* Refused, and the text names the file, the line and what is wrong with it. */
static void refused_bytes(const char *text, size_t size, int line, const char *word)
{
	char place[80];
	unsigned before = zones.count;

	assert_int_equal(load_bytes(text, size), -EINVAL);
	snprintf(place, sizeof(place), "%s:%d: ", path, line);
	if (strncmp(error, place, strlen(place)) != 0 || strstr(error, word) == NULL)
		fail_msg("\"%s\" is not about \"%s\" in %s", error, word, place);
	assert_int_equal(zones.count, before);
}

static void refused(const char *text, int line, const char *word)
{
	refused_bytes(text, strlen(text), line, word);
}

static struct dns_found find(const char *text)
{
	ldns_rdf *name = ldns_dname_new_frm_str(text);
	const struct dns_zone *zone = dns_zones_find(&zones, name);
	struct dns_found found;

	assert_non_null(zone);
	found = dns_zone_find(zone, name);
	ldns_rdf_deep_free(name);
	return found;
}

static void leads_to(const char *name, enum dns_place place, const char *owner)
{
	struct dns_found found = find(name);
	char *text;

	assert_int_equal(found.place, place);
	if (owner == NULL)
		return;
	text = ldns_rdf2str(ldns_dnssec_name_name(found.records));
	assert_string_equal(text, owner);
	free(text);
}

static void has_ttl(const char *name, uint32_t ttl)
{
	ldns_dnssec_rrsets *set = ldns_dnssec_name_find_rrset(find(name).records, LDNS_RR_TYPE_A);

	assert_non_null(set);
	assert_int_equal(ldns_rr_ttl(set->rrs->rr), ttl);
}

static void zone_with_all_kinds_of_lines_is_read(void **state)
{
	assert_int_equal(load("$ORIGIN example.\n"
			      "$TTL 1h\n"
			      "; a comment\n"
			      "@ SOA ns hostmaster (\n"
			      "  1 ; serial\n"
			      "  2 3 4 30 )\n"
			      "  NS ns\n"
			      "\n"
			      "ns A 10.0.0.1\n"
			      "   AAAA fd00::1\n"
			      "text TXT \"a ; b\" c\n"),
		0);
	leads_to("ns.example.", DNS_PLACE_NAME, "ns.example.");
	leads_to("TEXT.Example.", DNS_PLACE_NAME, "text.example.");
	assert_int_equal(zones.count, 1);
}

/* As other systems write them. */
static void lines_may_end_with_cr_and_lf(void **state)
{
	assert_int_equal(load("$ORIGIN example.\r\n"
			      "$TTL 60\r\n"
			      "@ SOA ns hostmaster ( ; comment\r\n"
			      "  1 2 3 4 30 )\r\n"
			      "\r\n"
			      "  NS ns\r\n"
			      "www A 10.0.0.1\r\n"
			      "text TXT \"a\" b\r\n"
			      "last A 10.0.0.2"),
		0);
	has_ttl("www.example.", 60);
	leads_to("text.example.", DNS_PLACE_NAME, "text.example.");
	leads_to("last.example.", DNS_PLACE_NAME, "last.example.");
	dns_zones_free(&zones);
	refused(TOP NS "a 60 A 10.0.0.1\r\nwww 60 A 10.0.0.256\r\n", 5, "IPv4");
	refused(TOP NS "www 60 A 10.0.0.1\r", 4, "");
	refused(TOP NS "www 60 TXT a\rb\n", 4, "");
}

static void lines_that_are_wrong_are_named(void **state)
{
	refused(TOP NS "www 60 A 10.0.0.256\n", 4, "");
	refused(TOP NS "\n; comment\nwww 60 NONSENSE x\n", 6, "");
	refused(TOP NS "www 60 A\n", 4, "");
	refused(TOP NS "www 60 A", 4, "");
	refused(TOP NS "a 60 TXT (\n\"1\n2\" )\n\nwww 60 A 10.0.0.256\n", 8, "IPv4");
	refused("$INCLUDE other\n" TOP NS, 1, "INCLUDE");
}

/* RFC 2181 8; units as in most files there are. */
static void ttls_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *ttl, *word;
	} wrong[] = {{"1x", "time unit"}, {"1h2", "time unit"}, {"1hh", "time unit"},
		{"1.5", "time unit"}, {"5-", "time unit"}, {"-5", "number"}, {"+5", "number"},
		{"4294967296", "32 bits"}, {"18446744073709551617", "too big"},
		{"9999999999999999999w", "32 bits"}};
	char text[200];

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), TOP NS "www %s IN A 10.0.0.1\n", wrong[i].ttl);
		refused(text, 4, wrong[i].word);
		snprintf(text, sizeof(text), TOP NS "\t %s A 10.0.0.1\n", wrong[i].ttl);
		refused(text, 4, wrong[i].word);
		snprintf(text, sizeof(text), TOP NS "$TTL %s ; comment\nwww A 10.0.0.1\n",
			wrong[i].ttl);
		refused(text, 4, wrong[i].word);
	}
	refused(TOP NS "$TTL abc\n", 4, "number");
	refused(TOP NS "$TTL\nwww A 10.0.0.1\n", 4, "TTL");
	refused(TOP NS "$TTL 60 60\n", 4, "unexpected");
}

/* RFC 2181 8 */
static void ttls_of_more_than_31_bits_are_refused(void **state)
{
	static const char *const wrong[] = {"2147483648", "4294967295", "3551w"};
	char text[200];

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), TOP NS "www %s IN A 10.0.0.1\n", wrong[i]);
		refused(text, 4, "2147483647");
		snprintf(text, sizeof(text), TOP NS "$TTL %s\nwww A 10.0.0.1\n", wrong[i]);
		refused(text, 5, "2147483647");
	}
	refused("$ORIGIN example.\n@ 2147483648 SOA ns x 1 2 3 4 5\n", 2, "2147483647");
}

static void ttls_are_read_as_they_are_written(void **state)
{
	assert_int_equal(load(TOP NS "a 0 A 10.0.0.1\n"
				     "b 2147483647 IN A 10.0.0.1\n"
				     "c 1W2d3H4m5S A 10.0.0.1\n"
				     "d A 10.0.0.1\n"
				     "$TTL 1h30m\n"
				     "e A 10.0.0.1\n"
				     "60 A 10.0.0.1\n"),
		0);
	has_ttl("a.example.", 0);
	has_ttl("b.example.", 2147483647);
	has_ttl("c.example.", 788645);
	has_ttl("d.example.", 3600);
	has_ttl("e.example.", 5400);
	has_ttl("60.example.", 5400);
}

static void what_does_not_close_is_refused(void **state)
{
	refused(TOP NS "www 60 TXT \"abc\nother 60 TXT def\"\n", 4, "text");
	refused(TOP NS "www 60 TXT abc\"\n", 4, "text");
	refused(TOP NS "www 60 TXT \"abc\\\"\n", 4, "text");
	refused(TOP NS "www 60 TXT \"a;b ; c\n", 4, "text");
	refused(TOP NS "www 60 TXT \"abc", 4, "text");
	refused(TOP NS "www 60 TXT a\\\nwww 60 TXT b\n", 4, "number");
	refused(TOP NS "www 60 TXT a\\", 4, "number");
	refused(TOP NS "www 60 TXT a )\n", 4, "parentheses");
	refused(TOP NS "www 60 TXT ( a\n ( b )\nother 60 A 10.0.0.1\n", 5, "parentheses");
	refused(TOP NS "www 60 TXT ( a\n b\n", 5, "unclosed");
	refused(TOP NS "www 60 TXT ( a\n \"b\nc )\n\n", 7, "unclosed");
	refused(TOP NS "www 60 A 10.0.0.1 (", 4, "unclosed");
}

static void what_quotes_and_comments_hold_opens_nothing(void **state)
{
	assert_int_equal(load(TOP NS "a 60 TXT \"( ; \\\" )\" ; \" (\n"
				     "; \" (\n"
				     "b 60 TXT a\\\"b \\( ( \"\" ; (\n"
				     ")\n"
				     "c 60 A 10.0.0.1"),
		0);
	leads_to("a.example.", DNS_PLACE_NAME, NULL);
	leads_to("b.example.", DNS_PLACE_NAME, NULL);
	leads_to("c.example.", DNS_PLACE_NAME, NULL);
}

static void numbers_that_their_fields_do_not_take_are_refused(void **state)
{
	refused(TOP NS "www 60 MX 65536 mail\n", 4, "16 bits");
	refused(TOP NS "www 60 MX -1 mail\n", 4, "number");
	refused(TOP NS "www 60 CAA 256 issue \"ca.example\"\n", 4, "8 bits");
	refused("$ORIGIN example.\n@ 60 SOA ns x 4294967296 2 3 4 5\n", 2, "32 bits");
	refused("$ORIGIN example.\n@ 60 SOA ns x 1 2 3 4 1h2\n", 2, "time unit");
	refused("$ORIGIN example.\n@ 60 SOA ns x (\n1 2 3 4 4294967296 )\n", 3, "32 bits");
	assert_int_equal(load("$ORIGIN example.\n"
			      "@ 60 SOA ns x ( 4294967295\n1w 1d 4294967295 2h )\n" NS
			      "www 60 MX 65535 mail\n"
			      "www 60 CAA 255 issue \"ca.example\"\n"),
		0);
}

/* RFC 3597 5 */
static void data_in_digits_are_refused_where_their_type_has_others(void **state)
{
	static const char *const wrong[] = {
		"A \\# 3 0a0000",     /* too short */
		"A \\# 5 0a00000101", /* too long */
		"MX \\# 2 000a",      /* without its second field */
		"TXT \\# 2 0561",     /* a string that is longer than the data */
		"NS \\# 4 01610161",  /* a name without an end */
		"CNAME \\# 2 c004",   /* compressed: RFC 3597 4 */
		"MX \\# 4 000ac004",
	};
	char text[200];

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), TOP NS "www 60 %s\n", wrong[i]);
		refused(text, 4, "do not fit");
	}
	refused("$ORIGIN example.\n@ 60 SOA \\# 2 0000\n", 2, "do not fit");
	refused("$ORIGIN example.\n@ 60 SOA \\# 0\n", 2, "number");
	refused("$ORIGIN example.\n@ 60 SOA ns \\# x 1 2 3 4 5\n", 2, "number");
	refused(TOP NS "www 60 NS \\# 0\n", 4, "number");
	refused(TOP NS "www 60 TYPE5 \\# 0\n", 4, "number");
	refused(TOP NS "www 60 A \\# 3 0a000001\n", 4, "length");
	refused(TOP NS "www 60 A \\# 5 0a000001\n", 4, "length");
}

static void data_in_digits_are_taken(void **state)
{
	assert_int_equal(load(TOP NS "a 60 A \\# 4 0a000001\n"
				     "mx 60 MX \\# 3 000a 00\n"
				     "text 60 TYPE16 \\# 2 0161\n"
				     "other 60 TYPE65534 \\# 3 c00400\n"
				     "none 60 TYPE65534 \\# 0\n"),
		0);
	has_ttl("a.example.", 60);
	leads_to("mx.example.", DNS_PLACE_NAME, NULL);
	leads_to("text.example.", DNS_PLACE_NAME, NULL);
	leads_to("other.example.", DNS_PLACE_NAME, NULL);
	leads_to("none.example.", DNS_PLACE_NAME, NULL);
}

/* RFC 1035 3.2.1: RDLENGTH has 16 bits. */
static void record_that_is_too_long_is_refused(void **state)
{
	const size_t most = 65535 / 5; /* strings of four characters */
	char *text = malloc(100000), *at = text;

	assert_non_null(text);
	at += sprintf(at, TOP NS "www 60 TXT (\n");
	for (size_t i = 0; i < most; i++)
		at += sprintf(at, "abcd\n");
	sprintf(at, ")\n");
	assert_int_equal(load(text), 0);
	dns_zones_free(&zones);
	sprintf(at, "a )\n");
	refused(text, 5 + (int)most, "data length");
	free(text);
}

static void directives_that_are_not_ours_are_refused(void **state)
{
	refused(TOP NS "$GENERATE 1-3 w$ A 10.0.0.$\n", 4, "directive");
	refused(TOP NS "$TTLS 60\n", 4, "directive");
	refused(TOP NS "$ORIGIN\n", 4, "origin");
	refused(TOP NS "$ORIGIN sub.example. 60\n", 4, "unexpected");
	refused(TOP NS "$ORIGIN a..b.\n", 4, "unexpected");
	refused(TOP NS "$ORIGIN sub\nwww 60 A 10.0.0.1\n", 4, "dot at its end");
}

static void origin_ends_relative_names(void **state)
{
	assert_int_equal(load(TOP NS "$ORIGIN sub.example.\n"
				     "www 60 A 10.0.0.1\n"
				     "@ 60 CNAME www\n"
				     "other.example. 60 A 10.0.0.1\n"),
		0);
	leads_to("www.sub.example.", DNS_PLACE_NAME, NULL);
	leads_to("sub.example.", DNS_PLACE_NAME, NULL);
	leads_to("other.example.", DNS_PLACE_NAME, NULL);
	refused("$ORIGIN sub.example.\n@ 60 SOA ns x 1 2 3 4 5\nwww.example. 60 A 10.0.0.1\n", 3,
		"within");
}

static void nul_character_is_refused(void **state)
{
	static const char comment[] = TOP NS "; a\0b\nwww 60 A 10.0.0.1\n";
	static const char address[] = TOP NS "www 60 A 10.0.0.1\0\n";
	static const char first[] = "\0" TOP NS;

	refused_bytes(comment, sizeof(comment) - 1, 4, "NUL");
	refused_bytes(address, sizeof(address) - 1, 4, "NUL");
	refused_bytes(first, sizeof(first) - 1, 1, "NUL");
}

/* Of which a read gets no more than was written at once. */
static void pipe_is_read_to_its_end(void **state)
{
	static const char *const parts[] = {TOP NS "a 60 A 10.0.0.", "1\nb 60 A 10.0.0.1\n"};
	char name[32];
	int ends[2];

	assert_int_equal(pipe2(ends, O_DIRECT), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(write(ends[1], parts[i], strlen(parts[i])), strlen(parts[i]));
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	assert_int_equal(dns_zones_load(&zones, name, error, sizeof(error)), 0);
	close(ends[0]);
	leads_to("b.example.", DNS_PLACE_NAME, "b.example.");
}

static void records_that_cannot_be_are_refused(void **state)
{
	refused("$ORIGIN example.\nwww 60 A 10.0.0.1\n" TOP, 2, "SOA");
	refused("@ 60 SOA ns hostmaster 1 2 3 4 30\n", 1, "$ORIGIN");
	refused(TOP NS "www.other. 60 A 10.0.0.1\n", 4, "within");
	refused(TOP NS "@ 60 SOA ns hostmaster 2 2 3 4 30\n", 4, "second SOA");
	refused(TOP NS "sub 60 SOA ns hostmaster 2 2 3 4 30\n", 4, "second SOA");
	refused(TOP NS "www 60 CH A 10.0.0.1\n", 4, "unsupported");
	refused(TOP NS "www 60 DNAME other.\n", 4, "type");
	refused(TOP NS "www 60 A 10.0.0.1\nwww 60 CNAME ns\n", 5, "CNAME");
	refused(TOP NS "www 60 CNAME ns\nwww 60 A 10.0.0.1\n", 5, "CNAME");
	refused(TOP NS "www 60 CNAME ns\nwww 60 CNAME other\n", 5, "CNAME");
}

/* RFC 2181 5.2 */
static void ttls_that_differ_within_a_set_are_refused(void **state)
{
	refused(TOP NS "www 60 A 10.0.0.1\nwww 61 A 10.0.0.2\n", 5, "TTL");
	assert_int_equal(load(TOP NS "www 60 A 10.0.0.1\nwww 61 AAAA fd00::2\n"), 0);
}

/* RFC 2181 5 */
static void repeated_record_counts_once(void **state)
{
	assert_int_equal(load(TOP NS "www 60 A 10.0.0.1\nwww 60 A 10.0.0.1\n"), 0);
	assert_null(ldns_dnssec_name_find_rrset(find("www.example.").records, LDNS_RR_TYPE_A)
			->rrs->next);
}

static void set_too_large_is_refused(void **state)
{
	char *text = malloc(100000), *at = text;

	assert_non_null(text);
	at += sprintf(at, TOP NS);
	for (int i = 0; i <= 2000; i++)
		at += sprintf(at, "many 60 A 10.0.%d.%d\n", i / 256, i % 256);
	refused(text, 2004, "more than 2000");
	free(text);
}

static void zone_without_top_is_refused(void **state)
{
	refused("", 0, "no records");
	refused("; nothing\n", 1, "no records");
	refused(TOP, 2, "NS");
}

static void file_that_cannot_be_read_is_refused(void **state)
{
	assert_int_equal(dns_zones_load(&zones, "/no/such/file", error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "/no/such/file: No such file"));
	assert_int_equal(dns_zones_load(&zones, "/", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "/: Is a directory");
	assert_int_equal(dns_zones_load(&zones, "/proc/self/mem", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "/proc/self/mem: Input/output error");
}

static void file_without_an_end_is_refused(void **state)
{
	assert_int_equal(dns_zones_load(&zones, "/dev/zero", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "/dev/zero: 256 MiB or more; no zone is so large");
}

static void zone_twice_is_refused(void **state)
{
	assert_int_equal(load(TOP NS), 0);
	refused(TOP NS, 3, "same zone");
}

static void name_belongs_to_the_longest_zone(void **state)
{
	ldns_rdf *name = ldns_dname_new_frm_str("a.sub.example.");
	ldns_rdf *other = ldns_dname_new_frm_str("notexample.");

	assert_int_equal(load(TOP NS), 0);
	assert_int_equal(load("$ORIGIN sub.example.\n@ 1 SOA ns x 1 2 3 4 5\n@ 1 NS ns\n"), 0);
	assert_ptr_equal(dns_zones_find(&zones, name), &zones.each[1]);
	assert_null(dns_zones_find(&zones, other));
	ldns_rdf_deep_free(name);
	ldns_rdf_deep_free(other);
}

/* RFC 4592 2.2.1, its example. */
static void wildcards_stand_for_names_that_do_not_exist(void **state)
{
	assert_int_equal(load(TOP NS "*.example. 3600 TXT \"this is a wildcard\"\n"
				     "*.example. 3600 MX 10 host1.example.\n"
				     "sub.*.example. 3600 TXT \"this is not a wildcard\"\n"
				     "host1.example. 3600 A 192.0.2.1\n"
				     "_ssh._tcp.host1.example. 3600 SRV 0 0 22 host1\n"
				     "_ssh._tcp.host2.example. 3600 SRV 0 0 22 host2\n"
				     "subdel.example. 3600 NS ns.example.com.\n"
				     "subdel.example. 3600 NS ns.example.net.\n"),
		0);
	leads_to("host3.example.", DNS_PLACE_WILDCARD, "*.example.");
	leads_to("foo.bar.example.", DNS_PLACE_WILDCARD, "*.example.");
	leads_to("host1.example.", DNS_PLACE_NAME, "host1.example.");
	leads_to("sub.*.example.", DNS_PLACE_NAME, "sub.*.example.");
	leads_to("*.example.", DNS_PLACE_NAME, "*.example.");
	leads_to("_telnet._tcp.host1.example.", DNS_PLACE_NOWHERE, NULL);
	leads_to("host.subdel.example.", DNS_PLACE_REFERRAL, "subdel.example.");
	leads_to("subdel.example.", DNS_PLACE_REFERRAL, "subdel.example.");
	leads_to("ghost.*.example.", DNS_PLACE_NOWHERE, NULL);
	leads_to("_tcp.host1.example.", DNS_PLACE_EMPTY, NULL);
	leads_to("host2.example.", DNS_PLACE_EMPTY, NULL);
}

/* RFC 4592 2.2.2: a wildcard that is there only for a name below it. */
static void wildcard_without_records_is_empty(void **state)
{
	assert_int_equal(load(TOP NS "a.*.b.example. 60 A 10.0.0.1\n"), 0);
	leads_to("c.b.example.", DNS_PLACE_EMPTY, NULL);
	leads_to("c.example.", DNS_PLACE_NOWHERE, NULL);
}

static void longest_names_lead_nowhere(void **state)
{
	char name[256] = "";

	for (int i = 0; i < 123; i++)
		strcat(name, "a.");
	strcat(name, "example.");
	assert_int_equal(load(TOP NS), 0);
	leads_to(name, DNS_PLACE_NOWHERE, NULL);
	leads_to("example.", DNS_PLACE_NAME, "example.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(zone_with_all_kinds_of_lines_is_read, stop),
		cmocka_unit_test_teardown(lines_may_end_with_cr_and_lf, stop),
		cmocka_unit_test_teardown(lines_that_are_wrong_are_named, stop),
		cmocka_unit_test_teardown(ttls_that_are_none_are_refused, stop),
		cmocka_unit_test_teardown(ttls_of_more_than_31_bits_are_refused, stop),
		cmocka_unit_test_teardown(ttls_are_read_as_they_are_written, stop),
		cmocka_unit_test_teardown(what_does_not_close_is_refused, stop),
		cmocka_unit_test_teardown(what_quotes_and_comments_hold_opens_nothing, stop),
		cmocka_unit_test_teardown(numbers_that_their_fields_do_not_take_are_refused, stop),
		cmocka_unit_test_teardown(
			data_in_digits_are_refused_where_their_type_has_others, stop),
		cmocka_unit_test_teardown(data_in_digits_are_taken, stop),
		cmocka_unit_test_teardown(record_that_is_too_long_is_refused, stop),
		cmocka_unit_test_teardown(directives_that_are_not_ours_are_refused, stop),
		cmocka_unit_test_teardown(origin_ends_relative_names, stop),
		cmocka_unit_test_teardown(nul_character_is_refused, stop),
		cmocka_unit_test_teardown(pipe_is_read_to_its_end, stop),
		cmocka_unit_test_teardown(records_that_cannot_be_are_refused, stop),
		cmocka_unit_test_teardown(ttls_that_differ_within_a_set_are_refused, stop),
		cmocka_unit_test_teardown(repeated_record_counts_once, stop),
		cmocka_unit_test_teardown(set_too_large_is_refused, stop),
		cmocka_unit_test_teardown(zone_without_top_is_refused, stop),
		cmocka_unit_test_teardown(file_that_cannot_be_read_is_refused, stop),
		cmocka_unit_test_teardown(file_without_an_end_is_refused, stop),
		cmocka_unit_test_teardown(zone_twice_is_refused, stop),
		cmocka_unit_test_teardown(name_belongs_to_the_longest_zone, stop),
		cmocka_unit_test_teardown(wildcards_stand_for_names_that_do_not_exist, stop),
		cmocka_unit_test_teardown(wildcard_without_records_is_empty, stop),
		cmocka_unit_test_teardown(longest_names_lead_nowhere, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
