/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration, keys and trust. */
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/tls/tls.h"

/* RFC 7301 3.1: each protocol with its length before it. */
struct alpn {
	unsigned length;
	uint8_t wire[TLS_ALPN_MAX * 256];
};

static int fail(struct rws_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What OpenSSL says of its own goes behind it. */
static int fail(struct rws_error *error, int code, const char *format, ...)
{
	unsigned long reason = ERR_peek_last_error();
	const char *text = reason != 0 ? ERR_reason_error_string(reason) : NULL;
	va_list args;
	int n;

	ERR_clear_error();
	if (error == NULL)
		return code;
	error->code = code;
	va_start(args, format);
	n = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (text != NULL && n >= 0 && (size_t)n < sizeof(error->text))
		snprintf(error->text + n, sizeof(error->text) - (size_t)n, ": %s", text);
	return code;
}

/* Told apart from a file that makes no sense. */
static int check_file(const char *path, struct rws_error *error)
{
	if (access(path, R_OK) == 0)
		return 0;
	int code = -errno;
	return fail(error, code, "%s: %s", path, strerror(-code));
}

/* ---- ALPN --------------------------------------------------------------------------------- */

static int make_alpn(
	const struct rws_tls_config *config, struct alpn *alpn, struct rws_error *error)
{
	alpn->length = 0;
	if (config->alpn_count > TLS_ALPN_MAX)
		return fail(error, -EINVAL, "%u protocols for ALPN; name at most %u",
			config->alpn_count, TLS_ALPN_MAX);
	for (unsigned i = 0; i < config->alpn_count; i++) {
		size_t n = strlen(config->alpn[i]);
		if (n == 0 || n > 255)
			return fail(error, -EINVAL,
				"a protocol for ALPN has 1 to 255 bytes, not %zu", n);
		alpn->wire[alpn->length++] = (uint8_t)n;
		memcpy(alpn->wire + alpn->length, config->alpn[i], n);
		alpn->length += (unsigned)n;
	}
	return 0;
}

/* Of the client's protocols the one that we prefer; without one in common the handshake fails. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *length,
	const unsigned char *offered, unsigned offered_length, void *user)
{
	const struct alpn *alpn = user;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, length, alpn->wire, alpn->length, offered,
		    offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void free_alpn(
	void *parent, void *alpn, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	free(alpn);
}

/* Where a context keeps its struct alpn: it lives as long as the last connection. */
static pthread_once_t alpn_once = PTHREAD_ONCE_INIT;
static int alpn_index;

static void make_alpn_index(void)
{
	alpn_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_alpn);
}

static int set_alpn(SSL_CTX *context, const struct rws_tls_config *config, struct rws_error *error)
{
	struct alpn *alpn = malloc(sizeof(*alpn));
	int result;

	if (alpn == NULL)
		return fail(error, -ENOMEM, "no memory");
	pthread_once(&alpn_once, make_alpn_index);
	result = make_alpn(config, alpn, error);
	if (result == 0 && alpn->length > 0 &&
		SSL_CTX_set_alpn_protos(context, alpn->wire, alpn->length) != 0)
		result = fail(error, -ENOMEM, "no memory");
	if (result != 0 || alpn->length == 0 ||
		SSL_CTX_set_ex_data(context, alpn_index, alpn) != 1) {
		free(alpn);
		return result;
	}
	SSL_CTX_set_alpn_select_cb(context, choose_alpn, alpn);
	return 0;
}

/* ---- Keys and trust ----------------------------------------------------------------------- */

/* OpenSSL would ask for one, at a terminal that the program may not have. */
static int no_pass_phrase(char *buffer, int size, int for_writing, void *user)
{
	return 0;
}

static int load_certificate(
	SSL_CTX *context, const struct rws_tls_config *config, struct rws_error *error)
{
	if (config->certificate_file == NULL && config->key_file == NULL)
		return 0;
	if (config->certificate_file == NULL || config->key_file == NULL)
		return fail(error, -EINVAL, "a certificate and its key go together");
	int result = check_file(config->certificate_file, error);
	if (result == 0)
		result = check_file(config->key_file, error);
	if (result != 0)
		return result;
	if (SSL_CTX_use_certificate_chain_file(context, config->certificate_file) != 1)
		return fail(error, -EINVAL, "%s holds no certificate", config->certificate_file);
	SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
	if (SSL_CTX_use_PrivateKey_file(context, config->key_file, SSL_FILETYPE_PEM) != 1)
		return fail(error, -EINVAL,
			"%s holds no key of that certificate, or one behind a pass phrase",
			config->key_file);
	return 0;
}

static int load_trust(
	SSL_CTX *context, const struct rws_tls_config *config, struct rws_error *error)
{
	if (config->ca_file == NULL && config->ca_folder == NULL)
		return SSL_CTX_set_default_verify_paths(context) == 1
			? 0
			: fail(error, -EINVAL, "the system's certificates cannot be read");
	int result = config->ca_file != NULL ? check_file(config->ca_file, error) : 0;
	if (result == 0 && config->ca_folder != NULL)
		result = check_file(config->ca_folder, error);
	if (result == 0 &&
		SSL_CTX_load_verify_locations(context, config->ca_file, config->ca_folder) != 1)
		result = fail(error, -EINVAL, "no certificates to trust in %s",
			config->ca_file != NULL ? config->ca_file : config->ca_folder);
	return result;
}

/* ---- Life --------------------------------------------------------------------------------- */

void rws_tls_config_init(struct rws_tls_config *config)
{
	*config = (struct rws_tls_config){.size = sizeof(*config)};
}

static void set_rules(SSL_CTX *context, const struct rws_tls_config *config)
{
	SSL_CTX_set_min_proto_version(
		context, config->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* Without one OpenSSL refuses to resume a session that had a client's certificate. */
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"rws", 3);
	SSL_CTX_set_verify(context,
		config->need_client_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
						: SSL_VERIFY_NONE,
		NULL);
}

static int set_up(struct rws_tls *tls, const struct rws_tls_config *config, struct rws_error *error)
{
	tls->context = SSL_CTX_new(TLS_method());
	if (tls->context == NULL)
		return fail(error, -ENOMEM, "no TLS context");
	tls->trust_anybody = config->trust_anybody;
	tls->has_certificate = config->certificate_file != NULL;
	set_rules(tls->context, config);
	int result = load_trust(tls->context, config, error);
	if (result == 0)
		result = load_certificate(tls->context, config, error);
	if (result == 0)
		result = set_alpn(tls->context, config, error);
	return result;
}

int rws_tls_create(
	const struct rws_tls_config *config, struct rws_tls **out, struct rws_error *error)
{
	if (config == NULL || out == NULL || config->size != sizeof(*config))
		return fail(error, -EINVAL,
			"struct rws_tls_config was not made by rws_tls_config_init, or for another "
			"release");
	struct rws_tls *tls = calloc(1, sizeof(*tls));
	if (tls == NULL)
		return fail(error, -ENOMEM, "no memory");
	ERR_clear_error();
	int result = set_up(tls, config, error);
	if (result != 0)
		rws_tls_destroy(tls);
	else
		*out = tls;
	return result;
}

void rws_tls_destroy(struct rws_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}
