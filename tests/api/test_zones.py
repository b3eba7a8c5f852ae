# SPDX-License-Identifier: Apache-2.0
"""A time zone that does not exist is said at once: QEMU would take it for UTC without a word."""
import pytest


@pytest.fixture
def image(admin):
    body = {"name": "z", "disk_format": "raw", "container_format": "bare", "os_type": "windows", "os_timezone": "Asia/Shanghia"}
    image = admin.image.post("/images", body).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % image, data=b"x" * 4096, headers={"Content-Type": "application/octet-stream"}).ok(204)
    yield image
    admin.image.delete("/images/" + image).ok(204)


def boot(admin, image, **more):
    return admin.compute.post("/servers", {"server": {"name": "z", "imageRef": image, "flavorRef": "1", **more}})


def test_the_image_says_so(admin, image):
    assert "Asia/Shanghia" in admin.image.get("/images/" + image).ok(200)["kilonova_warnings"]
    named = admin.image.get("/images/%s/kilonova-warnings" % image).ok(200)
    assert any(w["property"] == "os_timezone" and w["value"] == "Asia/Shanghia" for w in named["warnings"])


def test_a_server_is_refused(admin, image):
    answer = boot(admin, image)
    assert answer.status == 400
    assert "Asia/Shanghia" in answer.json["badRequest"]["message"]


def test_a_zone_that_exists_is_taken(admin, image):
    path = [{"op": "replace", "path": "/os_timezone", "value": "Asia/Shanghai"}]
    admin.image.call("PATCH", "/images/" + image, path, headers={"Content-Type": "application/openstack-images-v2.1-json-patch"}).ok(200)
    assert "kilonova_warnings" not in admin.image.get("/images/" + image).ok(200)
    server = boot(admin, image).ok(202)["server"]["id"]
    answer = admin.compute.put("/servers/%s/kilonova-properties" % server, {"properties": {"os_timezone": "Mars/Olympus"}})
    assert answer.status == 400
    assert "Mars/Olympus" in answer.json["badRequest"]["message"]
    admin.compute.put("/servers/%s/kilonova-properties" % server, {"properties": {"os_timezone": "Europe/Berlin"}}).ok(200, 202)
    admin.compute.delete("/servers/" + server).ok(204)
