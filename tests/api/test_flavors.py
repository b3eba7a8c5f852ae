# SPDX-License-Identifier: Apache-2.0
"""The Compute API: flavors, their extra specs and access lists."""
import itertools

import pytest

BRIEF = {"id", "name", "links"}
FULL = BRIEF | {"ram", "disk", "vcpus", "OS-FLV-EXT-DATA:ephemeral", "OS-FLV-DISABLED:disabled", "os-flavor-access:is_public",
                "swap", "rxtx_factor"}
FIRST = {"1": ("m1.tiny", 512, 1, 1), "2": ("m1.small", 2048, 1, 20), "3": ("m1.medium", 4096, 2, 40),
         "4": ("m1.large", 8192, 4, 80), "5": ("m1.xlarge", 16384, 8, 160)}
NUMBER = itertools.count(1)


def body(**members):
    return {"flavor": {"name": "f%d" % next(NUMBER), "ram": 64, "vcpus": 1, "disk": 0, **members}}


@pytest.fixture
def flavor(admin):
    """A private flavor that is gone after the test."""
    made = admin.compute.post("/flavors", body(**{"os-flavor-access:is_public": False})).ok(200)["flavor"]
    yield made
    admin.compute.delete("/flavors/" + made["id"])


def ids(answer):
    return [f["id"] for f in answer.ok(200)["flavors"]]


def test_first_flavors(demo):
    for number, (name, ram, vcpus, disk) in FIRST.items():
        flavor = demo.compute.get("/flavors/" + number).ok(200)["flavor"]
        assert set(flavor) == FULL
        assert (flavor["name"], flavor["ram"], flavor["vcpus"], flavor["disk"]) == (name, ram, vcpus, disk)
        assert flavor["swap"] == "" and flavor["rxtx_factor"] == 1.0
        assert {link["rel"]: link["href"].split("/compute")[1] for link in flavor["links"]} == {
            "self": "/v2.1/flavors/" + number, "bookmark": "/flavors/" + number}


def test_lists_are_closed(demo):
    assert all(set(f) == BRIEF for f in demo.compute.get("/flavors").ok(200)["flavors"])
    assert all(set(f) == FULL for f in demo.compute.get("/flavors/detail").ok(200)["flavors"])


def test_filters_order_and_pages(demo):
    assert ids(demo.compute.get("/flavors?minRam=4096"))[:3] == ["3", "4", "5"]
    assert "2" not in ids(demo.compute.get("/flavors?minDisk=21"))
    assert ids(demo.compute.get("/flavors?sort_key=memory_mb&sort_dir=desc"))[0] == "5"
    page = demo.compute.get("/flavors?limit=2").ok(200)
    assert [f["id"] for f in page["flavors"]] == ["1", "2"]
    following = page["flavors_links"][0]["href"].split("/v2.1")[1]
    assert ids(demo.compute.get(following)) == ["3", "4"]
    last = demo.compute.get("/flavors?limit=1&marker=4").ok(200)
    assert [f["id"] for f in last["flavors"]] == ["5"] and "flavors_links" not in last
    assert ids(demo.compute.get("/flavors?limit=0")) == []


@pytest.mark.parametrize("query", ["minRam=x", "minDisk=-1", "limit=-1", "limit=x", "marker=nope", "sort_key=password",
                                   "sort_dir=up"])
def test_bad_queries(demo, query):
    demo.compute.get("/flavors?" + query).ok(400)


def test_bad_is_public(admin, demo):
    admin.compute.get("/flavors?is_public=maybe").ok(400)
    demo.compute.get("/flavors?is_public=maybe").ok(200)


@pytest.mark.parametrize("given,shown", [(4711, "4711"), ("some id.x", "some id.x")])
def test_create_with_id(admin, given, shown):
    made = admin.compute.post("/flavors", body(id=given, ram="128", swap="5", rxtx_factor="2.5")).ok(200)["flavor"]
    assert made["id"] == shown and made["ram"] == 128 and made["swap"] == 5 and made["rxtx_factor"] == 2.5
    assert set(made) == FULL
    admin.compute.post("/flavors", body(id=given)).ok(409)
    answer = admin.compute.delete("/flavors/" + shown)
    assert answer.status == 202 and answer.content == b""
    admin.compute.get("/flavors/" + shown).ok(404)
    admin.compute.delete("/flavors/" + shown).ok(404)


