/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/device_check.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_build_config.h>

#define DEVARGS_MAX 400

/* ---- parsing ---- */

/* Takes digits hexadecimal digits and what ends them off text. */
static bool take_hex(const char **text, unsigned digits, char end, unsigned *value)
{
	*value = 0;
	for (unsigned i = 0; i < digits; i++, (*text)++) {
		char c = (char)tolower((unsigned char)**text);
		if (!isxdigit((unsigned char)c))
			return false;
		*value = *value * 16 +
			(unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
	}
	if (end != '\0')
		return *(*text)++ == end;
	return true;
}

/* [domain:]bus:slot.function, in hexadecimal of 4, 2, 2 and 1 digits. */
static bool is_pci_address(const char *text, size_t length, char *full)
{
	const char *at = text;
	unsigned domain = 0, bus, slot, function;

	if (length == strlen("0000:00:00.0") && !take_hex(&at, 4, ':', &domain))
		return false;
	if (!take_hex(&at, 2, ':', &bus) || !take_hex(&at, 2, '.', &slot) ||
		!take_hex(&at, 1, '\0', &function))
		return false;
	if (at != text + length || slot > 31 || function > 7)
		return false;
	snprintf(full, DEVICE_NAME_MAX, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return true;
}

/* net_<driver><number>: letters, digits and underscores, the number tells devices apart. */
static bool is_virtual_name(const char *text, size_t length)
{
	if (length < strlen("net_x0") || length >= DEVICE_NAME_MAX || strncmp(text, "net_", 4) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
			text[i] != '_')
			return false;
	return isalpha((unsigned char)text[4]) && isdigit((unsigned char)text[length - 1]);
}

/* Blanks, quotes and control characters have no business in devargs. */
static bool has_only_plain_characters(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || strchr("\"'\\`$;|<>", *text) != NULL)
			return false;
	return true;
}

bool device_argument(const char *devargs, const char *key, char *value, unsigned size)
{
	size_t key_length = strlen(key);

	for (const char *arg = strchr(devargs, ','); arg != NULL; arg = strchr(arg, ',')) {
		arg++;
		if (strncmp(arg, key, key_length) != 0 || arg[key_length] != '=')
			continue;
		const char *start = arg + key_length + 1;
		size_t length = strcspn(start, ",");
		if (length >= size)
			return false;
		memcpy(value, start, length);
		value[length] = '\0';
		return true;
	}
	return false;
}

/* net_tap goes on without a word when it does not know an argument. */
static int check_tap_arguments(const char *devargs, struct fault *fault)
{
	static const char *const known[] = {"iface=", "mac=", "remote=", "persist"};

	for (const char *arg = strchr(devargs, ','); arg != NULL; arg = strchr(arg, ',')) {
		bool is_known = false;
		arg++;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strncmp(arg, known[i], strlen(known[i])) == 0;
		if (!is_known)
			return fault_set(fault, -EINVAL,
				"%s: net_tap does not know '%.*s'; it knows iface=, mac=, remote=, "
				"persist",
				devargs, (int)strcspn(arg, ","), arg);
	}
	return 0;
}

static void driver_of(struct device_name *device)
{
	size_t length = strlen(device->name);

	while (length > 0 && isdigit((unsigned char)device->name[length - 1]))
		length--;
	memcpy(device->driver, device->name, length);
	device->driver[length] = '\0';
}

/* net_vhost calls a socket iface; it makes that, or with client=1 connects to it. */
static int parse_vhost(const char *devargs, struct device_name *device, struct fault *fault)
{
	char client[2] = "0";

	if (!device_argument(devargs, "iface", device->socket, sizeof(device->socket)))
		return fault_set(fault, -EINVAL,
			"%s: say which socket, with at most %zu characters, as in "
			"%s,iface=/run/rws.sock",
			device->name, sizeof(device->socket) - 1, device->name);
	device_argument(devargs, "client", client, sizeof(client));
	if (client[0] != '0')
		device->socket[0] = '\0';
	return 0;
}

int device_parse(const char *devargs, struct device_name *device, struct fault *fault)
{
	memset(device, 0, sizeof(*device));
	if (devargs == NULL || devargs[0] == '\0')
		return fault_set(
			fault, -EINVAL, "no device named: for example net_tap0,iface=rws0");
	if (strlen(devargs) > DEVARGS_MAX)
		return fault_set(
			fault, -EINVAL, "device name longer than %d characters", DEVARGS_MAX);
	if (devargs[0] == '-' || !has_only_plain_characters(devargs))
		return fault_set(fault, -EINVAL,
			"'%s' is not a device: it starts with '-' or holds blanks, quotes or "
			"letters beyond ASCII",
			devargs);

	size_t length = strcspn(devargs, ",");
	if (is_pci_address(devargs, length, device->name)) {
		device->pci = true;
		return 0;
	}
	if (!is_virtual_name(devargs, length))
		return fault_set(fault, -EINVAL,
			"'%s' is not a device: expected a virtual one with its number, as in "
			"net_tap0,iface=rws0, or a PCI address, as in 0000:01:00.0",
			devargs);
	memcpy(device->name, devargs, length);
	driver_of(device);
	if (strcmp(device->driver, "net_tun") == 0)
		return fault_set(fault, -EINVAL,
			"%s: a TUN device carries no Ethernet frames: take net_tap0", device->name);
	if (strcmp(device->driver, "net_vhost") == 0)
		return parse_vhost(devargs, device, fault);
	if (strstr(devargs, ",iface=") != NULL &&
		!device_argument(devargs, "iface", device->iface, IFNAMSIZ))
		return fault_set(fault, -EINVAL, "%s: interface name longer than %d characters",
			device->name, IFNAMSIZ - 1);
	return strcmp(device->driver, "net_tap") == 0 ? check_tap_arguments(devargs, fault) : 0;
}

/* ---- drivers ---- */

/* Virtual drivers whose plugin has another name than they. */
static const char *plugin_of(const char *driver)
{
	static const char *const alias[][2] = {
		{"net_virtio_user", "net_virtio"},
		{"net_bonding", "net_bond"},
	};

	for (size_t i = 0; i < sizeof(alias) / sizeof(alias[0]); i++)
		if (strcmp(driver, alias[i][0]) == 0)
			return alias[i][1];
	return driver;
}

/* Those that make sense to name, of those that are installed. */
static void list_virtual_drivers(char *text, size_t size)
{
	static const char *const known[] = {"net_tap", "net_af_packet", "net_af_xdp", "net_memif",
		"net_virtio_user", "net_vhost", "net_ring", "net_null", "net_pcap"};
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char path[512];
		snprintf(path, sizeof(path), "%s/librte_%s.so", RTE_EAL_PMD_PATH,
			plugin_of(known[i]));
		if (access(path, R_OK) != 0)
			continue;
		int n = snprintf(
			text + length, size - length, "%s%s", length > 0 ? ", " : "", known[i]);
		if (n < 0 || (size_t)n >= size - length)
			return;
		length += (size_t)n;
	}
}

