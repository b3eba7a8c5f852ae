# SPDX-License-Identifier: Apache-2.0
"""What is measured, on real guests: a clock 8 hours off, a CPU that was never started, an agent that is silent or has no channel, a
balloon that says nothing; and a guest in which all of that is well."""
import json
import os
import sqlite3
import subprocess
import time

import pytest

from support import guests
from support.cloud import BINARY, QEMU_URI
from support.rest import wait_for
from support.servers import Servers

DOMAIN = """<domain type='qemu'><name>{name}</name><metadata>
<o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'><o:os id='http://debian.org/debian/12'/></o:libosinfo></metadata>
<memory unit='MiB'>{memory}</memory><vcpu>{vcpus}</vcpu><os><type machine='pc'>hvm</type></os>
<features>{features}</features><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/></disk><serial type='file'><source path='{log}'/></serial>{channel}
{balloon}</devices></domain>"""
BALLOON = "<memballoon model='virtio'><stats period='2'/></memballoon>"
CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"


@pytest.fixture(name="start")
def fixture_start(tmp_path):
    names = []

    def start_guest(image, memory=64, vcpus=1, channel=CHANNEL, features="<acpi/>", balloon=BALLOON):
        name = "measured-%d" % (len(names) + 1)
        disk, log, xml = tmp_path / (name + ".qcow2"), tmp_path / (name + ".log"), tmp_path / (name + ".xml")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", guests.image(image), str(disk)], check=True)
        xml.write_text(DOMAIN.format(name=name, memory=memory, vcpus=vcpus, disk=disk, log=log, channel=channel,
                                     features=features, balloon=balloon))
        guests.virsh("define", str(xml))
        guests.virsh("start", name)
        names.append(name)
        return name, log

    yield start_guest
    for name in names:
        guests.virsh("destroy", name, check=False)
        guests.virsh("undefine", name, check=False)