def test_create_without_id(admin):
    made = admin.compute.post("/flavors", body(id=None, name="caf\u00e9 \U0001f31f")).ok(200)["flavor"]
    assert len(made["id"]) == 36 and made["name"] == "caf\u00e9 \U0001f31f"
    admin.compute.post("/flavors", {"flavor": {**made_body(made), "id": None}}).ok(409)
    admin.compute.delete("/flavors/" + made["id"]).ok(202)


def made_body(made):
    return {key: made[key] for key in ("name", "ram", "vcpus", "disk")}


@pytest.mark.parametrize("members", [
    {"name": ""}, {"name": "x" * 256}, {"name": " x"}, {"name": 5}, {"ram": 0}, {"ram": "many"}, {"ram": 2 ** 31}, {"vcpus": 0},
    {"vcpus": 1.5}, {"disk": -1}, {"swap": -1}, {"id": "a/b"}, {"id": ""}, {"id": "x" * 256}, {"rxtx_factor": 0},
    {"rxtx_factor": "fast"}, {"os-flavor-access:is_public": "perhaps"}, {"colour": "red"}])
def test_bad_creates(admin, members):
    admin.compute.post("/flavors", body(**members)).ok(400)


def test_missing_members(admin):
    for key in ("name", "ram", "vcpus", "disk"):
        wanted = body()
        del wanted["flavor"][key]
        admin.compute.post("/flavors", wanted).ok(400)


def test_only_administrators_change(demo):
    demo.compute.post("/flavors", body()).ok(403)
    demo.compute.delete("/flavors/1").ok(403)
    demo.compute.post("/flavors/1/os-extra_specs", {"extra_specs": {"a": "b"}}).ok(403)
    demo.compute.post("/flavors/1/action", {"addTenantAccess": {"tenant": "x"}}).ok(403)


def test_private_flavors(admin, demo, flavor):
    path = "/flavors/" + flavor["id"]
    demo.compute.get(path).ok(404)
    assert flavor["id"] not in ids(demo.compute.get("/flavors"))
    assert flavor["id"] not in ids(demo.compute.get("/flavors?is_public=none"))
    assert flavor["id"] not in ids(admin.compute.get("/flavors"))
    assert flavor["id"] in ids(admin.compute.get("/flavors?is_public=none"))
    assert ids(admin.compute.get("/flavors?is_public=false")) == [flavor["id"]]

    demo.login()
    granted = admin.compute.post(path + "/action", {"addTenantAccess": {"tenant": demo.project_id}}).ok(200)
    assert granted == {"flavor_access": [{"flavor_id": flavor["id"], "tenant_id": demo.project_id}]}
    admin.compute.post(path + "/action", {"addTenantAccess": {"tenant": demo.project_id}}).ok(409)
    demo.compute.get(path).ok(200)
    assert flavor["id"] in ids(demo.compute.get("/flavors"))
    assert admin.compute.get(path + "/os-flavor-access").ok(200) == granted
    demo.compute.get(path + "/os-flavor-access").ok(403)

    admin.compute.post(path + "/action", {"removeTenantAccess": {"tenant": demo.project_id}}).ok(200)
    admin.compute.post(path + "/action", {"removeTenantAccess": {"tenant": demo.project_id}}).ok(404)
    demo.compute.get(path).ok(404)


def test_access_of_a_public_flavor(admin):
    admin.compute.get("/flavors/1/os-flavor-access").ok(404)
    admin.compute.post("/flavors/1/action", {"addTenantAccess": {"tenant": "x"}}).ok(409)
    admin.compute.post("/flavors/1/action", {"explode": {}}).ok(400)
    admin.compute.post("/flavors/1/action", {"addTenantAccess": {}}).ok(400)


