#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the folder of migrations into a C table: embed.py FOLDER OUTPUT.

Runs at every build so that a new file needs no entry anywhere; the output is only touched when it changes.
"""
import pathlib
import re
import sys

folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
files = sorted(folder.glob("*.sql"))
numbers = [re.fullmatch(r"(\d{4})-[a-z0-9-]+", f.stem) for f in files]
for file, match in zip(files, numbers):
    if not match:
        sys.exit(f"{file}: a migration is called NNNN-name.sql")
if len({m.group(1) for m in numbers}) != len(files):
    sys.exit(f"{folder}: two migrations have the same number")


def literal(line: str) -> str:
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


rows = []
for file, match in zip(files, numbers):
    lines = file.read_text(encoding="utf-8").splitlines()
    text = "\n".join("      " + literal(l) for l in lines if l.strip() and not l.lstrip().startswith("--"))
    rows.append(f'    {{ {int(match.group(1))}, "{file.stem}",\n{text} }},')
source = (
    "/* Made by src/db/embed.py from src/db/migrations. */\n"
    '#include "db/db_priv.h"\n\n'
    "const KnMigration kn_db_migrations[] = {\n" + "\n".join(rows) + "\n    { 0, NULL, NULL },\n};\n"
)
if not output.exists() or output.read_text(encoding="utf-8") != source:
    output.write_text(source, encoding="utf-8")
