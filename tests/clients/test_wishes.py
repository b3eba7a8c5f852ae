# SPDX-License-Identifier: Apache-2.0
"""Wishes that no guest can have, with the real commands: refused when a server is created or rebuilt, with the reason, before anything
is made of it."""
import json
import os
import subprocess

import pytest

from support import guests
from support.rest import wait_for

WINDOWS_10_HOME = {"os_type": "windows", "os_version": "10", "os_edition": "Home"}
# What the image wishes for, and a word of the answer. The flavor has 2 vCPUs.
REFUSED = {
    "edition": ({**WINDOWS_10_HOME, "hw_cpu_sockets": "2"}, "Windows 10 Home uses 1 at most"),
    "split": ({"hw_cpu_cores": "3"}, "cannot be split"),
    "limits": ({"hw_cpu_max_sockets": "1", "hw_cpu_max_cores": "1", "hw_cpu_max_threads": "1"}, "cannot be split"),
    "secure-boot": ({"os_secure_boot": "required", "hw_machine_type": "pc"}, "needs a q35 machine"),
    "host": ({"hw_vif_model": "igb"}, "needs libvirt 9.3 and QEMU 8.0; this host has"),
    "nodes": ({"hw_numa_cpus.0": "0-1"}, "has no effect without"),
}


@pytest.fixture(scope="module")
def run(cloud, admin):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
    environment.update(admin.environment())

    def command(*words, code=0):
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=180)
        assert done.returncode == code, "%s: %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else " ".join((done.stdout + done.stderr).split())
    return command


def create_image(run, name, properties):
    words = [w for k, v in properties.items() for w in ("--property", "%s=%s" % (k, v))]
    run("openstack", "image", "create", "--disk-format", "qcow2", "--container-format", "bare", "--file", guests.image("rtc"), *words, name)
    return name


def names_of_servers(run):
    return [s["Name"] for s in json.loads(run("openstack", "server", "list", "-f", "json"))]


def wait_active(run, name):
    wait_for(lambda: json.loads(run("openstack", "server", "show", "-f", "json", name))["status"] == "ACTIVE", 60, name)


@pytest.fixture(scope="module")
def network(run):
    run("openstack", "network", "create", "wishes")
    run("openstack", "subnet", "create", "--network", "wishes", "--subnet-range", "192.168.77.0/24", "wishes")
    return "wishes"


@pytest.fixture(scope="module")
def standing(run, network):
    """A server that is to stay as it is."""
    create_image(run, "modest", WINDOWS_10_HOME)
    run("openstack", "server", "create", "--image", "modest", "--flavor", "m1.medium", "--network", network, "standing")
    wait_active(run, "standing")
    yield "standing"
    run("openstack", "server", "delete", "--wait", "standing")


@pytest.mark.parametrize("wish", sorted(REFUSED))
def test_refused_at_create_and_at_rebuild(run, network, standing, wish):
    properties, reason = REFUSED[wish]
    image = create_image(run, "wish-" + wish, properties)
    created = run("openstack", "server", "create", "--image", image, "--flavor", "m1.medium", "--network", network, "never", code=1)
    assert reason in created and "HTTP 400" in created
    rebuilt = run("openstack", "server", "rebuild", "--image", image, standing, code=1)
    assert reason in rebuilt and "HTTP 400" in rebuilt
    assert names_of_servers(run) == [standing]
    shown = json.loads(run("openstack", "server", "show", "-f", "json", standing))
    assert shown["status"] == "ACTIVE" and "modest" in shown["image"]


def test_refused_by_novas_own_command(run, network, standing):
    create_image(run, "wish-nova", {**WINDOWS_10_HOME, "hw_cpu_sockets": "2"})
    refused = run("nova", "boot", "--image", "wish-nova", "--flavor", "m1.medium", "--nic", "net-name=" + network, "never", code=1)
    assert "Windows 10 Home uses 1 at most" in refused and "HTTP 400" in refused


def test_unknown_editions_refuse_nothing(run, network):
    create_image(run, "unknown", {"os_type": "windows", "os": "WINDOWS", "os_version": "UNKNOWN", "os_edition": "DESKTOP",
                                  "hw_cpu_sockets": "2"})
    run("openstack", "server", "create", "--image", "unknown", "--flavor", "m1.medium", "--network", network, "desktop")
    wait_active(run, "desktop")
    run("openstack", "server", "delete", "--wait", "desktop")
