# SPDX-License-Identifier: Apache-2.0
"""A guest that treats its RTC as Windows does, off or running while its zone changes: the time that it derives is right at once."""
import typing

import pytest

from support import zones
from support.rest import wait_for
from support.servers import Servers

DAY = 86400


class Journey(typing.NamedTuple):
    zones: list     # of the guests; a second time: under an explicit policy
    times: list     # switched off, switched on again, and so on


# Between each pair of these every one of the zones changes.
SUMMERTIME = Journey(["Europe/Berlin", "America/New_York", "Pacific/Chatham", "Europe/Berlin"],
                     ["2027-03-01 10:20", "2027-04-20 10:20", "2027-09-15 10:20", "2027-11-20 10:20"])
# Zones whose rule changed: Kazakhstan became one zone on 2024-03-01; Paraguay stays in the summer time of October 2024.
RULES = Journey(["Asia/Almaty", "America/Asuncion"], ["2024-02-20 10:20", "2024-09-20 10:20", "2024-09-25 10:20", "2025-04-10 10:20"])


class Guest:
    """One server with the zoned guest, in a cloud that lives in the moved time."""

    def __init__(self, clock, servers, folder, zone, rules=None, **properties):
        self.clock, self.servers, self.zone = clock, servers, zone
        self.policy = properties.get("os_clock_policy", "auto")
        disk = zones.zoned_disk(folder, "%s-%s" % (zone.replace("/", "-"), self.policy), rules or zones.changes(zone))
        self.id = servers.boot(servers.image("zoned", os_type="windows", path=disk, os_timezone=zone, **properties))

    def said(self):
        """(RTC, UTC, offset) of the last line."""
        return zones.said_utc(self.servers.console(self.id))

    def wait_right(self, what, offset=None):
        """The guest derives the right UTC and has the zone's offset, or @offset, in its RTC. An event of the RTC tells whole seconds."""
        offset = zones.offset(self.zone, self.clock.now()) if offset is None else offset
        what = "%s (%s), %s" % (self.zone, self.policy, what)

        def right():
            said = self.said()
            return (said and abs(said[1] - self.clock.now()) <= zones.tolerance() and said[2] == offset
                    and said[0] - said[1] == offset)
        try:
            wait_for(right, 20, what)
        except AssertionError:
            said = self.said()
            raise AssertionError("%s: RTC %+d, UTC %+.1f, offset %d instead of %d" % (
                what, said[0] - self.clock.now(), said[1] - self.clock.now(), said[2], offset) if said else what) from None
        wait_for(lambda: abs((zones.stored_offset(self.servers.cloud, self.id) or 0) - offset) <= zones.tolerance(), 20,
                 "%s: offset %d stored" % (what, offset))

    def check_first_words(self, what):
        """What it derived first at its last boot, before it corrected anything: the proof that the RTC was right for it."""
        first = wait_for(lambda: zones.first_utc(self.servers.console(self.id)), 20, what)
        assert abs(first - self.clock.now()) <= 25, "%s: the first UTC is off by %s s" % (
            what, round(first - self.clock.now()))


@pytest.fixture(autouse=True)
def elsewhere(host_zone):
    """The host is in a zone that is nobody's here."""
    host_zone("Asia/Kathmandu")


def visit(clock, servers, when):
    clock.move_to(when)
    servers.admin = servers.cloud.admin()   # tokens are as old as the clock says


@pytest.mark.parametrize("journey", [SUMMERTIME, RULES], ids=["summer-time", "changed-rules"])
def test_off_across_a_change(away, clock, tmp_path, journey):
    times = [zones.at(t) for t in journey.times]
    clock.move_to(times[0] - 7 * DAY)
    servers = Servers(away.start())
    travellers = [Guest(clock, servers, tmp_path, zone, **({"os_clock_policy": "guest"} if zone in journey.zones[:i] else {}))
                  for i, zone in enumerate(journey.zones)]
    for off, on in zip(times[::2], times[1::2]):
        visit(clock, servers, off)
        for guest in travellers:
            guest.wait_right("before")
        for guest in travellers:
            servers.act(guest.id, "os-stop", status="SHUTOFF")
        visit(clock, servers, on)
        for guest in travellers:
            servers.act(guest.id, "os-start")
            guest.check_first_words(journey.times[times.index(on)])
        for guest in travellers:
            guest.wait_right(journey.times[times.index(on)])
        for guest in travellers:
            servers.act(guest.id, "reboot", {"type": "HARD"})
            guest.wait_right("restarted")
    if journey is SUMMERTIME:
        assert all(zones.offset(z, off) != zones.offset(z, on) for z in journey.zones for off, on in zip(times[::2], times[1::2]))
    servers.delete(*[guest.id for guest in travellers])


def test_running_across_a_change(away, clock, tmp_path):
    """The guest corrects its RTC itself; the next process has to begin with that."""
    clock.move_to(zones.at("2027-03-28 00:50"))
    servers = Servers(away.start())
    guest = Guest(clock, servers, tmp_path, "Europe/Berlin")
    guest.wait_right("winter", 3600)
    visit(clock, servers, zones.at("2027-03-28 00:59") + 58)
    guest.wait_right("an hour is left out", 7200)
    servers.act(guest.id, "reboot", {"type": "HARD"})
    guest.wait_right("restarted", 7200)
    visit(clock, servers, zones.at("2027-10-31 00:59") + 58)
    guest.wait_right("an hour comes twice", 3600)
    servers.act(guest.id, "os-stop", status="SHUTOFF")
    servers.act(guest.id, "os-start")
    guest.wait_right("stopped and started", 3600)
    servers.delete(guest.id)


def test_power_cut_right_after_a_write(away, clock, tmp_path):
    """What the guest wrote a moment ago counts, though QEMU and we tell of it later."""
    clock.move_to(zones.at("2027-03-28 00:50"))
    servers = Servers(away.start())
    guest = Guest(clock, servers, tmp_path, "Europe/Berlin")
    guest.wait_right("winter", 3600)
    visit(clock, servers, zones.at("2027-03-28 01:00"))
    wait_for(lambda: guest.said()[2] == 7200, 20, "summer", pause=0.02)
    servers.act(guest.id, "reboot", {"type": "HARD"})
    guest.check_first_words("hard reboot")
    guest.wait_right("hard reboot", 7200)
    visit(clock, servers, zones.at("2027-10-31 01:00"))
    wait_for(lambda: guest.said()[2] == 3600, 20, "winter", pause=0.02)
    servers.act(guest.id, "os-stop", status="SHUTOFF")
    servers.act(guest.id, "os-start")
    guest.check_first_words("stopped and started")
    guest.wait_right("stopped and started", 3600)
    servers.delete(guest.id)


def test_a_zone_that_the_host_does_not_know_yet(away, clock, tmp_path):
    """The guest got new rules, no summer time any more from 2028 on; the host's tzdata is older. What the guest wrote decides."""
    rules = [c for c in zones.changes("Europe/Berlin") if c[0] < zones.at("2028-01-01 00:00")]
    clock.move_to(zones.at("2028-03-01 10:20"))
    servers = Servers(away.start())
    guest = Guest(clock, servers, tmp_path, "Europe/Berlin", rules)
    guest.wait_right("winter", 3600)
    servers.act(guest.id, "os-stop", status="SHUTOFF")
    visit(clock, servers, zones.at("2028-07-01 10:20"))
    servers.act(guest.id, "os-start")
    guest.check_first_words("the summer that is none")
    guest.wait_right("the summer that is none", 3600)
    servers.delete(guest.id)
