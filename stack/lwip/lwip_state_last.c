/* SPDX-License-Identifier: BSD-3-Clause */
/* Last object of lwIP's: its variables end here. */
#include "stack/lwip/lwip_state.h"

LWIP_CORE_LOCAL uint64_t lwip_state_data_last = 1;
LWIP_CORE_LOCAL uint64_t lwip_state_zero_last;
