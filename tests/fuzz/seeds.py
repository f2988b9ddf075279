#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seeds of the fuzzing corpora.

usage: tests/fuzz/seeds.py DIR    (DIR/frame, DIR/options and so on are made)

The formats are those of the targets: tests/fuzz/*_fuzz.c.
"""

import pathlib
import struct
import sys

OURS, PEER = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
OURS4, PEER4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
PEER6, OURS6 = (bytes([0xFD] + [0] * 14 + [last]) for last in (2, 1))
LINK6 = bytes([0xFE, 0x80] + [0] * 13 + [2])
ALL_NODES = bytes([0xFF, 2] + [0] * 13 + [1])
MENDED, TO_US, RELATIVE, TAKE, BURST = 1, 2, 4, 8, 16


def ethernet(kind, payload, to=OURS):
    return to + PEER + struct.pack(">H", kind) + payload


def ip4(protocol, payload, to=OURS4, place=0, ident=1, options=b""):
    header = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload),
                         ident, place, 64, protocol, 0)
    return ethernet(0x0800, header + PEER4 + to + options + payload)


def ip6(protocol, payload, to=OURS6, source=PEER6, hops=64):
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, hops)
    return ethernet(0x86DD, header + source + to + payload)


def tcp(flags, seq, ack, payload=b"", options=b"", ports=(4000, 80)):
    words = 5 + len(options) // 4
    return struct.pack(">HHIIBBHHH", *ports, seq, ack, words << 4, flags, 60000, 0, 0) + \
        options + payload


def udp(source, destination, payload):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def icmp6(kind, body, **where):
    return ip6(58, struct.pack(">BBH", kind, 0, 0) + body, **where)


def dhcp(kind):
    fixed = struct.pack(">BBBBIHH", 2, 1, 6, 0, 0, 0, 0) + bytes(4) + OURS4 + PEER4 + bytes(4) + \
        OURS + bytes(10) + bytes(192)
    options = bytes([99, 130, 83, 99, 53, 1, kind, 54, 4]) + PEER4 + \
        bytes([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 3, 4]) + PEER4 + \
        bytes([6, 4]) + PEER4 + b"\xff"
    return ip4(17, udp(67, 68, fixed + options))


def one(frame, kind=MENDED | TO_US | TAKE, pause=0):
    return struct.pack(">BBH", kind, pause, len(frame)) + frame


TIMESTAMPS = bytes([1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 0])
SYN_OPTIONS = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])
PREFIX = bytes([3, 4, 64, 0xC0]) + struct.pack(">III", 3600, 3600, 0) + b"\x20\x01\x0d\xb8" + bytes(12)
MAC_OPTION = bytes([1, 1]) + PEER


def frame_seeds():
    data = TO_US | MENDED | RELATIVE | TAKE
    return {
        "arp": one(ethernet(0x0806, struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + PEER + PEER4 +
                            bytes(6) + OURS4)),
        "ping": one(ip4(1, struct.pack(">BBHHH", 8, 0, 0, 1, 1) + b"echo")),
        "unreachable": one(ip4(1, struct.pack(">BBHI", 3, 4, 0, 600) + ip4(6, tcp(16, 1, 1))[14:])),
        "igmp": one(ip4(2, bytes([0x11, 100, 0, 0, 0, 0, 0, 0]), to=bytes([224, 0, 0, 1]))),
        "udp": one(ip4(17, udp(5000, 53, b"question"))),
        "udp6": one(ip6(17, udp(5000, 53, b"question"))),
        "fragments": one(ip4(17, udp(5000, 53, bytes(24))[:24], place=0x2000)) +
                     one(ip4(17, bytes(8), place=3)),
        "fragments6": one(ip6(44, struct.pack(">BBHI", 17, 0, 1, 7) + udp(5000, 53, bytes(24))[:24])) +
                      one(ip6(44, struct.pack(">BBHI", 17, 0, 24, 7) + bytes(8))),
        "options4": one(ip4(17, udp(1, 53, b""), options=bytes([7, 7, 4, 0, 0, 0, 0, 0]))),
        "hop_by_hop": one(ip6(0, bytes([17, 0, 5, 2, 0, 0, 1, 0]) + udp(1, 53, b"x"))),
        "dhcp": one(dhcp(2)) + one(dhcp(5), pause=12) + one(dhcp(6), pause=14),
        "router": one(icmp6(134, struct.pack(">BBHII", 64, 0, 1800, 0, 0) + PREFIX + MAC_OPTION,
                            to=ALL_NODES, source=LINK6, hops=255), pause=13),
        "neighbour": one(icmp6(135, bytes(4) + OURS6 + MAC_OPTION, hops=255)),
        "advertisement": one(icmp6(136, b"\x60" + bytes(3) + PEER6 + bytes([2, 1]) + PEER, hops=255)),
        "mld": one(icmp6(130, bytes([0, 100, 0, 0]) + bytes(16), to=ALL_NODES, source=LINK6, hops=1)),
        "ping6": one(icmp6(128, struct.pack(">HH", 1, 1) + b"echo")),
        "too_big6": one(icmp6(2, struct.pack(">I", 1280) + ip6(6, tcp(16, 1, 1))[14:])),
        "syn": one(ip4(6, tcp(2, 9, 0, options=SYN_OPTIONS, ports=(4001, 80)))),
        "syn6": one(ip6(6, tcp(2, 9, 0, options=SYN_OPTIONS, ports=(4001, 80)))),
        "fast_open": one(ip4(6, tcp(2, 9, 0, b"data", options=bytes([34, 2, 1, 1]),
                                    ports=(4001, 80)))),
        "data": one(ip4(6, tcp(0x18, 1, 1, b"request")), data) +
                one(ip4(6, tcp(0x10, 8, 7)), data, pause=9),
        "reordered": one(ip4(6, tcp(0x18, 101, 1, bytes(100))), data | BURST) +
                     one(ip4(6, tcp(0x18, 1, 1, bytes(100))), data),
        "fin": one(ip4(6, tcp(0x11, 1, 1)), data) + one(ip4(6, tcp(0x10, 2, 8)), data, pause=15),
        "reset": one(ip4(6, tcp(4, 1, 0)), data),
        "challenge": one(ip4(6, tcp(2, 1, 0, options=SYN_OPTIONS)), data),
        "vlan": one(ethernet(0x8100, b"\0\1\x08\0" + ip4(17, udp(1, 53, b"x"))[14:])),
    }


def options_seeds():
    return {
        "syn": SYN_OPTIONS,
        "timestamps": TIMESTAMPS,
        "sack": bytes([1, 1, 5, 18]) + struct.pack(">IIII", 1, 2, 3, 4),
        "sack_and_timestamps": TIMESTAMPS + bytes([1, 1, 5, 26]) + bytes(range(24)),
        "fast_open": bytes([34, 10]) + bytes(8) + bytes([0, 0]),
        "unknown": bytes([30, 4, 0, 0, 254, 6, 0, 0, 0, 0]),
        "cut": bytes([8, 10, 0, 0]),
    }


def send(side, n):
    return bytes([side << 7 | 8]) + struct.pack(">H", n)


def on(side, op, *values):
    return bytes([side << 7 | op, *values])


def all_arrive():
    return on(0, 13)


def wait(step):
    return on(0, 12, step)


def segments_seeds():
    """flags, congestion, links, clock, whether the handshake is undisturbed; then steps."""
    def case(*steps, flags=0, more=0, links=0, clock=0, handshake=1):
        return bytes([flags, more, links]) + struct.pack(">H", clock) + bytes([handshake]) + \
            b"".join(steps)

    both = [send(0, 5000), send(1, 3000), all_arrive(), on(0, 9, 1), on(1, 9, 1)]
    end = [on(0, 10, 0), on(1, 10, 0), all_arrive()]
    seeds = {
        "exchange": case(*both, *end),
        "exchange6": case(*both, *end, flags=1),
        "close": case(send(0, 100), on(0, 11, 0), all_arrive(), on(1, 11, 0), all_arrive()),
        "abort": case(send(0, 100), on(0, 15, 0), all_arrive()),
        "lost_syn": case(on(0, 3, 0), wait(12), all_arrive(), *both, handshake=0),
        "lost_handshake": case(on(0, 0, 0), on(1, 3, 0), wait(12), all_arrive(), *both, handshake=0),
        "loss": case(send(0, 30000), on(0, 3, 1), all_arrive(), wait(8), all_arrive(), *end),
        "tail_loss": case(send(0, 3000), on(0, 0, 1), on(0, 3, 0), wait(10), all_arrive(), *end),
        "timeout": case(send(0, 9000), *[on(0, 3, 0)] * 8, wait(12), all_arrive(), wait(13), *end),
        "reordering": case(send(0, 14000), *[on(0, 2, 7)] * 4, all_arrive(), *end),
        "duplicates": case(send(0, 9000), *[on(0, 4, 2)] * 4, all_arrive(), *end),
        "corruption": case(send(0, 9000), on(0, 5, 1, 0, 40, 16), all_arrive(), *end),
        "altered": case(send(0, 9000), on(0, 6, 1, 0, 7, 16), all_arrive(), *end),
        "forged_reset": case(*both, on(0, 7, 4, 0, 0, 0, 0, 0, 0), all_arrive()),
        "forged_data": case(*both, on(0, 7, 16, 100, 0, 0, 200, 0, 0), all_arrive(), *end),
        "forged_sack": case(send(0, 30000), all_arrive(), send(0, 9000), *[on(0, 3, 0)] * 2,
                            on(1, 7, 16, 0, 2, 0, 0, 0, 0, 0, 0, 5, 180), wait(10), all_arrive(), *end),
        "forged_window": case(send(0, 30000), on(1, 7, 16, 0, 1, 0, 0, 0, 0, 0, 0), wait(10),
                              all_arrive(), wait(12), all_arrive(), *end),
        "closed_window": case(send(0, 60000), all_arrive(), wait(11), all_arrive(), wait(13),
                              all_arrive(), on(1, 9, 1), all_arrive(), *end, flags=16),
        "delayed_ack": case(send(0, 10), all_arrive(), wait(7), all_arrive(), send(0, 10), wait(10)),
        "keepalive": case(*both, wait(15), all_arrive(), flags=64),
        "options": case(on(0, 14, 255), *both, on(1, 14, 0), *both),
    }
    for congestion in (0, 1, 2):
        for offload in (0, 4):
            seeds[f"bulk_{congestion}_{offload}"] = case(
                *[send(0, 40000), all_arrive(), on(1, 9, 1), wait(8), on(0, 3, 9)] * 4, *end,
                more=congestion, links=offload, flags=4)
    for cookies in (1, 2):
        seeds[f"cookies_{cookies}"] = case(*both, *end, links=cookies << 4)
    seeds["fast_open"] = case(*both, flags=8)
    return seeds


def udp_fragments_seeds():
    def piece(total, offset, length, more, ip6=0, ident=0, pause=None, other=0):
        flags = ip6 | more << 1 | other << 2 | ident << 3 | (pause is not None) << 5 | 0xC0
        time = b"" if pause is None else bytes([pause])
        return bytes([flags]) + time + struct.pack(">HHH", total, offset // 8, length)

    seeds = {}
    for ip6 in (0, 1):
        a = piece(3000, 0, 1400, 1, ip6)
        b = piece(3000, 1400, 1400, 1, ip6)
        c = piece(3000, 2800, 200, 0, ip6)
        seeds[f"in_order_{ip6}"] = a + b + c
        seeds[f"reversed_{ip6}"] = c + b + a
        seeds[f"overlap_{ip6}"] = a + piece(3000, 1000, 1400, 1, ip6) + b + c
        seeds[f"twice_{ip6}"] = a + a + b + b + c + c
        seeds[f"late_{ip6}"] = a + b + piece(3000, 2800, 200, 0, ip6, pause=15)
        seeds[f"mixed_{ip6}"] = a + piece(100, 0, 48, 1, ip6, 1) + b + piece(100, 48, 52, 0, ip6, 1) + c
        seeds[f"beyond_{ip6}"] = a + piece(65535, 65528, 1400, 0, ip6)
        seeds[f"atomic_{ip6}"] = piece(100, 0, 100, 0, ip6)
    return seeds


def api_seeds():
    """Calls: which one, for which end, and its operands; handles count back from the newest."""
    def call(end, family, op, *operands):
        return bytes([132 * end + family, op, *operands])

    def run(pause=9):
        return call(0, 10, 13 + pause if pause > 2 else 26 + pause)

    def bind(kind=2):
        return call(1, 0, kind, 128, 128, 0, 0)

    def connect(kind=0, address=0):
        return call(0, 0, kind, address, 128, 0, 0)

    accept, both, opened = call(1, 1, 0, 0), (1, 3), bind() + connect() + run()
    read, write, close, dispose = (3, 0), (4, 0), (5, 0), (5, 3)
    pair = opened + call(1, 1, 0, 1) + call(0, *both, 2) + call(1, *both, 4)
    seeds = {
        "refused": connect() + run() + call(0, 6, 0, 0),
        "accepted": opened + accept + run(),
        "talk": pair + call(0, *write, 4, 5) + run() + call(1, *read, 1, 7) + run() +
                call(0, *close, 2, 0) + run() + call(1, *close, 1, 0) + run(),
        "datagrams": bind(3) + connect(4) + call(0, 7, 1, 0, *[4, 4, 0] * 4) + run() +
                     call(1, 7, 0, 1, *[4, 4, 0] * 4),
        "stale": opened + call(0, *dispose, 0, 0) * 2 + b"".join(
            call(0, family, op, 0, 1, 1) for family in range(1, 9) for op in range(9)),
        "callbacks": opened + call(0, 8, 0, 0, 3, 255) + call(0, 8, 1, 0) + call(0, 8, 2, 0) + run() +
                     call(0, *close, 0, 0) + run(),
        "whole": pair + call(0, *write, 4, 5) + run() + b"".join(
            call(1, 9, op, 1, 0, 0, 3, 4) for op in range(8)) + run(),
        "own_channel": call(0, 0, 5, 0, 0, 0, 0, 10) + call(0, *write, 0, 4) + call(0, *read, 0, 4),
    }
    for way in (2, 4, 5, 6, 7):  # abort, close, cancel of channels, dispose, job
        seeds[f"end_{way}"] = pair + call(0, *write, 4, 9) + run(3) + b"".join(
            call(end, 5, way, handle, cause) for end in (0, 1) for handle in (0, 1, 2)
            for cause in (0, 1))
    return seeds


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, seeds in (("frame", frame_seeds()), ("options", options_seeds()),
                          ("segments", segments_seeds()), ("udp_fragments", udp_fragments_seeds()),
                          ("api", api_seeds())):
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, bytes_ in seeds.items():
            (folder / name).write_bytes(bytes_)


main()
