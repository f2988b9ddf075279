/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP's pbuf.c needs besides itself, for programs that link the driver without the stack. */
#include <stdlib.h>

#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"

struct tcp_pcb *tcp_active_pcbs;

void tcp_free_ooseq(struct tcp_pcb *pcb)
{
	(void)pcb;
}

void *mem_malloc(mem_size_t size)
{
	return malloc(size);
}

void mem_free(void *p)
{
	free(p);
}

void *mem_trim(void *p, mem_size_t size)
{
	(void)size;
	return p;
}

void *memp_malloc(memp_t type)
{
	(void)type;
	return malloc(sizeof(struct pbuf));
}

void memp_free(memp_t type, void *p)
{
	(void)type;
	free(p);
}

void lwip_check_failed(const char *message);
void lwip_check_failed(const char *message)
{
	(void)message;
	abort();
}
