#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/4 channel/1/6
# seconds: 900
#
# rws-proxy between clients and nginx on Linux: bodies of all sizes both ways, a crowd, backends that
# die and come back, clients that speak TLS, and how either side's end reaches the other.

. "$(dirname "$0")/lib.sh"
e2e_begin

# backend NAME PORT: nginx, with the files of WORK/www, and what is sent to /up/ kept beside them.
backend() {
	local dir=$WORK/$1
	mkdir -p "$dir" "$WORK/www/up"
	cat >"$dir/nginx.conf" <<-END
		daemon off;
		worker_processes 1;
		user root;
		pid $dir/pid;
		error_log stderr;
		events { worker_connections 2048; }
		http {
			access_log off;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			client_max_body_size 0;
			keepalive_requests 1000000000;
			sendfile on;
			server {
				listen $2 backlog=1024;
				listen [::]:$2 backlog=1024;
				root $WORK/www;
				location /up/ { dav_methods PUT; }
			}
		}
	END
	launch "$1" nginx -e stderr -p "$dir" -c "$dir/nginx.conf"
	wait_until 10 listens "$2" || fail "$1 does not listen"
}

listens() { [ -n "$(peer ss -Hnlt "sport = $1")" ]; }

backends() {
	backend first 8001
	backend second 8002
}

fetch() { peer curl -sS --fail --max-time 300 "$@"; }

said() { grep -qF "$1" "${LOG[proxy]}"; }

expect_said() { wait_until 10 said "$1" || fail "the proxy never said '$1'" && say "ok: it says '$1'"; }

to_backends() { printf '%s\n' --backend "$KERNEL_HOST:8001" --backend "$KERNEL_HOST:8002"; }

# refused REGEX OPTION...: the command line cannot work, run by way of the command in `as`, and the
# message matches.
as=(env)
refused() {
	local regex=$1 status=0
	shift
	timeout 20 "${as[@]}" "$(app rws-proxy)" --dev net_tap0,iface=rws0 --addr "$RWS4/24" "$@" \
		2>"$WORK/said" || status=$?
	expect "status with '$*'" "$status" 2
	grep -qE "$regex" "$WORK/said" || fail "'$*': it says $(cat "$WORK/said")"
}

# bodies URL SIZES [OPTION_OF_CURL...]: down and up.
bodies() {
	local size got wanted url=$1 sizes=$2
	shift 2
	for size in $sizes; do
		wanted=$(pattern_sha256 "$size")
		pattern_bytes "$size" >"$WORK/www/$size"
		got=$(fetch "$@" "$url/$size" | sha256sum)
		expect "SHA-256 of $size bytes down" "${got%% *}" "$wanted"
		fetch "$@" -T "$WORK/www/$size" "$url/up/$size"
		got=$(sha256sum <"$WORK/www/up/$size")
		expect "SHA-256 of $size bytes up" "${got%% *}" "$wanted"
		rm "$WORK/www/$size" "$WORK/www/up/$size"
	done
}

# crowd URL SECONDS REQUESTS: 512 clients at once get so many at least, and no error.
crowd() {
	peer wrk -t 2 -c 512 -d "${2}s" --timeout 10s "$1/thousand" | tee "$WORK/wrk"
	! grep -qE 'Socket errors|Non-2xx' "$WORK/wrk" || fail "wrk saw errors"
	expect_at_least "requests" "$(awk '/requests in/ { print $1 }' "$WORK/wrk")" "$3"
}

# Each thread of the proxy has to find out by itself: several requests.
requests() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		fetch "http://$HOST/thousand" | cmp - "$WORK/www/thousand" || fail "request $i"
	done
	say "ok: 8 requests"
}

one_dies_and_comes_back() {
	requests
	stop_process "${PID[first]}"
	requests
	expect_said "backend $KERNEL_HOST:8001: connection refused"
	backend first 8001
	sleep 1.1
	requests
	expect_said "backend $KERNEL_HOST:8001 is back"
}

all_die() {
	local status=0
	stop_process "${PID[first]}"
	stop_process "${PID[second]}"
	peer curl -sS --max-time 20 -o /dev/null "http://$HOST/thousand" || status=$?
	case $status in # the reset may come before curl has looked at its connection
	7 | 55 | 56) say "ok: curl was reset" ;;
	*) fail "curl's status is $status, a reset would be 7, 55 or 56" ;;
	esac
	expect_said "no backend left"
	backend first 8001
	sleep 1.1
	fetch "http://$HOST/thousand" | cmp - "$WORK/www/thousand" || fail "request after all were back"
}

threads=1
[ "$placement" = channel ] || threads=$cores
mkdir "$WORK/www"
pattern_bytes 1000 >"$WORK/www/thousand"
certificate right "IP:$RWS"
certificate other "IP:$RWS"

refused 'backend is missing'
refused 'write it as' --backend 10.0.0.1
refused 'write it as' --backend '*:80'
for none in 0.0.0.0:80 127.0.0.1:80 224.0.0.1:80 255.255.255.255:80 '[::]:80' '[::1]:80' '[ff02::1]:80'; do
	refused 'unicast' --backend "$none"
