/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What net_tap cannot do through ethdev.
 *
 * Up to DPDK 22.11 at least the PMD does not tell the kernel's interface the MTU that it is
 * configured with, says that it takes frames of 1,522 bytes, and ethdev refuses any MTU beyond 1,504.
 * Its receive side takes whatever the interface hands over, so the interface's MTU is set here;
 * longer frames of ours are written to the queue's own descriptor.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "driver/dpdk_impl.h"

#define SEGMENTS_MAX 48

static int mtu_ioctl(unsigned if_index, unsigned long request, struct ifreq *ifr)
{
	if (if_indextoname(if_index, ifr->ifr_name) == NULL)
		return -errno;

	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = ioctl(fd, request, ifr) != 0 ? -errno : 0;
	close(fd);
	return err;
}

bool dpdk_interface_exists(unsigned if_index)
{
	char name[IF_NAMESIZE];

	return if_indextoname(if_index, name) != NULL || errno != ENXIO;
}

int dpdk_interface_mtu(unsigned if_index)
{
	struct ifreq ifr = {.ifr_mtu = 0};
	int err = mtu_ioctl(if_index, SIOCGIFMTU, &ifr);

	return err != 0 ? err : ifr.ifr_mtu;
}

int dpdk_interface_set_mtu(unsigned if_index, uint16_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};

	return mtu_ioctl(if_index, SIOCSIFMTU, &ifr);
}

bool dpdk_tap_write(int fd, const struct rte_mbuf *m)
{
	struct tun_pi info = {.flags = 0};
	struct iovec parts[SEGMENTS_MAX + 1] = {{.iov_base = &info, .iov_len = sizeof(info)}};
	int count = 1;

	for (const struct rte_mbuf *s = m; s != NULL && count <= SEGMENTS_MAX; s = s->next)
		parts[count++] = (struct iovec){
			.iov_base = rte_pktmbuf_mtod(s, void *), .iov_len = s->data_len};
	return writev(fd, parts, count) > 0;
}

/*
 * The kernel's interface has the address that the PMD reports; with the same one on both ends
 * IPv6 link-local addresses would clash. Ours is the same but for one bit, and says that it is
 * locally administered (RFC 9542 2.1).
 */
void dpdk_tap_station_mac(uint8_t mac[6])
{
	mac[0] = (uint8_t)((mac[0] | 0x02) & ~0x01);
	mac[1] ^= 0x80;
}
