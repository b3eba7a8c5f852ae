# SPDX-License-Identifier: Apache-2.0
"""A Nova cloud: its database, made by Nova's own migrations, joined with the domains of its hosts."""
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

import pytest

from support import guests
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


def sync(url):
    """What `nova-manage db sync` does; its script is in a package of its own, whose services nobody wants here."""
    code = "import sys; from nova.cmd.manage import main; sys.exit(main())"
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("[database]\nconnection = %s\n[api_database]\nconnection = %s\n" % (url, url))
        config.flush()
        subprocess.run([sys.executable, "-c", code, "--config-file", config.name, "db", "sync", "--local_cell"], check=True,
                       capture_output=True, timeout=120)


def fill(url):
    sync(url)
    engine = sqlalchemy.create_engine(url)
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


def repair(journal, *words, status=0, environment=None):
    done = subprocess.run([BINARY, "repair", "--journal", str(journal), *words], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **(environment or {})})
    assert status is None or done.returncode == status, (done.returncode, done.stdout[-3000:], done.stderr)
    return done


def check_repair(url, journal, rows, execute):
    """Plan, apply, interrupted apply, undo: @rows reads all of both tables, @execute runs a statement."""
    before = rows()
    words = ["--nova-db", url, "--all"]
    plan = repair(journal, *words).stdout
    assert ("UPDATE instances SET os_type='windows' WHERE uuid='%s' AND deleted=0 AND os_type IS NULL;" % IDS["forgotten"]) in plan
    assert ("UPDATE instances SET os_type='Windows' WHERE uuid='%s' AND deleted=0 AND os_type='windows';" % IDS["mistyped"]) in plan
    assert "BEGIN;" in plan and "COMMIT;" in plan and "and back:" in plan and "say --apply" in plan
    assert rows() == before

    done = repair(journal, "--apply", *words).stdout
    assert "2 done" in done
    assert not {"record-os-type", "record-property", "clock-windows-utc"} & {rule for rules in audit(url)[1].values() for rule in rules}
    number = done.split("undo it with: kilonova repair --undo ")[1].split()[0]
    assert "say which database again" in repair(journal, "--undo", number, status=2).stderr
    repair(journal, "--undo", number, "--nova-db", url)
    assert rows() == before

    killed = repair(journal, "--apply", *words, status=None, environment={"KILONOVA_FAULT": "repair.defined=kill"})
    assert killed.returncode == -9 and rows() != before
    number = killed.stdout.split("repair ")[-1].split()[0]
    assert "2 done" in repair(journal, "--resume", number, "--nova-db", url).stdout
    # What somebody else has changed meanwhile is left alone.
    execute("UPDATE instances SET os_type='freebsd' WHERE uuid='%s'" % IDS["forgotten"])
    half = repair(journal, "--undo", number, "--nova-db", url, status=1).stdout
    assert "were changed since the repair" in half and "1 not" in half
    execute("UPDATE instances SET os_type='windows' WHERE uuid='%s'" % IDS["forgotten"])
    repair(journal, "--undo", number, "--nova-db", url)
    assert rows() == before


QUERY = ("SELECT uuid, os_type FROM instances ORDER BY uuid",
         "SELECT instance_uuid, %s, value, deleted FROM instance_system_metadata ORDER BY instance_uuid, %s, value")


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

    def run_sql(text):
        with sqlite3.connect(path, timeout=30) as db:
            return db.execute(text).fetchall()
    check_repair("sqlite:" + path, tmp_path / "journal", lambda: [run_sql(q.replace("%s", '"key"')) for q in QUERY], run_sql)


def test_mariadb(domains, mariadb, tmp_path):
    pytest.importorskip("pymysql")
    url = mariadb.create("nova_cell")
    socket = url.split("socket=")[1].split("&")[0]
    user = url.split("user=")[1].split("&")[0] if "user=" in url else "root"
    fill("mysql+pymysql://%s@localhost/nova_cell?unix_socket=%s" % (user, socket))
    check(url)
    check_repair(url, tmp_path / "journal", lambda: [mariadb.sql(q.replace("%s", "`key`"), "nova_cell") for q in QUERY],
                 lambda text: mariadb.sql(text, "nova_cell"))

    # The SQL of the plan, run by hand, does the same, and its inverse takes it back.
    plan = repair(tmp_path / "journal", "--nova-db", url, "--rule", "record-os-type").stdout
    there, back = plan.split("as SQL (each statement has to change one row):")[1].split("and back:")
    mariadb.sql(there, "nova_cell")
    assert IDS["forgotten"] not in {i for i, rules in audit(url)[1].items() if "record-os-type" in rules}
    mariadb.sql(back.split("COMMIT;")[0] + "COMMIT;", "nova_cell")
    assert "record-os-type" in audit(url)[1][IDS["forgotten"]]


def test_hard_reboot_by_the_compute_api(make_cloud, tmp_path):
    """Kilonova's tables are Nova's: a forgotten Windows there is mended in the database and rebooted by the API."""
    cloud = make_cloud()
    admin = cloud.admin()
    image = admin.image.post("/images", {"name": "i", "disk_format": "raw", "container_format": "bare", "os_distro": "windows"}).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    server = admin.compute.post("/servers", {"server": {"name": "s", "imageRef": image, "flavorRef": "1"}}).ok(202)["server"]["id"]
    guests.wait_status(admin, server)
    url = "sqlite:" + os.path.join(cloud.data, "kilonova.db")
    done = repair(tmp_path, "--apply", "--now", "--nova-db", url, "--server", "s", "--rule", "record-os-type", environment=admin.environment())
    assert "restarted  s" in done.stdout
    actions = admin.compute.get("/servers/%s/os-instance-actions" % server).ok(200)["instanceActions"]
    assert "reboot" in {a["action"] for a in actions}
    assert admin.compute.get("/servers/%s/kilonova-properties" % server).ok(200)["properties"]["os_type"] == "windows"
    plan = admin.compute.get("/servers/%s/kilonova-plan" % server).ok(200)["decisions"]
    assert {d["path"]: d["value"] for d in plan}["clock/@offset"] == "localtime"
    admin.compute.delete("/servers/" + server).ok(204)
    guests.wait_gone(admin, server)
    cloud.stop()


def test_what_is_no_nova(tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    for url, words in (("sqlite:%s" % other, "no cell database of Nova"), ("sqlite:/nowhere/nova.db", "nowhere"), ("nova.db", "it begins with")):
        done = subprocess.run([BINARY, "doctor", "--nova-db", url], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and words in done.stderr, done.stderr
