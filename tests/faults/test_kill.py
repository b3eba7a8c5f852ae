# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every fault point of every operation, five times each, on real guests; and what must be true afterwards.

The points are not listed here: a first run of each operation notes those that it passes (KILONOVA_FAULT_LIST)."""
import collections
import contextlib
import os
import random
import re
import sqlite3
import subprocess
import time

import pytest
import requests

from support import guests
from support.rest import wait_for

ROUNDS = int(os.environ.get("KILONOVA_KILL_ROUNDS", "5"))
HISTOGRAM = collections.Counter()

STRANGER = """<domain type='qemu'><name>instance-00000001</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='raw'/>
<source file='%s'/><target dev='hda' bus='ide'/></disk></devices></domain>"""
STRANGER_NETWORK = "<network><name>default</name><bridge name='virbr-other'/><ip address='192.168.2.1' netmask='255.255.255.0'/></network>"
STRANGER_POOL = "<pool type='dir'><name>default</name><target><path>%s</path></target></pool>"


class Strangers:
    """Somebody else's guest, network and pool on the same libvirtd."""

    def __init__(self, folder):
        self.disk = os.path.join(folder, "theirs.img")
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["cp", guests.image("rtc", "img"), self.disk], check=True)
        for kind, text in (("define", STRANGER % self.disk), ("net-define", STRANGER_NETWORK), ("pool-define", STRANGER_POOL % folder)):
            path = os.path.join(folder, kind + ".xml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            guests.virsh(kind, path)
        guests.virsh("start", "instance-00000001")
        guests.virsh("pool-start", "default")
        self.before = self.look()

    def look(self):
        with open(self.disk, "rb") as f:
            return (guests.virsh("domstate", "instance-00000001"), guests.virsh("domid", "instance-00000001"),
                    guests.virsh("dumpxml", "instance-00000001", "--inactive"), guests.virsh("net-dumpxml", "default"),
                    guests.virsh("pool-dumpxml", "default", "--inactive"), f.read())

    def remove(self):
        guests.virsh("destroy", "instance-00000001")
        guests.virsh("undefine", "instance-00000001")
        guests.virsh("pool-destroy", "default")
        guests.virsh("pool-undefine", "default")
        guests.virsh("net-undefine", "default")


class Bench:
    """One cloud that is killed again and again, and the operations on its servers."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.admin = cloud.admin()
        self.strangers = Strangers(os.path.join(folder, "strangers"))
        self.network = self.make_network()
        self.image = self.upload("rtc")
        self.other_image = self.upload("rtc-same")
        self.count = 0
        self.meet_stranger()

    def make_network(self):
        network = self.admin.network.post("/networks", {"network": {"name": "n"}}).ok(201)["network"]["id"]
        self.admin.network.post("/subnets", {"subnet": {"network_id": network, "cidr": "192.168.2.0/24", "ip_version": 4}}).ok(201)
        return network

    @contextlib.contextmanager
    def fresh_network(self):
        """A network of its own for what happens once a network: bridge, namespace, dnsmasq."""
        usual, self.network = self.network, self.make_network()
        yield
        self.admin.network.delete("/networks/" + self.network).ok(204)
        self.network = usual

    def meet_stranger(self):
        """Our first server's name is taken: an error that says so, and nothing of theirs is touched."""
        server = self.request_boot()
        fault = guests.wait_status(self.admin, server, "ERROR")["fault"]["message"]
        assert "instance-00000001" in fault, fault
        self.clean(server)
        assert self.strangers.look() == self.strangers.before

    def upload(self, guest):
        image = self.admin.image.post("/images", {"name": guest, "disk_format": "qcow2", "container_format": "bare"}).ok(201)["id"]
        with open(guests.image(guest), "rb") as f:
            self.admin.image.call("PUT", "/images/%s/file" % image, data=f.read(),
                                  headers={"Content-Type": "application/octet-stream"}).ok(204)
        return image

    def request_boot(self):
        self.count += 1
        body = {"name": "k%d" % self.count, "imageRef": self.image, "flavorRef": "1", "networks": [{"uuid": self.network}]}
        return self.admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]

    def action(self, server, body):
        return self.admin.compute.post("/servers/%s/action" % server, body)

    def subject(self, operation):
        """A server in the state that the operation wants; None for a boot."""
        if operation == "boot":
            return None
        server = self.request_boot()
        guests.wait_status(self.admin, server)
        before = {"start": ("os-stop", "SHUTOFF"), "resume": ("suspend", "SUSPENDED"), "snapshot-off": ("os-stop", "SHUTOFF")}
        if operation in before:
            self.action(server, {before[operation][0]: None}).ok(202)
            guests.wait_status(self.admin, server, before[operation][1])
        return server

    def request(self, operation, server):
        """Asks for the operation. A worker may die at the point before the answer is out: that may mean either, so a boot
        is looked up by its name afterwards."""
        try:
            if operation == "boot":
                return self.request_boot()
            if operation == "delete":
                self.admin.compute.delete("/servers/" + server).ok(204)
            else:
                body = {"reboot": {"reboot": {"type": "HARD"}}, "rebuild": {"rebuild": {"imageRef": self.other_image}},
                        "stop": {"os-stop": None}, "start": {"os-start": None}, "suspend": {"suspend": None},
                        "resume": {"resume": None}, "snapshot": {"createImage": {"name": "snap"}},
                        "snapshot-off": {"createImage": {"name": "snap"}}}[operation]
                self.action(server, body).ok(200, 202)
        except requests.ConnectionError:
            assert self.cloud.wait() == -9
        return server

    def last_booted(self):
        """The server of the latest boot, None if nothing of it was kept."""
        found = self.admin.compute.get("/servers?name=^k%d$" % self.count).ok(200)["servers"]
        return found[0]["id"] if found else None

    def settle(self, server):
        """Waits until nothing is under way for the server; returns what became of it."""
        def look():
            answer = self.admin.compute.get("/servers/" + server)
            if answer.status == 404:
                return "gone"
            body = answer.ok(200)["server"]
            if body["status"] == "ERROR":
                assert body["fault"]["message"], body
                return "ERROR"
            settled = body["OS-EXT-STS:task_state"] is None and body["status"] in ("ACTIVE", "SHUTOFF", "SUSPENDED")
            return body["status"] if settled else None
        return wait_for(look, 60, "server %s settles" % server)

    def clean(self, server):
        if self.admin.compute.delete("/servers/" + server).status != 404:
            guests.wait_gone(self.admin, server)

    def rows(self, text):
        with sqlite3.connect("file:%s/kilonova.db?mode=ro" % self.cloud.data, uri=True, timeout=10) as db:
            return db.execute(text).fetchall()

    def check(self):
        """Domains, files, ports, namespaces and database agree; strangers are as they were."""
        servers = {s["id"]: s for s in self.admin.compute.get("/servers/detail").ok(200)["servers"]}
        domains = set(guests.virsh("list", "--all", "--uuid").split()) - {guests.virsh("domuuid", "instance-00000001").strip()}
        running = set(guests.virsh("list", "--uuid").split())
        assert domains <= set(servers), "domains without a server"
        for uuid, server in servers.items():
            if server["status"] == "ACTIVE":
                assert uuid in running, server
            elif server["status"] in ("SHUTOFF", "SUSPENDED"):
                assert uuid not in running, server
                saved = "yes" if server["status"] == "SUSPENDED" else "no"
                assert re.search("Managed save: *" + saved, guests.virsh("dominfo", uuid)), server
        ports = self.admin.network.get("/ports").ok(200)["ports"]
        assert {p["device_id"] for p in ports if p["device_owner"].startswith("compute:")} <= set(servers), "ports without a server"
        unfinished = "select id from jobs where finished_at is null and kind<>'server.set-time'"
        assert wait_for(lambda: not self.rows(unfinished) or None, 20, "no unfinished jobs")
        self.check_snapshots()
        if not servers:
            assert wait_for(lambda: not os.listdir(self.cloud.data + "/instances") or None, 10, "no files of guests left")
            assert not self.rows("select * from image_uses")
            taps = [n for n in os.listdir("/sys/class/net") if n.startswith("tap")]
            assert not taps, taps
        assert self.strangers.look() == self.strangers.before


    def check_snapshots(self):
        """Each is whole, or was never begun; no copy lies about. They are deleted, so that the next check sees its own."""
        for image in self.admin.image.get("/images?image_type=snapshot").ok(200)["images"]:
            assert image["status"] == "active", image
            path = "%s/images/%s" % (self.cloud.data, image["id"])
            subprocess.run(["qemu-img", "check", "-q", path], check=True)
            subprocess.run(["qemu-img", "compare", "-q", path, guests.image("rtc")], check=True)
            self.admin.image.delete("/images/" + image["id"]).ok(204)
        assert not [n for n in os.listdir(self.cloud.data + "/instances") if n.endswith("_snapshot")]
        assert len(os.listdir(self.cloud.data + "/images")) == 2, "bytes without an image"


