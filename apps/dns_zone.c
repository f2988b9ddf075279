/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns_zone.h"

#include <errno.h>
#include <libzscanner/scanner.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_DEFAULT 3600u       /* of records without one, in a file without $TTL */
#define TTL_MAX     2147483647u /* RFC 2181 8 */
#define SOA_MINIMUM 6           /* index of the field */
#define SET_MAX     2000        /* records of a name and type: ldns sorts them by insertion */

#define TEXT_LEAST ((size_t)64 << 10) /* bytes; doubled until the text fits */
#define TEXT_MAX   ((size_t)256 << 20)

/* A file as it is read. */
struct reader {
	const char *path;
	const char *text;
	size_t length, place; /* of the text, and how much of it is read */
	zs_scanner_t *scanner;
	char *error;
	size_t error_size;
};

/* The scanner's own count leaves out newlines within quotes. 0: the file is empty. */
static unsigned long line_of(const struct reader *reader)
{
	unsigned long line = reader->length > 0 ? 1 : 0;

	for (size_t i = 0; i < reader->place && i + 1 < reader->length; i++)
		line += reader->text[i] == '\n';
	return line;
}

static int complain(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(struct reader *reader, const char *format, ...)
{
	int n = snprintf(
		reader->error, reader->error_size, "%.300s:%lu: ", reader->path, line_of(reader));
	va_list arguments;

	if (n < 0 || (size_t)n >= reader->error_size)
		return -EINVAL;
	va_start(arguments, format);
	vsnprintf(reader->error + n, reader->error_size - (size_t)n, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* ---- Names of a zone --------------------------------------------------------------------- */

static ldns_dnssec_name *records_of(const struct dns_zone *zone, const ldns_rdf *name)
{
	ldns_rbnode_t *node = ldns_rbtree_search(zone->data->names, name);

	return node != NULL ? (ldns_dnssec_name *)(uintptr_t)node->data : NULL;
}

/* RFC 4592 2.2.2: a name exists when one below it does. */
static bool has_names_below(const struct dns_zone *zone, const ldns_rdf *name)
{
	ldns_rbnode_t *node = NULL;

	ldns_rbtree_find_less_equal(zone->data->names, name, &node);
	node = node != NULL ? ldns_rbtree_next(node) : ldns_rbtree_first(zone->data->names);
	return node != NULL && node != LDNS_RBTREE_NULL && ldns_dname_is_subdomain(node->key, name);
}

/* Whether the name is there; DNS_PLACE_NOWHERE: it is not, nor one below it. */
static struct dns_found look_at(const struct dns_zone *zone, const ldns_rdf *name)
{
	struct dns_found found = {.place = DNS_PLACE_NOWHERE};

	if (name == NULL)
		return found;
	found.records = records_of(zone, name);
	if (found.records != NULL)
		found.place = DNS_PLACE_NAME;
	else if (has_names_below(zone, name))
		found.place = DNS_PLACE_EMPTY;
	return found;
}

/* The wildcard below the name that is left without `labels` labels. */
static struct dns_found find_wildcard(
	const struct dns_zone *zone, const ldns_rdf *name, unsigned labels)
{
	ldns_rdf *encloser = ldns_dname_clone_from(name, (uint16_t)labels);
	ldns_rdf *star = ldns_dname_new_frm_str("*");
	ldns_rdf *wildcard =
		encloser != NULL && star != NULL ? ldns_dname_cat_clone(star, encloser) : NULL;
	struct dns_found found = look_at(zone, wildcard);

	if (found.place == DNS_PLACE_NAME)
		found.place = DNS_PLACE_WILDCARD;
	ldns_rdf_deep_free(wildcard);
	ldns_rdf_deep_free(star);
	ldns_rdf_deep_free(encloser);
	return found;
}

static bool is_cut(const struct dns_found *found)
{
	return found->place == DNS_PLACE_NAME &&
		ldns_dnssec_name_find_rrset(found->records, LDNS_RR_TYPE_NS) != NULL;
}

/*
 * RFC 1034 4.3.2, step 3, with RFC 4592: from the origin down, label by label, so that the way is no
 * longer than the zone is deep.
 */
struct dns_found dns_zone_find(const struct dns_zone *zone, const ldns_rdf *name)
{
	unsigned left = ldns_dname_label_count(name) - ldns_dname_label_count(zone->origin);
	struct dns_found found = look_at(zone, zone->origin);

	while (left-- > 0) {
		ldns_rdf *at = ldns_dname_clone_from(name, (uint16_t)left);

		found = look_at(zone, at);
		ldns_rdf_deep_free(at);
		if (found.place == DNS_PLACE_NOWHERE)
			return find_wildcard(zone, name, left + 1);
		if (is_cut(&found)) {
			found.place = DNS_PLACE_REFERRAL;
			return found;
		}
	}
	return found;
}

static bool is_within(const struct dns_zone *zone, const ldns_rdf *name)
{
	return ldns_dname_compare(name, zone->origin) == 0 ||
		ldns_dname_is_subdomain(name, zone->origin);
}

const struct dns_zone *dns_zones_find(const struct dns_zones *zones, const ldns_rdf *name)
{
	const struct dns_zone *best = NULL;

	for (unsigned i = 0; i < zones->count; i++) {
		const struct dns_zone *zone = &zones->each[i];

		if (is_within(zone, name) &&
			(best == NULL ||
				ldns_dname_label_count(zone->origin) >
					ldns_dname_label_count(best->origin)))
			best = zone;
	}
	return best;
}

/* ---- Records ----------------------------------------------------------------------------- */

/* Types whose records would have to change how other names are answered. */
static bool is_served(ldns_rr_type type)
{
	switch (type) {
	case LDNS_RR_TYPE_DNAME:
	case LDNS_RR_TYPE_RRSIG:
	case LDNS_RR_TYPE_NSEC:
	case LDNS_RR_TYPE_NSEC3:
	case LDNS_RR_TYPE_NSEC3PARAM:
		return false;
	default:
		return true;
	}
}

static bool is_in(const ldns_dnssec_rrsets *set, const ldns_rr *record)
{
	for (const ldns_dnssec_rrs *at = set->rrs; at != NULL; at = at->next) {
		if (at->rr == record)
			return true;
	}
	return false;
}

static unsigned size_of(const ldns_dnssec_rrsets *set)
{
	unsigned count = 0;

	for (const ldns_dnssec_rrs *at = set->rrs; at != NULL; at = at->next)
		count++;
	return count;
}

/* What is wrong with it beside the records of its name; NULL: nothing. */
static const char *objection_beside(const ldns_dnssec_name *name, const ldns_rr *record)
{
	ldns_rr_type type = ldns_rr_get_type(record);

	for (const ldns_dnssec_rrsets *set = name->rrsets; set != NULL; set = set->next) {
		if (set->type != type) {
			if (set->type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_CNAME)
				return "a name with a CNAME has no other records (RFC 1034 3.6.2)";
			continue;
		}
		if (ldns_rr_ttl(set->rrs->rr) != ldns_rr_ttl(record))
			return "the TTL differs from that of the others of name and type "
			       "(RFC 2181 5.2)";
		if (type == LDNS_RR_TYPE_SOA)
			return "a second SOA; a zone has one";
		if (type == LDNS_RR_TYPE_CNAME)
			return "a second CNAME; a name has one";
		if (size_of(set) == SET_MAX)
			return "more than 2000 records of the name and type";
	}
	return NULL;
}

static const char *objection(const struct dns_zone *zone, const ldns_rr *record)
{
	const ldns_dnssec_name *name;

	if (ldns_rr_ttl(record) > TTL_MAX)
		return "the TTL is greater than 2147483647 (RFC 2181 8)";
	if (!is_served(ldns_rr_get_type(record)))
		return "records of this type are not served here; give an unsigned zone without DNAME";
	if (zone->origin == NULL)
		return ldns_rr_get_type(record) != LDNS_RR_TYPE_SOA
			? "the first record is to be the SOA"
			: ldns_dname_label_count(ldns_rr_owner(record)) == 0
			? "this is the root zone; begin the file with $ORIGIN and the name of yours"
			: NULL;
	if (!is_within(zone, ldns_rr_owner(record)))
		return "the name is not within the zone";
	if (ldns_rr_get_type(record) == LDNS_RR_TYPE_SOA &&
		ldns_dname_compare(ldns_rr_owner(record), zone->origin) != 0)
		return "a second SOA; a zone has one";
	name = records_of(zone, ldns_rr_owner(record));
	return name != NULL ? objection_beside(name, record) : NULL;
}

/* RFC 2308 5: nothing is remembered for as long as the lesser of the SOA's TTL and its minimum. */
static ldns_rr *negative_soa(const ldns_rr *soa)
{
	uint32_t minimum = ldns_rdf2native_int32(ldns_rr_rdf(soa, SOA_MINIMUM));
	ldns_rr *negative = ldns_rr_clone(soa);

	if (negative != NULL && minimum < ldns_rr_ttl(negative))
		ldns_rr_set_ttl(negative, minimum);
	return negative;
}

static bool begin_zone(struct dns_zone *zone, const ldns_rr *soa)
{
	zone->origin = ldns_rdf_clone(ldns_rr_owner(soa));
	zone->negative = negative_soa(soa);
	return zone->origin != NULL && zone->negative != NULL;
}

/* RFC 2181 5: a repetition is suppressed; ldns does so, and leaves it to us. */
static void free_repeated(const struct dns_zone *zone, ldns_rr *record)
{
	const ldns_dnssec_rrsets *set = ldns_dnssec_zone_find_rrset(
		zone->data, ldns_rr_owner(record), ldns_rr_get_type(record));

	if (set == NULL || !is_in(set, record))
		ldns_rr_free(record);
}

/* Takes the record over. */
static int add_record(struct dns_zone *zone, struct reader *reader, ldns_rr *record)
{
	const char *wrong = objection(zone, record);

	if (wrong == NULL && zone->origin == NULL && !begin_zone(zone, record))
		wrong = "out of memory";
	if (wrong == NULL && ldns_dnssec_zone_add_rr(zone->data, record) != LDNS_STATUS_OK)
		wrong = "the record cannot be added";
	if (wrong == NULL) {
		free_repeated(zone, record);
		return 0;
	}
	ldns_rr_free(record);
	return complain(reader, "%s", wrong);
}

/* ---- Entries ----------------------------------------------------------------------------- */

/* In the form in which messages have it: RFC 1035 3.2.1. NULL: no memory. */
static ldns_buffer *wire_of(const zs_scanner_t *entry)
{
	ldns_buffer *wire =
		ldns_buffer_new(entry->r_owner_length + LDNS_RR_OVERHEAD + entry->r_data_length);

	if (wire == NULL)
		return NULL;
	ldns_buffer_write(wire, entry->r_owner, entry->r_owner_length);
	ldns_buffer_write_u16(wire, entry->r_type);
	ldns_buffer_write_u16(wire, entry->r_class);
	ldns_buffer_write_u32(wire, entry->r_ttl);
	ldns_buffer_write_u16(wire, (uint16_t)entry->r_data_length);
	ldns_buffer_write(wire, entry->r_data, entry->r_data_length);
	return wire;
}

/*
 * Data in hexadecimal digits (RFC 3597 5) are not looked into by libzscanner, and ldns takes compressed
 * names, leaves out what is too much and does not mind if fields are missing.
 */
static bool is_whole(const ldns_rr *record, const zs_scanner_t *entry)
{
	const ldns_rr_descriptor *fields = ldns_rr_descript(ldns_rr_get_type(record));
	size_t count = ldns_rr_rd_count(record), at = 0;

	for (size_t i = 0; i < count; i++) {
		const ldns_rdf *field = ldns_rr_rdf(record, i);
		size_t size = ldns_rdf_size(field);

		if (size > entry->r_data_length - at ||
			memcmp(ldns_rdf_data(field), entry->r_data + at, size) != 0)
			return false;
		at += size;
	}
	return at == entry->r_data_length &&
		(at == 0 || count >= ldns_rr_descriptor_minimum(fields));
}

static int read_record(struct dns_zone *zone, struct reader *reader)
{
	ldns_buffer *wire = wire_of(reader->scanner);
	ldns_rr *record = NULL;
	size_t at = 0;
	ldns_status status;

	if (wire == NULL)
		return complain(reader, "out of memory");
	status = ldns_wire2rr(&record, ldns_buffer_begin(wire), ldns_buffer_position(wire), &at,
		LDNS_SECTION_ANSWER);
	ldns_buffer_free(wire);
	if (status == LDNS_STATUS_OK && is_whole(record, reader->scanner))
		return add_record(zone, reader, record);
	ldns_rr_free(record);
	return complain(reader,
		status == LDNS_STATUS_MEM_ERR ? "out of memory" : "the data do not fit the type");
}

/* At the end the scanner reads a newline of its own. */
static size_t place_of(const struct reader *reader)
{
	if (reader->scanner->input.start != reader->text)
		return reader->length;
	return (size_t)(reader->scanner->input.current - reader->text);
}

static const char *error_text(int code)
{
	if (code == ZS_BAD_ORIGIN)
		return "the origin is to be a whole name, with a dot at its end";
	return zs_strerror(code);
}

/* 1 to go on, 0 at the end of the file, -EINVAL. */
static int read_entry(struct dns_zone *zone, struct reader *reader)
{
	zs_scanner_t *scanner = reader->scanner;

	zs_parse_record(scanner);
	reader->place = place_of(reader);
	switch (scanner->state) {
	case ZS_STATE_DATA:
		return read_record(zone, reader) < 0 ? -EINVAL : 1;
	case ZS_STATE_EOF:
		return 0;
	case ZS_STATE_INCLUDE:
		return complain(reader, "$INCLUDE is not read; put the records into the file");
	default:
		return complain(reader, "%s", error_text(scanner->error.code));
	}
}

/* ---- Files ------------------------------------------------------------------------------- */

static int check_zone(
	const struct dns_zones *zones, const struct dns_zone *zone, struct reader *reader)
{
	if (zone->origin == NULL)
		return complain(reader, "no records; a zone begins with its SOA");
	if (ldns_dnssec_zone_find_rrset(zone->data, zone->origin, LDNS_RR_TYPE_NS) == NULL)
		return complain(reader, "the zone has no NS records at its top (RFC 1034 4.2.1)");
	for (unsigned i = 0; i < zones->count; i++) {
		if (ldns_dname_compare(zones->each[i].origin, zone->origin) == 0)
			return complain(reader, "another file has the same zone; give one");
	}
	return 0;
}

static void free_zone(struct dns_zone *zone)
{
	ldns_dnssec_zone_deep_free(zone->data);
	ldns_rdf_deep_free(zone->origin);
	ldns_rr_free(zone->negative);
}

static int scan(const struct dns_zones *zones, struct dns_zone *zone, struct reader *reader)
{
	int result = 1;

	if (zs_init(reader->scanner, ".", LDNS_RR_CLASS_IN, TTL_DEFAULT) < 0 ||
		zs_set_input_string(reader->scanner, reader->text, reader->length) < 0)
		result = complain(reader, "%s", zs_strerror(reader->scanner->error.code));
	while (result > 0)
		result = read_entry(zone, reader);
	zs_deinit(reader->scanner);
	return result < 0 ? result : check_zone(zones, zone, reader);
}

static int load(const struct dns_zones *zones, struct dns_zone *zone, struct reader *reader)
{
	const char *nul = reader->length > 0 ? memchr(reader->text, '\0', reader->length) : NULL;
	int result;

	if (nul != NULL) {
		reader->place = (size_t)(nul - reader->text);
		return complain(reader, "a NUL character");
	}
	zone->data = ldns_dnssec_zone_new();
	reader->scanner = malloc(sizeof(*reader->scanner));
	if (zone->data == NULL || reader->scanner == NULL)
		result = complain(reader, "out of memory");
	else
		result = scan(zones, zone, reader);
	free(reader->scanner);
	if (result < 0)
		free_zone(zone);
	return result;
}

static int grow(char **text, size_t *room)
{
	size_t wanted = *room > 0 ? 2 * *room : TEXT_LEAST;
	char *larger = wanted <= TEXT_MAX ? realloc(*text, wanted) : NULL;

	if (larger == NULL)
		return wanted <= TEXT_MAX ? -ENOMEM : -EFBIG;
	*text = larger;
	*room = wanted;
	return 0;
}

/*
 * 0, or a negative errno. libzscanner reads files as well, but 3.2 takes no more of a pipe than one
 * read gets.
 */
static int read_text(const char *path, char **text, size_t *length)
{
	FILE *file = fopen(path, "re");
	size_t room = 0;
	int result = 0;

	if (file == NULL)
		return -errno;
	do {
		if (*length == room)
			result = grow(text, &room);
		if (result == 0)
			*length += fread(*text + *length, 1, room - *length, file);
		if (ferror(file))
			result = -errno;
	} while (result == 0 && feof(file) == 0);
	fclose(file);
	return result;
}

/* Lines may end with CR and LF, which libzscanner refuses. Returns the length that is left. */
static size_t drop_returns(char *text, size_t length)
{
	size_t kept = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\r' || i + 1 == length || text[i + 1] != '\n')
			text[kept++] = text[i];
	}
	return kept;
}

int dns_zones_load(struct dns_zones *zones, const char *path, char *error, size_t size)
{
	struct reader reader = {.path = path, .error = error, .error_size = size};
	struct dns_zone zone = {0};
	char *text = NULL;
	int result;

	if (zones->count == DNS_ZONES)
		return complain(&reader, "at most %u zones", DNS_ZONES);
	result = read_text(path, &text, &reader.length);
	if (result < 0) {
		snprintf(error, size, "%.300s: %s", path,
			result == -EFBIG ? "256 MiB or more; no zone is so large"
					 : strerror(-result));
		free(text);
		return -EINVAL;
	}
	reader.length = drop_returns(text, reader.length);
	reader.text = text;
	reader.place = reader.length;
	result = load(zones, &zone, &reader);
	free(text);
	if (result == 0)
		zones->each[zones->count++] = zone;
	return result;
}

void dns_zones_free(struct dns_zones *zones)
{
	while (zones->count > 0)
		free_zone(&zones->each[--zones->count]);
}
