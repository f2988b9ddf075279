/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/app_accept.h"

#include <errno.h>
#include <stdlib.h>

#define ACCEPT_BURST 32u

static void open_client(struct app_clients *clients, rws_socket_t socket)
{
	void *client = calloc(1, clients->size);

	if (client == NULL) {
		rws_abort(socket, -ENOMEM);
		rws_dispose(socket);
		return;
	}
	clients->count++;
	clients->open(clients, client, socket);
}

unsigned app_accept(struct app_clients *clients, unsigned places)
{
	rws_socket_t sockets[ACCEPT_BURST];
	int n = rws_accept_burst(
		clients->listener, sockets, places < ACCEPT_BURST ? places : ACCEPT_BURST);

	for (int i = 0; i < n; i++)
		open_client(clients, sockets[i]);
	return n > 0 ? (unsigned)n : 0;
}

void app_client_ended(struct app_clients *clients, void *client)
{
	clients->count--;
	free(client);
}