OPERATIONS = ["boot", "reboot", "rebuild", "stop", "start", "suspend", "resume", "snapshot", "snapshot-off", "delete"]


@pytest.fixture(scope="module")
def bench(make_cloud, lab):
    cloud = make_cloud(real=True, database="sqlite", arguments=["--compute-stop-timeout", "0"])
    bench = Bench(cloud, lab)
    yield bench
    if not cloud.running():
        cloud.start()
    for server in bench.admin.compute.get("/servers").ok(200)["servers"]:
        bench.clean(server["id"])
    bench.check()
    bench.admin.network.delete("/networks/" + bench.network).ok(204)
    assert not [n for n in os.listdir("/run/netns") if n.startswith("kn-")]
    assert not [n for n in os.listdir("/sys/class/net") if n.startswith("kn")]
    bench.strangers.remove()
    print("\nkill -9, what became of the server:")
    for (operation, point, fate), count in sorted(HISTOGRAM.items()):
        print("  %-8s %-40s %-8s %d" % (operation, point, fate, count))


def passed_points(bench, operation):
    """The fault points that one undisturbed run of the operation passes, in order. Setting a guest's time belongs to a resume and goes
    on for a minute, so that it may fall into the next operation's run, too."""
    server = bench.subject(operation)
    listing = os.path.join(bench.folder, "points-" + operation)
    bench.cloud.restart(environment={"KILONOVA_FAULT_LIST": listing})
    server = bench.request(operation, server)
    bench.settle(server)
    bench.cloud.restart()
    bench.clean(server)
    with open(listing, encoding="ascii") as f:
        points = list(dict.fromkeys(line.strip() for line in f))
    return [point for point in points if operation == "resume" or "set-time" not in point]


