/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers as they lie in a packet: big endian, at any alignment. One load or store each. */
#ifndef RWS_BYTES_H
#define RWS_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t be16_get(const void *bytes)
{
	uint16_t value;
	memcpy(&value, bytes, sizeof(value));
	return be16toh(value);
}

static inline void be16_put(void *bytes, uint16_t value)
{
	value = htobe16(value);
	memcpy(bytes, &value, sizeof(value));
}

static inline uint32_t be32_get(const void *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

static inline void be32_put(void *bytes, uint32_t value)
{
	value = htobe32(value);
	memcpy(bytes, &value, sizeof(value));
}

#endif
