# SPDX-License-Identifier: Apache-2.0
"""createImage and createBackup on libvirt's test driver: answers, states, properties, rotation, errors."""
import time

import pytest

from support.rest import wait_for
from test_gaps import act, last_action
from test_servers import image, make_image, network, servers  # noqa: F401 pylint: disable=unused-import


def snapshot(servers, server, name="snap", **more):
    """The id of the image that createImage names."""
    answer = servers.action(server, {"createImage": {"name": name, **more}})
    answer.ok(202)
    assert answer.content == b""
    location = answer.headers["Location"]
    assert "/image/v2/images/" in location
    return location.rsplit("/", 1)[1]


def wait_image(client, image_id, status="active"):
    def look():
        body = client.image.get("/images/" + image_id)
        return body.json if body.status == 200 and body.json["status"] == status else None
    return wait_for(look, 30, "image %s %s" % (image_id, status), pause=0.02)


def wait_idle(servers, server):
    return wait_for(lambda: servers.show(server)["OS-EXT-STS:task_state"] is None, 30, "no task", pause=0.02)


def test_snapshot_is_an_image_of_its_own(servers, demo, admin):
    base = make_image(demo, "base", os_type="windows", os_distro="windows", hw_disk_bus="sata", cache_in_nova="true",
                      img_signature="abc", min_ram=64)
    server = servers.boot(imageRef=base)["id"]
    made = snapshot(servers, server, "first", metadata={"purpose": "test", "a key": "b"})
    body = wait_image(demo, made)
    wait_idle(servers, server)
    flavor = demo.compute.get("/flavors/1").ok(200)["flavor"]
    want = {"name": "first", "status": "active", "visibility": "private", "owner": demo.project_id, "disk_format": "qcow2",
            "container_format": "bare", "min_ram": 64, "min_disk": flavor["disk"], "image_type": "snapshot",
            "base_image_ref": base, "instance_uuid": server, "user_id": demo.user_id, "owner_id": demo.project_id,
            "image_location": "snapshot", "image_state": "available", "os_type": "windows", "os_distro": "windows",
            "hw_disk_bus": "sata", "boot_roles": "member,reader", "owner_user_name": demo.username,
            "owner_project_name": demo.project, "purpose": "test", "a key": "b"}
    assert {k: body.get(k) for k in want} == want
    assert "cache_in_nova" not in body and "img_signature" not in body and "instance_owner" not in body
    assert body["virtual_size"] == flavor["disk"] << 30 and body["size"] > 0 and len(body["os_hash_value"]) == 128
    data = demo.image.get("/images/%s/file" % made)
    assert data.content[:4] == b"QFI\xfb" and data.content[8:20] == b"\0" * 12, "no backing file"
    record = last_action(admin, server, "createImage")
    event = record["by_name"]["compute_snapshot_instance"]
    assert record["message"] is None and event["result"] == "Success"

    # A server from it keeps its origin in its own snapshots.
    second = servers.boot(imageRef=made)["id"]
    again = wait_image(demo, snapshot(servers, second, "second"))
    assert again["base_image_ref"] == base and again["instance_uuid"] == second and again["purpose"] == "test"


@pytest.mark.parametrize("action,status", [(None, "ACTIVE"), ("pause", "PAUSED"), ("suspend", "SUSPENDED"), ("os-stop", "SHUTOFF")])
def test_each_state_that_can_be_copied(servers, demo, action, status):
    server = servers.boot()["id"]
    if action:
        act(servers, server, action, status)
    wait_image(demo, snapshot(servers, server))
    wait_idle(servers, server)
    body = servers.show(server)
    assert body["status"] == status


def test_a_locked_server_is_copied_too(servers, demo):
    server = servers.boot()["id"]
    servers.action(server, {"lock": None}).ok(202)
    wait_image(demo, snapshot(servers, server))
    wait_idle(servers, server)
    servers.action(server, {"unlock": None}).ok(202)


def test_while_it_lasts(servers, demo, cloud):
    """One task at a time; the states in the order of Nova; a delete is not held up and takes the image along."""
    server = servers.boot()["id"]
    points = ["compute.snapshot.begun", "image.store.commit"] * 2
    cloud.restart(environment={"KILONOVA_FAULT": ",".join(p + "=pause" for p in points)})
    try:
        made = snapshot(servers, server)
        seen = []
        end = time.monotonic() + 30
        while time.monotonic() < end:
            task = servers.show(server)["OS-EXT-STS:task_state"]
            if seen and seen[-1] == task:
                continue
            seen.append(task)
            if task is None:
                break
            if task == "image_pending_upload":
                answer = servers.action(server, {"createImage": {"name": "x"}})
                assert answer.status == 409 and "task_state image_pending_upload" in answer.json["conflictingRequest"]["message"]
                assert servers.action(server, {"pause": None}).status == 409
                assert demo.image.get("/images/" + made).ok(200)["status"] == "queued"
            if task == "image_uploading":
                wait_image(demo, made, "saving")
        order = ["image_snapshot_pending", "image_snapshot", "image_pending_upload", "image_uploading", None]
        assert [t for t in order if t in seen] == seen and "image_uploading" in seen, seen
        wait_image(demo, made)

        # Deleted in the middle, the server and the image are gone.
        half = snapshot(servers, server)
        wait_for(lambda: servers.show(server)["OS-EXT-STS:task_state"] == "image_pending_upload", 30, "the copy begins", pause=0.02)
        servers.delete(server)
        wait_for(lambda: demo.image.get("/images/" + half).status == 404, 30, "the image gone", pause=0.02)

        # The image deleted while its bytes come: the server is as it was.
        server = servers.boot()["id"]
        gone = snapshot(servers, server)
        wait_image(demo, gone, "saving")
        demo.image.delete("/images/" + gone).ok(204)
        wait_idle(servers, server)
        assert servers.show(server)["status"] == "ACTIVE"
        assert demo.image.get("/images/" + gone).status == 404
    finally:
        cloud.restart()