def killed_at_start(bench, fault):
    """Starts the program with @fault: whether recovery passes the point already."""
    try:
        bench.cloud.start(environment=fault)
    except AssertionError:
        assert bench.cloud.wait() == -9
        return True
    return False


def killed_again(bench, fault, server):
    """Starts the program with the same fault: whether it dies at the point once more while it recovers."""
    if killed_at_start(bench, fault):
        return True
    try:
        bench.settle(server or bench.last_booted() or "gone")
    except requests.ConnectionError:
        return bench.cloud.wait() == -9
    bench.cloud.stop()
    return False


def strike(bench, operation, point, times):
    """Kills the program at @point, up to @times in a row as long as recovery passes it again; returns how often."""
    fault = {"KILONOVA_FAULT": point + "=kill"}
    server = bench.subject(operation)
    bench.cloud.stop()
    if not killed_at_start(bench, fault):
        server = bench.request(operation, server)
        assert bench.cloud.wait(60) == -9, "point %s was not passed" % point
    kills = 1
    while kills < times and killed_again(bench, fault, server):
        kills += 1
    bench.cloud.start()
    server = server or bench.last_booted() or "gone"
    HISTOGRAM[operation, point, bench.settle(server)] += kills
    bench.check()
    bench.clean(server)
    bench.check()
    return kills


@pytest.mark.parametrize("operation", OPERATIONS)
def test_kill_at_each_point(bench, operation):
    points = passed_points(bench, operation)
    assert len(points) >= 2, "operation %s passes no fault points" % operation
    for point in points:
        kills = 0
        once = operation == "boot" and point.startswith("network.")
        while kills < ROUNDS:
            with bench.fresh_network() if once else contextlib.nullcontext():
                kills += strike(bench, operation, point, ROUNDS - kills)


def test_kill_at_random_moments(bench):
    """Several operations at a time, killed at any moment: five rounds, all servers end well."""
    dice = random.Random(20261120)
    for _ in range(ROUNDS):
        subjects = {op: bench.subject(op) for op in OPERATIONS}
        servers = [bench.request(op, server) for op, server in subjects.items()]
        time.sleep(dice.uniform(0, 0.8))
        bench.cloud.restart("kill")
        for operation, server in zip(subjects, servers):
            HISTOGRAM[operation, "(random)", bench.settle(server)] += 1
        bench.check()
        for server in servers:
            bench.clean(server)
        bench.check()
