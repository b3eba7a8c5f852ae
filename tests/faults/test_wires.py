# SPDX-License-Identifier: Apache-2.0
"""Real networks under real servers: what stands on the host, what happens when a part of it breaks, what is left in the end."""
import json
import os
import re
import subprocess
import threading

import pytest

from support import guests
from support.rest import wait_for


def ip(*arguments):
    run = subprocess.run(["ip", "-j", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(run.stdout or "[]")


def ours():
    """Interfaces, namespaces and dnsmasq processes of Kilonova on this host."""
    links = {link["ifname"] for link in ip("link") if link.get("ifalias", "").startswith("kilonova ") or link["ifname"].startswith("tap")}
    spaces = {n for n in os.listdir("/run/netns") if n.startswith("kn-")}
    daemons = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0] == b"dnsmasq":
            daemons.add(int(pid))
    return links, spaces, daemons


def bridge_of(network):
    return "kn" + network.replace("-", "")[:13]


class World:
    def __init__(self, cloud):
        self.cloud = cloud
        self.admin = cloud.admin()
        self.image = self.upload("rtc")

    def upload(self, name):
        body = {"name": name, "disk_format": "qcow2", "container_format": "bare", "os_type": "linux"}
        image = self.admin.image.post("/images", body).ok(201)["id"]
        with open(guests.image(name), "rb") as f:
            self.admin.image.call("PUT", "/images/%s/file" % image, data=f, headers={"Content-Type": "application/octet-stream"}).ok(204)
        return image

    def network(self, name="net001", cidr="192.168.2.0/24"):
        network = self.admin.network.post("/networks", {"network": {"name": name}}).ok(201)["network"]["id"]
        self.admin.network.post("/subnets", {"subnet": {"network_id": network, "cidr": cidr, "ip_version": 4}}).ok(201)
        return network

    def boot(self, *networks, **attributes):
        body = {"name": "s", "imageRef": self.image, "flavorRef": "1", "networks": [{"uuid": n} for n in networks], **attributes}
        return self.admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]

    def ports(self, server):
        return self.admin.network.get("/ports?device_id=" + server).ok(200)["ports"]

    def delete(self, *servers):
        for server in servers:
            self.admin.compute.delete("/servers/" + server).ok(204)
        for server in servers:
            guests.wait_gone(self.admin, server)


@pytest.fixture
def world(make_cloud):
    world = World(make_cloud(real=True))
    yield world
    world.cloud.stop()


def test_two_networks_with_one_range(world):
    assert ours() == (set(), set(), set())
    first, second = world.network("first"), world.network("second")
    servers = [world.boot(first), world.boot(second), world.boot(first, second)]
    for server in servers:
        guests.wait_status(world.admin, server)
    links, spaces, daemons = ours()
    assert spaces == {"kn-" + first, "kn-" + second} and len(daemons) == 2
    assert {bridge_of(first), bridge_of(second)} <= links
    addresses = {}
    for server in servers:
        for port in world.ports(server):
            assert port["status"] == "ACTIVE" and port["binding:vif_type"] == "bridge"
            assert port["binding:vif_details"]["bridge_name"] == bridge_of(port["network_id"])
            tap = ip("link", "show", "tap" + port["id"][:11])[0]
            assert tap["master"] == bridge_of(port["network_id"])
            addresses.setdefault(port["network_id"], set()).add(port["fixed_ips"][0]["ip_address"])
    assert addresses == {n: {"192.168.2.3", "192.168.2.4"} for n in (first, second)}
    # No bridge has an address of the host, by itself or otherwise.
    for bridge in bridge_of(first), bridge_of(second):
        assert ip("addr", "show", bridge)[0]["addr_info"] == []

    # A stopped server's port is down, its address stays.
    world.admin.compute.post("/servers/%s/action" % servers[0], {"os-stop": None}).ok(202)
    guests.wait_status(world.admin, servers[0], "SHUTOFF")
    (port,) = world.ports(servers[0])
    assert port["status"] == "DOWN" and port["fixed_ips"]
    world.admin.compute.post("/servers/%s/action" % servers[0], {"os-start": None}).ok(202)
    guests.wait_status(world.admin, servers[0])

    # The DHCP servers go on while Kilonova is away, and are taken over by the next one; one that died meanwhile comes back.
    world.cloud.kill()
    assert ours()[2] == daemons
    os.kill(min(daemons), 9)
    world.cloud.start()
    wait_for(lambda: len(ours()[2]) == 2 and max(daemons) in ours()[2], 90, "both DHCP servers")

    world.delete(*servers)
    assert not [link for link in ours()[0] if link.startswith("tap")]
    for network in first, second:
        world.admin.network.delete("/networks/" + network).ok(204)
    assert ours() == (set(), set(), set())
    assert os.listdir(world.cloud.data + "/networks") == []


