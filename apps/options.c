/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "apps/options_common.h"

struct cursor {
	int argc, next;
	char *const *argv;
	uint64_t seen_common, seen_own; /* bit per row */
};

int options_reject(struct options *options, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(options->error, sizeof(options->error), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int options_number(
	struct options *options, const struct option_row *row, const char *value, uint64_t *number)
{
	char *end = NULL;

	errno = 0;
	*number = strtoull(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 &&
		*number >= row->min && *number <= row->max)
		return 0;
	return options_reject(options, "--%s %s: give a whole number from %llu to %llu%s%s",
		row->name, value, (unsigned long long)row->min, (unsigned long long)row->max,
		row->unit ? " " : "", row->unit ? row->unit : "");
}

static int parse_choice(
	struct options *options, const struct option_row *row, const char *value, unsigned *index)
{
	for (*index = 0; row->choices[*index] != NULL; (*index)++) {
		if (strcmp(value, row->choices[*index]) == 0)
			return 0;
	}
	return options_reject(options, "--%s %s: give one of %s", row->name, value, row->argument);
}

static int store(
	struct options *options, const struct option_row *row, void *base, const char *value)
{
	void *at = (char *)base + row->offset;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)at = value;
		return 0;
	case OPTION_NUMBER:
		return options_number(options, row, value, at);
	case OPTION_CHOICE:
		return parse_choice(options, row, value, at);
	case OPTION_SET:
		return row->set(options, row, value);
	}
	return -EINVAL;
}

/* What follows the name of the row in the argument, "--port", "--port=80" or "-o"; NULL when it
 * names another. */
static const char *skip_name(const char *argument, const struct option_row *row)
{
	size_t length = strlen(row->name);

	if (row->letter != '\0' && argument[0] == '-' && argument[1] == row->letter)
		return argument + 2;
	if (strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, row->name, length) == 0)
		return argument + 2 + length;
	return NULL;
}

/* Whether the argument names the row; *value is behind '='. */
static bool names_row(const char *argument, const struct option_row *row, const char **value)
{
	const char *rest = skip_name(argument, row);

	if (rest == NULL)
		return false;
	*value = rest[0] == '=' ? rest + 1 : NULL;
	return rest[0] == '\0' || rest[0] == '=';
}

static int take_row(struct options *options, const struct option_row *row, void *base,
	const char *value, struct cursor *at)
{
	if (row->argument == NULL && value != NULL)
		return options_reject(
			options, "--%s takes no value; leave out =%s", row->name, value);
	if (row->argument != NULL && value == NULL) {
		/* What begins so is the next option, but behind '='. */
		if (at->next == at->argc || strncmp(at->argv[at->next], "--", 2) == 0)
			return options_reject(
				options, "--%s: %s is missing behind it", row->name, row->argument);
		value = at->argv[at->next++];
	}
	if (value != NULL && value[0] == '\0')
		return options_reject(
			options, "--%s: the value is empty; give %s", row->name, row->argument);
	return store(options, row, base, value);
}

/* Looks the argument up in one table: 1 taken, 0 not in it, -EINVAL. */
static int take_from(struct options *options, const struct option_row *rows, unsigned count,
	void *base, uint64_t *seen, struct cursor *at)
{
	const char *value = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (!names_row(at->argv[at->next - 1], &rows[i], &value))
			continue;
		if ((*seen & UINT64_C(1) << i) != 0 && !rows[i].repeatable)
			return options_reject(
				options, "--%s is given twice; give it once", rows[i].name);
		*seen |= UINT64_C(1) << i;
		return take_row(options, &rows[i], base, value, at) < 0 ? -EINVAL : 1;
	}
	return 0;
}

static int take_operand(
	const struct option_spec *spec, struct options *options, const char *argument)
{
	if (spec->operand == NULL)
		return options_reject(options,
			"%s is not an option, and %s takes nothing else; see --help", argument,
			spec->program);
	if (options->operand != NULL)
		return options_reject(options, "one %s at a time: %s and %s are two", spec->operand,
			options->operand, argument);
	options->operand = argument;
	return 0;
}

static int take_argument(const struct option_spec *spec, struct options *options, struct cursor *at)
{
	const char *argument = at->argv[at->next++];
	int taken;

	if (argument[0] != '-' || argument[1] == '\0')
		return take_operand(spec, options, argument);
	taken = take_from(options, spec->rows, spec->row_count, spec->own, &at->seen_own, at);
	if (taken == 0)
		taken = take_from(options, options_common_rows, options_common_row_count, options,
			&at->seen_common, at);
	if (taken == 0)
		return options_reject(
			options, "unknown option %s; --help lists what there is", argument);
	return taken < 0 ? taken : 0;
}

int options_parse(
	const struct option_spec *spec, int argc, char *const argv[], struct options *options)
{
	struct cursor at = {.argc = argc, .next = 1, .argv = argv};

	while (at.next < argc) {
		int result = take_argument(spec, options, &at);

		if (result < 0)
			return result;
		if (options->help || options->version || options->man)
			return 0;
	}
	if (spec->operand != NULL && options->operand == NULL)
		return options_reject(options, "%s is missing; see --help", spec->operand);
	return options_common_check(options);
}

bool options_has_range(const struct option_row *row)
{
	return row->kind == OPTION_NUMBER || row->max != 0;
}

static void print_row(FILE *out, const struct option_row *row)
{
	char left[64], letter[] = {'-', row->letter, ',', ' ', '\0'};

	if (row->hidden)
		return;
	snprintf(left, sizeof(left), "%s--%s %s", row->letter != '\0' ? letter : "", row->name,
		row->argument != NULL ? row->argument : "");
	fprintf(out, "  %-32s %s", left, row->text);
	if (options_has_range(row))
		fprintf(out, "; %llu to %llu%s%s", (unsigned long long)row->min,
			(unsigned long long)row->max, row->unit != NULL ? " " : "",
			row->unit != NULL ? row->unit : "");
	if (row->fallback != NULL)
		fprintf(out, " [%s]", row->fallback);
	fprintf(out, "%s\n", row->repeatable ? " (repeatable)" : "");
}

void options_print_help(FILE *out, const struct option_spec *spec)
{
	fprintf(out, "%s: %s\n\nusage: %s --dev DEVARGS --addr ADDRESS/PREFIX [options]%s%s\n",
		spec->program, spec->summary, spec->program, spec->operand != NULL ? " " : "",
		spec->operand != NULL ? spec->operand : "");
	fprintf(out, "\nOptions of %s, defaults in brackets:\n", spec->program);
	for (unsigned i = 0; i < spec->row_count; i++)
		print_row(out, &spec->rows[i]);
	fprintf(out, "\nNetwork, cores and output:\n");
	for (unsigned i = 0; i < options_common_row_count; i++)
		print_row(out, &options_common_rows[i]);
	if (spec->notes != NULL)
		fprintf(out, "\n%s", spec->notes);
}
