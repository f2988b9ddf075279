#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes one lwIP per stack core out of lwIP 2.2.1.

    derive.py LWIP_TREE OUTPUT_DIR

Copies the sources that we compile into OUTPUT_DIR, with every variable marked LWIP_CORE_LOCAL
(thread-local, see arch/cc.h), and with the corrections listed in FIXES. Prints the C files, one a
line. Called by stack/meson.build when it configures.

Whatever does not look as expected ends it with exit code 1 and a message: a variable that is not
where the list says, a correction whose place is not there exactly once. A variable that the list
forgets is found by tests/unit/stack/lwip_symbols_test.py in the object files.
"""

import pathlib
import re
import sys

VERSION = {"MAJOR": "2", "MINOR": "2", "REVISION": "1"}

SOURCES = """
    core/def.c core/dns.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c
    core/netif.c core/pbuf.c core/raw.c core/stats.c core/sys.c core/tcp.c core/tcp_in.c
    core/tcp_out.c core/timeouts.c core/udp.c
    core/ipv4/acd.c core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c
    core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c
    core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/inet6.c core/ipv6/ip6.c core/ipv6/ip6_addr.c
    core/ipv6/ip6_frag.c core/ipv6/mld6.c core/ipv6/nd6.c
    netif/ethernet.c
