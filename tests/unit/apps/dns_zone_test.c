/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns_zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/cmocka_all.h"

#define TOP "$ORIGIN example.\n@ 60 SOA ns hostmaster 1 2 3 4 30\n"
#define NS  "@ 60 NS ns\n"

static struct dns_zones zones;
static char error[512], path[64];

static int load(const char *text)
{
	int fd, result;

	strcpy(path, "/tmp/rws-zone-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error[0] = '\0';
	result = dns_zones_load(&zones, path, error, sizeof(error));
	unlink(path);
	return result;
}

static int stop(void **state)
{
	dns_zones_free(&zones);
	return 0;
}

/* Refused, and the text names the file, the line and what is wrong with it. */
static void refused(const char *text, int line, const char *word)
{
	char place[80];
	unsigned before = zones.count;

	assert_int_equal(load(text), -EINVAL);
	snprintf(place, sizeof(place), "%s:%d: ", path, line);
	if (strncmp(error, place, strlen(place)) != 0 || strstr(error, word) == NULL)
		fail_msg("\"%s\" is not about \"%s\" in %s", error, word, place);
	assert_int_equal(zones.count, before);
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

static void lines_that_are_wrong_are_named(void **state)
{
	refused(TOP NS "www 60 A 10.0.0.256\n", 4, "");
	refused(TOP NS "\n; comment\nwww 60 NONSENSE x\n", 6, "");
	refused(TOP NS "www 60 A\n", 4, "");
	refused("$INCLUDE other\n" TOP NS, 1, "INCLUDE");
}

static void records_that_cannot_be_are_refused(void **state)
{
	refused("$ORIGIN example.\nwww 60 A 10.0.0.1\n" TOP, 2, "SOA");
	refused("@ 60 SOA ns hostmaster 1 2 3 4 30\n", 1, "$ORIGIN");
	refused(TOP NS "www.other. 60 A 10.0.0.1\n", 4, "within");
	refused(TOP NS "@ 60 SOA ns hostmaster 2 2 3 4 30\n", 4, "second SOA");
	refused(TOP NS "sub 60 SOA ns hostmaster 2 2 3 4 30\n", 4, "second SOA");
	refused(TOP NS "www 60 CH A 10.0.0.1\n", 4, "class");
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
		cmocka_unit_test_teardown(lines_that_are_wrong_are_named, stop),
		cmocka_unit_test_teardown(records_that_cannot_be_are_refused, stop),
		cmocka_unit_test_teardown(ttls_that_differ_within_a_set_are_refused, stop),
		cmocka_unit_test_teardown(repeated_record_counts_once, stop),
		cmocka_unit_test_teardown(set_too_large_is_refused, stop),
		cmocka_unit_test_teardown(zone_without_top_is_refused, stop),
		cmocka_unit_test_teardown(file_that_cannot_be_read_is_refused, stop),
		cmocka_unit_test_teardown(zone_twice_is_refused, stop),
		cmocka_unit_test_teardown(name_belongs_to_the_longest_zone, stop),
		cmocka_unit_test_teardown(wildcards_stand_for_names_that_do_not_exist, stop),
		cmocka_unit_test_teardown(wildcard_without_records_is_empty, stop),
		cmocka_unit_test_teardown(longest_names_lead_nowhere, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
