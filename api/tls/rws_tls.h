/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS 1.2 and 1.3 over rws sockets, by OpenSSL: a connected socket goes in, a socket comes out whose
 * channels carry the plain bytes. Link with -lrws-tls (rws-tls.pc); librws itself needs no OpenSSL.
 *
 * Conventions are those of rws.h. A struct rws_tls may be used by several threads at once; a
 * connection belongs to the thread of its socket.
 */
#ifndef RWS_TLS_H
#define RWS_TLS_H

#include <rws.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keys, trust and settings that connections share. */
struct rws_tls;

/* What rws_tls_create takes; copied at the call. */
struct rws_tls_config {
	size_t size;           /* sizeof(struct rws_tls_config), set by rws_tls_config_init */
	const char *ca_file;   /* PEM, whom to trust; with ca_folder NULL as well: the system's */
	const char *ca_folder; /* of such files, as OpenSSL names them; c_rehash */
	const char *certificate_file; /* PEM, ours first, then those above it; servers need one */
	const char *key_file;         /* PEM */
	const char *const *alpn; /* RFC 7301: protocols, the preferred first; "h2", "http/1.1" */
	unsigned alpn_count;     /* at most 16 */
	bool trust_anybody; /* clients: no look at the server's certificate; for tests and nothing else */
	bool need_client_certificate; /* servers: refuse who has none, or one not trusted */
	bool tls13_only;              /* refuse TLS 1.2 */
};

void rws_tls_config_init(struct rws_tls_config *config);

/*
 * Reads the files. 0, or a negative errno with *error filled (may be NULL): -EINVAL, -ENOMEM, -ENOENT
 * or -EACCES for a file.
 */
int rws_tls_create(
	const struct rws_tls_config *config, struct rws_tls **tls, struct rws_error *error);

/* Connections that were made with it go on. */
void rws_tls_destroy(struct rws_tls *tls);

/*
 * Begins TLS on a connected socket of which nothing was opened or attached, and that has no
 * callbacks: it belongs to *s from here on, and is closed with it. *s ends up with RWS_EV_CONNECTED
 * when the handshake is done, or with RWS_EV_ERROR and its cause:
 *
 *   -EKEYREJECTED  the peer's certificate is not trusted, or is for another name; or it said so of
 *                  ours, which with TLS 1.3 may be after RWS_EV_CONNECTED
 *   -EPROTO        it does not speak TLS as we do, or ended without saying so
 *   others         of the connection underneath
 *
 * The handshake has no limit of time but that of the connection underneath: close *s when it takes
 * too long.
 *
 * From then on it is a socket like any other, whose read channel holds 64 KiB. Closing its write
 * channel sends close_notify, then FIN; the peer's close_notify is the end of the read channel. The
 * connection's end without it (RFC 8446 6.1: it may be a truncation) is -EPROTO behind the bytes
 * that came before.
 *
 * server_name: host name or address that the certificate must be for (RFC 6125: wildcards stand for a
 * whole label); a name is also sent (SNI). NULL only with trust_anybody.
 *
 * Fails at once: -EINVAL, -ENOTCONN, -EALREADY (something was opened), -EBUSY (callbacks),
 * -ESHUTDOWN (closed), -EBADF, -EXDEV, all with the socket as it was; -ENOBUFS.
 */
int rws_tls_client(
	struct rws_tls *tls, rws_socket_t socket, const char *server_name, rws_socket_t *s);

/* The same as the server; -EINVAL also without a certificate. */
int rws_tls_server(struct rws_tls *tls, rws_socket_t socket, rws_socket_t *s);

/* What was agreed on. 0, or -EBADF, -ENOTCONN: no TLS, not yet, or no more. */
struct rws_tls_info {
	char version[16]; /* "TLSv1.3" */
	char cipher[64];  /* as OpenSSL names it: "TLS_AES_256_GCM_SHA384" */
	char alpn[256];   /* empty: nothing */
	char peer[256];   /* common name of the peer's certificate; empty: it showed none */
};
int rws_tls_info(rws_socket_t s, struct rws_tls_info *info);

#ifdef __cplusplus
}
#endif

#endif
