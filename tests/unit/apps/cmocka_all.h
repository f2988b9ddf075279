/* SPDX-License-Identifier: BSD-3-Clause */
/* What cmocka.h needs before it, in its order. */
#ifndef RWS_TESTS_CMOCKA_ALL_H
#define RWS_TESTS_CMOCKA_ALL_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
