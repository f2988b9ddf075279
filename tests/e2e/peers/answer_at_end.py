# SPDX-License-Identifier: BSD-3-Clause
"""usage: answer_at_end.py PORT

A server that reads until the client ends its direction, and only then sends all of it back.
"""

import socket
import sys


def main():
    with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                got = bytearray()
                while part := connection.recv(1 << 20):
                    got += part
                print(f"answering {len(got)} bytes", flush=True)
                connection.sendall(got)


main()
