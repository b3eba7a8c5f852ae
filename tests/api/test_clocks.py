# SPDX-License-Identifier: Apache-2.0
"""Clocks of guests and hosts over the API. libvirt's test driver has no agents: real measurements are in tests/guests."""
import re

import pytest

from support import guests


@pytest.fixture(scope="module")
def image(admin):
    image = admin.image.post("/images", {"name": "clocks", "disk_format": "raw", "container_format": "bare", "visibility": "public",
                                         "os_timezone": "Asia/Shanghai", "os_type": "windows"}).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    return image


@pytest.fixture(scope="module")
def server(demo, image):
    body = {"name": "clocked", "imageRef": image, "flavorRef": "1"}
    server = demo.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
    guests.wait_status(demo, server)
    yield server
    demo.compute.delete("/servers/" + server)
    guests.wait_gone(demo, server)


def clock(client, server, query=""):
    return client.compute.get("/servers/%s/kilonova-clock%s" % (server, query)).ok(200)["clock"]


def test_what_is_not_known_says_why(demo, server):
    found = clock(demo, server, "?now=true")
    assert (found["server"], found["name"], found["status"]) == (server, "clocked", "ACTIVE")
    assert (found["os_type"], found["policy"], found["zone"]) == ("windows", "timezone", "Asia/Shanghai")
    assert (found["method"], found["why"], found["verdict"]) == ("none", "no-channel", "unknown")
    assert found["skew_seconds"] is None and found["error_seconds"] is None
    assert "no agent channel" in found["text"] and found["warnings"] == []
    assert found["guest"] == {"zone": None, "zone_offset_seconds": None, "os_id": None, "os_name": None}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["measured_at"])
    assert found["since"] <= found["measured_at"]
    assert [line["why"] for line in found["history"]].count("no-channel") == 1, "the same again is no news"
    again = clock(demo, server, "?now=1")
    assert again["since"] == found["since"] and len(again["history"]) == len(found["history"])


def test_a_server_that_is_off_has_no_clock(demo, server):
    demo.compute.post("/servers/%s/action" % server, {"os-stop": None}).ok(202)
    guests.wait_status(demo, server, "SHUTOFF")
    assert clock(demo, server, "?now=true")["why"] == "not-running"
    demo.compute.post("/servers/%s/action" % server, {"os-start": None}).ok(202)
    guests.wait_status(demo, server)


@pytest.mark.parametrize("query", ["now=perhaps", "now="])
def test_bad_flag(demo, server, query):
    answer = demo.compute.get("/servers/%s/kilonova-clock?%s" % (server, query))
    assert answer.status == 400 and "now" in answer.json["badRequest"]["message"]


def test_other_projects(demo, stranger, admin, server):
    assert stranger.compute.get("/servers/%s/kilonova-clock" % server).status == 404
    assert clock(admin, server)["server"] == server
    assert server not in [c["server"] for c in stranger.compute.get("/kilonova-clocks").ok(200)["clocks"]]
    assert stranger.compute.get("/kilonova-clocks?all_tenants=1").status == 403


def test_lists(demo, admin, reader, server):
    mine = demo.compute.get("/kilonova-clocks").ok(200)
    assert [c["server"] for c in mine["clocks"]] == [server] and mine["more"] is False
    assert "history" not in mine["clocks"][0] and mine["clocks"][0]["policy"] == "timezone"
    assert server in [c["server"] for c in admin.compute.get("/kilonova-clocks?all_tenants=true").ok(200)["clocks"]]
    assert demo.compute.get("/kilonova-clocks?marker=%s" % server).ok(200)["clocks"] == []
    assert demo.compute.get("/kilonova-clocks?marker=nobody").status == 400
    assert reader.compute.get("/kilonova-clocks").ok(200)["clocks"] == []


def test_hosts(admin, demo):
    assert demo.compute.get("/kilonova-host-clocks").status == 403
    hosts = admin.compute.get("/kilonova-host-clocks").ok(200)["hosts"]
    assert len(hosts) == 1 and hosts[0]["known"] is True
    host = hosts[0]
    assert set(host["ntp"]) == {"synchronized", "by", "offset_seconds", "max_error_seconds"}
    assert host["ntp"]["by"] in ("chrony", "timesyncd", "kernel")
    assert set(host["hardware_clock"]) == {"offset_seconds", "keeps"}
    codes = [w["code"] for w in host["warnings"]]
    assert ("not-synchronized" in codes) == (host["ntp"]["synchronized"] is False)
    assert all(w["text"] for w in host["warnings"])


def test_metrics(admin, server):
    text = admin.root.get("/metrics", token=None).content.decode()
    verdicts = dict(re.findall(r'^kilonova_guest_clocks\{verdict="([a-z-]+)"\} (\d+)$', text, re.M))
    assert set(verdicts) == {"unknown", "right", "drift", "kerberos", "kms", "zone", "zone-kms"}
    assert int(verdicts["unknown"]) >= 1
    assert "# TYPE kilonova_guest_clock_skew_seconds gauge\n" in text
    assert 'kilonova_guest_clock_skew_seconds{server="%s"}' % server not in text, "what is not known is not 0"
