/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns_answer.h"

#include <stdlib.h>
#include <string.h>

#define UDP_PLAIN   512u /* RFC 1035 4.2.1: without EDNS */
#define CNAMES_MAX  16   /* on the way to an answer */
#define LABELS_MAX  16   /* of the name asked for, in an answer whose names are compressed */
#define BAD_VERSION 1    /* RFC 6891 9: BADVERS, of which these are the upper eight bits */

/* A question, and the answer as it grows. */
struct exchange {
	const struct dns_zones *zones;
	struct dns_counters *counters;
	const ldns_pkt *query;
	ldns_pkt *reply;
	ldns_rr_type type;
	bool failed; /* out of memory */
};

/* ---- Records ----------------------------------------------------------------------------- */

/* A copy goes into the section, with `owner` as its name unless that is NULL. */
static void add_record(struct exchange *exchange, ldns_pkt_section section, const ldns_rr *record,
	const ldns_rdf *owner)
{
	ldns_rr *copy = ldns_rr_clone(record);

	if (copy != NULL && owner != NULL) {
		ldns_rdf_deep_free(ldns_rr_owner(copy));
		ldns_rr_set_owner(copy, ldns_rdf_clone(owner));
	}
	if (copy != NULL && ldns_rr_owner(copy) != NULL &&
		ldns_pkt_push_rr(exchange->reply, section, copy))
		return;
	ldns_rr_free(copy);
	exchange->failed = true;
}

static void add_set(struct exchange *exchange, ldns_pkt_section section,
	const ldns_dnssec_rrsets *set, const ldns_rdf *owner)
{
	if (set == NULL)
		return;
	for (const ldns_dnssec_rrs *at = set->rrs; at != NULL; at = at->next)
		add_record(exchange, section, at->rr, owner);
}

/* RFC 2308 2: the SOA says how long the nothing may be remembered. */
static void add_nothing(struct exchange *exchange, const struct dns_zone *zone, bool name_exists)
{
	if (!name_exists)
		ldns_pkt_set_rcode(exchange->reply, LDNS_RCODE_NXDOMAIN);
	add_record(exchange, LDNS_SECTION_AUTHORITY, zone->negative, NULL);
}

/* Addresses of the name servers named, as far as this zone has them: RFC 9471 2. */
static void add_glue(
	struct exchange *exchange, const struct dns_zone *zone, const ldns_dnssec_rrsets *servers)
{
	for (const ldns_dnssec_rrs *at = servers->rrs; at != NULL; at = at->next) {
		const ldns_rdf *server = ldns_rr_ns_nsdname(at->rr);

		add_set(exchange, LDNS_SECTION_ADDITIONAL,
			ldns_dnssec_zone_find_rrset(zone->data, server, LDNS_RR_TYPE_A), NULL);
		add_set(exchange, LDNS_SECTION_ADDITIONAL,
			ldns_dnssec_zone_find_rrset(zone->data, server, LDNS_RR_TYPE_AAAA), NULL);
	}
}

static void add_referral(
	struct exchange *exchange, const struct dns_zone *zone, const ldns_dnssec_name *cut)
{
	const ldns_dnssec_rrsets *servers = ldns_dnssec_name_find_rrset(cut, LDNS_RR_TYPE_NS);

	add_set(exchange, LDNS_SECTION_AUTHORITY, servers, NULL);
	add_glue(exchange, zone, servers);
}

/* RFC 8482 4.1: who asks for any type gets one. */
static const ldns_dnssec_rrsets *set_of_type(const ldns_dnssec_name *records, ldns_rr_type type)
{
	if (type == LDNS_RR_TYPE_ANY)
		return records->rrsets;
	return ldns_dnssec_name_find_rrset(records, type);
}

/* ---- The way to an answer ---------------------------------------------------------------- */

