/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joins two network interfaces in real time, with the impairments of the wire: rate, queue, delay,
 * jitter, loss, reordering, duplication, as driver/wire_impair.c decides them. Where the kernel has
 * no netem, and where both ends are to have the very same link as in the simulations.
 *
 *   impair SEED IFACE IFACE KEY=VALUE... [-- KEY=VALUE...]
 *
 * The keys before "--" are for what comes in at the first interface, those after it for the other
 * way: delay_us, jitter_us, rate_kbit, queue, loss_ppm, duplicate_ppm, reorder_ppm, reorder_us.
 * Runs until SIGTERM, then prints what became of the frames of each direction.
 *
 * Called from impaired_link in tests/e2e/lib.sh. Calls driver/wire_impair.c and driver/wire_queue.c.
 *
 * The interfaces must send without offloads: a frame is what the wire would carry.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "driver/wire_impair.h"
#include "driver/wire_queue.h"
#include "tests/bench/realtime.h"

#define FRAMES      65536u
#define FRAME_BYTES 2048u
#define FRAME_MAX   1518u
#define BURST       64u
#define SOCKET_ROOM (8 << 20)

struct frame {
	struct frame *next; /* free list */
	unsigned length;
	uint8_t bytes[FRAME_BYTES];
};

struct direction {
	struct wire_direction wire;
	struct wire_counters counters;
	int in, out; /* sockets */
};

static struct direction directions[2];
static struct wire_queue flight;
static struct frame *free_frames;

static void die(const char *what)
{
	fprintf(stderr, "impair: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- Set-up ------------------------------------------------------------------------------ */

struct key {
	const char *name;
	size_t offset, size;
	uint64_t unit;
};

#define KEY(name, field, unit)                          \
	{name, offsetof(struct wire_impairment, field), \
		sizeof(((struct wire_impairment *)0)->field), unit}

static const struct key keys[] = {
	KEY("delay_us", delay_ns, 1000),
	KEY("jitter_us", jitter_ns, 1000),
	KEY("rate_kbit", rate_bits_per_s, 1000),
	KEY("queue", queue_frames, 1),
	KEY("loss_ppm", loss_ppm, 1),
	KEY("duplicate_ppm", duplicate_ppm, 1),
	KEY("reorder_ppm", reorder_ppm, 1),
	KEY("reorder_us", reorder_ns, 1000),
};

static void set_key(struct wire_impairment *impairment, const char *argument)
{
	const char *value = strchr(argument, '=');

	for (unsigned i = 0; value != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *k = &keys[i];
		if (strlen(k->name) != (size_t)(value - argument) ||
			strncmp(k->name, argument, strlen(k->name)) != 0)
			continue;
		uint64_t number = strtoull(value + 1, NULL, 10) * k->unit;
		uint32_t small = (uint32_t)number;
		memcpy((uint8_t *)impairment + k->offset,
			k->size == sizeof(small) ? (void *)&small : (void *)&number, k->size);
		return;
	}
	errno = EINVAL;
	die(argument);
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};
	int yes = 1, room = SOCKET_ROOM;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || address.sll_ifindex == 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(name);
	return fd;
}

static void make_frames(void)
{
	struct frame *frames = calloc(FRAMES, sizeof(*frames));

	flight.size = FRAMES;
	flight.frames = calloc(FRAMES, sizeof(*flight.frames));
	if (frames == NULL || flight.frames == NULL)
		die("memory");
	for (unsigned i = 0; i < FRAMES; i++) {
		frames[i].next = free_frames;
		free_frames = &frames[i];
	}
}

static void read_arguments(int argc, char **argv)
{
	unsigned from = 0;
	uint64_t seed = strtoull(argv[1], NULL, 10);

	for (unsigned d = 0; d < 2; d++) {
		uint64_t *ring = calloc(FRAMES, sizeof(*ring));
		if (ring == NULL)
			die("memory");
		wire_direction_init(&directions[d].wire, seed + d, ring, FRAMES);
		directions[d].in = open_interface(argv[2 + d]);
	}
	directions[0].out = directions[1].in;
	directions[1].out = directions[0].in;
	for (int i = 4; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			from = 1;
		else
			set_key(&directions[from].wire.impairment, argv[i]);
}

/* ---- Running ----------------------------------------------------------------------------- */

/* The queue of the wire carries its packets without looking at them. */
static void launch(unsigned from, const struct frame *f, uint64_t due)
{
	struct frame *copy = free_frames;

	if (copy == NULL) {
		directions[from].counters.queue_full++;
		return;
	}
	free_frames = copy->next;
	copy->length = f->length;
	memcpy(copy->bytes, f->bytes, f->length);
	wire_queue_push(&flight,
		(struct wire_frame){.due = due,
			.packet = (struct pbuf *)(void *)copy,
			.to = (uint16_t)(1 - from)});
}

static void take(unsigned from, const struct frame *f)
{
	struct wire_counters *c = &directions[from].counters;
	struct wire_fate fate = wire_fate_of(&directions[from].wire, realtime_now(), f->length);

	c->sent++;
	c->queue_full += fate.queue_full;
	c->lost += fate.copies == 0 && !fate.queue_full;
	c->duplicated += fate.copies > 1;
	c->reordered += fate.copies > 0 && fate.reordered;
	for (unsigned i = 0; i < fate.copies; i++)
		launch(from, f, fate.due);
}

static void receive(unsigned from)
{
	static struct frame f;

	for (unsigned n = 0; n < BURST; n++) {
		ssize_t length = recv(directions[from].in, f.bytes, sizeof(f.bytes), MSG_TRUNC);
		if (length <= 0)
			return;
		if (length > FRAME_MAX) {
			errno = EMSGSIZE;
			die("a frame longer than the link takes: offloads are on");
		}
		f.length = (unsigned)length;
		take(from, &f);
	}
}

static void send_due(void)
{
	struct wire_frame w;

	while (wire_queue_next_due(&flight) <= realtime_now() && wire_queue_pop(&flight, &w)) {
		struct frame *f = (struct frame *)(void *)w.packet;
		struct direction *d = &directions[1 - w.to];
		if (send(d->out, f->bytes, f->length, 0) == (ssize_t)f->length)
			d->counters.delivered++;
		else
			d->counters.queue_full++;
		f->next = free_frames;
		free_frames = f;
	}
}

static void wait_for_work(void)
{
	struct pollfd fds[2] = {{.fd = directions[0].in, .events = POLLIN},
		{.fd = directions[1].in, .events = POLLIN}};
	uint64_t due = wire_queue_next_due(&flight), now = realtime_now();
	uint64_t wait = due == UINT64_MAX ? NS_PER_S : due > now ? due - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};

	ppoll(fds, 2, &timeout, NULL);
}

static void report(void)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct wire_counters *c = &directions[d].counters;
		printf("%s sent %llu delivered %llu lost %llu duplicated %llu reordered %llu "
		       "queue_full %llu\n",
			d == 0 ? "forward" : "back", (unsigned long long)c->sent,
			(unsigned long long)c->delivered, (unsigned long long)c->lost,
			(unsigned long long)c->duplicated, (unsigned long long)c->reordered,
			(unsigned long long)c->queue_full);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: impair SEED IFACE IFACE KEY=VALUE... [-- KEY=VALUE...]\n");
		return 2;
	}
	realtime_begin();
	make_frames();
	read_arguments(argc, argv);
	realtime_be_prompt(10); /* a busy machine shall not add delays of its own */
	realtime_say_ready();
	while (!realtime_ended) {
		receive(0);
		receive(1);
		send_due();
		wait_for_work();
	}
	report();
	return 0;
}
