# SPDX-License-Identifier: Apache-2.0
"""What a guest is told of time: by DHCP, on networks that opted in, and on its config drive."""
import json

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture(scope="module")
def servers(make_cloud):
    cloud = make_cloud(real=True, arguments=["--network-ntp-servers", "192.168.2.9,fd00::9", "--compute-kms-host", "kms.example.org"])
    yield Servers(cloud)
    cloud.stop()


def facts(servers, server, word):
    said = wait_for(lambda: word in guests.facts(servers.console(server)) and guests.facts(servers.console(server)), 90, word)
    return said[word]


def test_guest_is_told_only_on_networks_that_opted_in(servers):
    plain = servers.network("plain", "192.168.2.0/24")
    told = servers.network("told", "192.168.3.0/24", ["kilonova:ntp", "kilonova:ntp=192.168.3.77", "kilonova:timezone=Europe/Berlin"])
    server = servers.boot(servers.image("linux"), plain, told)
    wait_for(lambda: len(guests.facts(servers.console(server)).get("TIME", [])) == 2, 90, "two addresses")
    said = dict(line.split(" ", 1) for line in facts(servers, server, "TIME"))
    assert said == {"eth0": "ntp=none posix=none zone=none",
                    "eth1": "ntp=192.168.2.9,192.168.3.77 posix=%s zone=Europe/Berlin" % BERLIN}
    vendor = json.loads(facts(servers, server, "VENDOR")[0])
    assert vendor["ntp"] == ["192.168.2.9", "fd00::9", "192.168.3.77"] and vendor["kms_host"] == "kms.example.org"
    assert "servers:\n    - '192.168.2.9'\n" in vendor["cloud-init"]

    # A tag that is set or taken away while DHCP runs is told at the next request.
    path = "/networks/%s/tags" % plain
    servers.admin.network.put(path, {"tags": ["kilonova:timezone=Asia/Kathmandu"]}).ok(200)
    servers.admin.network.delete("/networks/%s/tags" % told).ok(204)
    servers.act(server, "reboot", {"type": "HARD"})

    def rebooted():
        said = guests.facts(servers.console(server))
        return len(said.get("TIME", [])) == 2 and said
    said = wait_for(lambda: rebooted() and "zone=Asia/Kathmandu" in " ".join(rebooted()["TIME"]) and rebooted(), 90, "the new tags")
    assert sorted(said["TIME"]) == ["eth0 ntp=none posix=<+0545>-5:45 zone=Asia/Kathmandu", "eth1 ntp=none posix=none zone=none"]
    servers.delete(server)


def test_tag_that_says_nothing_is_refused(servers):
    network = servers.network("typo", "192.168.4.0/24")
    path = "/networks/%s/tags" % network
    for tag, word in (("kilonova:ntp=pool.ntp.org", "an IP address"), ("kilonova:timezone=Europe/Berlln", "a zone of tzdata"),
                      ("kilonova:tz=UTC", "kilonova:timezone=")):
        fault = servers.admin.network.put(path, {"tags": [tag]}).ok(400)["NeutronError"]
        assert word in fault["message"] and tag in fault["message"]
    servers.admin.network.put(path + "/kilonova:ntp=10.0.0.1").ok(201)
    assert servers.admin.network.get(path).ok(200) == {"tags": ["kilonova:ntp=10.0.0.1"]}
    port = servers.admin.network.post("/ports", {"port": {"network_id": network}}).ok(201)["port"]["id"]
    fault = servers.admin.network.put("/ports/%s/tags" % port, {"tags": ["kilonova:ntp"]}).ok(400)["NeutronError"]
    assert "networks only" in fault["message"]