/* Answers from the records of a name; where a CNAME leads to another one, that, else NULL. */
static const ldns_rdf *answer_from(struct exchange *exchange, const struct dns_zone *zone,
	const ldns_dnssec_name *records, const ldns_rdf *owner)
{
	const ldns_dnssec_rrsets *set = set_of_type(records, exchange->type);

	if (set != NULL) {
		add_set(exchange, LDNS_SECTION_ANSWER, set, owner);
		return NULL;
	}
	set = ldns_dnssec_name_find_rrset(records, LDNS_RR_TYPE_CNAME);
	if (set == NULL) {
		add_nothing(exchange, zone, true);
		return NULL;
	}
	add_set(exchange, LDNS_SECTION_ANSWER, set, owner);
	return ldns_rr_rdf(set->rrs->rr, 0);
}

/* One name on the way; the next one, or NULL at the end. */
static const ldns_rdf *follow(
	struct exchange *exchange, const struct dns_zone *zone, const ldns_rdf *name)
{
	struct dns_found found = dns_zone_find(zone, name);

	switch (found.place) {
	case DNS_PLACE_NAME:
		return answer_from(exchange, zone, found.records, NULL);
	case DNS_PLACE_WILDCARD:
		return answer_from(exchange, zone, found.records, name);
	case DNS_PLACE_REFERRAL:
		add_referral(exchange, zone, found.records);
		return NULL;
	case DNS_PLACE_EMPTY:
		add_nothing(exchange, zone, true);
		return NULL;
	case DNS_PLACE_NOWHERE:
		add_nothing(exchange, zone, false);
		return NULL;
	}
	return NULL;
}

/* RFC 1035 4.1.1: AA is about the name that was asked for; a referral has no authority over it. */
static bool is_ours(const ldns_pkt *reply)
{
	const ldns_rr_list *authority = ldns_pkt_authority(reply);

	return ldns_pkt_ancount(reply) > 0 || ldns_rr_list_rr_count(authority) == 0 ||
		ldns_rr_get_type(ldns_rr_list_rr(authority, 0)) == LDNS_RR_TYPE_SOA;
}

/* The way here is in the answer: a CNAME of each name that led on. */
static bool was_visited(const ldns_pkt *reply, const ldns_rdf *name)
{
	const ldns_rr_list *way = ldns_pkt_answer(reply);

	for (size_t i = 0; i < ldns_rr_list_rr_count(way); i++) {
		if (ldns_dname_compare(ldns_rr_owner(ldns_rr_list_rr(way, i)), name) == 0)
			return true;
	}
	return false;
}

/* Where a CNAME led that closes a circle, all of it has been told: NULL, as at the end. */
static const ldns_rdf *follow_once(
	struct exchange *exchange, const struct dns_zone *zone, const ldns_rdf *name)
{
	const ldns_rdf *next = follow(exchange, zone, name);

	return next != NULL && !was_visited(exchange->reply, next) ? next : NULL;
}

static void answer(struct exchange *exchange, const ldns_rdf *name)
{
	const struct dns_zone *zone = dns_zones_find(exchange->zones, name);

	if (zone == NULL) {
		ldns_pkt_set_rcode(exchange->reply, LDNS_RCODE_REFUSED);
		return;
	}
	for (unsigned i = 0; i < CNAMES_MAX && name != NULL && zone != NULL; i++) {
		name = follow_once(exchange, zone, name);
		zone = name != NULL ? dns_zones_find(exchange->zones, name) : NULL;
	}
	ldns_pkt_set_aa(exchange->reply, is_ours(exchange->reply));
}

/* What a question without a place in a zone gets. */
static ldns_pkt_rcode objection(const ldns_rr *question)
{
	ldns_rr_type type = ldns_rr_get_type(question);

	if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN)
		return LDNS_RCODE_REFUSED;
	if (type == LDNS_RR_TYPE_AXFR || type == LDNS_RR_TYPE_IXFR)
		return LDNS_RCODE_REFUSED;
	if (type == LDNS_RR_TYPE_OPT)
		return LDNS_RCODE_FORMERR;
	/* RFC 6895 3.1: those that are no types of records. */
	if (type >= 128 && type < LDNS_RR_TYPE_ANY)
		return LDNS_RCODE_NOTIMPL;
	return LDNS_RCODE_NOERROR;
}

/* ---- Messages ---------------------------------------------------------------------------- */

