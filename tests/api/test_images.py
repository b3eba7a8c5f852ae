# SPDX-License-Identifier: Apache-2.0
"""The Image API: records, lists, patches, sharing, bytes."""
import concurrent.futures
import hashlib
import json
import os
import signal
import socket
import subprocess
import uuid

import pytest

from support import guests
from support.rest import wait_for

V21 = "application/openstack-images-v2.1-json-patch"
V20 = "application/openstack-images-v2.0-json-patch"
BYTES = {"Content-Type": "application/octet-stream"}


def create(client, **attributes):
    body = {"name": "i", "disk_format": "raw", "container_format": "bare", **attributes}
    return client.image.post("/images", body).ok(201)


def upload(client, image, data, **options):
    return client.image.call("PUT", "/images/%s/file" % image, data=data, headers=BYTES, **options)


def make(client, data=b"\0" * 1024, **attributes):
    image = create(client, **attributes)["id"]
    upload(client, image, data).ok(204)
    return image


def show(client, image):
    return client.image.get("/images/" + image).ok(200)


def patch(client, image, *ops, media=V21):
    return client.image.call("PATCH", "/images/" + image, data=json.dumps(ops), headers={"Content-Type": media})


def listed(client, query=""):
    return [i["id"] for i in client.image.get("/images" + query).ok(200)["images"]]


def message(answer):
    return answer.json["error"]["message"]


def tmp_image(tmp_path, *options, size="1M", form="qcow2"):
    path = str(tmp_path / ("disk." + form))
    subprocess.run(["qemu-img", "create", "-q", "-f", form, *options, path, *([size] if size else [])], check=True)
    with open(path, "rb") as f:
        return f.read()


# -- versions and schemas ---------------------------------------------------------------------


@pytest.mark.parametrize("path,status", [("/image", 300), ("/image/", 300), ("/image/versions", 200)])
def test_versions(demo, path, status):
    answer = demo.root.get(path, token=None)
    versions = answer.ok(status)["versions"]
    assert [v["id"] for v in versions if v["status"] == "CURRENT"] == ["v2.9"]
    assert versions[-1]["id"] == "v2.0"
    assert all(v["links"] == [{"rel": "self", "href": demo.url + "/image/v2/"}] for v in versions)


@pytest.mark.parametrize("name", ["image", "images", "member", "members"])
def test_schemas(demo, name):
    schema = demo.image.get("/schemas/" + name).ok(200)
    assert schema["name"] == name and schema["properties"]
    if name == "image":
        assert schema["additionalProperties"] == {"type": "string"}
        assert schema["properties"]["disk_format"]["enum"][:2] == [None, "ami"]
        assert schema["properties"]["status"]["readOnly"] is True
        assert "locations" not in schema["properties"]


# -- create -----------------------------------------------------------------------------------


def test_create_and_show(demo):
    answer = demo.image.post("/images", {"name": "первый", "os_type": "windows", "tags": ["b", "a", "a"], "min_ram": 64,
                                         "min_disk": 1, "protected": False, "weird/name~": "x"})
    image = answer.ok(201)
    assert answer.headers["Location"] == demo.url + "/image/v2/images/" + image["id"]
    assert image == show(demo, image["id"])
    assert image["status"] == "queued" and image["visibility"] == "shared" and image["owner"] == demo.project_id
    assert image["tags"] == ["a", "b"] and image["os_type"] == "windows" and image["weird/name~"] == "x"
    assert image["size"] is None and image["checksum"] is None and image["disk_format"] is None
    assert image["self"] == "/v2/images/" + image["id"] and image["file"] == image["self"] + "/file"
    assert image["schema"] == "/v2/schemas/image"
    assert image["created_at"].endswith("Z")
    assert "kilonova_warnings" not in image


def test_create_with_an_id(demo):
    wanted = str(uuid.uuid4())
    assert create(demo, id=wanted)["id"] == wanted
    assert demo.image.post("/images", {"id": wanted}).status == 409
    demo.image.delete("/images/" + wanted).ok(204)
    assert demo.image.post("/images", {"id": wanted}).status == 409, "an id is given once"


