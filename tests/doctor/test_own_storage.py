# SPDX-License-Identifier: Apache-2.0
"""Storage of a cloud's own: pools that run full, disks whose server is gone, images that nobody uses, what inspection said."""
import json
import os
import sqlite3
import subprocess
import time

import pytest

from support.rest import wait_for
from support.servers import Servers

GONE = "11111111-2222-4333-8444-555555555555"


def database(cloud, *statements):
    with sqlite3.connect(os.path.join(cloud.data, "kilonova.db"), timeout=30) as db:
        for text, *values in statements:
            assert db.execute(text, values).rowcount == 1, text
    db.close()


@pytest.fixture(scope="module", name="servers")
def fixture_servers(make_cloud, lab):
    folder = os.path.join(lab, "own-instances")
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M,mode=711", "tmpfs", folder], check=True)
    cloud = make_cloud(real=True, arguments=["--host-instance-dir", folder])
    made = Servers(cloud)
    made.folder = folder
    made.user = cloud.account("storage-user", admin=made.admin)
    made.net = made.network()
    made.raw = os.path.join(lab, "own-storage.raw")
    with open(made.raw, "wb") as f:
        f.write(b"\0" * 65536)
    made.server = made.boot(made.image("used", path=made.raw), made.net)
    yield made
    made.delete(*[s["id"] for s in made.admin.compute.get("/servers").ok(200)["servers"]])
    cloud.stop()
    subprocess.run(["umount", "-l", folder], check=False)


def found(client, *rules):
    findings = client.root.get("/kilonova/findings").ok(200)["findings"]
    return [f for f in findings if f["rule"] in rules]


def names(client, rule):
    return sorted(f["server"]["name"] for f in found(client, rule))


def test_instances_that_run_full(servers):
    """The disk of the flavor has 1 GiB, its storage 64 MiB."""
    ours = lambda: [f for f in found(servers.admin, "storage-full", "storage-promised")
                    if any(servers.folder in line for line in f["evidence"])]
    [promised] = ours()
    assert promised["rule"] == "storage-promised" and "16." in promised["what"]
    ballast = os.path.join(servers.folder, "ballast")
    with open(ballast, "wb") as f:
        f.write(os.urandom(1 << 20) * 56)
    full = [f for f in ours() if f["rule"] == "storage-full"]
    assert [f["severity"] for f in full] == ["warning"]
    # Where its servers are is none of a user's business.
    assert not found(servers.user, "storage-full", "storage-promised", "storage-unused")
    os.unlink(ballast)
    assert [f["rule"] for f in ours()] == ["storage-promised"]


def test_disks_of_servers_that_are_gone(servers):
    then = time.time() - 48 * 3600
    own = os.path.join(servers.folder, servers.server + "_disk")
    assert os.path.exists(own)
    strangers = [os.path.join(servers.folder, name) for name in (GONE + "_disk", GONE + "_console.log", "notes.img")]
    for path in strangers:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    for name in os.listdir(servers.folder):
        os.utime(os.path.join(servers.folder, name), (then, then))
    # The pool is read again after 10 s at most.
    wait_for(lambda: names(servers.admin, "storage-unused") == sorted(strangers[:2]), 60, "the lost disks", pause=2)
    [disk] = [f for f in found(servers.admin, "storage-unused") if f["server"]["name"].endswith("_disk")]
    assert disk["what"] == "The disk is of server %s, which does not exist." % GONE
    assert "untouched for = 48 hours" in disk["evidence"]
    os.utime(strangers[0])
    assert names(servers.admin, "storage-unused") == strangers[1:2]
    for path in strangers:
        os.unlink(path)
    assert not names(servers.admin, "storage-unused")


def test_images_that_nobody_uses(servers):
    images = {name: servers.image(name, path=servers.raw) for name in ("used", "idle", "young", "left", "protected")}
    images["backup"] = servers.image("backup", path=servers.raw, image_type="backup")
    servers.admin.image.patch("/images/" + images["protected"], [{"op": "replace", "path": "/protected", "value": True}],
                              headers={"Content-Type": "application/openstack-images-v2.1-json-patch"}).ok(200)
    server = servers.boot(images["left"], servers.net)
    servers.delete(server)
    long_ago = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 100 * 86400))
    database(servers.cloud, *[("UPDATE images SET updated_at=?, created_at=? WHERE id=?", long_ago, long_ago, images[name])
                              for name in images if name != "young"])
    assert names(servers.admin, "storage-unused") == [images["idle"]]
    [idle] = found(servers.admin, "storage-unused")
    assert idle["what"] == "No server uses the image 'idle', and none did lately." and "image = " + images["idle"] in idle["evidence"]
    # The last server on it went long ago, too.
    database(servers.cloud, ("UPDATE instances SET deleted_at=? WHERE uuid=?", long_ago, server))
    assert names(servers.admin, "storage-unused") == sorted([images["idle"], images["left"]])


def test_record_differs_from_the_disk(servers):
    """Declared linux; inspection of its image found a Windows."""
    image = servers.image("declared", path=servers.raw)
    inspected = servers.boot(image, servers.net)
    assert not [f for f in found(servers.admin, "record-os-type") if f["server"]["id"] == inspected]
    windows = {"status": "found", "family": "windows", "version": "2022",
               "evidence": [{"fact": "os.family", "source": "SOFTWARE", "name": "ProductName", "value": "Windows Server 2022"}]}
    database(servers.cloud, ("INSERT INTO image_inspections (image_id, state, requested_at, found) VALUES (?,'done','2026-01-01 00:00:00',?)",
                             image, json.dumps(windows)))
    [differs] = [f for f in found(servers.admin, "record-os-type") if f["server"]["id"] == inspected]
    assert "inspection of the disk says windows" in differs["what"]
    assert "SOFTWARE: ProductName = Windows Server 2022" in differs["evidence"]
    assert differs["records"] == [{"name": "os_type", "value": "windows", "was": "linux"}]
