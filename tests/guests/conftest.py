# SPDX-License-Identifier: Apache-2.0
"""Fixtures of tests that move the host's clock or change its zone."""
import os
import subprocess

import pytest

from support import guests, zones


@pytest.fixture
def clock():
    """The host's clock, put right in the end."""
    clock = zones.HostClock()
    yield clock
    clock.off()


@pytest.fixture
def away(make_cloud, clock):
    """A cloud that lives in the moved time, not started yet; with it go the guests that a failed test left."""
    before = set(guests.virsh("list", "--all", "--name").split())
    clock.move(0)
    cloud = make_cloud(real=True, start=False, environment=zones.environment(), arguments=["--compute-stop-timeout", "0"])
    yield cloud
    cloud.stop()
    for name in set(guests.virsh("list", "--all", "--name").split()) - before:
        guests.virsh("destroy", name, check=False)
        guests.virsh("undefine", "--nvram", name, check=False)


@pytest.fixture
def host_zone():
    """A function that gives the host, and libvirtd, another zone; it has its own again in the end."""
    here = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2] or "UTC"

    def change(zone):
        subprocess.run(["host-zone", zone], check=True)
        subprocess.run(["restart-libvirtd"], check=True)
    yield change
    change(here)
