# SPDX-License-Identifier: Apache-2.0
"""The lab and the test guests themselves, without Kilonova: what the other tests stand on."""
import os
import subprocess
import time

import pytest

from support import guests, zones
from support.rest import wait_for

LAB = os.path.join(guests.TREE, "tests", "lab", "lab.sh")
DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>{memory}</memory><os><type machine='pc'>hvm</type></os>
{clock}<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/></disk><serial type='file'><source path='{log}'/></serial>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>"""


@pytest.fixture
def start(tmp_path):
    names = []

    def start_guest(image, clock="", memory=64):
        name = "lab-%d" % (len(names) + 1)
        disk, log, xml = tmp_path / (name + ".qcow2"), tmp_path / (name + ".log"), tmp_path / (name + ".xml")
        base = ["-F", "raw", "-b", image] if os.path.isabs(image) else ["-F", "qcow2", "-b", guests.image(image)]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *base, str(disk)], check=True)
        xml.write_text(DOMAIN.format(name=name, memory=memory, clock=clock, disk=disk, log=log))
        guests.virsh("create", str(xml))
        names.append(name)
        return name, log

    yield start_guest
    for name in names:
        guests.virsh("destroy", name, check=False)


def said(log):
    return log.read_text(errors="replace") if log.exists() else ""


@pytest.mark.parametrize("clock,hours", [("", 0), ("<clock offset='timezone' timezone='Asia/Shanghai'/>", 8),
                                         ("<clock offset='variable' basis='utc' adjustment='-3600'/>", -1)])
def test_rtc_guest_prints_what_libvirt_gives(start, clock, hours):
    _, log = start("rtc", clock)
    wait_for(lambda: guests.clock_offset(said(log)) == hours, 30, "clock %+d" % hours)


def test_rtc_set_guest_moves_its_clock(start):
    _, log = start("rtc-set3")
    wait_for(lambda: len(guests.clocks(said(log))) > 2, 30, "three clocks")
    assert guests.clocks(said(log))[-1].hour == 3


def test_linux_guest_boots_from_its_disk_and_has_an_agent(start):
    name, log = start("linux", memory=256)
    facts = wait_for(lambda: "RTC" in guests.facts(said(log)) and guests.facts(said(log)), 60, "linux guest")
    assert "READY" in facts and "AGENT" in facts and facts["CONFIG"] == ["none"]
    wait_for(lambda: "return" in guests.virsh("qemu-agent-command", name, '{"execute":"guest-ping"}', check=False), 30, "guest-ping")


def test_guests_survive_a_killed_libvirtd(start):
    name, log = start("rtc")
    wait_for(lambda: guests.clocks(said(log)), 30, "a clock")
    subprocess.run(["restart-libvirtd", "KILL"], check=True)
    assert name in guests.virsh("list", "--name").split()
    before = len(guests.clocks(said(log)))
    wait_for(lambda: len(guests.clocks(said(log))) > before, 30, "the guest goes on")


def test_lab_in_another_zone_leaves_nothing(tmp_path):
    here, spaces = set(os.listdir("/sys/class/net")), set(os.listdir("/run/netns"))
    out = subprocess.run([LAB, "--zone", "Asia/Shanghai", "--host", "east", "sh", "-c",
                          "date +%z; hostname; ip link add br-lab type bridge; ip netns add left; sleep 300 & echo $TMPDIR"],
                         stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.split()
    assert out[:2] == ["+0800", "east"]
    assert not os.path.exists(out[2])
    assert set(os.listdir("/sys/class/net")) == here and set(os.listdir("/run/netns")) == spaces


def test_lab_killed_takes_all_with_it(tmp_path):
    mark = str(tmp_path / "pid")
    lab = subprocess.Popen([LAB, "sh", "-c", "sleep 317 & echo > %s; wait" % mark])
    wait_for(lambda: os.path.exists(mark), 20, "the command runs")
    lab.terminate()
    assert lab.wait(20) != 0
    time.sleep(0.2)
    left = subprocess.run(["pgrep", "-fx", "sleep 317"], stdout=subprocess.PIPE, text=True).stdout
    assert left == ""


def test_clock_that_moves(start, clock):
    """Guests, those that run too, live in the time that is set; we do not."""
    clock.move(180 * 86400)
    _, log = start("rtc")
    zones.wait_offset(clock, lambda: said(log), 0, "half a year later")
    clock.move(180 * 86400)
    zones.wait_offset(clock, lambda: said(log), 0, "a year later")
    assert clock.shift > 359 * 86400
    moved = subprocess.run(["date", "+%s"], stdout=subprocess.PIPE, check=True, env={**os.environ, **zones.environment()}).stdout
    assert abs(int(moved) - clock.now()) <= 1


def test_zoned_guest_lives_by_its_own_zone(start, clock, tmp_path):
    """It derives the right time from an RTC that kept the offset it knew, corrects both, and follows a change while it runs."""
    clock.move_to(zones.at("2027-04-20 10:00"))
    disk = zones.zoned_disk(tmp_path, "berlin", zones.changes("Europe/Berlin"))
    _, log = start(disk, "<clock offset='variable' basis='utc' adjustment='7200'/>")
    wait_for(lambda: zones.said_utc(said(log)), 30, "a time")
    rtc, utc, seconds = zones.said_utc(said(log))
    assert abs(utc - clock.now()) <= 2 and rtc - utc == seconds == 7200
    clock.move_to(zones.at("2027-10-31 00:59") + 57)
    wait_for(lambda: zones.said_utc(said(log))[2] == 3600, 30, "winter")
    assert abs(zones.said_utc(said(log))[1] - clock.now()) <= 2
    zones.wait_offset(clock, lambda: said(log), 3600, "the RTC in winter")