/* An answer without sections, to a message of which only the header is sure to be one. */
static ldns_pkt *header_of(const uint8_t *message, ldns_pkt_rcode rcode)
{
	ldns_pkt *reply = ldns_pkt_new();

	if (reply == NULL)
		return NULL;
	ldns_pkt_set_id(reply, LDNS_ID_WIRE(message));
	ldns_pkt_set_opcode(reply, (ldns_pkt_opcode)LDNS_OPCODE_WIRE(message));
	ldns_pkt_set_rd(reply, LDNS_RD_WIRE(message));
	ldns_pkt_set_cd(reply, LDNS_CD_WIRE(message)); /* RFC 4035 3.1.6 */
	ldns_pkt_set_qr(reply, true);
	ldns_pkt_set_rcode(reply, (uint8_t)rcode);
	return reply;
}

static ldns_pkt *reply_to(const uint8_t *message, const ldns_pkt *query)
{
	ldns_pkt *reply = header_of(message, LDNS_RCODE_NOERROR);
	ldns_rr *question = ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0));

	if (reply == NULL || question == NULL ||
		!ldns_pkt_push_rr(reply, LDNS_SECTION_QUESTION, question)) {
		ldns_rr_free(question);
		ldns_pkt_free(reply);
		return NULL;
	}
	if (ldns_pkt_edns(query)) {
		ldns_pkt_set_edns_udp_size(reply, DNS_UDP_MAX);
		ldns_pkt_set_edns_do(reply, ldns_pkt_edns_do(query)); /* RFC 3225 3 */
	}
	return reply;
}

/* RFC 9619 4, RFC 6891 6.1.1: one question, at most one OPT (ldns takes it off the additional ones). */
static bool is_well_formed(const uint8_t *message, const ldns_pkt *query)
{
	size_t kept = ldns_rr_list_rr_count(ldns_pkt_additional(query));
	size_t options =
		ldns_read_uint16(message + 10) - kept - (ldns_pkt_tsig(query) != NULL ? 1 : 0);

	return ldns_pkt_qdcount(query) == 1 && options <= 1;
}

/* NULL: no memory. */
static ldns_pkt *reply_to_query(struct exchange *exchange, const uint8_t *message)
{
	const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(exchange->query), 0);
	ldns_pkt_rcode rcode = objection(question);

	exchange->reply = reply_to(message, exchange->query);
	if (exchange->reply == NULL)
		return NULL;
	exchange->type = ldns_rr_get_type(question);
	if (ldns_pkt_edns(exchange->query) && ldns_pkt_edns_version(exchange->query) > 0)
		ldns_pkt_set_edns_extended_rcode(exchange->reply, BAD_VERSION);
	else if (rcode != LDNS_RCODE_NOERROR)
		ldns_pkt_set_rcode(exchange->reply, (uint8_t)rcode);
	else
		answer(exchange, ldns_rr_owner(question));
	if (!exchange->failed)
		return exchange->reply;
	ldns_pkt_free(exchange->reply);
	return NULL;
}

/* RFC 2181 9: the client asks again by TCP, so the sections may as well be empty. */
static ldns_pkt *truncated(const uint8_t *message, const ldns_pkt *query, const ldns_pkt *whole)
{
	ldns_pkt *reply = reply_to(message, query);

	if (reply == NULL)
		return NULL;
	ldns_pkt_set_aa(reply, ldns_pkt_aa(whole));
	ldns_pkt_set_rcode(reply, (uint8_t)ldns_pkt_get_rcode(whole));
	ldns_pkt_set_tc(reply, true);
	return reply;
}

static bool is_deep(const ldns_pkt *reply)
{
	const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(reply), 0);

	return question != NULL && ldns_dname_label_count(ldns_rr_owner(question)) > LABELS_MAX;
}

/*
 * ldns compresses names (RFC 1035 4.1.4) by comparing all that a name ends with, which takes it the
 * third power of the labels: 12 ms for 127 of them. Beyond a few names stay as they are.
 */
static ldns_status write_packet(ldns_buffer *buffer, const ldns_pkt *reply)
{
	return is_deep(reply) ? ldns_pkt2buffer_wire_compress(buffer, reply, NULL)
			      : ldns_pkt2buffer_wire(buffer, reply);
}

