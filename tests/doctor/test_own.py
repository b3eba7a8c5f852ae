# SPDX-License-Identifier: Apache-2.0
"""A cloud's own servers: findings by API, command and metrics."""
import http.server
import json
import os
import subprocess
import threading

import pytest

from support import guests
from support.cloud import TEST_URI


def run(cloud, *words, status=None, env=None):
    done = subprocess.run([cloud.binary, *words], env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120, check=False)
    assert status is None or done.returncode == status, (done.returncode, done.stdout[-1500:], done.stderr)
    return done


def image(client, **properties):
    body = {"name": "i", "disk_format": "raw", "container_format": "bare", **properties}
    made = client.image.post("/images", body).ok(201)["id"]
    client.image.call("PUT", "/images/%s/file" % made, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    return made


def boot(client, name, image_id, flavor="1"):
    body = {"server": {"name": name, "imageRef": image_id, "flavorRef": flavor}}
    server = client.compute.post("/servers", body).ok(202)["server"]["id"]
    guests.wait_status(client, server)
    return server


@pytest.fixture(scope="module", name="own")
def fixture_own(make_cloud):
    cloud = make_cloud(arguments=["--doctor-audit-interval", "1"])
    cloud.admin_client = cloud.admin()
    cloud.user = cloud.account("doctor-user", admin=cloud.admin_client)
    cloud.other = cloud.account("doctor-other", admin=cloud.admin_client)
    cloud.ill = boot(cloud.user, "ill", image(cloud.user, os_distro="windows", hw_max_sockets="2"))
    cloud.well = boot(cloud.user, "well", image(cloud.user, os_type="linux", os_distro="debian"))
    cloud.theirs = boot(cloud.other, "theirs", image(cloud.other, os_type="windows", os_clock_policy="utc"))
    yield cloud
    for server in (cloud.ill, cloud.well, cloud.theirs):
        cloud.admin_client.compute.delete("/servers/" + server).ok(204)
    for server in (cloud.ill, cloud.well, cloud.theirs):
        guests.wait_gone(cloud.admin_client, server)
    cloud.stop()


def found(answer, server):
    return {f["rule"] for f in answer["findings"] if f["server"]["id"] == server}


def test_findings_of_the_user_and_of_all(own):
    mine = own.user.root.get("/kilonova/findings").ok(200)
    assert mine["servers"] == 2 and mine["hosts"] == []
    assert {"clock-windows-utc", "record-os-type", "record-property"} <= found(mine, own.ill)
    assert found(mine, own.well) == set() and not found(mine, own.theirs)
    assert all(f["server"]["host"] is None for f in mine["findings"])
    record = [f for f in mine["findings"] if f["rule"] == "record-os-type"][0]
    assert record["records"] == [{"name": "os_type", "value": "windows", "was": None}]

    everything = own.admin_client.root.get("/kilonova/findings").ok(200)
    assert everything["servers"] == 3 and everything["hosts"][0]["uri"] == TEST_URI
    # Declared: a Windows on UTC whose registry says so.
    assert "clock-windows-utc" not in found(everything, own.theirs)
    assert everything["findings"][0]["server"]["host"]


def test_narrowed_by_rule_and_server(own):
    path = "/v2.1/kilonova-findings"
    one = own.user.compute.get(path.replace("/v2.1", "") + "?rule=record-property").ok(200)
    assert {f["rule"] for f in one["findings"]} == {"record-property"}
    assert own.user.root.get("/kilonova/findings?server=" + own.well).ok(200)["findings"] == []
    assert own.user.root.get("/kilonova/findings?rule=nothing").status == 400
    assert own.user.root.get("/kilonova/findings", token=None).status == 401


def test_command(own):
    env = own.user.environment()
    text = run(own, "doctor", "--own", status=1, env=env).stdout
    assert "record-os-type  ill" in text and "os_distro" in text
    assert json.loads(run(own, "doctor", "--own", "--json", "--server", "well", status=0, env=env).stdout)["findings"] == []
    assert "neither --libvirt nor" in run(own, "doctor", "--own", "--libvirt", TEST_URI, status=2, env=env).stderr
    assert run(own, "doctor", "--own", status=2, env={**env, "OS_PASSWORD": "wrong"}).stderr.startswith("kilonova: ")


def test_usage(own):
    refused = run(own, "repair", "--all", status=2).stderr
    assert "--own, --libvirt URI or --nova-db URL" in refused and "[--zone AREA/CITY]" in refused


def properties(own, server):
    return own.user.compute.get("/servers/%s/kilonova-properties" % server).ok(200)["properties"]


def test_repair_plans_stages_and_undoes(own, tmp_path):
    env, before = own.user.environment(), properties(own, own.ill)
    plan = run(own, "repair", "--own", "--all", "--journal", str(tmp_path), status=0, env=env).stdout
    assert "set property os_type to 'windows' (was absent)" in plan and "set property hw_cpu_max_sockets to '2'" in plan
    assert "say --apply to do it" in plan and properties(own, own.ill) == before

    words = ["--own", "--server", "ill", "--rule", "record-os-type", "--journal", str(tmp_path)]
    staged = run(own, "repair", "--apply", *words, status=0, env=env).stdout
    assert "defined  ill" in staged
    assert properties(own, own.ill) == {**before, "os_type": "windows"}
    # The definition follows at the next start.
    assert "clock-windows-utc" in found(own.user.root.get("/kilonova/findings").ok(200), own.ill)
    number = staged.split("undo it with: kilonova repair --undo ")[1].split()[0]
    undone = run(own, "repair", "--undo", number, "--journal", str(tmp_path), status=0, env=env).stdout
    assert "1 undone" in undone and properties(own, own.ill) == before


def test_repair_restarts_and_looks_again(own, tmp_path):
    env, before = own.user.environment(), properties(own, own.ill)
    done = run(own, "repair", "--apply", "--own", "--server", "ill", "--all", "--now", "--journal", str(tmp_path), status=0, env=env).stdout
    assert "restarted  ill" in done
    left = found(own.user.root.get("/kilonova/findings").ok(200), own.ill)
    assert not left & {"clock-windows-utc", "record-os-type", "record-property"}, left
    number = done.split("undo it with: kilonova repair --undo ")[1].split()[0]
    run(own, "repair", "--undo", number, "--now", "--journal", str(tmp_path), status=0, env=env)
    assert properties(own, own.ill) == before
    assert "record-os-type" in found(own.user.root.get("/kilonova/findings").ok(200), own.ill)


class Notices:
    """Somebody's web address, and what it was told."""

    def __init__(self, status):
        told = self.told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.server.server_port


def test_notice_before_the_restart(own, tmp_path):
    env, before = own.user.environment(), properties(own, own.ill)
    words = ["--own", "--server", "ill", "--rule", "record-os-type", "--now", "--journal", str(tmp_path)]
    refusing = Notices(500)
    left = run(own, "repair", "--apply", *words, "--webhook", refusing.url, status=1, env=env).stdout
    assert "defined  ill (not restarted)" in left and "answered the notice with 500" in left
    assert "clock-windows-utc" in found(own.user.root.get("/kilonova/findings").ok(200), own.ill)

    taking = Notices(204)
    number = left.split("undo it with: kilonova repair --undo ")[1].split()[0]
    run(own, "repair", "--resume", number, "--webhook", taking.url, "--journal", str(tmp_path), status=0, env=env)
    assert taking.told == [{"event": "server.restart", "server": {"id": own.ill, "name": "ill", "host": None}, "rules": ["record-os-type"]}]
    run(own, "repair", "--undo", number, "--now", "--journal", str(tmp_path), status=0, env=env)
    assert properties(own, own.ill) == before
    for notices in (refusing, taking):
        notices.server.shutdown()


def test_interrupted_repair_of_own_goes_on(own, tmp_path):
    env, before = own.user.environment(), properties(own, own.ill)
    words = ["--own", "--server", "ill", "--rule", "record-os-type", "--journal", str(tmp_path)]
    killed = run(own, "repair", "--apply", *words, env={**env, "KILONOVA_FAULT": "repair.defined=kill"})
    assert killed.returncode == -9
    number = killed.stdout.split("repair ")[-1].split()[0]
    assert "1 done" in run(own, "repair", "--resume", number, "--journal", str(tmp_path), status=0, env=env).stdout
    own.user.compute.put("/servers/%s/kilonova-properties" % own.ill, {"properties": {"os_type": "linux"}}).ok(200)
    assert "changed since" in run(own, "repair", "--undo", number, "--journal", str(tmp_path), status=1, env=env).stdout
    own.user.compute.put("/servers/%s/kilonova-properties" % own.ill, {"properties": {"os_type": None}}).ok(200)
    assert properties(own, own.ill) == before


def test_mended_server_is_not_accused(own):
    own.user.compute.put("/servers/%s/kilonova-properties" % own.ill,
                         {"properties": {"os_type": "windows", "hw_max_sockets": None, "os_timezone": "Asia/Shanghai"}, "reboot": "hard"}
                         ).ok(200)
    guests.wait_status(own.user, own.ill)
    assert not found(own.user.root.get("/kilonova/findings").ok(200), own.ill) & {"clock-windows-utc", "record-os-type", "record-property"}


def test_changed_by_hand_differs_from_the_plan(own, test_driver):
    import libvirt
    domain = test_driver.lookupByUUIDString(own.well)
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    test_driver.defineXML(text.replace("<timer name='hpet' present='no'/>", "<timer name='hpet' present='yes'/>"))
    finding = [f for f in own.user.root.get("/kilonova/findings?rule=plan-differs").ok(200)["findings"]][0]
    assert finding["server"]["id"] == own.well
    assert any(line.startswith("clock/timer[hpet]/@present = yes, planned no: ") for line in finding["evidence"])
    test_driver.defineXML(text)
    assert not own.user.root.get("/kilonova/findings?rule=plan-differs").ok(200)["findings"]


def test_lost_domain_and_lost_record(own, test_driver):
    import libvirt
    domain = test_driver.lookupByUUIDString(own.theirs)
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    orphan = text.replace(own.theirs, "11111111-2222-4333-8444-555555555555")
    orphan = orphan.replace("<name>%s</name>" % domain.name(), "<name>orphan</name>")
    test_driver.defineXML(orphan)
    rules = {f["rule"]: f for f in own.admin_client.root.get("/kilonova/findings").ok(200)["findings"]}
    assert rules["domain-no-record"]["server"]["id"] == "11111111-2222-4333-8444-555555555555"
    test_driver.lookupByUUIDString(own.theirs).destroy()
    test_driver.lookupByUUIDString(own.theirs).undefine()
    theirs = own.other.root.get("/kilonova/findings").ok(200)
    assert found(theirs, own.theirs) == {"record-no-domain"} and "lab" not in json.dumps(theirs)
    test_driver.defineXML(text).create()
    assert "domain-no-record" not in {f["rule"] for f in own.other.root.get("/kilonova/findings").ok(200)["findings"]}
    test_driver.lookupByName("orphan").undefine()


def test_count_in_metrics(own):
    own.admin_client.root.get("/kilonova/findings").ok(200)
    text = own.admin_client.root.get("/metrics", token=None).content.decode()
    assert 'kilonova_findings{severity="error"}' in text
