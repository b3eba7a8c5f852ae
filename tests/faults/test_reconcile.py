# SPDX-License-Identifier: Apache-2.0
"""What happens on the host behind our back, while the program runs and while it does not; and definitions that QEMU refuses."""
import os
import sqlite3

import pytest

from support import guests
from support.rest import wait_for


class World:
    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.admin = cloud.admin()
        self.image = self.admin.image.post("/images", {"name": "rtc", "disk_format": "qcow2", "container_format": "bare"}).ok(201)["id"]
        with open(guests.image("rtc"), "rb") as f:
            self.admin.image.call("PUT", "/images/%s/file" % self.image, data=f.read(),
                                  headers={"Content-Type": "application/octet-stream"}).ok(204)

    def boot(self):
        body = {"name": "s", "imageRef": self.image, "flavorRef": "1"}
        server = self.admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
        guests.wait_status(self.admin, server)
        return server

    def action(self, server, body):
        self.admin.compute.post("/servers/%s/action" % server, body).ok(202)

    def delete(self, server):
        self.admin.compute.delete("/servers/" + server).ok(204)
        guests.wait_gone(self.admin, server)

    def sql(self, text, *values):
        with sqlite3.connect(self.cloud.data + "/kilonova.db", timeout=10) as db:
            return db.execute(text, values).fetchall()

    def last_action(self, server):
        return self.admin.compute.get("/servers/%s/os-instance-actions" % server).ok(200)["instanceActions"][0]

    def keep_xml(self, server):
        path = os.path.join(self.folder, server + ".xml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(guests.virsh("dumpxml", "--inactive", server))
        return path


@pytest.fixture(scope="module")
def world(make_cloud, lab):
    world = World(make_cloud(real=True, database="sqlite", arguments=["--compute-stop-timeout", "0"]), lab)
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.delete(server["id"])
    assert os.listdir(world.cloud.data + "/instances") == []
    world.cloud.stop()


def test_a_guest_that_goes_off_and_comes_back_by_itself(world):
    server = world.boot()
    guests.virsh("destroy", server)
    assert guests.wait_status(world.admin, server, "SHUTOFF")["OS-EXT-STS:power_state"] == 4
    guests.virsh("start", server)
    guests.wait_status(world.admin, server, "ACTIVE")
    guests.virsh("suspend", server)
    guests.wait_status(world.admin, server, "PAUSED")
    guests.virsh("resume", server)
    guests.wait_status(world.admin, server, "ACTIVE")
    world.delete(server)


def test_a_definition_that_vanished_is_made_again(world):
    server = world.boot()
    guests.virsh("destroy", server)
    guests.virsh("undefine", server)
    guests.wait_status(world.admin, server, "SHUTOFF")
    world.action(server, {"os-start": None})
    guests.wait_status(world.admin, server, "ACTIVE")
    world.delete(server)


def test_what_happened_while_we_were_away(world):
    off, gone, kept = world.boot(), world.boot(), world.boot()
    domid = guests.virsh("domid", kept)
    world.cloud.kill()
    guests.virsh("destroy", off)
    guests.virsh("destroy", gone)
    guests.virsh("undefine", gone)
    world.cloud.start()
    guests.wait_status(world.admin, off, "SHUTOFF")
    guests.wait_status(world.admin, gone, "SHUTOFF")
    guests.wait_status(world.admin, kept, "ACTIVE")
    assert guests.virsh("domid", kept) == domid
    for server in off, gone, kept:
        world.delete(server)


def test_a_host_that_was_restarted_runs_what_ran(world):
    ran, stood = world.boot(), world.boot()
    world.action(stood, {"os-stop": None})
    guests.wait_status(world.admin, stood, "SHUTOFF")
    world.cloud.stop()
    guests.virsh("destroy", ran)
    world.sql("update host_boots set boot_id='the one before'")
    world.cloud.start()
    guests.wait_status(world.admin, ran, "ACTIVE")
    assert guests.virsh("domstate", ran).strip() == "running"
    guests.wait_status(world.admin, stood, "SHUTOFF")
    assert world.last_action(ran)["action"] == "start"
    world.delete(ran)
    world.delete(stood)


def test_leftovers_with_our_mark(world):
    """A deleted server's domain goes; one that no record knows is somebody's backup: it stays."""
    deleted, unknown = world.boot(), world.boot()
    left = world.keep_xml(deleted)
    world.delete(deleted)
    world.action(unknown, {"os-stop": None})
    guests.wait_status(world.admin, unknown, "SHUTOFF")
    lonely = world.keep_xml(unknown)
    world.delete(unknown)
    world.cloud.stop()
    world.sql("delete from instances where uuid=?", unknown)
    guests.virsh("define", left)
    guests.virsh("define", lonely)
    world.cloud.start()
    wait_for(lambda: deleted not in guests.virsh("list", "--all", "--uuid"), 20, "the leftover is gone")
    assert unknown in guests.virsh("list", "--all", "--uuid")
    guests.virsh("undefine", unknown)


def test_a_definition_that_is_refused_changes_nothing(world):
    server = world.boot()
    before, domid = guests.virsh("dumpxml", "--inactive", server), guests.virsh("domid", server)
    world.sql("insert into instance_system_metadata values(NULL,NULL,NULL,NULL,?,'image_hw_video_model','nonsense',0)", server)
    world.action(server, {"reboot": {"type": "HARD"}})
    guests.wait_status(world.admin, server, "ACTIVE")
    assert "nonsense" in world.last_action(server)["message"]
    assert guests.virsh("dumpxml", "--inactive", server) == before
    assert guests.virsh("domid", server) == domid, "the guest was disturbed"

    # Off, it still starts, with what was good before, and says so.
    world.action(server, {"os-stop": None})
    guests.wait_status(world.admin, server, "SHUTOFF")
    world.action(server, {"os-start": None})
    guests.wait_status(world.admin, server, "ACTIVE")
    assert "nonsense" in world.last_action(server)["message"]

    world.sql("delete from instance_system_metadata where key='image_hw_video_model' and instance_uuid=?", server)
    world.action(server, {"reboot": {"type": "HARD"}})
    guests.wait_status(world.admin, server, "ACTIVE")
    assert guests.virsh("domid", server) != domid
    world.delete(server)


def test_a_hard_reboot_with_nothing_changed_gives_the_same_hardware(world):
    server = world.boot()
    before = guests.virsh("dumpxml", "--inactive", server)
    world.action(server, {"reboot": {"type": "HARD"}})
    guests.wait_status(world.admin, server, "ACTIVE")
    assert guests.virsh("dumpxml", "--inactive", server) == before
    world.delete(server)


def test_a_soft_reboot_that_the_guest_ignores_becomes_a_hard_one(make_cloud, lab):
    cloud = make_cloud(real=True, database="sqlite", arguments=["--compute-soft-reboot-timeout", "1"])
    other = World(cloud, lab)
    wait_for(lambda: not guests.virsh("list", "--all", "--name").strip(), 20, "no other domains")
    server = other.boot()
    domid = guests.virsh("domid", server)
    other.action(server, {"reboot": {"type": "SOFT"}})
    wait_for(lambda: guests.virsh("domid", server) not in (domid, "-\n"), 60, "another life of the guest")
    guests.wait_status(other.admin, server, "ACTIVE")
    other.delete(server)
    cloud.stop()
