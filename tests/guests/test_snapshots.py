# SPDX-License-Identifier: Apache-2.0
"""Images made of real guests: they stand alone, start, and hold what the guest had written."""
import base64
import json
import subprocess

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers


@pytest.fixture(scope="module")
def world(real_cloud):
    world = Servers(real_cloud)
    world.net = world.network("snapshots")
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.delete(server["id"])
    world.admin.network.delete("/networks/" + world.net).ok(204)


def snapshot(world, server, name="snap", status="ACTIVE"):
    answer = world.admin.compute.post("/servers/%s/action" % server, {"createImage": {"name": name}})
    answer.ok(202)
    made = answer.headers["Location"].rsplit("/", 1)[1]
    wait_for(lambda: (world.admin.image.get("/images/" + made).json or {}).get("status") == "active", 120, "image " + name)
    guests.wait_status(world.admin, server, status)
    return made


def read_disk(world, image, tmp_path):
    """The image's bytes as a file, which stands alone and is sound."""
    path = tmp_path / image
    path.write_bytes(world.admin.image.get("/images/%s/file" % image).content)
    about = json.loads(subprocess.run(["qemu-img", "info", "--output=json", str(path)], check=True, stdout=subprocess.PIPE).stdout)
    assert about["format"] == "qcow2" and "backing-filename" not in about
    subprocess.run(["qemu-img", "check", "-q", str(path)], check=True)
    return path


def leftovers():
    return [n for n in guests.virsh("list", "--all", "--name").split() if n.startswith("kilonova-copy-")]


