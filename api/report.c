/* SPDX-License-Identifier: BSD-3-Clause */
/* What a runtime tells of itself: interfaces and counters. Any thread. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/runtime.h"
#include "driver/port.h"

/* ---- Interfaces ------------------------------------------------------------------------- */

uint32_t runtime_read_known(struct runtime_interface *interface, struct nif_address *addresses,
	unsigned *count, ip_addr_t *gateway)
{
	uint32_t sequence;

	do {
		sequence = sequence_read_begin(&interface->known_lock);
		memcpy(addresses, interface->known, sizeof(interface->known));
		*count = interface->known_count;
		*gateway = interface->known_gateway;
	} while (sequence_read_failed(&interface->known_lock, sequence));
	return sequence;
}

static void describe_offloads(uint32_t offloads, char *text, size_t size)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{PORT_RX_IP_CHECKSUM, "rx-ip-checksum"},
		{PORT_RX_L4_CHECKSUM, "rx-checksum"},
		{PORT_RX_SCATTER, "rx-scatter"},
		{PORT_TX_IP_CHECKSUM, "tx-ip-checksum"},
		{PORT_TX_TCP_CHECKSUM, "tx-tcp-checksum"},
		{PORT_TX_UDP_CHECKSUM, "tx-udp-checksum"},
		{PORT_TX_MULTI_SEGS, "tx-scatter"},
		{PORT_TX_TSO, "tso"},
		{PORT_RSS, "rss"},
	};
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (offloads & names[i].bit && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
				used > 0 ? " " : "", names[i].name);
}

/* In the form of RFC 5952. */
static const char *host_text(const ip_addr_t *address, char text[INET6_ADDRSTRLEN])
{
	const void *bytes = IP_IS_V6(address) ? (const void *)ip_2_ip6(address)->addr
					      : (const void *)ip_2_ip4(address);

	return inet_ntop(IP_IS_V6(address) ? AF_INET6 : AF_INET, bytes, text, INET6_ADDRSTRLEN);
}

static void describe_addresses(struct runtime_interface *interface, struct rws_interface_info *info)
{
	struct nif_address known[RUNTIME_ADDRESSES_MAX];
	char text[INET6_ADDRSTRLEN];
	unsigned count;
	ip_addr_t gateway;

	runtime_read_known(interface, known, &count, &gateway);
	for (unsigned i = 0; i < count; i++)
		if (known[i].preferred && host_text(&known[i].address, text))
			snprintf(info->addresses[info->address_count++], sizeof(info->addresses[0]),
				"%s/%u", text, known[i].prefix);
	if (!ip_addr_isany_val(gateway) && host_text(&gateway, text))
		snprintf(info->gateway, sizeof(info->gateway), "%s", text);
}

int rws_interface_info(struct rws *rws, unsigned index, struct rws_interface_info *info)
{
	if (index >= rws->interface_count)
		return -ENOENT;

	struct runtime_interface *interface = &rws->interfaces[index];
	struct port_info port;
	port_get_info(interface->port, &port);
	*info = (struct rws_interface_info){
		.mtu = port.mtu,
		.queues = port.queues,
		.link_up = atomic_load_explicit(&interface->link_up, memory_order_relaxed),
	};
	info->gone = !info->link_up && port_is_gone(interface->port);
	snprintf(info->device, sizeof(info->device), "%s", port.name);
	snprintf(info->driver, sizeof(info->driver), "%s", port.driver);
	memcpy(info->mac, port.mac, sizeof(info->mac));
	describe_offloads(port.offloads, info->offloads, sizeof(info->offloads));
	describe_addresses(interface, info);
	return 0;
}

/* ---- Counters --------------------------------------------------------------------------- */

