# SPDX-License-Identifier: Apache-2.0
"""The real program on a free port, with data of its own."""
import os
import signal
import socket
import subprocess
import time
import urllib.request

from .rest import Client

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("KILONOVA_BINARY") or os.path.join(TREE, "build", "kilonova")
# libvirt's test driver behind the lab's libvirtd: it keeps its state as long as somebody is connected.
TEST_URI = "test+unix:///default?socket=/run/libvirt/libvirt-sock"
QEMU_URI = "qemu:///system"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Kilonova:
    """`kilonova serve`: start(), stop(), kill(), restart(); `admin()` and `client(…)` talk to it."""

    ADMIN_PASSWORD = "lab-admin-password"

    def __init__(self, data, host_uri=TEST_URI, network_driver="none", database=None, binary=BINARY, arguments=(),
                 environment=None):
        self.data, self.binary = str(data), binary
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.log = self.data + ".log"
        self.arguments = ["--data", self.data, "--listen", "127.0.0.1:%d" % self.port, "--host-uri", host_uri,
                          "--virt-type", "qemu", "--network-driver", network_driver, *arguments]
        if database:
            self.arguments += ["--db", database]
        self.environment = environment or {}
        self.process = None

    def start(self, seconds=30, environment=None):
        """Runs the program until it answers; @environment is for this run only (fault points)."""
        assert not self.running()
        os.makedirs(self.data, exist_ok=True)
        # Looking into each uploaded disk takes a core for many seconds: only the tests that are about it want it.
        env = {**os.environ, "KILONOVA_IMAGE_INSPECT": "off", "KILONOVA_ADMIN_PASSWORD": self.ADMIN_PASSWORD, **self.environment, **(environment or {})}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", *self.arguments], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=env)
        end = time.monotonic() + seconds
        while not self.healthy():
            if self.process.poll() is not None:
                raise AssertionError("kilonova ended with %d:\n%s" % (self.process.returncode, self.tail()))
            if time.monotonic() > end:
                raise AssertionError("kilonova does not answer:\n" + self.tail())
            time.sleep(0.02)
        return self

    def healthy(self):
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self.url + "/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=30):
        """SIGTERM; returns the exit code."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.running():
            self.process.kill()
        return self.wait()

    def wait(self, seconds=30):
        if self.process is None:
            return None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("kilonova did not end within %g s:\n%s" % (seconds, self.tail())) from None

    def restart(self, how="stop", **options):
        getattr(self, how)()
        return self.start(**options)

    def tail(self, lines=40):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def client(self, username, password, project=None):
        return Client(self.url, username, password, project)

    def admin(self):
        return self.client("admin", self.ADMIN_PASSWORD, "admin")

    def account(self, name, roles=("member",), admin=None):
        """A fresh project with one user of the same name; returns their client."""
        admin = admin or self.admin()
        project = admin.identity.post("/projects", {"project": {"name": name, "domain_id": "default"}}).ok(201)["project"]
        user = admin.identity.post("/users", {"user": {"name": name, "password": "secret-" + name, "domain_id": "default"}})
        user = user.ok(201)["user"]
        known = {r["name"]: r["id"] for r in admin.identity.get("/roles").ok(200)["roles"]}
        for role in roles:
            admin.identity.put("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], known[role])).ok(204)
        return self.client(name, "secret-" + name, name)
