/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/lwip/lwip_state.h"

#include <string.h>

struct range {
	uint8_t *start;
	size_t size;
};

/* As integers: to the compiler the two markers are unrelated objects. */
static struct range between(uint64_t *first, uint64_t *last)
{
	uintptr_t start = (uintptr_t)first, end = (uintptr_t)(last + 1);
	return (struct range){(uint8_t *)start, end - start};
}

static struct range initialised(void)
{
	return between(&lwip_state_data_first, &lwip_state_data_last);
}

static struct range zeroed(void)
{
	return between(&lwip_state_zero_first, &lwip_state_zero_last);
}

size_t lwip_state_size(void)
{
	return initialised().size + zeroed().size;
}

void lwip_state_save(void *image)
{
	struct range data = initialised(), zero = zeroed();
	memcpy(image, data.start, data.size);
	memcpy((uint8_t *)image + data.size, zero.start, zero.size);
}

void lwip_state_load(const void *image)
{
	struct range data = initialised(), zero = zeroed();
	memcpy(data.start, image, data.size);
	memcpy(zero.start, (const uint8_t *)image + data.size, zero.size);
}
