/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/dns_message.h"

#include <errno.h>
#include <string.h>

#include "api/address.h"

#define HEADER 12u

/* RFC 1035 4.1.1: the second 16 bits. */
#define FLAG_RESPONSE  0x8000u
#define FLAG_OPCODE    0x7800u
#define FLAG_TRUNCATED 0x0200u
#define FLAG_RECURSE   0x0100u
#define FLAG_RCODE     0x000fu
#define RCODE_NAME     3u

#define TYPE_A     1u
#define TYPE_CNAME 5u
#define TYPE_AAAA  28u
#define TYPE_OPT   41u
#define CLASS_IN   1u

#define RECORD_FIXED 10u /* type, class, TTL, length */

#define LABEL_POINTER 0xc0u
#define ALIASES_MAX   8u /* CNAMEs that are followed */

struct message {
	const uint8_t *bytes;
	size_t n;
};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t type_of(const struct dns_question *question)
{
	return question->family == RWS_IPV6 ? TYPE_AAAA : TYPE_A;
}

/* ---- Asking ------------------------------------------------------------------------------ */

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

/* "a.bc" as 1 a 2 b c 0. */
static uint8_t *put_name(uint8_t *at, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");
		*at++ = (uint8_t)n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	*at++ = 0;
	return at;
}

/* RFC 6891 6.1.2: the root's name, and our size in the place of the class. */
static uint8_t *put_opt(uint8_t *at)
{
	*at++ = 0;
	at = put16(at, TYPE_OPT);
	at = put16(at, DNS_ANSWER_MAX);
	memset(at, 0, 6);
	return at + 6;
}

size_t dns_query(const struct dns_question *question, uint8_t out[DNS_QUERY_MAX])
{
	uint8_t *at = put16(out, question->id);

	at = put16(at, FLAG_RECURSE);
	at = put16(at, 1); /* questions */
	at = put16(at, 0);
	at = put16(at, 0);
	at = put16(at, 1); /* additional records: OPT */
	at = put_name(at, question->name);
	at = put16(at, type_of(question));
	at = put16(at, CLASS_IN);
	at = put_opt(at);
	return (size_t)(at - out);
}

/* ---- Names in an answer ------------------------------------------------------------------ */

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* What would end a text, or part it in two, is in no host's name. */
static bool is_text(const uint8_t *label, size_t n)
{
	return memchr(label, '\0', n) == NULL && memchr(label, '.', n) == NULL;
}

/*
 * Reads the name at `at`, as text in lower case; *next is what follows it where it stands. RFC 1035
 * 4.1.4: a pointer leads to an earlier place, here: before the part that it ends.
 */
static bool read_name(
	const struct message *m, size_t at, char name[HOST_NAME_LENGTH + 1], size_t *next)
{
	size_t length = 0, limit = at;
	bool jumped = false;

	while (at < m->n) {
		uint8_t n = m->bytes[at];
		if ((n & LABEL_POINTER) == LABEL_POINTER) {
			if (at + 1 >= m->n)
				return false;
			if (!jumped)
				*next = at + 2;
			jumped = true;
			at = (size_t)(n & 0x3fu) << 8 | m->bytes[at + 1];
			if (at >= limit)
				return false;
			limit = at;
			continue;
		}
		if (n == 0) {
			if (!jumped)
				*next = at + 1;
			name[length > 0 ? length - 1 : 0] = '\0';
			return true;
		}
		/* 0x40 and 0x80 mean nothing any more; a label with its dot must fit. */
		if (n >= 64 || at + 1 + n > m->n || length + n + 1 > HOST_NAME_LENGTH + 1)
			return false;
		if (!is_text(m->bytes + at + 1, n))
			return false;
		for (uint8_t i = 0; i < n; i++)
			name[length++] = lower(m->bytes[at + 1 + i]);
		name[length++] = '.';
		at += 1u + n;
	}
	return false;
}

/* ---- Records ----------------------------------------------------------------------------- */

struct record {
	char owner[HOST_NAME_LENGTH + 1];
	uint16_t type, class, length;
	size_t data; /* offset; length bytes of it are there */
};

static bool read_record(const struct message *m, size_t *at, struct record *record)
{
	size_t fixed;

	if (!read_name(m, *at, record->owner, &fixed) || fixed + RECORD_FIXED > m->n)
		return false;
	record->type = be16(m->bytes + fixed);
	record->class = be16(m->bytes + fixed + 2);
	record->length = be16(m->bytes + fixed + 8);
	record->data = fixed + RECORD_FIXED;
	*at = record->data + record->length;
	return *at <= m->n;
}

