# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests in api, clients, guests and faults. The whole run stands inside one lab: tests/lab/lab.sh … pytest."""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.cloud import QEMU_URI, TEST_URI, Kilonova  # noqa: E402 # pylint: disable=wrong-import-position
from support.mariadb import MariaDB  # noqa: E402 # pylint: disable=wrong-import-position

NUMBER = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--database", choices=["sqlite", "mariadb"], default="sqlite", help="what the clouds under test store in")
    parser.addoption("--full", action="store_true", help="every combination where otherwise every pair is tried")


def pytest_configure(config):
    if not os.environ.get("KILONOVA_LAB") and not config.option.collectonly:
        pytest.exit("the tests need the lab: tests/lab/lab.sh /usr/bin/python3 -m pytest … (or ./dev check)", 2)


@pytest.fixture(scope="session")
def lab():
    """A short path for files that live as long as the lab."""
    return os.environ["KILONOVA_LAB"]


@pytest.fixture(scope="session")
def mariadb(lab):
    server = MariaDB(os.path.join(lab, "mariadb")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def test_driver():
    """Keeps libvirt's test driver alive: it forgets everything when nobody is connected."""
    import libvirt
    connection = libvirt.open(TEST_URI)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def make_cloud(request, lab, test_driver):
    """A function that gives a cloud of its own: make_cloud(real=True, arguments=[…], start=False)."""
    made = []

    def make(real=False, database=None, start=True, **options):
        name = "cloud%d" % next(NUMBER)
        if (database or request.config.option.database) == "mariadb":
            options["database"] = request.getfixturevalue("mariadb").create(name)
        cloud = Kilonova(os.path.join(lab, name), host_uri=QEMU_URI if real else TEST_URI,
                         network_driver="linux" if real else "none", **options)
        made.append(cloud)
        return cloud.start() if start else cloud

    yield make
    for cloud in made:
        cloud.kill()


@pytest.fixture(scope="session")
def cloud(make_cloud):
    """One cloud on libvirt's test driver for all tests that do not need guests."""
    return make_cloud()


@pytest.fixture(scope="session")
def real_cloud(make_cloud):
    """One cloud on the lab's QEMU with real networks."""
    return make_cloud(real=True)


@pytest.fixture(scope="session")
def admin(cloud):
    return cloud.admin()


@pytest.fixture(scope="module")
def demo(cloud, admin):
    """A member of a project that no other module uses."""
    return cloud.account("demo%d" % next(NUMBER), admin=admin)


@pytest.fixture(scope="module")
def stranger(cloud, admin):
    """A member of yet another project: may not see what `demo` has."""
    return cloud.account("stranger%d" % next(NUMBER), admin=admin)


@pytest.fixture(scope="module")
def reader(cloud, admin):
    return cloud.account("reader%d" % next(NUMBER), roles=("reader",), admin=admin)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the last words of the clouds that it used."""
    report = (yield).get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Kilonova) and os.path.exists(value.log):
                report.sections.append(("log of " + name, value.tail()))