def test_a_copy_that_fails_leaves_no_image(servers, demo, admin, cloud):
    server = servers.boot()["id"]
    for fault in "compute.snapshot.begun=fail", "image.store.write=fail", "image.store.commit=fail":
        cloud.restart(environment={"KILONOVA_FAULT": fault})
        try:
            made = snapshot(servers, server)
            wait_idle(servers, server)
            wait_for(lambda: demo.image.get("/images/" + made).status == 404, 30, "no image after " + fault, pause=0.02)
            assert servers.show(server)["status"] == "ACTIVE"
            record = last_action(admin, server, "createImage")
            assert record["message"] and record["by_name"]["compute_snapshot_instance"]["result"] == "Error", fault
        finally:
            cloud.restart()


@pytest.mark.parametrize("body,status", [
    ({}, 400), ({"name": ""}, 400), ({"name": "x" * 256}, 400), ({"name": " x"}, 400), ({"name": 1}, 400), (None, 400),
    ({"name": "x", "metadata": []}, 400), ({"name": "x", "metadata": {"k": 1}}, 400), ({"name": "x", "metadata": {"": "v"}}, 400),
    ({"name": "x", "metadata": {"k/": "v"}}, 400), ({"name": "x", "metadata": {"k": "v" * 256}}, 400), ({"name": "x", "what": 1}, 400),
    ({"name": "x", "metadata": {"status": "active"}}, 400), ({"name": "x", "metadata": {"k%d" % i: "v" for i in range(129)}}, 403),
])
def test_bad_create_image(servers, demo, body, status):
    server = next(s["id"] for s in demo.compute.get("/servers?status=ACTIVE").ok(200)["servers"])
    answer = servers.action(server, {"createImage": body})
    assert answer.status == status, answer
    assert servers.show(server)["OS-EXT-STS:task_state"] is None


@pytest.mark.parametrize("action", ["createImage", "createBackup"])
def test_who_may(servers, stranger, reader, action):
    server = servers.boot()["id"]
    body = {action: {"name": "x", **({"backup_type": "daily", "rotation": 1} if action == "createBackup" else {})}}
    assert stranger.compute.post("/servers/%s/action" % server, body).status == 404
    assert reader.compute.post("/servers/%s/action" % server, body).status == 403
    assert servers.action("nobody", body).status == 404


def test_an_administrators_copy_is_shared_with_the_owner(servers, demo, admin):
    server = servers.boot()["id"]
    answer = admin.compute.post("/servers/%s/action" % server, {"createImage": {"name": "by-admin"}})
    answer.ok(202)
    made = answer.headers["Location"].rsplit("/", 1)[1]
    body = wait_image(demo, made)
    assert body["visibility"] == "shared" and body["owner"] == admin.project_id and body["instance_owner"] == demo.project_id
    wait_idle(servers, server)
    admin.image.delete("/images/" + made).ok(204)


def test_backups_rotate(servers, demo):
    server, other = servers.boot()["id"], servers.boot()["id"]

    def backup(name, server=server, kind="daily", rotation=2, status=202):
        answer = servers.action(server, {"createBackup": {"name": name, "backup_type": kind, "rotation": rotation}})
        assert answer.status == status, answer
        if status == 202:
            wait_idle(servers, server)
        return answer

    def names():
        return sorted(i["name"] for i in demo.image.get("/images?image_type=backup").ok(200)["images"])

    first = backup("d1")
    made = wait_image(demo, first.headers["Location"].rsplit("/", 1)[1])
    assert made["image_type"] == "backup" and made["backup_type"] == "daily" and made["instance_uuid"] == server
    backup("w1", kind="weekly")
    backup("o1", server=other)
    backup("d2")
    assert names() == ["d1", "d2", "o1", "w1"]
    backup("d3", rotation="2")      # numbers come as text, too
    assert names() == ["d2", "d3", "o1", "w1"]
    answer = backup("d4", rotation=0)
    assert "Location" not in answer.headers and answer.content == b""
    assert names() == ["o1", "w1"]
    for bad in -1, "x", None, 1.5:
        backup("bad", rotation=bad, status=400)
    assert servers.action(server, {"createBackup": {"name": "x", "rotation": 1}}).status == 400
    assert servers.action(server, {"createBackup": {"name": "x", "backup_type": "daily"}}).status == 400
