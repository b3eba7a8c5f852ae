# SPDX-License-Identifier: Apache-2.0
"""Guests that set their own clock: what they set is theirs from then on, whatever dies in between. The proof is what the guest
reads, not the definition."""
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from support import guests, zones
from support.rest import wait_for
from support.servers import Servers


@pytest.fixture(scope="module")
def world(make_cloud):
    """These guests do not listen to a request to shut down."""
    world = Servers(make_cloud(real=True, arguments=["--compute-stop-timeout", "0"]))
    world.net = world.network("clocks")
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.delete(server["id"])
    world.admin.network.delete("/networks/" + world.net).ok(204)


def clock(server):
    return dict(guests.domain(server, inactive=True).find("clock").attrib)


def plan(world, server):
    return world.admin.compute.get("/servers/%s/kilonova-plan" % server).ok(200)


def rule(world, server):
    return next(d["rule"] for d in plan(world, server)["decisions"] if d["path"] == "clock/@offset")


def stored(world, server):
    return plan(world, server)["clock"].get("rtc_offset_s")


def wait_stored(world, server, hours, seconds=30):
    """Waits until Kilonova knows that the guest's clock is at UTC + @hours."""
    def look():
        known = stored(world, server)
        return known is not None and abs(known - hours * 3600) <= 2
    wait_for(look, seconds, "%s stored as UTC%+g" % (server, hours))


def qemu_pid(server):
    with open("/run/libvirt/qemu/%s.pid" % guests.virsh("domname", server).strip(), encoding="utf-8") as f:
        return int(f.read())


def qemu_zone(server):
    """The variable TZ of the guest's QEMU; None: it has none."""
    with open("/proc/%d/environ" % qemu_pid(server), "rb") as f:
        return dict(v.partition("=")[::2] for v in f.read().decode().split("\0")).get("TZ")


def reboot_hard(world, server):
    world.act(server, "reboot", {"type": "HARD"})


def stop_start(world, server):
    world.act(server, "os-stop", status="SHUTOFF")
    world.act(server, "os-start")



def test_rewritten_time_stays_where_it_was(world):
    """The event of a guest in Asia/Shanghai that writes the time that it reads is 0, which is no UTC clock."""
    image = world.image("rtc-same", "windows", os_timezone="Asia/Shanghai")
    server = world.boot(image, world.net)
    assert clock(server) == {"offset": "timezone", "timezone": "Asia/Shanghai"}
    assert rule(world, server) == "clock.windows-timezone"
    assert qemu_zone(server) == "Asia/Shanghai"
    guests.wait_clock(world.admin, server, 8)
    wait_stored(world, server, 8)

    stop_start(world, server)
    assert clock(server) == {"offset": "variable", "basis": "utc", "adjustment": "28800"}
    assert rule(world, server) == "clock.guest" and qemu_zone(server) is None
    guests.wait_clock(world.admin, server, 8)

    reboot_hard(world, server)
    guests.wait_clock(world.admin, server, 8)
    assert stored(world, server) is not None

    # The guest's QEMU dies.
    os.kill(qemu_pid(server), signal.SIGKILL)
    guests.wait_status(world.admin, server, "SHUTOFF")
    world.act(server, "os-start")
    guests.wait_clock(world.admin, server, 8)
    world.delete(server)


def test_libvirtd_killed_after_the_guest_has_set_its_clock(world):
    """On a host in UTC without a declared zone, as Nova does it: what the guest sets is found out from there, too."""
    hours = hours_to_three()
    server = world.boot(world.image("rtc-set3", "windows"), world.net)
    assert clock(server)["offset"] == "localtime"
    guests.wait_clock(world.admin, server, hours)
    wait_stored(world, server, hours)
    subprocess.run(["restart-libvirtd", "KILL"], check=True)
    wait_for(lambda: world.admin.compute.get("/servers/%s/diagnostics" % server).status == 200, 30, "the host is back")
    stop_start(world, server)
    assert clock(server)["offset"] == "variable"
    world.delete(server)


def hours_to_three():
    """How far a guest is ahead of UTC that has set its hour to 3, when this host is in UTC."""
    return 3 - time.gmtime().tm_hour


def guest_offset(world, server):
    said = zones.said_utc(world.console(server))
    return said and said[2]


