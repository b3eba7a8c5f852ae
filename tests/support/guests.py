# SPDX-License-Identifier: Apache-2.0
"""What guests say: clocks read from console logs, facts printed by the linux guest, virsh."""
import datetime
import os
import re
import subprocess
import xml.etree.ElementTree as ET

from .cloud import TREE
from .rest import wait_for

IMAGES = os.environ.get("KILONOVA_GUESTS") or os.path.join(TREE, "build", "guests")


def image(name, form="qcow2"):
    """Path of a test guest's image: rtc, rtc-same, rtc-set3, linux."""
    path = os.path.join(IMAGES, "%s.%s" % (name, form))
    assert os.path.exists(path), path + " is missing: run tests/guests/build"
    return path


def clocks(console):
    """The RTC times in a console log, oldest first, of the rtc guest and of the linux guest."""
    found = []
    for line in console.splitlines():
        bare = re.fullmatch(r"(\d{14})", line.strip())
        said = re.fullmatch(r"RTC (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)", line.strip())
        digits = bare.group(1) if bare else "".join(said.groups()) if said else None
        if digits:
            found.append(datetime.datetime.strptime(digits, "%Y%m%d%H%M%S"))
    return found


def clock_offset(console):
    """Hours between the last clock that the guest printed and UTC now, to the quarter; None if it printed none."""
    said = clocks(console)
    if not said:
        return None
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return round((said[-1] - now).total_seconds() / 900) / 4


def facts(console):
    """The linux guest's lines by first word: {"ADDRESS": ["eth0 10.0.0.5/24 …"], "CONFIG": […]}; only the last boot."""
    out = {}
    for line in console.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "KERNEL":
            out = {}
        if word.isupper():
            out.setdefault(word, []).append(rest)
    return out


def virsh(*arguments, check=True):
    run = subprocess.run(["virsh", "-q", "-c", "qemu:///system", *arguments], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert not check or run.returncode == 0, "virsh %s: %s" % (" ".join(arguments), run.stderr)
    return run.stdout


def domain(uuid, inactive=False):
    """The domain's XML as a tree."""
    return ET.fromstring(virsh("dumpxml", uuid, *(["--inactive"] if inactive else [])))


def console_of(client, server):
    answer = client.compute.post("/servers/%s/action" % server, {"os-getConsoleOutput": {}})
    return answer.ok(200)["output"]


def wait_clock(client, server, hours, seconds=60):
    """Waits until the guest reads UTC + @hours."""
    wait_for(lambda: clock_offset(console_of(client, server)) == hours, seconds, "clock of %s at UTC%+g" % (server, hours))


def wait_status(client, server, want="ACTIVE", seconds=90, settled=True):
    """Waits for the server's status; an ERROR that was not asked for fails with its fault."""
    def check():
        body = client.compute.get("/servers/" + server).ok(200)["server"]
        if body["status"] == "ERROR" and want != "ERROR":
            raise AssertionError("server %s: ERROR: %r" % (server, body.get("fault")))
        if body["status"] == want and not (settled and body.get("OS-EXT-STS:task_state")):
            return body
        return None
    return wait_for(check, seconds, "server %s %s" % (server, want))


def wait_gone(client, server, seconds=60):
    wait_for(lambda: client.compute.get("/servers/" + server).status == 404, seconds, "server %s gone" % server)
