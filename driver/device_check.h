/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks at the device somebody named before DPDK does: DPDK's options must not be reachable
 * through it, and what cannot work is said in words that name the remedy.
 */
#ifndef RWS_DEVICE_CHECK_H
#define RWS_DEVICE_CHECK_H

#include <stdbool.h>

#include "stack/base/fault.h"

#define DEVICE_NAME_MAX 64

/* A device string taken apart; it points into nothing. */
struct device_name {
	char name[DEVICE_NAME_MAX];   /* as DPDK will call the port: "net_tap0", "0000:01:00.0" */
	char driver[DEVICE_NAME_MAX]; /* "net_tap"; "" for PCI */
	char iface[DEVICE_NAME_MAX];  /* value of iface=, "" without */
	char socket[108];             /* path of the socket that net_vhost is to make, or "" */
	bool pci;
};

/* Parses devargs without touching the system: 0, or -EINVAL with what is wrong. */
int device_parse(const char *devargs, struct device_name *device, struct fault *fault);

/* Whether this machine can give the device to us: driver, privileges, interface, binding. */
int device_check(const struct device_name *device, struct fault *fault);

/* Value of key= in devargs, false without or when it does not fit. */
bool device_argument(const char *devargs, const char *key, char *value, unsigned size);

#endif
