# SPDX-License-Identifier: Apache-2.0
"""Shared by the measuring scripts: OpenStack authentication and HTTP over the standard library only.

Everything about the cloud under test comes from the usual OS_* variables (OS_AUTH_URL, OS_USERNAME, OS_PASSWORD,
OS_PROJECT_NAME, OS_USER_DOMAIN_NAME, OS_PROJECT_DOMAIN_NAME, OS_REGION_NAME).  The service addresses come from
the catalogue in the token; BENCH_COMPUTE_URL and BENCH_IMAGE_URL override them.
"""
import http.client
import json
import os
import sys
import time
import urllib.parse


def env(name, default=None):
    value = os.environ.get(name, default)
    if value is None:
        sys.exit("%s is not set" % name)
    return value


class HTTP:
    """One keep-alive connection to one server; reconnects when the server closes it."""

    def __init__(self, base):
        url = urllib.parse.urlsplit(base)
        if url.scheme != "http":
            sys.exit("only http:// endpoints: " + base)
        self.host, self.port = url.hostname, url.port or 80
        self.prefix = url.path.rstrip("/")
        self.conn = None

    def request(self, method, path, body=None, headers=None):
        """Returns (status, headers, parsed JSON or bytes)."""
        headers = dict(headers or {})
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        for last in (False, True):
            fresh = self.conn is None
            if fresh:
                self.conn = http.client.HTTPConnection(self.host, self.port, timeout=120)
            try:
                self.conn.request(method, self.prefix + path, data, headers)
                resp = self.conn.getresponse()
                raw = resp.read()
                break
            except (http.client.HTTPException, OSError):
                self.conn.close()
                self.conn = None
                # retry only when a kept connection turned out to be closed
                if fresh or last:
                    raise
        if resp.will_close:
            self.conn.close()
            self.conn = None
        try:
            parsed = json.loads(raw) if raw else None
        except ValueError:
            parsed = raw
        return resp.status, dict(resp.getheaders()), parsed


def auth_body():
    scope_domain = env("OS_PROJECT_DOMAIN_NAME", "Default")
    return {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": env("OS_USERNAME"), "password": env("OS_PASSWORD"),
            "domain": {"name": env("OS_USER_DOMAIN_NAME", "Default")}}}},
        "scope": {"project": {"name": env("OS_PROJECT_NAME"), "domain": {"name": scope_domain}}}}}


class Cloud:
    def __init__(self):
        self.newest = None      # microversion of Compute, when it matters
        self.identity = env("OS_AUTH_URL").rstrip("/")
        self.authenticate()
        self.compute = HTTP(os.environ.get("BENCH_COMPUTE_URL") or self.endpoint("compute"))
        self.image = HTTP((os.environ.get("BENCH_IMAGE_URL") or self.endpoint("image")).rstrip("/") + "/v2")

    def authenticate(self):
        status, headers, body = HTTP(self.identity).request("POST", "/auth/tokens", auth_body())
        if status != 201:
            raise RuntimeError("authentication: HTTP %d %r" % (status, body))
        self.token = {k.lower(): v for k, v in headers.items()}["x-subject-token"]
        self.catalog = body["token"].get("catalog", [])

    def endpoint(self, kind):
        region = os.environ.get("OS_REGION_NAME")
        for service in self.catalog:
            if service["type"] == kind:
                for e in service["endpoints"]:
                    if e["interface"] == "public" and (not region or region in (e.get("region"), e.get("region_id"))):
                        return e["url"].rstrip("/")
        raise RuntimeError("no public endpoint of type " + kind)

    def call(self, method, path, body=None, version=None, ok=(200, 201, 202, 204), http_client=None):
        headers = {"X-Auth-Token": self.token, "Accept": "application/json"}
        if version:
            headers["X-OpenStack-Nova-API-Version"] = version
            headers["OpenStack-API-Version"] = "compute " + version
        status, _, answer = (http_client or self.compute).request(method, path, body, headers)
        if ok is not None and status not in ok:
            raise RuntimeError("%s %s: HTTP %d %r" % (method, path, status, answer))
        return status, answer

    def find(self, kind, name):
        """Identifier of a flavour or an image by name or identifier."""
        if kind == "flavor":
            _, answer = self.call("GET", "/flavors")
            items = answer["flavors"]
        else:
            _, answer = self.call("GET", "/images", http_client=self.image)
            items = answer["images"]
        for item in items:
            if name in (item["id"], item["name"]):
                return item["id"]
        raise RuntimeError("no %s %r" % (kind, name))

    def create(self, name, image, flavor, network="none", zone=None):
        """POST /servers; network is none, auto or a network's identifier. The words came with microversion 2.37: before it, none is
        an empty list."""
        server = {"name": name, "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}
        if zone:
            server["availability_zone"] = zone
        version = None
        if network in ("none", "auto"):
            server["networks"] = network if self.has_2_37() else []
            version = "2.37" if self.has_2_37() else None
        return self.call("POST", "/servers", {"server": server}, version)[1]["server"]["id"]

    def has_2_37(self):
        if self.newest is None:
            version = self.call("GET", "/")[1]["version"]["version"] or "2.1"
            self.newest = tuple(int(x) for x in version.split("."))
        return self.newest >= (2, 37)

    def wait_status(self, ident, want="ACTIVE", poll=0.05, limit=300, task_none=False):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            server = self.call("GET", "/servers/" + ident)[1]["server"]
            if server["status"] == want and not (task_none and server.get("OS-EXT-STS:task_state")):
                return
            if server["status"] == "ERROR" and want != "ERROR":
                raise RuntimeError("server went to ERROR: %r" % server.get("fault", {}).get("message"))
            time.sleep(poll)
        raise RuntimeError("no %s in %d s" % (want, limit))

    def wait_gone(self, ident, poll=0.05, limit=300):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.call("GET", "/servers/" + ident, ok=(200, 404))[0] == 404:
                return
            time.sleep(poll)
        raise RuntimeError("not gone in %d s" % limit)


def percentile(values, p):
    """Nearest-rank percentile."""
    v = sorted(values)
    return v[min(len(v) - 1, max(0, -(-len(v) * p // 100) - 1))]


def summary(seconds):
    return {"n": len(seconds), "median_s": round(percentile(seconds, 50), 4), "min_s": round(min(seconds), 4),
            "max_s": round(max(seconds), 4), "all_s": [round(x, 4) for x in seconds]}


def emit(measure, **values):
    with open("/proc/loadavg") as f:
        load = float(f.read().split()[0])
    print(json.dumps({"measure": measure, **values, "load1": load, "label": os.environ.get("BENCH_LABEL", "")}), flush=True)
