# SPDX-License-Identifier: Apache-2.0
"""What may be said about clocks, where, and what comes of it. The reasons are those of the plan; what guests then read is in
tests/guests/test_clock.py."""
import os
import subprocess

import pytest

from support import cloud as clouds
from support import guests


@pytest.fixture(scope="module")
def make_image(demo):
    made = []

    def make(**properties):
        image = demo.image.post("/images", {"name": "clocks", "disk_format": "raw", "container_format": "bare",
                                            **properties}).ok(201)["id"]
        demo.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536,
                        headers={"Content-Type": "application/octet-stream"}).ok(204)
        made.append(image)
        return image

    yield make
    for image in made:
        demo.image.delete("/images/" + image)


@pytest.fixture
def boot(demo):
    made = []

    def make(image, **more):
        server = demo.compute.post("/servers", {"server": {"name": "c", "imageRef": image, "flavorRef": "1", **more}}).ok(202)["server"]["id"]
        made.append(server)
        guests.wait_status(demo, server)
        return server

    yield make
    for server in made:
        demo.compute.delete("/servers/" + server)
        guests.wait_gone(demo, server)


@pytest.fixture(scope="module")
def windows(make_image):
    return make_image(os_type="windows")


def decided(client, server):
    """What the last start decided about the clock: offset, rule, source, and the other attributes."""
    decisions = client.compute.get("/servers/%s/kilonova-plan" % server).ok(200)["decisions"]
    offset = next(d for d in decisions if d["path"] == "clock/@offset")
    rest = {d["path"].partition("@")[2]: d["value"] for d in decisions if d["path"].startswith("clock/@")}
    return {"rule": offset["rule"], "source": offset["source"], "reason": offset["reason"], **rest}


def reboot(client, server):
    client.compute.post("/servers/%s/action" % server, {"reboot": {"type": "HARD"}}).ok(202)
    guests.wait_status(client, server)
    return decided(client, server)


def refused(answer, *words):
    assert answer.status == 400, answer
    message = answer.json["badRequest"]["message"]
    for word in words:
        assert word in message
    return message


def test_windows_names_of_zones(demo, make_image, boot):
    image = make_image(os_type="windows", os_timezone="China Standard Time")
    assert demo.image.get("/images/" + image).ok(200)["os_timezone"] == "China Standard Time"
    found = decided(demo, boot(image))
    assert (found["offset"], found["timezone"], found["rule"]) == ("timezone", "Asia/Shanghai", "clock.windows-timezone")
    assert "China Standard Time" in found["reason"] and found["source"] == "image os_timezone"


def test_metadata_changes_the_clock_of_a_server(demo, windows, boot):
    server = boot(windows)
    assert decided(demo, server)["offset"] == "localtime"
    demo.compute.post("/servers/%s/metadata" % server, {"metadata": {"os_timezone": "Europe/Berlin"}}).ok(200)
    found = reboot(demo, server)
    assert (found["timezone"], found["source"]) == ("Europe/Berlin", "server os_timezone")
    demo.compute.put("/servers/%s/metadata/os_clock_policy" % server, {"meta": {"os_clock_policy": "utc"}}).ok(200)
    found = reboot(demo, server)
    assert (found["offset"], found["rule"]) == ("utc", "clock.windows-utc")


def test_metadata_that_cannot_be(demo, windows, boot):
    server = boot(windows)
    path = "/servers/%s/metadata" % server
    refused(demo.compute.post(path, {"metadata": {"os_timezone": "asia/shanghai"}}), "did you mean Asia/Shanghai")
    refused(demo.compute.put(path + "/os_timezone", {"meta": {"os_timezone": "Shanghai"}}), "did you mean Asia/Shanghai")
    refused(demo.compute.put(path, {"metadata": {"os_clock_policy": "UTC"}}), "auto, utc, localtime, timezone, guest")
    refused(demo.compute.post(path, {"metadata": {"os_clock_policy": "timezone"}}), "os_timezone")
    assert demo.compute.get(path).ok(200)["metadata"] == {}

    # Neither can the zone go while the policy needs it.
    demo.compute.post(path, {"metadata": {"os_clock_policy": "timezone", "os_timezone": "Asia/Tokyo"}}).ok(200)
    refused(demo.compute.delete(path + "/os_timezone"), "os_timezone")
    refused(demo.compute.put(path, {"metadata": {"os_clock_policy": "timezone"}}), "os_timezone")
    assert len(demo.compute.get(path).ok(200)["metadata"]) == 2
    demo.compute.delete(path + "/os_clock_policy").ok(204)
    demo.compute.delete(path + "/os_timezone").ok(204)
    demo.compute.post(path, {"metadata": {"note": "timezone"}}).ok(200)


