#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/6 channel/2/4
#
# Peers that reset their connection, before a request, within one, and in the middle of a body:
# the server goes on, and holds nothing for them afterwards.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
peer_python resets "$RWS" 80 300
got=$(peer curl -sS --fail --max-time 20 "http://$HOST/bytes/1000000" | sha256sum)
expect "SHA-256 afterwards" "${got%% *}" "$(pattern_sha256 1000000)"
finish_clean web drop.conn_closed
