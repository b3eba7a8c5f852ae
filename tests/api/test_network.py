# SPDX-License-Identifier: Apache-2.0
"""The Network API: networks, subnets, ports, groups, quotas, lists."""
import concurrent.futures
import ipaddress
import uuid

import pytest

NOBODY = str(uuid.uuid4())


def net(client, **attributes):
    return client.network.post("/networks", {"network": {"name": "n", **attributes}}).ok(201)["network"]


def subnet_call(client, network, cidr="10.0.0.0/24", **attributes):
    version = 6 if ":" in str(cidr) else 4
    body = {"network_id": network, "cidr": cidr, "ip_version": version, **attributes}
    return client.network.post("/subnets", {"subnet": {k: v for k, v in body.items() if v is not ...}})


def subnet(client, network, *arguments, **attributes):
    return subnet_call(client, network, *arguments, **attributes).ok(201)["subnet"]


def port_call(client, network, **attributes):
    return client.network.post("/ports", {"port": {"network_id": network, **attributes}})


def port(client, network, **attributes):
    return port_call(client, network, **attributes).ok(201)["port"]


def ips(port_body):
    return [f["ip_address"] for f in port_body["fixed_ips"]]


def error_type(answer, status):
    fault = answer.ok(status)["NeutronError"]
    assert set(fault) == {"type", "message", "detail"} and fault["message"]
    return fault["type"]


def listed(client, path, key="id"):
    body = client.network.get(path).ok(200)
    return [entry[key] for entry in body[path.split("?")[0].strip("/").replace("-", "_")]]


@pytest.fixture
def wire(demo):
    """A network with one subnet, taken away with all its ports."""
    network = net(demo)
    network["subnet"] = subnet(demo, network["id"])
    yield network
    for p in demo.network.get("/ports?network_id=" + network["id"]).ok(200)["ports"]:
        demo.network.delete("/ports/" + p["id"])
    demo.network.delete("/networks/" + network["id"])


# -- discovery --------------------------------------------------------------------------------


def test_versions(demo):
    for path in "/network", "/network/":
        body = demo.root.get(path, token=None).ok(200)
        assert body["versions"] == [{"id": "v2.0", "status": "CURRENT",
                                     "links": [{"rel": "self", "href": demo.url + "/network/v2.0/"}]}]
    names = {r["collection"] for r in demo.network.get("/").ok(200)["resources"]}
    assert names == {"networks", "subnets", "ports", "security_groups", "security_group_rules"}


def test_extensions(demo):
    extensions = demo.network.get("/extensions").ok(200)["extensions"]
    aliases = {e["alias"] for e in extensions}
    assert {"security-group", "binding", "quotas", "external-net"} <= aliases
    assert not aliases & {"router", "trunk", "qos"}
    assert demo.network.get("/extensions/binding").ok(200)["extension"]["alias"] == "binding"
    demo.network.get("/extensions/router").ok(404)


@pytest.mark.parametrize("path", ["/routers", "/floatingips", "/trunks", "/qos/policies", "/subnetpools"])
def test_what_is_not_there(demo, path):
    assert error_type(demo.network.get(path), 404) == "HTTPNotFound"


def test_agents_are_for_administrators(demo, admin):
    demo.network.get("/agents").ok(403)
    agent = admin.network.get("/agents").ok(200)["agents"][0]
    assert agent["alive"] is True and agent["admin_state_up"] is True
    assert admin.network.get("/agents/" + agent["id"]).ok(200)["agent"]["id"] == agent["id"]
    admin.network.get("/agents/" + NOBODY).ok(404)


# -- networks ---------------------------------------------------------------------------------


def test_network(demo):
    network = net(demo, name="net001", description="d")
    assert network["status"] == "ACTIVE" and network["admin_state_up"] is True and network["subnets"] == []
    assert network["project_id"] == network["tenant_id"] == demo.project_id
    assert network["shared"] is False and network["router:external"] is False and network["mtu"] == 1500
    path = "/networks/" + network["id"]
    assert demo.network.get(path).ok(200)["network"] == network
    changed = demo.network.put(path, {"network": {"name": "other", "admin_state_up": False, "mtu": 1400}}).ok(200)["network"]
    assert (changed["name"], changed["admin_state_up"], changed["mtu"]) == ("other", False, 1400)
    assert changed["revision_number"] == network["revision_number"] + 1
    assert demo.network.delete(path).ok(204) is None
    assert error_type(demo.network.get(path), 404) == "NetworkNotFound"
    assert error_type(demo.network.delete(path), 404) == "NetworkNotFound"


