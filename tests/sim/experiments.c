/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Called from tests/sim/sim.c. Each experiment varies one or two properties of the link and prints
 * a line for each setting and congestion control. docs/sim/README.md tells what the columns mean
 * and shows the results.
 */
#include "tests/sim/experiments.h"

#include <string.h>

#include "stack/tcp/tcp_cc.h"
#include "tests/sim/world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const controls[TCP_CC_COUNT] = {"cubic", "newreno", "bbr"};

/* ---- A link ------------------------------------------------------------------------------ */

/* Frames of full size that fit into the link: bandwidth times delay. */
static uint32_t bdp_frames(double mbit, double rtt_ms)
{
	return (uint32_t)(mbit * 1000 * rtt_ms / 8 / (WORLD_MTU + 14));
}

/*
 * A bottleneck from end 0 to end 1, and an ideal way back. The queue holds what the link holds, but
 * at least 64 frames.
 */
static struct world_config link_of(double mbit, double rtt_ms)
{
	uint64_t one_way = (uint64_t)(rtt_ms * (double)NS_PER_MS / 2);
	uint32_t bdp = bdp_frames(mbit, rtt_ms);

	return (struct world_config){
		.forward = {.delay_ns = one_way,
			.rate_bits_per_s = (uint64_t)(mbit * 1000000),
			.queue_frames = bdp > 64 ? bdp : 64},
		.back = {.delay_ns = one_way},
	};
}

static uint32_t ppm(double percent)
{
	return (uint32_t)(percent * 10000 + 0.5);
}

static double mbit_of(uint64_t bytes, uint64_t ns)
{
	return (double)bytes * 8000 / (double)ns;
}

/* ---- Goodput ----------------------------------------------------------------------------- */

struct bulk {
	double goodput_mbit;
	struct stack_counters sender;
};

/* One endless flow for that long, its beginning included. */
static struct bulk run_bulk(struct world_config *config, double seconds)
{
	struct world *w = world_open(config);
	struct transfer *f = world_transfer(w, 0, 0);
	uint64_t ns = (uint64_t)(seconds * (double)NS_PER_S);

	world_run(w, ns);
	struct bulk bulk = {.goodput_mbit = mbit_of(f->received, ns), .sender = world_sender(w)};
	world_close(w);
	return bulk;
}

static void put_bulk(FILE *csv, const struct bulk *bulk)
{
	fprintf(csv, ",%.3f,%llu,%llu,%llu\n", bulk->goodput_mbit,
		(unsigned long long)bulk->sender.tcp_retransmits,
		(unsigned long long)bulk->sender.tcp_rtos,
		(unsigned long long)bulk->sender.tcp_spurious_undone);
}

#define BULK_COLUMNS "goodput_mbit,retransmits,rtos,undone\n"
#define LINK_MBIT    100.0

/* Random loss is rare: the fewer frames a setting carries, the longer it has to run. */
static double goodput_seconds(double loss, double rtt_ms)
{
	if (rtt_ms < 100)
		return loss > 0 && loss < 5 ? 20 : 8;
	return loss < 0.05 ? 20 : 60;
}

static void goodput(FILE *csv, unsigned seed)
{
	static const double losses[] = {0, 0.01, 0.1, 1, 5}, rtts[] = {0.1, 1, 10, 100};

	fprintf(csv, "control,loss_percent,rtt_ms," BULK_COLUMNS);
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned r = 0; r < COUNT(rtts); r++)
			for (unsigned l = 0; l < COUNT(losses); l++) {
				struct world_config config = link_of(LINK_MBIT, rtts[r]);
				config.seed = seed;
				config.congestion = (uint8_t)c;
				config.forward.loss_ppm = ppm(losses[l]);
				struct bulk bulk =
					run_bulk(&config, goodput_seconds(losses[l], rtts[r]));
				fprintf(csv, "%s,%g,%g", controls[c], losses[l], rtts[r]);
				put_bulk(csv, &bulk);
			}
}

/* ---- Reordering and duplication ---------------------------------------------------------- */

/* A frame that is held back arrives behind those of so much time. */
static void reordering(FILE *csv, unsigned seed)
{
	static const double shares[] = {0, 0.1, 1, 5, 10}, late_ms[] = {1, 4, 12};

	fprintf(csv, "control,late_ms,reordered_percent," BULK_COLUMNS);
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned m = 0; m < COUNT(late_ms); m++)
			for (unsigned s = 0; s < COUNT(shares); s++) {
				struct world_config config = link_of(LINK_MBIT, 20);
				config.seed = seed;
				config.congestion = (uint8_t)c;
				config.forward.reorder_ppm = ppm(shares[s]);
				config.forward.reorder_ns =
					(uint64_t)(late_ms[m] * (double)NS_PER_MS);
				struct bulk bulk = run_bulk(&config, 8);
				fprintf(csv, "%s,%g,%g", controls[c], late_ms[m], shares[s]);
				put_bulk(csv, &bulk);
			}
}

