# SPDX-License-Identifier: BSD-3-Clause
"""usage: pipelined.py ADDRESS PORT COUNT

Sends COUNT requests for bodies of different sizes without waiting for answers, on one connection,
and checks that the answers come complete and in order.
"""

import socket
import sys
import threading

import pattern


def size_of(index):
    return index * 37 % 5000


def send_all(connection, host, count):
    for index in range(count):
        last = "Connection: close\r\n" if index == count - 1 else ""
        request = f"GET /bytes/{size_of(index)} HTTP/1.1\r\nHost: {host}\r\n{last}\r\n"
        connection.sendall(request.encode())


def read_answer(stream, index):
    status = stream.readline()
    assert status.startswith(b"HTTP/1.1 200"), f"answer {index}: {status!r}"
    length = None
    for line in iter(stream.readline, b"\r\n"):
        assert line, f"answer {index}: ended within its headers"
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    assert length == size_of(index), f"answer {index}: {length} bytes, expected {size_of(index)}"
    body = stream.read(length)
    assert body == b"".join(pattern.chunks(length)), f"answer {index}: wrong bytes"


def main():
    host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with socket.create_connection((host, port), timeout=30) as connection:
        sender = threading.Thread(target=send_all, args=(connection, host, count), daemon=True)
        sender.start()
        stream = connection.makefile("rb")
        for index in range(count):
            read_answer(stream, index)
        assert stream.read(1) == b"", "bytes behind the last answer"
    print(f"ok: {count} pipelined answers")


main()