@pytest.mark.parametrize("body", [
    {}, {"network": []}, {"network": {"colour": "x"}}, {"network": {"name": 5}}, {"network": {"name": "x" * 256}},
    {"network": {"status": "DOWN"}}, {"network": {"admin_state_up": "perhaps"}}, {"network": {"mtu": 67}}, {"networks": []},
    {"networks": [{"name": "x"}, {"colour": "x"}]}, {"network": {"name": "x"}, "more": 1}, {"network": {"tenant_id": "f" * 32}}])
def test_network_with_a_bad_body(demo, body):
    before = listed(demo, "/networks")
    demo.network.post("/networks", body).ok(400)
    assert listed(demo, "/networks") == before


def test_bulk(demo):
    networks = demo.network.post("/networks", {"networks": [{"name": "b1"}, {"name": "b2"}]}).ok(201)["networks"]
    assert [n["name"] for n in networks] == ["b1", "b2"]
    subnets = [{"network_id": n["id"], "cidr": "10.0.0.0/24", "ip_version": 4} for n in networks]
    assert len(demo.network.post("/subnets", {"subnets": subnets}).ok(201)["subnets"]) == 2
    ports = demo.network.post("/ports", {"ports": [{"network_id": n["id"]} for n in networks]}).ok(201)["ports"]
    assert [ips(p) for p in ports] == [["10.0.0.3"], ["10.0.0.3"]]
    # One bad entry, and none is made.
    before = listed(demo, "/ports")
    demo.network.post("/ports", {"ports": [{"network_id": networks[0]["id"]}, {"network_id": NOBODY}]}).ok(404)
    assert listed(demo, "/ports") == before
    for p in ports:
        demo.network.delete("/ports/" + p["id"]).ok(204)
    for n in networks:
        demo.network.delete("/networks/" + n["id"]).ok(204)


def test_strangers_see_nothing(demo, stranger, wire):
    mine = port(demo, wire["id"])
    for path in "/networks/" + wire["id"], "/subnets/" + wire["subnet"]["id"], "/ports/" + mine["id"]:
        stranger.network.get(path).ok(404)
        stranger.network.delete(path).ok(404)
        name = path.split("/")[1][:-1]
        stranger.network.put(path, {name: {"name": "x"}}).ok(404)
    assert wire["id"] not in listed(stranger, "/networks")
    subnet_call(stranger, wire["id"], "10.9.0.0/24").ok(404)
    port_call(stranger, wire["id"]).ok(404)


def test_shared(demo, stranger, admin):
    demo.network.post("/networks", {"network": {"shared": True}}).ok(403)
    network = net(admin, shared=True)
    its_subnet = subnet(admin, network["id"])
    assert network["id"] in listed(demo, "/networks") and its_subnet["id"] in listed(demo, "/subnets")
    assert error_type(demo.network.put("/networks/" + network["id"], {"network": {"name": "x"}}), 403) == "PolicyNotAuthorized"
    demo.network.delete("/networks/" + network["id"]).ok(403)
    subnet_call(demo, network["id"], "10.9.0.0/24").ok(403)
    mine = port(demo, network["id"])
    assert mine["project_id"] == demo.project_id
    stranger.network.get("/ports/" + mine["id"]).ok(404)
    # On somebody else's network addresses are not a matter of choice.
    port_call(demo, network["id"], fixed_ips=[{"ip_address": "10.0.0.9"}]).ok(403)
    port_call(demo, network["id"], mac_address="fa:16:3e:00:00:09").ok(403)
    assert error_type(admin.network.put("/networks/" + network["id"], {"network": {"shared": False}}), 409) == "InvalidSharedSetting"
    demo.network.delete("/ports/" + mine["id"]).ok(204)
    admin.network.delete("/networks/" + network["id"]).ok(204)


def test_external(demo, admin):
    network = net(admin, **{"router:external": True})
    assert network["router:external"] is True
    assert network["id"] in listed(demo, "/networks?router:external=True")
    assert network["id"] not in listed(demo, "/networks?router:external=False")
    admin.network.delete("/networks/" + network["id"]).ok(204)


# -- subnets ----------------------------------------------------------------------------------


