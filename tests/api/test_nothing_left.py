# SPDX-License-Identifier: Apache-2.0
"""A wish that image and flavor cannot have together is refused before anything is made: not a row, not a file is left of it."""
import hashlib
import os
import sqlite3

import pytest

from support import guests

# Flavor's extra specs, image's properties, a word of the answer.
CONFLICTS = {
    "secure-boot-on-pc": ({"os:secure_boot": "required"}, {"hw_machine_type": "pc"}, "q35"),
    "secure-boot-on-bios": ({}, {"os_secure_boot": "required", "hw_firmware_type": "bios"}, "bios"),
    "secure-boot-on-ide": ({}, {"os_secure_boot": "required", "hw_disk_bus": "ide"}, "q35"),
    "tpm": ({"hw:tpm_version": "1.2"}, {"hw_tpm_model": "tpm-crb"}, "tpm-crb"),
    "cpus": ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, "hw_cpu_policy"),
    "pages": ({"hw:mem_page_size": "small"}, {"hw_mem_page_size": "large"}, "hw_mem_page_size"),
    "nodes": ({"hw:numa_nodes": "1"}, {"hw_numa_nodes": "1"}, "NUMA"),
    "topology": ({"hw:cpu_max_sockets": "1"}, {"hw_cpu_sockets": "2"}, "socket"),
}


@pytest.fixture(scope="module")
def here(make_cloud):
    return make_cloud(database="sqlite")


@pytest.fixture(scope="module")
def admin(here):
    return here.admin()


@pytest.fixture(scope="module")
def network(admin):
    network = admin.network.post("/networks", {"network": {"name": "n"}}).ok(201)["network"]["id"]
    admin.network.post("/subnets", {"subnet": {"network_id": network, "cidr": "10.9.0.0/24", "ip_version": 4}}).ok(201)
    return network


def make_image(admin, properties):
    body = {"name": "i", "disk_format": "raw", "container_format": "bare", **properties}
    image = admin.image.post("/images", body).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    return image


def make_flavor(admin, name, specs):
    body = {"name": name, "ram": 64, "vcpus": 2, "disk": 0}
    flavor = admin.compute.post("/flavors", {"flavor": body}).ok(200)["flavor"]["id"]
    if specs:
        admin.compute.post("/flavors/%s/os-extra_specs" % flavor, {"extra_specs": specs}).ok(200)
    return flavor


def everything(cloud):
    """A digest of each table, and the names of all files of guests."""
    with sqlite3.connect("file:%s/kilonova.db?mode=ro" % cloud.data, uri=True, timeout=10) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type='table' order by name")]
        rows = {t: hashlib.sha256(repr(db.execute('select * from "%s"' % t).fetchall()).encode()).hexdigest() for t in tables}
    folder = cloud.data + "/instances"
    return rows, sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@pytest.fixture(scope="module")
def standing(admin, network):
    """Servers by case: a rebuild goes by the extra specs that the flavor had at create."""
    made = {}

    def get(name):
        if name not in made:
            flavor = make_flavor(admin, "standing-" + name, CONFLICTS[name][0])
            body = {"name": name, "imageRef": make_image(admin, {}), "flavorRef": flavor, "networks": [{"uuid": network}]}
            made[name] = admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
            guests.wait_status(admin, made[name])
        return made[name]
    return get


@pytest.mark.parametrize("name", sorted(CONFLICTS))
def test_create(here, admin, network, name):
    specs, properties, word = CONFLICTS[name]
    flavor, image = make_flavor(admin, name, specs), make_image(admin, properties)
    before = everything(here)
    body = {"name": "s", "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}], "min_count": 3}
    answer = admin.compute.post("/servers", {"server": body})
    assert answer.status == 400 and word in answer.json["badRequest"]["message"], answer
    assert everything(here) == before
    admin.image.delete("/images/" + image).ok(204)


# libvirt's test driver has neither UEFI nor TPM, so no server of these flavors exists there.
@pytest.mark.parametrize("name", sorted(set(CONFLICTS) - {"secure-boot-on-pc", "tpm"}))
def test_rebuild(here, admin, standing, name):
    server, image = standing(name), make_image(admin, CONFLICTS[name][1])
    before = everything(here)
    answer = admin.compute.post("/servers/%s/action" % server, {"rebuild": {"imageRef": image, "metadata": {"new": "value"}}})
    assert answer.status == 400 and CONFLICTS[name][2] in answer.json["badRequest"]["message"], answer
    assert everything(here) == before
