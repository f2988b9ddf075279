/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/device_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/driver/lab.h"

static void devices_are_taken_apart(void **state)
{
	static const struct {
		const char *devargs, *name, *driver, *iface;
		bool pci;
	} cases[] = {
		{"net_tap0,iface=rws0", "net_tap0", "net_tap", "rws0", false},
		{"net_tap12", "net_tap12", "net_tap", "", false},
		{"net_tap0,iface=r0,mac=fixed,persist", "net_tap0", "net_tap", "r0", false},
		{"net_af_packet0,iface=veth1,qpairs=2", "net_af_packet0", "net_af_packet", "veth1",
			false},
		{"net_virtio_user3,path=/dev/vhost-net", "net_virtio_user3", "net_virtio_user", "",
			false},
		{"net_vhost0,iface=/run/longer-than-an-interface", "net_vhost0", "net_vhost", "",
			false},
		{"0000:01:00.0", "0000:01:00.0", "", "", true},
		{"01:00.1", "0000:01:00.1", "", "", true},
		{"0000:af:1f.7,arg=1", "0000:af:1f.7", "", "", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_name device;
		struct fault fault = {""};
		if (device_parse(cases[i].devargs, &device, &fault) != 0)
			fail_msg("%s", fault.text);
		assert_string_equal(device.name, cases[i].name);
		assert_string_equal(device.driver, cases[i].driver);
		assert_string_equal(device.iface, cases[i].iface);
		assert_int_equal(device.pci, cases[i].pci);
	}
}

static void what_is_no_device_is_refused_with_a_reason(void **state)
{
	static const char *const cases[][2] = {
		{NULL, "no device"},
		{"", "no device"},
		{"-v", "starts with '-'"},
		{"--vdev=net_tap0", "starts with '-'"},
		{"net_tap0 --no-huge", "blanks"},
		{"net_tap0\n-v", "blanks"},
		{"net_tap0,iface='x'", "quotes"},
		{"net_tap0;reboot", "quotes"},
		{"net_tap0,iface=\xc3\xbc", "ASCII"},
		{"net_tun0,iface=rws0", "net_tap"},
		{"eth0", "not a device"},
		{"net_tap", "not a device"},
		{"net_0", "not a device"},
		{"crypto_null0", "not a device"},
		{"Net_tap0", "not a device"},
		{"0000:01:00", "not a device"},
		{"0000:01:00.8", "not a device"},
		{"0000:01:00.0x", "not a device"},
		{"net_tap0,iface=fifteen-letters", NULL},
		{"net_tap0,iface=sixteen-letters-", "longer than 15"},
		{"net_tap0,ifce=rws0", "does not know 'ifce=rws0'"},
		{"net_vhost0", "iface=/run/rws.sock"},
		{"net_vhost0,client=1", "iface=/run/rws.sock"},
		{"net_tap0,iface=a,speed=9", "does not know 'speed=9'"},
	};
	char longest[500] = "net_tap0,iface=";

	(void)state;
	memset(longest + strlen(longest), 'x', sizeof(longest) - 1 - strlen(longest));
	struct device_name device;
	struct fault fault = {""};
	assert_int_equal(device_parse(longest, &device, &fault), -EINVAL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = device_parse(cases[i][0], &device, &fault);
		assert_int_equal(err, cases[i][1] != NULL ? -EINVAL : 0);
		if (err != 0 && strstr(fault.text, cases[i][1]) == NULL)
			fail_msg("'%s' says: %s", cases[i][0], fault.text);
	}
}

static void what_the_machine_lacks_is_said(void **state)
{
	static const struct {
		const char *devargs;
		int err;
		const char *says;
	} cases[] = {
		{"net_nosuch0", -ENODEV, "net_tap"},
		{"net_af_packet0", -EINVAL, "iface=eth1"},
		{"net_af_packet0,iface=nosuch9", -ENODEV, "nosuch9 does not exist"},
		{"net_af_xdp0,iface=nosuch9", -ENODEV, "nosuch9 does not exist"},
		{"0000:ff:1f.7", -ENODEV, "dpdk-devbind.py"},
		{"net_null0", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_name device;
		struct fault fault = {""};
		assert_int_equal(device_parse(cases[i].devargs, &device, &fault), 0);
		assert_int_equal(device_check(&device, &fault), cases[i].err);
		if (strstr(fault.text, cases[i].says) == NULL)
			fail_msg("%s says: %s", cases[i].devargs, fault.text);
	}
}

/* Parses and checks, and gives the result. */
static int check(const char *devargs, struct fault *fault)
{
	struct device_name device;

	fault->text[0] = '\0';
	assert_int_equal(device_parse(devargs, &device, fault), 0);
	return device_check(&device, fault);
}

static void vhost_takes_the_place_of_nobody(void **state)
{
	char folder[] = "device-check-XXXXXX", path[64], devargs[96], client[128];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fault fault;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(devargs, sizeof(devargs), "net_vhost0,iface=%s", path);
	assert_int_equal(check(devargs, &fault), 0);

	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(check(devargs, &fault), -EEXIST);
	assert_non_null(strstr(fault.text, "no socket"));
	unlink(path);

	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(check(devargs, &fault), -EBUSY);
	assert_non_null(strstr(fault.text, "another process"));
	snprintf(client, sizeof(client), "%s,client=1", devargs);
	assert_int_equal(check(client, &fault), 0); /* it is the one to connect to */
	close(fd);
	assert_int_equal(check(devargs, &fault), 0); /* left by somebody who is gone */
	unlink(path);
	rmdir(folder);
}

static void arguments_are_found_by_their_whole_name(void **state)
{
	char value[8];

	(void)state;
	assert_true(device_argument("net_x0,ab=1,b=2", "b", value, sizeof(value)));
	assert_string_equal(value, "2");
	assert_false(device_argument("net_x0,ab=1", "b", value, sizeof(value)));
	assert_false(device_argument("net_x0,b=12345678", "b", value, sizeof(value)));
	assert_true(device_argument("net_x0,b=1234567", "b", value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_are_taken_apart),
		cmocka_unit_test(what_is_no_device_is_refused_with_a_reason),
		cmocka_unit_test(what_the_machine_lacks_is_said),
		cmocka_unit_test(vhost_takes_the_place_of_nobody),
		cmocka_unit_test(arguments_are_found_by_their_whole_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
