/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ip_checksum.h"

#include "stack/base/checksum.h"
#include "stack/ip_input.h"

static uint32_t pseudo(const struct ip_rx *rx, uint8_t proto)
{
	uint16_t length = rx->p->tot_len;
	if (IP_IS_V6(&rx->remote))
		return checksum_pseudo_v6((const uint8_t *)ip_2_ip6(&rx->remote)->addr,
			(const uint8_t *)ip_2_ip6(&rx->local)->addr, proto, length);
	return checksum_pseudo_v4(
		ip_2_ip4(&rx->remote)->addr, ip_2_ip4(&rx->local)->addr, proto, length);
}

bool ip_rx_checksum_right(const struct ip_rx *rx, uint8_t proto)
{
	uint32_t sum = pseudo(rx, proto);
	bool odd = false;
	for (const struct pbuf *p = rx->p; p != NULL; p = p->next) {
		sum = checksum_combine(sum, checksum_add(0, p->payload, p->len), odd);
		odd ^= (p->len & 1) != 0;
	}
	return checksum_finish(sum) == 0;
}
