/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts as text: files, cases, lines, words and numbers. docs/packet_scripts.md has the format.
 *
 * Called from tcp_script.c and verbs.c.
 */
#ifndef RWS_TEST_SCRIPT_H
#define RWS_TEST_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_WORDS 64u

struct script_line {
	unsigned number;
	char *text;
};

/* A case, or steps that cases of the same file share. */
struct script_block {
	char *name;
	unsigned number; /* of its first line */
	bool is_case;
	bool only_ipv4, only_ipv6;
	unsigned tags; /* lines that name an RFC */
	struct script_line *lines;
	size_t line_count;
};

struct script {
	const char *path;
	struct script_block *blocks;
	size_t block_count;
};

/* Reads a file; on an error says what and where on stderr and returns false. */
bool script_load(struct script *script, const char *path);
void script_free(struct script *script);

/* The steps of that name, or NULL. */
const struct script_block *script_steps(const struct script *script, const char *name);

/* A line's words; they point into `text`, which is cut up. A semicolon parts two actions. */
struct words {
	char *word[SCRIPT_WORDS];
	size_t count; /* up to the semicolon */
	size_t next;  /* the first that nobody took yet */
	size_t total;
	char *text;
};

/* False when there are too many. */
bool words_split(struct words *words, const char *line);
void words_free(struct words *words);
/* On to the words behind the semicolon; false at the end. */
bool words_next_action(struct words *words);
/* The next word and one further, or NULL at the end of the action. */
const char *words_take(struct words *words);
const char *words_peek(const struct words *words);
/* Takes the next word if it is this one. */
bool words_take_if(struct words *words, const char *word);
/* Whether the next word begins like a number. */
bool words_number_follows(const struct words *words);

/* What names in numbers mean: depends on the address family and the interface. */
struct constants {
	int64_t mtu, header; /* MTU; HDR, the IP and TCP headers without options; MSS = MTU - HDR */
};

/* A sum of products of numbers and names: "1+2*MSS". False when it is none. */
bool number_parse(const char *text, const struct constants *constants, int64_t *value);

/* "5", "5..9", "5.." or "*". */
struct range {
	int64_t low, high;
	bool any;
};
bool range_parse(const char *text, const struct constants *constants, struct range *range);

/* "40ms", "1s", "2h" in ns; a range of them: "200..250ms". */
bool duration_parse(const char *text, uint64_t *low_ns, uint64_t *high_ns);

#endif
