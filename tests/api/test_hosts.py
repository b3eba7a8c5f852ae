# SPDX-License-Identifier: Apache-2.0
"""The Compute API: hypervisors, services, availability zones, aggregates; version documents and extensions."""
import json

import pytest

BRIEF = {"id", "hypervisor_hostname", "state", "status"}
COUNTED = {"vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb",
           "disk_available_least", "running_vms", "current_workload"}
FULL = BRIEF | COUNTED | {"cpu_info", "host_ip", "hypervisor_type", "hypervisor_version", "service"}


@pytest.fixture(scope="module")
def hypervisor(admin):
    return admin.compute.get("/os-hypervisors").ok(200)["hypervisors"][0]


def test_hypervisors(admin, hypervisor):
    assert set(hypervisor) == BRIEF and hypervisor["state"] == "up" and hypervisor["status"] == "enabled"
    full = admin.compute.get("/os-hypervisors/%d" % hypervisor["id"]).ok(200)["hypervisor"]
    assert set(full) == FULL and set(full["service"]) == {"id", "host", "disabled_reason"}
    assert full["vcpus"] > 0 and full["memory_mb"] > 0 and full["free_ram_mb"] == full["memory_mb"] - full["memory_mb_used"]
    assert json.loads(full["cpu_info"])["arch"] == "x86_64"
    listed = admin.compute.get("/os-hypervisors/detail").ok(200)["hypervisors"]
    assert [set(h) for h in listed] == [FULL]


def test_hypervisor_figures(admin, hypervisor):
    statistics = admin.compute.get("/os-hypervisors/statistics").ok(200)["hypervisor_statistics"]
    assert set(statistics) == COUNTED | {"count"} and statistics["count"] == 1
    uptime = admin.compute.get("/os-hypervisors/%d/uptime" % hypervisor["id"]).ok(200)["hypervisor"]
    assert set(uptime) == BRIEF | {"uptime"} and "load average:" in uptime["uptime"]


def test_hypervisor_search(admin, hypervisor):
    name = hypervisor["hypervisor_hostname"]
    assert admin.compute.get("/os-hypervisors/%s/search" % name[:2]).ok(200)["hypervisors"] == [hypervisor]
    assert BRIEF <= set(admin.compute.get("/os-hypervisors/%s/servers" % name).ok(200)["hypervisors"][0])
    admin.compute.get("/os-hypervisors/no-such-host/search").ok(404)
    admin.compute.get("/os-hypervisors/no-such-host/servers").ok(404)


@pytest.mark.parametrize("path", ["/999", "/x", "/999/uptime", "/-1"])
def test_unknown_hypervisor(admin, path):
    admin.compute.get("/os-hypervisors" + path).ok(404)


@pytest.mark.parametrize("path", ["/os-hypervisors", "/os-hypervisors/detail", "/os-hypervisors/1", "/os-hypervisors/statistics",
                                  "/os-services", "/os-availability-zone/detail"])
def test_for_administrators(demo, path):
    demo.compute.get(path).ok(403)


def services(client, query=""):
    return client.compute.get("/os-services" + query).ok(200)["services"]


def test_services(admin, hypervisor):
    host = hypervisor["hypervisor_hostname"]
    service = services(admin)[0]
    assert set(service) == {"id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"}
    assert (service["binary"], service["host"], service["zone"], service["state"]) == ("nova-compute", host, "nova", "up")
    assert services(admin, "?binary=nova-compute&host=" + host)[0]["id"] == service["id"]
    assert services(admin, "?binary=nova-scheduler") == [] and services(admin, "?host=nowhere") == []


def test_disable_and_enable(admin, hypervisor):
    name = {"host": hypervisor["hypervisor_hostname"], "binary": "nova-compute"}
    assert admin.compute.put("/os-services/disable", name).ok(200) == {"service": {**name, "status": "disabled"}}
    try:
        assert services(admin)[0]["status"] == "disabled"
        assert admin.compute.get("/os-hypervisors").ok(200)["hypervisors"][0]["status"] == "disabled"
        zones = admin.compute.get("/os-availability-zone").ok(200)["availabilityZoneInfo"]
        assert zones[0]["zoneState"] == {"available": False}
        assert admin.compute.put("/os-services/disable-log-reason", {**name, "disabled_reason": "moves"}).ok(200) == {
            "service": {**name, "status": "disabled", "disabled_reason": "moves"}}
        assert services(admin)[0]["disabled_reason"] == "moves"
    finally:
        assert admin.compute.put("/os-services/enable", name).ok(200) == {"service": {**name, "status": "enabled"}}
    assert services(admin)[0]["disabled_reason"] is None


def test_bad_service_changes(admin, demo, hypervisor):
    name = {"host": hypervisor["hypervisor_hostname"], "binary": "nova-compute"}
    admin.compute.put("/os-services/disable", {**name, "host": "nowhere"}).ok(404)
    admin.compute.put("/os-services/disable", {**name, "binary": "nova-x"}).ok(404)
    admin.compute.put("/os-services/disable", {"host": "x"}).ok(400)
    admin.compute.put("/os-services/disable", {**name, "disabled_reason": "x"}).ok(400)
    admin.compute.put("/os-services/disable-log-reason", name).ok(400)
    admin.compute.put("/os-services/explode", name).ok(404)
    demo.compute.put("/os-services/disable", name).ok(403)


