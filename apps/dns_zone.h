/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-dns: zones as read from zone files (RFC 1035 5), and where a name leads to in one.
 *
 * Called from apps/dns.c and apps/dns_answer.c. Calls libzscanner, which reads the files, and ldns,
 * which keeps the records in order of names (RFC 4034 6.1), so that what is below a name follows it.
 *
 * Zones are loaded before the threads start and only read afterwards.
 */
#ifndef RWS_APPS_DNS_ZONE_H
#define RWS_APPS_DNS_ZONE_H

#include <ldns/ldns.h>
#include <stddef.h>

#define DNS_ZONES 64u

struct dns_zone {
	ldns_dnssec_zone *data;
	ldns_rdf *origin;  /* its highest name */
	ldns_rr *negative; /* the SOA as it goes with answers of nothing: RFC 2308 3 */
};

struct dns_zones {
	struct dns_zone each[DNS_ZONES];
	unsigned count;
};

/* Adds the zone of a file: 0, or -EINVAL with a text that names file and line. */
int dns_zones_load(struct dns_zones *zones, const char *path, char *error, size_t size);

void dns_zones_free(struct dns_zones *zones);

/* The zone that the name belongs to; NULL: none of ours. */
const struct dns_zone *dns_zones_find(const struct dns_zones *zones, const ldns_rdf *name);

enum dns_place {
	DNS_PLACE_NAME,     /* records of the name itself */
	DNS_PLACE_WILDCARD, /* records of the wildcard that stands for it: RFC 4592 */
	DNS_PLACE_REFERRAL, /* records where its zone is cut off from this one */
	DNS_PLACE_EMPTY,    /* the name exists, for those below it, and has no records */
	DNS_PLACE_NOWHERE,  /* it does not exist */
};

struct dns_found {
	enum dns_place place;
	ldns_dnssec_name *records; /* of the first three places */
};

/* For a name that belongs to the zone. */
struct dns_found dns_zone_find(const struct dns_zone *zone, const ldns_rdf *name);

#endif
