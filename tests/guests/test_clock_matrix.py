# SPDX-License-Identifier: Apache-2.0
"""The promise of the clock policies: what a guest reads in its RTC after each kind of restart, on hosts in six zones, with and without
a change between winter and summer time in between; and the UTC that a Windows with its stored offset derives from it.

What is right stands in Server, computed by Python's zoneinfo. In one round, each server (one for each policy) is restarted in another
way while everything else happens around it. Two rounds a zone meet every pair of (zone, policy, kind of restart, change); with --full
twelve rounds meet every combination."""
import dataclasses
import itertools
import os
import signal
import subprocess
import typing

import pytest

from support import guests, zones
from support.rest import wait_for
from support.servers import Servers

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]
KINDS = ["guest-reboot", "hard-reboot", "stop-start", "qemu-crash", "libvirtd-restart", "kilonova-crash"]
# Those that end the QEMU process, so that the next one gets a fresh definition.
FRESH = {"hard-reboot", "stop-start", "qemu-crash"}

WINTER, SUMMER = "%d-01-15 12:20", "%d-07-15 12:20"
LONG_ENOUGH = 2 * 3600


class Policy(typing.NamedTuple):
    name: str
    guest: str          # rtc only reads its clock, zoned writes it as Windows does
    properties: dict    # of the image
    zone: str           # whose time the RTC shows: "utc", "host", "declared"
    learned: bool       # from what the guest wrote


POLICIES = [
    Policy("utc", "rtc", {"os_clock_policy": "utc"}, "utc", False),
    Policy("localtime", "rtc", {"os_clock_policy": "localtime"}, "host", False),
    Policy("timezone", "rtc", {"os_clock_policy": "timezone", "os_timezone": "declared"}, "declared", False),
    Policy("guest", "zoned", {"os_clock_policy": "guest", "os_timezone": "declared"}, "declared", True),
    Policy("auto-before-write", "rtc", {"os_clock_policy": "auto"}, "host", False),
    Policy("auto-after-write", "zoned", {}, "host", True),
]


def declared_zone(host_zone):
    """A zone with summer time that is not the host's."""
    return "Pacific/Chatham" if host_zone == "America/New_York" else "America/New_York"


@dataclasses.dataclass
class Server:
    """One server and what is right for it."""
    id: str
    policy: Policy
    zone: str                   # of the policy, "UTC" for utc
    rtc: typing.Optional[int] = None  # RTC minus UTC that its QEMU process has
    bias: typing.Optional[int] = None  # what a Windows in it stored when it was up last

    def started(self, when):
        """A new QEMU process began at @when: as the guest left the RTC, or by the zone."""
        if not self.policy.learned or self.rtc is None:
            self.rtc = zones.offset(self.zone, when)

    def error(self):
        """How far off the time is that a Windows derives which boots now. Whoever keeps what the guest wrote shows it the right one;
        a zone's own time is wrong for a guest that was not there when the zone changed."""
        return 0 if self.policy.learned or self.bias is None else self.rtc - self.bias

    def booted(self, when):
        """Windows has its zone's offset at @when and, where the guest is one, has written it to the RTC."""
        self.bias = zones.offset(self.zone, when)
        if self.policy.learned:
            self.rtc = self.bias


class Round(typing.NamedTuple):
    change: bool                # between winter and summer time
    kinds: dict                 # policy -> kind


def rounds_of(zone, full):
    i = ZONES.index(zone)

    def kinds(turn):
        return {p.name: KINDS[(i + j + turn) % len(KINDS)] for j, p in enumerate(POLICIES)}
    turns = range(len(KINDS)) if full else (0, 3)
    if full:
        return [Round(change, kinds(turn)) for turn in turns for change in (False, True)]
    return [Round(i % 2 == n, kinds(turn)) for n, turn in enumerate(turns)]


