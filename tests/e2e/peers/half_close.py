# SPDX-License-Identifier: BSD-3-Clause
"""usage: half_close.py ADDRESS PORT    (of an echo server)

Sends, ends its own direction at once, and expects everything back, then the end of the stream.
With nothing sent, the end of the stream alone.
"""

import socket
import sys
import threading

import pattern


def send_and_half_close(connection, length):
    for chunk in pattern.chunks(length):
        connection.sendall(chunk)
    connection.shutdown(socket.SHUT_WR)


def echo(host, port, length):
    got = bytearray()
    with socket.create_connection((host, port), timeout=30) as connection:
        sender = threading.Thread(target=send_and_half_close, args=(connection, length), daemon=True)
        sender.start()
        while part := connection.recv(1 << 20):
            got += part
        sender.join()
    assert got == b"".join(pattern.chunks(length)), f"{len(got)} of {length} bytes came back right"
    print(f"ok: {length} bytes came back after the half close, then the end")


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for length in (0, 1, 1460, 100_000, 20_000_000):
        echo(host, port, length)


main()