/* Those that are plain 64-bit words of struct core_counters, summed over cores. */
static const struct {
	const char *name, *text;
	size_t offset;
} sums[] = {
#define SUM(name, field, text) {name, text, offsetof(struct core_counters, field)}
	SUM("rx.frames", stack.rx_frames, "frames received by the stacks"),
	SUM("rx.bytes", stack.rx_bytes, "bytes of them, Ethernet header included"),
	SUM("tx.frames", stack.tx_frames, "frames sent by the stacks"),
	SUM("tx.bytes", stack.tx_bytes, "bytes of them"),
	SUM("tx.busy", stack.tx_busy,
		"times that a device had no room for a frame, kept or dropped"),
	SUM("tx.copied_bytes", tx_copied_bytes,
		"payload copied because it could not be referenced"),
	SUM("tcp.rx_segments", stack.tcp_rx_segments, "TCP segments received"),
	SUM("tcp.tx_segments", stack.tcp_tx_segments, "TCP segments sent"),
	SUM("tcp.retransmits", stack.tcp_retransmits, "TCP segments sent again"),
	SUM("tcp.fast_recoveries", stack.tcp_fast_recoveries,
		"times that losses were found by ACKs"),
	SUM("tcp.timeouts", stack.tcp_rtos, "retransmission timeouts"),
	SUM("tcp.tail_probes", stack.tcp_tlps, "tail loss probes sent"),
	SUM("tcp.spurious_undone", stack.tcp_spurious_undone,
		"reductions of the congestion window taken back: nothing was lost"),
	SUM("tcp.dsacks", stack.tcp_dsacks, "duplicates that peers told of by DSACK"),
	SUM("tcp.bad_sacks", stack.tcp_bad_sacks, "SACK blocks that cannot be"),
	SUM("tcp.pmtu_black_holes", stack.tcp_pmtu_black_holes,
		"times that smaller segments were tried without ICMP asking for them"),
	SUM("tcp.accepted", stack.tcp_accepted, "connections that listeners took"),
	SUM("tcp.connected", stack.tcp_connected, "connections opened"),
	SUM("tcp.resets_sent", stack.tcp_resets_sent, "RST sent"),
	SUM("tcp.resets_received", stack.tcp_resets_received, "RST received"),
	SUM("tcp.challenge_acks", stack.tcp_challenge_acks, "challenge ACKs sent (RFC 5961)"),
	SUM("tcp.replies_withheld", stack.tcp_replies_withheld,
		"challenge ACKs, RSTs and other answers not sent, beyond their number"),
	SUM("tcp.syn_cookies_sent", stack.tcp_syn_cookies_sent, "SYN cookies sent (RFC 4987)"),
	SUM("tcp.syn_cookies_accepted", stack.tcp_syn_cookies_accepted,
		"connections that a SYN cookie opened"),
	SUM("tcp.connections", stack.conns, "TCP connections now, TIME_WAIT included"),
	SUM("udp.rx", stack.udp_rx, "UDP datagrams received"),
	SUM("udp.tx", stack.udp_tx, "UDP datagrams sent"),
	SUM("icmp.rx", stack.icmp_rx, "ICMP and ICMPv6 messages received"),
	SUM("icmp.tx", stack.icmp_tx, "ICMP and ICMPv6 messages sent"),
	SUM("icmp.errors_withheld", stack.icmp_errors_withheld,
		"ICMP and ICMPv6 errors not sent, beyond their number (RFC 4443 2.4)"),
	SUM("core.forwarded", forwarded, "frames handed to the core they belong to"),
	SUM("core.turns", turns, "turns of the stack cores' loops"),
	SUM("core.idle_turns", idle_turns, "turns with nothing to do"),
	SUM("memory.arena_used", memory.used, "bytes of the stacks' arenas in use"),
	SUM("memory.arena_peak", memory.peak, "most bytes ever in use, summed over cores"),
#undef SUM
};

static uint64_t sum_at(const struct core_counters *counters, unsigned cores, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < cores; c++)
		sum += *(const uint64_t *)((const char *)&counters[c] + offset);
	return sum;
}

