/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/conformance/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files */

static void *grown(void *array, size_t count, size_t size)
{
	if ((count & (count + 1)) != 0)
		return array; /* room is for 1, 3, 7 ... */
	void *larger = realloc(array, (2 * count + 1) * size);
	if (larger == NULL) {
		fprintf(stderr, "tcp_script: out of memory\n");
		exit(2);
	}
	return larger;
}

static struct script_block *add_block(
	struct script *script, const char *name, bool is_case, unsigned number)
{
	script->blocks = grown(script->blocks, script->block_count, sizeof(*script->blocks));
	struct script_block *block = &script->blocks[script->block_count++];
	memset(block, 0, sizeof(*block));
	block->name = strdup(name);
	block->is_case = is_case;
	block->number = number;
	return block;
}

static void add_line(struct script_block *block, const char *text, unsigned number)
{
	if (strncmp(text, "RFC ", 4) == 0) {
		block->tags++;
		return;
	}
	block->lines = grown(block->lines, block->line_count, sizeof(*block->lines));
	struct script_line *line = &block->lines[block->line_count++];
	line->number = number;
	line->text = strdup(text);
}

/* Cuts comment and white space off; returns where the text begins. */
static char *trimmed(char *line)
{
	char *comment = strchr(line, '#');
	if (comment != NULL)
		*comment = '\0';
	size_t length = strlen(line);
	while (length > 0 && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	while (isspace((unsigned char)*line))
		line++;
	return line;
}

static bool known(const struct script *script, const char *name)
{
	for (size_t i = 0; i < script->block_count; i++)
		if (strcmp(script->blocks[i].name, name) == 0)
			return true;
	return false;
}

/* "case NAME" or "steps NAME". */
static const char *begin_block(struct script *script, char *text, unsigned number)
{
	char *name = strchr(text, ' ');
	if (name == NULL)
		return "a block needs a name";
	*name++ = '\0';
	bool is_case = strcmp(text, "case") == 0;
	if (!is_case && strcmp(text, "steps") != 0)
		return "only \"case NAME\" and \"steps NAME\" stand at the margin";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		return "a name has lower-case letters, digits and underscores";
	if (known(script, name))
		return "the name is taken";
	add_block(script, name, is_case, number);
	return NULL;
}

static const char *take_line(struct script *script, char *line, unsigned number)
{
	bool indented = isspace((unsigned char)line[0]);
	char *text = trimmed(line);
	if (*text == '\0')
		return NULL;
	if (!indented)
		return begin_block(script, text, number);
	if (script->block_count == 0)
		return "the line stands before the first case";
	struct script_block *block = &script->blocks[script->block_count - 1];
	if (strcmp(text, "only ipv4") == 0)
		block->only_ipv4 = true;
	else if (strcmp(text, "only ipv6") == 0)
		block->only_ipv6 = true;
	else
		add_line(block, text, number);
	return NULL;
}

static const char *check_blocks(const struct script *script, unsigned *number)
{
	for (size_t i = 0; i < script->block_count; i++) {
		const struct script_block *block = &script->blocks[i];
		*number = block->number;
		if (block->line_count == 0)
			return "the block is empty";
		if (block->is_case && block->tags == 0)
			return "the case names no RFC";
	}
	return NULL;
}

bool script_load(struct script *script, const char *path)
{
	char line[1024];
	unsigned number = 0;
	const char *wrong = NULL;
	memset(script, 0, sizeof(*script));
	script->path = path;
	FILE *file = fopen(path, "r");
	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	while (wrong == NULL && fgets(line, sizeof(line), file) != NULL) {
		number++;
		wrong = strchr(line, '\n') != NULL ? take_line(script, line, number)
						   : "the line is too long or has no end";
	}
	fclose(file);
	if (wrong == NULL)
		wrong = check_blocks(script, &number);
	if (wrong != NULL)
		fprintf(stderr, "%s:%u: %s\n", path, number, wrong);
	return wrong == NULL;
}

void script_free(struct script *script)
{
	for (size_t i = 0; i < script->block_count; i++) {
		struct script_block *block = &script->blocks[i];
		for (size_t j = 0; j < block->line_count; j++)
			free(block->lines[j].text);
		free(block->lines);
		free(block->name);
	}
	free(script->blocks);
}

const struct script_block *script_steps(const struct script *script, const char *name)
{
	for (size_t i = 0; i < script->block_count; i++)
		if (!script->blocks[i].is_case && strcmp(script->blocks[i].name, name) == 0)
			return &script->blocks[i];
	return NULL;
}

/* Words */

static void find_end(struct words *words)
{
	words->count = words->next;
	while (words->count < words->total && strcmp(words->word[words->count], ";") != 0)
		words->count++;
}

bool words_split(struct words *words, const char *line)
{
	memset(words, 0, sizeof(*words));
	words->text = strdup(line);
	char *rest = NULL;
	for (char *word = strtok_r(words->text, " \t", &rest); word != NULL;
		word = strtok_r(NULL, " \t", &rest)) {
		if (words->total == SCRIPT_WORDS)
			return false;
		words->word[words->total++] = word;
	}
	find_end(words);
	return true;
}

bool words_next_action(struct words *words)
{
	if (words->count == words->total)
		return false;
	words->next = words->count + 1;
	find_end(words);
	return true;
}

void words_free(struct words *words)
{
	free(words->text);
}

const char *words_peek(const struct words *words)
{
	return words->next < words->count ? words->word[words->next] : NULL;
}

const char *words_take(struct words *words)
{
	const char *word = words_peek(words);
	if (word != NULL)
		words->next++;
	return word;
}

bool words_take_if(struct words *words, const char *word)
{
	const char *next = words_peek(words);
	if (next == NULL || strcmp(next, word) != 0)
		return false;
	words->next++;
	return true;
}

bool words_number_follows(const struct words *words)
{
	const char *next = words_peek(words);
	if (next == NULL)
		return false;
	return isdigit((unsigned char)*next) || *next == '-' || *next == '*' ||
		strncmp(next, "MSS", 3) == 0 || strncmp(next, "MTU", 3) == 0;
}

/* Numbers */

static bool parse_factor(const char **at, const struct constants *constants, int64_t *value)
{
	static const char *const names[] = {"MSS", "MTU", "HDR"};
	const int64_t values[] = {
		constants->mtu - constants->header, constants->mtu, constants->header};
	for (unsigned i = 0; i < 3; i++) {
		if (strncmp(*at, names[i], 3) != 0)
			continue;
		*value = values[i];
		*at += 3;
		return true;
	}
	if (!isdigit((unsigned char)**at))
		return false;
	char *end;
	*value = strtoll(*at, &end, 0);
	*at = end;
	return true;
}

static bool parse_product(const char **at, const struct constants *constants, int64_t *value)
{
	if (!parse_factor(at, constants, value))
		return false;
	while (**at == '*' && (*at)[1] != '\0') {
		int64_t factor;
		(*at)++;
		if (!parse_factor(at, constants, &factor))
			return false;
		*value *= factor;
	}
	return true;
}

static bool parse_sum(const char **at, const struct constants *constants, int64_t *value)
{
	bool negative = **at == '-';
	if (negative)
		(*at)++;
	if (!parse_product(at, constants, value))
		return false;
	if (negative)
		*value = -*value;
	while (**at == '+' || **at == '-') {
		int64_t sign = *(*at)++ == '+' ? 1 : -1, term;
		if (!parse_product(at, constants, &term))
			return false;
		*value += sign * term;
	}
	return true;
}

bool number_parse(const char *text, const struct constants *constants, int64_t *value)
{
	return parse_sum(&text, constants, value) && *text == '\0';
}

bool range_parse(const char *text, const struct constants *constants, struct range *range)
{
	memset(range, 0, sizeof(*range));
	range->any = strcmp(text, "*") == 0;
	if (range->any)
		return true;
	if (!parse_sum(&text, constants, &range->low))
		return false;
	range->high = range->low;
	if (strcmp(text, "..") == 0) {
		range->high = UINT32_MAX;
		return true;
	}
	if (strncmp(text, "..", 2) == 0)
		return number_parse(text + 2, constants, &range->high);
	return *text == '\0';
}

static uint64_t unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000},
		{"h", 3600000000000}, {"d", 86400000000000}};
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ns;
	return 0;
}

bool duration_parse(const char *text, uint64_t *low_ns, uint64_t *high_ns)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return false;
	uint64_t low = strtoull(text, &end, 10), high = low;
	if (strncmp(end, "..", 2) == 0) {
		if (!isdigit((unsigned char)end[2]))
			return false;
		high = strtoull(end + 2, &end, 10);
	}
	uint64_t unit = unit_ns(end);
	*low_ns = low * unit;
	*high_ns = high * unit;
	return unit != 0 && low <= high;
}