@pytest.mark.parametrize("body,status", [
    ({"container_format": "wrong"}, 400), ({"disk_format": "wrong"}, 400), ({"visibility": "wrong"}, 400),
    ({"id": "x"}, 400), ({"name": 1}, 400), ({"name": "n" * 256}, 400), ({"min_ram": -1}, 400), ({"min_ram": "64"}, 400),
    ({"min_disk": 2 ** 31}, 400), ({"min_disk": 1.5}, 400), ({"protected": "yes"}, 400), ({"tags": "a"}, 400),
    ({"tags": [1]}, 400), ({"tags": ["t" * 256]}, 400), ({"tags": ["t%d" % i for i in range(129)]}, 413),
    ({"os_type": 1}, 400), ({"os_type": None}, 400), ({"p" * 256: "x"}, 400), ({"": "x"}, 400), ({"p": "x" * 70000}, 413),
    ({"p%d" % i: "x" for i in range(129)}, 413),
    ({"disk_format": "ami", "container_format": "bare"}, 400),
    ({"status": "active"}, 403), ({"size": 1}, 403), ({"checksum": "x"}, 403), ({"self": "x"}, 403), ({"locations": []}, 403),
    ({"os_glance_x": "x"}, 403), ({"kilonova_warnings": "x"}, 403), ({"deleted": "x"}, 403), ({"visibility": "public"}, 403),
    ({"owner": "somebody"}, 403), ([], 400), ("x", 400),
])
def test_create_refuses(demo, body, status):
    answer = demo.image.post("/images", body)
    assert answer.status == status and message(answer), answer


def test_readers_only_read(cloud, admin, reader):
    image = make(admin, visibility="public")
    assert show(reader, image)["id"] == image
    assert reader.image.post("/images", {}).status == 403
    assert patch(reader, image, {"op": "add", "path": "/x", "value": "y"}).status == 403
    assert reader.image.delete("/images/" + image).status == 403


# -- bytes ------------------------------------------------------------------------------------


def test_upload_and_download(demo, cloud):
    data = os.urandom(300000)
    image = create(demo)["id"]
    assert demo.image.get("/images/%s/file" % image).status == 204
    answer = upload(demo, image, data)
    assert answer.status == 204 and answer.content == b""
    body = show(demo, image)
    assert body["status"] == "active" and body["size"] == len(data) and body["virtual_size"] == len(data)
    assert body["checksum"] == hashlib.md5(data).hexdigest()
    assert body["os_hash_algo"] == "sha512" and body["os_hash_value"] == hashlib.sha512(data).hexdigest()

    answer = demo.image.get("/images/%s/file" % image)
    assert answer.status == 200 and answer.content == data
    assert answer.headers["Content-MD5"] == body["checksum"] and answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    path = cloud.data + "/images/" + image
    assert os.stat(path).st_mode & 0o777 == 0o644 and os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o755

    assert upload(demo, image, data).status == 409
    demo.image.delete("/images/" + image).ok(204)
    assert not os.path.exists(path)
    assert demo.image.get("/images/%s/file" % image).status == 404


def test_lost_data_is_named(admin, cloud):
    """In the answer, and in the fault of a server that needs it."""
    image = make(admin, b"\0" * 65536)
    os.unlink(cloud.data + "/images/" + image)
    lost = "The data of image %s is not in the image store" % image
    assert lost in admin.image.get("/images/%s/file" % image).content.decode()
    server = admin.compute.post("/servers", {"server": {"name": "l", "imageRef": image, "flavorRef": "1"}}).ok(202)["server"]["id"]
    wait_for(lambda: admin.compute.get("/servers/" + server).ok(200)["server"]["status"] == "ERROR", 60, "an ERROR")
    assert lost in admin.compute.get("/servers/" + server).ok(200)["server"]["fault"]["message"]
    admin.compute.delete("/servers/" + server).ok(204)
    guests.wait_gone(admin, server)
    admin.image.delete("/images/" + image).ok(204)


