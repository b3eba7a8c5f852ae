#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns data/windows-zones.ini into a C table sorted by lower-case name: embed_zones.py INI OUTPUT."""
import pathlib
import re
import sys

rows = {}
for line in pathlib.Path(sys.argv[1]).read_text(encoding="ascii").splitlines():
    if line.startswith(("#", "[")) or not line:
        continue
    name, _, zone = line.partition(" = ")
    if not re.fullmatch(r"[A-Za-z0-9 .+()-]+", name) or not re.fullmatch(r"[A-Za-z0-9_+/-]+", zone) or name.lower() in rows:
        sys.exit("embed_zones: bad line: " + line)
    rows[name.lower()] = (name, zone)
table = "\n".join('    { "%s", "%s" },' % rows[key] for key in sorted(rows))
pathlib.Path(sys.argv[2]).write_text(
    '/* Made by src/base/embed_zones.py from data/windows-zones.ini. */\n#include "base/zone.h"\n\n'
    "static const KnWindowsZone zones[] = {\n" + table + "\n};\n\n"
    "const KnWindowsZone *\nkn_windows_zones (gsize *out_n)\n{\n    *out_n = G_N_ELEMENTS (zones);\n    return zones;\n}\n",
    encoding="ascii")
