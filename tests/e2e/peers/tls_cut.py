# SPDX-License-Identifier: BSD-3-Clause
"""usage: tls_cut.py PORT CERTIFICATE KEY

Answers a request over TLS with a body of no stated length, and ends the connection without
close_notify.
"""

import socket
import ssl
import sys


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        print("listening", flush=True)
        connection, _ = server.accept()
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")


main()
