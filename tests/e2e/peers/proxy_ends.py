# SPDX-License-Identifier: BSD-3-Clause
"""usage: proxy_ends.py ADDRESS PORT BACKEND_PORT LIMIT

Client and backend of a proxy at once: what the one does must reach the other. LIMIT is how many
clients the proxy joins at the same time. It resets those that are idle for 2 seconds.
"""

import contextlib
import select
import socket
import struct
import sys
import time

import pattern

LENGTH = 1_000_000
BODY = b"".join(pattern.chunks(LENGTH))
IDLE = 2


class Proxy:
    def __init__(self, host, port, backend_port):
        self.host, self.port = host, port
        self.listener = socket.create_server(("::", backend_port), family=socket.AF_INET6,
                                             dualstack_ipv6=True, backlog=128)

    def client(self):
        return socket.create_connection((self.host, self.port), timeout=10)

    def backend(self, patience=10):
        self.listener.settimeout(patience)
        connection, _ = self.listener.accept()
        connection.settimeout(10)
        return connection

    @contextlib.contextmanager
    def joined(self):
        with self.client() as client, self.backend() as backend:
            yield client, backend


def read_to_end(connection):
    got = bytearray()
    while part := connection.recv(1 << 20):
        got += part
    return bytes(got)


def reset(connection):
    """Closing with a linger time of 0 sends RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def expect_reset(connection):
    """It may come behind some bytes, but never behind an end of the stream."""
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("the stream looks complete")


def send_while_possible(connection):
    """How many bytes go out while the other side reads none."""
    sent = 0
    connection.setblocking(False)
    while select.select([], [connection], [], 1)[1]:
        sent += connection.send(BODY)
    connection.settimeout(10)
    return sent


def half_close(first, second):
    first.sendall(BODY)
    first.shutdown(socket.SHUT_WR)
    assert read_to_end(second) == BODY, "first direction"
    second.sendall(BODY)
    second.shutdown(socket.SHUT_WR)
    assert read_to_end(first) == BODY, "second direction"


def half_close_by_client(proxy):
    with proxy.joined() as (client, backend):
        half_close(client, backend)


def half_close_by_backend(proxy):
    with proxy.joined() as (client, backend):
        half_close(backend, client)


def end_without_a_byte(proxy):
    with proxy.joined() as (client, backend):
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(backend) == b""
        backend.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""


def reset_by_client(proxy):
    with proxy.joined() as (client, backend):
        client.sendall(b"x")
        assert backend.recv(1) == b"x"
        reset(client)
        expect_reset(backend)


def reset_by_backend(proxy):
    with proxy.joined() as (client, backend):
        backend.sendall(b"x")
        assert client.recv(1) == b"x"
        reset(backend)
        expect_reset(client)


def reset_with_bytes_on_the_way(proxy):
    with proxy.joined() as (client, backend):
        send_while_possible(client)
        reset(client)
        expect_reset(backend)


def slow_receiver_slows_the_sender(proxy):
    with proxy.joined() as (client, backend):
        sent = send_while_possible(client)
        assert sent < 32 << 20, f"{sent} bytes were taken that nobody reads"
        client.shutdown(socket.SHUT_WR)
        got = len(read_to_end(backend))
        assert got == sent, f"{got} of {sent} bytes"


def idle_is_reset_and_busy_is_not(proxy):
    with proxy.joined() as (idle, idle_backend), proxy.joined() as (busy, busy_backend):
        begun = time.monotonic()
        while time.monotonic() - begun < 1.6 * IDLE:
            busy.sendall(b"x")
            assert busy_backend.recv(1) == b"x"
            time.sleep(IDLE / 8)
        idle.settimeout(0.1)
        expect_reset(idle)
        expect_reset(idle_backend)


def more_than_the_limit_wait(proxy, limit):
    clients = [proxy.client() for _ in range(limit + 1)]
    backends = []
    with contextlib.suppress(TimeoutError):
        while True:
            backends.append(proxy.backend(patience=0.5))
    assert 0 < len(backends) <= limit, f"{len(backends)} joined, the limit is {limit}"
    for connection in clients + backends:
        connection.close()
    for _ in range(limit + 1 - len(backends)):
        proxy.backend().close()


TESTS = [half_close_by_client, half_close_by_backend, end_without_a_byte, reset_by_client,
         reset_by_backend, reset_with_bytes_on_the_way, slow_receiver_slows_the_sender,
         idle_is_reset_and_busy_is_not]


def main():
    proxy = Proxy(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    for test in TESTS:
        test(proxy)
        print(f"ok: {test.__name__}", flush=True)
    more_than_the_limit_wait(proxy, int(sys.argv[4]))
    print("ok: more_than_the_limit_wait")


main()