@pytest.mark.parametrize("spec,status,part", [
    ("bytes=0-9", 206, (0, 10)), ("bytes=10-", 206, (10, 1000)), ("bytes=-5", 206, (995, 1000)), ("bytes=0-0", 206, (0, 1)),
    ("bytes=990-5000", 206, (990, 1000)), ("bytes=-5000", 206, (0, 1000)), ("bytes=1000-", 416, None), ("bytes=5-4", 416, None),
    ("bytes=-0", 416, None), ("bytes=x-1", 416, None), ("bytes=-", 416, None), ("bytes=0-1,5-6", 200, (0, 1000)),
    ("lines=0-1", 200, (0, 1000)), ("bytes=99999999999999999999-", 416, None),
])
def test_ranges(demo, spec, status, part):
    data = bytes(i % 251 for i in range(1000))
    if not hasattr(demo, "ranged"):
        demo.ranged = make(demo, data)
    answer = demo.image.get("/images/%s/file" % demo.ranged, headers={"Range": spec})
    assert answer.status == status, answer
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */1000"
        return
    assert answer.content == data[part[0]:part[1]]
    if status == 206:
        assert answer.headers["Content-Range"] == "bytes %d-%d/1000" % (part[0], part[1] - 1)
        assert "Content-MD5" not in answer.headers


def test_upload_refuses(demo, stranger, admin):
    image = create(demo)["id"]
    answer = demo.image.call("PUT", "/images/%s/file" % image, data=b"x", headers={"Content-Type": "application/json"})
    assert answer.status == 415
    assert upload(stranger, image, b"x").status == 404
    assert upload(demo, str(uuid.uuid4()), b"x").status == 404
    bare = demo.image.post("/images", {"name": "no formats"}).ok(201)["id"]
    assert upload(demo, bare, b"x").status == 400
    public = create(admin, visibility="public")["id"]
    assert upload(demo, public, b"x").status == 403
    assert show(demo, image)["status"] == "queued"


def refused(demo, cloud, data, form, *words):
    image = create(demo, disk_format=form)["id"]
    answer = upload(demo, image, data)
    assert answer.status == 400, answer
    for word in words:
        assert word in message(answer), message(answer)
    assert show(demo, image)["status"] == "queued" and show(demo, image)["size"] is None
    assert not [f for f in os.listdir(cloud.data + "/images") if image in f]
    # The image is as good as new.
    good = b"\0" * 2048 if form == "raw" else None
    if good:
        upload(demo, image, good).ok(204)


def test_hostile_images(demo, cloud, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 65536)
    refused(demo, cloud, tmp_image(tmp_path, "-F", "raw", "-b", str(secret), size=None), "qcow2", "backing file", str(secret))
    refused(demo, cloud, tmp_image(tmp_path, "-o", "data_file=%s" % (tmp_path / "data")), "qcow2", "external data file")
    refused(demo, cloud, tmp_image(tmp_path), "raw", "declared as 'raw'", "qcow2")
    refused(demo, cloud, tmp_image(tmp_path), "vmdk", "qcow2")
    refused(demo, cloud, tmp_image(tmp_path, "-o", "subformat=monolithicFlat", form="vmdk"), "vmdk", "other files")
    refused(demo, cloud, tmp_image(tmp_path, form="qed"), "qcow2", "QED")
    refused(demo, cloud, b"LUKS\xba\xbe" + b"\0" * 2000, "raw", "LUKS")
    refused(demo, cloud, b"\x1f\x8b\x08" + b"\0" * 2000, "raw", "gzip")
    refused(demo, cloud, b"<!DOCTYPE html><html>404</html>", "qcow2", "web page")
    refused(demo, cloud, tmp_image(tmp_path)[:300], "qcow2", "cut short")
    # Refused early: what follows the head is not waited for.
    refused(demo, cloud, tmp_image(tmp_path, "-F", "raw", "-b", str(secret), size=None) + b"\0" * 2000000, "qcow2", "backing")


def test_a_client_that_sends_chunks_hears_why(demo, tmp_path):
    """It reads no answer before it has sent everything, so it is let finish."""
    base = str(tmp_path / "base")
    with open(base, "wb") as f:
        f.truncate(65536)
    head = tmp_image(tmp_path, "-F", "raw", "-b", base, size=None)
    image = create(demo, disk_format="qcow2")["id"]
    sent = []

    def body():
        yield head
        for _ in range(64):
            sent.append(1)
            yield b"\0" * 2 ** 20

    answer = upload(demo, image, body())
    assert answer.status == 400 and "backing file" in message(answer) and len(sent) == 64
    assert show(demo, image)["status"] == "queued"
    active = make(demo)
    answer = upload(demo, active, body())
    assert answer.status == 409 and "active" in message(answer) and len(sent) == 128
    assert upload(demo, str(uuid.uuid4()), body()).status == 404


