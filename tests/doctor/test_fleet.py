# SPDX-License-Identifier: Apache-2.0
"""A fleet of 1,000 definitions on libvirt's test driver: every seeded fault is found, no healthy guest is accused."""
import json
import os
import subprocess
import sys
import time

import pytest

from support.cloud import BINARY, TEST_URI

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import fleet  # noqa: E402 # pylint: disable=wrong-import-position

COUNT = 1000

# What the doctor calls the faults that the fleet was seeded with.
RULES = {
    "windows-on-utc": {"clock-windows-utc"},
    "server-on-utc": {"clock-windows-utc"},
    "linux-on-localtime": {"clock-linux-local"},
    "linux-in-a-zone": {"clock-linux-local"},
    "linux-eight-hours-off": {"clock-linux-local"},
    "clock-always-the-same": {"clock-absolute"},
    "zone-misspelt": {"clock-zone-unknown"},
    "ticks-lost": {"timer-ticks"},
    "hpet-left-on": {"timer-hpet"},
    "no-hyperv-clock": {"timer-hypervclock"},
    "kvmclock-taken": {"timer-kvmclock"},
    "no-hyperv-at-all": {"hyperv-missing"},
    "no-relaxed": {"hyperv-partial"},
    "no-spinlocks-no-vapic": {"hyperv-partial"},
    "no-synthetic-timers": {"hyperv-stimer"},
    "ipi-without-vpindex": {"hyperv-needs"},
    "evmcs-on-amd": {"hyperv-evmcs-amd"},
    "reenlightenment-without-tsc": {"hyperv-reenlightenment"},
    "hyperv-passthrough": {"hyperv-passthrough"},
    "four-sockets": {"cpu-sockets"},
    "sixteen-sockets-by-default": {"cpu-sockets"},
    "oldest-cpu": {"cpu-model"},
    "no-agent-channel": {"agent-channel"},
    "only-spice-channel": {"agent-channel"},
    "channel-misnamed": {"agent-channel-name"},
    "no-balloon": {"balloon-missing"},
    "balloon-off": {"balloon-missing"},
    "balloon-without-period": {"balloon-period"},
    "machine-not-pinned": {"machine-unpinned"},
    "no-acpi": {"acpi-missing"},
    "machine-gone": {"machine-gone"},
    "eleven-without-tpm": {"tpm-missing"},
    "flushes-ignored": {"disk-unsafe"},
    "installation-left-behind": {"lifecycle-reboot"},
    "eleven-under-bios": {"firmware-bios"},
    "eleven-without-secure-boot": {"firmware-secure-boot"},
    "changed-since-start": {"running-differs"},
    "disk-of-two": {"disk-two-writers"},
    "nova-windows": {"hyperv-stimer", "hyperv-reenlightenment"},
    "nova-windows-no-agent": {"hyperv-stimer", "hyperv-reenlightenment", "agent-channel"},
    "nova-windows-no-agent-hpet": {"hyperv-stimer", "hyperv-reenlightenment", "agent-channel", "timer-hpet"},
    "virt-install-debian": {"balloon-period"},
    "virt-install-ubuntu": {"balloon-period"},
    "virt-install-win10": {"balloon-period", "hyperv-stimer", "agent-channel"},
    "virt-install-win2k19": {"balloon-period", "hyperv-stimer", "agent-channel"},
}
BY_HAND = {"eleven-under-bios", "eleven-without-secure-boot", "disk-of-two", "changed-since-start"}
KINDS = sorted(set(fleet.FAULTS) | {"disk-of-two"})


def run(*words, status=None, environment=None):
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, **(environment or {})})
    assert status is None or done.returncode == status, (done.returncode, done.stdout[-2000:], done.stderr)
    return done


def doctor(*words, status=None):
    return json.loads(run("doctor", "--libvirt", TEST_URI, "--json", *words, status=status).stdout)


def by_guest(findings):
    found = {}
    for finding in findings:
        found.setdefault(finding["server"]["id"], set()).add(finding["rule"])
    return found


@pytest.fixture(scope="module", name="seeded")
def fixture_seeded(test_driver):
    """The fleet, defined; guests and libvirt's text of each."""
    subprocess.run(["host-zone", fleet.HOST_ZONE], check=True)
    for domain in test_driver.listAllDomains():
        if domain.isActive():
            domain.destroy()
        domain.undefine()
    guests = fleet.seed(COUNT)
    texts, refused = fleet.define(test_driver, guests)
    yield {guest.name: guest for guest in guests if guest.name in texts}, texts, refused
    for domain in test_driver.listAllDomains():
        if domain.isActive():
            domain.destroy()
        domain.undefine()
    subprocess.run(["host-zone", "Etc/UTC"], check=True)


