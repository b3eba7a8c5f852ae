# SPDX-License-Identifier: Apache-2.0
"""Pause, suspend and images of servers with the real commands and a real guest."""
import json

import pytest

from support import guests
from support.rest import wait_for
from test_transcripts import World


@pytest.fixture(scope="module")
def world(real_cloud):
    world = World(real_cloud)
    yield world
    for server in world.shell.json("openstack", "server", "list", "--all-projects"):
        world.shell.run("openstack", "server", "delete", "--wait", server["ID"])
    world.shell.run("openstack", "network", "delete", "net001")


def status(world, name, want):
    wait_for(lambda: world.shell.json("openstack", "server", "show", name)["status"] == want, 60, "%s %s" % (name, want), pause=0.5)


def test_gaps_and_images(world):
    run = world.shell.run
    world.boot("goes-on", world.image("rtc"))
    for first, want, second in ("pause", "PAUSED", "unpause"), ("suspend", "SUSPENDED", "resume"):
        run("openstack", "server", first, "goes-on")
        status(world, "goes-on", want)
        run("openstack", "server", second, "goes-on")
        status(world, "goes-on", "ACTIVE")
    run("nova", "suspend", "goes-on")
    status(world, "goes-on", "SUSPENDED")
    run("nova", "resume", "goes-on")
    status(world, "goes-on", "ACTIVE")

    # What came of the guest's clock stands in the events of the action.
    actions = world.shell.json("openstack", "server", "event", "list", "goes-on")
    request = next(a["Request ID"] for a in actions if a["Action"] == "unpause")
    event = wait_for(lambda: next((e for e in events(world, "goes-on", request) if e["event"] == "kilonova_set_guest_time"
                                   and e["finish_time"]), None), 90, "the clock's event", pause=2)
    assert event["result"] == "Skipped" and "not possible" in event["traceback"]

    made = world.shell.json("openstack", "server", "image", "create", "--wait", "--name", "first", "--property", "why=test", "goes-on")
    assert made["status"] == "active" and made["name"] == "first"
    assert made["properties"]["image_type"] == "snapshot" and made["properties"]["why"] == "test"
    out = run("nova", "image-create", "--poll", "--show", "goes-on", "second")
    assert "Finished" in out and "second" in out
    for name in "d1", "d2", "d3":
        run("openstack", "server", "backup", "create", "--wait", "--name", name, "--type", "daily", "--rotate", "2", "goes-on")
        status(world, "goes-on", "ACTIVE")
    names = {i["Name"] for i in world.shell.json("openstack", "image", "list")}
    assert {"first", "second", "d2", "d3"} <= names and "d1" not in names

    # The command looks for the group in Compute.
    run("openstack", "security", "group", "create", "web")
    run("openstack", "server", "add", "security", "group", "goes-on", "web")
    groups = world.shell.json("openstack", "server", "show", "goes-on")["security_groups"]
    assert {g["name"] for g in groups} == {"default", "web"}
    run("openstack", "server", "remove", "security", "group", "goes-on", "web")
    run("openstack", "security", "group", "delete", "web")

    # It starts.
    server = world.boot("copy", made["id"])["id"]
    guests.wait_clock(world.admin, server, 0)


def events(world, server, request):
    shown = world.shell.json("openstack", "server", "event", "show", server, request)["events"]
    return json.loads(shown) if isinstance(shown, str) else shown
