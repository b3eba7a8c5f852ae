# SPDX-License-Identifier: Apache-2.0
"""Reasons and profiles: `kilonova explain`, what a hard reboot or another profile would change, the change itself, and back again;
on real domains."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import xml.etree.ElementTree as ET

import pytest

from support import guests
from support.servers import Servers


@pytest.fixture(scope="module")
def world(real_cloud):
    made = Servers(real_cloud)
    made.net = made.network()
    return made


def kilonova(world, *words, code=0, **options):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
    done = subprocess.run([world.cloud.binary, *words], env={**env, **world.admin.environment()}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240, **options)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def as_json(world, *words):
    return json.loads(kilonova(world, *words, "--json"))


def definition(server):
    """The persistent definition as text that can be compared."""
    return ET.tostring(guests.domain(server, inactive=True), encoding="unicode")


def machine(server):
    return guests.domain(server, inactive=True).find("os/type").get("machine")


@pytest.fixture
def server(world):
    made = world.boot(world.image("rtc", **{"kilonova:profile": "nova-26"}), world.net, name="old")
    yield made
    world.delete(made)


def test_a_reboot_that_fails_is_no_success(world):
    """QEMU 7.2 refuses Nova's Hyper-V flags without KVM; the server then runs on as it was."""
    server = world.boot(world.image("rtc", os_type="windows"), world.net, name="kept")
    said = kilonova(world, "server", "upgrade-profile", server, "--profile", "nova-26", "--reboot", "hard", code=1)
    assert "the reboot failed and the server runs as before" in said and "HyperV" in said, said
    assert "would change nothing" not in kilonova(world, "explain", server, "--diff")
    kilonova(world, "server", "upgrade-profile", server, "--undo", "--reboot", "hard")
    world.delete(server)


def test_nothing_changes_by_itself(world, server):
    diff = as_json(world, "explain", server, "--diff")
    assert diff["changes"] == [] and diff["hardware"] == [] and diff["by_hand"] == [], diff
    assert "would change nothing" in kilonova(world, "explain", server, "--diff")


def test_a_hard_reboot_would_change(world, server):
    kilonova(world, "server", "set", server, "os_type=windows")
    diff = as_json(world, "explain", server, "--diff")
    assert {c["path"]: (c["before"], c["after"]) for c in diff["changes"]}["clock/@offset"] == ("utc", "localtime")
    assert all(c["path"].startswith("clock") for c in as_json(world, "explain", server, "clock", "--diff")["changes"])
    text = kilonova(world, "explain", server, "--diff")
    assert re.search(r"^ +clock/@offset +utc +localtime +\S", text, re.M), text
    kilonova(world, "server", "set", server, "os_type=linux")
    assert as_json(world, "explain", server, "--diff")["changes"] == []


def test_an_edit_by_hand_is_named(world, server, tmp_path):
    before = definition(server)
    edited = guests.domain(server, inactive=True)
    edited.find("clock").set("offset", "localtime")
    edited.find("devices").remove(edited.find("devices/memballoon"))
    path = tmp_path / "edited.xml"
    path.write_text(ET.tostring(edited, encoding="unicode"))
    guests.virsh("define", str(path))
    assert definition(server) != before
    found = {d["path"]: (d["planned"], d["found"]) for d in as_json(world, "explain", server, "--diff")["by_hand"]}
    assert found["clock/@offset"] == ("utc", "localtime"), found
    assert "Somebody has edited" in kilonova(world, "explain", server, "--diff")
    world.act(server, "reboot", {"type": "HARD"})
    assert as_json(world, "explain", server, "--diff")["by_hand"] == []