def test_extra_specs(admin, flavor):
    path = "/flavors/%s/os-extra_specs" % flavor["id"]
    wanted = {"os:timezone": "Asia/Shanghai", "hw:cpu_sockets": "1"}
    assert admin.compute.post(path, {"extra_specs": wanted}).ok(200) == {"extra_specs": wanted}
    assert admin.compute.get(path).ok(200) == {"extra_specs": wanted}
    assert admin.compute.put(path + "/os:timezone", {"os:timezone": "UTC"}).ok(200) == {"os:timezone": "UTC"}
    assert admin.compute.get(path + "/os:timezone").ok(200) == {"os:timezone": "UTC"}
    answer = admin.compute.delete(path + "/os:timezone")
    assert answer.status == 200 and answer.content == b""
    admin.compute.get(path + "/os:timezone").ok(404)
    admin.compute.delete(path + "/os:timezone").ok(404)
    assert admin.compute.get(path).ok(200) == {"extra_specs": {"hw:cpu_sockets": "1"}}


@pytest.mark.parametrize("specs", [{"a/b": "1"}, {"": "1"}, {"x" * 256: "1"}, {"a": "x" * 256}, {"a": None}, {"a": {}}])
def test_bad_extra_specs(admin, flavor, specs):
    path = "/flavors/%s/os-extra_specs" % flavor["id"]
    admin.compute.post(path, {"extra_specs": specs}).ok(400)
    assert admin.compute.get(path).ok(200) == {"extra_specs": {}}


def test_extra_spec_of_another_key(admin, flavor):
    path = "/flavors/%s/os-extra_specs/a" % flavor["id"]
    admin.compute.put(path, {"b": "1"}).ok(400)
    admin.compute.put(path, {"a": "1", "b": "2"}).ok(400)


DOUBTFUL = {"hw:cpu_policy": "Dedicated", "hw:max_cpu_sockets": "2", "quota:cpu_shares": "99999999999999999999", "os:timezone": "Mars/Olympus"}


def test_doubtful_extra_specs_are_stored_with_a_warning(cloud, admin, flavor):
    """Below microversion 2.86 Nova stores them; ours says so to who sets them, in the log, and with the flavor."""
    specs = "/flavors/%s/os-extra_specs" % flavor["id"]
    answer = admin.compute.post(specs, {"extra_specs": {**DOUBTFUL, "hw:pmu": "true", "own:thing": "<&>"}})
    assert answer.ok(200)["extra_specs"]["hw:cpu_policy"] == "Dedicated"
    warned = answer.headers["Warning"]
    assert warned.count("299 kilonova ") == 4 and "hw:max_cpu_sockets" in warned and "Mars/Olympus" in warned and "hw:pmu" not in warned
    listed = admin.compute.get("/flavors/%s/kilonova-warnings" % flavor["id"]).ok(200)["warnings"]
    assert [w["property"] for w in listed] == sorted(DOUBTFUL)
    assert {w["property"]: w["suggestion"] for w in listed}["hw:max_cpu_sockets"] == "hw:cpu_max_sockets=2"
    assert "a doubtful extra spec was stored" in cloud.tail(200)

    for key in DOUBTFUL:
        admin.compute.delete("%s/%s" % (specs, key)).ok(200)
    answer = admin.compute.put(specs + "/hw:pmu", {"hw:pmu": "false"})
    assert answer.ok(200) and "Warning" not in answer.headers
    assert admin.compute.get("/flavors/%s/kilonova-warnings" % flavor["id"]).ok(200) == {"warnings": []}


@pytest.fixture(scope="module")
def image(admin):
    made = admin.image.post("/images", {"name": "i", "disk_format": "raw", "container_format": "bare"}).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % made, data=b"x" * 4096, headers={"Content-Type": "application/octet-stream"}).ok(204)
    yield made
    admin.image.delete("/images/" + made).ok(204)


@pytest.mark.parametrize("key", sorted(DOUBTFUL))
def test_a_server_of_a_bad_flavor_is_refused(admin, flavor, image, key):
    admin.compute.post("/flavors/%s/os-extra_specs" % flavor["id"], {"extra_specs": {key: DOUBTFUL[key]}}).ok(200)
    answer = admin.compute.post("/servers", {"server": {"name": "s", "imageRef": image, "flavorRef": flavor["id"]}})
    assert answer.status == 400
    assert (key if key != "os:timezone" else "Mars/Olympus") in answer.json["badRequest"]["message"]
