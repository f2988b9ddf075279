/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How lwIP 2.2.1 is configured: one instance a stack core, no operating system underneath, memory
 * from the core's arena, packets in pbuf_custom buffers of the driver.
 */
#ifndef RWS_LWIPOPTS_H
#define RWS_LWIPOPTS_H

#include <stddef.h>

/* No threads, no sockets: stack/ calls the raw API. */
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_TIMERS          1
#define LWIP_TIMERS_CUSTOM   1 /* stack/lwip/lwip_timers.c: no allocation that could fail */

/* Every allocation goes to the arena of the current stack (stack/lwip/lwip_glue.c). */
#define MEMP_MEM_MALLOC      1
#define MEM_CUSTOM_ALLOCATOR 1
void *lwip_arena_alloc(size_t size);
void *lwip_arena_calloc(size_t count, size_t size);
void lwip_arena_free(void *p);
#define MEM_CUSTOM_MALLOC lwip_arena_alloc
#define MEM_CUSTOM_CALLOC lwip_arena_calloc
#define MEM_CUSTOM_FREE   lwip_arena_free
#define MEM_ALIGNMENT     16
#define MEMP_STATS        0
#define MEM_STATS         0

/* Packets: custom pbufs in mbufs; counts wide enough for a shared payload. */
#define LWIP_SUPPORT_CUSTOM_PBUF      1
#define LWIP_PBUF_REF_T               uint16_t
#define LWIP_PBUF_CUSTOM_DATA         uint16_t pkt_flags; /* PKT_*, stack/nif.h */
#define LWIP_PBUF_CUSTOM_DATA_INIT(p) ((p)->pkt_flags = 0)
#define PBUF_LINK_ENCAPSULATION_HLEN  0
#define ETH_PAD_SIZE                  0
#define LWIP_NETIF_TX_SINGLE_PBUF     0
/*
 * A frame that waits for ARP or ND is a copy: it outlives the connection that sent it, whose bytes
 * it must not point into, and TCP would take a segment that still waits for one that the device
 * sends, and never repeat it.
 */
#define PBUF_NEEDS_COPY(p) ((void)(p), 1)

/* Checksums: switched per interface and per packet by what the device can do. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0
#define LWIP_CHKSUM_ALGORITHM        3

/* Link layer. */
#define LWIP_ARP                       1
#define LWIP_ETHERNET                  1
#define ARP_TABLE_SIZE                 127
#define ARP_QUEUEING                   1
#define ARP_QUEUE_LEN                  128 /* of each entry: NIF_GSO_SEGMENTS_MAX */
#define ETHARP_SUPPORT_STATIC_ENTRIES  1
#define ETHARP_TRUST_IP_MAC            0
#define LWIP_NETIF_HWADDRHINT          1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NETIF_STATUS_CALLBACK     1
#define LWIP_NETIF_LINK_CALLBACK       1
#define LWIP_SINGLE_NETIF              0
#define LWIP_NETIF_LOOPBACK            0
#define LWIP_HAVE_LOOPIF               0

/* IPv4 and IPv6. */
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define IP_FORWARD                     0
#define IP_REASSEMBLY                  1
#define IP_FRAG                        1
#define IP_REASS_MAX_PBUFS             512
#define IP_REASS_SOURCE_PBUFS          256 /* ours; the longest has 119 by an MTU of 576 */
#define MEMP_NUM_REASSDATA             64
#define IP_REASS_MAXAGE                15
#define IP_DEFAULT_TTL                 64
#define IP_SOF_BROADCAST               1
#define IP_SOF_BROADCAST_RECV          0
#define LWIP_ICMP                      1
#define LWIP_BROADCAST_PING            0
#define LWIP_MULTICAST_PING            0
#define LWIP_ICMP6                     1
#define LWIP_IPV6_FRAG                 1
#define LWIP_IPV6_REASS                1
#define IPV6_FRAG_COPYHEADER           1 /* pointers of 8 bytes do not fit into the header */
#define LWIP_IPV6_MLD                  1
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT  1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_IPV6_NUM_ADDRESSES        6
#define LWIP_ND6_NUM_NEIGHBORS         127
#define LWIP_ND6_NUM_DESTINATIONS      127
#define LWIP_ND6_QUEUEING              1
#define ND6_QUEUE_LEN                  128 /* ours, of each neighbour, as ARP_QUEUE_LEN */
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_IGMP                      1
#define LWIP_RAW                       1
#define LWIP_ACD                       0
#define LWIP_DHCP                      1
#define LWIP_DHCP_DOES_ACD_CHECK       0
#define LWIP_DHCP_CHECK_LINK_UP        1
#define LWIP_AUTOIP                    0
#define LWIP_IPV6_DHCP6                0
#define LWIP_DNS                       1 /* the list of servers only: api/lookup.h asks them */
#define DNS_MAX_SERVERS                3
#define LWIP_DNS_SECURE                7

/* UDP. */
#define LWIP_UDP                  1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define SO_REUSE                  1

/* TCP: stack/tcp/ is ours; only the baseline of tests/bench/ is built with lwIP's. */
#ifndef RWS_LWIP_TCP
#define RWS_LWIP_TCP 0
#endif
#define LWIP_TCP                  RWS_LWIP_TCP
#define TCP_MSS                   8960
#define LWIP_WND_SCALE            1
#define TCP_RCV_SCALE             6
#define TCP_WND                   (1024 * 1024)
#define TCP_WND_UPDATE_THRESHOLD  (4 * 1460) /* also below the smallest receive_window */
#define TCP_SND_BUF               (4 * 1024 * 1024)
#define TCP_SND_QUEUELEN          0xfffe
#define TCP_SNDQUEUELOWAT         1024
#define TCP_SNDLOWAT              16384
#define LWIP_TCP_RTO_TIME         1000 /* RFC 6298 2.1 */
#define TCP_SYNMAXRTX             12   /* one a second: lwIP does not back off for SYN */
#define TCP_OVERSIZE              0
#define TCP_QUEUE_OOSEQ           1
#define TCP_OOSEQ_MAX_BYTES       (1024 * 1024)
#define TCP_OOSEQ_MAX_PBUFS       2048
#define LWIP_TCP_TIMESTAMPS       1
#define LWIP_TCP_SACK_OUT         1
#define LWIP_TCP_MAX_SACK_NUM     3
#define LWIP_TCP_KEEPALIVE        1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define TCP_LISTEN_BACKLOG        0 /* counts to 255 only */
#define TCP_MSL                   30000
#define MEMP_NUM_TCP_PCB          65536

#define LWIP_STATS         1
#define LWIP_STATS_LARGE   1
#define MIB2_STATS         1
#define LWIP_STATS_DISPLAY 0
#define LWIP_PERF          0

/* What lwIP calls of ours. */
#define LWIP_HOOK_FILENAME "stack/lwip/lwip_hooks.h"

#endif
