# SPDX-License-Identifier: Apache-2.0
"""CPUs and NUMA cells of a real host: what the definition says, where QEMU's threads may run, and what is left for others."""
import subprocess
import xml.etree.ElementTree as ET

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers


@pytest.fixture(scope="module")
def servers(make_cloud):
    return Servers(make_cloud(real=True, arguments=["--compute-stop-timeout", "1"]))


@pytest.fixture(scope="module")
def network(servers):
    return servers.network()


@pytest.fixture(scope="module")
def flavor(servers):
    def make(name, vcpus=1, **specs):
        body = {"name": name, "ram": 64, "vcpus": vcpus, "disk": 1}
        flavor = servers.admin.compute.post("/flavors", {"flavor": body}).ok(200)["flavor"]["id"]
        specs = {"hw:" + key: value for key, value in specs.items()}
        servers.admin.compute.post("/flavors/%s/os-extra_specs" % flavor, {"extra_specs": specs}).ok(200)
        return flavor
    return make


def host_cpus():
    capabilities = ET.fromstring(guests.virsh("capabilities"))
    return {int(cpu.get("id")) for cpu in capabilities.findall("host/topology/cells/cell/cpus/cpu")}


def pins(server):
    """Host CPUs of the definition's vCPUs, and those that QEMU's vCPU threads are really bound to."""
    said = {pin.get("cpuset") for pin in guests.domain(server).findall("cputune/vcpupin")}
    shown = subprocess.run(["virsh", "-c", "qemu:///system", "vcpuinfo", server, "--pretty"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    bound = {line.split(":")[1].strip().split()[0] for line in shown.splitlines() if line.startswith("CPU Affinity")}
    return said, bound


def test_each_cpu_has_one_owner(servers, network, flavor):
    own, image = flavor("own", cpu_policy="dedicated"), servers.image("rtc")
    mine = [servers.boot(image, network, flavor=own) for _ in host_cpus()]
    found = []
    for server in mine:
        said, bound = pins(server)
        assert len(said) == 1 and bound == said
        found += said
    assert sorted(map(int, found)) == sorted(host_cpus())

    # Everything is given away: the next one hears why, those that want none of their own go on.
    late = servers.boot(image, network, flavor=own, wait=False)
    fault = guests.wait_status(servers.admin, late, "ERROR")["fault"]["message"]
    assert "too few CPUs that are free" in fault
    servers.delete(servers.boot(image, network))

    # A restart takes the CPU of before, not another's; what a delete gives back is the next one's.
    servers.act(mine[0], "reboot", {"type": "HARD"})
    assert pins(mine[0])[0] == {found[0]}
    servers.act(mine[1 % len(mine)], "os-stop", status="SHUTOFF")
    servers.delete(mine[0], late)
    heir = servers.boot(image, network, flavor=own)
    assert pins(heir)[0] == {found[0]}
    servers.delete(heir, *mine[1:])


def test_two_at_once(servers, network, flavor):
    own, image = flavor("both", vcpus=len(host_cpus()), cpu_policy="dedicated"), servers.image("rtc")
    both = [servers.boot(image, network, flavor=own, wait=False) for _ in range(2)]
    states = sorted(wait_for(lambda s=s: settled(servers, s), 60, "an end") for s in both)
    assert states == ["ACTIVE", "ERROR"]
    servers.delete(*both)


def settled(servers, server):
    body = servers.admin.compute.get("/servers/" + server).ok(200)["server"]
    return body["status"] if body["status"] != "BUILD" else None


def test_numa_node_of_the_host(servers, network, flavor):
    server = servers.boot(servers.image("rtc"), network, flavor=flavor("numa", numa_nodes="1"))
    domain = guests.domain(server)
    cell = domain.find("cpu/numa/cell")
    assert int(cell.get("memory")) == 64 * 1024 and domain.find("numatune/memnode").get("nodeset") == "0"
    servers.delete(server)


def test_pages_that_the_host_has_not(servers, network, flavor):
    body = {"name": "s", "imageRef": servers.image("rtc"), "flavorRef": flavor("pages", mem_page_size="1GB"),
            "networks": [{"uuid": network}]}
    answer = servers.admin.compute.post("/servers", {"server": body})
    assert answer.status == 400 and "not enough memory in pages of that size" in answer.json["badRequest"]["message"]