def test_subnet(demo):
    network = net(demo)
    body = subnet(demo, network["id"], "192.168.2.0/24", name="s", dns_nameservers=["9.9.9.9", "1.1.1.1"],
                  host_routes=[{"destination": "10.1.0.0/16", "nexthop": "192.168.2.9"}])
    assert body["gateway_ip"] == "192.168.2.1" and body["enable_dhcp"] is True
    assert body["allocation_pools"] == [{"start": "192.168.2.2", "end": "192.168.2.254"}]
    assert body["dns_nameservers"] == ["9.9.9.9", "1.1.1.1"]
    assert body["host_routes"] == [{"destination": "10.1.0.0/16", "nexthop": "192.168.2.9"}]
    assert body["ipv6_ra_mode"] is None and body["ipv6_address_mode"] is None
    assert demo.network.get("/networks/" + network["id"]).ok(200)["network"]["subnets"] == [body["id"]]
    # Its DHCP server has an address before anybody else.
    dhcp = demo.network.get("/ports?device_owner=network:dhcp&network_id=" + network["id"]).ok(200)["ports"]
    assert [ips(p) for p in dhcp] == [["192.168.2.2"]] and dhcp[0]["status"] == "ACTIVE" and dhcp[0]["security_groups"] == []
    path = "/subnets/" + body["id"]
    changed = demo.network.put(path, {"subnet": {"name": "t", "dns_nameservers": [], "host_routes": [], "gateway_ip": None,
                                                 "enable_dhcp": False}}).ok(200)["subnet"]
    assert (changed["name"], changed["dns_nameservers"], changed["gateway_ip"], changed["enable_dhcp"]) == ("t", [], None, False)
    assert not listed(demo, "/ports?network_id=" + network["id"])
    demo.network.put(path, {"subnet": {"cidr": "10.0.0.0/8"}}).ok(400)
    demo.network.delete(path).ok(204)
    demo.network.delete("/networks/" + network["id"]).ok(204)


@pytest.mark.parametrize("status,attributes", [
    (400, {"cidr": "10.0.0.1/24"}), (400, {"cidr": "10.0.0.0"}), (400, {"cidr": "x"}), (400, {"cidr": ...}),
    (400, {"cidr": "0.0.0.0/0"}), (400, {"ip_version": 6}), (400, {"ip_version": 5}), (400, {"ip_version": ...}),
    (400, {"gateway_ip": "10.5.0.255"}), (400, {"gateway_ip": "::1"}), (409, {"allocation_pools": [{"start": "10.5.0.1", "end": "10.5.0.9"}]}),
    (400, {"allocation_pools": [{"start": "10.5.0.9", "end": "10.5.0.2"}]}), (400, {"allocation_pools": [{"start": "10.5.0.9"}]}),
    (400, {"allocation_pools": [{"start": "10.6.0.2", "end": "10.6.0.3"}]}),
    (409, {"allocation_pools": [{"start": "10.5.0.2", "end": "10.5.0.9"}, {"start": "10.5.0.5", "end": "10.5.0.15"}]}),
    (400, {"dns_nameservers": ["x"]}), (400, {"dns_nameservers": ["9.9.9.9", "9.9.9.9"]}), (400, {"dns_nameservers": ["9.9.9.%d" % i for i in range(6)]}),
    (400, {"host_routes": [{"destination": "10.0.0.0/8"}]}), (400, {"host_routes": [{"destination": "x", "nexthop": "10.5.0.2"}]}),
    (400, {"ipv6_ra_mode": "slaac"}), (404, {"network_id": NOBODY}), (400, {"network_id": "x"}), (400, {"subnetpool_id": NOBODY}),
    (400, {"cidr": "fd00::/80", "ip_version": 6, "ipv6_address_mode": "slaac"}),
    (400, {"cidr": "fd00::/64", "ip_version": 6, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "dhcpv6-stateful"}),
    (400, {"cidr": "fd00::/64", "ip_version": 6, "ipv6_address_mode": "magic"})])
def test_bad_subnet(demo, wire, status, attributes):
    subnet_call(demo, **{"network": wire["id"], "cidr": "10.5.0.0/24", **attributes}).ok(status)


def test_overlap(demo, wire):
    for cidr in "10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/8":
        answer = subnet_call(demo, wire["id"], cidr)
        assert error_type(answer, 400) == "InvalidInput"
        assert "overlaps with another subnet" in answer.json["NeutronError"]["message"]
    subnet(demo, wire["id"], "10.0.1.0/24")
    twin = net(demo)
    subnet(demo, twin["id"], "10.0.0.0/24")
    demo.network.delete("/networks/" + twin["id"]).ok(204)


