#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# 10,000 connections in a row, one request each; either side closes first in turn.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
peer_python short_connections "$RWS" 80 10000
finish_clean web
