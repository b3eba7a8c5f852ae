# SPDX-License-Identifier: Apache-2.0
"""Guests that set their own clock: what they set is theirs from then on, whatever dies in between. The proof is what the guest
reads, not the definition."""
import os
import signal
import subprocess
import time

import pytest

from support import guests
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
    guests.wait_clock(world.admin, server, 8)
    wait_stored(world, server, 8)

    stop_start(world, server)
    assert clock(server) == {"offset": "variable", "basis": "utc", "adjustment": "28800"}
    assert rule(world, server) == "clock.guest"
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
