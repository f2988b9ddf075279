# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's end of tests/e2e/opener.c.

usage: opens.py serve PORT [fast_open]                      sends back what comes
       opens.py fetch HOST PORT BYTES COUNT [fast_open]     COUNT connections, one after the other

Of each connection it prints what the kernel says was settled, as opener.c does.
"""

import socket
import sys
import threading

import pattern

FAST_OPEN_BACKLOG = 16
# Bits of tcpi_options in struct tcp_info, in the order in which opener.c names them.
OPTIONS = (("ts", 1), ("sack", 2), ("ecn", 8), ("syn_data", 32))


def tell(connection):
    """struct tcp_info: six bytes, of which the last holds the options, then both scales."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    options, scales = info[5], info[6]
    words = [name for name, bit in OPTIONS if options & bit]
    print("opened: wscale", scales & 15, scales >> 4, *words, flush=True)


def echo(connection):
    with connection:
        while part := connection.recv(1 << 18):
            connection.sendall(part)
        tell(connection)


def serve(port, fast_open):
    with socket.create_server(("::", port), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        if fast_open:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, FAST_OPEN_BACKLOG)
        print("listening", flush=True)
        while True:
            threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()


def open_with_data(host, port, data):
    """Connects; returns the connection and what the kernel took of the data for its SYN."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    connection = socket.socket(family, kind, proto)
    sent = connection.sendto(data, socket.MSG_FASTOPEN, address)
    connection.settimeout(60)
    return connection, sent


def send_rest(connection, length, sent):
    for chunk in pattern.chunks(length):
        if sent < len(chunk):
            connection.sendall(chunk[sent:])
        sent = max(0, sent - len(chunk))
    connection.shutdown(socket.SHUT_WR)


def fetch(host, port, length, fast_open):
    if fast_open:
        connection, sent = open_with_data(host, port, next(pattern.chunks(length)))
    else:
        connection, sent = socket.create_connection((host, port), timeout=60), 0
    got = bytearray()
    with connection:
        sender = threading.Thread(target=send_rest, args=(connection, length, sent), daemon=True)
        sender.start()
        while part := connection.recv(1 << 20):
            got += part
        sender.join()
        tell(connection)
    assert got == b"".join(pattern.chunks(length)), f"{len(got)} of {length} bytes came back right"


def main():
    command, *words = sys.argv[1:]
    fast_open = words[-1] == "fast_open"
    if command == "serve":
        serve(int(words[0]), fast_open)
        return
    for _ in range(int(words[3])):
        fetch(words[0], int(words[1]), int(words[2]), fast_open)


main()
