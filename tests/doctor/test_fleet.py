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
BY_HAND = {"eleven-under-bios", "eleven-without-secure-boot", "disk-of-two"}
KINDS = sorted(set(fleet.FAULTS) | {"disk-of-two"})


def run(*words, status=None):
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=300, check=False)
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
