# SPDX-License-Identifier: Apache-2.0
"""The Image API's metadata definitions: what the registry of properties says, in the shape that Horizon and the clients read."""
import re

import pytest

ROOT = "/metadefs/namespaces"
TYPES = {"OS::Glance::Image", "OS::Nova::Flavor", "OS::Nova::Server"}


def names(answer):
    return [n["namespace"] for n in answer.ok(200)["namespaces"]]


@pytest.fixture(scope="module")
def spaces(demo):
    """All namespaces, each as it is shown alone."""
    return {n: demo.image.get("%s/%s" % (ROOT, n)).ok(200) for n in names(demo.image.get(ROOT))}


def prefixes(space, kind):
    return [a.get("prefix", "") for a in space["resource_type_associations"] if a["name"] == kind]


def documented():
    """Names in docs/properties.md: image properties and extra specs."""
    with open("docs/properties.md", encoding="utf-8") as f:
        rows = [line.split("|")[1] for line in f if line.startswith("| `")]
    found = [re.findall(r"`([^`]+)`", re.sub("older: `[^`]*`", "", row)) for row in rows]
    every = {n[:-1] + "0" if n.endswith(".N") else n for row in found for n in row}
    images = {n for n in every if ":" not in n and n != "hide_hypervisor_id"} | {"kilonova:profile"}
    return images, {n for n in every if ":" in n or n == "hide_hypervisor_id"}


def test_each_row_of_the_registry_is_defined_once(spaces):
    images, specs = documented()
    for kind, wanted in (("OS::Glance::Image", images), ("OS::Nova::Flavor", specs)):
        found = [p + name for s in spaces.values() for p in prefixes(s, kind) for name in s["properties"]]
        assert sorted(found) == sorted(wanted)


def test_a_namespace(spaces):
    space = spaces["OS::Compute::CPUPinning"]
    assert space["visibility"] == "public" and space["protected"] is True and space["objects"] == space["tags"] == []
    assert space["resource_type_associations"] == [{"name": "OS::Glance::Image", "prefix": "hw_"},
                                                   {"name": "OS::Nova::Flavor", "prefix": "hw:"}]
    policy = space["properties"]["cpu_policy"]
    assert policy["title"] == "CPU policy" and policy["type"] == "string" and policy["enum"] == ["shared", "dedicated", "mixed"]
    agent = spaces["OS::Compute::LibvirtImage"]["properties"]["qemu_guest_agent"]
    assert agent["type"] == "boolean" and agent["description"]
    shares = spaces["OS::Compute::Quota"]["properties"]["cpu_shares"]
    assert (shares["type"], shares["minimum"], shares["maximum"]) == ("integer", 1, 262144)
    clock = spaces["KN::Compute::Clock"]
    assert {"name": "OS::Nova::Server", "prefix": "os_", "properties_target": "metadata"} in clock["resource_type_associations"]
    assert {"clock_policy", "timezone"} <= set(clock["properties"])
    assert "os_type" in spaces["OS::OperatingSystem"]["properties"]


def test_prefixes_of_a_resource_type(demo):
    shown = demo.image.get(ROOT + "/OS::Compute::TPM?resource_type=OS::Nova::Flavor").ok(200)
    assert "hw:tpm_version" in shown["properties"]
    shown = demo.image.get(ROOT + "/OS::Compute::TPM/properties/hw_tpm_version?resource_type=OS::Glance::Image").ok(200)
    assert shown["name"] == "hw_tpm_version" and shown["enum"] == ["1.2", "2.0"]
    assert "tpm_version" in demo.image.get(ROOT + "/OS%3A%3ACompute%3A%3ATPM?resource_type=OS::Cinder::Volume").ok(200)["properties"]