/* DPDK without a plugin folder has its drivers linked in: then nothing can be said. */
static int check_driver_exists(const struct device_name *device, struct fault *fault)
{
	char path[512], drivers[256];

	if (access(RTE_EAL_PMD_PATH, R_OK) != 0)
		return 0;
	snprintf(
		path, sizeof(path), "%s/librte_%s.so", RTE_EAL_PMD_PATH, plugin_of(device->driver));
	if (access(path, R_OK) == 0)
		return 0;
	list_virtual_drivers(drivers, sizeof(drivers));
	return fault_set(fault, -ENODEV, "%s: this DPDK has no driver %s; it has %s", device->name,
		device->driver, drivers);
}

/* ---- privileges and interfaces ---- */

static bool has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	return (data[capability / 32].effective & (1u << (capability % 32))) != 0;
}

static int check_capability(const struct device_name *device, unsigned capability, const char *name,
	struct fault *fault)
{
	if (has_capability(capability))
		return 0;
	return fault_set(fault, -EPERM,
		"%s needs the privilege %s: run as root, or give it with 'setcap %s+ep PROGRAM'",
		device->name, name, name);
}

/* device_parse has checked the length. */
static void set_interface_name(struct ifreq *ifr, const char *iface)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%.*s", IFNAMSIZ - 1, iface);
}

static int interface_ioctl(const char *iface, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;

	set_interface_name(ifr, iface);
	int err = ioctl(fd, request, ifr) != 0 ? -errno : 0;
	close(fd);
	return err;
}

static bool interface_is_tap(const char *iface)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (char *)&info};

	return interface_ioctl(iface, SIOCETHTOOL, &ifr) == 0 && strcmp(info.driver, "tun") == 0;
}

/* Attaches to an interface that exists, as the PMD will, and lets go of it. */
static int try_attach(const char *iface)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_MULTI_QUEUE};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	set_interface_name(&ifr, iface);
	int err = ioctl(fd, TUNSETIFF, &ifr) != 0 ? -errno : 0;
	close(fd);
	return err;
}

