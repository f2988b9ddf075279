# SPDX-License-Identifier: BSD-3-Clause
# How Doxygen reads a public header: comments before a declaration, behind a member, and headings.
# For sed -E; see docs/reference/Doxyfile.
s|^/\* -{4} (.*) -+ \*/$|/** @name \1 */|
s|^([[:space:]]*)/\*( .*)?$|\1/**\2|
s|([;,)}])([[:space:]]+)/\* |\1\2/**< |
s|^([[:space:]]*[A-Z0-9_]+)([[:space:]]+)/\* |\1\2/**< |
