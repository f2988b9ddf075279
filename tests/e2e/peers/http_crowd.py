# SPDX-License-Identifier: BSD-3-Clause
"""usage: http_crowd.py PORT

Answers every request with the same 1000 bytes, those of /bytes/1000, for hundreds of clients at once.
"""

import asyncio
import sys

import pattern

BODY = b"".join(pattern.chunks(1000))
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    def __init__(self):
        self.transport, self.rest = None, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        *heads, self.rest = (self.rest + data).split(END)
        self.transport.write(ANSWER * len(heads))


async def main():
    server = await asyncio.get_running_loop().create_server(
        Connection, None, int(sys.argv[1]), backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main())
