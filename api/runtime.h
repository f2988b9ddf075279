/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime: devices, stack cores and what they share. Internal; rws.h has the public view.
 *
 * Called from api/selector.c, api/core.c and tests.
 */
#ifndef RWS_RUNTIME_H
#define RWS_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/core.h"
#include "api/rws.h"
#include "api/sequence_lock.h"
#include "api/steer.h"
#include "stack/nif.h"

#define RUNTIME_CORES_MAX      STEER_CORES_MAX
#define RUNTIME_SELECTORS_MAX  64u
#define RUNTIME_INTERFACES_MAX 8u
#define RUNTIME_ADDRESSES_MAX  8u
#define RUNTIME_DNS_MAX        3u

#define RUNTIME_SOCKETS_DEFAULT         65536u
#define RUNTIME_SEND_BUFFER_MAX_DEFAULT (4u * 1024u * 1024u)

struct donation;
struct port;
struct pktpool;

/* An interface as configured, parsed. */
struct runtime_interface {
	struct port *port;
	struct nif_address addresses[RUNTIME_ADDRESSES_MAX];
	unsigned address_count;
	ip_addr_t gateways[2]; /* IPv4, IPv6; any without */
	bool dhcp, slaac;
	_Atomic bool link_up; /* written by core 0, which asks the device now and then */

	/* What core 0 found out: addresses with what DHCP and SLAAC added. */
	struct sequence_lock known_lock;
	struct nif_address known[RUNTIME_ADDRESSES_MAX];
	unsigned known_count;
	ip_addr_t known_gateway;
	ip_addr_t known_dns[RUNTIME_DNS_MAX];
	unsigned known_dns_count;
};

/*
 * What a selector counts, by its id; one that has the id later counts on. One writer: a relaxed
 * store of the sum is enough.
 */
struct selector_counters {
	_Atomic uint64_t moved_bytes, copied_bytes, no_buffers, over_share;
	char apart
		[96]; /* from the next one's cache line, and from the one that is fetched with it */
};

struct rws {
	enum rws_placement placement;
	enum rws_idle idle;
	unsigned core_count;
	struct core *cores[RUNTIME_CORES_MAX];
	uint32_t sockets_max; /* of each selector; at least 1 */
	uint32_t send_buffer_max;
	unsigned memory_mb;
	struct rws_address dns[RUNTIME_DNS_MAX]; /* name servers as configured */
	unsigned dns_count;
	_Atomic unsigned selector_count;
	_Atomic uint64_t accept_overflows; /* connections reset by selectors: no place for them */
	struct selector_counters selector_counters[RUNTIME_SELECTORS_MAX];
	_Atomic(struct donation *) donations[RUNTIME_SELECTORS_MAX]; /* api/donation.h */

	struct runtime_interface interfaces[RUNTIME_INTERFACES_MAX];
	unsigned interface_count;
	struct steer *steer;
	_Atomic uint32_t groups_changed;          /* counts changes of any core.groups */
	struct pktpool *pools[RUNTIME_CORES_MAX]; /* receive buffers of each core */
	/* Transmit buffers of selectors, by id; made with the first selector of that id. */
	struct pktpool *tx_pools[RUNTIME_SELECTORS_MAX];
	uint8_t secret[16];

	/*
	 * Tests: virtual time. clock NULL: CLOCK_MONOTONIC. wait: nothing to do until then; with
	 * RWS_CHANNEL the stack cores have no threads then, and it runs them.
	 */
	int64_t (*clock)(void *user);
	void (*wait)(void *user, int64_t until);
	void *clock_user;

	bool owns_eal, owns_ports;
	unsigned missing; /* packet buffers that pools found missing when they were freed */
};

/* For tests: a runtime on ports that exist already, one an interface, and with their clock. */
struct runtime_test {
	struct port *const *ports;
	int64_t (*clock)(void *user);
	void (*wait)(void *user, int64_t until);
	void *user;
};
int runtime_create(const struct rws_config *config, const struct runtime_test *test,
	struct rws **out, struct rws_error *error);

/*
 * Checks the configuration and turns its texts into values: runtime_config.c. cpus gets the CPU of
 * each stack core.
 */
int runtime_parse(const struct rws_config *config, struct rws *rws, int cpus[RUNTIME_CORES_MAX],
	struct rws_error *error);

/* rws_error filled from code and a format; returns code. */
int runtime_fail(struct rws_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads what core 0 knows of an interface; returns the sequence number it belongs to. */
uint32_t runtime_read_known(struct runtime_interface *interface, struct nif_address *addresses,
	unsigned *count, ip_addr_t *gateway);

/*
 * runtime_known.c; any thread. The name servers, with ports: those of the configuration, else those
 * that the network named. Returns how many.
 */
unsigned runtime_name_servers(struct rws *rws, struct rws_address servers[RUNTIME_DNS_MAX]);

/* An IPv6 destination is to be tried before IPv4 ones: see rws_tcp_connect_host. */
bool runtime_prefers_ipv6(struct rws *rws, const struct rws_address *destination);

#endif
