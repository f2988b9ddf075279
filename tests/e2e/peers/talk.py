# SPDX-License-Identifier: BSD-3-Clause
"""usage: talk.py HOST PORT [udp]

Sends standard input, ends that direction, and writes what comes back: over TCP until the end, over
UDP one datagram.
"""
import socket
import sys
import threading

host, port = sys.argv[1], int(sys.argv[2])
data = sys.stdin.buffer.read()
if sys.argv[3:] == ["udp"]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.sendto(data, (host, port))
        sys.stdout.buffer.write(s.recv(65535))
else:
    with socket.create_connection((host, port), timeout=10) as s:

        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while part := s.recv(65536):
            sys.stdout.buffer.write(part)
        sender.join()
