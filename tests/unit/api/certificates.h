/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys and certificates for tests, made when they are needed: files in a folder of their own. */
#ifndef RWS_TEST_CERTIFICATES_H
#define RWS_TEST_CERTIFICATES_H

/* Makes the folder and an authority in it, ca.pem; and removes all of it. */
void certificates_begin(void);
void certificates_end(void);

/*
 * NAME.pem and NAME.key: signed by the authority, or by itself; names as in "DNS:a.example,IP:10.0.0.2".
 */
void certificates_make(const char *name, const char *names, int by_itself);

/* NAME.key: the key of another name, behind a pass phrase. */
void certificates_lock_key(const char *name, const char *of);

/* Path of a file in the folder; good until the eighth call after. */
const char *certificates_path(const char *file);

#endif
