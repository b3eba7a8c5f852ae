# SPDX-License-Identifier: Apache-2.0
"""What a guest's drivers were installed for stays as it was, whatever is said afterwards; its clock follows."""
import sqlite3
import xml.etree.ElementTree as ET

import pytest

from support import guests
from support.servers import Servers

AFTERWARDS = {"os_type": "windows", "os_version": "2022", "os_timezone": "Asia/Shanghai", "hw_disk_bus": "sata",
              "hw_cdrom_bus": "sata", "hw_vif_model": "e1000e", "hw_machine_type": "pc", "hw_firmware_type": "uefi",
              "hw_tpm_version": "2.0", "hw_scsi_model": "lsilogic"}


@pytest.fixture(scope="module")
def servers(make_cloud):
    return Servers(make_cloud(real=True, database="sqlite", arguments=["--compute-stop-timeout", "0"]))


def hardware(server):
    """All that a guest's drivers see: machine, firmware, devices with their models, buses and addresses."""
    domain = guests.domain(server, inactive=True)
    devices = domain.find("devices")
    for left in ("emulator", "graphics", "audio", "serial", "console", "channel"):
        for element in devices.findall(left):
            devices.remove(element)
    parts = [domain.find("os"), devices, domain.find("uuid"), domain.find("sysinfo")]
    return [ET.tostring(part, encoding="unicode") for part in parts]


def say(servers, server, properties):
    """By hand in the database, as operators do it."""
    with sqlite3.connect(servers.cloud.data + "/kilonova.db", timeout=10) as db:
        for key, value in properties.items():
            db.execute("delete from instance_system_metadata where instance_uuid=? and key=?", (server, "image_" + key))
            db.execute("insert into instance_system_metadata (instance_uuid, key, value, deleted) values (?, ?, ?, 0)",
                       (server, "image_" + key, value))
        db.execute("update instances set os_type=? where uuid=?", (properties["os_type"], server))


def test_only_the_clock_changes(servers):
    image, network = servers.image("rtc", os_type=None), servers.network()
    server = servers.boot(image, network, config_drive=True)
    guests.wait_clock(servers.admin, server, 0)
    before = hardware(server)
    assert "virtio" in before[1] and "q35" in before[0]

    say(servers, server, AFTERWARDS)
    servers.act(server, "reboot", {"type": "HARD"})
    guests.wait_clock(servers.admin, server, 8)
    assert hardware(server) == before
    servers.act(server, "os-stop", status="SHUTOFF")
    servers.act(server, "os-start")
    assert hardware(server) == before

    # The plan says what was held back. On purpose, a rebuild brings it.
    plan = servers.admin.compute.get("/servers/%s/kilonova-plan" % server).ok(200)["decisions"]
    held = {d["path"]: d for d in plan if d["rule"].endswith("-frozen")}
    assert any("machine" in path for path in held) and any("disk" in path for path in held), held
    other = servers.image("rtc", os_type="windows", hw_disk_bus="sata", hw_vif_model="e1000e", os_timezone="Asia/Shanghai")
    servers.act(server, "rebuild", {"imageRef": other})
    guests.wait_clock(servers.admin, server, 8)
    after = hardware(server)
    assert after != before and "sata" in after[1] and "e1000e" in after[1]
    servers.delete(server)
