# SPDX-License-Identifier: Apache-2.0
"""Skews of real guests with the real agent: right, wrong by minutes and by a zone, silent, and without an agent."""
import base64
import json
import os
import re
import subprocess
import time

import pytest

from support import guests
from support.rest import wait_for
from support.servers import Servers


@pytest.fixture(scope="module")
def servers(make_cloud):
    return Servers(make_cloud(real=True))


def boot(servers, words="", os_type="linux", guest="linux", **attributes):
    data = base64.b64encode(words.encode()).decode()
    return servers.boot(servers.image(guest, os_type), flavor="1", config_drive=True, user_data=data, **attributes)


def clock(servers, server, now=True):
    return servers.admin.compute.get("/servers/%s/kilonova-clock?now=%d" % (server, now)).ok(200)["clock"]


def wait_measured(servers, server, **wanted):
    """The agent has come and was asked."""
    wanted = wanted or {"method": "agent"}

    def check():
        found = clock(servers, server)
        return all(found[k] == v for k, v in wanted.items()) and found
    return wait_for(check, 120, "%s: %r" % (server, wanted), pause=1)


def agent(server, command, **arguments):
    text = guests.virsh("qemu-agent-command", server, json.dumps({"execute": command, "arguments": arguments}))
    return json.loads(text)["return"]


def shift_guest(server, seconds):
    agent(server, "guest-set-time", time=int((time.time() + seconds) * 1e9))


def run_in_guest(server, script):
    agent(server, "guest-exec", path="/bin/sh", arg=["-c", script])