def test_fleet_is_large_and_varied(seeded):
    guests, _, refused = seeded
    assert len(KINDS) >= 25 and len(fleet.LOOKALIKES) >= 25
    # libvirt itself refuses only some of Nova's more exotic ones here.
    assert len(guests) >= COUNT * 0.97, refused
    assert not [name for name in refused if not name.startswith("instance-")], refused
    faults = {guest.fault for guest in guests.values()}
    assert set(RULES) <= faults


def test_each_fault_is_found_and_nobody_else_is_accused(seeded):
    guests, _, _ = seeded
    start = time.monotonic()
    audit = doctor(status=1)
    seconds = time.monotonic() - start
    assert audit["servers"] == len(guests)
    found = by_guest(audit["findings"])
    missed, accused = {}, {}
    for name, guest in guests.items():
        if guest.fault == "nova-other":
            continue
        expected = RULES[guest.fault] if guest.fault else set()
        seen = found.get(guest.uuid, set())
        if expected - seen:
            missed[name] = expected - seen
        if seen - expected:
            accused[name] = seen - expected
    assert not missed and not accused, (missed, accused)
    assert set(found) <= {guest.uuid for guest in guests.values()}
    print("audit of %d guests: %.2f s" % (len(guests), seconds))


def test_finding_says_what_why_and_how(seeded):
    audit = doctor("--rule", "clock-windows-utc", status=1)
    assert {f["rule"] for f in audit["findings"]} == {"clock-windows-utc"}
    finding = audit["findings"][0]
    assert "clock/@offset = utc" in finding["evidence"]
    assert "KMS" in finding["causes"] and finding["needs_reboot"] and finding["automatic"]
    assert {"action": "set", "path": "clock/@offset", "value": "localtime", "was": "utc"} in finding["changes"]
    text = run("doctor", "--libvirt", TEST_URI, "--server", finding["server"]["name"], status=1).stdout
    assert "clock/@offset = utc" in text and "1 findings" in text


def test_clean_guest_and_bad_words(seeded):
    run("doctor", "--libvirt", TEST_URI, "--server", "h-windows-local-0", status=0)
    assert "there is no rule" in run("doctor", "--libvirt", TEST_URI, "--rule", "x", status=2).stderr
    assert "no time zone" in run("doctor", "--libvirt", TEST_URI, "--zone", "Asia/Shangai", status=2).stderr
    assert "cannot reach" in run("doctor", "--libvirt", "qemu+unix:///system?socket=/nowhere", status=2).stderr


def texts_now(connection, guests):
    import libvirt
    return {name: connection.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for name in guests}


def repair(journal, *words, status=None, environment=None):
    return run("repair", "--journal", str(journal), *words, status=status, environment=environment)


def repair_id(done):
    return done.stdout.split("repair ", 1)[1].split()[0].rstrip(":")


def test_plan_changes_nothing_and_says_what(seeded, test_driver, tmp_path):
    guests, texts, _ = seeded
    plan = repair(tmp_path, "--libvirt", TEST_URI, "--all", status=0).stdout
    assert "set clock/@offset to 'localtime' (was 'utc')" in plan and "would be repaired; say --apply" in plan
    assert "by hand: f-eleven-under-bios-0  firmware-bios" in plan
    assert "left alone: Nova writes its definition anew" in plan
    assert texts_now(test_driver, guests) == texts
    assert not list(tmp_path.iterdir())
    assert "say what to repair" in repair(tmp_path, "--libvirt", TEST_URI, status=2).stderr


def test_repair_leaves_no_finding_and_undo_restores_each_byte(seeded, test_driver, tmp_path):
    guests, texts, _ = seeded
    done = repair(tmp_path, "--apply", "--libvirt", TEST_URI, "--all", "--cloud-guests", "--now", "--grace", "0", "--max-parallel", "4",
                  status=0)
    left = doctor(status=1)["findings"]
    # What is mended by hand only, and nothing else.
    assert {f["rule"] for f in left} == set().union(*(RULES[kind] for kind in BY_HAND))
    assert not [f for f in left if f["automatic"]]
    changed = {name for name, text in texts_now(test_driver, guests).items() if text != texts[name]}
    assert {guests[name].fault for name in changed} >= set(fleet.FAULTS) - BY_HAND
    assert not [name for name in changed if guests[name].fault is None]

    undone = repair(tmp_path, "--undo", repair_id(done), status=0).stdout
    assert "0 not" in undone
    assert texts_now(test_driver, guests) == texts