@pytest.mark.parametrize("zone,meant", [("America/New York", "America/New_York"), ("China Standart Time", "China Standard Time"),
                                        ("UTC+8", "Etc/GMT-8 (these count westward"), ("localtime", None), ("posix/Asia/Tokyo", "Asia/Tokyo")])
def test_create_with_a_zone_that_is_none(demo, windows, zone, meant):
    body = {"name": "c", "imageRef": windows, "flavorRef": "1", "metadata": {"os_timezone": zone}}
    message = refused(demo.compute.post("/servers", {"server": body}), "There is no time zone '%s'" % zone)
    assert meant is None or "did you mean " + meant in message


def test_image_with_a_zone_that_is_none_is_warned_about(demo, make_image):
    image = make_image(os_type="windows", os_timezone="Europe/Berlni")
    refused(demo.compute.post("/servers", {"server": {"name": "c", "imageRef": image, "flavorRef": "1"}}),
            "did you mean Europe/Berlin")


def test_policy_timezone_without_zone_on_an_existing_server(demo, windows, boot):
    server = boot(windows)
    path = "/servers/%s/kilonova-properties" % server
    refused(demo.compute.put(path, {"properties": {"os_clock_policy": "timezone"}}), "os_timezone")
    assert "os_clock_policy" not in demo.compute.get(path).ok(200)["properties"]
    demo.compute.put(path, {"properties": {"os_clock_policy": "timezone", "os_timezone": "Asia/Kathmandu"}}).ok(200)
    found = reboot(demo, server)
    assert (found["rule"], found["timezone"]) == ("clock.timezone", "Asia/Kathmandu")


def test_setting_what_the_server_s_metadata_says_already(demo, windows, boot):
    """Metadata goes before all else: a setting beside it would be stored and change nothing."""
    server = boot(windows, metadata={"os_timezone": "Etc/GMT+5", "note": "x"})
    path = "/servers/%s/kilonova-properties" % server
    demo.compute.put(path, {"properties": {"os_timezone": "US/Eastern"}}).ok(200)
    assert reboot(demo, server)["timezone"] == "US/Eastern"
    demo.compute.put(path, {"properties": {"os_timezone": None}}).ok(200)
    assert reboot(demo, server)["offset"] == "localtime"
    assert demo.compute.get("/servers/%s/metadata" % server).ok(200)["metadata"] == {"note": "x"}


def test_offset_from_an_image(demo, make_image, boot):
    server = boot(make_image(os_type="windows", os_rtc_offset="28803", os_timezone="Europe/Berlin"))
    found = decided(demo, server)
    assert (found["offset"], found["basis"], found["adjustment"]) == ("variable", "utc", "28800")
    assert (found["rule"], found["source"]) == ("clock.guest", "image os_rtc_offset")
    plan = demo.compute.get("/servers/%s/kilonova-plan" % server).ok(200)
    assert (plan["clock"]["rtc_offset_s"], plan["clock"]["set_by"]) == (28803, "image") and plan["clock"]["since"]

    # Under an explicit policy nothing is taken for drift.
    demo.compute.post("/servers/%s/metadata" % server, {"metadata": {"os_clock_policy": "guest"}}).ok(200)
    assert reboot(demo, server)["adjustment"] == "28803"