def test_filters_and_pages(demo, spaces):
    every = names(demo.image.get(ROOT))
    assert every == sorted(every) and len(every) == len(spaces)
    assert names(demo.image.get(ROOT + "?visibility=private")) == []
    assert names(demo.image.get(ROOT + "?visibility=public&sort_key=namespace&sort_dir=desc")) == every[::-1]
    of_servers = names(demo.image.get(ROOT + "?resource_types=OS::Nova::Server,OS::Cinder::Volume"))
    assert of_servers == ["KN::Compute::Clock", "KN::Compute::Profile"]
    seen, path = [], ROOT + "?limit=4&resource_types=OS::Nova::Flavor"
    while path:
        page = demo.image.get(path).ok(200)
        assert len(page["namespaces"]) <= 4
        seen += [n["namespace"] for n in page["namespaces"]]
        path = page.get("next", "").replace("/v2", "", 1)
    assert seen == [n for n in every if prefixes(spaces[n], "OS::Nova::Flavor")]
    assert names(demo.image.get(ROOT + "?limit=0")) == []


@pytest.mark.parametrize("query,status", [("limit=x", 400), ("limit=-1", 400), ("visibility=shared", 400), ("sort_dir=up", 400),
                                          ("sort_key=owner", 400), ("marker=nowhere", 404)])
def test_bad_queries(demo, query, status):
    assert demo.image.get("%s?%s" % (ROOT, query)).status == status


def test_sub_resources(demo):
    space = ROOT + "/OS::Compute::Watchdog"
    assert {t["name"] for t in demo.image.get("/metadefs/resource_types").ok(200)["resource_types"]} == TYPES
    assert len(demo.image.get(space + "/resource_types").ok(200)["resource_type_associations"]) == 2
    assert set(demo.image.get(space + "/properties").ok(200)["properties"]) == {"watchdog_action"}
    assert demo.image.get(space + "/properties/watchdog_action").ok(200)["name"] == "watchdog_action"
    assert demo.image.get(space + "/objects").ok(200)["objects"] == []
    assert demo.image.get(space + "/tags").ok(200)["tags"] == []
    for path in ("/properties/x", "/objects/x", "/tags/x"):
        assert demo.image.get(space + path).status == 404
    for path in ("", "/properties", "/properties/x", "/objects", "/objects/x", "/tags", "/tags/x", "/resource_types"):
        answer = demo.image.get(ROOT + "/OS::No::Such" + path)
        assert answer.status == 404 and "OS::No::Such" in answer.json["error"]["message"]


def test_writing_is_refused(admin):
    space = ROOT + "/OS::Compute::Watchdog"
    for method, path in (("POST", ROOT), ("PUT", space), ("DELETE", space), ("POST", space + "/properties"),
                         ("DELETE", space + "/properties/watchdog_action"), ("POST", space + "/resource_types"),
                         ("DELETE", space + "/resource_types/OS::Nova::Flavor"), ("POST", space + "/objects"), ("PUT", space + "/objects/x"),
                         ("POST", space + "/tags"), ("POST", space + "/tags/x"), ("DELETE", space + "/tags")):
        answer = admin.image.call(method, path, {"namespace": "X::Y"} if method in ("POST", "PUT") else None)
        assert answer.status == 403 and "registry" in answer.json["error"]["message"], answer


def test_schemas(demo, spaces):
    jsonschema = pytest.importorskip("jsonschema")
    schema = {n: demo.image.get("/schemas/metadefs/" + n).ok(200) for n in (
        "namespace", "namespaces", "resource_type", "resource_types", "property", "properties", "object", "objects", "tag", "tags")}
    jsonschema.validate(demo.image.get(ROOT).ok(200), schema["namespaces"])
    for name, space in spaces.items():
        jsonschema.validate(space, schema["namespace"])
        properties = demo.image.get("%s/%s/properties" % (ROOT, name)).ok(200)
        jsonschema.validate(properties, schema["properties"])
        for prop in properties["properties"]:
            jsonschema.validate(demo.image.get("%s/%s/properties/%s" % (ROOT, name, prop)).ok(200), schema["property"])
    assert demo.image.get("/schemas/metadefs/nothing").status == 404
