# SPDX-License-Identifier: Apache-2.0
"""UEFI, Secure Boot and TPM 2.0 as a guest sees them, and what of their state outlives what: the guest's own word."""
import os
import subprocess

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers

# OVMF with its System Management Mode is slow under TCG.
BOOT_S = 240


@pytest.fixture(scope="module")
def servers(make_cloud):
    return Servers(make_cloud(real=True))


@pytest.fixture(scope="module")
def flavor(servers):
    body = {"name": "uefi", "ram": 512, "vcpus": 1, "disk": 1, "OS-FLV-EXT-DATA:ephemeral": 1}
    return servers.admin.compute.post("/flavors", {"flavor": body}).ok(200)["flavor"]["id"]


@pytest.fixture(scope="module")
def image(servers):
    return servers.image("linux", os_secure_boot="required", hw_tpm_version="2.0", hw_tpm_model="tpm-crb")


@pytest.fixture(scope="module")
def network(servers):
    return servers.network()


def spoken(servers, server):
    """What the guest says in this boot (each start begins a new console log): one value a word."""
    def look():
        facts = guests.facts(servers.console(server))
        return facts if "READY" in facts else None
    facts = wait_for(look, BOOT_S, "the guest's word")
    return {word: facts[word][0] for word in ("UEFI", "EFIVAR", "TPM", "TPMNV")}


def state_files(server):
    """TPM state of the server that libvirt has, and its variable store."""
    folder = "/var/lib/libvirt/swtpm/" + server
    found = ["tpm"] if os.path.isdir(folder) and os.listdir(folder) else []
    volumes = ""
    for pool in guests.virsh("pool-list", "--name").split():
        if pool.endswith("-instances"):  # clouds of other tests have one each
            guests.virsh("pool-refresh", pool)
            volumes += guests.virsh("vol-list", pool)
    return found + (["store"] if server + "_VARS.fd" in volumes else [])


def test_state_of_firmware_and_tpm(servers, flavor, network, image):
    server = servers.boot(image, network, flavor=flavor)
    first = spoken(servers, server)
    assert first["UEFI"] == "secure_boot=1" and first["TPM"].startswith("version=2 pcr7=")
    marks = {word: first[word].split() for word in ("EFIVAR", "TPMNV")}
    assert marks["EFIVAR"][0] == marks["TPMNV"][0] == "new"
    kept = {**first, **{word: "kept " + mark for word, (_, mark) in marks.items()}}

    # The rules said q35, UEFI and Secure Boot where the image only asked for the last.
    domain = guests.domain(server, inactive=True)
    assert "q35" in domain.find("os/type").get("machine") and domain.find("os").get("firmware") == "efi"
    assert domain.find("os/loader").get("secure") == "yes" and domain.find("features/smm").get("state") == "on"
    assert domain.find("devices/tpm").get("model") == "tpm-crb"

    # Which keys it trusts is on record: Debian's store is of 2022.
    plan = servers.admin.compute.get("/servers/%s/kilonova-plan" % server).ok(200)
    keys = plan["secure_boot"]
    assert keys["certificates"] == keys["template"] == "2011" and keys["enforced"] is True
    assert "Microsoft Corporation KEK CA 2011" in keys["kek"] and "Microsoft Corporation UEFI CA 2011" in keys["db"]
    assert "look" not in guests.virsh("pool-list", "--all", "--name")

    servers.act(server, "reboot", {"type": "HARD"})
    assert spoken(servers, server) == kept
    # Neither end without warning may cost it.
    servers.cloud.kill()
    subprocess.run(["restart-libvirtd", "KILL"], check=True)
    servers.cloud.start()
    servers.act(server, "os-stop", status="SHUTOFF")
    servers.act(server, "os-start")
    assert spoken(servers, server) == kept

    rebuild = {"imageRef": image, "preserve_ephemeral": True}
    servers.act(server, "rebuild", rebuild)
    assert spoken(servers, server) == kept

    # Without the request nothing of the old guest is left.
    servers.act(server, "rebuild", {"imageRef": image})
    fresh = spoken(servers, server)
    assert fresh["EFIVAR"].split()[0] == fresh["TPMNV"].split()[0] == "new"
    assert fresh["EFIVAR"] != first["EFIVAR"] and fresh["TPMNV"] != first["TPMNV"]

    assert state_files(server) == ["tpm", "store"]
    servers.delete(server)
    assert state_files(server) == []


# What the image says, and what a definition that really starts has: firmware, Secure Boot, machine, TPM.
RULES = {
    "nothing": ({}, (None, None, "q35", False)),
    "uefi": ({"hw_firmware_type": "uefi"}, ("efi", None, "q35", False)),
    "uefi-on-pc": ({"hw_firmware_type": "uefi", "hw_machine_type": "pc"}, ("efi", None, "i440fx", False)),
    "tpm-on-bios": ({"hw_tpm_version": "2.0"}, (None, None, "q35", True)),
    "secure-boot": ({"os_secure_boot": "required"}, ("efi", "yes", "q35", False)),
    "windows-10": ({"os_type": "windows", "os_version": "10"}, (None, None, "q35", False)),
    "windows-11": ({"os_type": "windows", "os_version": "11"}, ("efi", "yes", "q35", True)),
    "windows-2022": ({"os_type": "windows", "os_version": "2022"}, ("efi", "yes", "q35", True)),
    "windows-2025": ({"os_type": "windows", "os_version": "2025"}, ("efi", "yes", "q35", True)),
    "windows-11-by-bios": ({"os_type": "windows", "os_version": "11", "hw_firmware_type": "bios"}, (None, None, "q35", False)),
}


@pytest.mark.parametrize("name", sorted(RULES))
def test_what_starts_by_rule(servers, network, name):
    said, want = RULES[name]
    server = servers.boot(servers.image("rtc", **{"os_type": None, **said}), network)
    domain = guests.domain(server)
    persistent = guests.domain(server, inactive=True)
    loader = domain.find("os/loader")
    secure = loader.get("secure") if loader is not None else None
    machine = domain.find("os/type").get("machine")
    got = (persistent.find("os").get("firmware"), secure if secure == "yes" else None, machine, domain.find("devices/tpm") is not None)
    assert got[:2] + got[3:] == want[:2] + want[3:] and want[2] in got[2]
    servers.delete(server)
    assert state_files(server) == []