@pytest.mark.parametrize("action,status", [(None, "ACTIVE"), ("pause", "PAUSED"), ("suspend", "SUSPENDED"), ("off", "SHUTOFF")])
def test_a_copy_in_each_state_starts(world, tmp_path, action, status):
    server = world.boot(world.image("rtc"), world.net)
    if action == "off":
        guests.virsh("destroy", server)
        guests.wait_status(world.admin, server, status)
    elif action:
        world.act(server, action, status=status)
    made = snapshot(world, server, status=status)
    path = read_disk(world, made, tmp_path)
    source = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", str(path)], check=True,
                                       stdout=subprocess.PIPE).stdout)
    assert source["virtual-size"] == 1 << 30
    assert subprocess.run(["qemu-img", "compare", "-q", guests.image("rtc"), str(path)], check=False).returncode == 0
    copy = world.boot(made, world.net)
    guests.wait_clock(world.admin, copy, 0)
    # What was copied goes on as if nothing had been.
    if action in ("pause", "suspend"):
        world.act(server, {"pause": "unpause", "suspend": "resume"}[action])
        guests.wait_clock(world.admin, server, 0)
    assert not leftovers()
    files = world.cloud.data + "/instances"
    assert not [n for n in subprocess.run(["ls", files], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
                if n.endswith("_snapshot")]
    world.delete(server, copy)


def test_what_the_guest_wrote_is_in_the_copy(world):
    """The guest leaves a mark on its disk at its first start; the one from the copy finds it there."""
    data = {"user_data": base64.b64encode(b"rtc_shift=0\n").decode()}
    server = world.boot(world.image("linux"), world.net, **data)
    said = wait_for(lambda: "RTC" in guests.facts(world.console(server)) and guests.facts(world.console(server)), 120, "READY")
    assert "SHIFTED" in said
    wait_for(lambda: "return" in guests.virsh("qemu-agent-command", server, '{"execute":"guest-ping"}', check=False), 60, "agent")
    made = snapshot(world, server)
    status = guests.virsh("qemu-agent-command", server, '{"execute":"guest-fsfreeze-status"}')
    assert json.loads(status)["return"] == "thawed"
    copy = world.boot(made, world.net, **data)
    said = wait_for(lambda: "RTC" in guests.facts(world.console(copy)) and guests.facts(world.console(copy)), 120, "READY")
    assert "READY" in said and "SHIFTED" not in said
    # Its clock is asked about, too, once its agent is there.
    event = wait_for(lambda: next((e for e in events(world, copy, "create") if e["event"] == "kilonova_set_guest_time"
                                   and e["finish_time"]), None), 120, "the clock's event", pause=0.5)
    assert event["result"] == "Success", event
    world.delete(server, copy)


def events(world, server, action):
    base = "/servers/%s/os-instance-actions" % server
    listed = world.admin.compute.get(base).ok(200)["instanceActions"]
    request = next(a["request_id"] for a in listed if a["action"] == action)
    return world.admin.compute.get("%s/%s" % (base, request)).ok(200)["instanceAction"]["events"]


def test_a_demand_for_rest_that_cannot_be_met(world):
    server = world.boot(world.image("rtc", os_require_quiesce="yes"), world.net)
    answer = world.admin.compute.post("/servers/%s/action" % server, {"createImage": {"name": "never"}})
    answer.ok(202)
    made = answer.headers["Location"].rsplit("/", 1)[1]
    wait_for(lambda: world.admin.image.get("/images/" + made).status == 404, 60, "no image")
    guests.wait_status(world.admin, server)
    (event,) = [e for e in events(world, server, "createImage") if e["event"] == "compute_snapshot_instance"]
    assert event["result"] == "Error" and "os_require_quiesce" in event["traceback"]
    # Off there is nothing to be quiet.
    guests.virsh("destroy", server)
    guests.wait_status(world.admin, server, "SHUTOFF")
    snapshot(world, server, status="SHUTOFF")
    world.delete(server)


def test_somebody_elses_backup_is_not_ended(world, tmp_path):
    server = world.boot(world.image("rtc"), world.net)
    target = "%s/stranger.qcow2" % world.cloud.data
    xml = tmp_path / "backup.xml"
    xml.write_text("<domainbackup mode='pull'><server transport='unix' socket='%s'/></domainbackup>" % (target + ".sock"))
    guests.virsh("backup-begin", server, str(xml))
    answer = world.admin.compute.post("/servers/%s/action" % server, {"createImage": {"name": "later"}})
    answer.ok(202)
    guests.wait_status(world.admin, server)
    assert "<domainbackup" in guests.virsh("backup-dumpxml", server)
    (event,) = [e for e in events(world, server, "createImage") if e["event"] == "compute_snapshot_instance"]
    assert event["result"] == "Error" and "backup of the server is under way" in event["traceback"]
    guests.virsh("domjobabort", server)
    wait_for(lambda: not guests.virsh("backup-dumpxml", server, check=False).strip(), 30, "the backup's end")
    snapshot(world, server)
    world.delete(server)


def test_the_guests_clock_goes_into_the_copy(world):
    """A guest that has written its RTC owns it: what is made of its disk begins with the same offset."""
    server = world.boot(world.image("rtc-same", "windows", os_timezone="Asia/Shanghai"), world.net)
    guests.wait_clock(world.admin, server, 8)
    plan = "/servers/%s/kilonova-plan"
    wait_for(lambda: abs((world.admin.compute.get(plan % server).ok(200)["clock"].get("rtc_offset_s") or 0) - 28800) <= 2, 30,
             "the offset is known")
    made = snapshot(world, server)
    assert abs(int(world.admin.image.get("/images/" + made).ok(200)["os_rtc_offset"]) - 28800) <= 2
    copy = world.boot(made, world.net)
    clock = dict(guests.domain(copy, inactive=True).find("clock").attrib)
    assert clock["offset"] == "variable" and abs(int(clock["adjustment"]) - 28800) <= 2
    guests.wait_clock(world.admin, copy, 8)
    world.delete(server, copy)


def test_a_large_copy_takes_little_memory(world):
    def peak_kib():
        with open("/proc/%d/status" % world.cloud.process.pid, encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("VmHWM")).split()[1])
    server = world.boot(world.image("rtc"), world.net)
    guests.virsh("destroy", server)
    guests.wait_status(world.admin, server, "SHUTOFF")
    disk = "%s/instances/%s_disk" % (world.cloud.data, server)
    subprocess.run(["qemu-io", "-c", "write -P 0x5a 1M 300M", disk], check=True, stdout=subprocess.DEVNULL)
    before = peak_kib()
    made = snapshot(world, server, status="SHUTOFF")
    assert peak_kib() - before < 64 * 1024
    assert world.admin.image.get("/images/" + made).ok(200)["size"] > 300 << 20
    subprocess.run(["qemu-img", "compare", "-q", "%s/images/%s" % (world.cloud.data, made), disk], check=True)
    world.delete(server)