def test_format_comes_from_the_bytes(demo, tmp_path):
    image = make(demo, tmp_image(tmp_path, size="64M"), disk_format="qcow2")
    body = show(demo, image)
    assert body["disk_format"] == "qcow2" and body["virtual_size"] == 64 * 2 ** 20 and "kilonova_warnings" not in body
    image = make(demo, os.urandom(2000), disk_format="qcow2")
    body = show(demo, image)
    assert body["disk_format"] == "raw" and "declared as qcow2" in body["kilonova_warnings"]
    warnings = demo.image.get("/images/%s/kilonova-warnings" % image).ok(200)["warnings"]
    assert [w["property"] for w in warnings] == ["disk_format"]
    for form in ("vmdk", "vdi", "vhdx"):
        assert show(demo, make(demo, tmp_image(tmp_path, size="64M", form=form), disk_format=form))["virtual_size"] == 64 * 2 ** 20


def half_upload(cloud, demo, image, length=1000000, sent=300000):
    s = socket.create_connection(("127.0.0.1", cloud.port))
    s.sendall(("PUT /image/v2/images/%s/file HTTP/1.1\r\nHost: h\r\nX-Auth-Token: %s\r\nContent-Type: application/octet-stream\r\n"
               "Content-Length: %d\r\n\r\n" % (image, demo.token, length)).encode() + b"x" * sent)
    wait_for(lambda: show(demo, image)["status"] == "saving", 60, "saving")
    return s


def test_a_second_upload_and_an_interrupted_one(demo, cloud):
    image = create(demo)["id"]
    with half_upload(cloud, demo, image):
        assert upload(demo, image, b"y").status == 409
        assert demo.image.get("/images/%s/file" % image).status == 204
    wait_for(lambda: show(demo, image)["status"] == "queued", 60, "queued again")
    wait_for(lambda: not [f for f in os.listdir(cloud.data + "/images") if image in f], 60, "bytes gone")
    upload(demo, image, b"y" * 100).ok(204)


def test_deleted_during_the_upload(demo, cloud):
    image = create(demo)["id"]
    with half_upload(cloud, demo, image) as s:
        demo.image.delete("/images/" + image).ok(204)
        s.sendall(b"x" * 700000)
        s.settimeout(60)
        assert s.recv(100).startswith(b"HTTP/1.1 410")
    wait_for(lambda: not [f for f in os.listdir(cloud.data + "/images") if image in f], 60, "bytes gone")


@pytest.mark.parametrize("point", ["", "image.upload.begin", "image.store.write@3", "image.store.commit", "image.upload.activate",
                                   "image.collect.removed"])
def test_kill(make_cloud, point):
    """kill -9 in the middle of an upload, at each of its steps, and of a deletion."""
    cloud = make_cloud(start=False)
    cloud.start(environment={"KILONOVA_FAULT": point + "=kill"} if point else None)
    admin = cloud.admin()
    image = create(admin)["id"]
    if not point:
        with half_upload(cloud, admin, image):
            cloud.kill()
    else:
        try:
            answer = upload(admin, image, b"z" * 3000000)
            assert point == "image.collect.removed" and answer.status == 204
            admin.image.delete("/images/" + image)
        except OSError:
            pass
        assert cloud.wait() == -signal.SIGKILL
    cloud.start()
    folder = cloud.data + "/images"
    if point == "image.collect.removed":
        assert admin.image.get("/images/" + image).status == 404
    else:
        wait_for(lambda: show(admin, image)["status"] == "queued", 60, "queued again")
        wait_for(lambda: not os.listdir(folder), 60, "bytes gone")
        data = b"z" * 1000
        upload(admin, image, data).ok(204)
        assert admin.image.get("/images/%s/file" % image).content == data
        admin.image.delete("/images/" + image).ok(204)
    assert not os.listdir(folder)
    cloud.stop()


@pytest.mark.parametrize("point", ["image.upload.begin", "image.store.write", "image.store.commit", "image.upload.activate"])
def test_failure_of_a_step(make_cloud, point):
    cloud = make_cloud(start=False)
    cloud.start(environment={"KILONOVA_FAULT": point + "=fail"})
    admin = cloud.admin()
    image = create(admin)["id"]
    assert upload(admin, image, b"z" * 300000).status == 500
    assert show(admin, image)["status"] == "queued"
    assert not os.listdir(cloud.data + "/images")
    upload(admin, image, b"z" * 300000).ok(204)
    cloud.stop()