/* IPv4 in IPv6 clothes (RFC 4291 2.5.5.2) is nobody's address on the wire. */
static bool is_mapped(const struct rws_address *address)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return address->family == RWS_IPV6 && memcmp(address->ip, prefix, sizeof(prefix)) == 0;
}

/* Whatever the server says, a connection goes to one host, and not to ourselves. */
static bool may_connect_to(const struct rws_address *address)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	bool is_loopback = address->family == RWS_IPV4
		? address->ip[0] == 127
		: memcmp(address->ip, loopback6, sizeof(loopback6)) == 0;

	return !is_loopback && !address_is_any(address) && !address_is_multicast(address) &&
		!address_is_broadcast(address) && !is_mapped(address);
}

static void add_address(struct dns_addresses *addresses, uint8_t family, const uint8_t *ip)
{
	struct rws_address address = {.family = family};

	memcpy(address.ip, ip, family == RWS_IPV6 ? 16 : 4);
	if (!may_connect_to(&address))
		return;
	for (unsigned i = 0; i < addresses->count; i++)
		if (rws_address_equal(&addresses->address[i], &address))
			return;
	if (addresses->count < DNS_ADDRESSES_MAX)
		addresses->address[addresses->count++] = address;
}

/*
 * One pass over the answers about `name`: its addresses, and in `alias` what it stands for, if it
 * is an alias. False: malformed.
 */
static bool collect(const struct message *m, size_t at, const struct dns_question *question,
	const char *name, struct dns_addresses *addresses, char alias[HOST_NAME_LENGTH + 1])
{
	uint16_t size = question->family == RWS_IPV6 ? 16 : 4;
	struct record record;
	size_t ignored;

	alias[0] = '\0';
	for (unsigned left = be16(m->bytes + 6); left > 0; left--) {
		if (!read_record(m, &at, &record))
			return false;
		if (record.class != CLASS_IN || strcmp(record.owner, name) != 0)
			continue;
		if (record.type == type_of(question) && record.length == size)
			add_address(addresses, question->family, m->bytes + record.data);
		else if (record.type == TYPE_CNAME && !read_name(m, record.data, alias, &ignored))
			return false;
	}
	return true;
}

/* ---- Answers ----------------------------------------------------------------------------- */

/* It is the answer to this question (RFC 5452 9.1), as a whole; *at is what follows the question. */
static bool is_answer(const struct message *m, const struct dns_question *question, size_t *at)
{
	char name[HOST_NAME_LENGTH + 1];

	if (m->n < HEADER || be16(m->bytes) != question->id)
		return false;
	uint16_t flags = be16(m->bytes + 2);
	if ((flags & FLAG_RESPONSE) == 0 || (flags & (FLAG_OPCODE | FLAG_TRUNCATED)) != 0 ||
		be16(m->bytes + 4) != 1)
		return false;
	if (!read_name(m, HEADER, name, at) || *at + 4 > m->n)
		return false;
	*at += 4;
	return strcmp(name, question->name) == 0 && be16(m->bytes + *at - 4) == type_of(question) &&
		be16(m->bytes + *at - 2) == CLASS_IN;
}

int dns_answer(const struct dns_question *question, const uint8_t *message, size_t n,
	struct dns_addresses *addresses)
{
	struct message m = {message, n};
	char name[HOST_NAME_LENGTH + 1], alias[HOST_NAME_LENGTH + 1];
	size_t at;

	addresses->count = 0;
	if (!is_answer(&m, question, &at))
		return -EBADMSG;
	unsigned rcode = be16(message + 2) & FLAG_RCODE;
	if (rcode == RCODE_NAME)
		return -ENXIO;
	if (rcode != 0)
		return -EREMOTEIO;
	strncpy(name, question->name, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned followed = 0; followed <= ALIASES_MAX; followed++) {
		if (!collect(&m, at, question, name, addresses, alias)) {
			addresses->count = 0;
			return -EBADMSG;
		}
		if (addresses->count > 0)
			return 0;
		if (alias[0] == '\0')
			break;
		memcpy(name, alias, sizeof(name));
	}
	return -ENXIO;
}
