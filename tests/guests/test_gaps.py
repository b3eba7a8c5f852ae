# SPDX-License-Identifier: Apache-2.0
"""Real guests with gaps in their lives: paused, suspended, started from a snapshot. What counts is what the guest says."""
import json
import subprocess
import time

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers

EVENT = "kilonova_set_guest_time"


@pytest.fixture(scope="module")
def world(real_cloud):
    world = Servers(real_cloud)
    world.net = world.network("gaps")
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.delete(server["id"])
    world.admin.network.delete("/networks/" + world.net).ok(204)


def behind(server):
    """Seconds that the guest's own clock is behind this machine's; None without an agent."""
    answer = guests.virsh("qemu-agent-command", server, '{"execute":"guest-get-time"}', check=False)
    return time.time() - json.loads(answer)["return"] / 1e9 if answer.strip() else None


def boot_linux(world, **metadata):
    server = world.boot(world.image("linux"), world.net, metadata=metadata)
    wait_for(lambda: behind(server) is not None, 120, "the guest's agent", pause=0.5)
    return server


def clock_event(world, server, action, seconds=90):
    def look():
        base = "/servers/%s/os-instance-actions" % server
        listed = world.admin.compute.get(base).ok(200)["instanceActions"]
        request = next(a["request_id"] for a in listed if a["action"] == action)
        events = world.admin.compute.get("%s/%s" % (base, request)).ok(200)["instanceAction"]["events"]
        return next((e for e in events if e["event"] == EVENT and e["finish_time"]), None)
    return wait_for(look, seconds, "outcome of setting the clock", pause=0.2)


def test_clock_after_pause_and_suspend(world):
    server = boot_linux(world, os_time_after_gap="false")
    assert abs(behind(server)) < 2
    world.act(server, "pause", status="PAUSED")
    time.sleep(10)
    world.act(server, "unpause")
    assert 8 < behind(server) < 14

    # The same with our help: 20 s more, and it comes right.
    world.admin.compute.put("/servers/%s/metadata/os_time_after_gap" % server, {"meta": {"os_time_after_gap": "true"}}).ok(200)
    world.act(server, "pause", status="PAUSED")
    time.sleep(20)
    world.act(server, "unpause")
    event = clock_event(world, server, "unpause")
    assert event["result"] == "Success", event
    was = float(event["traceback"].split("clock was ")[1].split(" s behind")[0])
    assert 28 < was < 36, event
    assert abs(behind(server)) < 2

    world.act(server, "suspend", status="SUSPENDED")
    assert guests.virsh("domstate", server).strip() == "shut off"
    time.sleep(5)
    world.act(server, "resume")
    event = clock_event(world, server, "resume")
    assert event["result"] == "Success", event
    assert abs(behind(server)) < 2
    world.delete(server)


def test_without_an_agent_the_event_says_so(world):
    """A guest of the profile of Nova has no channel; one of ours has a channel, and nobody at its end."""
    bare = world.boot(world.image("rtc"), world.net, metadata={"kilonova:profile": "nova-26"})
    world.act(bare, "pause", status="PAUSED")
    world.act(bare, "unpause")
    event = clock_event(world, bare, "unpause", 10)
    assert event["result"] == "Skipped"
    assert event["traceback"].endswith("not possible: The server has no guest agent channel.")

    silent = world.boot(world.image("rtc"), world.net)
    world.act(silent, "pause", status="PAUSED")
    world.act(silent, "unpause")
    # Nothing else waits for the agent that does not come.
    world.act(silent, "pause", status="PAUSED")
    event = clock_event(world, silent, "unpause", 10)
    assert event["result"] == "Skipped" and event["traceback"].endswith("The guest does not run any more.")
    world.delete(bare, silent)


def test_a_suspended_guest_goes_on_where_it_was(world):
    server = world.boot(world.image("rtc"), world.net)
    wait_for(lambda: guests.clocks(world.console(server)), 30, "a clock")
    world.act(server, "suspend", status="SUSPENDED")
    before = len(guests.clocks(world.console(server)))
    subprocess.run(["restart-libvirtd", "KILL"], check=True)
    world.cloud.restart("kill")
    guests.wait_status(world.admin, server, "SUSPENDED")
    world.act(server, "resume")
    wait_for(lambda: len(guests.clocks(world.console(server))) > before, 30, "the guest goes on")
    # It went on and did not start again, and nothing is left to be restored twice.
    assert "Managed save:   no" in guests.virsh("dominfo", server)

    world.act(server, "suspend", status="SUSPENDED")
    guests.virsh("managedsave-remove", server)
    answer = world.admin.compute.post("/servers/%s/action" % server, {"resume": None})
    if answer.status == 202:    # the record had not followed yet
        guests.wait_status(world.admin, server, "SHUTOFF")
    world.act(server, "os-start")
    world.delete(server)


def test_hard_reboot_of_a_suspended_guest_starts_it_cold(world):
    server = world.boot(world.image("rtc"), world.net)
    wait_for(lambda: guests.clocks(world.console(server)), 30, "a clock")
    world.act(server, "suspend", status="SUSPENDED")
    world.act(server, "reboot", {"type": "HARD"})
    assert "Managed save:   no" in guests.virsh("dominfo", server)
    wait_for(lambda: guests.clock_offset(world.console(server)) == 0, 30, "the guest runs")
    world.delete(server)