def test_subnet_in_use(demo, wire):
    mine = port(demo, wire["id"])
    assert error_type(demo.network.delete("/subnets/" + wire["subnet"]["id"]), 409) == "SubnetInUse"
    assert error_type(demo.network.delete("/networks/" + wire["id"]), 409) == "NetworkInUse"
    gateway = {"subnet": {"gateway_ip": ips(mine)[0], "allocation_pools": [{"start": "10.0.0.100", "end": "10.0.0.200"}]}}
    assert error_type(demo.network.put("/subnets/" + wire["subnet"]["id"], gateway), 409) == "GatewayIpInUse"
    demo.network.delete("/ports/" + mine["id"]).ok(204)
    demo.network.delete("/subnets/" + wire["subnet"]["id"]).ok(204)
    assert not listed(demo, "/ports?network_id=" + wire["id"])


def test_ipv6(demo):
    network = net(demo)
    auto = subnet(demo, network["id"], "fd00:1::/64", ipv6_address_mode="slaac", ipv6_ra_mode="slaac")
    managed = subnet(demo, network["id"], "fd00:2::/64", ipv6_address_mode="dhcpv6-stateful", ipv6_ra_mode="dhcpv6-stateful")
    assert auto["gateway_ip"] == "fd00:1::1" and managed["allocation_pools"][0]["start"] == "fd00:2::2"
    both = port(demo, network["id"], mac_address="fa:16:3e:0a:0b:0c")
    assert set(ips(both)) == {"fd00:2::3", "fd00:1::f816:3eff:fe0a:b0c"}
    wish = [{"subnet_id": auto["id"], "ip_address": "fd00:1::5"}]
    assert error_type(port_call(demo, network["id"], fixed_ips=wish), 400) == "AllocationOnAutoAddressSubnet"
    # One that comes later reaches the ports that are there.
    late = subnet(demo, network["id"], "fd00:3::/64", ipv6_address_mode="slaac")
    assert "fd00:3::f816:3eff:fe0a:b0c" in ips(demo.network.get("/ports/" + both["id"]).ok(200)["port"])
    demo.network.delete("/subnets/" + late["id"]).ok(204)
    assert len(ips(demo.network.get("/ports/" + both["id"]).ok(200)["port"])) == 2
    demo.network.delete("/ports/" + both["id"]).ok(204)
    demo.network.delete("/networks/" + network["id"]).ok(204)


# -- ports ------------------------------------------------------------------------------------


def test_port(demo, wire):
    body = port(demo, wire["id"], name="p")
    assert ips(body) == ["10.0.0.3"] and body["mac_address"].startswith("fa:16:3e:") and body["status"] == "DOWN"
    assert body["admin_state_up"] is True and body["device_id"] == body["device_owner"] == ""
    assert body["binding:vnic_type"] == "normal" and "binding:host_id" not in body and len(body["security_groups"]) == 1
    path = "/ports/" + body["id"]
    assert demo.network.get(path).ok(200)["port"] == body
    changed = demo.network.put(path, {"port": {"name": "q", "admin_state_up": False, "security_groups": [], "device_id": "d"}}).ok(200)["port"]
    assert (changed["name"], changed["admin_state_up"], changed["security_groups"], changed["device_id"]) == ("q", False, [], "d")
    demo.network.delete(path).ok(204)
    assert error_type(demo.network.get(path), 404) == "PortNotFound"


def test_fixed_ips(demo, wire):
    second = subnet(demo, wire["id"], "10.0.1.0/24", gateway_ip=None)
    here = wire["subnet"]["id"]
    body = port(demo, wire["id"], fixed_ips=[{"subnet_id": here, "ip_address": "10.0.0.92"}, {"subnet_id": second["id"]}])
    assert ips(body) == ["10.0.0.92", "10.0.1.2"]
    path = "/ports/" + body["id"]
    answer = port_call(demo, wire["id"], fixed_ips=[{"ip_address": "10.0.0.92"}])
    assert error_type(answer, 409) == "IpAddressInUse"
    for wish, status in (({"ip_address": "10.0.0.255"}, 400), ({"ip_address": "10.7.0.1"}, 400), ({"subnet_id": NOBODY}, 400),
                         ({"ip_address": "x"}, 400), ({"colour": "red"}, 400), ({}, 400),
                         ({"subnet_id": second["id"], "ip_address": "10.0.0.5"}, 400)):
        port_call(demo, wire["id"], fixed_ips=[wish]).ok(status)
    # What is named stays, the rest goes, and what is new is found.
    change = {"port": {"fixed_ips": [{"subnet_id": second["id"]}, {"subnet_id": here, "ip_address": "10.0.0.93"}]}}
    assert sorted(ips(demo.network.put(path, change).ok(200)["port"])) == ["10.0.0.93", "10.0.1.2"]
    port(demo, wire["id"], fixed_ips=[{"ip_address": "10.0.0.92"}])
    assert ips(demo.network.put(path, {"port": {"fixed_ips": []}}).ok(200)["port"]) == []
    none = port(demo, wire["id"], fixed_ips=[])
    assert none["fixed_ips"] == []


