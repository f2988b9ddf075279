# SPDX-License-Identifier: BSD-3-Clause
"""usage: proxy_ends.py ADDRESS PORT BACKEND_PORT LIMIT [CERTIFICATE]

Client and backend of a proxy at once: what the one does must reach the other. LIMIT is how many
clients the proxy joins at the same time; with a CERTIFICATE clients speak TLS, and LIMIT are more than
may shake hands. It resets those that are idle for 2 seconds, or shake hands for 1.
"""

import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
import time

import pattern

LENGTH = 1_000_000
BODY = b"".join(pattern.chunks(LENGTH))
IDLE = 2
HANDSHAKE = 1


class Secure:
    """A client over TLS that ends as a socket does: shutdown() sends close_notify and FIN."""

    def __init__(self, raw, context, host):
        self.raw, self.unsent = raw, b""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.wait_for(self.tls.do_handshake)
        self.fileno, self.setblocking, self.settimeout = raw.fileno, raw.setblocking, raw.settimeout
        self.setsockopt, self.close = raw.setsockopt, raw.close

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def flush(self):
        self.unsent += self.outgoing.read()
        while self.unsent:
            try:
                self.unsent = self.unsent[self.raw.send(self.unsent):]
            except BlockingIOError:
                return

    def wait_for(self, step, *arguments):
        while True:
            try:
                result = step(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
            if part := self.raw.recv(1 << 16):
                self.incoming.write(part)
            else:
                self.incoming.write_eof()

    def recv(self, most):
        try:
            return self.wait_for(self.tls.read, most)
        except ssl.SSLZeroReturnError:
            return b""

    def send(self, data):
        if not self.unsent:
            data = data[:1 << 14]
            self.wait_for(self.tls.write, data)
            return len(data)
        self.flush()
        return 0

    def sendall(self, data):
        while data:
            data = data[self.send(data):]

    def shutdown(self, how):
        with contextlib.suppress(ssl.SSLWantReadError): # for the other side's close_notify
            self.tls.unwrap()
        self.flush()
        self.raw.shutdown(how)


class Proxy:
    def __init__(self, host, port, backend_port, certificate):
        self.host, self.port, self.patience = host, port, 10
        self.context = ssl.create_default_context(cafile=certificate) if certificate else None
        self.listener = socket.create_server(("::", backend_port), family=socket.AF_INET6,
                                             dualstack_ipv6=True, backlog=128)

    def raw_client(self):
        return socket.create_connection((self.host, self.port), timeout=self.patience)

    def client(self):
        raw = self.raw_client()
        return Secure(raw, self.context, self.host) if self.context else raw

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
    except (ConnectionResetError, ssl.SSLEOFError):
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
        ending = threading.Thread(target=client.shutdown, args=[socket.SHUT_WR])
        ending.start()
        got = len(read_to_end(backend))
        ending.join()
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
    clients = [proxy.raw_client() for _ in range(limit + 1)]
    backends = []
    with contextlib.suppress(TimeoutError):
        while True:
            backends.append(proxy.backend(patience=0.5))
    assert 0 < len(backends) <= limit, f"{len(backends)} joined, the limit is {limit}"
    for connection in clients + backends:
        connection.close()
    for _ in range(limit + 1 - len(backends)):
        proxy.backend().close()


def fin_without_close_notify_is_no_end(proxy):
    with proxy.joined() as (client, backend):
        client.sendall(b"x")
        assert backend.recv(1) == b"x"
        client.raw.shutdown(socket.SHUT_WR)
        expect_reset(backend)


def more_handshakes_than_the_limit_wait(proxy, limit):
    begun = time.monotonic()
    silent = [proxy.raw_client() for _ in range(limit)]
    proxy.patience = 30 # until all of them had their time, one after the other
    with proxy.joined() as (client, backend):
        half_close(client, backend)
        waited = time.monotonic() - begun
    assert waited > 0.8 * HANDSHAKE, f"served after {waited} s, beside {limit} that shake hands"
    for connection in silent:
        expect_reset(connection)
        connection.close()


def who_speaks_no_tls_gets_no_backend(proxy):
    with proxy.raw_client() as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1000)[:1] in (b"", b"\x15"), "neither an alert nor an end"
    with contextlib.suppress(TimeoutError):
        proxy.backend(patience=0.5).close()
        raise AssertionError("joined to a backend")


TESTS = [half_close_by_client, half_close_by_backend, end_without_a_byte, reset_by_client,
         reset_by_backend, reset_with_bytes_on_the_way, slow_receiver_slows_the_sender,
         idle_is_reset_and_busy_is_not]
TLS_TESTS = [fin_without_close_notify_is_no_end, who_speaks_no_tls_gets_no_backend]


def main():
    certificate = sys.argv[5] if len(sys.argv) > 5 else None
    proxy = Proxy(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), certificate)
    for test in TESTS + (TLS_TESTS if certificate else []):
        test(proxy)
        print(f"ok: {test.__name__}", flush=True)
    limits = more_handshakes_than_the_limit_wait if certificate else more_than_the_limit_wait
    limits(proxy, int(sys.argv[4]))
    print(f"ok: {limits.__name__}")


main()
