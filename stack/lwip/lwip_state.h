/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All of lwIP's variables in this thread, as one image.
 *
 * Called from stack/stack.c, when a thread that drives several stacks turns to another one.
 *
 * derive.py makes every variable of lwIP thread-local. lwip_state_first.c and lwip_state_last.c are
 * the first and the last object of the relocatable one that lwIP is linked into, so that all of
 * the variables lie between their markers: the initialised ones (.tdata) and those that start as
 * zeros (.tbss). tests/unit/stack/lwip_symbols_test.py proves it.
 */
#ifndef RWS_LWIP_STATE_H
#define RWS_LWIP_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "lwip/arch.h"

/* Markers around the variables. */
extern LWIP_CORE_LOCAL uint64_t lwip_state_data_first, lwip_state_data_last;
extern LWIP_CORE_LOCAL uint64_t lwip_state_zero_first, lwip_state_zero_last;

/* Bytes of an image. */
size_t lwip_state_size(void);

void lwip_state_save(void *image);
void lwip_state_load(const void *image);

#endif
