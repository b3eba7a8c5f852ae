# SPDX-License-Identifier: Apache-2.0
"""Metadata definitions with the real glance command and client library (Debian's openstack command has none of it)."""
import os
import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def run(admin):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
    environment.update(admin.environment())

    def command(*words, code=0):
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=180)
        assert done.returncode == code, "%s: %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr
    return command


def first_column(table):
    return [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("|")][1:]


def test_namespaces(run):
    listed = first_column(run("glance", "md-namespace-list"))
    assert "OS::Compute::VirtCPUTopology" in listed and "KN::Compute::Clock" in listed
    assert first_column(run("glance", "md-namespace-list", "--page-size", "3")) == listed
    of_servers = first_column(run("glance", "md-namespace-list", "--resource-types", "OS::Nova::Server"))
    assert "KN::Compute::Clock" in of_servers and "OS::Compute::Quota" not in of_servers
    shown = run("glance", "md-namespace-show", "OS::Compute::VirtCPUTopology")
    assert "cpu_max_sockets" in shown and "OS::Nova::Flavor" in shown
    shown = run("glance", "md-namespace-show", "OS::Compute::VirtCPUTopology", "--resource-type", "OS::Nova::Flavor")
    assert "hw:cpu_max_sockets" in shown


def test_properties_and_types(run):
    assert "watchdog_action" in run("glance", "md-property-list", "OS::Compute::Watchdog")
    shown = run("glance", "md-property-show", "OS::Compute::Watchdog", "watchdog_action")
    assert re.search(r"poweroff", shown) and "Watchdog action" in shown
    assert "OS::Glance::Image" in first_column(run("glance", "md-resource-type-list"))
    assert "hw:" in run("glance", "md-namespace-resource-type-list", "OS::Compute::Watchdog")
    assert first_column(run("glance", "md-object-list", "OS::Compute::Watchdog")) == []
    assert first_column(run("glance", "md-tag-list", "OS::Compute::Watchdog")) == []


def test_writing_says_why(run):
    assert "registry" in run("glance", "md-namespace-delete", "OS::Compute::Watchdog", code=1)
    assert "registry" in run("glance", "md-namespace-create", "X::Y", code=1)


def test_what_horizon_calls(cloud, admin):
    """openstack_dashboard.api.glance: metadefs_namespace_full_list() and its details."""
    glanceclient = pytest.importorskip("glanceclient")
    client = glanceclient.Client("2", endpoint=cloud.url + "/image", token=admin.token)
    listed = list(client.metadefs_namespace.list(filters={"resource_types": ["OS::Nova::Flavor"]}, page_size=5, sort_dir="asc",
                                                 sort_key="namespace"))
    assert len(listed) > 5
    for space in listed:
        shown = client.metadefs_namespace.get(space.namespace, resource_type="OS::Nova::Flavor")
        assert shown.properties and shown.resource_type_associations
    assert {t.name for t in client.metadefs_resource_type.list()} >= {"OS::Nova::Flavor", "OS::Glance::Image"}
