# SPDX-License-Identifier: Apache-2.0
"""Registry hives, written from a Python dictionary: the few cells that a hive needs, by the format's description
(https://github.com/msuhanov/regf). Keys are dictionaries, values are texts, whole numbers (REG_DWORD) or bytes."""
import struct

EPOCH = 133_000_000_000_000_000  # FILETIME of some day in 2022


class Hive:
    """Cells one after the other in one big bin; offsets count from the first bin, 4096 bytes into the file."""

    def __init__(self, tree):
        self.cells = bytearray(b"\0" * 32)  # the bin's own header
        self.security = self.cell(b"sk\0\0" + struct.pack("<IIII", 0, 0, 1, 20) + b"\1\0\4\x80" + b"\0" * 16)
        self.root = self.key("ROOT", tree, 0xFFFFFFFF, 0x2C)

    def cell(self, body):
        at = len(self.cells)
        size = (4 + len(body) + 7) // 8 * 8
        self.cells += struct.pack("<i", -size) + body + b"\0" * (size - 4 - len(body))
        return at

    def value(self, name, value):
        if isinstance(value, str):
            kind, data = 1, value.encode("utf-16-le") + b"\0\0"
        elif isinstance(value, int):
            kind, data = 4, struct.pack("<I", value & 0xFFFFFFFF)
        else:
            kind, data = (11 if len(value) == 8 else 3), bytes(value)
        if len(data) <= 4:
            size, where = len(data) | 0x80000000, struct.unpack("<I", data.ljust(4, b"\0"))[0]
        else:
            size, where = len(data), self.cell(data)
        text = name.encode("latin-1")
        return self.cell(b"vk" + struct.pack("<HIIIHH", len(text), size, where, kind, 1, 0) + text)

    def key(self, name, tree, parent, flags=0x20):
        text = name.encode("latin-1")
        at = self.cell(b"\0" * (76 + len(text)))
        children = sorted((k for k in tree if isinstance(tree[k], dict)), key=str.upper)
        values = [k for k in tree if not isinstance(tree[k], dict)]
        below = [self.key(k, tree[k], at) for k in children]
        listed = 0xFFFFFFFF
        if below:
            entries = b"".join(struct.pack("<I4s", cell, k.encode("latin-1")[:4].ljust(4, b"\0"))
                               for k, cell in zip(children, below))
            listed = self.cell(b"lf" + struct.pack("<H", len(below)) + entries)
        held = 0xFFFFFFFF
        if values:
            cells = [self.value(k, tree[k]) for k in values]
            held = self.cell(struct.pack("<%dI" % len(cells), *cells))
        longest = max([len(k) * 2 for k in children], default=0)
        body = b"nk" + struct.pack("<HQIIIIIIIIIIIIIIIHH", flags, EPOCH, 0, parent, len(below), 0, listed, 0xFFFFFFFF,
                                   len(values), held, self.security, 0xFFFFFFFF, longest, 0, 0, 0, 0, len(text), 0) + text
        self.cells[at + 4:at + 4 + len(body)] = body
        return at

    def bytes(self):
        body = bytearray(self.cells)
        free = (len(body) + 4095) // 4096 * 4096 - len(body)
        if free:
            if free < 8:
                free += 4096
            body += struct.pack("<i", free) + b"\0" * (free - 4)
        body[:32] = b"hbin" + struct.pack("<IIQQI", 0, len(body), 0, EPOCH, 0)
        head = bytearray(b"regf" + struct.pack("<IIQIIIIIII", 1, 1, EPOCH, 1, 5, 0, 1, self.root, len(body), 1))
        head += b"\0" * (508 - len(head))
        check = 0
        for word in struct.unpack("<127I", head):
            check ^= word
        return bytes(head) + struct.pack("<I", check) + b"\0" * (4096 - 512) + bytes(body)


def write(path, tree):
    with open(path, "wb") as f:
        f.write(Hive(tree).bytes())
