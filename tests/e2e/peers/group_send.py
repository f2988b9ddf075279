# SPDX-License-Identifier: BSD-3-Clause
"""usage: group_send.py LINK GROUP PORT COUNT SIZE

Sends so many datagrams of that size to a multicast group by a link, slowly enough for none to be
lost.
"""

import ipaddress
import socket
import struct
import sys
import time


def main():
    link, group, port, count, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    index = socket.if_nametoindex(link)
    ipv6 = ipaddress.ip_address(group).version == 6
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        if ipv6:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            mreqn = struct.pack("@4s4si", bytes(4), bytes(4), index)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
        for _ in range(count):
            sender.sendto(bytes(size), (group, port))
            time.sleep(0.002)


main()
