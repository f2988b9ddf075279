/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a stack core: what it is made of, and which thread it runs on. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_ring.h>

#include "api/chan.h"
#include "api/core_internal.h"
#include "api/endpoint.h"
#include "driver/eal.h"
#include "driver/pktbuf.h"
#include "driver/port.h"

#define FORWARD_SLOTS 1024u
#define CALL_SLOTS    64u

/* ---- Interfaces of this core ------------------------------------------------------------ */

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	struct core_port *cp = device;

	if (!cp->has_queue)
		return core_output_elsewhere(cp, frame);
	cp->dirty = true;
	return port_tx(cp->port, cp->queue, frame);
}

static const struct nif_ops core_nif_ops = {.output = output};

static int add_addresses(
	struct nif *nif, const struct runtime_interface *interface, struct fault *fault)
{
	for (unsigned i = 0; i < interface->address_count; i++) {
		const struct nif_address *a = &interface->addresses[i];
		int error = nif_add_address(nif, &a->address, a->prefix);
		if (error != 0)
			return fault_set(fault, error,
				"the interface does not take its address number %u: %s", i + 1,
				strerror(-error));
	}
	for (unsigned i = 0; i < 2; i++)
		if (!ip_addr_isany_val(interface->gateways[i]))
			nif_set_gateway(nif, &interface->gateways[i]);
	return 0;
}

static int add_interface(struct core *core, unsigned index, struct fault *fault)
{
	struct runtime_interface *interface = &core->rws->interfaces[index];
	struct core_port *cp = &core->ports[index];
	struct port_info info;

	port_get_info(interface->port, &info);
	*cp = (struct core_port){
		.core = core,
		.port = interface->port,
		.queue = core->id,
		.has_queue = core->id < info.queues,
		.sender = core->id % info.queues,
	};
	struct nif_config config = {
		.ops = &core_nif_ops,
		.device = cp,
		.mtu = info.mtu,
		.tx_offloads = port_nif_offloads(info.offloads),
		.dhcp = interface->dhcp && core->id == 0,
		.slaac = interface->slaac,
	};
	memcpy(config.mac, info.mac, sizeof(config.mac));
	cp->nif = nif_add(core->stack, &config);
	if (cp->nif == NULL)
		return fault_set(fault, -ENOMEM, "no memory for the interface of %s", info.name);
	core->port_count = index + 1;
	return add_addresses(cp->nif, interface, fault);
}

/* ---- On the core's thread --------------------------------------------------------------- */

int core_enter(struct core *core, struct fault *fault)
{
	struct stack_config config = {
		.arena = core->arena,
		.arena_size = core->arena_size,
		.now_ns = (uint64_t)core_clock(core),
		.primary = core->id == 0,
		.claim_port = steer_claim,
		.release_port = steer_release,
		.claim_group = core->id > 0 ? core_claim_group : NULL,
		.release_group = core->id > 0 ? core_release_group : NULL,
		.share = core->rws->core_count > 1 ? core_share : NULL,
		.redirect = core->rws->core_count > 1 ? core_redirect : NULL,
		.steering = &core->steering,
	};

	memcpy(config.secret, core->rws->secret, sizeof(config.secret));
	core->stack = stack_init(&config);
	if (core->stack == NULL)
		return fault_set(fault, -ENOMEM, "no memory for stack core %u", core->id);
	for (unsigned i = 0; i < core->rws->interface_count; i++) {
		int error = add_interface(core, i, fault);
		if (error != 0) {
			core_leave(core);
			return error;
		}
	}
	return 0;
}

void core_leave(struct core *core)
{
	if (core->stack == NULL)
		return;
	stack_free(core->stack); /* its last segments, RST among them, are staged in the ports */
	for (unsigned i = 0; i < core->port_count; i++)
		if (core->ports[i].has_queue)
			port_tx_flush(core->ports[i].port, core->ports[i].queue);
	core->stack = NULL;
	core->port_count = 0;
	if (core->id == 0)
		core_forget_groups(core);
}