def test_offset_by_hand_and_forgotten(demo, windows, boot):
    server = boot(windows)
    path = "/servers/%s/kilonova-properties" % server
    refused(demo.compute.put(path, {"properties": {"os_rtc_offset": "eight hours"}}), "os_rtc_offset", "whole number")
    demo.compute.put(path, {"properties": {"os_rtc_offset": "-18000"}}).ok(200)
    assert demo.compute.get(path).ok(200)["properties"]["os_rtc_offset"] == "-18000"
    found = reboot(demo, server)
    assert (found["adjustment"], found["source"]) == ("-18000", "server os_rtc_offset")
    demo.compute.put(path, {"properties": {"os_rtc_offset": None}}).ok(200)
    assert reboot(demo, server)["offset"] == "localtime"


def test_a_rebuild_takes_the_new_image_s_offset(demo, make_image, windows, boot):
    server = boot(make_image(os_type="windows", os_rtc_offset="3600"))
    demo.compute.post("/servers/%s/action" % server, {"rebuild": {"imageRef": windows}}).ok(202)
    guests.wait_status(demo, server)
    assert decided(demo, server)["offset"] == "localtime"
    image = make_image(os_type="windows", os_rtc_offset="7200")
    demo.compute.post("/servers/%s/action" % server, {"rebuild": {"imageRef": image}}).ok(202)
    guests.wait_status(demo, server)
    assert decided(demo, server)["adjustment"] == "7200"


def test_nova_s_profile_knows_no_policies(demo, make_image, boot):
    server = boot(make_image(os_type="windows", os_timezone="Asia/Tokyo", os_rtc_offset="28800"), metadata={"kilonova:profile": "nova-26"})
    found = decided(demo, server)
    assert found["offset"] == "localtime" and "timezone" not in found and "adjustment" not in found


def test_defaults_of_a_project(demo, admin, windows, boot):
    demo.login()
    project = demo.project_id
    path = "/projects/" + project
    for bad in ({"os_timezone": "Asia/Shangai"}, {"os_timezone": 8}, {"os_clock_policy": "local"}):
        answer = admin.identity.patch(path, {"project": bad})
        assert answer.status == 400, answer
    admin.identity.patch(path, {"project": {"os_timezone": "Tokyo Standard Time"}}).ok(200)
    try:
        server = boot(windows)
        found = decided(demo, server)
        assert (found["timezone"], found["source"]) == ("Asia/Tokyo", "project os_timezone")
        admin.identity.patch(path, {"project": {"os_clock_policy": "utc"}}).ok(200)
        found = reboot(demo, server)
        assert (found["offset"], found["source"]) == ("utc", "project os_clock_policy")
    finally:
        admin.identity.patch(path, {"project": {"os_timezone": None, "os_clock_policy": None}}).ok(200)
    assert reboot(demo, server)["offset"] == "localtime"


def test_defaults_of_the_cloud(make_cloud):
    cloud = make_cloud(arguments=["--clock-default-timezone", "Asia/Kathmandu"])
    client = cloud.admin()
    image = client.image.post("/images", {"name": "w", "disk_format": "raw", "container_format": "bare", "os_type": "windows"}).ok(201)["id"]
    client.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    server = client.compute.post("/servers", {"server": {"name": "c", "imageRef": image, "flavorRef": "1"}}).ok(202)["server"]["id"]
    guests.wait_status(client, server)
    found = decided(client, server)
    assert (found["timezone"], found["source"]) == ("Asia/Kathmandu", "option clock.default_timezone")
    client.compute.delete("/servers/" + server)
    guests.wait_gone(client, server)
    cloud.stop()


@pytest.mark.parametrize("arguments,words", [(["--clock-default-timezone", "Asia/Shangai"], "did you mean Asia/Shanghai"),
                                             (["--clock-default-policy", "timezone"], "needs clock.default_timezone")])
def test_options_that_cannot_be(tmp_path, arguments, words):
    run = subprocess.run([clouds.BINARY, "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *arguments],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                         env={**os.environ, "KILONOVA_ADMIN_PASSWORD": "x"})
    assert run.returncode != 0 and words in run.stdout, run.stdout