static void duplication(FILE *csv, unsigned seed)
{
	static const double shares[] = {0, 0.1, 1, 5, 20};

	fprintf(csv, "control,duplicated_percent," BULK_COLUMNS);
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned s = 0; s < COUNT(shares); s++) {
			struct world_config config = link_of(LINK_MBIT, 20);
			config.seed = seed;
			config.congestion = (uint8_t)c;
			config.forward.duplicate_ppm = ppm(shares[s]);
			config.back.duplicate_ppm = ppm(shares[s]);
			struct bulk bulk = run_bulk(&config, 8);
			fprintf(csv, "%s,%g", controls[c], shares[s]);
			put_bulk(csv, &bulk);
		}
}

/* ---- The steady state -------------------------------------------------------------------- */

struct steady {
	double mbit; /* goodput */
	struct world_delay delay;
	struct stack_counters sender;
	uint64_t marked;
};

/* One flow for 15 s, after 5 s to get there. */
static struct steady run_steady(const struct world_config *config)
{
	struct steady steady;
	struct world *w = world_open(config);
	struct transfer *f = world_transfer(w, 0, 0);

	world_run(w, 5 * NS_PER_S);
	uint64_t before = f->received;
	world_delay_reset(w);
	world_run(w, 15 * NS_PER_S);
	steady.mbit = mbit_of(f->received - before, 15 * NS_PER_S);
	steady.delay = world_delay(w);
	steady.sender = world_sender(w);
	steady.marked = world_wire(w)->marked;
	world_close(w);
	return steady;
}

/* ---- Bufferbloat ------------------------------------------------------------------------- */

/* Queueing delay at the bottleneck by the depth of its queue, in the steady state. */
static void bufferbloat(FILE *csv, unsigned seed)
{
	static const uint32_t queues[] = {16, 64, 256, 1024, 4096};
	const double mbit = 50, rtt_ms = 20;

	fprintf(csv,
		"control,queue_frames,goodput_mbit,queue_mean_ms,queue_p99_ms,retransmits,rtos\n");
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned q = 0; q < COUNT(queues); q++) {
			struct world_config config = link_of(mbit, rtt_ms);
			config.seed = seed;
			config.congestion = (uint8_t)c;
			config.forward.queue_frames = queues[q];
			struct steady steady = run_steady(&config);
			fprintf(csv, "%s,%u,%.3f,%.2f,%.1f,%llu,%llu\n", controls[c], queues[q],
				steady.mbit, steady.delay.mean_ms, steady.delay.p99_ms,
				(unsigned long long)steady.sender.tcp_retransmits,
				(unsigned long long)steady.sender.tcp_rtos);
		}
}

/* ---- ECN --------------------------------------------------------------------------------- */

/*
 * A queue that is far too deep and marks from so many frames on, in the steady state. 82 frames are
 * what the link holds. Nothing is lost: whatever the flow learns it learns from marks.
 */
static void ecn(FILE *csv, unsigned seed)
{
	static const uint32_t marks[] = {10, 20, 41, 82, 164};
	const double mbit = 50, rtt_ms = 20;

	fprintf(csv,
		"control,mark_frames,goodput_mbit,queue_mean_ms,queue_p99_ms,marked,retransmits,"
		"rtos\n");
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned m = 0; m < COUNT(marks); m++) {
			struct world_config config = link_of(mbit, rtt_ms);
			config.seed = seed;
			config.congestion = (uint8_t)c;
			config.ecn = true;
			config.forward.queue_frames = 4096;
			config.forward.mark_frames = marks[m];
			struct steady steady = run_steady(&config);
			fprintf(csv, "%s,%u,%.3f,%.2f,%.1f,%llu,%llu,%llu\n", controls[c], marks[m],
				steady.mbit, steady.delay.mean_ms, steady.delay.p99_ms,
				(unsigned long long)steady.marked,
				(unsigned long long)steady.sender.tcp_retransmits,
				(unsigned long long)steady.sender.tcp_rtos);
		}
}

/* ---- Fairness ---------------------------------------------------------------------------- */

/* Jain's index: 1 when all have the same, 1/n when one has all. */
static double jain(const double *shares, unsigned n)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < n; i++) {
		sum += shares[i];
		squares += shares[i] * shares[i];
	}
	return sum * sum / (n * squares);
}

