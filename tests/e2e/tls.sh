#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
# seconds: 240
#
# rws-httpd serves HTTPS to curl, by TLS 1.2 and 1.3, and rws-get fetches from a server of OpenSSL's;
# a certificate that nobody vouches for, or for another name, is refused.

. "$(dirname "$0")/lib.sh"
e2e_begin

# fetch STATUS OPTION...: curl from the server, with the certificate to trust among the options.
fetch() {
	local wanted=$1 status=0
	shift
	peer curl -sS --fail --max-time 60 "$@" -o "$WORK/body" || status=$?
	expect "exit status of curl $*" "$status" "$wanted"
}

certificate right "IP:$RWS4" "IP:$RWS6" "IP:$KERNEL4" "IP:$KERNEL6"
certificate other DNS:other.example

tap_server web rws-httpd --port 443 --cert "$WORK/right.pem" --key "$WORK/right.key"
size=$((8 * MIB))
for version in 1.2 1.3; do
	fetch 0 "--tlsv$version" --tls-max "$version" --cacert "$WORK/right.pem" "https://$HOST/bytes/$size"
	got=$(sha256sum <"$WORK/body")
	expect "SHA-256 by TLS $version" "${got%% *}" "$(pattern_sha256 $size)"
	pattern_bytes $size >"$WORK/up"
	fetch 0 "--tlsv$version" --tls-max "$version" --cacert "$WORK/right.pem" -T "$WORK/up" \
		"https://$HOST/upload"
	grep -q "$(pattern_sha256 $size)" "$WORK/body" || fail "the upload did not arrive as it was"
done
fetch 60 --cacert "$WORK/other.pem" "https://$HOST/"
fetch 52 "http://$HOST:443/"
finish_clean web

# get NAME STATUS OPTION...: rws-get to its end.
get() {
	local name=$1 status=$2
	shift 2
	tap_app "$name" rws-get "https://$KERNEL_HOST:8443/page" -o "$WORK/got" "$@"
	await_exit "$name" "$status" 40
}

say "a page" >"$WORK/page"
any=0.0.0.0
[ "$family" = 4 ] || any='[::]'
launch server env -C "$WORK" openssl s_server -accept "$any:8443" -cert right.pem -key right.key -WWW
wait_line 10 "${LOG[server]}" 'ACCEPT' "${PID[server]}" || fail "no server"
get trusted 0 --ca "$WORK/right.pem"
expect "the page" "$(cat "$WORK/got")" "a page"
get insecure 0 --insecure
get untrusted 1 --ca "$WORK/other.pem"
grep -q 'not trusted' "${LOG[untrusted]}" || fail "it is not told that the certificate is not trusted"
get system 1

# A server that speaks no TLS.
launch plain python3 -B "$E2E/peers/http_server.py" 8000
wait_line 10 "${LOG[plain]}" '^listening$' "${PID[plain]}" || fail "no server"
tap_app astray rws-get "https://$KERNEL_HOST:8000/bytes/1" --insecure
await_exit astray 1 40
grep -q 'no answer in TLS' "${LOG[astray]}" || fail "it is not told that the server speaks no TLS"

# A response that ends without TLS's word for it (RFC 8446 6.1), and has no length of its own.
launch cut python3 -B "$E2E/peers/tls_cut.py" 8444 "$WORK/right.pem" "$WORK/right.key"
wait_line 10 "${LOG[cut]}" '^listening$' "${PID[cut]}" || fail "no server"
tap_app short rws-get "https://$KERNEL_HOST:8444/" --insecure -o "$WORK/short"
await_exit short 1 40
grep -q 'may be cut short' "${LOG[short]}" || fail "it is not told that the response was cut"
[ ! -e "$WORK/short" ] || fail "a response that was cut is taken for whole"
