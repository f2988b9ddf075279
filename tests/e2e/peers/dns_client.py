# SPDX-License-Identifier: BSD-3-Clause
"""usage: dns_client.py ADDRESS PORT LIMIT

What dig does not do to a DNS server: messages that are none, many at once on one connection,
connections that do nothing. LIMIT is how many connections the server holds at the same time; it
closes those without a message for 3 seconds.
"""

import contextlib
import socket
import struct
import sys
import time

HOST, PORT, LIMIT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
FORMERR, NOTIMP = 1, 4
IDLE = 3
MANY = b"\4more\7example\0"  # a name with 8,000 bytes of addresses


def query(ident, name=b"\3www\7example\0"):
    return struct.pack(">6H", ident, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)


def framed(message):
    return struct.pack(">H", len(message)) + message


def code(message):
    return message[3] & 15


def connect():
    return socket.create_connection((HOST, PORT), timeout=10)


def read(connection, length):
    got = b""
    while len(got) < length:
        part = connection.recv(length - len(got))
        assert part, f"the end after {len(got)} of {length} bytes"
        got += part
    return got


def read_message(connection):
    return read(connection, struct.unpack(">H", read(connection, 2))[0])


def expect_answer(message, ident):
    assert struct.unpack(">H", message[:2])[0] == ident, f"an answer to another than {ident}"
    assert message[2] & 0x80 and code(message) == 0 and message[7] == 2, message[:12].hex()


def is_over(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def datagrams_that_are_no_question():
    family = socket.AF_INET6 if ":" in HOST else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((HOST, PORT))
        for ident, (body, wanted) in enumerate([
                (query(0)[2:20], FORMERR), (b"\1\0\0\1" + bytes(6) + b"\xc0\x0c\0\1\0\1", FORMERR),
                (b"\1\0" + bytes(8), FORMERR), (b"\x21\0" + bytes(8), NOTIMP),
                (b"\1\0" + b"\xff" * 5000, FORMERR)]):
            sock.send(struct.pack(">H", ident) + body)
            answer = sock.recv(65535)
            assert answer[:2] == struct.pack(">H", ident) and code(answer) == wanted, answer.hex()
        for silent in (b"", b"x" * 11, query(1)[:2] + b"\x81" + query(1)[3:]):
            sock.send(silent)
        sock.send(query(7))
        expect_answer(sock.recv(65535), 7)


def many_at_once_are_answered_in_order():
    with connect() as connection:
        connection.sendall(b"".join(framed(query(ident)) for ident in range(5000)))
        connection.shutdown(socket.SHUT_WR)
        for ident in range(5000):
            expect_answer(read_message(connection), ident)
        assert is_over(connection)


def answers_are_kept_for_a_slow_reader():
    with connect() as connection:
        connection.sendall(framed(query(1, MANY)) * 500)
        time.sleep(0.3)
        for _ in range(500):
            assert code(read_message(connection)) == 0


def answers_nobody_reads_stop_the_questions():
    questions = framed(query(1, MANY)) * 1000
    sent, quiet = 0, time.monotonic()
    with connect() as connection:
        connection.setblocking(False)
        while time.monotonic() - quiet < 0.3:
            with contextlib.suppress(BlockingIOError):
                sent, quiet = sent + connection.send(questions), time.monotonic()
                assert sent < 64 << 20, "it takes questions without end"


def question_in_single_bytes():
    with connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed(query(9)):
            connection.send(bytes([byte]))
            time.sleep(0.005)
        expect_answer(read_message(connection), 9)


def lengths_that_cannot_be_end_the_connection():
    for length in (0, 11, 4097, 65535):
        with connect() as connection:
            connection.sendall(struct.pack(">H", length))
            assert is_over(connection)


def malformed_question_is_answered_and_the_next_one_too():
    with connect() as connection:
        connection.sendall(framed(query(1)[:20]) + framed(query(2)))
        assert code(read_message(connection)) == FORMERR
        expect_answer(read_message(connection), 2)


def idle_connections_are_closed():
    with connect() as silent, connect() as dripping, connect() as busy:
        begun = time.monotonic()
        question = framed(query(3))
        for byte in question[:12]:
            with contextlib.suppress(ConnectionError):
                dripping.send(bytes([byte]))
            busy.sendall(question)
            expect_answer(read_message(busy), 3)
            time.sleep(1.5 * IDLE / 12)
        for connection in (silent, dripping):
            connection.settimeout(0.1)
            assert is_over(connection)
        assert time.monotonic() - begun < 3 * IDLE


def more_than_the_limit_wait():
    connections = [connect() for _ in range(LIMIT + 1)]
    answered = 0
    for connection in connections:
        connection.sendall(framed(query(5)))
        connection.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            read_message(connection)
            answered += 1
    assert 0 < answered <= LIMIT, f"{answered} were served, the limit is {LIMIT}"
    for connection in connections:
        connection.close()


for test in (datagrams_that_are_no_question, many_at_once_are_answered_in_order,
             answers_are_kept_for_a_slow_reader, answers_nobody_reads_stop_the_questions,
             question_in_single_bytes, lengths_that_cannot_be_end_the_connection,
             malformed_question_is_answered_and_the_next_one_too, idle_connections_are_closed,
             more_than_the_limit_wait):
    test()
    print(f"ok: {test.__name__}", flush=True)
