/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One TLS connection: OpenSSL between the channels of a socket and those of the socket above it.
 *
 * Called by the loop: from the upper socket's post (api/layer.h) and callbacks of the lower one.
 *
 * Theory of operation
 * -------------------
 *   upper socket  <-  SSL_read   <-  from_peer  <-  read channel   <- |
 *   upper socket  ->  SSL_write  ->  to_peer    ->  write channel  -> | lower socket
 *
 * from_peer and to_peer are memory BIOs. Nothing in here waits, and everything is bounded: the lower
 * read channel is read only when OpenSSL asks for more, at most 16 KiB at once, and OpenSSL is asked
 * only while the upper socket has room, so a reader that stops closes the peer's window. The upper
 * socket's bytes are encrypted only while little waits in to_peer, so a slow peer stops the writer.
 *
 * One function, run(), does all that can be done, whoever has news. It ends
 *   well:     close_notify is sent behind the last byte, then FIN, and TCP says that they were
 *             sent, or acknowledged; the peer's is the end of the stream
 *   badly:    fail(): an alert if there is one, then RST; the upper socket gets the cause
 *   aborted:  RST
 * and `end` comes last in each case, when the upper socket's context is done.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/layer.h"
#include "api/tls/tls.h"

#define RECORD_MAX      16384u /* RFC 8446 5.1: plain bytes in a record */
#define TO_PEER_MAX     65536  /* encrypted and not with TCP: no more is encrypted */
#define ANSWERS_MAX     131072 /* the same, with OpenSSL's answers: no more is read */
#define NAME_MAX_LENGTH 255u

#define LOWER_EVENTS                                                                               \
	(RWS_EV_READABLE | RWS_EV_WRITABLE | RWS_EV_RX_EOF | RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED | \
		RWS_EV_ACCEPTABLE | RWS_EV_CONNECTED | RWS_EV_JOB_DONE | RWS_EV_CONTEXT_DONE |     \
		RWS_EV_ERROR)

struct connection {
	struct rws_layer *layer;
	SSL *ssl;
	BIO *from_peer, *to_peer; /* ssl's */
	size_t pushed;            /* bytes of to_peer that TCP has already */
	rws_socket_t lower;
	rws_channel_t in, out;
	int lower_end; /* of its read channel: 0 open, 1 FIN, else the cause */
	int out_error; /* of its write channel */
	bool connected, got_notify, sent_notify, failed;
	bool out_closed, ended, lower_closed; /* FIN behind all there is, that was sent, and then */
	bool out_sent;                        /* TCP sent all of the write channel */
	bool running;
};

static void run(void *user);

/* ---- The lower socket ---------------------------------------------------------------------- */

/* Gives OpenSSL more to read; false when there is no more now. */
static bool pull(struct connection *c)
{
	char bytes[RECORD_MAX];

	if (c->lower_end != 0)
		return false;
	ssize_t n = rws_read_available(c->in, bytes, sizeof(bytes));
	if (n > 0)
		return BIO_write(c->from_peer, bytes, (int)n) == n;
	if (n != -EAGAIN)
		c->lower_end = n == 0 ? 1 : (int)n;
	return false;
}

/* Hands what was encrypted to TCP, as far as that has room; true: all of it. */
static bool push(struct connection *c)
{
	char *bytes;
	size_t n = (size_t)BIO_get_mem_data(c->to_peer, &bytes);

	if (c->out_closed) /* RFC 8446 6.1: what OpenSSL answers behind close_notify is for nobody */
		c->pushed = n;
	while (c->pushed < n) {
		ssize_t written = rws_write_available(c->out, bytes + c->pushed, n - c->pushed);
		if (written < 0 && written != -EAGAIN)
			c->out_error = (int)written;
		if (written <= 0)
			break;
		c->pushed += (size_t)written;
	}
	rws_flush(c->out);
	if (c->pushed < n)
		return false;
	c->pushed = 0;
	(void)BIO_reset(c->to_peer);
	return true;
}

static long left_to_push(const struct connection *c)
{
	return (long)BIO_ctrl_pending(c->to_peer) - (long)c->pushed;
}

/* ---- Failing ------------------------------------------------------------------------------- */

/* The alert that OpenSSL made goes out if it can; a FIN behind it, so that the peer reads it. */
static void fail(struct connection *c, int error)
{
	if (c->failed)
		return;
	c->failed = true;
	push(c);
	rws_channel_close(c->out, 0);
	rws_close(c->lower);
	rws_layer_failed(c->layer, error);
}

static bool is_about_certificates(unsigned long reason)
{
	switch (ERR_GET_REASON(reason)) {
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* Why an SSL call went no further: true to try it again. */
static bool go_on(struct connection *c, int result)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		if (pull(c))
			return true;
		/* RFC 8446 6.1: the end of the connection is not the end of the data. */
		if (c->lower_end != 0 && !c->got_notify)
			fail(c, c->lower_end < 0 ? c->lower_end : -EPROTO);
		return false;
	case SSL_ERROR_ZERO_RETURN:
		if (!c->got_notify) {
			c->got_notify = true;
			rws_layer_received_end(c->layer);
		}
		return false;
	case SSL_ERROR_WANT_WRITE: /* the BIOs take all there is */
		return false;
	default:
		fail(c, is_about_certificates(ERR_peek_last_error()) ? -EKEYREJECTED : -EPROTO);
		return false;
	}
}