def test_exhaustion(demo):
    network = net(demo)
    subnet(demo, network["id"], "10.0.0.0/29", allocation_pools=[{"start": "10.0.0.4", "end": "10.0.0.5"}])
    only = port(demo, network["id"])
    assert ips(only) == ["10.0.0.5"]
    assert error_type(port_call(demo, network["id"]), 409) == "IpAddressGenerationFailure"
    # Outside of the pool an address is had for the asking.
    outside = port(demo, network["id"], fixed_ips=[{"ip_address": "10.0.0.6"}])
    demo.network.delete("/ports/" + only["id"]).ok(204)
    assert ips(port(demo, network["id"])) == ["10.0.0.5"]
    for p in listed(demo, "/ports?network_id=" + network["id"]):
        demo.network.delete("/ports/" + p)
    assert outside and demo.network.delete("/networks/" + network["id"]).ok(204) is None


def test_parallel_ports(demo, wire):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(lambda _: port(demo, wire["id"]), range(24)))
    assert sorted(ipaddress.ip_address(ips(p)[0]) for p in ports) == [ipaddress.ip_address("10.0.0.%d" % i) for i in range(3, 27)]
    assert len({p["mac_address"] for p in ports}) == 24


def test_mac(demo, wire):
    mine = port(demo, wire["id"], mac_address="FA:16:3E:00:00:07")
    assert mine["mac_address"] == "fa:16:3e:00:00:07"
    assert error_type(port_call(demo, wire["id"], mac_address="fa:16:3e:00:00:07"), 409) == "MacAddressInUse"
    other = net(demo)
    twin = port(demo, other["id"], mac_address="fa:16:3e:00:00:07")
    for bad in "x", "01:00:5e:00:00:01", "00:00:00:00:00:00", 5:
        port_call(demo, wire["id"], mac_address=bad).ok(400)
    demo.network.delete("/ports/" + twin["id"]).ok(204)
    demo.network.delete("/networks/" + other["id"]).ok(204)


def test_binding(demo, admin, wire):
    for name, value in (("binding:host_id", "h"), ("binding:profile", {"a": 1})):
        port_call(demo, wire["id"], **{name: value}).ok(403)
    bound = port(admin, wire["id"], **{"binding:host_id": "h", "binding:profile": {"a": 1}})
    assert bound["binding:host_id"] == "h" and bound["binding:profile"] == {"a": 1}
    free = admin.network.get("/ports/" + port(demo, wire["id"])["id"]).ok(200)["port"]
    assert free["binding:vif_type"] == "unbound" and free["binding:host_id"] == "" and free["binding:vif_details"] == {}
    change = {"port": {"mac_address": "fa:16:3e:00:00:08"}}
    assert error_type(admin.network.put("/ports/" + bound["id"], change), 409) == "PortBound"
    admin.network.put("/ports/" + bound["id"], {"port": {"binding:host_id": None}}).ok(200)
    admin.network.put("/ports/" + bound["id"], change).ok(200)
    admin.network.delete("/ports/" + bound["id"]).ok(204)


def test_dhcp_port_comes_back(demo, wire):
    path = "/ports?device_owner=network:dhcp&network_id=" + wire["id"]
    (first,) = listed(demo, path)
    demo.network.delete("/ports/" + first).ok(204)
    (second,) = listed(demo, path)
    assert second != first


# -- lists ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def five(demo):
    networks = [net(demo, name="page-%d" % i, description="five") for i in range(5)]
    yield [n["id"] for n in networks]
    for n in networks:
        demo.network.delete("/networks/" + n["id"]).ok(204)


