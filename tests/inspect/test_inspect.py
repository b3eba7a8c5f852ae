# SPDX-License-Identifier: Apache-2.0
"""What is in a disk: by the command, and by the server after an upload. Disks of disks.py; libguestfs without KVM."""
import json
import os
import subprocess
import sys

import pytest

from support.guests import wait_status
from support.rest import wait_for

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAM = os.environ.get("KILONOVA_BINARY") or os.path.join(HERE, "..", "..", "build", "kilonova")
V21 = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
BYTES = {"Content-Type": "application/octet-stream"}
SLOW = 600

# What has to be found, by hand from what disks.py puts there. A dozen in ./dev check --full, the first of each kind otherwise.
WINDOWS = {
    "win7": dict(version="7", edition="Professional", architecture="i686", firmware="bios", timezone="Asia/Shanghai",
                 virtio_storage="yes", build=7601),
    "2008r2": dict(version="2008r2", edition="Enterprise", firmware="bios", timezone="Europe/Berlin", virtio_storage="no",
                   dirty=True, active_time_bias=-60),
    "2012r2": dict(version="2012r2", edition="Standard", firmware="bios", timezone="America/New_York", virtio_network="yes"),
    "win10": dict(version="10", edition="Home", firmware="uefi", timezone="Asia/Kathmandu", real_time_is_universal=True),
    "win11": dict(version="11", edition="Pro", firmware="uefi", timezone="Europe/London", hibernated=True,
                  guest_agent="yes"),
    "2019": dict(version="2019", edition="Datacenter", firmware="uefi", timezone="Asia/Tokyo", virtio_storage="no"),
    "2022": dict(version="2022", edition="Standard", firmware="uefi", timezone="Asia/Shanghai", virtio_storage="yes",
                 guest_agent="yes", cloud_init="yes", architecture="x86_64", build=20348, active_time_bias=-480),
    "2022-mbr": dict(version="2022", edition="Datacenter", firmware="bios", real_time_is_universal=True),
    "2025": dict(version="2025", edition="Standard", firmware="uefi", timezone="Pacific/Chatham", guest_agent="no"),
}
LINUX = {
    "debian-mbr": dict(distro="debian", version="12", firmware="bios", timezone="Europe/Berlin", guest_agent="yes",
                       cloud_init="no", architecture="x86_64", real_time_is_universal=True),
    "ubuntu-gpt": dict(distro="ubuntu", version="24.04", firmware=None, timezone="Asia/Kathmandu", cloud_init="yes",
                       real_time_is_universal=False),
    "rocky-lvm": dict(distro="rocky", version="9.4", firmware="uefi"),
    "alpine-whole": dict(distro="alpine", version="3.20.1", firmware=None, partition_table="none"),
}
BROKEN = {
    "empty": ("nothing", "no file system"),
    "luks": ("unreadable", "encrypted (LUKS)"),
    "noise-hive": ("nothing", "None of its file systems"),
    "damaged-ntfs": ("nothing", "None of its file systems"),
    "hostile-linux": ("nothing", "None of its file systems"),
    "truncated": (None, None),  # what is left may be enough to be found, or not to be read
}
# Each takes an appliance some 10 s: these without --full, and what the uploads below use.
QUICK = {"win7", "2022-mbr", "rocky-lvm", "luks", "noise-hive", "hostile-linux"}
UPLOADED = {"2022", "2022-mbr", "win10", "luks"}


def pytest_generate_tests(metafunc):
    full = metafunc.config.getoption("full")
    for name, known in (("windows", WINDOWS), ("linux", LINUX), ("broken", BROKEN)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [n for n in known if full or n in QUICK])


@pytest.fixture(scope="session")
def disks(tmp_path_factory, request):
    folder = str(tmp_path_factory.mktemp("disks"))
    env = {**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
    names = [] if request.config.getoption("full") else sorted(QUICK | UPLOADED)
    subprocess.run([sys.executable, os.path.join(HERE, "disks.py"), folder, *names], env=env, check=True, timeout=1800)
    return folder


def inspect(path, *arguments):
    out = subprocess.run([PROGRAM, "inspect", path, "--json", *arguments], capture_output=True, text=True, timeout=SLOW)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout)


def test_windows(disks, windows):
    found = inspect(os.path.join(disks, windows + ".qcow2"))
    assert found["status"] == "found" and found["family"] == "windows" and found["distro"] == "windows"
    assert {k: found[k] for k in WINDOWS[windows]} == WINDOWS[windows]
    # Each fact says where it stood; the control set in force is the second one.
    by_fact = {e["fact"]: e for e in found["evidence"]}
    assert by_fact["os.version"]["source"].startswith("SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion")
    assert "ControlSet002" in by_fact["clock.bias"]["source"] and found["active_time_bias"] != 999


def test_linux(disks, linux):
    found = inspect(os.path.join(disks, linux + ".qcow2"))
    assert found["status"] == "found" and found["family"] == "linux"
    assert {k: found[k] for k in LINUX[linux]} == LINUX[linux]


def test_broken_disk_says_why(disks, broken):
    status, why = BROKEN[broken]
    found = inspect(os.path.join(disks, broken + ".qcow2"))
    if status:
        assert found["status"] == status and why in found["why"]
    else:
        assert found["status"] in ("found", "nothing", "unreadable")
    assert "root:" not in json.dumps(found)  # nothing of this machine's own files


def processes_of(word):
    out = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False)
    return [p for p in out.stdout.split() if p != str(os.getpid())]