/* 0: it does not fit, or no memory. */
static size_t write_out(const ldns_pkt *reply, size_t limit, uint8_t *out)
{
	ldns_buffer *buffer = reply != NULL ? ldns_buffer_new(UDP_PLAIN) : NULL;
	size_t size = 0;

	if (buffer == NULL)
		return 0;
	if (write_packet(buffer, reply) == LDNS_STATUS_OK && ldns_buffer_position(buffer) <= limit)
		size = ldns_buffer_position(buffer);
	memcpy(out, ldns_buffer_begin(buffer), size);
	ldns_buffer_free(buffer);
	return size;
}

/* RFC 6891 6.2.3: less than 512 counts as 512. */
static size_t size_limit(const ldns_pkt *query, bool tcp)
{
	size_t size = ldns_pkt_edns(query) ? ldns_pkt_edns_udp_size(query) : UDP_PLAIN;

	if (tcp)
		return DNS_MESSAGE_MAX;
	return size < UDP_PLAIN ? UDP_PLAIN : size > DNS_UDP_MAX ? DNS_UDP_MAX : size;
}

/* ---- A message --------------------------------------------------------------------------- */

static void count(struct dns_counters *counters, const ldns_pkt *reply)
{
	switch (ldns_pkt_get_rcode(reply)) {
	case LDNS_RCODE_NOERROR:
		if (ldns_pkt_ancount(reply) > 0)
			counters->answered++;
		else if (ldns_pkt_aa(reply))
			counters->no_data++;
		else if (ldns_pkt_nscount(reply) > 0)
			counters->referred++;
		else
			counters->not_implemented++; /* a version of EDNS */
		break;
	case LDNS_RCODE_NXDOMAIN:
		counters->no_name++;
		break;
	case LDNS_RCODE_FORMERR:
		counters->malformed++;
		break;
	case LDNS_RCODE_NOTIMPL:
		counters->not_implemented++;
		break;
	case LDNS_RCODE_REFUSED:
		counters->refused++;
		break;
	default:
		counters->failed++;
		break;
	}
}

static size_t answer_header(
	const uint8_t *message, ldns_pkt_rcode rcode, uint8_t *out, struct dns_counters *counters)
{
	ldns_pkt *reply = header_of(message, rcode);
	size_t size = write_out(reply, UDP_PLAIN, out);

	if (reply != NULL)
		count(counters, reply);
	ldns_pkt_free(reply);
	return size;
}

static size_t answer_query(
	struct exchange *exchange, const uint8_t *message, bool tcp, uint8_t *out)
{
	size_t limit = size_limit(exchange->query, tcp), size;
	ldns_pkt *reply = reply_to_query(exchange, message);

	if (reply == NULL)
		return 0;
	count(exchange->counters, reply);
	size = write_out(reply, limit, out);
	if (size == 0 && !tcp) {
		ldns_pkt *shorter = truncated(message, exchange->query, reply);

		exchange->counters->truncated++;
		size = write_out(shorter, limit, out);
		ldns_pkt_free(shorter);
	}
	ldns_pkt_free(reply);
	return size;
}

size_t dns_answer(const struct dns_zones *zones, const uint8_t *message, size_t length, bool tcp,
	uint8_t *out, struct dns_counters *counters)
{
	struct exchange exchange = {.zones = zones, .counters = counters};
	ldns_pkt *query = NULL;
	size_t size;

	if (length < LDNS_HEADER_SIZE || LDNS_QR_WIRE(message)) {
		counters->ignored++;
		return 0;
	}
	if (LDNS_OPCODE_WIRE(message) != LDNS_PACKET_QUERY)
		return answer_header(message, LDNS_RCODE_NOTIMPL, out, counters);
	if (ldns_wire2pkt(&query, message, length) != LDNS_STATUS_OK)
		return answer_header(message, LDNS_RCODE_FORMERR, out, counters);
	exchange.query = query;
	if (is_well_formed(message, query))
		size = answer_query(&exchange, message, tcp, out);
	else
		size = answer_header(message, LDNS_RCODE_FORMERR, out, counters);
	ldns_pkt_free(query);
	return size > 0 ? size : answer_header(message, LDNS_RCODE_SERVFAIL, out, counters);
}