/* ---- Moving bytes --------------------------------------------------------------------------- */

static void shake_hands(struct connection *c)
{
	int result;

	do {
		ERR_clear_error();
		result = SSL_do_handshake(c->ssl);
	} while (result != 1 && go_on(c, result));
	if (result != 1)
		return;
	c->connected = true;
	rws_layer_connected(c->layer);
}

/*
 * RFC 8446 4.6.3: what is read may have to be answered. A peer that takes no answers is read no
 * further: above the bound of what is encrypted, or two that only write would wait for each other.
 */
static bool may_answer(struct connection *c)
{
	if (left_to_push(c) >= ANSWERS_MAX)
		push(c);
	return left_to_push(c) < ANSWERS_MAX;
}

static void receive_bytes(struct connection *c)
{
	char bytes[RECORD_MAX];
	size_t room, n;

	while (!c->failed && !c->got_notify && !c->lower_closed && may_answer(c) &&
		(room = rws_layer_room(c->layer)) > 0) {
		ERR_clear_error();
		int result =
			SSL_read_ex(c->ssl, bytes, room < sizeof(bytes) ? room : sizeof(bytes), &n);
		if (result == 1)
			result = rws_layer_deliver(c->layer, bytes, n) == 0 ? 1 : -ENOBUFS;
		else if (!go_on(c, result))
			return;
		if (result == -ENOBUFS)
			fail(c, -ENOBUFS);
	}
}

/* One of the vectors to be sent; how much of it. */
static size_t send_part(struct connection *c, const struct iovec *part)
{
	size_t n = part->iov_len < RECORD_MAX ? part->iov_len : RECORD_MAX, written;
	int result;

	do {
		ERR_clear_error();
		result = SSL_write_ex(c->ssl, part->iov_base, n, &written);
	} while (result != 1 && go_on(c, result));
	return result == 1 ? written : 0;
}

static void send_bytes(struct connection *c)
{
	struct iovec part;
	size_t n;

	while (!c->failed && left_to_push(c) < TO_PEER_MAX &&
		rws_layer_pending(c->layer, &part, 1) == 1 && (n = send_part(c, &part)) > 0) {
		rws_layer_taken(c->layer, n);
		if (left_to_push(c) >= TO_PEER_MAX)
			push(c);
	}
}

/* RFC 8446 6.1, RFC 5246 7.2.1: close_notify behind the last byte. */
static void notify(struct connection *c)
{
	if (c->sent_notify || c->failed || !c->connected)
		return;
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	ERR_clear_error();
	c->sent_notify = true;
}

/* FIN, when all that comes before it is with TCP; and when that has sent it, that is the end. */
static void end_sending(struct connection *c)
{
	if (c->ended || !c->sent_notify || !push(c))
		return;
	if (!c->out_closed)
		rws_channel_close(c->out, 0);
	c->out_closed = true;
	if (!c->out_sent)
		return;
	c->ended = true;
	rws_layer_ended(c->layer);
}

/* The upper socket keeps the time: it aborts when that is over. */
static void await_acknowledgement(struct connection *c)
{
	if (!c->lower_closed) {
		c->lower_closed = true;
		rws_close_linger(c->lower, INT64_MAX);
	}
	if (!rws_is_closed(c->lower))
		return;
	int result = rws_job_result(rws_socket_context(c->lower));
	if (result != 0)
		fail(c, result);
	else
		rws_layer_end_acked(c->layer);
}

/* Behind the end of the peer's stream no read tells of it. */
static int lower_failure(const struct connection *c)
{
	if (!c->got_notify || !rws_is_closed(c->lower))
		return 0;
	return rws_job_result(rws_socket_context(c->lower));
}

/* ---- The layer ------------------------------------------------------------------------------- */

static void run_once(struct connection *c)
{
	unsigned wants = rws_layer_wants(c->layer);

	if (wants & RWS_LAYER_ABORT) {
		c->failed = true;
		rws_abort(c->lower, -ECONNABORTED);
		return;
	}
	if (!c->connected)
		shake_hands(c);
	if (c->connected) {
		send_bytes(c);
		receive_bytes(c);
		if (rws_layer_wants(c->layer) & RWS_LAYER_END)
			notify(c);
	}
	if (!c->failed)
		push(c);
	int error = c->out_error != 0 ? c->out_error : lower_failure(c);
	if (error != 0 && !c->ended)
		fail(c, error);
	else
		end_sending(c);
	if (c->ended && (rws_layer_wants(c->layer) & RWS_LAYER_ACK))
		await_acknowledgement(c);
}

/* What it brings about may have it called again: once is enough. */
static void run(void *user)
{
	struct connection *c = user;

	if (c->running || c->failed)
		return;
	c->running = true;
	run_once(c);
	c->running = false;
}