static void pin(const struct core *core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *core_main(void *arg)
{
	struct core *core = arg;
	char name[16];

	snprintf(name, sizeof(name), "rws-core-%u", core->id);
	pthread_setname_np(pthread_self(), name);
	pin(core);
	core->enter_result = eal_thread_enter();
	if (core->enter_result != 0)
		fault_set(&core->fault, 0, "DPDK takes no more threads");
	else
		core->enter_result = core_enter(core, &core->fault);
	sem_post(&core->entered);
	if (core->enter_result != 0)
		return NULL;

	while (!atomic_load_explicit(&core->stop, memory_order_relaxed))
		if (!core_run_once(core))
			core_idle(core, INT64_MAX, -1);
	core_leave(core);
	eal_thread_leave();
	return NULL;
}

int core_start(struct core *core, struct fault *fault)
{
	int error = pthread_create(&core->thread, NULL, core_main, core);

	if (error != 0)
		return fault_set(fault, -error, "no thread for stack core %u: %s", core->id,
			strerror(error));
	core->thread_started = true;
	while (sem_wait(&core->entered) != 0)
		continue; /* interrupted by a signal */
	if (core->enter_result != 0)
		return fault_set(fault, core->enter_result, "%s", core->fault.text);
	return 0;
}

/* The thread is no stack core any more: it runs where it did before. */
static void give_thread_back(struct core *core)
{
	pthread_setaffinity_np(core->thread, sizeof(core->affinity_before), &core->affinity_before);
	eal_thread_leave();
	atomic_store(&core->taken, false);
}

int core_claim(struct core *core, struct fault *fault)
{
	bool taken = false;

	if (!atomic_compare_exchange_strong(&core->taken, &taken, true))
		return fault_set(fault, -EBUSY, "stack core %u has a selector already", core->id);
	core->thread = pthread_self();
	pthread_getaffinity_np(core->thread, sizeof(core->affinity_before), &core->affinity_before);
	if (core->rws->clock == NULL)
		pin(core);
	int error = eal_thread_enter();
	if (error == 0)
		error = core_enter(core, fault);
	core->claimed = error == 0;
	if (error != 0)
		give_thread_back(core);
	return error;
}

void core_unclaim(struct core *core)
{
	if (!core->claimed)
		return;
	core_leave(core);
	core->claimed = false;
	give_thread_back(core);
}

/* ---- Selectors come and go -------------------------------------------------------------- */

/* Runs fn on the core and waits; at once when this thread is the core. */
static void call_core(struct core *core, struct core_call *call)
{
	if (core->claimed) {
		call->fn(core, call);
		return;
	}
	sem_init(&call->done, 0, 0);
	while (rte_ring_mp_enqueue(core->calls, call) != 0)
		sched_yield(); /* 64 others wait for the core too; it takes them in its next turn */
	core_wake(core);
	while (sem_wait(&call->done) != 0)
		continue;
	sem_destroy(&call->done);
}

static void join_here(struct core *core, struct core_call *call)
{
	if (core->chan_count == RUNTIME_SELECTORS_MAX) {
		call->result = -ENOSPC;
		return;
	}
	core->chans[core->chan_count] = call->chan;
	core->wakes[core->chan_count] = call->wake;
	core->chan_count++;
}

/* More than a turn takes, or put there after this one took some. Their answers nobody reads. */
static void take_last_requests(struct core *core, struct chan *chan)
{
	struct chan_message request;

	while (chan_fetch(chan, &request, 1) > 0)
		endpoint_request(core, &request);
}

static void part_here(struct core *core, struct core_call *call)
{
	take_last_requests(core, call->chan);
	for (unsigned c = 0; c < core->chan_count; c++) {
		if (core->chans[c] != call->chan)
			continue;
		core->chan_count--;
		core->chans[c] = core->chans[core->chan_count];
		core->wakes[c] = core->wakes[core->chan_count];
	}
}

int core_join(struct core *core, struct chan *chan, struct selector_wake *wake)
{
	struct core_call call = {.fn = join_here, .chan = chan, .wake = wake};

	call_core(core, &call);
	return call.result;
}

void core_part(struct core *core, struct chan *chan)
{
	struct core_call call = {.fn = part_here, .chan = chan};

	call_core(core, &call);
}

/* ---- Memory and rings ------------------------------------------------------------------- */

static struct rte_ring *make_ring(const char *name, unsigned slots, unsigned flags)
{
	struct rte_ring *ring =
		rte_zmalloc(name, (size_t)rte_ring_get_memsize(slots), RTE_CACHE_LINE_SIZE);

	if (ring != NULL)
		rte_ring_init(ring, name, slots, flags);
	return ring;
}

static int make_rings(struct core *core)
{
	core->calls = make_ring("calls", CALL_SLOTS, RING_F_SC_DEQ);
	if (core->calls == NULL)
		return -ENOMEM;
	for (unsigned from = 0; from < core->rws->core_count; from++) {
		if (from == core->id)
			continue;
		core->from[from] =
			make_ring("forward", FORWARD_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (core->from[from] == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* What grows with the number of connections. */
static int make_memory(struct core *core)
{
	uint32_t connections = core->rws->sockets_max;

	if (connections < CORE_CONNECTIONS_MIN)
		connections = CORE_CONNECTIONS_MIN;
	core->arena_size = CORE_ARENA_BASE + connections * CORE_ARENA_CONNECTION;
	core->arena = mmap(NULL, core->arena_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (core->arena == MAP_FAILED) {
		core->arena = NULL;
		return -ENOMEM;
	}
	core->pending = core->pending_last = NO_ENDPOINT;
	return endpoint_pool_init(&core->endpoints, connections);
}

static int make_wakes(struct core *core)
{
	struct epoll_event event = {.events = EPOLLIN};

	core->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	core->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = core->wake_fd;
	if (core->wake_fd < 0 || core->epoll_fd < 0 ||
		epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, core->wake_fd, &event) != 0)
		return -errno;
	for (unsigned i = 0; i < core->rws->interface_count; i++) {
		int fd = port_rx_fd(core->rws->interfaces[i].port, core->id);
		event.data.fd = fd;
		if (fd >= 0 && epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
			return -errno;
	}
	return 0;
}

int core_create(struct rws *rws, unsigned id, int cpu, struct core **out, struct fault *fault)
{
	struct core *core = rte_zmalloc("core", sizeof(*core), RTE_CACHE_LINE_SIZE);

	if (core == NULL)
		return fault_set(fault, -ENOMEM, "no memory for stack core %u", id);
	*out = core;
	core->rws = rws;
	core->id = id;
	core->cpu = cpu;
	core->wake_fd = core->epoll_fd = -1;
	core->pool = rws->pools[id];
	sem_init(&core->entered, 0, 0);
	if (make_memory(core) != 0)
		return fault_set(fault, -ENOMEM, "no memory for %u sockets on stack core %u",
			rws->sockets_max, id);
	if (make_rings(core) != 0 || make_wakes(core) != 0)
		return fault_set(fault, -ENOMEM,
			"no memory for stack core %u; give more with memory_mb, or use fewer cores",
			id);
	core->steering = (struct steer_core){.steer = rws->steer, .core = id};
	return 0;
}

void core_stop(struct core *core)
{
	if (core == NULL)
		return;
	core_unclaim(core);
	if (!core->thread_started)
		return;
	atomic_store(&core->stop, true);
	core_wake(core);
	pthread_join(core->thread, NULL);
	core->thread_started = false;
}

/* With the frames that other cores sent here after this one had stopped looking. */
static void free_forward_ring(struct rte_ring *ring)
{
	void *p;

	while (ring != NULL && rte_ring_sc_dequeue(ring, &p) == 0)
		pbuf_free(p);
	rte_free(ring);
}

void core_free(struct core *core)
{
	if (core == NULL)
		return;
	for (unsigned from = 0; from < RUNTIME_CORES_MAX; from++)
		free_forward_ring(core->from[from]);
	rte_free(core->calls);
	endpoint_pool_fini(&core->endpoints);
	if (core->wake_fd >= 0)
		close(core->wake_fd);
	if (core->epoll_fd >= 0)
		close(core->epoll_fd);
	sem_destroy(&core->entered);
	if (core->arena != NULL)
		munmap(core->arena, core->arena_size);
	rte_free(core);
}
