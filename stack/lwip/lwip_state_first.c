/* SPDX-License-Identifier: BSD-3-Clause */
/* First object of lwIP's: its variables begin here. */
#include "stack/lwip/lwip_state.h"

LWIP_CORE_LOCAL uint64_t lwip_state_data_first = 1;
LWIP_CORE_LOCAL uint64_t lwip_state_zero_first;
