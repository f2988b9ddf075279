/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of a frame in parts, for devices and for checksums. */
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/nif.h"

/* The place in a chain `offset` bytes further on; NULL behind its end. */
static const struct pbuf *seek(const struct pbuf *p, uint32_t *offset)
{
	while (p != NULL && *offset >= p->len) {
		*offset -= p->len;
		p = p->next;
	}
	return p;
}

static uint32_t copy_payload(
	const struct nif_frame *frame, uint32_t offset, uint8_t *out, uint32_t n)
{
	uint32_t at = frame->offset + offset, done = 0;
	for (const struct pbuf *p = seek(frame->payload, &at); p != NULL && done < n; p = p->next) {
		uint32_t part = p->len - at < n - done ? p->len - at : n - done;
		memcpy(out + done, (const uint8_t *)p->payload + at, part);
		done += part;
		at = 0;
	}
	return done;
}

uint32_t nif_frame_copy(const struct nif_frame *frame, uint32_t offset, void *out, uint32_t n)
{
	uint32_t total = frame->header_length + frame->length, done = 0;
	uint8_t *to = out;
	if (offset >= total)
		return 0;
	if (n > total - offset)
		n = total - offset;
	if (offset < frame->header_length) {
		uint32_t left = frame->header_length - offset;
		done = n < left ? n : left;
		memcpy(to, frame->header + offset, done);
	}
	if (done == n)
		return n;
	return done +
		copy_payload(frame, offset + done - frame->header_length, to + done, n - done);
}

uint32_t nif_frame_payload_sum(const struct nif_frame *frame)
{
	uint32_t at = frame->offset, done = 0, sum = 0;
	const struct pbuf *p = seek(frame->payload, &at);
	for (; p != NULL && done < frame->length; p = p->next) {
		uint32_t left = frame->length - done;
		uint32_t part = p->len - at < left ? p->len - at : left;
		uint32_t piece = checksum_add(0, (const uint8_t *)p->payload + at, part);
		sum = checksum_combine(sum, piece, done & 1);
		done += part;
		at = 0;
	}
	return sum;
}
