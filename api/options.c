/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/options.h"

#include <stdlib.h>

#define BUFFER_DEFAULT  (1024u * 1024u)
#define BACKLOG_DEFAULT 511u
#define LINGER_DEFAULT  (30 * (int64_t)1000000000)
#define TTL_DEFAULT     64u

struct shared_options {
	struct rws_options options; /* first member */
	uint32_t users;
	bool send_buffer_grows, receive_buffer_grows;
};

static struct rws_options with_defaults(const struct rws_options *from)
{
	struct rws_options to = from != NULL ? *from : (struct rws_options){0};

	to.local = (struct rws_address){0};
	if (to.ttl == 0)
		to.ttl = TTL_DEFAULT;
	if (to.backlog == 0)
		to.backlog = BACKLOG_DEFAULT;
	if (to.send_buffer == 0)
		to.send_buffer = BUFFER_DEFAULT;
	if (to.receive_buffer == 0)
		to.receive_buffer = BUFFER_DEFAULT;
	if (to.linger_ns <= 0)
		to.linger_ns = LINGER_DEFAULT;
	return to;
}

static bool are_equal(const struct shared_options *known, const struct shared_options *wanted)
{
	const struct rws_options *a = &known->options, *b = &wanted->options;

	return known->send_buffer_grows == wanted->send_buffer_grows &&
		known->receive_buffer_grows == wanted->receive_buffer_grows &&
		a->type_of_service == b->type_of_service && a->ttl == b->ttl &&
		a->reuse_address == b->reuse_address && a->reuse_port == b->reuse_port &&
		a->delay == b->delay && a->keep_alive == b->keep_alive &&
		a->broadcast == b->broadcast && a->rst_drop == b->rst_drop &&
		a->backlog == b->backlog && a->send_buffer == b->send_buffer &&
		a->receive_buffer == b->receive_buffer && a->linger_ns == b->linger_ns &&
		a->linger_zero == b->linger_zero;
}

static struct shared_options *shared_of(const struct rws_options *options)
{
	return (struct shared_options *)(uintptr_t)options;
}

bool options_send_buffer_grows(const struct rws_options *options)
{
	return shared_of(options)->send_buffer_grows;
}

bool options_receive_buffer_grows(const struct rws_options *options)
{
	return shared_of(options)->receive_buffer_grows;
}

const struct rws_options *options_share(const struct rws_options *options)
{
	shared_of(options)->users++;
	return options;
}

void options_drop(const struct rws_options *options)
{
	struct shared_options *shared = shared_of(options);

	if (--shared->users == 0)
		free(shared);
}

/* A new copy, known to `seen` in the place of the oldest one there. */
static const struct rws_options *add(struct options_seen *seen, const struct shared_options *wanted)
{
	struct shared_options *shared = malloc(sizeof(*shared));
	unsigned place = seen->next++ % OPTIONS_SEEN;

	if (shared == NULL)
		return NULL;
	*shared = *wanted;
	shared->users = 1;
	if (seen->options[place] != NULL)
		options_drop(seen->options[place]);
	seen->options[place] = &shared->options;
	return &shared->options;
}

const struct rws_options *options_take(struct options_seen *seen, const struct rws_options *options)
{
	const struct shared_options wanted = {
		.options = with_defaults(options),
		.send_buffer_grows = options == NULL || options->send_buffer == 0,
		.receive_buffer_grows = options == NULL || options->receive_buffer == 0,
	};

	for (unsigned i = 0; i < OPTIONS_SEEN; i++) {
		const struct rws_options *known = seen->options[i];
		if (known != NULL && are_equal(shared_of(known), &wanted))
			return options_share(known);
	}
	const struct rws_options *added = add(seen, &wanted);
	return added != NULL ? options_share(added) : NULL;
}

void options_forget(struct options_seen *seen)
{
	for (unsigned i = 0; i < OPTIONS_SEEN; i++) {
		if (seen->options[i] != NULL)
			options_drop(seen->options[i]);
		seen->options[i] = NULL;
	}
}
