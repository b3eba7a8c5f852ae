# SPDX-License-Identifier: Apache-2.0
"""What operators type: the real commands against the real program with real guests, as they stand in their write-ups."""
import json
import os
import re
import subprocess

import pytest

from support import guests
from support.rest import wait_for


class Shell:
    """The OpenStack commands as one user of one cloud."""

    def __init__(self, cloud, client):
        self.cloud, self.client = cloud, client
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
        self.environment.update(client.environment())

    def run(self, *words, check=True):
        run = subprocess.run(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=180)
        assert not check or run.returncode == 0, "%s: %d\n%s%s" % (" ".join(words), run.returncode, run.stdout, run.stderr)
        return run.stdout if check else run

    def json(self, *words):
        return json.loads(self.run(*words, "-f", "json"))

    def table(self, *words):
        """The two columns that nova and glance print."""
        rows = re.findall(r"^\| (\S[^|]*?) +\| (.*?) *\|$", self.run(*words), re.M)
        return dict(rows)


class World:
    """A cloud, its administrator's shell, a network and the images that the stories need."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.admin = cloud.admin()
        self.shell = Shell(cloud, self.admin)
        self.host = self.shell.json("openstack", "hypervisor", "list")[0]["Hypervisor Hostname"]
        self.network = self.shell.json("openstack", "network", "create", "net001")["id"]
        self.shell.run("openstack", "subnet", "create", "--network", "net001", "--subnet-range", "192.168.2.0/24", "sub001")

    def image(self, name, guest="rtc", **properties):
        words = [w for k, v in properties.items() for w in ("--property", "%s=%s" % (k, v))]
        return self.shell.json("openstack", "image", "create", "--file", guests.image(guest), "--disk-format", "qcow2",
                               "--container-format", "bare", *words, name)["id"]

    def boot(self, name, image, flavor="1", *words):
        self.shell.run("nova", "boot", "--image", image, "--flavor", flavor, "--nic", "net-id=" + self.network, name, *words, "--poll")
        return self.shell.table("nova", "show", name)

    def sql(self, text):
        """By hand, behind the program's back, as operators do."""
        url = self.cloud.arguments[self.cloud.arguments.index("--db") + 1] if "--db" in self.cloud.arguments else None
        if url:
            name, socket = re.fullmatch(r"mariadb:///(\w+)\?socket=([^&]+).*", url).groups()
            run = subprocess.run(["mysql", "--no-defaults", "-uroot", "--socket=" + socket, "-N", "-B", "-e", text, name],
                                 check=True, stdout=subprocess.PIPE, text=True)
            return [line.split("\t") for line in run.stdout.splitlines()]
        run = subprocess.run(["sqlite3", "-separator", "\t", "-cmd", ".timeout 5000", self.cloud.data + "/kilonova.db", text],
                             check=True, stdout=subprocess.PIPE, text=True)
        return [line.split("\t") for line in run.stdout.splitlines()]


# Guests without an operating system do not hear a request to shut down.
QUICK_STOP = ["--compute-stop-timeout", "2"]


def make_world(make_cloud, database):
    world = World(make_cloud(real=True, database=database, arguments=QUICK_STOP))
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.admin.compute.delete("/servers/" + server["id"])
        guests.wait_gone(world.admin, server["id"])
    world.cloud.stop()


@pytest.fixture(scope="module")
def world(make_cloud):
    yield from make_world(make_cloud, "sqlite")


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def either(request, make_cloud):
    """A world on each database, for what operators do in it by hand."""
    yield from make_world(make_cloud, request.param)


def clock(uuid):
    """The clock part of the domain as {"offset": …, "timers": {name: attributes}}."""
    element = guests.domain(uuid).find("clock")
    return {**element.attrib, "timers": {t.get("name"): t.attrib for t in element.findall("timer")}}


def hardware(uuid):
    """What must not change when only the operating system's type does."""
    root = guests.domain(uuid, inactive=True)
    return {
        "machine": root.find("os/type").get("machine"),
        "uuid": root.findtext("uuid"),
        "disks": [(d.get("device"), d.find("target").get("bus"), d.find("target").get("dev")) for d in root.findall("devices/disk")],
        "nics": [(n.find("model").get("type"), n.find("mac").get("address")) for n in root.findall("devices/interface")],
        "addresses": [sorted(a.attrib.items()) for a in root.iter("address")],
    }


def test_1_a_windows_image_gives_localtime(world):
    shell = world.shell
    image = world.image("win2012")
    shell.run("glance", "image-update", "--property", "os_type=windows", image)
    assert shell.table("glance", "image-show", image)["os_type"] == "windows"

    shell.run("nova", "boot", "--image", "win2012", "--flavor", "3", "--nic", "net-id=" + world.network, "t4",
              "--availability-zone", "nova:" + world.host, "--poll")
    show = shell.table("nova", "show", "t4")
    assert show["status"] == "ACTIVE"
    assert show["OS-EXT-SRV-ATTR:host"] == world.host
    assert re.fullmatch(r"instance-[0-9a-f]{8}", show["OS-EXT-SRV-ATTR:instance_name"])
    assert re.fullmatch(r"192\.168\.2\.\d+", show["net001 network"])
    assert show["config_drive"] == "True"
    assert show["security_groups"] == "default"

    uuid = show["id"]
    assert world.sql("select os_type, vm_state, vcpus, memory_mb from instances where uuid='%s'" % uuid) == [
        ["windows", "active", "2", "4096"]]
    assert len(world.sql("select * from instances where uuid='%s'" % uuid)) == 1
    found = clock(uuid)
    assert found["offset"] == "localtime"
    assert found["timers"]["pit"]["tickpolicy"] == "delay"
    assert found["timers"]["rtc"]["tickpolicy"] == "catchup"
    assert found["timers"]["hpet"]["present"] == "no"
    guests.wait_clock(world.admin, uuid, 0)         # the lab's host is in UTC, so localtime is UTC
    shell.run("nova", "delete", "t4")