def test_twenty_at_once(demo):
    """One image, many uploads: one wins; many images at once: all work."""
    image = create(demo)["id"]
    _ = demo.token
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = sorted(a.status for a in pool.map(lambda n: upload(demo, image, b"%d" % n * 200000), range(10)))
        assert statuses == [204] + [409] * 9
        assert len(set(pool.map(lambda n: make(demo, b"%d" % n * 100000), range(10)))) == 10


# -- patch ------------------------------------------------------------------------------------


def test_patch(demo):
    image = create(demo, a="1", b="2")["id"]
    body = patch(demo, image, {"op": "add", "path": "/os_type", "value": "windows"}, {"op": "replace", "path": "/a", "value": "x"},
                 {"op": "remove", "path": "/b"}, {"op": "replace", "path": "/name", "value": "new"},
                 {"op": "add", "path": "/c~1d", "value": "slash"}, {"op": "replace", "path": "/tags", "value": ["t"]},
                 {"op": "add", "path": "/tags/-", "value": "s"}, {"op": "replace", "path": "/protected", "value": True},
                 {"op": "add", "path": "/a", "value": "again"}, {"op": "replace", "path": "/min_ram", "value": 5}).ok(200)
    assert body == show(demo, image)
    assert (body["os_type"], body["a"], body["name"], body["c/d"], body["tags"]) == ("windows", "again", "new", "slash", ["s", "t"])
    assert "b" not in body and body["protected"] is True and body["min_ram"] == 5
    assert body["updated_at"] >= body["created_at"]
    patch(demo, image, {"replace": "/protected", "value": False}, media=V20).ok(200)


@pytest.mark.parametrize("ops,status", [
    ([{"op": "remove", "path": "/none"}], 409), ([{"op": "replace", "path": "/none", "value": "x"}], 409),
    ([{"op": "remove", "path": "/name"}], 403), ([{"op": "replace", "path": "/status", "value": "active"}], 403),
    ([{"op": "replace", "path": "/id", "value": "x"}], 403), ([{"op": "add", "path": "/os_glance_x", "value": "x"}], 403),
    ([{"op": "replace", "path": "/os_glance_x", "value": "x"}], 403), ([{"op": "remove", "path": "/os_glance_x"}], 403),
    ([{"op": "add", "path": "/locations/-", "value": {}}], 403), ([{"op": "add", "path": "/kilonova_warnings", "value": "x"}], 403),
    ([{"op": "replace", "path": "/visibility", "value": "public"}], 403), ([{"op": "replace", "path": "/owner", "value": "x"}], 403),
    ([{"op": "add", "path": "/a/b", "value": "x"}], 400), ([{"op": "add", "path": "a", "value": "x"}], 400),
    ([{"op": "move", "path": "/a", "from": "/b"}], 400), ({}, 400), ([1], 400), ([{"op": "add", "path": "/x", "value": 1}], 400),
    ([{"op": "add", "path": "/x", "value": "1"}, {"op": "remove", "path": "/none"}], 409),
])
def test_patch_refuses(demo, ops, status):
    if not hasattr(demo, "patched"):
        demo.patched = create(demo)
    answer = demo.image.call("PATCH", "/images/" + demo.patched["id"], data=json.dumps(ops), headers={"Content-Type": V21})
    assert answer.status == status, answer
    assert show(demo, demo.patched["id"]) == demo.patched, "nothing of a refused patch stays"


def test_patch_media_types(demo):
    image = create(demo, a="1")["id"]
    answer = patch(demo, image, media="application/json")
    assert answer.status == 415 and V21 in answer.headers["Accept-Patch"]
    assert patch(demo, image, {"add": "/a", "value": "2"}, media=V20).status == 409, "v2.0: add is for what is not there"
    assert patch(demo, image, {"replace": "/a", "value": "2"}, media=V20).ok(200)["a"] == "2"


def test_formats_are_fixed_once_there_are_bytes(demo):
    image = create(demo)["id"]
    patch(demo, image, {"op": "replace", "path": "/disk_format", "value": "iso"}).ok(200)
    patch(demo, image, {"op": "replace", "path": "/disk_format", "value": "raw"}).ok(200)
    upload(demo, image, b"x" * 600).ok(204)
    assert patch(demo, image, {"op": "replace", "path": "/disk_format", "value": "qcow2"}).status == 403


# -- who sees and may what ---------------------------------------------------------------------


