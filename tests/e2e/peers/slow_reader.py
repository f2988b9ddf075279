# SPDX-License-Identifier: BSD-3-Clause
"""usage: slow_reader.py ADDRESS PORT LENGTH

Fetches /bytes/LENGTH with a small receive buffer and pauses in which it reads nothing: long ones,
so that the window closes and is probed, then many short ones.
"""

import hashlib
import socket
import sys
import time

import pattern

PAUSES = {0: 3.0, 1 << 20: 2.0}  # seconds, by how many bytes were read


def window_is_closed(connection):
    """The kernel holds unread bytes, and no more come."""
    connection.setblocking(False)
    first = len(connection.recv(1 << 24, socket.MSG_PEEK))
    time.sleep(0.3)
    second = len(connection.recv(1 << 24, socket.MSG_PEEK))
    connection.settimeout(30)
    return first > 0 and first == second


def skip_headers(connection):
    headers = b""
    while not headers.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, "ended within the headers"
        headers += byte
    assert headers.startswith(b"HTTP/1.1 200"), headers


def read_slowly(connection, length):
    digest = hashlib.sha256()
    read = 0
    pauses = dict(PAUSES)
    while read < length:
        due = [at for at in pauses if at <= read]
        for at in due:
            time.sleep(pauses.pop(at))
            assert window_is_closed(connection), f"bytes still come after a pause at {read}"
        part = connection.recv(65536)
        assert part, f"ended after {read} of {length} bytes"
        digest.update(part)
        read += len(part)
        if read % 64 == 0:
            time.sleep(0.001)
    return digest.hexdigest()


def main():
    host, port, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
        connection.settimeout(30)
        connection.connect((host, port))
        request = f"GET /bytes/{length} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        skip_headers(connection)
        got = read_slowly(connection, length)
        assert connection.recv(1) == b"", "bytes behind the body"
    assert got == pattern.sha256(length), "wrong bytes"
    print(f"ok: {length} bytes read slowly")


main()