static void end(void *user)
{
	struct connection *c = user;

	if (!c->failed) {
		notify(c);
		push(c);
	}
	rws_on(c->lower, LOWER_EVENTS, NULL, NULL);
	rws_dispose(c->lower); /* closes: sends what it has, then FIN */
	SSL_free(c->ssl);
	free(c);
}

static const struct rws_layer_ops ops = {.run = run, .free = end};

static void on_lower(void *user, const struct rws_event *event)
{
	struct connection *c = user;

	if ((event->bits & RWS_EV_JOB_DONE) && rws_job_channel(event->handle) == c->out) {
		c->out_sent = event->result == 0;
		c->out_error = event->result;
	}
	if ((event->bits & RWS_EV_TX_ACKED) && !c->failed && left_to_push(c) == 0)
		rws_layer_acked(c->layer);
	run(c);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static bool is_address(const char *name)
{
	uint8_t ip[16];

	return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

/* RFC 6066 3: without the dot of the root, which no certificate has either. */
static bool copy_name(char name[NAME_MAX_LENGTH + 1], const char *from)
{
	size_t n = from != NULL ? strlen(from) : 0;

	if (n > 0 && from[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_LENGTH)
		return false;
	memcpy(name, from, n);
	name[n] = '\0';
	return true;
}

/* Whom the certificate must be for, and what is asked for. */
static int expect(SSL *ssl, const struct rws_tls *tls, const char *server_name)
{
	char name[NAME_MAX_LENGTH + 1];

	if (tls->trust_anybody && server_name == NULL)
		return 0;
	if (!copy_name(name, server_name))
		return -EINVAL;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!tls->trust_anybody)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -EINVAL;
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1 ? 0
											 : -EINVAL;
}

static struct connection *make_connection(const struct rws_tls *tls, rws_socket_t lower)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->lower = lower;
	c->ssl = SSL_new(tls->context);
	c->from_peer = BIO_new(BIO_s_mem());
	c->to_peer = BIO_new(BIO_s_mem());
	if (c->ssl == NULL || c->from_peer == NULL || c->to_peer == NULL) {
		BIO_free(c->from_peer);
		BIO_free(c->to_peer);
		SSL_free(c->ssl);
		free(c);
		return NULL;
	}
	BIO_set_mem_eof_return(c->from_peer, -1); /* empty is not the end */
	SSL_set_bio(c->ssl, c->from_peer, c->to_peer);
	return c;
}

static void drop(struct connection *c)
{
	SSL_free(c->ssl);
	free(c);
}

/* The lower socket's channels and events are ours, all of them or none. */
static int take_lower(struct connection *c)
{
	int result = rws_on(c->lower, LOWER_EVENTS, on_lower, c);

	if (result != 0)
		return result;
	result = rws_connection(c->lower, &c->in, &c->out);
	if (result != 0)
		rws_on(c->lower, LOWER_EVENTS, NULL, NULL);
	return result;
}

static int begin(struct connection *c, rws_socket_t *s)
{
	rws_socket_t upper;
	int result = rws_layer_check(c->lower);

	if (result == 0)
		result = take_lower(c);
	if (result != 0)
		return result;
	result = rws_layer_create(c->lower, &ops, c, &c->layer, &upper);
	if (result == 0)
		*s = upper;
	else
		rws_on(c->lower, LOWER_EVENTS, NULL, NULL);
	return result;
}

int rws_tls_client(
	struct rws_tls *tls, rws_socket_t socket, const char *server_name, rws_socket_t *s)
{
	struct connection *c = make_connection(tls, socket);

	if (c == NULL)
		return -ENOBUFS;
	SSL_set_connect_state(c->ssl);
	int result = expect(c->ssl, tls, server_name);
	if (result == 0)
		result = begin(c, s);
	if (result != 0)
		drop(c);
	return result;
}

int rws_tls_server(struct rws_tls *tls, rws_socket_t socket, rws_socket_t *s)
{
	if (!tls->has_certificate)
		return -EINVAL;
	struct connection *c = make_connection(tls, socket);
	if (c == NULL)
		return -ENOBUFS;
	SSL_set_accept_state(c->ssl);
	int result = begin(c, s);
	if (result != 0)
		drop(c);
	return result;
}

int rws_tls_info(rws_socket_t s, struct rws_tls_info *info)
{
	const struct connection *c = rws_layer_user(s, &ops);
	const unsigned char *alpn;
	unsigned length;

	if (c == NULL)
		return -EBADF;
	if (!c->connected)
		return -ENOTCONN;
	*info = (struct rws_tls_info){0};
	snprintf(info->version, sizeof(info->version), "%s", SSL_get_version(c->ssl));
	snprintf(info->cipher, sizeof(info->cipher), "%s", SSL_get_cipher_name(c->ssl));
	SSL_get0_alpn_selected(c->ssl, &alpn, &length);
	if (alpn != NULL && length < sizeof(info->alpn))
		memcpy(info->alpn, alpn, length);
	X509 *peer = SSL_get0_peer_certificate(c->ssl);
	if (peer != NULL)
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, info->peer,
			sizeof(info->peer));
	return 0;
}
