/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of sockets: sockets with equal ones share one copy, which does not change.
 *
 * Called from api/socket.c and api/selector_life.c.
 *
 * An accepted socket shares its listener's. A new one finds equal options among those that its
 * selector saw last: programs use few kinds of them, and a miss costs a copy, nothing else.
 */
#ifndef RWS_OPTIONS_H
#define RWS_OPTIONS_H

#include "api/rws.h"

#define OPTIONS_SEEN 8u

/* What a socket is; an option may be none of its kind's. */
enum sock_kind { SOCK_TCP, SOCK_LISTENER, SOCK_UDP };

/* A selector's; it holds one reference to each. */
struct options_seen {
	const struct rws_options *options[OPTIONS_SEEN];
	unsigned next; /* to be forgotten */
};

/*
 * Whether a socket of the kind can have these options (NULL: the defaults): 0, -ENOPROTOOPT for one
 * that it does not know, -EINVAL for a value that nobody can have.
 */
int options_check(enum sock_kind kind, const struct rws_options *options);

/*
 * The shared copy of options, as they take effect: defaults filled in (NULL: all of them), values
 * rounded and clamped, and `local` left out, which is the socket's own; NULL: no memory.
 * options_drop must follow.
 */
const struct rws_options *options_take(
	struct options_seen *seen, enum sock_kind kind, const struct rws_options *options);

/* Whether a socket that was opened with `old` can get the others, both as options_take gave them. */
bool options_may_follow(const struct rws_options *old, const struct rws_options *wanted);

/* One more user of a shared copy; and one less. */
const struct rws_options *options_share(const struct rws_options *options);
void options_drop(const struct rws_options *options);

/* Whether the application left a buffer's size to us: then it is only the beginning. */
bool options_send_buffer_grows(const struct rws_options *options);
bool options_receive_buffer_grows(const struct rws_options *options);

/* Drops all of them. */
void options_forget(struct options_seen *seen);

#endif
