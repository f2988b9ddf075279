/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of librws-tls share: tls_context.c reads the configuration, tls_connection.c moves
 * the bytes.
 */
#ifndef RWS_TLS_INTERNAL_H
#define RWS_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "api/tls/rws_tls.h"

#define TLS_ALPN_MAX 16u

struct rws_tls {
	SSL_CTX *context; /* counted: connections hold it as well */
	bool trust_anybody;
	bool has_certificate;
};

#endif
