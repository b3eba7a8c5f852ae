# SPDX-License-Identifier: Apache-2.0
"""Bad input to the guest rules through the real API: a clear 400, or stored, harmless, and given back as it was."""
import pytest

from support import guests

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
XML = "</name><evil a='1'>&amp;<![CDATA[x]]><!-- \" ' -->"
LONG = "x" * 65536
# What one may put into a value: how it is called and whether each service stores it.
TEXTS = {"xml": XML, "unicode": "窗口 \u202e \U0001f4a3", "newline": "a\nb\tc", "control": "a\x01b\x1b[2J\x7f", "empty": "",
         "spaces": "  windows  ", "sql": "'; DROP TABLE instances; --", "format": "%s%n%n", "path": "../../etc/passwd"}


@pytest.fixture
def image(demo):
    made = demo.image.post("/images", {"name": "i", "disk_format": "raw", "container_format": "bare"}).ok(201)["id"]
    demo.image.call("PUT", "/images/%s/file" % made, data=b"x" * 4096, headers={"Content-Type": "application/octet-stream"}).ok(204)
    yield made
    demo.image.delete("/images/" + made).ok(204)


def change(demo, image, **properties):
    document = [{"op": "add", "path": "/" + k, "value": v} for k, v in properties.items()]
    return demo.image.call("PATCH", "/images/" + image, document, headers=PATCH)


def boot(client, image, flavor="1", **more):
    return client.compute.post("/servers", {"server": {"name": "s", "imageRef": image, "flavorRef": flavor, **more}})


def refused(answer, *words):
    body = answer.json or {}
    assert answer.status == 400, answer
    message = next(iter(body.values()))["message"]
    assert all(w in message for w in words), message
    assert len(message) < 2000


def settle(client, server):
    """The server is up or has failed for a reason of its own; then it goes."""
    client.compute.delete("/servers/" + server).ok(204)


@pytest.mark.parametrize("what", sorted(TEXTS))
def test_image_properties(demo, image, what):
    text = TEXTS[what]
    answer = change(demo, image, os_distro=text, own_thing=text)
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        refused(answer)
        return
    shown = demo.image.get("/images/" + image).ok(200)
    assert shown["os_distro"] == text and shown["own_thing"] == text
    answer = boot(demo, image)
    if what in ("control", "newline"):
        refused(answer, "os_distro", "control characters")
        return
    server = answer.ok(202)["server"]["id"]
    said = demo.compute.get("/servers/%s/kilonova-properties" % server).ok(200)
    assert said["properties"]["os_distro"] == text
    settle(demo, server)


@pytest.mark.parametrize("value", ["2.0", "abc", "", "-", "1e9", "0x3"])
def test_what_would_break_a_client_s_listing_is_refused(demo, image, value):
    """openstacksdk makes an int of these and fails for the whole list."""
    refused(change(demo, image, hw_cpu_sockets=value), "hw_cpu_sockets", "whole number")
    refused(demo.image.post("/images", {"name": "n", "disk_format": "raw", "container_format": "bare", "hw_video_ram": value}), "hw_video_ram")
    change(demo, image, hw_cpu_sockets="-1").ok(200)


@pytest.mark.parametrize("name,value", [
    ("os_type", XML), ("os_type", "windows\n"), ("hw_disk_bus", "virtio'/><x y='"), ("hw_vif_model", "e1000\x00"), ("hw_machine_type", XML),
    ("hw_machine_type", LONG[:60000]), ("os_timezone", "../../etc/passwd"), ("os_clock_policy", "utc;guest"), ("hw_cpu_sockets", "9" * 400),
    ("hw_cpu_max_sockets", "-9223372036854775809"), ("hw_numa_nodes", "18446744073709551616"), ("hw_numa_cpus.0", "0-99999999999999999999"),
    ("hw_mem_page_size", "99999999999999999999GB"), ("hw_video_ram", "1e9"), ("hw_serial_port_count", "0x3"), ("hw_architecture", XML)],
    ids=lambda v: v[:24])
def test_a_bad_value_refuses_the_server(demo, image, name, value):
    answer = change(demo, image, **{name: value})
    if answer.status == 400:
        refused(answer)
        return
    answer.ok(200)
    refused(boot(demo, image), name.split(".")[0])


def test_64_kib_and_one_byte_more(demo, image):
    assert change(demo, image, own=LONG[:60000]).ok(200)["own"] == LONG[:60000]
    for value in (LONG, LONG * 2):
        answer = change(demo, image, own=value)
        assert answer.status in (400, 413), answer
    assert demo.image.get("/images/" + image).ok(200)["own"] == LONG[:60000]
    settle(demo, boot(demo, image).ok(202)["server"]["id"])


def test_ten_thousand_properties(demo, image):
    many = {"p%d" % i: "v" for i in range(10000)}
    for answer in (demo.image.post("/images", {"name": "many", "disk_format": "raw", "container_format": "bare", **many}),
                   change(demo, image, **many)):
        assert answer.status in (400, 413), answer
    assert not any(k.startswith("p1") for k in demo.image.get("/images/" + image).ok(200))


