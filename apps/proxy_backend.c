/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy_backend.h"

static bool may_be_tried(const struct proxy_backend *backend, int64_t now)
{
	return !backend->is_out || now >= backend->out_until;
}

int proxy_backend_choose(struct proxy_backends *backends, int64_t now, uint64_t *tried)
{
	for (unsigned i = 0; i < backends->count; i++) {
		unsigned index = (backends->turn + i) % backends->count;
		struct proxy_backend *backend = &backends->each[index];

		if ((*tried & UINT64_C(1) << index) != 0 || !may_be_tried(backend, now))
			continue;
		if (backend->is_out) /* this one tries it, nobody else */
			backend->out_until = now + backends->fail_timeout_ns;
		*tried |= UINT64_C(1) << index;
		backends->turn = (index + 1) % backends->count;
		return (int)index;
	}
	return -1;
}

bool proxy_backend_failed(struct proxy_backends *backends, int index, int64_t now)
{
	struct proxy_backend *backend = &backends->each[index];
	bool was_in = !backend->is_out;

	backend->is_out = true;
	backend->out_until = now + backends->fail_timeout_ns;
	backend->failures++;
	return was_in;
}

bool proxy_backend_connected(struct proxy_backends *backends, int index)
{
	struct proxy_backend *backend = &backends->each[index];
	bool was_out = backend->is_out;

	backend->is_out = false;
	backend->connections++;
	return was_out;
}
