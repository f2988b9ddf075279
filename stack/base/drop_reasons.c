/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/drop_reasons.h"

#include <stddef.h>

#define TEXT(name, text, reference) [DROP_##name] = (text),
static const char *const texts[DROP_REASON_COUNT] = {DROP_REASONS(TEXT)};
#undef TEXT

/* The longest name with its end; the compiler says so when one does not fit. */
#define NAME_SIZE 24

/* Lower case of the i-th character of a string literal, at compile time; zero behind its end. */
#define LOWER(c) ((char)((c) >= 'A' && (c) <= 'Z' ? (c) - 'A' + 'a' : (c)))
#define AT(s, i) ((i) < sizeof(s) ? LOWER((s)[(i) < sizeof(s) ? (i) : 0]) : '\0')
#define AT8(s, i)                                                                   \
	AT(s, (i)), AT(s, (i) + 1), AT(s, (i) + 2), AT(s, (i) + 3), AT(s, (i) + 4), \
		AT(s, (i) + 5), AT(s, (i) + 6), AT(s, (i) + 7)
#define NAME(name, text, reference) [DROP_##name] = {AT8(#name, 0), AT8(#name, 8), AT8(#name, 16)},
static const char names[DROP_REASON_COUNT][NAME_SIZE] = {DROP_REASONS(NAME)};
#undef NAME

#define FITS(name, text, reference) \
	_Static_assert(sizeof(#name) <= NAME_SIZE, "name of a drop reason too long");
DROP_REASONS(FITS)
#undef FITS

const char *drop_reason_text(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}

const char *drop_reason_name(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? names[reason] : "unknown";
}