def test_values_that_are_no_text(demo, image):
    for value in (1, 2**70, 1.5, True, None, [], {"a": "b"}):
        refused(change(demo, image, hw_cpu_sockets=value))


def test_old_and_new_names_side_by_side(demo, image):
    """The current name wins, and nothing else happens."""
    change(demo, image, hw_architecture="x86_64", architecture="no such", hw_qemu_guest_agent="no", hw_ovirt_guest_agent="yes").ok(200)
    server = boot(demo, image).ok(202)["server"]["id"]
    guests.wait_status(demo, server)
    decisions = demo.compute.get("/servers/%s/kilonova-plan" % server).ok(200)["decisions"]
    assert not any("channel" in d["path"] and d["value"] for d in decisions), "hw_qemu_guest_agent=no wins"
    settle(demo, server)
    change(demo, image, hw_architecture="no such").ok(200)
    refused(boot(demo, image), "hw_architecture")


def test_a_key_twice(demo):
    answer = demo.image.call("POST", "/images", data=b'{"name": "x", "os_type": "linux", "os_type": "windows"}',
                             headers={"Content-Type": "application/json"})
    refused(answer, "os_type")


# -- flavors ---------------------------------------------------------------------------------


@pytest.fixture
def flavor(admin):
    made = admin.compute.post("/flavors", {"flavor": {"name": "bad", "ram": 64, "vcpus": 1, "disk": 0}}).ok(200)["flavor"]["id"]
    yield made
    admin.compute.delete("/flavors/" + made).ok(202)


@pytest.mark.parametrize("what", sorted(TEXTS))
def test_extra_specs(admin, flavor, image, demo, what):
    path = "/flavors/%s/os-extra_specs" % flavor
    answer = admin.compute.post(path, {"extra_specs": {"own:thing": TEXTS[what]}})
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        refused(answer)
        return
    assert admin.compute.get(path).ok(200)["extra_specs"]["own:thing"] == TEXTS[what]
    settle(demo, boot(demo, image, flavor).ok(202)["server"]["id"])


@pytest.mark.parametrize("key,value", [("quota:cpu_shares", "9" * 200), ("quota:disk_read_bytes_sec", "9223372036854775808"),
                                       ("hw:cpu_policy", XML), ("hw:numa_cpus.99999999999", "0"), ("hw:cpu_dedicated_mask", "^"),
                                       ("hw:watchdog_action", "reset\x01"), ("hw:mem_page_size", "-1"), ("os:timezone", XML)])
def test_a_bad_spec_refuses_the_server(admin, flavor, image, demo, key, value):
    answer = admin.compute.post("/flavors/%s/os-extra_specs" % flavor, {"extra_specs": {key: value}})
    if answer.status == 400:
        refused(answer)
        return
    assert "Warning" in answer.headers
    refused(boot(demo, image, flavor), key.split(".")[0] if key != "os:timezone" else "zone")


def test_too_many_and_too_long_specs(admin, flavor):
    path = "/flavors/%s/os-extra_specs" % flavor
    refused(admin.compute.post(path, {"extra_specs": {"k%d" % i: "v" for i in range(10000)}}))
    refused(admin.compute.post(path, {"extra_specs": {"k": LONG}}))
    refused(admin.compute.post(path, {"extra_specs": {"<k>": "v"}}))
    refused(admin.compute.post(path, {"extra_specs": {"": "v"}}))
    assert admin.compute.get(path).ok(200)["extra_specs"] == {}


# -- servers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", sorted(TEXTS))
def test_metadata_and_names(demo, image, what):
    text = TEXTS[what]
    answer = boot(demo, image, metadata={"own": text})
    assert answer.status in (202, 400), answer
    if answer.status == 400:
        refused(answer)
        return
    server = answer.json["server"]["id"]
    assert demo.compute.get("/servers/%s/metadata" % server).ok(200)["metadata"]["own"] == text
    settle(demo, server)


@pytest.mark.parametrize("key", ["os_clock_policy", "os_timezone", "kilonova:profile"])
@pytest.mark.parametrize("what", sorted(set(TEXTS) - {"spaces"}))
def test_metadata_that_shapes_the_guest(demo, image, key, what):
    refused(boot(demo, image, metadata={key: TEXTS[what]}))


def test_too_much_metadata(demo, image):
    assert boot(demo, image, metadata={"k%d" % i: "v" for i in range(10000)}).status in (400, 403)
    refused(boot(demo, image, metadata={"own": LONG}))


@pytest.mark.parametrize("properties", [{"os_type": XML}, {"os_type": LONG[:60000]}, {XML: "x"}, {"os_type": 1}, {"os_version": "\x01"},
                                        {"hw_cpu_sockets": "9" * 100}, {"p%d" % i: "v" for i in range(3000)}],
    ids=lambda p: next(iter(p))[:12])
def test_server_properties(demo, image, properties):
    server = boot(demo, image).ok(202)["server"]["id"]
    answer = demo.compute.put("/servers/%s/kilonova-properties" % server, {"properties": properties})
    assert answer.status in (400, 413), answer
    settle(demo, server)
