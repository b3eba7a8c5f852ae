# SPDX-License-Identifier: Apache-2.0
"""A server of an ISO image: its CD-ROM drive, and that the guest starts from it."""
import subprocess

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers


@pytest.fixture(scope="module")
def world(real_cloud):
    world = Servers(real_cloud)
    world.net = world.network("iso")
    yield world
    for server in world.admin.compute.get("/servers").ok(200)["servers"]:
        world.delete(server["id"])
    world.admin.network.delete("/networks/" + world.net).ok(204)


@pytest.fixture(scope="module")
def installer(tmp_path_factory):
    """An ISO 9660 image whose boot sector prints the clock: the rtc guest on a disc."""
    folder = tmp_path_factory.mktemp("iso")
    (folder / "disc").mkdir()
    with open(guests.image("rtc", "img"), "rb") as f:
        (folder / "disc" / "boot.bin").write_bytes(f.read(2048))
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "INSTALLER", "-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4",
                    "-o", str(folder / "installer.iso"), str(folder / "disc")], check=True, stderr=subprocess.DEVNULL)
    return (folder / "installer.iso").read_bytes()


def upload(world, installer, **properties):
    body = {"name": "installer", "disk_format": "iso", "container_format": "bare", **properties}
    image = world.admin.image.post("/images", body).ok(201)["id"]
    world.admin.image.call("PUT", "/images/%s/file" % image, data=installer, headers={"Content-Type": "application/octet-stream"}).ok(204)
    return image


@pytest.mark.parametrize("os_type,bus", [("windows", "sata"), ("linux", "sata")])
def test_guest_starts_from_its_cdrom(world, installer, os_type, bus):
    server = world.boot(upload(world, installer, os_type=os_type), world.net)
    root = guests.domain(server).find("devices/disk")
    assert root.get("device") == "cdrom" and root.find("target").get("bus") == bus
    wait_for(lambda: guests.clocks(world.console(server)), 60, "a clock from the disc")


def test_profile_nova_26_gives_a_plain_disk(world, installer):
    image = upload(world, installer, **{"kilonova:profile": "nova-26"})
    root = guests.domain(world.boot(image, world.net)).find("devices/disk")
    assert root.get("device") == "disk" and root.find("target").get("bus") == "virtio"
