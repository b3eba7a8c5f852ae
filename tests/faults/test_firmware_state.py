# SPDX-License-Identifier: Apache-2.0
"""NVRAM and TPM state when the program is killed in the middle of a rebuild, and when a server finds itself on another host.
The guest need not boot for it: what counts are the bytes that its firmware and its TPM left behind."""
import hashlib
import os
import sqlite3
import subprocess

import pytest

from support import guests
from support.servers import Servers

TPM = "/var/lib/libvirt/swtpm/%s/tpm2/tpm2-00.permall"


@pytest.fixture(scope="module")
def servers(make_cloud):
    return Servers(make_cloud(real=True, database="sqlite", arguments=["--compute-stop-timeout", "0"]))


@pytest.fixture(scope="module")
def network(servers):
    made = servers.network()
    yield made
    # Its bridge and namespace would outlive the cloud, which is killed, and be found by the next tests.
    servers.admin.network.delete("/networks/" + made).ok(204)


@pytest.fixture(scope="module")
def image(servers):
    return servers.image("rtc", os_type=None, os_secure_boot="required", hw_tpm_version="2.0")


@pytest.fixture
def stopped(servers, network, image):
    """A server whose firmware has run, and is off."""
    body = {"name": "eph", "ram": 128, "vcpus": 1, "disk": 1, "OS-FLV-EXT-DATA:ephemeral": 1}
    flavor = servers.admin.compute.post("/flavors", {"flavor": body}).ok(200)["flavor"]["id"]
    server = servers.boot(image, network, flavor=flavor)
    servers.act(server, "os-stop", status="SHUTOFF")
    yield server
    servers.delete(server)
    servers.admin.compute.delete("/flavors/" + flavor).ok(202)


def state(servers, server):
    """Digests of what is to be preserved: variables, TPM, ephemeral disk; None: it is gone."""
    files = [servers.cloud.data + "/instances/" + server + "_VARS.fd", TPM % server,
             servers.cloud.data + "/instances/" + server + "_disk.eph0"]
    digests = []
    for path in files:
        digests.append(None)
        if os.path.exists(path):
            with open(path, "rb") as f:
                digests[-1] = hashlib.sha256(f.read()).hexdigest()
    return digests


def rebuild(servers, server, image, preserve):
    body = {"rebuild": {"imageRef": image, "preserve_ephemeral": preserve}}
    return servers.admin.compute.post("/servers/%s/action" % server, body)


def killed_at(servers, point, server, image):
    """Asks for a rebuild and waits until the program dies at @point; false if the start of the program passes it already."""
    try:
        servers.cloud.start(environment={"KILONOVA_FAULT": point + "=kill"})
    except AssertionError:
        assert servers.cloud.wait() == -9
        return False
    try:
        rebuild(servers, server, image, True).ok(202)
    except OSError:
        pass
    assert servers.cloud.wait(60) == -9, "point %s was not passed" % point
    return True


def test_preserved_whenever_it_is_killed(servers, stopped, image, tmp_path):
    before = state(servers, stopped)
    assert None not in before
    listing = tmp_path / "points"
    servers.cloud.restart(environment={"KILONOVA_FAULT_LIST": str(listing)})
    rebuild(servers, stopped, image, True).ok(202)
    guests.wait_status(servers.admin, stopped, "SHUTOFF")
    assert state(servers, stopped) == before

    struck = 0
    for point in dict.fromkeys(listing.read_text().split()):
        servers.cloud.stop()
        struck += killed_at(servers, point, stopped, image)
        servers.cloud.start()
        guests.wait_status(servers.admin, stopped, "SHUTOFF")
        assert state(servers, stopped) == before, point
    assert struck > 4


def test_nothing_is_left_without_the_request(servers, stopped, image):
    before = state(servers, stopped)
    rebuild(servers, stopped, image, False).ok(202)
    guests.wait_status(servers.admin, stopped, "SHUTOFF")
    variables, tpm, ephemeral = state(servers, stopped)
    # Made anew at the next start; the ephemeral disk is there, and is another.
    assert variables is None and tpm is None and ephemeral is not None
    servers.act(stopped, "os-start")
    assert state(servers, stopped)[1] not in (None, before[1])


def test_explain_names_the_certificates(servers, stopped):
    words = [servers.cloud.binary, "explain", stopped, "os"]
    done = subprocess.run(words, env={**os.environ, **servers.admin.environment()}, stdout=subprocess.PIPE, text=True, check=True)
    assert "Secure Boot certificates, by Microsoft's generation: 2011\n" in done.stdout
    assert "Microsoft Windows Production PCA 2011" in done.stdout and "os/nvram" in done.stdout


def test_image_against_what_is_preserved(servers, stopped):
    bios = servers.image("rtc", os_type=None, hw_firmware_type="bios")
    answer = rebuild(servers, stopped, bios, True)
    assert answer.status == 400 and "preserve_ephemeral" in answer.json["badRequest"]["message"]
    assert guests.wait_status(servers.admin, stopped, "SHUTOFF")
    assert "efi" == guests.domain(stopped, inactive=True).find("os").get("firmware")


def test_server_on_another_host_than_its_state(servers, stopped, image):
    """As after an operator has changed instances.host by hand: nothing starts with an empty TPM in silence."""
    before = state(servers, stopped)
    path, host = servers.cloud.data + "/kilonova.db", os.uname().nodename

    def edit(old, new):
        with sqlite3.connect(path, timeout=10) as db:
            changed = db.execute("update instance_extra set identity=replace(identity, ?, ?) where instance_uuid=?",
                                 ('"state host":"%s"' % old, '"state host":"%s"' % new, stopped)).rowcount
            assert changed == 1
            assert new in db.execute("select identity from instance_extra where instance_uuid=?", (stopped,)).fetchone()[0]

    edit(host, "elsewhere")
    servers.admin.compute.post("/servers/%s/action" % stopped, {"os-start": None}).ok(202)
    guests.wait_status(servers.admin, stopped, "SHUTOFF")
    actions = servers.admin.compute.get("/servers/%s/os-instance-actions" % stopped).ok(200)["instanceActions"]
    start = [a for a in actions if a["action"] == "start"][0]
    assert "the state of its TPM, which is on host elsewhere" in str(servers.admin.compute.get(
        "/servers/%s/os-instance-actions/%s" % (stopped, start["request_id"])).ok(200)) + str(start)
    answer = rebuild(servers, stopped, image, True)
    assert answer.status == 409 and "elsewhere" in answer.json["conflictingRequest"]["message"]
    assert state(servers, stopped) == before

    edit("elsewhere", host)
    servers.act(stopped, "os-start")
