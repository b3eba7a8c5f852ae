# SPDX-License-Identifier: Apache-2.0
"""What Compute shows of images and security groups for older clients."""
from test_servers import image, make_image, network, servers  # noqa: F401 pylint: disable=unused-import
from test_snapshots import snapshot, wait_idle, wait_image


def test_security_groups(demo, stranger, reader, admin):
    made = demo.network.post("/security-groups", {"security_group": {"name": "web", "description": "d"}}).ok(201)["security_group"]["id"]
    for rule in ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 81, "remote_ip_prefix": "10.0.0.0/8"},
                 {"protocol": "udp"}, {"protocol": "icmp"}, {}, {"protocol": "tcp", "remote_group_id": made}):
        body = {"security_group_id": made, "direction": "ingress", **rule}
        demo.network.post("/security-group-rules", {"security_group_rule": body}).ok(201)
    listed = {g["name"]: g for g in demo.compute.get("/os-security-groups").ok(200)["security_groups"]}
    assert set(listed) == {"default", "web"}
    shown = demo.compute.get("/os-security-groups/" + made).ok(200)["security_group"]
    assert shown == listed["web"] and shown["tenant_id"] == demo.project_id and shown["description"] == "d"
    said = {(r["ip_protocol"], r["from_port"], r["to_port"], r["ip_range"].get("cidr"), r["group"].get("name")) for r in shown["rules"]}
    assert said == {("tcp", 80, 81, "10.0.0.0/8", None), ("udp", 1, 65535, "0.0.0.0/0", None), ("icmp", -1, -1, "0.0.0.0/0", None),
                    (None, None, None, "0.0.0.0/0", None), ("tcp", 1, 65535, None, "web")}
    assert all(r["parent_group_id"] == made for r in shown["rules"])
    assert stranger.compute.get("/os-security-groups/" + made).status == 404
    assert [g["name"] for g in stranger.compute.get("/os-security-groups").ok(200)["security_groups"]] == ["default"]
    assert reader.compute.get("/os-security-groups").status == 200
    assert made in {g["id"] for g in admin.compute.get("/os-security-groups?all_tenants=1").ok(200)["security_groups"]}
    assert demo.compute.get("/os-security-groups/web").status == 404


def test_images(servers, demo, stranger):
    base = make_image(demo, "shown", os_type="linux")
    server = servers.boot()["id"]
    made = snapshot(servers, server, "snap-shown")
    wait_image(demo, made)
    wait_idle(servers, server)
    body = demo.compute.get("/images/" + made).ok(200)["image"]
    assert body["status"] == "ACTIVE" and body["progress"] == 100 and body["name"] == "snap-shown" and body["minDisk"] == 1
    assert body["server"]["id"] == server and body["metadata"]["image_type"] == "snapshot" and body["OS-EXT-IMG-SIZE:size"] > 0
    assert {link["rel"] for link in body["links"]} == {"self", "bookmark", "alternate"}
    assert "server" not in demo.compute.get("/images/" + base).ok(200)["image"]
    listed = demo.compute.get("/images").ok(200)["images"]
    assert {"id", "name", "links"} == set(listed[0]) and {made, base} <= {i["id"] for i in listed}
    assert demo.compute.get("/images/detail?name=shown").ok(200)["images"][0]["metadata"] == {"os_type": "linux"}
    assert len(demo.compute.get("/images?limit=1").ok(200)["images"]) == 1
    after = demo.compute.get("/images?marker=" + listed[0]["id"]).ok(200)["images"]
    assert [i["id"] for i in after] == [i["id"] for i in listed[1:]]
    assert demo.compute.get("/images?marker=nobody").status == 400 and demo.compute.get("/images?limit=x").status == 400
    queued = demo.image.post("/images", {"name": "empty", "disk_format": "raw", "container_format": "bare"}).ok(201)["id"]
    assert demo.compute.get("/images/" + queued).ok(200)["image"]["status"] == "SAVING"
    # The default visibility is `shared`, with nobody yet.
    assert stranger.compute.get("/images/" + made).status == 404 and stranger.compute.delete("/images/" + made).status == 404
    demo.compute.delete("/images/" + queued).ok(204)
    assert demo.image.get("/images/" + queued).status == 404
