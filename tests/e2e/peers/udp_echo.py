# SPDX-License-Identifier: BSD-3-Clause
"""usage: udp_echo.py ADDRESS PORT SIZE...

Sends a datagram of each size and expects the same bytes back; three tries for each, since UDP may
lose one.
"""

import socket
import sys

import pattern


def echo(connection, size):
    payload = b"".join(pattern.chunks(size))
    for _ in range(3):
        connection.send(payload)
        try:
            got = connection.recv(1 << 17)
        except TimeoutError:
            print(f"{size} bytes: nothing came back in time, once more")
            continue
        assert got == payload, f"{size} bytes: {len(got)} wrong bytes came back"
        return
    raise AssertionError(f"{size} bytes: nothing came back")


def main():
    host, port, sizes = sys.argv[1], int(sys.argv[2]), [int(a) for a in sys.argv[3:]]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.settimeout(3)
        connection.connect((host, port))
        for size in sizes:
            echo(connection, size)
            print(f"ok: {size} bytes came back")


main()
