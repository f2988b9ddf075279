#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# A peer that stops reading: the window closes, the server waits and neither loses nor piles up
# bytes, and goes on when the window opens again.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
peer_python slow_reader "$RWS" 80 $((32 * MIB))
finish_clean web