@pytest.mark.slow
def test_guests_get_their_addresses(world):
    """Two linux guests on two networks of one range ask for an address and get the one of their port."""
    image = world.upload("linux")
    networks = [world.network("first"), world.network("second")]
    servers = [world.boot(networks[0], imageRef=image), world.boot(*networks, imageRef=image)]
    for server in servers:
        guests.wait_status(world.admin, server)
        expected = {p["fixed_ips"][0]["ip_address"] for p in world.ports(server)}
        said = wait_for(lambda s=server, n=len(expected): len(a := guests.facts(guests.console_of(world.admin, s)).get("ADDRESS", [])) >= n and a,
                        120, "address of " + server, pause=1)
        assert {line.split()[1].split("/")[0] for line in said} == expected
        assert all(line.split()[1].endswith("/24") and line.split()[3] == "192.168.2.1" for line in said)
    world.delete(*servers)
    for network in networks:
        world.admin.network.delete("/networks/" + network).ok(204)
    assert ours() == (set(), set(), set())


@pytest.mark.parametrize("part", ["bridge", "dnsmasq"])
def test_a_part_breaks_between_preparation_and_start(world, part):
    """What is gone once is made again: the server comes up without anybody's help."""
    network = world.network()
    bridge = bridge_of(network)
    first = world.boot(network)
    guests.wait_status(world.admin, first)
    world.delete(first)
    world.cloud.restart(environment={"KILONOVA_FAULT": "network.prepared=pause"})
    world.admin = world.cloud.admin()
    server = world.boot(network)
    # The port is prepared when DHCP knows it; the pause of 2 s begins.
    hosts = "%s/networks/%s/hosts" % (world.cloud.data, network)
    wait_for(lambda: os.path.getsize(hosts) > 0, 90, "preparation", pause=0.01)
    if part == "bridge":
        subprocess.run(["ip", "link", "set", bridge, "down"], check=True)
        subprocess.run(["ip", "link", "set", bridge, "name", "elsewhere"], check=True)
    else:
        subprocess.run(["kill", "-9", *map(str, ours()[2])], check=True)
    guests.wait_status(world.admin, server)
    assert len(ours()[2]) == 1
    (port,) = world.ports(server)
    assert port["status"] == "ACTIVE" and ip("link", "show", "tap" + port["id"][:11])[0]["master"] == bridge
    world.delete(server)
    world.admin.network.delete("/networks/" + network).ok(204)
    assert ours() == (set(), set(), set())


class Saboteur(threading.Thread):
    """Pulls every tap out of its bridge as soon as it is in."""

    def __init__(self):
        super().__init__()
        self.end = threading.Event()

    def run(self):
        while not self.end.wait(0.01):
            for link in ip("link"):
                if link["ifname"].startswith("tap") and "master" in link:
                    subprocess.run(["ip", "link", "set", link["ifname"], "nomaster"], check=False)


def test_a_wire_that_stays_broken(make_cloud):
    # Before it looks, each attempt waits long enough for the taps to be pulled out.
    pauses = ",".join("network.confirm@%d=pause" % n for n in range(1, 9))
    world = World(make_cloud(real=True, arguments=["--network-wire-timeout", "1"], environment={"KILONOVA_FAULT": pauses}))
    network = world.network()
    saboteur = Saboteur()
    saboteur.start()
    try:
        server = world.boot(network)
        guests.wait_status(world.admin, server, "ERROR", seconds=180)
    finally:
        saboteur.end.set()
        saboteur.join()
    shown = world.admin.compute.get("/servers/" + server).ok(200)["server"]
    (port,) = world.ports(server)
    for word in port["id"], network, "net001", shown["OS-EXT-SRV-ATTR:host"], "tap" + port["id"][:11]:
        assert word in shown["fault"]["message"], shown["fault"]
    assert re.search(r"silent for 1\.\d s", shown["fault"]["message"]), shown["fault"]
    world.delete(server)
    world.admin.network.delete("/networks/" + network).ok(204)
    assert ours() == (set(), set(), set())
    world.cloud.stop()


def test_a_strangers_bridge(world):
    network = world.network()
    bridge = bridge_of(network)
    subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
    server = world.boot(network)
    guests.wait_status(world.admin, server, "ERROR")
    fault = world.admin.compute.get("/servers/" + server).ok(200)["server"]["fault"]["message"]
    assert bridge in fault and "somebody else" in fault
    world.delete(server)
    world.admin.network.delete("/networks/" + network).ok(204)
    assert ip("link", "show", bridge)[0]["ifname"] == bridge
    subprocess.run(["ip", "link", "del", bridge], check=True)
    assert ours() == (set(), set(), set())