def kilonova(servers, *words):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    done = subprocess.run([servers.cloud.binary, "clock", *words], env={**env, **servers.admin.environment()}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metrics(servers):
    text = servers.admin.root.get("/metrics", token=None).content.decode()
    return {s: float(v) for s, v in re.findall(r'^kilonova_guest_clock_skew_seconds\{server="([^"]+)"\} (\S+)$', text, re.M)}


def test_right_then_wrong_then_silent(servers):
    server = boot(servers, name="one")
    # Nobody asked for it: the agent came, and that was reason enough.
    wait_for(lambda: clock(servers, server, now=False)["method"] == "agent", 120, "measured by itself", pause=1)
    found = clock(servers, server)
    assert found["verdict"] == "right" and abs(found["skew_seconds"]) < 3 and found["error_seconds"] < 2
    assert found["guest"]["zone_offset_seconds"] == 0
    assert re.search(r"^one +linux +utc +- +.*(ahead|behind) +\S+Z +right$", kilonova(servers), re.M)

    shift_guest(server, 600)
    found = clock(servers, server)
    assert found["verdict"] == "kerberos" and abs(found["skew_seconds"] - 600) < 4
    assert "Kerberos" in found["text"] and "KMS" not in found["text"] and "10 m 0" in found["text"]
    assert abs(metrics(servers)[server] - 600) < 4
    assert [line["verdict"] for line in found["history"]][:2] == ["kerberos", "right"]
    out = kilonova(servers, "one")
    assert re.search(r"10 m 0\d s ahead .*kerberos$", out, re.M) and "Kerberos logons fail" in out

    # A hanging agent: said within the deadline, and everybody else goes on.
    other = boot(servers, name="two")
    wait_measured(servers, other)
    run_in_guest(other, "killall -STOP qemu-ga; sleep 12; killall -CONT qemu-ga")
    found = wait_measured(servers, other, why="silent")
    assert found["verdict"] == "unknown" and found["skew_seconds"] is None and "2 s" in found["text"]
    assert other not in metrics(servers)
    assert "unknown (silent)" in kilonova(servers)
    # Its QEMU does not hang: the other ways to it stay open.
    servers.admin.compute.get("/servers/%s/diagnostics" % other).ok(200)
    assert clock(servers, server)["method"] == "agent"
    # This one has written its hardware clock when its time was set: that is still known when its agent hangs.
    run_in_guest(server, "killall -STOP qemu-ga; sleep 12; killall -CONT qemu-ga")
    found = wait_measured(servers, server, why="silent")
    assert found["method"] == "rtc" and found["verdict"] == "kerberos" and "hardware clock" in found["text"]
    wait_measured(servers, other, verdict="right")
    wait_measured(servers, server, method="agent", verdict="kerberos")
    servers.delete(server, other)


def test_a_zone_is_told_from_a_wrong_clock(servers):
    """A guest that keeps local time, nobody said so: the classic."""
    server = boot(servers, "rtc_zone=28800", os_type=None, name="classic")
    found = wait_measured(servers, server)
    assert found["verdict"] == "zone-kms" and found["os_type"] is None and found["policy"] == "utc"
    assert abs(found["skew_seconds"] + 28800) < 4
    assert found["guest"]["zone_offset_seconds"] == 28800
    assert "8 h 00 m behind = Asia/Shanghai" in found["text"]
    assert "0xC004F074" in found["text"] and "os_type=windows os_timezone=Asia/Shanghai" in found["text"]
    assert re.search(r'verdict="zone-kms"\} 1$', servers.admin.root.get("/metrics", token=None).content.decode(), re.M)
    # The repair that it names does it.
    repair = re.search(r"kilonova server set (\S+) (os_type=windows) (os_timezone=\S+) --reboot hard", found["text"])
    assert repair.group(1) == server
    servers.admin.compute.put("/servers/%s/kilonova-properties" % server, {
        "properties": dict(x.split("=") for x in repair.groups()[1:]), "reboot": "hard"}).ok(200)
    guests.wait_status(servers.admin, server)
    found = wait_measured(servers, server, verdict="right")
    assert found["policy"] == "timezone" and found["zone"] == "Asia/Shanghai"
    servers.delete(server)


def test_without_an_agent(servers):
    server = boot(servers, guest="rtc", name="bare")
    assert clock(servers, server)["why"] == "not-connected"
    assert "install and start qemu-guest-agent" in clock(servers, server)["text"]
    servers.delete(server)
    server = boot(servers, guest="rtc", name="bare", metadata={"kilonova:profile": "nova-26"})
    assert clock(servers, server)["why"] == "no-channel"
    servers.delete(server)


def test_an_undeclared_windows_gives_itself_away(servers):
    """It sets its hardware clock to another hour: 03 whatever it is in UTC."""
    server = boot(servers, guest="rtc-set3", os_type=None, name="secret")
    changes = wait_for(lambda: clock(servers, server)["hardware_clock"]["changes"], 60, "the guest sets its clock")
    found = clock(servers, server)
    hours = round(changes[0]["offset_seconds"] / 3600)
    assert abs(changes[0]["offset_seconds"] - hours * 3600) <= 2
    if hours == 0:      # run at three in the morning, this is a Linux
        assert found["warnings"] == [] and found["verdict"] == "right"
        return
    assert found["method"] == "none" and found["why"] == "not-connected", "right as a Windows or wrong as a Linux: nobody knows"
    assert [w["code"] for w in found["warnings"]] == ["undeclared-windows"]
    text = found["warnings"][0]["text"]
    assert "%d h 00 m" % abs(hours) in text and "kilonova server set %s os_type=windows --reboot hard" % server in text
    assert "! secret: " + text in kilonova(servers)
    plan = servers.admin.compute.get("/servers/%s/kilonova-plan" % server).ok(200)
    assert plan["warnings"] == found["warnings"]
    # Declared, there is nothing to warn of.
    servers.admin.compute.put("/servers/%s/kilonova-properties" % server, {"properties": {"os_type": "windows"}}).ok(200)
    assert clock(servers, server)["warnings"] == []
    servers.delete(server)


def test_a_declared_windows_without_an_agent(servers):
    """It writes the hour that it reads: by its hardware clock it is right, zone and all."""
    server = boot(servers, guest="rtc-same", os_type="windows", name="quiet", metadata={"os_timezone": "Asia/Shanghai"})
    wait_for(lambda: clock(servers, server)["method"] == "rtc", 60, "known by its hardware clock", pause=1)
    found = clock(servers, server)
    assert found["verdict"] == "right" and abs(found["skew_seconds"]) <= 2 and found["why"] == "not-connected"
    assert found["policy"] == "timezone" and abs(found["hardware_clock"]["offset_seconds"] - 28800) <= 2
    assert "hardware clock" in found["text"] and found["warnings"] == []
    assert abs(metrics(servers)[server]) <= 2
    servers.delete(server)