def test_filters(demo, five):
    base = "/networks?description=five"
    assert set(listed(demo, base)) == set(five)
    assert set(listed(demo, base + "&name=page-1&name=page-3")) == {five[1], five[3]}
    for value in "True", "true", "1":
        assert set(listed(demo, base + "&admin_state_up=" + value)) == set(five)
    for value in "False", "false", "0":
        assert not listed(demo, base + "&admin_state_up=" + value)
    assert set(listed(demo, base + "&tenant_id=" + demo.project_id)) == set(five)
    assert not listed(demo, base + "&project_id=" + "f" * 32)
    assert listed(demo, "/networks?id=" + five[2]) == [five[2]]
    answer = demo.network.get("/networks?foo=1")
    assert answer.ok(400)["NeutronError"]["message"] == "['foo'] is invalid attribute for filtering"


def test_fields(demo, five):
    networks = demo.network.get("/networks?description=five&fields=id&fields=name").ok(200)["networks"]
    assert all(set(n) == {"id", "name"} for n in networks) and len(networks) == 5
    assert demo.network.get("/networks/%s?fields=mtu" % five[0]).ok(200) == {"network": {"mtu": 1500}}


def test_sorting(demo, five):
    base = "/networks?description=five"
    assert listed(demo, base + "&sort_key=name&sort_dir=asc") == five
    assert listed(demo, base + "&sort_key=name&sort_dir=desc") == five[::-1]
    assert listed(demo, base + "&sort_key=admin_state_up&sort_dir=desc&sort_key=name&sort_dir=desc") == five[::-1]
    demo.network.get(base + "&sort_key=colour").ok(400)
    demo.network.get(base + "&sort_key=name&sort_dir=up").ok(400)


def test_pages(demo, five):
    base = "/networks?description=five&sort_key=name&sort_dir=asc"

    def page(path):
        body = demo.network.get(path).ok(200)
        links = {link["rel"]: link["href"].split("/v2.0", 1)[1] for link in body.get("networks_links", [])}
        return [n["id"] for n in body["networks"]], links

    ids, links = page(base + "&limit=2")
    assert ids == five[:2] and set(links) == {"next"}
    ids, links = page(links["next"])
    assert ids == five[2:4] and set(links) == {"next", "previous"}
    last, more = page(links["next"])
    assert last == five[4:] and set(more) == {"previous"}
    assert page(links["previous"])[0] == five[:2]
    assert page(base + "&limit=2&page_reverse=True")[0] == five[3:]
    assert page(base + "&limit=5") == (five, {})
    assert page(base + "&limit=0")[0] == five
    demo.network.get(base + "&limit=-1").ok(400)
    demo.network.get(base + "&limit=x").ok(400)
    demo.network.get(base + "&marker=" + NOBODY).ok(404)


def test_port_filters(demo, wire):
    mine = port(demo, wire["id"], fixed_ips=[{"ip_address": "10.0.0.92"}], device_id="dev")
    base = "/ports?network_id=" + wire["id"]
    assert listed(demo, base + "&fixed_ips=ip_address=10.0.0.92") == [mine["id"]]
    assert listed(demo, base + "&fixed_ips=ip_address_substr=0.92") == [mine["id"]]
    assert not listed(demo, base + "&fixed_ips=ip_address=10.0.0.9")
    both = "&fixed_ips=ip_address=10.0.0.92&fixed_ips=subnet_id="
    assert listed(demo, base + both + wire["subnet"]["id"]) == [mine["id"]]
    assert not listed(demo, base + both + NOBODY)
    assert listed(demo, base + "&device_id=dev") == [mine["id"]]
    assert listed(demo, base + "&security_groups=" + mine["security_groups"][0]) == [mine["id"]]
    assert listed(demo, base + "&mac_address=" + mine["mac_address"]) == [mine["id"]]
    demo.network.get(base + "&binding:host_id=x").ok(400)


def test_an_administrator_sees_all(demo, admin, wire):
    assert wire["id"] in listed(admin, "/networks")
    assert admin.network.get("/networks/" + wire["id"]).ok(200)["network"]["project_id"] == demo.project_id


def test_readers_change_nothing(reader):
    reader.network.get("/networks").ok(200)
    reader.network.post("/networks", {"network": {}}).ok(403)


# -- tags -------------------------------------------------------------------------------------