def test_1_a_linux_image_gives_utc(world):
    world.image("debian", os_type="linux")
    uuid = world.boot("t5", "debian")["id"]
    assert clock(uuid)["offset"] == "utc"
    assert world.sql("select os_type from instances where uuid='%s'" % uuid) == [["linux"]]
    world.shell.run("nova", "delete", "t5")


def test_2_os_type_by_sql_takes_effect_at_the_next_hard_reboot(either):
    world = either
    world.image("plain", os_timezone="Asia/Shanghai")
    uuid = world.boot("plain", "plain")["id"]
    before = hardware(uuid)
    assert clock(uuid)["offset"] == "utc"
    assert world.sql("select os_type is null from instances where uuid='%s'" % uuid) == [["1"]]
    guests.wait_clock(world.admin, uuid, 0)

    world.sql("update instances set os_type='windows' where uuid='%s'" % uuid)
    world.shell.run("nova", "reboot", uuid, "--hard", "--poll")
    assert clock(uuid)["offset"] == "timezone"
    assert clock(uuid)["timezone"] == "Asia/Shanghai"
    assert hardware(uuid) == before
    guests.wait_clock(world.admin, uuid, 8)
    world.shell.run("nova", "delete", uuid)


def test_3_the_agent_channel_by_sql(either):
    world = either
    shell = world.shell
    world.image("linux", guest="linux", os_type="linux")
    shell.run("openstack", "flavor", "create", "--vcpus", "1", "--ram", "384", "--disk", "1", "small-nova")
    shell.run("openstack", "flavor", "set", "small-nova", "--property", "kilonova:profile=nova-26")
    uuid = world.boot("agent", "linux", "small-nova")["id"]

    def channels():
        return [c.find("target").get("name") for c in guests.domain(uuid).findall("devices/channel")]

    assert "org.qemu.guest_agent.0" not in channels()
    world.sql("insert into instance_system_metadata values(NULL,NULL,NULL,NULL,'%s','image_hw_qemu_guest_agent','yes',0)" % uuid)
    shell.run("nova", "reboot", uuid, "--hard", "--poll")
    assert "org.qemu.guest_agent.0" in channels()
    wait_for(lambda: "return" in guests.virsh("qemu-agent-command", uuid, '{"execute":"guest-ping"}', check=False), 90, "guest-ping")

    def unused():
        return shell.table("nova", "diagnostics", uuid).get("memory-unused")

    wait_for(unused, 60, "memory figures of the guest", pause=1)
    shell.run("nova", "delete", uuid)


@pytest.mark.parametrize("profile", ["kilonova-1", "nova-26"])
def test_3_no_agent_channel_where_the_image_forbids_it(world, profile):
    world.image("quiet-" + profile, os_type="linux", hw_qemu_guest_agent="no", **{"kilonova:profile": profile})
    uuid = world.boot("quiet-" + profile, "quiet-" + profile)["id"]
    names = [c.find("target").get("name") for c in guests.domain(uuid).findall("devices/channel")]
    assert "org.qemu.guest_agent.0" not in names
    world.shell.run("nova", "delete", uuid)


def test_4_os_type_by_the_own_command(world):
    world.image("own", os_timezone="Asia/Shanghai")
    uuid = world.boot("own", "own")["id"]
    assert clock(uuid)["offset"] == "utc"
    shell = world.shell
    refused = shell.run(world.cloud.binary, "server", "set", uuid, "os_type=Windows", check=False)
    assert refused.returncode != 0
    assert "windows" in refused.stderr
    shell.run(world.cloud.binary, "server", "set", uuid, "os_type=windows", "--reboot", "hard")
    assert "windows" in shell.run(world.cloud.binary, "server", "properties", uuid)
    wait_for(lambda: clock(uuid)["offset"] == "timezone", 30, "the clock of the new definition")
    guests.wait_clock(world.admin, uuid, 8)
    assert "clock" in shell.run(world.cloud.binary, "explain", uuid)
    shell.run("nova", "delete", uuid)


def test_5_the_guest_reads_the_right_clock_through_everything(world):
    world.image("shanghai", os_type="windows", os_timezone="Asia/Shanghai")
    world.image("utc", os_type="linux")
    servers = {world.boot("five-win", "shanghai")["id"]: 8, world.boot("five-linux", "utc")["id"]: 0}

    def check(what):
        for uuid, hours in servers.items():
            guests.wait_status(world.admin, uuid)
            # Only what is printed from now on counts.
            seen = len(guests.clocks(guests.console_of(world.admin, uuid)))
            wait_for(lambda u=uuid, n=seen: guests.clocks(guests.console_of(world.admin, u))[n + 1:] or None, 30, "a clock after " + what)
            assert guests.clock_offset(guests.console_of(world.admin, uuid)) == hours, what

    check("the first start")
    for uuid in servers:
        world.shell.run("nova", "stop", uuid)
        guests.wait_status(world.admin, uuid, "SHUTOFF")
        world.shell.run("nova", "start", uuid)
    check("stop and start")
    for uuid in servers:
        world.shell.run("nova", "reboot", "--hard", "--poll", uuid)
    check("a hard reboot")
    subprocess.run(["restart-libvirtd", "KILL"], check=True)
    world.cloud.restart("kill")
    check("a restart of libvirtd and Kilonova")
    for uuid in servers:
        world.shell.run("nova", "reboot", "--hard", "--poll", uuid)
    check("a hard reboot after that")
    for uuid in servers:
        world.shell.run("nova", "delete", uuid)
        guests.wait_gone(world.admin, uuid)
