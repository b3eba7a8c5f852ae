# SPDX-License-Identifier: Apache-2.0
"""What is right, from Python's zoneinfo and never from our own code; the moved clock of a lab; disks of the zoned guest."""
import datetime
import os
import re
import sqlite3
import struct
import subprocess
import time
import zoneinfo

from . import guests
from .rest import wait_for

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=UTC)
ZONE_SECTOR, SECTOR, CHANGES_MAX = 8, 512, 62


def offset(zone, when):
    """Seconds that @zone is ahead of UTC at @when (seconds since 1970)."""
    return int(datetime.datetime.fromtimestamp(when, zoneinfo.ZoneInfo(zone)).utcoffset().total_seconds())


def at(text):
    """Seconds since 1970 of "2027-03-28 00:30" in UTC."""
    return int(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp())


def changes(zone, first=2023, last=2033):
    """[(since, offset)]: the offset at the begin and each change of it, to the second."""
    begin = int(datetime.datetime(first, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime.datetime(last, 1, 1, tzinfo=UTC).timestamp())
    found = [(begin, offset(zone, begin))]
    for day in range(begin, end, 86400):
        if offset(zone, day + 86400) == found[-1][1]:
            continue
        low, high = day, day + 86400
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(zone, middle) == found[-1][1] else (low, middle)
        found.append((high, offset(zone, high)))
    assert len(found) <= CHANGES_MAX
    return found


def zoned_disk(folder, name, rules):
    """A disk of the zoned guest that lives by @rules, as changes() gives them; returns the path."""
    path = os.path.join(str(folder), name + ".raw")
    sector = b"ZONE" + struct.pack("<I", len(rules))
    for since, seconds in rules:
        sector += struct.pack("<Ii", since - int(EPOCH.timestamp()), seconds)
    with open(guests.image("zoned", "img"), "rb") as f:
        disk = bytearray(f.read())
    disk[ZONE_SECTOR * SECTOR:(ZONE_SECTOR + 1) * SECTOR] = sector.ljust(SECTOR, b"\0")
    with open(path, "wb") as f:
        f.write(disk)
    return path


class HostClock:
    """The clock of the lab's host, as libvirtd and guests that it starts see it."""

    def __init__(self):
        self.shift = 0

    def now(self):
        return time.time() + self.shift

    def move_to(self, when):
        self.shift = int(when - time.time())
        subprocess.run(["host-clock", str(self.shift)], check=True)

    def move(self, seconds):
        self.move_to(self.now() + seconds)

    def off(self):
        self.shift = 0
        subprocess.run(["host-clock", "off"], check=True)


def environment():
    """For programs that are to live in the lab's moved time."""
    with open("/run/libvirt/preload", encoding="ascii") as f:
        return {"LD_PRELOAD": f.read().strip()}


def seconds_of(naive):
    return int(naive.replace(tzinfo=UTC).timestamp())


def parse_digits(text):
    return seconds_of(datetime.datetime.strptime(text, "%Y%m%d%H%M%S"))


def said_utc(console):
    """What the zoned guest said last: (RTC, UTC, offset), in seconds; None if it said nothing yet."""
    found = re.findall(r"^(\d{14})\r?\nUTC (\d{14}) (-?\d+)\r?$", console, re.MULTILINE)
    if not found:
        return None
    rtc, utc, seconds = found[-1]
    return parse_digits(rtc), parse_digits(utc), int(seconds)


def first_utc(console):
    """The UTC that the zoned guest derived first at its last boot; None if it said nothing yet."""
    found = re.findall(r"^BOOT (\d{14})\r?$", console, re.MULTILINE)
    return parse_digits(found[-1]) if found else None


def stored_offset(cloud, server):
    """What Kilonova knows of the guest's RTC: seconds ahead of UTC; None: nothing."""
    with sqlite3.connect("file:%s/kilonova.db?mode=ro" % cloud.data, uri=True) as db:
        row = db.execute("select offset_s from server_clocks where instance_uuid=?", (server,)).fetchone()
    return row and row[0]


def tolerance():
    """Seconds by which a clock may be off and right: 2. libvirt gives QEMU a date to begin with, so what passes until QEMU counts is
    lost (virtual time, too): that can be seconds where several processes want each core."""
    return 2 if os.getloadavg()[0] <= os.cpu_count() else 6


def wait_offset(clock, read, expected, what, seconds=20, extra=0):
    """Waits until the RTC that @read() tells (a console's text) is @expected seconds ahead of @clock. Returns the offset, measured."""
    last = [None]

    def check():
        said = guests.clocks(read())
        last[0] = seconds_of(said[-1]) - clock.now() if said else None
        return last[0] is not None and abs(last[0] - expected) <= tolerance() + extra
    try:
        wait_for(check, seconds, what)
    except AssertionError:
        raise AssertionError("%s: the RTC is %s s ahead of UTC instead of %d" % (
            what, "no" if last[0] is None else round(last[0], 1), expected)) from None
    return last[0]
