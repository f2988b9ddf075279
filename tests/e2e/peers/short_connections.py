# SPDX-License-Identifier: BSD-3-Clause
"""usage: short_connections.py ADDRESS PORT COUNT

COUNT connections one after the other, a request each. Every other one asks the server to close
first; on the rest the client does.
"""

import socket
import sys
import time

import pattern

BODY = b"".join(pattern.chunks(100))


def fetch(host, port, server_closes):
    header = "Connection: close\r\n" if server_closes else ""
    request = f"GET /bytes/100 HTTP/1.1\r\nHost: {host}\r\n{header}\r\n".encode()
    answer = b""
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(request)
        while server_closes or not answer.endswith(BODY):
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    return answer


def main():
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    slowest = 0.0
    begun = time.monotonic()
    for index in range(count):
        start = time.monotonic()
        answer = fetch(host, port, index % 2 == 0)
        slowest = max(slowest, time.monotonic() - start)
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(BODY), f"{index}: {answer!r}"
    seconds = time.monotonic() - begun
    print(f"ok: {count} connections in {seconds:.1f} s, the slowest took {slowest * 1000:.0f} ms")


main()