done
refused 'given twice' --backend 10.0.0.1:80 --backend 10.0.0.1:80
some=(--backend 10.0.0.1:80)
refused 'key is missing' "${some[@]}" --cert "$WORK/right.pem"
refused 'cert is missing' "${some[@]}" --key "$WORK/right.key"
refused '/none.pem: No such file' "${some[@]}" --cert "$WORK/none.pem" --key "$WORK/right.key"
refused '/none.key: No such file' "${some[@]}" --cert "$WORK/right.pem" --key "$WORK/none.key"
touch "$WORK/secret.key"
chmod 0 "$WORK/secret.key"
as=(setpriv --bounding-set=-all --inh-caps=-all)
refused '/secret.key: Permission denied' "${some[@]}" --cert "$WORK/right.pem" --key "$WORK/secret.key"
as=(env)
refused 'thousand holds no certificate' "${some[@]}" --cert "$WORK/www/thousand" --key "$WORK/right.key"
refused 'other.key holds no key of that' "${some[@]}" --cert "$WORK/right.pem" --key "$WORK/other.key"

# ---- Plain -----------------------------------------------------------------------------------------

backends
mapfile -t backends < <(to_backends)
tap_server proxy rws-proxy --port 80 "${backends[@]}" --fail-timeout 1
bodies "http://$HOST" "$(body_sizes)"
seconds=10
[ "$full" = no ] || seconds=60
crowd "http://$HOST" "$seconds" 5000
one_dies_and_comes_back
all_die
# Segments on the way when a reset crosses them are of no connection when they come.
finish_clean proxy drop.conn_closed drop.tcp_refused
expect_at_least "clients accepted" "$(counter proxy proxy.accepted)" 530
expect_at_least "clients of the first" "$(counter proxy proxy.backend1.connections)" 200
expect_at_least "clients of the second" "$(counter proxy proxy.backend2.connections)" 200
expect_at_least "failures of the first" "$(counter proxy proxy.backend1.failures)" 1
expect_at_least "clients refused" "$(counter proxy proxy.refused)" 1
expect "bytes copied" "$(counter proxy channel.copied_bytes)" 0
expect_at_least "bytes moved on in their buffers" "$(counter proxy channel.moved_bytes)" \
	"$(counter proxy proxy.bytes_up)"

tap_server ends rws-proxy --port 80 --backend "$KERNEL_HOST:8003" --idle-timeout 2 --connections 4
peer_python proxy_ends "$RWS" 80 8003 $((4 * threads))
finish_clean ends drop.conn_closed drop.tcp_refused
expect "connections reset for want of bytes" "$(counter ends proxy.idle)" 1

# Our own address could be any backend's, until it is known which one is ours.
tap_server self rws-proxy --port 80 --backend "$HOST:8001" --fail-timeout 1
status=0
peer curl -sS --max-time 20 -o /dev/null "http://$HOST/thousand" || status=$?
expect_at_least "curl's status without a backend" "$status" 1
grep -qF "backend $HOST:8001: not one other host" "${LOG[self]}" || fail "our own is not explained"
finish_clean self drop.conn_closed drop.tcp_refused

# ---- TLS -------------------------------------------------------------------------------------------

tls=(--cert "$WORK/right.pem" --key "$WORK/right.key")
backend second 8002
tap_server secure rws-proxy "${backends[@]}" "${tls[@]}"
bodies "https://$HOST" "0 1 $((64 * MIB))" --cacert "$WORK/right.pem"
for version in 1.2 1.3; do
	fetch "--tlsv$version" --tls-max "$version" --cacert "$WORK/right.pem" "https://$HOST/thousand" |
		cmp - "$WORK/www/thousand" || fail "TLS $version"
	say "ok: TLS $version"
done
printf 'GET /thousand HTTP/1.0\r\n\r\n' | peer openssl s_client -connect "$HOST:443" -quiet \
	-CAfile "$WORK/right.pem" -verify_return_error >"$WORK/body" 2>"$WORK/said" ||
	fail "openssl s_client: $(cat "$WORK/said")"
tail -c 1000 "$WORK/body" | cmp - "$WORK/www/thousand" || fail "what openssl s_client got"
say "ok: openssl s_client"
status=0
fetch --cacert "$WORK/other.pem" "https://$HOST/thousand" || status=$?
expect "curl's status with another certificate" "$status" 60
crowd "https://$HOST" 10 1000
finish_clean secure drop.conn_closed drop.tcp_refused
expect_at_least "handshakes" "$(counter secure proxy.handshakes)" 512
expect_at_least "clients that reject us" "$(counter secure proxy.handshakes_rejected)" 1

# As many silent clients as that each thread has more than the one that may shake hands.
silent=$((6 * threads))
tap_server ends rws-proxy --backend "$KERNEL_HOST:8003" "${tls[@]}" --idle-timeout 2 --handshakes 1 \
	--handshake-timeout 1
peer_python proxy_ends "$RWS" 443 8003 $silent "$WORK/right.pem"
finish_clean ends drop.conn_closed drop.tcp_refused
expect "connections reset for want of bytes" "$(counter ends proxy.idle)" 1
expect "clients that speak no TLS" "$(counter ends proxy.handshakes_refused)" 1
expect "handshakes that were not done in time" "$(counter ends proxy.handshakes_late)" $silent
