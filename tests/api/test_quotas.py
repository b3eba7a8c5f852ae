# SPDX-License-Identifier: Apache-2.0
"""The Compute API: quota sets, quota classes, limits."""
import pytest

DEFAULTS = {"instances": 10, "cores": 20, "ram": 51200, "metadata_items": 128, "injected_files": 5,
            "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255, "key_pairs": 100, "server_groups": 10,
            "server_group_members": 10, "fixed_ips": -1, "floating_ips": -1, "security_groups": -1, "security_group_rules": -1}
ABSOLUTE = {"maxTotalInstances", "maxTotalCores", "maxTotalRAMSize", "maxServerMeta", "maxImageMeta", "maxPersonality",
            "maxPersonalitySize", "maxTotalKeypairs", "maxServerGroups", "maxServerGroupMembers", "maxTotalFloatingIps",
            "maxSecurityGroups", "maxSecurityGroupRules", "totalInstancesUsed", "totalCoresUsed", "totalRAMUsed",
            "totalServerGroupsUsed", "totalFloatingIpsUsed", "totalSecurityGroupsUsed"}


@pytest.fixture
def path(demo):
    demo.login()
    return "/os-quota-sets/" + demo.project_id


def quota(client, path):
    return client.compute.get(path).ok(200)["quota_set"]


def test_defaults(demo, path):
    expected = {"id": demo.project_id, **DEFAULTS}
    assert quota(demo, path) == expected
    assert quota(demo, path + "/defaults") == expected


def test_detail(demo, path):
    detail = quota(demo, path + "/detail")
    assert detail.pop("id") == demo.project_id
    assert detail == {name: {"limit": limit, "in_use": 0, "reserved": 0} for name, limit in DEFAULTS.items()}


def test_set_and_reset(admin, demo, path):
    changed = {**DEFAULTS, "cores": 7, "ram": -1}
    assert admin.compute.put(path, {"quota_set": {"cores": "7", "ram": -1, "force": True}}).ok(200) == {"quota_set": changed}
    assert quota(demo, path) == {"id": demo.project_id, **changed}
    assert quota(demo, path + "/defaults")["cores"] == 20
    assert demo.compute.get("/limits").ok(200)["limits"]["absolute"]["maxTotalCores"] == 7
    answer = admin.compute.delete(path)
    assert answer.status == 202 and answer.content == b""
    assert quota(demo, path) == {"id": demo.project_id, **DEFAULTS}


@pytest.mark.parametrize("members", [{"cores": -2}, {"cores": "many"}, {"cores": 2 ** 31}, {"colour": 1}, {"cores": None}])
def test_bad_sets(admin, path, members):
    admin.compute.put(path, {"quota_set": members}).ok(400)


def test_who_may(demo, stranger, path):
    demo.compute.put(path, {"quota_set": {"cores": 100}}).ok(403)
    demo.compute.delete(path).ok(403)
    stranger.compute.get(path).ok(403)
    stranger.compute.get(path + "/detail").ok(403)
    demo.compute.get("/os-quota-class-sets/default").ok(403)


def test_default_class(admin, demo, path):
    assert admin.compute.get("/os-quota-class-sets/default").ok(200) == {"quota_class_set": {"id": "default", **DEFAULTS}}
    changed = {**DEFAULTS, "instances": 11}
    assert admin.compute.put("/os-quota-class-sets/default", {"quota_class_set": {"instances": 11}}).ok(200) == {
        "quota_class_set": changed}
    try:
        assert quota(demo, path)["instances"] == 11
    finally:
        admin.compute.put("/os-quota-class-sets/default", {"quota_class_set": {"instances": 10}}).ok(200)


def test_limits(admin, demo, path):
    limits = demo.compute.get("/limits?reserved=1").ok(200)["limits"]
    assert limits["rate"] == [] and set(limits["absolute"]) == ABSOLUTE
    admin.compute.put(path, {"quota_set": {"cores": 3}}).ok(200)
    assert admin.compute.get("/limits?tenant_id=" + demo.project_id).ok(200)["limits"]["absolute"]["maxTotalCores"] == 3
    assert demo.compute.get("/limits?tenant_id=x").ok(200)["limits"]["absolute"]["maxTotalCores"] == 3
    admin.compute.delete(path).ok(202)