def test_nobody_listens(world, tmp_path):
    """Kilonova is killed while two guests set their clocks, then libvirtd: one guest is on its zone's time, where libvirt does not
    keep count of what the guest sets, the other on a stored offset."""
    now = int(time.time())
    first, second = now + 30, now + 60
    rules = [(now - 86400, 28800), (first, 32400), (second, 36000)]
    disk = zones.zoned_disk(tmp_path, "unheard", rules)
    on_zone = world.boot(world.image("zoned", "windows", path=disk, os_timezone="Asia/Shanghai"), world.net)
    on_offset = world.boot(world.image("zoned", "windows", path=disk, os_rtc_offset="28800"), world.net)
    assert (clock(on_zone)["offset"], clock(on_offset)["offset"]) == ("timezone", "variable")
    for server in (on_zone, on_offset):
        wait_for(lambda s=server: guest_offset(world, s) == 28800, 20, "the guest runs")
    assert time.time() < first - 2, "this machine is too slow for this test's times"
    assert (stored(world, on_zone), stored(world, on_offset)) == (None, 28800)

    world.cloud.kill()
    time.sleep(max(0, first + 2 - time.time()))
    world.cloud.start()
    for server in (on_zone, on_offset):
        wait_stored(world, server, 9)
        assert guest_offset(world, server) == 32400

    subprocess.run(["restart-libvirtd", "KILL", "--stop"], check=True)
    time.sleep(max(0, second + 2 - time.time()))
    subprocess.run(["restart-libvirtd"], check=True)
    for server in (on_zone, on_offset):
        wait_stored(world, server, 10, 60)
        stop_start(world, server)
        guests.wait_clock(world.admin, server, 10)
        assert clock(server) == {"offset": "variable", "basis": "utc", "adjustment": "36000"}
    world.delete(on_zone, on_offset)


def test_a_new_server_from_a_snapshot_keeps_the_offset(world):
    server = world.boot(world.image("rtc-same", "windows", os_timezone="Asia/Kathmandu"), world.net)
    wait_stored(world, server, 5.75)
    answer = world.admin.compute.post("/servers/%s/action" % server, {"createImage": {"name": "copy"}})
    answer.ok(202)
    copy = answer.headers["Location"].rpartition("/")[2]
    wait_for(lambda: world.admin.image.get("/images/" + copy).ok(200)["status"] == "active", 60, "the image")
    image = world.admin.image.get("/images/" + copy).ok(200)
    assert abs(int(image["os_rtc_offset"]) - 20700) <= 2
    other = world.boot(copy, world.net)
    assert clock(other) == {"offset": "variable", "basis": "utc", "adjustment": "20700"}
    guests.wait_clock(world.admin, other, 5.75)
    world.delete(server, other)


def test_a_repair_beats_what_a_wrong_guest_wrote_back(world):
    """A Windows that nobody declared writes its RTC as well: the UTC that it was given. That must not stand in the way of its repair,
    neither by the API nor by SQL, as operators know it."""
    server = world.boot(world.image("rtc-same", None), world.net)
    wait_stored(world, server, 0)
    with sqlite3.connect(os.path.join(world.cloud.data, "kilonova.db"), timeout=30) as db:
        db.execute("update instances set os_type='windows' where uuid=?", (server,))
    reboot_hard(world, server)
    assert clock(server) == {"offset": "localtime"}
    wait_for(lambda: plan(world, server)["clock"]["set_by"] == "repeat", 20, "it has written back")

    path = "/servers/%s/kilonova-properties" % server
    world.admin.compute.put(path, {"properties": {"os_timezone": "Asia/Tokyo"}, "reboot": "hard"}).ok(200)
    guests.wait_status(world.admin, server)
    wait_stored(world, server, 9)
    world.admin.compute.put(path, {"properties": {"os_timezone": "China Standard Time"}, "reboot": "hard"}).ok(200)
    guests.wait_status(world.admin, server)
    assert clock(server) == {"offset": "timezone", "timezone": "Asia/Shanghai"}
    guests.wait_clock(world.admin, server, 8)
    wait_stored(world, server, 8)
    reboot_hard(world, server)
    assert clock(server)["adjustment"] == "28800"
    world.delete(server)


def test_linux_keeps_utc_whatever_it_sets(world):
    hours = hours_to_three()
    server = world.boot(world.image("rtc-set3", "linux"), world.net)
    wait_stored(world, server, hours)
    stop_start(world, server)
    assert clock(server) == {"offset": "utc"} and rule(world, server) == "clock.utc"
    world.delete(server)