def test_zones(admin, demo, hypervisor):
    assert demo.compute.get("/os-availability-zone").ok(200) == {
        "availabilityZoneInfo": [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]}
    zone = admin.compute.get("/os-availability-zone/detail").ok(200)["availabilityZoneInfo"][0]
    service = zone["hosts"][hypervisor["hypervisor_hostname"]]["nova-compute"]
    assert set(service) == {"available", "active", "updated_at"} and service["available"] and service["active"]


def test_versions(cloud, admin):
    listed = admin.root.get("/compute/", token=None).ok(200)["versions"]
    assert [v["id"] for v in listed] == ["v2.0", "v2.1"]
    assert (listed[1]["version"], listed[1]["min_version"], listed[1]["status"]) == ("2.1", "2.1", "CURRENT")
    for version in listed:
        link = next(link["href"] for link in version["links"] if link["rel"] == "self")
        assert link.startswith(cloud.url)
        shown = admin.root.get(link[len(cloud.url):], token=None).ok(200)["version"]
        assert shown["id"] == version["id"] and shown["media-types"][0]["base"] == "application/json"


def test_extensions(demo):
    listed = demo.compute.get("/extensions").ok(200)["extensions"]
    aliases = [e["alias"] for e in listed]
    assert len(set(aliases)) == len(aliases) > 10
    assert all(set(e) == {"alias", "name", "description", "namespace", "updated", "links"} for e in listed)
    assert demo.compute.get("/extensions/os-consoles").ok(200)["extension"]["name"] == "Consoles"
    demo.compute.get("/extensions/nonsense").ok(404)


SHOWN = {"id", "name", "availability_zone", "created_at", "updated_at", "deleted", "deleted_at"}


@pytest.fixture
def aggregate(admin):
    made = admin.compute.post("/os-aggregates", {"aggregate": {"name": "rack", "availability_zone": None}}).ok(200)["aggregate"]
    yield made
    admin.compute.delete("/os-aggregates/%d" % made["id"])


def test_aggregates(admin, hypervisor, aggregate):
    path = "/os-aggregates/%d" % aggregate["id"]
    host = hypervisor["hypervisor_hostname"]
    assert set(aggregate) == SHOWN and aggregate["availability_zone"] is None
    admin.compute.post("/os-aggregates", {"aggregate": {"name": "rack"}}).ok(409)

    shown = admin.compute.post(path + "/action", {"add_host": {"host": host}}).ok(200)["aggregate"]
    assert set(shown) == SHOWN | {"hosts", "metadata"} and shown["hosts"] == [host]
    admin.compute.post(path + "/action", {"add_host": {"host": host}}).ok(409)
    admin.compute.post(path + "/action", {"add_host": {"host": "nowhere"}}).ok(404)
    admin.compute.delete(path).ok(409)

    wanted = {"metadata": {"ssd": "true", "colour": "red", "availability_zone": "nova"}}
    shown = admin.compute.post(path + "/action", {"set_metadata": wanted}).ok(200)["aggregate"]
    assert shown["metadata"] == wanted["metadata"] and shown["availability_zone"] == "nova"
    shown = admin.compute.post(path + "/action", {"set_metadata": {"metadata": {"colour": None}}}).ok(200)["aggregate"]
    assert shown["metadata"] == {"ssd": "true", "availability_zone": "nova"}

    shown = admin.compute.put(path, {"aggregate": {"name": "row", "availability_zone": None}}).ok(200)["aggregate"]
    assert shown["name"] == "row" and shown["availability_zone"] is None and shown["updated_at"]
    assert [a["name"] for a in admin.compute.get("/os-aggregates").ok(200)["aggregates"]] == ["row"]

    admin.compute.post(path + "/action", {"remove_host": {"host": host}}).ok(200)
    admin.compute.post(path + "/action", {"remove_host": {"host": host}}).ok(404)
    answer = admin.compute.delete(path)
    assert answer.status == 200 and answer.content == b""
    admin.compute.get(path).ok(404)


@pytest.mark.parametrize("members", [{}, {"name": ""}, {"name": "x" * 256}, {"name": " x"}, {"name": "x", "colour": "red"},
                                     {"name": "x", "availability_zone": "moon"}, {"name": None}])
def test_bad_aggregates(admin, members):
    admin.compute.post("/os-aggregates", {"aggregate": members}).ok(400)


def test_bad_aggregate_calls(admin, demo, aggregate):
    path = "/os-aggregates/%d" % aggregate["id"]
    admin.compute.put(path, {"aggregate": {}}).ok(400)
    admin.compute.post(path + "/action", {"explode": {}}).ok(400)
    admin.compute.post(path + "/action", {"set_metadata": {"metadata": {"a": 5}}}).ok(400)
    admin.compute.get("/os-aggregates/-1").ok(404)
    admin.compute.delete("/os-aggregates/999").ok(404)
    demo.compute.get("/os-aggregates").ok(403)
    demo.compute.post("/os-aggregates", {"aggregate": {"name": "mine"}}).ok(403)
