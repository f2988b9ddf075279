/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command-line options: one table row each, which feeds the parser, --help and the manual page.
 *
 * Called from apps/app.c with the common rows and the rows of the program. Calls nothing of ours,
 * prints nothing but the help text, and touches no device: whether the device exists or the core is
 * free is for rws_create to say.
 */
#ifndef RWS_APPS_OPTIONS_H
#define RWS_APPS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_INTERFACES 8u
#define OPTIONS_ADDRESSES  8u
#define OPTIONS_GATEWAYS   2u /* one for each family */
#define OPTIONS_DNS        3u

struct options;

enum option_kind {
	OPTION_FLAG,   /* bool at offset */
	OPTION_TEXT,   /* const char * at offset */
	OPTION_NUMBER, /* uint64_t at offset, min to max */
	OPTION_CHOICE, /* unsigned at offset: index into choices */
	OPTION_SET,    /* set() takes it */
};

struct option_row {
	const char *name;     /* "port" is --port */
	const char *argument; /* what --help calls it; NULL for a flag */
	const char *unit;     /* of a number, may be NULL */
	const char *fallback; /* default as --help says it, may be NULL */
	const char *text;
	enum option_kind kind;
	char letter; /* 'o' is -o as well, 0 for none */
	bool repeatable;
	bool hidden; /* for the build, not for people */
	uint64_t min, max;
	const char *const *choices; /* NULL-terminated */
	size_t offset;
	/* 0, or -EINVAL with a text in *options->error. */
	int (*set)(struct options *options, const struct option_row *row, const char *value);
};

/* What a program says about itself. */
struct option_spec {
	const char *program; /* "rws-httpd" */
	const char *summary;
	const char *operand; /* name of the one operand, NULL when there is none */
	const char *notes;   /* end of --help, may be NULL */
	const struct option_row *rows;
	unsigned row_count; /* at most 64 */
	void *own;          /* what the rows' offsets are relative to */
};

struct options_interface {
	const char *device;
	const char *addresses[OPTIONS_ADDRESSES];
	const char *gateways[OPTIONS_GATEWAYS];
	unsigned address_count, gateway_count;
	bool dhcp, slaac;
	uint64_t mtu; /* 0: not given */
};

enum { OPTIONS_INLINE, OPTIONS_CHANNEL };
enum { OPTIONS_POLL, OPTIONS_YIELD, OPTIONS_SLEEP };

/* What the common options came to. Texts are argv's. */
struct options {
	struct options_interface interfaces[OPTIONS_INTERFACES];
	unsigned interface_count;
	const char *dns[OPTIONS_DNS];
	unsigned dns_count;
	const char *cores;
	unsigned placement, idle;
	uint64_t memory_mb;
	bool hugepages, help, version, man, quiet, stats;
	const char *operand;
	char error[512]; /* what was wrong and what to do */
};

/*
 * Reads the command line into *options and spec->own, which hold the defaults. Returns 0, or
 * -EINVAL with options->error. With --help, --version or --man nothing else is asked for.
 */
int options_parse(
	const struct option_spec *spec, int argc, char *const argv[], struct options *options);

void options_print_help(FILE *out, const struct option_spec *spec);

/* The manual page, for man(1). */
void options_print_man(FILE *out, const struct option_spec *spec, const char *version);

/* Whether min and max mean something to people. */
bool options_has_range(const struct option_row *row);

/* Fills options->error; returns -EINVAL, for `return`. */
int options_reject(struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* RFC 1122 3.2.1.3, RFC 4291 2.5 to 2.7: whether one station can have it; family 4 or 6. */
bool options_is_station(int family, const uint8_t ip[16]);

/* Reads a whole number within the row's range. 0, or -EINVAL with options->error. */
int options_number(
	struct options *options, const struct option_row *row, const char *value, uint64_t *number);

#endif
