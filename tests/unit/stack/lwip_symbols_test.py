#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Proves that lwIP keeps nothing that two stack cores would share.

    lwip_symbols_test.py OBJECT [PROGRAM_OR_SHARED_OBJECT...]

Of the object that all of lwIP is linked into: .data, .bss and COMMON are empty, and every thread-local variable lies
between the markers of lwip_state.h. Of what is linked from it: the same about the place of the
variables, by name, for those are what lwip_state_save copies.
"""

import subprocess
import sys

MARKERS = {
    "data": ("lwip_state_data_first", "lwip_state_data_last"),
    "zero": ("lwip_state_zero_first", "lwip_state_zero_last"),
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def fail(message):
    sys.exit(f"FAIL: {message}")


def sections(path):
    """(name, size) of each section."""
    for line in run("objdump", "-h", "-w", path).splitlines():
        fields = line.split()
        if fields and fields[0].isdigit():
            yield fields[1], int(fields[2], 16)


def is_shared(section):
    """Whether a section is writable memory that all threads share (.data.rel.ro is constant)."""
    if section.startswith(".data.rel.ro"):
        return False
    return section.startswith((".data", ".bss")) or section == "COMMON"


def thread_local(path):
    """name -> (address, size) of every thread-local variable, those of size 0 left out."""
    found = {}
    for line in run("readelf", "-W", "--symbols", path).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[3] == "TLS" and fields[6] != "UND":
            name, address, size = fields[7], int(fields[1], 16), int(fields[2], 0)
            if size > 0:
                found.setdefault(name, []).append((fields[6], address, size))
    return found


def check_object(path):
    for name, size in sections(path):
        if is_shared(name) and size != 0:
            fail(f"{path}: section {name} has {size} bytes: derive.py misses a variable")
    variables = thread_local(path)
    if len(variables) < 40: # 46 without TCP
        fail(f"{path}: only {len(variables)} thread-local variables, this cannot be all of lwIP")
    ranges = {}
    for first, last in MARKERS.values():
        section, start, _ = variables[first][0]
        ranges[section] = (start, variables[last][0][1] + 8)
    for name, places in variables.items():
        for section, address, size in places:
            if section not in ranges:
                fail(f"{path}: {name} lies in another section than both pairs of markers")
            start, end = ranges[section]
            if not start <= address <= address + size <= end:
                fail(f"{path}: {name} lies outside of the markers")
    return {name: len(places) for name, places in variables.items()}


def check_linked(path, names):
    """Addresses are offsets in the thread's block here, .tdata before .tbss."""
    variables = thread_local(path)
    ranges = [(variables[first][0][1], variables[last][0][1] + 8)
              for first, last in MARKERS.values()]
    for name, count in names.items():
        inside = [place for place in variables.get(name, [])
                  if any(start <= place[1] and place[1] + place[2] <= end
                         for start, end in ranges)]
        if len(inside) < count:
            fail(f"{path}: {name} lies outside of the markers")
    for name, places in variables.items():
        for _, address, size in places:
            if name not in names and any(start <= address < end for start, end in ranges):
                fail(f"{path}: {name} is not lwIP's and lies between the markers")


def main():
    if len(sys.argv) < 2:
        fail("usage: lwip_symbols_test.py OBJECT [PROGRAM...]")
    names = check_object(sys.argv[1])
    for path in sys.argv[2:]:
        check_linked(path, names)
    print(f"{len(names)} variables of lwIP, all thread-local and between the markers")


main()
