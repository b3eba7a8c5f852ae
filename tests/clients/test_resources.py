# SPDX-License-Identifier: Apache-2.0
"""Flavors, key pairs, hosts and quotas with the real commands."""
import json
import os
import subprocess

import pytest


@pytest.fixture(scope="module")
def run(cloud, admin):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
    environment.update(admin.environment())

    def command(*words):
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=180)
        assert done.returncode == 0, "%s: %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr)
        return done.stdout
    return command


@pytest.fixture(scope="module")
def openstack(run):
    return lambda *words: json.loads(run("openstack", *words, "-f", "json"))


def test_flavor_commands(run, openstack):
    assert {f["Name"]: (f["VCPUs"], f["RAM"], f["Disk"]) for f in openstack("flavor", "list")}["m1.medium"] == (2, 4096, 40)
    made = openstack("flavor", "create", "--ram", "64", "--vcpus", "1", "--disk", "1", "--private", "--property",
                     "os:timezone=Asia/Shanghai", "tiny-windows")
    assert made["properties"] == {"os:timezone": "Asia/Shanghai"}
    run("openstack", "flavor", "set", "--project", "admin", "--property", "os:clock_policy=timezone", "tiny-windows")
    shown = openstack("flavor", "show", "tiny-windows")
    assert len(shown["access_project_ids"]) == 1
    assert shown["properties"] == {"os:timezone": "Asia/Shanghai", "os:clock_policy": "timezone"}
    run("openstack", "flavor", "unset", "--project", "admin", "--property", "os:clock_policy", "tiny-windows")
    run("openstack", "flavor", "delete", "tiny-windows")
    assert "m1.tiny" in run("nova", "flavor-list")


def test_keypair_commands(run, openstack, tmp_path):
    private = run("openstack", "keypair", "create", "of-a-client")
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----")
    public = run("openstack", "keypair", "show", "--public-key", "of-a-client")
    (tmp_path / "key.pub").write_text(public)
    run("openstack", "keypair", "create", "--public-key", str(tmp_path / "key.pub"), "again")
    listed = {k["Name"]: k["Fingerprint"] for k in openstack("keypair", "list")}
    assert listed["again"] == listed["of-a-client"]
    run("openstack", "keypair", "delete", "again", "of-a-client")


def test_host_commands(run, openstack):
    host = openstack("hypervisor", "list")[0]
    shown = openstack("hypervisor", "show", host["Hypervisor Hostname"])
    assert shown["state"] == "up" and shown["vcpus"] > 0
    assert openstack("availability", "zone", "list", "--compute")[0] == {"Zone Name": "nova", "Zone Status": "available"}
    assert [s["Binary"] for s in openstack("compute", "service", "list")] == ["nova-compute"]
    run("openstack", "compute", "service", "set", "--disable", "--disable-reason", "moves", host["Hypervisor Hostname"],
        "nova-compute")
    run("openstack", "compute", "service", "set", "--enable", host["Hypervisor Hostname"], "nova-compute")
    assert "enabled" in run("nova", "service-list")


def test_quota_commands(run, openstack):
    run("openstack", "quota", "set", "--cores", "33", "admin")
    try:
        shown = openstack("quota", "show", "admin")
        cores = shown["cores"] if isinstance(shown, dict) else {q["Resource"]: q["Limit"] for q in shown}["cores"]
        assert cores == 33
        assert "Cores" in run("nova", "limits")
    finally:
        run("openstack", "quota", "set", "--cores", "20", "admin")


def test_network_time_tags(run, openstack):
    """The way to opt in, with a client that knows nothing of us."""
    openstack("network", "create", "--tag", "kilonova:ntp=192.0.2.1", "timed")
    run("openstack", "network", "set", "--tag", "kilonova:timezone=America/Argentina/Buenos_Aires", "timed")
    assert openstack("network", "show", "timed")["tags"] == ["kilonova:ntp=192.0.2.1",
                                                             "kilonova:timezone=America/Argentina/Buenos_Aires"]
    with pytest.raises(AssertionError, match="a zone of tzdata is expected"):
        run("openstack", "network", "set", "--tag", "kilonova:timezone=Europe/Berlln", "timed")
    run("openstack", "network", "unset", "--tag", "kilonova:ntp=192.0.2.1", "timed")
    assert openstack("network", "show", "timed")["tags"] == ["kilonova:timezone=America/Argentina/Buenos_Aires"]
    run("openstack", "network", "delete", "timed")
