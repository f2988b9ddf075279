/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/drop_reasons.h"

#include <stddef.h>

#define TEXT(name, text, reference) [DROP_##name] = (text),
static const char *const texts[DROP_REASON_COUNT] = {DROP_REASONS(TEXT)};
#undef TEXT

#define NAME(name, text, reference) [DROP_##name] = #name,
static const char *const names[DROP_REASON_COUNT] = {DROP_REASONS(NAME)};
#undef NAME

const char *drop_reason_text(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}

const char *drop_reason_name(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASON_COUNT ? names[reason] : "UNKNOWN";
}
