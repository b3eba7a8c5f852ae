# SPDX-License-Identifier: Apache-2.0
"""The Compute API: what servers take of quotas, hosts and time."""
import pytest

from support.rest import wait_for

SUMS = {"tenant_id", "start", "stop", "total_hours", "total_vcpus_usage", "total_memory_mb_usage", "total_local_gb_usage"}
SERVER = {"instance_id", "name", "tenant_id", "flavor", "state", "vcpus", "memory_mb", "local_gb", "hours", "uptime", "started_at",
          "ended_at"}


@pytest.fixture(scope="module")
def image(demo):
    body = {"name": "usage", "disk_format": "raw", "container_format": "bare"}
    made = demo.image.post("/images", body).ok(201)["id"]
    demo.image.call("PUT", "/images/%s/file" % made, data=b"\0" * 4096, headers={"Content-Type": "application/octet-stream"}).ok(204)
    return made


def boot(client, image, flavor="2", **members):
    return client.compute.post("/servers", {"server": {"name": "u", "imageRef": image, "flavorRef": flavor, "networks": [],
                                                       **members}})


@pytest.fixture(scope="module")
def server(demo, image):
    made = boot(demo, image).ok(202)["server"]["id"]
    wait_for(lambda: demo.compute.get("/servers/" + made).ok(200)["server"]["status"] == "ACTIVE")
    yield made
    demo.compute.delete("/servers/" + made)
    wait_for(lambda: demo.compute.get("/servers/" + made).status == 404)


def test_quota_in_use(demo, server):
    detail = demo.compute.get("/os-quota-sets/%s/detail" % demo.project_id).ok(200)["quota_set"]
    assert [detail[name]["in_use"] for name in ("instances", "cores", "ram")] == [1, 1, 2048]
    used = demo.compute.get("/limits").ok(200)["limits"]["absolute"]
    assert (used["totalInstancesUsed"], used["totalCoresUsed"], used["totalRAMUsed"]) == (1, 1, 2048)


def test_quota_holds(admin, demo, server, image):
    path = "/os-quota-sets/" + demo.project_id
    admin.compute.put(path, {"quota_set": {"instances": 0}}).ok(400)
    for limits, name in (({"instances": 1}, "instances"), ({"cores": 1}, "cores"), ({"ram": 2048}, "ram")):
        admin.compute.put(path, {"quota_set": limits}).ok(200)
        message = boot(demo, image).ok(403)["forbidden"]["message"]
        assert name in message and "in use" in message
        admin.compute.delete(path).ok(202)
    boot(demo, image, flavor="5", min_count=3).ok(403)
    boot(demo, image, min_count=11).ok(403)


def test_hypervisor_knows_servers(admin, server):
    host = admin.compute.get("/servers/" + server).ok(200)["server"]["OS-EXT-SRV-ATTR:hypervisor_hostname"]
    name = admin.compute.get("/servers/" + server).ok(200)["server"]["OS-EXT-SRV-ATTR:instance_name"]
    found = admin.compute.get("/os-hypervisors/%s/servers" % host).ok(200)["hypervisors"][0]
    assert {"uuid": server, "name": name} in found["servers"]
    full = admin.compute.get("/os-hypervisors/%d" % found["id"]).ok(200)["hypervisor"]
    assert full["running_vms"] >= 1 and full["vcpus_used"] >= 1 and full["memory_mb_used"] >= 2048


def test_usage(admin, demo, server):
    path = "/os-simple-tenant-usage/" + demo.project_id
    span = "?start=2020-01-01T00:00:00&end=2099-01-01T00:00:00"
    usage = demo.compute.get(path + span).ok(200)["tenant_usage"]
    assert set(usage) == SUMS | {"server_usages"}
    mine = usage["server_usages"][0]
    assert set(mine) == SERVER
    assert (mine["instance_id"], mine["flavor"], mine["vcpus"], mine["memory_mb"], mine["local_gb"], mine["ended_at"]) == (
        server, "m1.small", 1, 2048, 20, None)
    assert usage["total_hours"] > 0 and usage["total_memory_mb_usage"] == pytest.approx(usage["total_hours"] * 2048)
    listed = admin.compute.get("/os-simple-tenant-usage" + span).ok(200)["tenant_usages"]
    assert all(set(u) == SUMS for u in listed) and demo.project_id in [u["tenant_id"] for u in listed]
    listed = admin.compute.get("/os-simple-tenant-usage%s&detailed=1" % span).ok(200)["tenant_usages"]
    assert all(set(u) == SUMS | {"server_usages"} for u in listed)


def test_usage_of_nothing(demo):
    path = "/os-simple-tenant-usage/%s?start=2020-01-01T00:00:00&end=2020-02-01T00:00:00" % demo.project_id
    assert demo.compute.get(path).ok(200) == {"tenant_usage": {}}


def test_bad_usage_calls(demo, stranger):
    demo.login()
    path = "/os-simple-tenant-usage/" + demo.project_id
    demo.compute.get(path + "?start=yesterday").ok(400)
    demo.compute.get(path + "?start=2021-01-01T00:00:00&end=2020-01-01T00:00:00").ok(400)
    stranger.compute.get(path).ok(403)
    demo.compute.get("/os-simple-tenant-usage").ok(403)