def test_visibility(admin, demo, stranger):
    private, shared = create(demo, visibility="private")["id"], create(demo, visibility="shared")["id"]
    community = create(demo, visibility="community")["id"]
    public = create(admin, visibility="public")["id"]
    for image in (private, shared):
        assert stranger.image.get("/images/" + image).status == 404
        assert stranger.image.delete("/images/" + image).status == 404
        assert patch(stranger, image, {"op": "add", "path": "/x", "value": "y"}).status == 404
        assert show(admin, image)["owner"] == demo.project_id
    for image in (community, public):
        assert show(stranger, image)["id"] == image
        assert stranger.image.delete("/images/" + image).status == 403
        assert patch(stranger, image, {"op": "add", "path": "/x", "value": "y"}).status == 403
    seen = listed(stranger, "?limit=1000")
    assert public in seen and not {private, shared, community} & set(seen)
    assert community in listed(stranger, "?visibility=community&limit=1000") and public in listed(stranger, "?visibility=public&limit=1000")
    assert {community, public} <= set(listed(stranger, "?visibility=all&limit=1000"))
    assert private in listed(demo, "?visibility=private&limit=1000") and private not in listed(demo, "?visibility=shared&limit=1000")
    assert private in listed(admin, "?limit=1000")
    assert demo.image.get("/images?visibility=wrong").status == 400
    admin.image.delete("/images/" + public).ok(204)


def test_protected(demo, admin):
    image = create(demo, protected=True)["id"]
    for who in (demo, admin):
        assert who.image.delete("/images/" + image).status == 403
    patch(demo, image, {"op": "replace", "path": "/protected", "value": False}).ok(200)
    demo.image.delete("/images/" + image).ok(204)
    assert demo.image.get("/images/" + image).status == 404
    assert demo.image.delete("/images/" + image).status == 404


def test_hidden(demo):
    image = create(demo, os_hidden=True)["id"]
    assert image not in listed(demo, "?limit=1000") and image in listed(demo, "?os_hidden=true&limit=1000")
    assert show(demo, image)["os_hidden"] is True


def test_members(demo, stranger, admin):
    _ = stranger.token, demo.token
    image = make(demo, visibility="shared")
    members = "/images/%s/members" % image
    answer = demo.image.post(members, {"member": stranger.project_id})
    body = answer.ok(200)
    assert body["member_id"] == stranger.project_id and body["status"] == "pending" and body["image_id"] == image
    assert body["schema"] == "/v2/schemas/member"
    assert demo.image.post(members, {"member": stranger.project_id}).status == 409
    assert demo.image.post(members, {}).status == 400 and demo.image.post(members, {"member": ""}).status == 400
    assert [m["member_id"] for m in demo.image.get(members).ok(200)["members"]] == [stranger.project_id]

    # Pending: usable by id, not in the list.
    assert show(stranger, image)["id"] == image and image not in listed(stranger, "?limit=1000")
    assert image in listed(stranger, "?member_status=pending&limit=1000") and image in listed(stranger, "?member_status=all&limit=1000")
    own = members + "/" + stranger.project_id
    assert demo.image.put(own, {"status": "accepted"}).status == 403
    assert stranger.image.put(own, {"status": "wrong"}).status == 400
    assert stranger.image.put(own, {"status": "accepted"}).ok(200)["status"] == "accepted"
    assert image in listed(stranger, "?limit=1000") and image in listed(stranger, "?visibility=shared&limit=1000")
    assert stranger.image.get("/images/%s/file" % image).status == 200
    assert stranger.image.get(own).ok(200)["status"] == "accepted"
    assert stranger.image.put(own, {"status": "rejected"}).ok(200)["status"] == "rejected"
    assert image not in listed(stranger, "?limit=1000")
    assert demo.image.get("/images?member_status=wrong").status == 400

    # A member may neither share on, nor change, nor take itself off.
    assert stranger.image.post(members, {"member": "p2"}).status == 403
    assert stranger.image.delete(own).status == 403 and stranger.image.delete("/images/" + image).status == 403
    demo.image.delete(own).ok(204)
    assert demo.image.delete(own).status == 404 and demo.image.get(own).status == 404
    assert stranger.image.get("/images/" + image).status == 404 and stranger.image.get(members).status == 404
    private = create(demo, visibility="private")["id"]
    assert demo.image.post("/images/%s/members" % private, {"member": "p"}).status == 403
    assert demo.image.get("/images/%s/members" % private).status == 403