def test_upgrade_and_undo_restore_the_definition(world, server):
    before, kind = definition(server), machine(server)
    assert "pc-i440fx" in kind
    seen = as_json(world, "server", "upgrade-profile", server, "--dry-run")
    assert not seen["applied"] and seen["new_profile"] == "kilonova-1" and seen["hardware_kept"]
    piece = next(h for h in seen["hardware"] if h["key"] == "machine")
    assert piece["label"] == "machine type" and piece["before"] == "pc" and "q35" in piece["after"]
    assert world.admin.compute.get("/servers/%s/kilonova-profile" % server).ok(200)["profile"] == "nova-26"

    text = kilonova(world, "server", "upgrade-profile", server, "--reboot", "hard")
    assert "nova-26 -> kilonova-1" in text and "The hardware stays" in text and "machine type" in text
    assert machine(server) == kind and definition(server) != before
    assert guests.domain(server, inactive=True).find(".//channel/target[@name='org.qemu.guest_agent.0']") is not None
    shown = world.admin.compute.get("/servers/%s/kilonova-profile" % server).ok(200)
    assert shown["profile"] == "kilonova-1" and [h["profile"] for h in shown["history"]] == ["nova-26"]
    assert as_json(world, "explain", server, "--diff")["changes"] == []

    kilonova(world, "server", "upgrade-profile", server, "--undo", "--reboot", "hard")
    assert definition(server) == before
    assert world.admin.compute.get("/servers/%s/kilonova-profile" % server).ok(200)["history"] == []
    clocks = as_json(world, "explain", server, "clock")["decisions"]
    assert clocks and all(re.match(r"clock($|[/@\[])", d["path"]) for d in clocks)
    assert "no part" in kilonova(world, "explain", server, "nonsense", "--json", code=1)
    assert "has not been changed" in kilonova(world, "server", "upgrade-profile", server, "--undo", code=1)


def test_new_hardware_on_purpose_and_back(world, server):
    before = definition(server)
    refused = kilonova(world, "server", "upgrade-profile", server, "--hardware", code=1)
    assert "--yes" in refused and definition(server) == before
    text = kilonova(world, "server", "upgrade-profile", server, "--hardware", "--yes", "--reboot", "hard")
    assert "installed on" in text and re.search(r"^machine type +pc +pc-q35", text, re.M), text
    assert "q35" in machine(server)
    after = definition(server)
    world.act(server, "reboot", {"type": "HARD"})
    assert definition(server) == after, "the new hardware is frozen"
    undo = kilonova(world, "server", "upgrade-profile", server, "--undo", "--reboot", "hard")
    assert "The hardware of before comes back" in undo
    assert re.search(r"^machine type +pc-q35\S+ +pc\n", undo, re.M), undo
    assert definition(server) == before


def test_a_rebuild_forgets_earlier_hardware(world, server):
    kilonova(world, "server", "upgrade-profile", server)
    world.act(server, "rebuild", {"imageRef": world.image("rtc", **{"kilonova:profile": "nova-26"})})
    assert "has not been changed" in kilonova(world, "server", "upgrade-profile", server, "--undo", code=1)


def test_what_an_upgrade_would_change(world, server):
    diff = as_json(world, "explain", server, "--profile", "kilonova-1")
    assert diff["profile"] == "nova-26" and diff["new_profile"] == "kilonova-1" and diff["changes"]
    text = kilonova(world, "explain", server, "--profile", "kilonova-1")
    assert "compared with kilonova-1" in text and "agent" in text
    assert "no profile" in kilonova(world, "explain", server, "--profile", "nova-99", code=1)


def test_refusals(world, server, real_cloud):
    path = "/servers/%s/kilonova-profile" % server
    for body, status in (({"profile": "nova-99"}, 400), ({"profile": "nova-26"}, 409), ({"undo": True}, 409), ({"x": 1}, 400),
                         ({"undo": True, "profile": "nova-26"}, 400), ({"profile": "kilonova-1", "hardware": "perhaps"}, 400)):
        assert world.admin.compute.put(path, body).status == status, body
    other = real_cloud.account("other-profiles")
    assert other.compute.put(path, {"profile": "kilonova-1"}).status == 404
    assert other.compute.get(path).status == other.compute.get("/servers/%s/kilonova-plan/changes" % server).status == 404


def on_terminal(world, columns, *words):
    """What the command prints on a terminal of that width."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower() and k != "COLUMNS"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = subprocess.Popen([world.cloud.binary, *words], env={**env, **world.admin.environment()}, stdin=theirs, stdout=theirs,
                               stderr=subprocess.STDOUT)
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    assert process.wait() == 0, text
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_tables_fit_the_terminal(world, server, columns):
    text = on_terminal(world, columns, "explain", server)
    lines = text.splitlines()[1:]
    assert max(map(len, lines)) <= columns
    start = lines[0].index("WHY")
    assert all(line[start - 2:start].strip() == "" for line in lines), "columns stay columns"


def test_a_line_each_in_a_pipe(world, server):
    lines = kilonova(world, "explain", server).splitlines()[1:]
    count = len(as_json(world, "explain", server)["decisions"])
    assert len(lines) == count + 1
    start, value = lines[0].index("WHY"), lines[0].index("VALUE")
    assert all(line[start - 2:start] == "  " and line[start] != " " and line[value - 2:value] == "  " for line in lines)
    assert all(re.search(r"\[.+; [a-z0-9.-]+\]$", line) for line in lines[1:])