/* A TAP interface has carrier while some process holds it open. */
static bool interface_is_running(const char *iface)
{
	struct ifreq ifr = {.ifr_flags = 0};

	return interface_ioctl(iface, SIOCGIFFLAGS, &ifr) == 0 &&
		(ifr.ifr_flags & IFF_RUNNING) != 0;
}

static int check_tap(const struct device_name *device, struct fault *fault)
{
	if (access("/dev/net/tun", F_OK) != 0)
		return fault_set(fault, -ENOENT,
			"%s: /dev/net/tun is missing: 'modprobe tun', in a container also "
			"'--device /dev/net/tun'",
			device->name);
	if (access("/dev/net/tun", R_OK | W_OK) != 0)
		return fault_set(
			fault, -EACCES, "%s: no access to /dev/net/tun: run as root", device->name);
	int err = check_capability(device, CAP_NET_ADMIN, "cap_net_admin", fault);
	if (err != 0)
		return err;
	if (device->iface[0] == '\0' || if_nametoindex(device->iface) == 0)
		return 0;
	if (!interface_is_tap(device->iface))
		return fault_set(fault, -EEXIST,
			"%s: there is an interface %s already and it is no TAP: take another name",
			device->name, device->iface);
	if (interface_is_running(device->iface))
		return fault_set(fault, -EBUSY,
			"%s: another process uses the interface %s: take another name",
			device->name, device->iface);
	err = try_attach(device->iface);
	if (err != 0)
		return fault_set(fault, err,
			"%s: the interface %s cannot be used (%s): make it with 'ip tuntap add %s mode "
			"tap multi_queue', or let it be made",
			device->name, device->iface, strerror(-err), device->iface);
	return 0;
}

static int check_interface(const struct device_name *device, struct fault *fault)
{
	if (device->iface[0] == '\0')
		return fault_set(fault, -EINVAL, "%s: say which interface, as in %s,iface=eth1",
			device->name, device->name);
	if (if_nametoindex(device->iface) == 0)
		return fault_set(fault, -ENODEV,
			"%s: interface %s does not exist in this network namespace: 'ip link' lists "
			"those that do",
			device->name, device->iface);
	return check_capability(device, CAP_NET_RAW, "cap_net_raw", fault);
}

/* ---- vhost-user ---- */

static bool somebody_listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	bool listens = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return listens;
}

/* net_vhost removes whatever it finds at the path of its socket. */
static int check_vhost(const struct device_name *device, struct fault *fault)
{
	struct stat status;

	if (lstat(device->socket, &status) != 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return fault_set(fault, -EEXIST,
			"%s: %s exists and is no socket: take another name", device->name,
			device->socket);
	if (somebody_listens(device->socket))
		return fault_set(fault, -EBUSY,
			"%s: another process uses the socket %s: take another name", device->name,
			device->socket);
	return 0;
}

/* ---- PCI ---- */

static bool read_link_name(const char *path, char *name, size_t size)
{
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(name, size, "%.*s", (int)size - 1, slash != NULL ? slash + 1 : target);
	return true;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int check_pci(const struct device_name *device, struct fault *fault)
{
	/* DPDK drives the device itself, or together with these kernel drivers. */
	static const char *const usable[] = {
		"vfio-pci", "uio_pci_generic", "igb_uio", "mlx4_core", "mlx5_core", "mana"};
	char path[512], driver[DEVICE_NAME_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", device->name);
	if (access(path, F_OK) != 0)
		return fault_set(fault, -ENODEV,
			"%s: no such PCI device: 'dpdk-devbind.py --status' lists them",
			device->name);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", device->name);
	if (!read_link_name(path, driver, sizeof(driver)))
		return fault_set(fault, -ENODEV,
			"%s: no driver holds the PCI device: 'modprobe vfio-pci && dpdk-devbind.py "
			"--bind=vfio-pci %s'",
			device->name, device->name);
	if (!is_one_of(driver, usable, sizeof(usable) / sizeof(usable[0])))
		return fault_set(fault, -EBUSY,
			"%s: the kernel's driver %s holds the PCI device; if the machine can do without "
			"it: 'dpdk-devbind.py --bind=vfio-pci %s'",
			device->name, driver, device->name);
	return 0;
}

int device_check(const struct device_name *device, struct fault *fault)
{
	if (device->pci)
		return check_pci(device, fault);

	int err = check_driver_exists(device, fault);
	if (err != 0)
		return err;
	if (strcmp(device->driver, "net_tap") == 0)
		return check_tap(device, fault);
	if (strcmp(device->driver, "net_vhost") == 0)
		return check_vhost(device, fault);
	if (strcmp(device->driver, "net_af_packet") == 0 ||
		strcmp(device->driver, "net_af_xdp") == 0)
		return check_interface(device, fault);
	return 0;
}
