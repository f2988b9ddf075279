# SPDX-License-Identifier: BSD-3-Clause
"""usage: held_connection.py ADDRESS PORT FIFO

Opens a connection, fetches once, says "open", and waits for a line in FIFO. Then it expects the
connection to be over: the end of the stream, a reset, or a reset in answer to a new request.
"""

import socket
import sys


def main():
    host, port, fifo = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    request = b"GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    connection = socket.create_connection((host, port), timeout=30)
    connection.sendall(request)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    print("open", flush=True)
    with open(fifo, encoding="ascii") as go:
        go.readline()
    try:
        connection.sendall(request)
        answer = connection.recv(65536)
        assert answer == b"", f"still answered: {answer[:80]!r}"
        print("ended")
    except (ConnectionResetError, BrokenPipeError) as error:
        print(f"reset: {error}")


main()
