# SPDX-License-Identifier: Apache-2.0
"""A Nova cloud: its database, made by Nova's own models, joined with the domains of its hosts."""
import datetime
import json
import os
import subprocess
import sys

import pytest

from support.cloud import BINARY, TEST_URI

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fleet  # noqa: E402 # pylint: disable=wrong-import-position

models = pytest.importorskip("nova.db.main.models", reason="needs Debian's python3-nova")
sqlalchemy = pytest.importorskip("sqlalchemy")

IDS = {name: "00000000-0000-4000-8000-0000000000%02d" % n for n, name in enumerate(
    ["forgotten", "mistyped", "right", "lost", "gone", "penguin"], 1)}


def instance(name, os_type, properties, host="lab", deleted=0):
    now = datetime.datetime(2024, 5, 6, 7, 8, 9)
    row = models.Instance(uuid=IDS[name], display_name=name, os_type=os_type, vm_state="active", host=host, node=host, vcpus=2,
                          memory_mb=2048, project_id="p" * 32, user_id="u" * 32, instance_type_id=1, deleted=deleted, created_at=now,
                          power_state=1, launched_on=host)
    meta = [models.InstanceSystemMetadata(instance_uuid=IDS[name], key="image_" + k, value=v, deleted=deleted, created_at=now)
            for k, v in {"min_ram": "0", "disk_format": "qcow2", **properties}.items()]
    return [row] + meta


ROWS = [("forgotten", None, {"os_distro": "windows"}), ("mistyped", "Windows", {"os_type": "Windows"}),
        ("right", "windows", {"os_type": "windows", "os_version": "10", "hw_qemu_guest_agent": "yes"}),
        ("lost", "linux", {"os_type": "linux"}), ("penguin", "linux", {"os_type": "linux", "hw_qemu_guest_agent": "no"})]


def fill(url):
    engine = sqlalchemy.create_engine(url)
    tables = [models.BASE.metadata.tables[t] for t in ("instances", "instance_system_metadata")]
    models.BASE.metadata.create_all(engine, tables=tables)
    with sqlalchemy.orm.Session(engine) as session:
        for name, os_type, properties in ROWS:
            session.add_all(instance(name, os_type, properties))
        session.add_all(instance("gone", "linux", {}, deleted=6))
        session.commit()
    engine.dispose()


def define(connection, name, guest):
    xml = fleet.domain_xml(name, guest)
    xml = xml.replace(str(fleet.uuid.uuid5(fleet.SPACE, name)), IDS[name])
    start, end = xml.index("<metadata>"), xml.index("</metadata>")
    nova = "<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>%s</nova:name></nova:instance>" % name
    return connection.defineXML(xml[:start] + "<metadata>" + nova + xml[end:])


@pytest.fixture(scope="module", name="domains")
def fixture_domains(test_driver):
    subprocess.run(["host-zone", fleet.HOST_ZONE], check=True)
    as_linux = fleet.changed(fleet.linux(), channels=[])
    made = [define(test_driver, "forgotten", as_linux), define(test_driver, "mistyped", as_linux),
            define(test_driver, "right", fleet.windows()), define(test_driver, "gone", as_linux), define(test_driver, "penguin", as_linux)]
    yield made
    for domain in made:
        domain.undefine()
    subprocess.run(["host-zone", "Etc/UTC"], check=True)


def audit(url, *words):
    done = subprocess.run([BINARY, "doctor", "--nova-db", url, "--json", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    out = json.loads(done.stdout)
    found = {}
    for finding in out["findings"]:
        found.setdefault(finding["server"]["id"], {})[finding["rule"]] = finding
    return out, found


def check(url):
    out, found = audit(url, "--libvirt", TEST_URI)
    forgotten, mistyped = found[IDS["forgotten"]], found[IDS["mistyped"]]
    assert {"record-os-type", "clock-windows-utc", "hyperv-missing", "agent-channel"} <= set(forgotten)
    assert forgotten["record-os-type"]["records"] == [{"name": "os_type", "value": "windows", "was": None}]
    assert {"clock-windows-utc", "record-property"} <= set(mistyped)
    assert mistyped["clock-windows-utc"]["records"] == [{"name": "os_type", "value": "windows", "was": "Windows"}]
    assert set(found.get(IDS["right"], {})) == set() and set(found.get(IDS["penguin"], {})) == set()
    assert set(found[IDS["lost"]]) == {"record-no-domain"}
    assert "has deleted it" in found[IDS["gone"]]["domain-no-record"]["what"]
    assert out["hosts"][0]["uri"] == TEST_URI

    # The records alone.
    out, found = audit(url)
    assert out["servers"] == len(ROWS) and set(found) == {IDS["forgotten"], IDS["mistyped"]}
    assert "record-os-type" in found[IDS["forgotten"]]


def test_sqlite_copy(domains, tmp_path):
    path = str(tmp_path / "nova.db")
    fill("sqlite:///" + path)
    with open(path, "rb") as f:
        before = f.read()
    check("sqlite:" + path)
    with open(path, "rb") as f:
        assert f.read() == before


def test_mariadb(domains, mariadb):
    pytest.importorskip("pymysql")
    url = mariadb.create("nova_cell")
    socket = url.split("socket=")[1].split("&")[0]
    user = url.split("user=")[1].split("&")[0] if "user=" in url else "root"
    fill("mysql+pymysql://%s@localhost/nova_cell?unix_socket=%s" % (user, socket))
    check(url)


def test_what_is_no_nova(tmp_path):
    other = tmp_path / "other.db"
    import sqlite3
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    for url, words in (("sqlite:%s" % other, "no cell database of Nova"), ("sqlite:/nowhere/nova.db", "nowhere"), ("nova.db", "it begins with")):
        done = subprocess.run([BINARY, "doctor", "--nova-db", url], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and words in done.stderr, done.stderr
    done = subprocess.run([BINARY, "repair", "--nova-db", "sqlite:%s" % other, "--all"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "only looked at" in done.stderr