def test_tags(demo, stranger, wire):
    path = "/networks/%s/tags" % wire["id"]
    assert demo.network.put(path, {"tags": ["red", "blue"]}).ok(200) == {"tags": ["blue", "red"]}
    demo.network.put(path + "/green").ok(201)
    demo.network.get(path + "/green").ok(204)
    assert demo.network.get(path).ok(200) == {"tags": ["blue", "green", "red"]}
    assert set(demo.network.get("/networks/" + wire["id"]).ok(200)["network"]["tags"]) == {"red", "blue", "green"}
    for query, found in (("tags=red,blue", True), ("tags=red,black", False), ("tags-any=red,black", True), ("not-tags=red", False),
                         ("not-tags-any=black", True)):
        assert (wire["id"] in listed(demo, "/networks?" + query)) is found, query
    demo.network.delete(path + "/green").ok(204)
    demo.network.delete(path + "/green").ok(404)
    demo.network.get(path + "/green").ok(404)
    stranger.network.get(path).ok(404)
    demo.network.put(path, {"tags": ["x" * 61]}).ok(400)
    demo.network.put(path, {"tags": "red"}).ok(400)
    demo.network.delete(path).ok(204)
    assert demo.network.get(path).ok(200) == {"tags": []}


# -- security groups --------------------------------------------------------------------------


def test_default_group(cloud, admin):
    fresh = cloud.account("groups-" + uuid.uuid4().hex[:8], admin=admin)
    (group,) = fresh.network.get("/security-groups").ok(200)["security_groups"]
    assert group["name"] == "default" and group["project_id"] == fresh.project_id
    rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]}
    assert rules == {("egress", "IPv4", None), ("egress", "IPv6", None), ("ingress", "IPv4", group["id"]),
                     ("ingress", "IPv6", group["id"])}
    path = "/security-groups/" + group["id"]
    assert error_type(fresh.network.delete(path), 409) == "SecurityGroupCannotRemoveDefault"
    fresh.network.post("/security-groups", {"security_group": {"name": "default"}}).ok(409)
    fresh.network.put(path, {"security_group": {"name": "x"}}).ok(409)
    # What Tempest does before it deletes a project.
    found = admin.network.get("/security-groups?tenant_id=%s&name=default" % fresh.project_id).ok(200)["security_groups"]
    assert [g["id"] for g in found] == [group["id"]]
    admin.network.delete(path).ok(204)


def test_an_administrators_first_look_makes_it(cloud, admin):
    project = admin.identity.post("/projects", {"project": {"name": "p-" + uuid.uuid4().hex, "domain_id": "default"}}).ok(201)["project"]
    found = admin.network.get("/security-groups?tenant_id=%s&name=default" % project["id"]).ok(200)["security_groups"]
    assert len(found) == 1 and found[0]["tenant_id"] == project["id"]


def test_group(demo, stranger, wire):
    group = demo.network.post("/security-groups", {"security_group": {"name": "web", "description": "d"}}).ok(201)["security_group"]
    assert {(r["direction"], r["ethertype"]) for r in group["security_group_rules"]} == {("egress", "IPv4"), ("egress", "IPv6")}
    path = "/security-groups/" + group["id"]
    assert demo.network.put(path, {"security_group": {"name": "web2"}}).ok(200)["security_group"]["name"] == "web2"
    demo.network.put(path, {"security_group": {"name": "default"}}).ok(409)
    demo.network.post("/security-groups", {"security_group": {}}).ok(400)
    stranger.network.get(path).ok(404)
    stranger.network.delete(path).ok(404)
    mine = port(demo, wire["id"], security_groups=[group["id"]])
    assert mine["security_groups"] == [group["id"]]
    assert error_type(port_call(demo, wire["id"], security_groups=[NOBODY]), 404) == "SecurityGroupNotFound"
    assert error_type(demo.network.delete(path), 409) == "SecurityGroupInUse"
    demo.network.delete("/ports/" + mine["id"]).ok(204)
    demo.network.delete(path).ok(204)
    demo.network.get(path).ok(404)


@pytest.fixture(scope="module")
def group(demo):
    body = demo.network.post("/security-groups", {"security_group": {"name": "rules"}}).ok(201)["security_group"]
    yield body["id"]
    demo.network.delete("/security-groups/" + body["id"]).ok(204)


def rule_call(client, group, **attributes):
    body = {"security_group_id": group, "direction": "ingress", **attributes}
    return client.network.post("/security-group-rules", {"security_group_rule": body})