def rules(name):
    done = subprocess.run([BINARY, "doctor", "--libvirt", QEMU_URI, "--server", name, "--json"], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {f["rule"]: f for f in json.loads(done.stdout)["findings"]}


def test_guest_in_which_all_is_well(start):
    name, log = start("linux", memory=256, vcpus=2)
    wait_for(lambda: log.exists() and "READY" in log.read_text(errors="replace"), 90, "linux guest")
    wait_for(lambda: "return" in guests.virsh("qemu-agent-command", name, '{"execute":"guest-ping"}', check=False), 60, "guest-ping")
    assert not set(rules(name)) & {"vcpu-never-ran", "agent-silent", "balloon-silent", "agent-channel"}


def repair_now(name, rule, folder):
    done = subprocess.run([BINARY, "repair", "--apply", "--now", "--grace", "0", "--libvirt", QEMU_URI, "--server", name, "--rule", rule,
                           "--journal", str(folder / "repairs")], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def said_cpus(log):
    return guests.facts(log.read_text(errors="replace")).get("KERNEL", [""])[-1].split()[1:3]


def test_guest_that_does_not_know_of_its_second_cpu(start, tmp_path):
    """Without ACPI it has no list of its CPUs; the guest's own word before and after."""
    name, log = start("linux", memory=256, vcpus=2, features="")
    wait_for(lambda: log.exists() and "READY" in log.read_text(errors="replace"), 120, "linux guest")
    assert said_cpus(log) == ["1", "vcpus"]
    found = wait_for(lambda: (lambda r: r if "vcpu-never-ran" in r else None)(rules(name)), 120, "a CPU that never ran", pause=3)
    assert "acpi-missing" in found
    repair_now(name, "acpi-missing", tmp_path)
    wait_for(lambda: said_cpus(log) == ["2", "vcpus"], 120, "two CPUs by the guest's own word")
    assert not set(rules(name)) & {"vcpu-never-ran", "acpi-missing"}


def answers(name):
    return "return" in guests.virsh("qemu-agent-command", name, '{"execute":"guest-ping"}', check=False)


def test_agent_without_a_channel(start, tmp_path):
    """The agent runs and nobody can reach it; once it has a channel it answers."""
    name, log = start("linux", memory=256, channel="")
    wait_for(lambda: log.exists() and "READY" in log.read_text(errors="replace"), 90, "linux guest")
    found = rules(name)
    assert "agent-channel" in found and "agent-silent" not in found and not answers(name)
    repair_now(name, "agent-channel", tmp_path)
    wait_for(lambda: answers(name), 120, "the agent's own word")
    assert not set(rules(name)) & {"agent-channel", "agent-silent"}


def statistics(name):
    """What the guest's balloon driver said: its time and by name what it counts."""
    lines = [line.split() for line in guests.virsh("dommemstat", name).splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2}


def test_balloon_that_nobody_asks(start, tmp_path):
    """The guest has the driver, which speaks once when it starts; without a period its figures stay as old as that."""
    name, log = start("linux", memory=256, balloon="<memballoon model='virtio'/>")
    wait_for(lambda: log.exists() and "READY" in log.read_text(errors="replace"), 90, "linux guest")
    said = statistics(name).get("last_update", 0)
    time.sleep(6)
    assert statistics(name).get("last_update", 0) == said
    found = rules(name)
    assert "balloon-period" in found and "balloon-silent" not in found
    repair_now(name, "balloon-period", tmp_path)
    wait_for(lambda: statistics(name).get("last_update", 0) > said, 120, "statistics of the guest's own")
    now = statistics(name)["last_update"]
    wait_for(lambda: statistics(name)["last_update"] > now, 30, "statistics that are renewed")
    assert 0 < statistics(name)["unused"] < 256 * 1024
    assert not set(rules(name)) & {"balloon-period", "balloon-silent"}


@pytest.fixture(scope="module", name="servers")
def fixture_servers(make_cloud):
    cloud = make_cloud(real=True, arguments=["--clock-measure-interval", "2"])
    made = Servers(cloud)
    made.flavor = made.admin.compute.post("/flavors", {"flavor": {"name": "two", "vcpus": 2, "ram": 256, "disk": 1}}).ok(200)["flavor"]["id"]
    made.net = made.network()
    yield made
    cloud.stop()


def own_rules(servers, server):
    findings = servers.admin.root.get("/kilonova/findings?server=" + server).ok(200)["findings"]
    return {f["rule"]: f for f in findings}


def wait_rule(servers, server, rule, there=True, seconds=90):
    return wait_for(lambda: (lambda r: r if (rule in r) == there else None)(own_rules(servers, server)) is not None, seconds,
                    "%s %s" % (rule, "found" if there else "gone"), pause=1)


def grow_old(servers, server):
    """As if the guest had been started ten minutes ago: what has only begun is not judged."""
    then = int((time.time() - 600) * 1000000)
    with sqlite3.connect(os.path.join(servers.cloud.data, "kilonova.db"), timeout=30) as db:
        assert db.execute("UPDATE server_clocks SET started_us=? WHERE instance_uuid=?", (then, server)).rowcount == 1


def test_guest_that_uses_one_cpu_and_answers_nobody(servers):
    """The rtc guest is a boot sector: it starts no second CPU and has no drivers."""
    server = servers.boot(servers.image("rtc", hw_qemu_guest_agent="yes"), servers.net, flavor=servers.flavor)
    guests.wait_clock(servers.admin, server, 0)
    assert not set(own_rules(servers, server)) & {"vcpu-never-ran", "agent-silent", "balloon-silent"}
    grow_old(servers, server)
    found = own_rules(servers, server)
    assert "1 of 2 virtual CPUs have never run" in found["vcpu-never-ran"]["what"]
    assert found["agent-silent"]["evidence"] == ["devices/channel[org.qemu.guest_agent.0]/target/@state = disconnected"]
    assert "last statistics = never" in found["balloon-silent"]["evidence"]
    servers.delete(server)


def test_guest_eight_hours_off_is_found_and_mended(servers):
    """A Linux that was declared a Windows in Shanghai: its agent says what time it has."""
    image = servers.image("linux", os_type="windows", os_timezone="Asia/Shanghai")
    server = servers.boot(image, servers.net, flavor=servers.flavor)
    wait_rule(servers, server, "clock-skew-zone")
    found = own_rules(servers, server)
    assert "off by +8.00 hours" in found["clock-skew-zone"]["what"]
    assert "clock/@offset = timezone" in found["clock-skew-zone"]["evidence"]
    servers.admin.compute.put("/servers/%s/kilonova-properties" % server, {"properties": {"os_type": "linux"}, "reboot": "hard"}).ok(200)
    guests.wait_status(servers.admin, server)
    guests.wait_clock(servers.admin, server, 0)
    wait_rule(servers, server, "clock-skew-zone", there=False)
    assert not set(own_rules(servers, server)) & {"clock-windows-utc", "clock-linux-local", "vcpu-never-ran"}
    servers.delete(server)