def test_tags(demo, stranger):
    image = create(demo)["id"]
    demo.image.put("/images/%s/tags/%s" % (image, "grün%20und%2Fblau")).ok(204)
    demo.image.put("/images/%s/tags/x" % image).ok(204)
    demo.image.put("/images/%s/tags/x" % image).ok(204)
    assert show(demo, image)["tags"] == ["grün und/blau", "x"]
    demo.image.delete("/images/%s/tags/x" % image).ok(204)
    assert demo.image.delete("/images/%s/tags/x" % image).status == 404
    assert demo.image.put("/images/%s/tags/%s" % (image, "t" * 256)).status == 400
    assert stranger.image.put("/images/%s/tags/x" % image).status == 404


def test_deactivate(demo, admin, stranger):
    image = create(demo, visibility="community")["id"]
    assert demo.image.post("/images/%s/actions/deactivate" % image).status == 403, "queued"
    assert demo.image.post("/images/%s/actions/reactivate" % image).status == 403
    upload(demo, image, b"x" * 600).ok(204)
    assert stranger.image.post("/images/%s/actions/deactivate" % image).status == 403
    for _ in range(2):
        demo.image.post("/images/%s/actions/deactivate" % image).ok(204)
    assert show(demo, image)["status"] == "deactivated"
    assert demo.image.get("/images/%s/file" % image).status == 403
    assert admin.image.get("/images/%s/file" % image).status == 200
    demo.image.post("/images/%s/actions/reactivate" % image).ok(204)
    assert demo.image.get("/images/%s/file" % image).status == 200


# -- lists ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(cloud, admin):
    """A project with ten images of its own: sizes 600, 1200 …, three names, two distros."""
    client = cloud.account("shelf", admin=admin)
    client.shelf = [make(client, b"x" * 600 * (i + 1), name="n%d" % (i % 3), visibility="private", os_distro="ab"[i % 2], serial=str(i),
                         tags=["all", "tag%d" % (i % 2)], min_ram=10 - i) for i in range(10)]
    return client


def own(shelf, query):
    """Indices of the listed images."""
    return [shelf.shelf.index(i) for i in listed(shelf, query + "&visibility=private")]


@pytest.mark.parametrize("query,want", [
    ("?name=n0", [9, 6, 3, 0]), ("?name=in:n0,n1", [9, 7, 6, 4, 3, 1, 0]), ("?os_distro=a", [8, 6, 4, 2, 0]),
    ("?os_distro=a&name=n0", [6, 0]), ("?serial=3", [3]), ("?none=x", []), ("?tag=all&tag=tag1", [9, 7, 5, 3, 1]), ("?tag=nope", []),
    ("?size_min=3000&size_max=4200", [6, 5, 4]), ("?status=active&limit=2", [9, 8]), ("?status=in:queued,saving", []),
    ("?min_ram=10", [0]), ("?protected=false&limit=1", [9]), ("?disk_format=raw&limit=3", [9, 8, 7]), ("?container_format=in:ami,aki", []),
    ("?created_at=gt:2001-01-01T00:00:00Z&limit=1", [9]), ("?created_at=lt:2001-01-01T00:00:00Z", []), ("?limit=0", []),
    ("?updated_at=gte:2001-01-01T00:00:00Z&updated_at=lte:2101-01-01T00:00:00Z&limit=1", [9]),
    ("?sort=size:asc&limit=3", [0, 1, 2]), ("?sort=name:asc,size:desc", [9, 6, 3, 0, 7, 4, 1, 8, 5, 2]),
    ("?sort_key=name&sort_key=min_ram&sort_dir=asc&sort_dir=desc", [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]), ("?sort_dir=asc&limit=2", [0, 1]),
    ("?sort_key=size&limit=2", [9, 8]), ("?sort_key=status&sort_dir=asc&limit=2", [0, 1]), ('?name=in:"n0",n7', [9, 6, 3, 0]),
])
def test_filters_and_sorting(shelf, query, want):
    assert own(shelf, query) == want


def test_owner_filter(shelf, admin):
    assert listed(admin, "?owner=%s&limit=1000" % shelf.project_id) == shelf.shelf[::-1]
    assert listed(shelf, "?owner=nobody") == []
    assert listed(shelf, "?id=in:%s,%s&sort=size:asc" % (shelf.shelf[4], shelf.shelf[2])) == [shelf.shelf[2], shelf.shelf[4]]


