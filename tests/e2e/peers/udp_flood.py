# SPDX-License-Identifier: BSD-3-Clause
"""usage: udp_flood.py ADDRESS PORT COUNT SIZE

Sends COUNT numbered datagrams of SIZE bytes to an echo server, at most WINDOW of them unanswered
at any time, and prints how many came back and how many were lost. A datagram that comes back twice
or changed is a failure.
"""

import socket
import sys
import time

WINDOW = 128
SILENCE = 0.5  # seconds without an answer after which what is under way counts as lost


def payload(number, size):
    return number.to_bytes(4, "big") * (size // 4)


def receive(connection, size, seen):
    """One answer; False when none came in time."""
    try:
        got = connection.recv(1 << 16)
    except (TimeoutError, BlockingIOError):
        return False
    number = int.from_bytes(got[:4], "big")
    assert got == payload(number, size), f"datagram {number} came back changed"
    assert number < len(seen) and not seen[number], f"datagram {number} came back twice"
    seen[number] = 1
    return True


def flood(connection, count, size):
    seen = bytearray(count)
    received = gave_up = 0
    for number in range(count):
        connection.send(payload(number, size))
        while number + 1 - received - gave_up >= WINDOW:
            if receive(connection, size, seen):
                received += 1
            else:
                gave_up = number + 1 - received
    while received + gave_up < count and receive(connection, size, seen):
        received += 1
    return sum(seen)


def main():
    host, port, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        connection.settimeout(SILENCE)
        connection.connect((host, port))
        begun = time.monotonic()
        received = flood(connection, count, size)
        seconds = time.monotonic() - begun
    print(f"sent {count}\nreceived {received}\nlost {count - received}")
    print(f"{count / seconds:.0f} datagrams/s")


main()
