#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/6 channel/1/4
#
# rws-dns and dig, over UDP and TCP, by either of two addresses; messages that are none, pipelining,
# limits; zone files that are wrong.

. "$(dirname "$0")/lib.sh"
e2e_begin

# ask DIG_ARGUMENT...: the answer with its header.
ask() { peer dig "@$RWS" +tries=3 +time=2 +nocookie "$@"; }

# expect_says WHAT REGEX DIG_ARGUMENT...
expect_says() {
	local what=$1 regex=$2 answer
	shift 2
	answer=$(ask "$@") || fail "$what: dig failed: $answer"
	grep -qE "$regex" <<<"$answer" || fail "$what: no '$regex' in $answer"
	say "ok: $what"
}

# Each over both transports.
questions() {
	local how
	for how in +notcp +tcp; do
		expect "addresses ($how)" "$(ask +short $how www.example A | sort | paste -sd' ')" \
			"10.0.0.2 10.0.0.3"
		expect_says "authority ($how)" 'flags: qr aa rd;' $how www.example AAAA
		expect "alias ($how)" "$(ask +short $how alias.example AAAA | paste -sd' ')" \
			"www.example. fd00::2"
		expect_says "wildcard ($how)" '^x\.y\.wild\.example\..*"wild"' $how x.y.wild.example TXT
		expect_says "no such name ($how)" 'status: NXDOMAIN' $how nobody.example A
		expect_says "no such type ($how)" 'status: NOERROR.*' $how www.example MX
		expect_says "nothing may be remembered for 30 s ($how)" '^example\.[[:space:]]+30.*SOA' \
			$how nobody.example A
		expect_says "referral ($how)" 'AUTHORITY: 1, ADDITIONAL: 2' $how x.sub.example A
		expect_says "second zone ($how)" '^host\.other\..*10\.3\.0\.1' $how host.other A
		expect_says "other zone ($how)" 'status: REFUSED' $how www.elsewhere A
		expect_says "other operation ($how)" 'status: NOTIMP' $how +opcode=notify example SOA
		expect_says "EDNS of version 1 ($how)" 'status: BADVERS' $how +edns=1 +noednsneg www.example A
	done
}

sizes() {
	expect_says "too long without EDNS" 'flags: qr aa tc rd;' +notcp +noedns +ignore many.example A
	expect_says "fits with EDNS" 'ANSWER: 60' +notcp +bufsize=1232 +ignore many.example A
	expect_says "too long for a datagram" 'flags: qr aa tc rd;' +notcp +bufsize=4096 +ignore more.example A
	expect_says "whole by TCP, which dig turns to" 'ANSWER: 500' +notcp more.example A
}

# An interface has one IPv4 address: the second is on an interface of its own that leads nowhere.
if [ "$family" = 4 ]; then
	second=10.78.0.2 second_options=(--dev "net_tap1,iface=rws1" --addr 10.78.0.2/24)
else
	second=fd77::3 second_options=(--addr fd77::3/64)
fi

# dig takes no answer that comes from another address than it asked.
second_address() {
	local to
	[ "$family" = 6 ] || ip -n "$NS" route add "$second" via "$RWS4"
	for to in "$second" "$RWS" "$second"; do
		expect "answer of $to" "$(peer dig "@$to" +notcp +tries=3 +time=2 +short www.example AAAA)" \
			"fd00::2"
	done
}

zone_files() {
	{
		cat <<-'END'
			$ORIGIN example.
			$TTL 60
			@ SOA ns hostmaster ( 1 2 3 4 30 )
			  NS ns
			ns A 10.0.0.1
			www A 10.0.0.2
			www A 10.0.0.3
			www AAAA fd00::2
			alias CNAME www
			*.wild TXT wild
			sub NS ns.sub
			ns.sub A 10.0.1.1
		END
		seq -f 'many A 10.1.0.%.0f' 60
		seq 0 499 | awk '{ printf "more A 10.2.%d.%d\n", $1 / 256, $1 % 256 }'
	} >"$WORK/example"
	printf '%s\n' 'other. 60 SOA ns.other. x.other. 1 2 3 4 5' 'other. 60 NS ns.other.' \
		'host.other. 60 A 10.3.0.1' >"$WORK/other"
}

# wrong_file TEXT_OF_LINE_4 REGEX
wrong_file() {
	local status=0
	{ sed -n 1,3p "$WORK/example" && say "$1"; } >"$WORK/wrong"
	timeout 10 "$(app rws-dns)" --dev net_tap0,iface=rws0 --addr "$RWS4/24" --zone "$WORK/wrong" \
		2>"$WORK/said" || status=$?
	expect "status with '$1'" "$status" 2
	grep -qE "$WORK/wrong:4: .*$2" "$WORK/said" || fail "it says $(cat "$WORK/said")"
	say "ok: $(cat "$WORK/said")"
}

zone_files
wrong_file 'www A 10.0.0.256' ''
wrong_file 'www.elsewhere. A 10.0.0.2' 'within'

threads=1
[ "$placement" = channel ] || threads=$cores
tap_server dns rws-dns --zone "$WORK/example" --zone "$WORK/other" --connections 8 --idle-timeout 3 \
	"${second_options[@]}"
questions
second_address
sizes
peer_python dns_client "$RWS" 53 $((8 * threads))
finish_clean dns drop.conn_closed
expect_at_least "messages by UDP" "$(counter dns dns.udp)" 15
expect_at_least "messages by TCP" "$(counter dns dns.tcp)" 5000
expect "failures" "$(counter dns dns.failed)" 0
