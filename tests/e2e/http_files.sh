#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/4
#
# Files below the root: types, HEAD, ranges, and a clear refusal of everything else.

. "$(dirname "$0")/lib.sh"
e2e_begin

# get PATH CURL_OPTION...: status and type of the answer; its body in WORK/body.
get() {
	local path=$1
	shift
	: >"$WORK/body"
	peer curl -sS --max-time 10 --path-as-is -o "$WORK/body" -w '%{http_code} %{content_type}' \
		"$@" "http://$HOST$path"
}

web
mkdir "$WORK/www/below"
pattern_bytes 200000 >"$WORK/www/below/data.bin"
say "body {}" >"$WORK/www/style.css"
say "secret" >"$WORK/secret"
ln -s "$WORK/secret" "$WORK/www/link"

expect "index" "$(get / | cut -d';' -f1)" "200 text/html"
cmp "$WORK/body" "$WORK/www/index.html"
expect "style sheet" "$(get /style.css | cut -d';' -f1)" "200 text/css"
expect "bytes" "$(get /below/data.bin)" "200 application/octet-stream"
cmp "$WORK/body" "$WORK/www/below/data.bin"

expect "a range" "$(get /below/data.bin -r 1000-1999 | cut -d' ' -f1)" 206
cmp "$WORK/body" <(tail -c +1001 "$WORK/www/below/data.bin" | head -c 1000)
expect "the last bytes" "$(get /below/data.bin -r -5 | cut -d' ' -f1)" 206
cmp "$WORK/body" <(tail -c 5 "$WORK/www/below/data.bin")
expect "a range past the end" "$(get /below/data.bin -r 200000- | cut -d' ' -f1)" 416

peer curl -sS --max-time 10 -I "http://$HOST/below/data.bin" >"$WORK/head"
expect "length that HEAD tells" \
	"$(tr -d '\r' <"$WORK/head" | awk 'tolower($1) == "content-length:" { print $2 }')" 200000

expect "a file that is not there" "$(get /nothing | cut -d' ' -f1)" 404
for path in /../secret /below/../../secret /%2e%2e/secret /..%2fsecret /link; do
	get "$path" >/dev/null || :
	! grep -q secret "$WORK/body" || fail "$path reads outside of the root"
	say "ok: $path stays inside"
done
# Times that nobody would believe: what is told of them is no condition to leave the body out.
for when in @0 @-1 @9223372036854775807; do
	touch -d "$when" "$WORK/www/style.css"
	expect "a file of $when" "$(get /style.css -H 'If-Modified-Since: yesterday' | cut -d' ' -f1)" 200
done

for host in 'a b' 'user@a' 'http://a/'; do
	expect "the host '$host'" "$(get / -H "Host: $host" | cut -d' ' -f1)" 400
done
for host in "$HOST:80" 'a_b.example' '[fd00::1]:8080'; do
	expect "the host '$host'" "$(get / -H "Host: $host" | cut -d' ' -f1)" 200
done
expect "a method that is unknown" "$(get / -X BREW | cut -d' ' -f1)" 501
expect "a method that a file does not take" "$(get / -X DELETE | cut -d' ' -f1)" 405
finish_clean web
