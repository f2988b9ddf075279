# SPDX-License-Identifier: BSD-3-Clause
"""The body of rws-httpd's /bytes/N, made independently.

usage: pattern.py bytes N    writes it
       pattern.py sha256 N   prints its SHA-256

The byte at offset i is (j * 2654435761 mod 2^32) >> 24 with j = i mod 65521.
"""

import hashlib
import sys

BLOCK = bytes((j * 2654435761 & 0xFFFFFFFF) >> 24 for j in range(65521))


def chunks(length):
    """The body in pieces of many blocks."""
    piece = BLOCK * 16
    for _ in range(length // len(piece)):
        yield piece
    if length % len(piece):
        yield piece[:length % len(piece)]


def sha256(length):
    digest = hashlib.sha256()
    for chunk in chunks(length):
        digest.update(chunk)
    return digest.hexdigest()


def main():
    length = int(sys.argv[2])
    if sys.argv[1] == "sha256":
        print(sha256(length))
        return
    for chunk in chunks(length):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main()
