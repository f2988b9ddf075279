/* SPDX-License-Identifier: BSD-3-Clause */
/* The manual page of a program, in the macros of man(7), out of the rows that --help is made of. */
#include "apps/options.h"

#include <string.h>

#include "apps/options_common.h"

static void put_char(FILE *out, char c)
{
	if (c == '-')
		fputs("\\-", out);
	else if (c == '\\')
		fputs("\\e", out);
	else
		fputc(c, out);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n';
}

/* Text within a line; the breaks and the indentation that --help needs become single spaces. */
static void put_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (!is_space(*text))
			put_char(out, *text);
		else if (!is_space(text[1]))
			fputc(' ', out);
	}
}

/* Lines as they are. One that begins with a dot would be a request. */
static void put_lines(FILE *out, const char *text)
{
	fputs(".nf\n", out);
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length == 0)
			fputs(".sp", out);
		else if (*text == '.' || *text == '\'')
			fputs("\\&", out);
		for (size_t i = 0; i < length; i++)
			put_char(out, text[i]);
		fputc('\n', out);
		text += length + (text[length] == '\n');
	}
	fputs(".fi\n", out);
}

static void put_range(FILE *out, const struct option_row *row)
{
	fprintf(out, "; %llu to %llu", (unsigned long long)row->min, (unsigned long long)row->max);
	if (row->unit != NULL) {
		fputc(' ', out);
		put_text(out, row->unit);
	}
}

static void put_row(FILE *out, const struct option_row *row)
{
	fputs(".TP\n", out);
	if (row->letter != '\0')
		fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
	fputs("\\fB\\-\\-", out);
	put_text(out, row->name);
	fputs("\\fR", out);
	if (row->argument != NULL) {
		fputs(" \\fI", out);
		put_text(out, row->argument);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	put_text(out, row->text);
	if (options_has_range(row))
		put_range(out, row);
	if (row->fallback != NULL) {
		fputs(" [", out);
		put_text(out, row->fallback);
		fputc(']', out);
	}
	fputs(row->repeatable ? " (repeatable)\n" : "\n", out);
}

static void put_rows(FILE *out, const struct option_row *rows, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!rows[i].hidden)
			put_row(out, &rows[i]);
	}
}

static void put_title(FILE *out, const struct option_spec *spec, const char *version)
{
	fputs(".TH \"", out);
	put_text(out, spec->program);
	fprintf(out, "\" 1 \"\" \"rws %s\" \"rws\"\n.SH NAME\n", version);
	put_text(out, spec->program);
	fputs(" \\- ", out);
	put_text(out, spec->summary);
}

static void put_synopsis(FILE *out, const struct option_spec *spec)
{
	fputs("\n.SH SYNOPSIS\n\\fB", out);
	put_text(out, spec->program);
	fputs("\\fR \\fB\\-\\-dev\\fR \\fIDEVARGS\\fR \\fB\\-\\-addr\\fR \\fIADDRESS/PREFIX\\fR "
	      "[\\fIoptions\\fR]",
		out);
	if (spec->operand != NULL) {
		fputs(" \\fI", out);
		put_text(out, spec->operand);
		fputs("\\fR", out);
	}
}

void options_print_man(FILE *out, const struct option_spec *spec, const char *version)
{
	put_title(out, spec, version);
	put_synopsis(out, spec);
	fputs("\n.SH DESCRIPTION\nA program on the TCP/IP stack of rws, which drives the device by "
	      "itself, beside that of the kernel.\n",
		out);
	if (spec->notes != NULL) {
		fputs(".PP\n", out);
		put_lines(out, spec->notes);
	}
	fputs(".SH OPTIONS\nDefaults in brackets.\n.SS \"Of the program\"\n", out);
	put_rows(out, spec->rows, spec->row_count);
	fputs(".SS \"Network, cores and output\"\n", out);
	put_rows(out, options_common_rows, options_common_row_count);
	fputs(".SH \"EXIT STATUS\"\n"
	      ".TP\n0\nall went well\n"
	      ".TP\n1\nsomething failed, or the last device was taken away\n"
	      ".TP\n2\nthe options, or what they name, cannot work; a message says why\n",
		out);
}