def test_one_rule_one_server_one_step(seeded, test_driver, tmp_path):
    """The smallest change: what is not named stays as it was."""
    guests, texts, _ = seeded
    name = "f-hpet-left-on-1"
    done = repair(tmp_path, "--apply", "--libvirt", TEST_URI, "--server", name, "--rule", "timer-hpet", status=0)
    now = texts_now(test_driver, guests)
    assert [n for n in guests if now[n] != texts[n]] == [name]
    assert set(now[name].splitlines()) - set(texts[name].splitlines()) == {"    <timer name='hpet' present='no'/>"}
    assert not set(texts[name].splitlines()) - set(now[name].splitlines())
    assert "1 defined" in repair(tmp_path, "--list", status=0).stdout
    repair(tmp_path, "--undo", repair_id(done), status=0)
    assert texts_now(test_driver, guests) == texts
    assert "1 undone" in repair(tmp_path, "--list", status=0).stdout


@pytest.mark.parametrize("point", ["repair.begun", "repair.defined@1", "repair.defined@7", "repair.defined@13"])
@pytest.mark.parametrize("verb", ["--resume", "--undo"])
def test_killed_repair_goes_on_or_back(seeded, test_driver, tmp_path, point, verb):
    guests, texts, _ = seeded
    words = ["--libvirt", TEST_URI, "--rule", "clock-linux-local", "--all"]
    killed = repair(tmp_path, "--apply", *words, environment={"KILONOVA_FAULT": point + "=kill"})
    assert killed.returncode == -9
    number = repair_id(killed)
    assert number in repair(tmp_path, "--list", status=0).stdout
    repair(tmp_path, verb, number, status=0)
    if verb == "--resume":
        run("doctor", "--libvirt", TEST_URI, "--rule", "clock-linux-local", status=0)
        repair(tmp_path, "--undo", number, status=0)
    assert texts_now(test_driver, guests) == texts


def test_killed_between_off_and_on(seeded, test_driver, tmp_path):
    """Gone on with, a guest that an interrupted repair has powered off runs again."""
    _, texts, _ = seeded
    name = "f-hpet-left-on-1"
    domain = test_driver.lookupByName(name)
    ran = domain.isActive()
    if not ran:
        domain.create()
    killed = repair(tmp_path, "--apply", "--libvirt", TEST_URI, "--server", name, "--rule", "timer-hpet", "--now", "--grace", "0",
                    environment={"KILONOVA_FAULT": "repair.off=kill"})
    assert killed.returncode == -9 and not domain.isActive()
    number = repair_id(killed)
    assert "1 restarting" in repair(tmp_path, "--list", status=0).stdout
    done = repair(tmp_path, "--resume", number, status=0).stdout
    assert "restarted  " + name in done and domain.isActive()
    repair(tmp_path, "--undo", number, status=0)
    if not ran:
        domain.destroy()
    assert domain.XMLDesc(2) == texts[name]


def test_undo_does_not_overwrite_somebody_elses_change(seeded, test_driver, tmp_path):
    import libvirt
    guests, texts, _ = seeded
    name = "f-balloon-off-2"
    done = repair(tmp_path, "--apply", "--libvirt", TEST_URI, "--server", name, status=0)
    domain = test_driver.lookupByName(name)
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    test_driver.defineXML(text.replace("<vcpu placement='static'>4<", "<vcpu placement='static' current='3'>4<"))
    undone = repair(tmp_path, "--undo", repair_id(done), status=1)
    assert "was changed since the repair" in undone.stdout
    assert "current='3'" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    test_driver.defineXML(guests[name].xml)
    assert texts_now(test_driver, guests) == texts


def test_bad_repairs(tmp_path):
    assert "no repair" in repair(tmp_path, "--undo", "20990101-000000-abcd", status=2).stderr
    assert "no repair" in repair(tmp_path, "--undo", "../etc", status=2).stderr
    assert "is no window" in repair(tmp_path, "--libvirt", TEST_URI, "--all", "--window", "Someday 02:00", status=2).stderr
    assert "exclude each other" in repair(tmp_path, "--libvirt", TEST_URI, "--all", "--apply", "--plan", status=2).stderr
    assert "exclude each other" in repair(tmp_path, "--libvirt", TEST_URI, "--all", "--now", "--window", "02:00-03:00", status=2).stderr
