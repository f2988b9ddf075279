/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/api/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define PATHS     8
#define FILES_MAX 16

static char folder[] = "/tmp/rws-certificates-XXXXXX";
static char made[FILES_MAX][64];
static unsigned made_count;
static EVP_PKEY *ca_key;
static X509 *ca;

const char *certificates_path(const char *file)
{
	static char paths[PATHS][128];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, file);
	return path;
}

static FILE *open_file(const char *name, const char *end)
{
	assert_true(made_count < FILES_MAX);
	snprintf(made[made_count], sizeof(made[0]), "%s.%s", name, end);
	FILE *file = fopen(certificates_path(made[made_count++]), "w");
	assert_non_null(file);
	return file;
}

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *make(const char *name, EVP_PKEY *key)
{
	static long serial = 1;
	X509 *certificate = X509_new();

	assert_non_null(certificate);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(certificate, key);
	return certificate;
}

static void write_certificate(const char *name, X509 *certificate, EVP_PKEY *key)
{
	FILE *file = open_file(name, "pem");

	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	file = open_file(name, "key");
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

void certificates_begin(void)
{
	assert_non_null(mkdtemp(folder));
	ca_key = EVP_EC_gen("P-256");
	ca = make("test authority", ca_key);
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(ca, ca_key, EVP_sha256()) > 0);
	write_certificate("ca", ca, ca_key);
}

void certificates_make(const char *name, const char *names, int by_itself)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make(name, key);
	X509 *issuer = by_itself ? certificate : ca;

	X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	if (names != NULL)
		extend(certificate, issuer, NID_subject_alt_name, names);
	assert_true(X509_sign(certificate, by_itself ? key : ca_key, EVP_sha256()) > 0);
	write_certificate(name, certificate, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void certificates_lock_key(const char *name, const char *of)
{
	char file_name[64];

	snprintf(file_name, sizeof(file_name), "%s.key", of);
	FILE *file = fopen(certificates_path(file_name), "r");
	assert_non_null(file);
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	assert_non_null(key);
	fclose(file);
	file = open_file(name, "key");
	assert_int_equal(
		PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "phrase", 6, NULL, NULL),
		1);
	fclose(file);
	EVP_PKEY_free(key);
}

void certificates_end(void)
{
	while (made_count > 0)
		unlink(certificates_path(made[--made_count]));
	rmdir(folder);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}
