/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waits for the interfaces to come up, says what keeps them, and looks whether they are still there.
 *
 * Called from apps/app.c, on the control thread.
 */
#ifndef RWS_APPS_APP_INTERFACES_H
#define RWS_APPS_APP_INTERFACES_H

#include "apps/app.h"

/* Whether all links are up and all addresses usable; else *why says which not. */
bool app_interfaces_ready(const struct app *app, char *why, size_t size);

/* A static address that a link which is up does not take: most likely another station has it. */
bool app_interfaces_refused(const struct app *app, char *why, size_t size);

/* Says once of each device that it was taken away. False: there is no other left. */
bool app_interfaces_left(struct app *app);

/* "rws-httpd 0.1.0: serving /srv on 10.0.0.2:80, [fd00::2]:80 (net_tap, 2 stack cores, inline)" */
void app_print_ready(const struct app *app);

#endif