def test_disk_that_takes_too_long_is_given_up(disks):
    path = os.path.join(disks, "win7.qcow2")
    found = inspect(path, "--timeout", "1")
    assert found["status"] == "unreadable" and "within 1 s" in found["why"]
    wait_for(lambda: not processes_of("qemu.*" + path), 30, "the appliance of a disk that was given up ends")


def test_file_that_is_no_disk(tmp_path):
    missing = subprocess.run([PROGRAM, "inspect", "/nonexistent/disk"], capture_output=True, text=True, timeout=60)
    assert missing.returncode == 1 and "/nonexistent/disk" in missing.stderr
    # A qcow2 that points at a file of this machine is refused before anything reads it.
    path = str(tmp_path / "outside.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", path, "1M"], check=True)
    refused = subprocess.run([PROGRAM, "inspect", path], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "backing file" in refused.stderr


# ---- after an upload ----


@pytest.fixture(scope="module")
def inspecting(make_cloud):
    return make_cloud(environment={"KILONOVA_IMAGE_INSPECT": "auto"})


def upload(client, path, **properties):
    image = client.image.post("/images", {"name": os.path.basename(path), "disk_format": "qcow2",
                                          "container_format": "bare", **properties}).ok(201)
    with open(path, "rb") as f:
        client.image.put("/images/%s/file" % image["id"], data=f.read(), headers=BYTES).ok(204)
    return image["id"]


def inspected(client, image):
    """Waits for the inspection of @image; returns it and the image."""
    def done():
        answer = client.image.get("/images/%s/kilonova-inspection" % image).ok(200)["inspection"]
        return answer if answer["state"] in ("done", "failed") else None
    return wait_for(done, SLOW, "the inspection ends"), client.image.get("/images/" + image).ok(200)


def test_upload_fills_in_what_nobody_declared(inspecting, disks):
    admin = inspecting.admin()
    answer, image = inspected(admin, upload(admin, os.path.join(disks, "2022.qcow2"), os_timezone="Asia/Tokyo"))
    assert answer["state"] == "done" and answer["found"]["product"] == "Windows Server 2022 Standard"
    said = dict(os_type="windows", os_distro="windows", os_version="2022", os_edition="Standard",
                hw_firmware_type="uefi", os_virtio_drivers="present")
    assert {k: image.get(k) for k in said} == said
    assert image["os_inspected"] == ",".join(sorted(said))
    # What was declared stays, and is contradicted.
    assert image["os_timezone"] == "Asia/Tokyo"
    warnings = admin.image.get("/images/%s/kilonova-warnings" % image["id"]).ok(200)["warnings"]
    zone = [w for w in warnings if w["property"] == "os_timezone"]
    assert zone and "Asia/Shanghai" in zone[0]["message"] and "TimeZoneKeyName" in zone[0]["message"]


def test_universal_time_and_bios(inspecting, disks):
    """RealTimeIsUniversal=1 means a UTC clock; a Server 2022 that was installed by BIOS would not start by UEFI."""
    admin = inspecting.admin()
    _, image = inspected(admin, upload(admin, os.path.join(disks, "2022-mbr.qcow2")))
    assert image["os_clock_policy"] == "utc" and image["hw_firmware_type"] == "bios"


def test_another_system_than_declared(inspecting, disks):
    """A disk that holds something else than the image says gets no more properties, but a warning."""
    admin = inspecting.admin()
    answer, image = inspected(admin, upload(admin, os.path.join(disks, "win10.qcow2"), os_type="linux", hw_firmware_type="bios"))
    assert image["os_type"] == "linux" and "os_version" not in image and "os_clock_policy" not in image
    warnings = admin.image.get("/images/%s/kilonova-warnings" % image["id"]).ok(200)["warnings"]
    assert [w for w in warnings if w["property"] == "os_type" and "windows" in w["message"]]
    # A server that was made with it is found by the doctor, with the registry's own word.
    body = {"name": "declared", "imageRef": image["id"], "flavorRef": "1"}
    server = admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
    wait_status(admin, server)
    [finding] = [f for f in admin.root.get("/kilonova/findings?rule=record-os-type").ok(200)["findings"] if f["server"]["id"] == server]
    assert "inspection of the disk says windows" in finding["what"]
    assert [line for line in finding["evidence"] if "ProductName = Windows 10 Home" in line], finding["evidence"]
    # Put right and asked for again, the rest follows; what the inspection itself filled in is renewed.
    admin.image.patch("/images/" + image["id"], [{"op": "replace", "path": "/os_type", "value": "windows"}],
                      headers=V21).ok(200)
    admin.image.post("/images/%s/kilonova-inspection" % image["id"], {}).ok(202)
    answer, image = inspected(admin, image["id"])
    assert image["os_version"] == "10" and image["os_clock_policy"] == "utc" and image["os_edition"] == "Home"
    assert "os_type" not in answer["filled"] and answer["filled"]["os_version"] == "10"


def test_unreadable_disk_changes_nothing(inspecting, disks):
    admin = inspecting.admin()
    answer, image = inspected(admin, upload(admin, os.path.join(disks, "luks.qcow2")))
    assert answer["found"]["status"] == "unreadable" and "LUKS" in answer["found"]["why"]
    assert not [k for k in image if k.startswith(("os_type", "os_version", "os_inspected"))]


def test_inspection_of_others_and_of_nothing(inspecting):
    admin, other = inspecting.admin(), inspecting.account("inspect-other")
    image = admin.image.post("/images", {"name": "x", "disk_format": "raw", "container_format": "bare"}).ok(201)
    admin.image.post("/images/%s/kilonova-inspection" % image["id"], {}).ok(409)
    admin.image.get("/images/%s/kilonova-inspection" % image["id"]).ok(404)
    other.image.post("/images/%s/kilonova-inspection" % image["id"], {}).ok(404)
