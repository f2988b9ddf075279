# SPDX-License-Identifier: BSD-3-Clause
"""usage: http_server.py PORT

Serves GET /bytes/N like rws-httpd, and answers PUT with "LENGTH SHA256" of what it got. GET /drip is
a byte every half second, for ever.
"""

import hashlib
import http.server
import socket
import sys
import time

import pattern


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def drip(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b".")
            time.sleep(0.5)

    def do_GET(self):
        if self.path == "/drip":
            self.drip()
        if not self.path.startswith("/bytes/"):
            self.send_error(404)
            return
        length = int(self.path.removeprefix("/bytes/"))
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        for chunk in pattern.chunks(length):
            self.wfile.write(chunk)

    def do_PUT(self):
        left = length = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while left > 0:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                return
            digest.update(part)
            left -= len(part)
        answer = f"{length} {digest.hexdigest()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def main():
    with Server(("::", int(sys.argv[1])), Handler) as server:
        print("listening", flush=True)
        server.serve_forever()


main()