@pytest.mark.parametrize("status,attributes", [
    (201, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}), (201, {"protocol": 17}), (201, {"protocol": "gre"}),
    (201, {"protocol": "icmp", "port_range_min": 8}), (201, {"remote_ip_prefix": "10.0.0.0/8"}), (201, {"protocol": None, "ethertype": "IPv6"}),
    (201, {"protocol": "tcp", "port_range_min": "80", "port_range_max": "81"}), (201, {"ethertype": "ipv6", "protocol": "icmpv6"}),
    (400, {"protocol": "bad"}), (400, {"ethertype": "bad"}), (400, {"direction": "up"}), (400, {"remote_ip_prefix": "bad"}),
    (400, {"remote_ip_prefix": "fd00::/64"}), (400, {"protocol": "tcp", "port_range_min": -16384, "port_range_max": 1}),
    (400, {"protocol": "tcp", "port_range_min": 80, "port_range_max": 22}), (400, {"protocol": "tcp", "port_range_min": 80}),
    (400, {"protocol": "icmp", "port_range_min": 256}), (400, {"port_range_min": 80, "port_range_max": 80}), (400, {"protocol": 300}),
    (400, {"protocol": "gre", "port_range_min": 1, "port_range_max": 2}), (404, {"remote_group_id": NOBODY}),
    (404, {"security_group_id": NOBODY}), (400, {"security_group_id": "x"})])
def test_rule(demo, stranger, group, status, attributes):
    answer = rule_call(demo, **{"group": group, **({"group": attributes["security_group_id"]} if "security_group_id" in attributes else {}),
                                **{k: v for k, v in attributes.items() if k != "security_group_id"}})
    body = answer.ok(status)
    if status != 201:
        return
    path = "/security-group-rules/" + body["security_group_rule"]["id"]
    assert demo.network.get(path).ok(200) == body
    stranger.network.get(path).ok(404)
    assert error_type(rule_call(demo, group, **attributes), 409) == "SecurityGroupRuleExists"
    demo.network.delete(path).ok(204)
    demo.network.get(path).ok(404)


def test_rule_with_two_remotes(demo, group):
    answer = rule_call(demo, group, remote_ip_prefix="10.0.0.0/8", remote_group_id=group)
    assert error_type(answer, 400) == "SecurityGroupRemoteGroupAndRemoteIpPrefix"
    rule = rule_call(demo, group, remote_group_id=group).ok(201)["security_group_rule"]
    assert rule["id"] in listed(demo, "/security-group-rules?security_group_id=" + group)
    demo.network.delete("/security-group-rules/" + rule["id"]).ok(204)


@pytest.mark.parametrize("protocol,low,high,words", [
    ("tcp", -16, 80, "Invalid value for port -16"), ("tcp", 80, 79, "port_range_min must be <= port_range_max"),
    ("tcp", 80, 65536, "Invalid value for port 65536"), ("icmp", 1, 256, "Invalid value for ICMP code"),
    ("icmp", None, 6, "ICMP type (port-range-min) is missing"), ("icmp", 300, 1, "Invalid value for ICMP type")])
def test_words_that_clients_look_for(demo, group, protocol, low, high, words):
    answer = rule_call(demo, group, protocol=protocol, port_range_min=low, port_range_max=high)
    assert words in answer.ok(400)["NeutronError"]["message"]


def test_a_strangers_group(stranger, group):
    rule_call(stranger, group).ok(404)


# -- quotas -----------------------------------------------------------------------------------


def test_quotas(cloud, demo, admin):
    fresh = cloud.account("quota-" + uuid.uuid4().hex[:8], admin=admin)
    fresh.login()
    path = "/quotas/" + fresh.project_id
    quota = fresh.network.get(path).ok(200)["quota"]
    assert quota == {"network": 100, "port": 500, "security_group": 10, "security_group_rule": 100, "subnet": 100}
    fresh.network.put(path, {"quota": {"network": 1}}).ok(403)
    demo.network.get(path).ok(403)
    for bad in {"network": -2}, {"network": "x"}, {"colour": 1}:
        admin.network.put(path, {"quota": bad}).ok(400)
    assert admin.network.put(path, {"quota": {"network": 1, "port": 0}}).ok(200)["quota"]["network"] == 1
    assert fresh.project_id in [q["project_id"] for q in admin.network.get("/quotas").ok(200)["quotas"]]
    network = net(fresh)
    assert error_type(fresh.network.post("/networks", {"network": {}}), 409) == "OverQuota"
    assert error_type(port_call(fresh, network["id"]), 409) == "OverQuota"
    details = fresh.network.get(path + "/details.json").ok(200)["quota"]
    assert details["network"] == {"limit": 1, "used": 1, "reserved": 0}
    assert fresh.network.get(path + "/default").ok(200)["quota"]["network"] == 100
    assert fresh.network.get("/quotas/tenant").ok(200)["tenant"]["tenant_id"] == fresh.project_id
    admin.network.delete(path).ok(204)
    admin.network.delete(path).ok(404)
    net(fresh)
