/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives one port by hand: says what it is and can, answers ARP for an address, sends frames and
 * counts what comes. Run by tests/unit/driver/tap_check.sh inside a network namespace.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/eal.h"
#include "driver/pktbuf.h"
#include "driver/port.h"

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void say_info(struct port *port)
{
	struct port_info i;
	port_get_info(port, &i);
	printf("port %s driver %s mac %02x:%02x:%02x:%02x:%02x:%02x mtu %u queues %u offloads %#x "
	       "node %d interrupt %d link %d\n",
		i.name, i.driver, i.mac[0], i.mac[1], i.mac[2], i.mac[3], i.mac[4], i.mac[5], i.mtu,
		i.queues, i.offloads, i.numa_node, i.rx_interrupt, port_link_up(port));
}

/* Turns an ARP request (RFC 826) into its answer, in place. */
static bool answer_arp(uint8_t *f, unsigned length, const uint8_t mac[6], const uint8_t ip[4])
{
	if (length < 42 || f[12] != 0x08 || f[13] != 0x06 || f[21] != 1 ||
		memcmp(f + 38, ip, 4) != 0)
		return false;
	f[21] = 2;
	memcpy(f, f + 6, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 32, f + 22, 10);
	memcpy(f + 22, mac, 6);
	memcpy(f + 28, ip, 4);
	return true;
}

/* Turns an echo request (RFC 792) into its answer; the checksum changes by the type only. */
static bool answer_ping(uint8_t *f, unsigned length, const uint8_t mac[6])
{
	if (length < 42 || f[12] != 0x08 || f[13] != 0 || f[23] != 1 || f[34] != 8)
		return false;
	uint8_t ip[4];
	memcpy(f, f + 6, 6);
	memcpy(f + 6, mac, 6);
	memcpy(ip, f + 26, 4);
	memcpy(f + 26, f + 30, 4);
	memcpy(f + 30, ip, 4);
	f[34] = 0;
	unsigned sum = (unsigned)(f[36] << 8 | f[37]) + 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	f[36] = (uint8_t)(sum >> 8);
	f[37] = (uint8_t)sum;
	return true;
}

static void serve(struct port *port, unsigned queues, const uint8_t mac[6], const uint8_t ip[4],
	double seconds, bool sleep_between)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	unsigned arps = 0, pings = 0;
	uint64_t polls = 0, frames = 0, longest = 0;
	uint64_t per_queue[16] = {0};

	while (now_ns() < end) {
		for (unsigned q = 0; q < queues; q++) {
			struct pbuf *p[PORT_BURST];
			unsigned n = port_rx_burst(port, q, p, PORT_BURST);
			polls++;
			frames += n;
			per_queue[q] += n;
			for (unsigned i = 0; i < n; i++) {
				if (p[i]->tot_len > longest)
					longest = p[i]->tot_len;
				bool arp = answer_arp(p[i]->payload, p[i]->len, mac, ip);
				bool ping = !arp && answer_ping(p[i]->payload, p[i]->len, mac);
				arps += arp;
				pings += ping;
				if (arp || ping) {
					struct nif_frame frame = nif_frame_of(p[i]);
					enum drop_reason r = port_tx(port, q, &frame);
					if (r != DROP_NONE)
						printf("tx drop %d\n", r);
				}
				pbuf_free(p[i]);
			}
			port_tx_flush(port, q);
		}
		if (sleep_between && queues == 1) {
			struct pollfd fd = {.fd = port_rx_fd(port, 0), .events = POLLIN};
			if (port_rx_arm(port, 0, true))
				poll(&fd, 1, 100);
		}
	}
	printf("served %llu frames in %llu polls, %u arp, %u ping, longest %llu; by queue",
		(unsigned long long)frames, (unsigned long long)polls, arps, pings,
		(unsigned long long)longest);
	for (unsigned q = 0; q < queues; q++)
		printf(" %llu", (unsigned long long)per_queue[q]);
	printf("\n");
}

static void blast(struct port *port, struct pktpool *pool, const uint8_t mac[6], unsigned size,
	double seconds)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
	uint64_t sent = 0;
	struct pbuf *p = pktbuf_alloc(pool);

	memset(p->payload, 0, size);
	memset(p->payload, 0xff, 6);
	memcpy((uint8_t *)p->payload + 6, mac, 6);
	((uint8_t *)p->payload)[12] = 0x88; /* local experimental: nobody answers */
	((uint8_t *)p->payload)[13] = 0xb5;
	p->len = p->tot_len = (uint16_t)size;
	struct nif_frame frame = nif_frame_of(p);
	while (now_ns() < end) {
		for (int i = 0; i < 32; i++)
			sent += port_tx(port, 0, &frame) == DROP_NONE;
		port_tx_flush(port, 0);
	}
	pbuf_free(p);
	printf("sent %.0f frames/s of %u bytes\n", (double)sent * 1e9 / (double)(now_ns() - start),
		size);
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: %s DEVARGS QUEUES MTU ADDRESS SECONDS [sleep]\n", argv[0]);
		return 2;
	}
	struct fault fault = {""};
	const char *devices[] = {argv[1]};
	struct eal_config eal = {.devices = devices, .device_count = 1, .memory_mb = 128};
	unsigned queues = (unsigned)atoi(argv[2]);
	uint16_t mtu = (uint16_t)atoi(argv[3]);
	uint8_t ip[4];
	inet_pton(AF_INET, argv[4], ip);

	if (eal_start(&eal, &fault) != 0) {
		fprintf(stderr, "%s\n", fault.text);
		return 2;
	}
	struct pktpool *pool;
	struct pktpool_config pc = {.name = "rx",
		.count = 4096,
		.data_size = getenv("DATA_SIZE") ? (unsigned)atoi(getenv("DATA_SIZE")) : 0,
		.numa_node = -1};
	if (pktpool_create(&pc, &pool, &fault) != 0) {
		fprintf(stderr, "%s\n", fault.text);
		return 2;
	}
	struct pktpool *pools[16];
	for (int i = 0; i < 16; i++)
		pools[i] = pool;
	struct port *port;
	struct port_config config = {
		.device = argv[1], .queues = queues, .mtu = mtu, .pools = pools};
	if (port_open(&config, &port, &fault) != 0) {
		fprintf(stderr, "%s\n", fault.text);
		eal_stop();
		return 2;
	}
	say_info(port);
	fflush(stdout);
	struct port_info info;
	port_get_info(port, &info);
	serve(port, info.queues, info.mac, ip, atof(argv[5]), argc > 6);
	if (getenv("BLAST") != NULL) {
		blast(port, pool, info.mac, 60, 1);
		blast(port, pool, info.mac, 1514, 1);
	}
	const struct port_counters *c = port_counters(port, 0);
	struct port_device_counters dc;
	port_device_counters(port, &dc);
	printf("rx %llu tx %llu copied %llu; device missed %llu errors %llu no mbuf %llu tx errors %llu\n",
		(unsigned long long)c->rx_frames, (unsigned long long)c->tx_frames,
		(unsigned long long)c->tx_copied_bytes, (unsigned long long)dc.rx_missed,
		(unsigned long long)dc.rx_errors, (unsigned long long)dc.rx_no_mbuf,
		(unsigned long long)dc.tx_errors);
	for (int r = 0; r < DROP_REASON_COUNT; r++)
		if (c->drops.count[r] != 0)
			printf("dropped for reason %d: %llu\n", r,
				(unsigned long long)c->drops.count[r]);
	port_close(port);
	unsigned missing = pktpool_free(pool);
	printf("missing buffers %u\n", missing);
	eal_stop();
	return missing != 0;
}