class World:
    """A cloud on a host in one zone, with a server for each policy, taken through its rounds."""

    def __init__(self, zone, clock, cloud, folder):
        self.zone, self.clock, self.cloud, self.folder = zone, clock, cloud, folder
        self.n_changes = 0
        self.clock.move_to(zones.at(WINTER % 2027))
        self.servers = Servers(cloud.start())
        self.all = [self.make(policy) for policy in POLICIES]
        for server in self.all:
            guests.wait_status(self.servers.admin, server.id)
        for server in self.all:
            server.started(self.clock.now())
            self.check(server, "first boot", boots=True)

    def make(self, policy):
        zone = {"utc": "UTC", "host": self.zone, "declared": declared_zone(self.zone)}[policy.zone]
        properties = {k: zone if v == "declared" else v for k, v in policy.properties.items()}
        disk = zones.zoned_disk(self.folder, zone.replace("/", "-"), zones.changes(zone)) if policy.learned else None
        image = self.servers.image(policy.guest, os_type="windows", path=disk, **properties)
        return Server(self.servers.boot(image, name=policy.name, wait=False), policy, zone)

    def check(self, server, what, boots=False):
        """The RTC is right; @boots: so is the time that a Windows derives which has just booted, or as wrong as it has to be."""
        what = "%s in %s, %s" % (server.policy.name, self.zone, what)
        bias, error = server.bias, server.error()
        if boots or server.policy.learned:
            server.booted(self.clock.now())
        measured = zones.wait_offset(self.clock, lambda: self.servers.console(server.id), server.rtc, what, extra=self.lost(server))
        if server.policy.learned:
            derived = zones.first_utc(self.servers.console(server.id)) - self.clock.now()
            # An event of the RTC tells whole seconds.
            wait_for(lambda: abs((zones.stored_offset(self.cloud, server.id) or 0) - server.rtc) <= zones.tolerance() + self.lost(server), 20,
                     what + ": offset %d stored" % server.rtc)
        else:
            derived = error if bias is None else measured - bias
        assert not boots or abs(derived - error) < 30, "%s: a Windows derives a time that is off by %d s instead of %d" % (
            what, derived, error)

    def lost(self, server):
        """Under an explicit `guest` nothing is corrected, so the second that each write may lose adds up."""
        return self.n_changes if server.policy.name == "guest" else 0

    def move(self, change):
        if not change:
            self.clock.move(LONG_ENOUGH)
        else:
            self.n_changes += 1
            now = self.clock.now()
            self.clock.move_to(min(t for y in range(2027, 2036) for t in (zones.at(WINTER % y), zones.at(SUMMER % y)) if t > now + 86400 * 30))
        # Tokens are as old as the clock says.
        self.servers.admin = self.cloud.admin() if self.cloud.running() else None

    def of_kind(self, this, kind):
        return [s for s in self.all if this.kinds[s.policy.name] == kind]

    def go_down(self, this):
        for server in self.of_kind(this, "stop-start"):
            self.servers.act(server.id, "os-stop", status="SHUTOFF")
        for server in self.of_kind(this, "qemu-crash"):
            name = guests.virsh("domname", server.id).strip()
            with open("/run/libvirt/qemu/%s.pid" % name, encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGKILL)
            guests.wait_status(self.servers.admin, server.id, "SHUTOFF")
        if self.of_kind(this, "kilonova-crash"):
            self.cloud.kill()

    def come_up(self, this):
        if self.of_kind(this, "libvirtd-restart"):
            subprocess.run(["restart-libvirtd", "KILL"], check=True)
        if not self.cloud.running():
            self.cloud.start()
            self.servers.admin = self.cloud.admin()
        for server in self.of_kind(this, "guest-reboot"):
            guests.virsh("reset", server.id)

    def begin(self, server, kind):
        action = {"hard-reboot": ("reboot", {"type": "HARD"})}.get(kind, ("os-start", None))
        self.servers.admin.compute.post("/servers/%s/action" % server.id, {action[0]: action[1]}).ok(202)

    def boots(self, servers, kind_of):
        """A fresh QEMU process for each of them."""
        for server in servers:
            self.begin(server, kind_of(server))
        for server in servers:
            guests.wait_status(self.servers.admin, server.id)
            server.started(self.clock.now())
            self.check(server, "after " + kind_of(server), boots=True)

    def run(self, this):
        self.go_down(this)
        self.move(this.change)
        self.come_up(this)
        fresh = [s for s in self.all if this.kinds[s.policy.name] in FRESH]
        others = [s for s in self.all if s not in fresh]
        self.boots(fresh, lambda s: this.kinds[s.policy.name])
        for server in others:
            kind = this.kinds[server.policy.name]
            self.check(server, "after " + kind, boots=kind == "guest-reboot")
        # What was learned before a daemon died has to be there for the next process.
        self.boots([s for s in others if this.kinds[s.policy.name] != "guest-reboot"], lambda s: "hard-reboot")

    def end(self):
        self.servers.delete(*[s.id for s in self.all])


def cells(full):
    return {(zone, policy, kind, this.change) for zone in ZONES for this in rounds_of(zone, full) for policy, kind in this.kinds.items()}


def test_selection_meets_every_pair():
    axes = [ZONES, [p.name for p in POLICIES], KINDS, [False, True]]
    chosen = cells(False)
    for a, b in itertools.combinations(range(len(axes)), 2):
        assert {(c[a], c[b]) for c in chosen} == set(itertools.product(axes[a], axes[b]))
    assert cells(True) == set(itertools.product(*axes)) and len(cells(True)) == 432


@pytest.mark.parametrize("zone", ZONES)
def test_clock_matrix(zone, clock, host_zone, away, tmp_path, request):
    host_zone(zone)
    world = World(zone, clock, away, tmp_path)
    for this in rounds_of(zone, request.config.option.full):
        world.run(this)
    world.end()