@pytest.mark.parametrize("query", [
    "?limit=-1", "?limit=x", "?marker=" + str(uuid.uuid4()), "?marker=x", "?sort_key=foo", "?sort_dir=up", "?sort=name:up", "?sort=tags",
    "?sort=name&sort_key=name", "?sort_key=name&sort_dir=asc&sort_dir=desc", "?size_min=x", "?size_max=-1", "?created_at=yesterday",
    "?created_at=after:2001-01-01T00:00:00Z", "?protected=perhaps", "?min_ram=x", "?os_hidden=x", "?sort=" + "name,size,id," * 4,
    '?name=in:"open', "?sort=",
])
def test_list_refuses(shelf, query):
    answer = shelf.image.get("/images" + query)
    assert answer.status == 400 and message(answer), answer


@pytest.mark.parametrize("query", ["", "&sort=name:asc", "&sort_key=size&sort_dir=asc", "&os_distro=a"])
def test_paging(shelf, query):
    """Following `next` gives what one long list gives."""
    every = listed(shelf, "?limit=1000&visibility=private" + query)
    seen, url = [], "/images?limit=3&visibility=private" + query
    while url:
        page = shelf.image.get(url).ok(200)
        assert page["first"].startswith("/v2/images?limit=3") and page["schema"] == "/v2/schemas/images"
        assert len(page["images"]) <= 3
        seen += [i["id"] for i in page["images"]]
        assert ("next" in page) == (len(seen) < len(every))
        url = page.get("next", "")[len("/v2"):]
    assert seen == every


def test_many_properties_make_short_pages(demo):
    """A page ends early rather than growing without bound."""
    for _ in range(3):
        create(demo, visibility="private", big="x" * 60000)
    body = demo.image.get("/images?limit=1000&visibility=private").ok(200)
    assert sum(1 for i in body["images"] if "big" in i) == 3


def test_null_ids(demo):
    for method in ("GET", "DELETE"):
        assert demo.image.call(method, "/images/").status == 404
        assert demo.image.call(method, "/images/%20").status == 404


# -- warnings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name,value,word", [("os_type", "Windows", "windows"), ("image.os_type", "windows", "os_type"),
                                             ("hw_max_sockets", "2", "hw_cpu_max_sockets")])
def test_likely_mistakes(demo, name, value, word):
    """Taken as Glance takes them, with a warning that names the right one; mended by an ordinary patch."""
    image = create(demo, **{name: value})
    assert image[name] == value
    assert isinstance(image["kilonova_warnings"], str) and word in image["kilonova_warnings"]
    warnings = demo.image.get("/images/%s/kilonova-warnings" % image["id"]).ok(200)["warnings"]
    assert warnings[0]["property"] == name and warnings[0]["value"] == value and word in warnings[0]["suggestion"]
    body = patch(demo, image["id"], {"op": "remove", "path": "/" + name}).ok(200)
    assert "kilonova_warnings" not in body
    assert demo.image.get("/images/%s/kilonova-warnings" % image["id"]).ok(200)["warnings"] == []


# -- uses -------------------------------------------------------------------------------------


def test_deleted_while_servers_stand_on_it(admin, cloud):
    """The image leaves the API at once, its bytes with the last server; nobody new may stand on it."""
    image = make(admin, b"\0" * 65536)
    path = cloud.data + "/images/" + image
    body = {"imageRef": image, "flavorRef": "1"}
    servers = [admin.compute.post("/servers", {"server": {"name": "u%d" % i, **body}}).ok(202)["server"]["id"] for i in range(2)]
    for server in servers:
        guests.wait_status(admin, server)
    admin.image.delete("/images/" + image).ok(204)
    assert admin.image.get("/images/" + image).status == 404 and image not in listed(admin, "?limit=1000")
    assert admin.compute.post("/servers", {"server": {"name": "late", **body}}).status == 400
    for server in servers:
        assert os.path.exists(path)
        admin.compute.post("/servers/%s/action" % server, {"reboot": {"type": "HARD"}}).ok(202)
        guests.wait_status(admin, server)
        admin.compute.delete("/servers/" + server).ok(204)
        guests.wait_gone(admin, server)
    wait_for(lambda: not os.path.exists(path), 60, "bytes gone")