static unsigned tell_device(struct rws *rws,
	void (*fn)(void *user, const char *name, const char *text, uint64_t value), void *user)
{
	struct {
		uint64_t rx_missed, rx_errors, rx_no_mbuf, tx_errors, gone;
	} sum = {0};

	for (unsigned i = 0; i < rws->interface_count; i++) {
		struct port_device_counters one;
		port_device_counters(rws->interfaces[i].port, &one);
		sum.rx_missed += one.rx_missed;
		sum.rx_errors += one.rx_errors;
		sum.rx_no_mbuf += one.rx_no_mbuf;
		sum.tx_errors += one.tx_errors;
		sum.gone += port_is_gone(rws->interfaces[i].port);
	}
	fn(user, "device.rx_missed", "frames the device lost for want of a descriptor",
		sum.rx_missed);
	fn(user, "device.rx_errors", "frames the device found broken", sum.rx_errors);
	fn(user, "device.rx_no_mbuf", "frames the device lost for want of a buffer",
		sum.rx_no_mbuf);
	fn(user, "device.tx_errors", "frames the device failed to send", sum.tx_errors);
	fn(user, "device.gone", "devices that were taken away", sum.gone);
	return 5;
}

static unsigned tell_selectors(struct rws *rws,
	void (*fn)(void *user, const char *name, const char *text, uint64_t value), void *user)
{
	struct {
		uint64_t moved, copied, no_buffers, over_share;
	} sum = {0};

	for (unsigned id = 0; id < RUNTIME_SELECTORS_MAX; id++) {
		const struct selector_counters *one = &rws->selector_counters[id];
		sum.moved += atomic_load_explicit(&one->moved_bytes, memory_order_relaxed);
		sum.copied += atomic_load_explicit(&one->copied_bytes, memory_order_relaxed);
		sum.no_buffers += atomic_load_explicit(&one->no_buffers, memory_order_relaxed);
		sum.over_share += atomic_load_explicit(&one->over_share, memory_order_relaxed);
	}
	fn(user, "channel.moved_bytes", "received bytes that went on in the buffers they came in",
		sum.moved);
	fn(user, "channel.copied_bytes",
		"bytes copied between a channel and what it is attached or copied to", sum.copied);
	fn(user, "channel.no_buffers", "writes cut short: no buffer was left", sum.no_buffers);
	fn(user, "channel.over_share",
		"writes cut short: what the socket holds is to be acknowledged first",
		sum.over_share);
	return 4;
}

/* "drop.no_pbuf" */
static void drop_counter_name(enum drop_reason reason, char *name, size_t size)
{
	snprintf(name, size, "drop.%s", drop_reason_name(reason));
	for (; *name != '\0'; name++)
		*name = (char)tolower((unsigned char)*name);
}

unsigned rws_counters(struct rws *rws,
	void (*fn)(void *user, const char *name, const char *text, uint64_t value), void *user)
{
	struct core_counters counters[RUNTIME_CORES_MAX];
	unsigned told = 0;

	for (unsigned c = 0; c < rws->core_count; c++)
		core_counters(rws->cores[c], &counters[c]);
	for (; told < sizeof(sums) / sizeof(sums[0]); told++)
		fn(user, sums[told].name, sums[told].text,
			sum_at(counters, rws->core_count, sums[told].offset));
	for (unsigned r = DROP_NONE + 1; r < DROP_REASON_COUNT; r++, told++) {
		char name[64];
		drop_counter_name(r, name, sizeof(name));
		uint64_t dropped = sum_at(counters, rws->core_count,
			offsetof(struct core_counters, drops.count[0]) + r * sizeof(uint64_t));
		if (r == DROP_ACCEPT_QUEUE_FULL)
			dropped +=
				atomic_load_explicit(&rws->accept_overflows, memory_order_relaxed);
		fn(user, name, drop_reason_text(r), dropped);
	}
	told += tell_selectors(rws, fn, user);
	return told + tell_device(rws, fn, user);
}
