# SPDX-License-Identifier: BSD-3-Clause
"""usage: resets.py ADDRESS PORT COUNT

COUNT connections that end with RST, at different points of a request.
"""

import socket
import struct
import sys


def reset(connection):
    """Closing with a linger time of 0 sends RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def main():
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for index in range(count):
        connection = socket.create_connection((host, port), timeout=10)
        if index % 3 >= 1:
            connection.sendall(f"GET /bytes/1000000000 HTTP/1.1\r\nHost: {host}\r\n".encode())
        if index % 3 == 2:
            connection.sendall(b"\r\n")
            assert connection.recv(1000), f"{index}: no answer"
        reset(connection)
    print(f"ok: {count} connections reset")


main()
