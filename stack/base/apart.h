/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the functions of the fast paths are cut, where it was measured (scripts/check_cost): the way
 * of most packets in one piece, and what is rare apart from it and called last, so that the way of
 * most needs no register saved for it.
 */
#ifndef RWS_APART_H
#define RWS_APART_H

#define INLINE __attribute__((always_inline)) static inline
#define APART  __attribute__((noinline)) static
#define SELDOM __attribute__((cold, noinline)) static /* also out of the way of the cache */

#endif
