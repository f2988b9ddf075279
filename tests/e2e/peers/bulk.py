# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's end of a bulk transfer, as tests/bench/bulk.c is ours.

usage: bulk.py serve CONTROL               port 5001 sends without end to whoever connects
       bulk.py get HOST SECONDS            connects there; prints the bits per second that came
       bulk.py put HOST SECONDS CONTROL    sends to port 5002 for that long, which counts

CONTROL is what Linux calls the congestion control. Of bbr, serve tells the version first.
"""

import socket
import struct
import sys
import threading
import time

CHUNK = bytes(65536)
TCP_INFO_TOTAL_RETRANS = 100  # offset in struct tcp_info
TCP_CC_INFO = 26  # socket option, not in Python's module
BBR_INFO_VERSION = 39  # offset in struct tcp_bbr_info from version 3 on; it is shorter in version 1


def choose(sock, control):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())


def bbr_version(sock):
    info = sock.getsockopt(socket.IPPROTO_TCP, TCP_CC_INFO, 64)
    return info[BBR_INFO_VERSION] if len(info) > BBR_INFO_VERSION else 1


def send_for(sock, seconds):
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            sock.send(CHUNK)
    except OSError:
        pass  # the other end has had enough
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    print("retransmits", struct.unpack_from("I", info, TCP_INFO_TOTAL_RETRANS)[0], flush=True)
    sock.close()


def serve(control):
    with socket.create_server(("", 5001)) as listener:
        choose(listener, control)
        if control == "bbr":
            print("bbr_version", bbr_version(listener))
        print("bulk: ready", flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=send_for, args=(sock, 1e9), daemon=True).start()


def get(host, seconds):
    begun, received = time.monotonic(), 0
    with socket.create_connection((host, 5001)) as sock:
        while time.monotonic() < begun + seconds:
            received += len(sock.recv(1 << 20))
    print("bits_per_s", int(received * 8 / (time.monotonic() - begun)))


def put(host, seconds, control):
    sock = socket.socket()
    choose(sock, control)
    sock.connect((host, 5002))
    send_for(sock, seconds)


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "serve":
        serve(words[0])
    elif command == "get":
        get(words[0], float(words[1]))
    else:
        put(words[0], float(words[1]), words[2])
