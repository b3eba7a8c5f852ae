#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns what is known about operating systems into C tables: embed_os.py FOLDER OUTPUT [DEPFILE].

data/os/README.md says what the files hold. A row that says something unknown, or no source, ends the build.
"""
import configparser
import pathlib
import re
import sys

BOOL = {"yes": "true", "no": "false"}
NEED = {"no": "KN_OS_NO", "can": "KN_OS_CAN", "wanted": "KN_OS_WANTED", "required": "KN_OS_REQUIRED"}
FIRMWARE = {"bios": "KN_OS_BIOS", "any": "KN_OS_ANY_FIRMWARE", "uefi": "KN_OS_UEFI"}
SETS = {"none": "0", "A": "'A'", "B": "'B'", "C": "'C'", "D": "'D'"}


def literal(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value):
    return literal(" ".join(value.split()))


def words(value):
    return "(const char *const[]){ " + ", ".join(literal(w) for w in value.split()) + ", NULL }"


def number(value):
    return str(int(value))


def one_of(values):
    return lambda value: values[value]


def version(value):
    """libvirt's and QEMU's way to write 4.7.0 as a number."""
    parts = [int(p) for p in (value + ".0.0").split(".")[:3]]
    return str(parts[0] * 1000000 + parts[1] * 1000 + parts[2])


def builds(value):
    first, last = value.split("-")
    return f"{int(first)}, {'G_MAXUINT' if last == '*' else int(last)}"


def name(value):
    if not re.fullmatch(r"[a-z0-9._/-]+", value):
        raise ValueError(value)
    return literal(value)


# file: C type, name of the table, C field of the section's name, and key: (C fields, reader, must stand).
TABLES = {
    "families.ini": ("KnOsFamily", "families", "name", {
        "title": ("title", text, True), "rtc": ("rtc", name, True), "distros": ("distros", words, True),
        "source": ("source", text, True)}),
    "versions.ini": ("KnOs", "versions", "name", {
        "title": ("title", text, True), "server": ("server", one_of(BOOL), True), "names": ("names", words, True),
        "builds": ("first_build, .last_build", builds, True), "hyperv": ("hyperv", one_of(SETS), True),
        "sockets": ("max_sockets", number, False), "min_memory_mib": ("min_memory_mib", number, True),
        "min_vcpus": ("min_vcpus", number, True), "firmware": ("firmware", one_of(FIRMWARE), True),
        "secure_boot": ("secure_boot", one_of(NEED), True), "tpm": ("tpm", one_of(NEED), True),
        "machine": ("machine", name, True), "disk": ("disk_bus", name, True), "nic": ("nic_model", name, True),
        "xhci": ("xhci", one_of(BOOL), True), "predates_virtio": ("predates_virtio", one_of(BOOL), True),
        "source": ("source", text, True)}),
    "editions.ini": ("KnOsEdition", "editions", "name", {
        "title": ("title", text, True), "versions": ("versions", words, True), "names": ("names", words, True),
        "sockets": ("max_sockets", number, True), "source": ("source", text, True)}),
    "hyperv.ini": ("KnOsHyperv", "hyperv", "name", {
        "set": ("set", one_of(SETS), False), "list": ("list", name, False), "libvirt": ("libvirt", version, False),
        "qemu": ("qemu", version, True), "needs": ("needs", words, False), "needs_intel": ("needs_intel", name, False),
        "listed": ("listed", one_of(BOOL), False), "nested": ("nested", one_of(BOOL), False),
        "needs_tsc": ("needs_tsc", one_of(BOOL), False), "vendor": ("vendor", text, False),
        "nova": ("nova", one_of(BOOL), False), "never": ("never", text, False), "because": ("because", text, True),
        "source": ("source", text, True)}),
}


def fail(file, section, why):
    sys.exit(f"{file}: [{section}]: {why}")


def read_row(file, section, keys, said):
    fields = []
    for key in said:
        if key not in keys:
            fail(file, section, f"{key} is no key of this file")
    for key, (field, read, must) in keys.items():
        if key not in said:
            if must:
                fail(file, section, f"{key} is missing")
            continue
        try:
            value = read(said[key])
        except (KeyError, ValueError):
            fail(file, section, f"{key} cannot be '{said[key]}'")
        both = field.split(", .")
        values = value.split(", ") if len(both) > 1 else [value]
        fields += [f".{f} = {v}" for f, v in zip(both, values)]
    return fields


def read_table(path):
    kind, table, key_field, keys = TABLES[path.name]
    ini = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None)
    ini.read_string(path.read_text(encoding="utf-8"), source=str(path))
    rows = []
    for section in ini.sections():
        fields = [f".{key_field} = {name(section)}"] + read_row(path, section, keys, ini[section])
        rows.append("    { " + ",\n      ".join(fields) + " },")
    return (f"static const {kind} {table}[] = {{\n" + "\n".join(rows) + "\n};\n\n"
            f"const {kind} *\nkn_os_{table} (gsize *out_n)\n{{\n    *out_n = G_N_ELEMENTS ({table});\n    return {table};\n}}\n")


folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
parts = [read_table(folder / file) for file in TABLES]
output.write_text("/* Made by src/guest/embed_os.py from data/os. */\n#include \"guest/os.h\"\n\n" + "\n".join(parts), encoding="utf-8")