/* Flows of equal RTT that begin one after the other; what each gets once all have had time. */
static void fairness(FILE *csv, unsigned seed)
{
	static const unsigned counts[] = {2, 4, 8, 16};
	const double mbit = 50, rtt_ms = 20;

	fprintf(csv, "control,flows,jain,least_mbit,most_mbit,sum_mbit,rtos\n");
	for (unsigned c = 0; c < TCP_CC_COUNT; c++)
		for (unsigned n = 0; n < COUNT(counts); n++) {
			struct world_config config = link_of(mbit, rtt_ms);
			struct transfer *flows[WORLD_FLOWS_MAX];
			uint64_t before[WORLD_FLOWS_MAX];
			double shares[WORLD_FLOWS_MAX], least = mbit, most = 0, sum = 0;
			config.seed = seed;
			config.congestion = (uint8_t)c;
			struct world *w = world_open(&config);
			for (unsigned i = 0; i < counts[n]; i++)
				flows[i] = world_transfer(w, i * 137 * NS_PER_MS, 0);
			world_run(w, 20 * NS_PER_S);
			for (unsigned i = 0; i < counts[n]; i++)
				before[i] = flows[i]->received;
			world_run(w, 100 * NS_PER_S);
			for (unsigned i = 0; i < counts[n]; i++) {
				shares[i] = mbit_of(flows[i]->received - before[i], 100 * NS_PER_S);
				sum += shares[i];
				least = shares[i] < least ? shares[i] : least;
				most = shares[i] > most ? shares[i] : most;
			}
			fprintf(csv, "%s,%u,%.4f,%.3f,%.3f,%.3f,%llu\n", controls[c], counts[n],
				jain(shares, counts[n]), least, most, sum,
				(unsigned long long)world_sender(w).tcp_rtos);
			world_close(w);
		}
}

/* ---- Burst loss -------------------------------------------------------------------------- */

#define SEGMENT 1448u /* payload of a full frame, with timestamps */

struct burst_case {
	const char *where;
	struct world_burst burst;
	uint64_t bytes;        /* of the transfer, 0: without end */
	uint32_t bytes_per_ms; /* that the application writes, 0: without bound */
};

static void run_burst(FILE *csv, const struct world_config *config, const struct burst_case *c)
{
	struct world *w = world_open(config);

	world_transfer(w, 0, c->bytes)->bytes_per_ms = c->bytes_per_ms;
	world_lose_burst(w, &c->burst);
	world_run_until_finished(w, 5 * NS_PER_S);
	const struct world_burst *burst = world_burst(w);
	struct stack_counters sender = world_sender(w);
	double ms = (double)(burst->recovered_ns - burst->first_ns) / (double)NS_PER_MS;
	fprintf(csv, "%s,%s,%u,%.1f,%llu,%llu,%llu\n", controls[config->congestion], c->where,
		c->burst.lost, burst->recovered_ns != 0 ? ms : -1.0,
		(unsigned long long)sender.tcp_retransmits, (unsigned long long)sender.tcp_tlps,
		(unsigned long long)sender.tcp_rtos);
	world_close(w);
}

/*
 * How long it takes until the receiver has what a burst of losses held back:
 *   middle  in the midst of a flow, of an application that writes at 60 Mbit/s;
 *   twice   the same, and the first retransmission of each is lost too;
 *   tail    the end of a transfer, behind which nothing comes that SACK could tell.
 * The queue is deep enough not to lose anything besides.
 */
static void burst_loss(FILE *csv, unsigned seed)
{
	static const unsigned lost[] = {1, 2, 4, 8, 16, 32, 64};
	const uint64_t transfer = 300;

	fprintf(csv, "control,where,lost,recovered_ms,retransmits,tlps,rtos\n");
	for (unsigned c = 0; c < TCP_CC_COUNT; c++) {
		struct world_config config = link_of(LINK_MBIT, 20);
		config.seed = seed;
		config.congestion = (uint8_t)c;
		config.forward.queue_frames = 1000;
		for (unsigned i = 0; i < COUNT(lost); i++) {
			struct burst_case cases[] = {
				{"middle", {.after = 20000, .lost = lost[i]}, 0, 7500},
				{"twice", {.after = 20000, .lost = lost[i], .again = lost[i]}, 0,
					7500},
				{"tail", {.after = transfer - lost[i], .lost = lost[i]},
					transfer * SEGMENT, 0},
			};
			for (unsigned k = 0; k < COUNT(cases); k++)
				run_burst(csv, &config, &cases[k]);
		}
	}
}

const struct experiment experiments[] = {
	{"goodput", goodput},
	{"reordering", reordering},
	{"duplication", duplication},
	{"bufferbloat", bufferbloat},
	{"ecn", ecn},
	{"fairness", fairness},
	{"burst_loss", burst_loss},
};
const unsigned experiment_count = COUNT(experiments);