""".split()

# Every variable, by the file that defines it or declares it extern.
VARIABLES = {
    "core/dns.c": "dns_last_pcb_idx dns_pcbs dns_requests dns_seqno dns_servers dns_table",
    "core/ip.c": "ip_data",
    "core/netif.c": "ext_callback netif_default netif_list netif_num",
    "core/pbuf.c": "pbuf_free_ooseq_pending",
    "core/raw.c": "raw_pcbs",
    "core/stats.c": "lwip_stats",
    "core/tcp.c": "iss tcp_active_pcbs tcp_active_pcbs_changed tcp_bound_pcbs tcp_ext_arg_id "
                  "tcp_listen_pcbs tcp_port tcp_ticks tcp_timer tcp_timer_ctr tcp_tw_pcbs",
    "core/tcp_in.c": "ackno flags inseg recv_acked recv_data recv_flags seqno tcp_input_pcb "
                     "tcp_optidx tcphdr tcphdr_opt1len tcphdr_opt2 tcphdr_optlen tcplen",
    "core/timeouts.c": "current_timeout_due_time next_timeout tcpip_tcp_timer_active",
    "core/udp.c": "udp_pcbs udp_port",
    "core/ipv4/dhcp.c": "dhcp_pcb dhcp_pcb_refcount dhcp_rx_options_given dhcp_rx_options_val "
                        "xid xid_initialised",
    "core/ipv4/etharp.c": "arp_table etharp_cached_entry",
    "core/ipv4/igmp.c": "allrouters allsystems",
    "core/ipv4/ip4.c": "ip4_default_multicast_netif ip_id",
    "core/ipv4/ip4_addr.c": "str",
    "core/ipv4/ip4_frag.c": "ip_reass_pbufcount reassdatagrams",
    "core/ipv6/ip6_addr.c": "str",
    "core/ipv6/ip6_frag.c": "identification ip6_reass_pbufcount reassdatagrams",
    "core/ipv6/nd6.c": "default_router_list destination_cache last_router multicast_address "
                       "nd6_cached_destination_index nd6_ra_buffer "
                       "nd6_tmr_rs_reduction neighbor_cache prefix_list reachable_time "
                       "retrans_timer",
    "include/lwip/ip.h": "ip_data",
    "include/lwip/netif.h": "netif_default netif_list",
    "include/lwip/pbuf.h": "pbuf_free_ooseq_pending",
    "include/lwip/priv/nd6_priv.h": "default_router_list destination_cache neighbor_cache "
                                    "prefix_list reachable_time retrans_timer",
    "include/lwip/priv/tcp_priv.h": "tcp_active_pcbs tcp_active_pcbs_changed tcp_bound_pcbs "
                                    "tcp_input_pcb tcp_listen_pcbs tcp_ticks tcp_tw_pcbs",
    "include/lwip/stats.h": "lwip_stats",
    "include/lwip/udp.h": "udp_pcbs",
}

# (file, why, text as it is, text as it must be)
FIXES = [
    ("core/tcp.c",
     "The addresses of thread-local lists are no constants: tcp_init fills the array.",
     "struct tcp_pcb **const tcp_pcb_lists[] = {&tcp_listen_pcbs.pcbs, &tcp_bound_pcbs,\n"
     "         &tcp_active_pcbs, &tcp_tw_pcbs\n"
     "};\n",
     "LWIP_CORE_LOCAL struct tcp_pcb **tcp_pcb_lists[NUM_TCP_PCB_LISTS];\n"),
    ("core/tcp.c",
     "As above.",
     "tcp_init(void)\n{\n",
     "tcp_init(void)\n{\n"
     "  tcp_pcb_lists[0] = &tcp_listen_pcbs.pcbs;\n"
     "  tcp_pcb_lists[1] = &tcp_bound_pcbs;\n"
     "  tcp_pcb_lists[2] = &tcp_active_pcbs;\n"
     "  tcp_pcb_lists[3] = &tcp_tw_pcbs;\n"),
    ("include/lwip/priv/tcp_priv.h",
     "As above.",
     "extern struct tcp_pcb ** const tcp_pcb_lists[NUM_TCP_PCB_LISTS];",
     "extern LWIP_CORE_LOCAL struct tcp_pcb **tcp_pcb_lists[NUM_TCP_PCB_LISTS];"),
    ("core/tcp_in.c",
     "RFC 9293 3.1: an option whose kind is the last byte has no length; 2.2.1 reads it from "
     "behind the header. Past the end there are zeros, which every caller takes for a bad length.",
     "  u16_t optidx = tcp_optidx++;\n",
     "  u16_t optidx = tcp_optidx++;\n"
     "  if (optidx >= tcphdr_optlen) {\n"
     "    return 0;\n"
     "  }\n"),
    ("core/tcp_in.c",
     "RFC 1122 4.2.2.13: a SYN beyond the last sequence number of a connection in TIME_WAIT opens "
     "a new one; 2.2.1 resets or acknowledges it, and the client has to wait.",
     "      if (pcb->remote_port == tcphdr->src &&\n"
     "          pcb->local_port == tcphdr->dest &&\n"
     "          ip_addr_eq(&pcb->remote_ip, ip_current_src_addr()) &&\n"
     "          ip_addr_eq(&pcb->local_ip, ip_current_dest_addr())) {\n"
     "        /* We don't really care enough",
     "      if (pcb->remote_port == tcphdr->src &&\n"
     "          pcb->local_port == tcphdr->dest &&\n"
     "          ip_addr_eq(&pcb->remote_ip, ip_current_src_addr()) &&\n"
     "          ip_addr_eq(&pcb->local_ip, ip_current_dest_addr())) {\n"
     "        if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&\n"
     "            TCP_SEQ_GT(seqno, pcb->rcv_nxt)) {\n"
     "          tcp_abort(pcb);\n"
     "          break;\n"
     "        }\n"
     "        /* We don't really care enough"),
    ("core/tcp_in.c",
     "As above: whatever ends the search, there is no connection now.",
     "    /* Finally, if we still did not get a match, we check all PCBs that\n",
     "    pcb = NULL;\n"
     "    /* Finally, if we still did not get a match, we check all PCBs that\n"),
    ("core/ipv4/ip4.c",
     "A packet that ends with its header, or the last bytes of a fragment, has no port to look at: "
     "2.2.1 reads behind it.",
     "    if (IPH_PROTO(iphdr) == IP_PROTO_UDP) {\n",
     "    if (IPH_PROTO(iphdr) == IP_PROTO_UDP && p->len >= iphdr_hlen + UDP_HLEN) {\n"),
    ("include/lwip/ip4_frag.h",
     "Datagrams that never become whole must not take the room of all others: a source has a share "
     "(lwipopts.h), beyond which it loses its own oldest.",
     "  u16_t datagram_len;\n",
     "  u16_t datagram_len;\n"
     "  u16_t pbufs;\n"),
    ("core/ipv4/ip4_frag.c",
     "As above.",
     "  ip_reass_pbufcount = (u16_t)(ip_reass_pbufcount + clen);\n",
     "  ip_reass_pbufcount = (u16_t)(ip_reass_pbufcount + clen);\n"
     "  ipr->pbufs = (u16_t)(ipr->pbufs + clen);\n"),
    ("core/ipv4/ip4_frag.c",
     "As above. The list begins with the newest.",
     "/**\n * Reassembles incoming IP fragments into an IP datagram.\n",
     "static int\n"
     "ip_reass_keep_share(struct ip_hdr *fraghdr, u16_t clen)\n"
     "{\n"
     "  for (;;) {\n"
     "    struct ip_reassdata *r, *prev = NULL, *oldest = NULL, *oldest_prev = NULL;\n"
     "    unsigned pbufs = clen;\n"
     "    for (r = reassdatagrams; r != NULL; prev = r, r = r->next) {\n"
     "      if (!ip4_addr_eq(&r->iphdr.src, &fraghdr->src)) {\n"
     "        continue;\n"
     "      }\n"
     "      pbufs += r->pbufs;\n"
     "      if (!(IP_ADDRESSES_AND_ID_MATCH(&r->iphdr, fraghdr))) {\n"
     "        oldest = r;\n"
     "        oldest_prev = prev;\n"
     "      }\n"
     "    }\n"
     "    if (pbufs <= IP_REASS_SOURCE_PBUFS) {\n"
     "      return 1;\n"
     "    }\n"
     "    if (oldest == NULL) {\n"
     "      return 0;\n"
     "    }\n"
     "    ip_reass_free_complete_datagram(oldest, oldest_prev);\n"
     "  }\n"
     "}\n\n"
     "/**\n * Reassembles incoming IP fragments into an IP datagram.\n"),
    ("core/ipv4/ip4_frag.c",
     "As above.",
     "  clen = pbuf_clen(p);\n"
     "  if ((ip_reass_pbufcount + clen) > IP_REASS_MAX_PBUFS) {\n",
     "  clen = pbuf_clen(p);\n"
     "  if (!ip_reass_keep_share(fraghdr, clen)) {\n"
     "    goto nullreturn;\n"
     "  }\n"
     "  if ((ip_reass_pbufcount + clen) > IP_REASS_MAX_PBUFS) {\n"),
    ("include/lwip/ip6_frag.h",
     "As for IPv4.",
     "  u16_t datagram_len;\n",
     "  u16_t datagram_len;\n"
     "  u16_t pbufs;\n"),
    ("core/ipv6/ip6_frag.c",
     "As for IPv4.",
     "  ip6_reass_pbufcount = (u16_t)(ip6_reass_pbufcount + clen);\n",
     "  ip6_reass_pbufcount = (u16_t)(ip6_reass_pbufcount + clen);\n"
     "  ipr->pbufs = (u16_t)(ipr->pbufs + clen);\n"),
    ("core/ipv6/ip6_frag.c",
     "As for IPv4.",
     "/**\n * Reassembles incoming IPv6 fragments into an IPv6 datagram.\n",
     "static int\n"
     "ip6_reass_keep_share(const struct ip6_frag_hdr *frag_hdr, u16_t clen)\n"
     "{\n"
     "  for (;;) {\n"
     "    struct ip6_reassdata *r, *oldest = NULL;\n"
     "    unsigned pbufs = clen;\n"
     "    for (r = reassdatagrams; r != NULL; r = r->next) {\n"
     "      if (!ip6_addr_packed_eq(ip6_current_src_addr(), &(IPV6_FRAG_SRC(r)), r->src_zone)) {\n"
     "        continue;\n"
     "      }\n"
     "      pbufs += r->pbufs;\n"
     "      if (frag_hdr->_identification != r->identification ||\n"
     "          !ip6_addr_packed_eq(ip6_current_dest_addr(), &(IPV6_FRAG_DEST(r)), "
     "r->dest_zone)) {\n"
     "        oldest = r;\n"
     "      }\n"
     "    }\n"
     "    if (pbufs <= IP_REASS_SOURCE_PBUFS) {\n"
     "      return 1;\n"
     "    }\n"
     "    if (oldest == NULL) {\n"
     "      return 0;\n"
     "    }\n"
     "    ip6_reass_free_complete_datagram(oldest);\n"
     "  }\n"
     "}\n\n"
     "/**\n * Reassembles incoming IPv6 fragments into an IPv6 datagram.\n"),
    ("core/ipv6/ip6_frag.c",
     "As for IPv4.",
     "  for (ipr = reassdatagrams, ipr_prev = NULL; ipr != NULL; ipr = ipr->next) {\n",
     "  if (!ip6_reass_keep_share(frag_hdr, clen)) {\n"
     "    goto nullreturn;\n"
     "  }\n"
     "  for (ipr = reassdatagrams, ipr_prev = NULL; ipr != NULL; ipr = ipr->next) {\n"),
    ("core/ipv4/ip4_frag.c",
     "Fragments of a datagram that was given up are dropped, too: each is counted.",
     "    pbuf_free(pcur);\n",
     "    IPFRAG_STATS_INC(ip_frag.drop);\n"
     "    pbuf_free(pcur);\n"),
    ("core/ipv4/ip4_frag.c",
     "As above.",
     "    icmp_time_exceeded(p, ICMP_TE_FRAG);\n",
     "    icmp_time_exceeded(p, ICMP_TE_FRAG);\n"
     "    IPFRAG_STATS_INC(ip_frag.drop);\n"),
    ("core/ipv6/ip6_frag.c",
     "As above.",
     "    pbuf_free(pcur);\n",
     "    IP6_FRAG_STATS_INC(ip6_frag.drop);\n"
     "    pbuf_free(pcur);\n"),
    ("core/ipv6/ip6_frag.c",
     "As above.",
     "      icmp6_time_exceeded_with_addrs(p, ICMP6_TE_FRAG, &src_addr, &dest_addr);\n",
     "      icmp6_time_exceeded_with_addrs(p, ICMP6_TE_FRAG, &src_addr, &dest_addr);\n"
     "      IP6_FRAG_STATS_INC(ip6_frag.drop);\n"),
    ("core/ipv6/ip6.c",
     "An extension header that is not there has no length: 2.2.1 reads it before it looks whether "
     "the packet goes so far, which what it does next refuses.",
     "hlen = (u16_t)(8 * (1 + hbh_hdr->_hlen));",
     "hlen = (u16_t)(p->len < 8 ? 8 : 8 * (1 + hbh_hdr->_hlen));"),
    ("core/ipv6/ip6.c",
     "As above.",
     "hlen = 8 * (1 + dest_hdr->_hlen);",
     "hlen = p->len < 8 ? 8 : 8 * (1 + dest_hdr->_hlen);"),
    ("core/ipv6/ip6.c",
     "As above.",
     "hlen = 8 * (1 + rout_hdr->_hlen);",
     "hlen = p->len < 8 ? 8 : 8 * (1 + rout_hdr->_hlen);"),
    ("include/lwip/ip.h",
     "RFC 8200 4: the protocol of a packet is what the last header names; to raw sockets, which ours "
     "are (transport.c), 2.2.1 gives what the first names.",
     "  struct ip6_hdr *current_ip6_header;\n",
     "  struct ip6_hdr *current_ip6_header;\n"
     "  u8_t current_ip6_proto;\n"),
    ("core/ipv6/ip6.c",
     "As above.",
     "options_done:\n",
     "options_done:\n"
     "  ip_data.current_ip6_proto = *nexth;\n"),
    ("core/raw.c",
     "As above.",
     "    struct ip6_hdr *ip6hdr = (struct ip6_hdr *)p->payload;\n"
     "    proto = IP6H_NEXTH(ip6hdr);\n",
     "    proto = ip_data.current_ip6_proto;\n"),
    ("core/ipv6/ip6.c",
     "RFC 5942 4: a prefix set by hand is as long as it was set, and the longest leads; for 2.2.1 it "
     "has 64 bits, and the first leads.",
     "  NETIF_FOREACH(netif) {\n"
     "    if (!netif_is_up(netif) || !netif_is_link_up(netif)) {\n"
     "      continue;\n"
     "    }\n"
     "    for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {\n"
     "      if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&\n"
     "          ip6_addr_net_eq(dest, netif_ip6_addr(netif, i)) &&\n"
     "          (netif_ip6_addr_isstatic(netif, i) ||\n"
     "          ip6_addr_nethost_eq(dest, netif_ip6_addr(netif, i)))) {\n"
     "        return netif;\n"
     "      }\n"
     "    }\n"
     "  }\n",
     "  {\n"
     "    struct netif *closest = NULL;\n"
     "    unsigned longest = 0;\n"
     "    NETIF_FOREACH(netif) {\n"
     "      unsigned bits = lwip_hook_ip6_on_link(netif, dest);\n"
     "      if (netif_is_up(netif) && netif_is_link_up(netif) && bits > longest) {\n"
     "        closest = netif;\n"
     "        longest = bits;\n"
     "      }\n"
     "    }\n"
     "    if (closest != NULL) {\n"
     "      return closest;\n"
     "    }\n"
     "  }\n"),
    ("core/ipv6/nd6.c",
     "As above.",
     "  for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {\n"
     "    if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&\n"
     "        netif_ip6_addr_isstatic(netif, i) &&\n"
     "        ip6_addr_net_eq(ip6addr, netif_ip6_addr(netif, i))) {\n"
     "      return 1;\n"
     "    }\n"
     "  }\n"
     "  return 0;\n",
     "  return lwip_hook_ip6_on_link(netif, ip6addr) != 0;\n"),
    ("core/ipv6/nd6.c",
     "RFC 4861 7.2.2: any address of the interface may ask for a neighbour; 2.2.1 asks for those only "
     "whose first 64 bits it has itself.",
     "    if (i == LWIP_IPV6_NUM_ADDRESSES) {\n"
     "      LWIP_DEBUGF(IP6_DEBUG | LWIP_DBG_LEVEL_WARNING, (\"ICMPv6 NS: no",
     "    if (src_addr == NULL && ip6_select_source_address(netif, target_addr) != NULL) {\n"
     "      src_addr = ip_2_ip6(ip6_select_source_address(netif, target_addr));\n"
     "    }\n\n"
     "    if (src_addr == NULL) {\n"
     "      LWIP_DEBUGF(IP6_DEBUG | LWIP_DBG_LEVEL_WARNING, (\"ICMPv6 NS: no"),
    ("core/ipv6/ip6_frag.c",
     "A pbuf counts the whole packet in 16 bits, the IPv6 header included: what RFC 8200 4.5 allows "
     "beyond that would make the count wrap.",
     "  if (start > (0xFFFF - len)) {\n"
     "    /* u16_t overflow",
     "  if ((u32_t)start + len + hdrdiff + IP6_HLEN - IP6_FRAG_HLEN > 0xFFFF) {\n"
     "    /* u16_t overflow"),
    ("core/tcp_in.c",
     "C11 6.5.7: a byte above 127 shifted by 24 overflows an int.",
     "tsval |= (tcp_get_next_optbyte() << 24);",
     "tsval |= ((u32_t)tcp_get_next_optbyte() << 24);"),
    ("core/timeouts.c",
     "Ours starts the timer (lwip_timers.c); 2.2.1 leaves no room for it.",
     "/* Satisfy the TCP code which calls this function */\n"
     "void\n"
     "tcp_timer_needed(void)\n"
     "{\n"
     "}\n",
     ""),
    ("core/ipv6/nd6.c",
     "RFC 4861 7.2.3: a solicitation from another link-layer address than the cached one updates "
     "the cache; 2.2.1 goes on sending to the station that the neighbour no longer has.",
     "        if (neighbor_cache[i].state == ND6_INCOMPLETE) {\n"
     "          neighbor_cache[i].netif = inp;\n",
     "        if (neighbor_cache[i].state == ND6_INCOMPLETE ||\n"
     "            memcmp(neighbor_cache[i].lladdr, lladdr_opt->addr, inp->hwaddr_len) != 0) {\n"
     "          neighbor_cache[i].netif = inp;\n"),
    ("core/ipv6/nd6.c",
     "The one use of the C library's name: lwIP's headers must not define it over that.",
     "htonl(rdnss_opt->lifetime)",
     "lwip_ntohl(rdnss_opt->lifetime)"),
    ("core/ipv4/etharp.c",
     "RFC 1122 2.3.2.1: that an entry is used, and must be asked for again before it expires, is "
     "also told by who sends by it without lwIP (stack/dst.c).",
     "static err_t\n"
     "etharp_output_to_arp_index(struct netif *netif, struct pbuf *q, netif_addr_idx_t arp_idx)\n"
     "{\n",
     "void\n"
     "etharp_used(struct netif *netif, int arp_idx)\n"
     "{\n"),
    ("core/ipv4/etharp.c",
     "As above.",
     "  return ethernet_output(netif, q, (struct eth_addr *)(netif->hwaddr), "
     "&arp_table[arp_idx].ethaddr, ETHTYPE_IP);\n",
     "}\n\n"
     "static err_t\n"
     "etharp_output_to_arp_index(struct netif *netif, struct pbuf *q, netif_addr_idx_t arp_idx)\n"
     "{\n"
     "  etharp_used(netif, arp_idx);\n"
     "  return ethernet_output(netif, q, (struct eth_addr *)(netif->hwaddr), "
     "&arp_table[arp_idx].ethaddr, ETHTYPE_IP);\n"),
    ("core/ipv4/icmp.c",
     "RFC 1812 4.3.2.8: errors that strangers provoke have a number; 2.2.1 sends all.",
     "  /* increase number of messages attempted to send */\n"
     "  MIB2_STATS_INC(mib2.icmpoutmsgs);\n\n"
     "  /* Keep IP header",
     "  if (!lwip_may_send_error()) {\n"
     "    return;\n"
     "  }\n"
     "  /* increase number of messages attempted to send */\n"
     "  MIB2_STATS_INC(mib2.icmpoutmsgs);\n\n"
     "  /* Keep IP header"),
    ("core/ipv6/icmp6.c",
     "RFC 4443 2.4 (f): as for IPv4.",
     "  u16_t datalen = LWIP_MIN(p->tot_len, LWIP_ICMP6_DATASIZE);\n",
     "  u16_t datalen = LWIP_MIN(p->tot_len, LWIP_ICMP6_DATASIZE);\n\n"
     "  if (!lwip_may_send_error()) {\n"
     "    return;\n"
     "  }\n"),
    ("core/ipv6/icmp6.c",
     "RFC 8200 4.5: for fragments that lwIP does not see (stack/ip6_frags.c); pointer is an offset.",
     "  icmp6_send_response(p, c, pointer_u32, ICMP6_TYPE_PP);\n"
     "}\n",
     "  icmp6_send_response(p, c, pointer_u32, ICMP6_TYPE_PP);\n"
     "}\n\n"
     "void\n"
     "icmp6_wrong_field(struct pbuf *p, u32_t pointer, const ip6_addr_t *src_addr,\n"
     "    const ip6_addr_t *dest_addr)\n"
     "{\n"
     "  icmp6_send_response_with_addrs(p, ICMP6_PP_FIELD, pointer, ICMP6_TYPE_PP, src_addr, "
     "dest_addr);\n"
     "}\n"),
    ("core/ipv4/etharp.c",
     "Packets that wait for an address are counted when they are given up; 2.2.1 says nothing.",
     "          arp_table[i].q = arp_table[i].q->next;\n"
     "          pbuf_free(old->p);\n",
     "          arp_table[i].q = arp_table[i].q->next;\n"
     "          lwip_gave_up_waiting();\n"
     "          pbuf_free(old->p);\n"),
    ("core/ipv4/etharp.c",
     "As above.",
     "    LWIP_ASSERT(\"r->p != NULL\", (r->p != NULL));\n",
     "    LWIP_ASSERT(\"r->p != NULL\", (r->p != NULL));\n"
     "    lwip_gave_up_waiting();\n"),
    ("core/ipv6/nd6.c",
     "As for ARP.",
     "    LWIP_ASSERT(\"r->p != NULL\", (r->p != NULL));\n",
     "    LWIP_ASSERT(\"r->p != NULL\", (r->p != NULL));\n"
     "    lwip_gave_up_waiting();\n"),
    ("core/ipv6/nd6.c",
     "RFC 4861 7.2.2: each neighbour has a queue, as in ARP; 2.2.1 has places for all together, which "
     "one that is silent takes, and counts those for which there was no memory for ever.",
     "static u8_t nd6_queue_size = 0;\n",
     ""),
    ("core/ipv6/nd6.c",
     "As above.",
     "    if (nd6_queue_size < MEMP_NUM_ND6_QUEUE) {\n"
     "      new_entry = (struct nd6_q_entry *)memp_malloc(MEMP_ND6_QUEUE);\n"
     "      nd6_queue_size++;\n"
     "    }\n",
     "    unsigned queued = 0;\n"
     "    for (r = neighbor_cache[neighbor_index].q; r != NULL; r = r->next) {\n"
     "      queued++;\n"
     "    }\n"
     "    if (queued < ND6_QUEUE_LEN) {\n"
     "      new_entry = (struct nd6_q_entry *)memp_malloc(MEMP_ND6_QUEUE);\n"
     "    }\n"),
    ("core/ipv6/nd6.c",
     "As above.",
     "      new_entry = (struct nd6_q_entry *)memp_malloc(MEMP_ND6_QUEUE);\n"
     "      nd6_queue_size++;\n",
     "      new_entry = (struct nd6_q_entry *)memp_malloc(MEMP_ND6_QUEUE);\n"),
    ("core/ipv6/nd6.c",
     "As above.",
     "    memp_free(MEMP_ND6_QUEUE, r);\n"
     "    nd6_queue_size--;\n",
     "    memp_free(MEMP_ND6_QUEUE, r);\n"),
    ("core/ipv6/nd6.c",
     "As above.",
     "    memp_free(MEMP_ND6_QUEUE, q);\n"
     "    nd6_queue_size--;\n",
     "    memp_free(MEMP_ND6_QUEUE, q);\n"),
    ("core/udp.c",
     "RFC 768, RFC 1122 4.1: the datagram is as long as its header says; 2.2.1 takes all that IP "
     "brought.",
     "  udphdr = (struct udp_hdr *)p->payload;\n\n"
     "  /* is broadcast packet ? */\n",
     "  udphdr = (struct udp_hdr *)p->payload;\n\n"
     "  if (lwip_ntohs(udphdr->len) < UDP_HLEN || lwip_ntohs(udphdr->len) > p->tot_len) {\n"
     "    UDP_STATS_INC(udp.lenerr);\n"
     "    UDP_STATS_INC(udp.drop);\n"
     "    MIB2_STATS_INC(mib2.udpinerrors);\n"
     "    pbuf_free(p);\n"
     "    goto end;\n"
     "  }\n"
     "  pbuf_realloc(p, lwip_ntohs(udphdr->len));\n\n"
     "  /* is broadcast packet ? */\n"),
]


def fail(message):
    print(f"derive.py: {message}", file=sys.stderr)
    sys.exit(1)


def check_version(tree):
    header = tree / "src/include/lwip/init.h"
    if not header.is_file():
        fail(f"{tree} is no lwIP source tree: {header} is missing; run scripts/setup")
    text = header.read_text()
    for part, value in VERSION.items():
        if not re.search(rf"#define LWIP_VERSION_{part}\s+{value}\b", text):
            fail(f"{tree} is not lwIP 2.2.1: LWIP_VERSION_{part} is not {value}")


def mark(path, text, name):
    """Marks the definitions and declarations of one variable; there must be at least one."""
    pattern = re.compile(
        r"^(?P<head>[ \t]*(?:static |extern )?)"
        r"(?P<mark>LWIP_CORE_LOCAL )?"
        r"(?P<rest>(?!return|typedef|goto|case)[A-Za-z_][^()\n;=/]*?[ \t*,]" + name +
        r"(?:\[[^]\n]*\])*\s*[;,=])",
        re.MULTILINE)

    def put(match):
        # Indented and not static: a member, a parameter or a variable of the block.
        head = match["head"]
        if match["mark"] or (head[:1].isspace() and not head.strip()):
            return match[0]
        found.append(match)
        return f"{head}LWIP_CORE_LOCAL {match['rest']}"

    found = [m for m in pattern.finditer(text) if m["mark"]]
    text = pattern.sub(put, text)
    if not found:
        fail(f"{path}: no definition of '{name}' found; is this lwIP 2.2.1 as released?")
    return text


def fix(path, text, before, after):
    if text.count(before) != 1:
        fail(f"{path}: the text to correct is there {text.count(before)} times, not once:\n{before}")
    return text.replace(before, after)


def derive(path, text):
    for file, _, before, after in FIXES:
        if file == path:
            text = fix(path, text, before, after)
    for name in VARIABLES.get(path, "").split():
        text = mark(path, text, name)
    return text


def write(path, text):
    """Leaves a file that is right alone, so that nothing is compiled again."""
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    if len(sys.argv) != 3:
        fail("usage: derive.py LWIP_TREE OUTPUT_DIR")
    tree, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    check_version(tree)
    headers = sorted(path.relative_to(tree / "src").as_posix()
                     for folder in ("lwip", "netif")
                     for path in (tree / "src/include" / folder).rglob("*.h")
                     if "apps" not in path.relative_to(tree).parts)
    known = set(SOURCES) | set(headers)
    for path in [*VARIABLES, *(file for file, *_ in FIXES)]:
        if path not in known:
            fail(f"{path} is listed and not in the tree")
    for path in [*headers, *SOURCES]:
        text = (tree / "src" / path).read_text(encoding="utf-8", errors="strict")
        write(output / path, derive(path, text))
    for path in SOURCES:
        print(output / path)


main()
