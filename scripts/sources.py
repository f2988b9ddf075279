# SPDX-License-Identifier: BSD-3-Clause
"""What the check_* scripts share: the project's C files, and their text without comments."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("stack", "driver", "api", "apps", "tests")

_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def c_files(folders=FOLDERS):
    """Paths relative to the root, in order."""
    found = (p for f in folders for p in (ROOT / f).rglob("*.[ch]"))
    return sorted(p.relative_to(ROOT) for p in found)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def blank(text, strings):
    """The text with comments blanked, strings too if asked; lines keep their numbers."""

    def replace(match):
        token = match.group(0)
        if token[0] in "\"'" and not strings:
            return token
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(replace, text)


def comment_lines(text):
    """(number, text) of each line of each comment."""
    for match in _TOKEN.finditer(text):
        if match.group(0)[0] == "/":
            first = text.count("\n", 0, match.start()) + 1
            yield from enumerate(match.group(0).splitlines(), first)


def finish(name, complaints, looked_at):
    """Prints the complaints and ends the script: 0 well, 1 otherwise, also if it saw nothing."""
    for complaint in complaints:
        print(complaint)
    if not looked_at:
        print(f"{name}: found nothing to check")
    sys.exit(1 if complaints or not looked_at else 0)
