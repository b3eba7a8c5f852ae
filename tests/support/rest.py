# SPDX-License-Identifier: Apache-2.0
"""A small REST client: one account of one cloud, tokens got when they are needed."""
import time

import requests


class Answer:
    """What came back; `ok(200)` checks the status and returns the body."""

    def __init__(self, response, call):
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.content = response.content
        self.call = call

    @property
    def json(self):
        return self.response.json() if self.content else None

    def ok(self, *statuses):
        statuses = statuses or (200, 201, 202, 203, 204)
        assert self.status in statuses, "%s: HTTP %d instead of %s: %s" % (
            self.call, self.status, "/".join(map(str, statuses)), self.content[:1000].decode(errors="replace"))
        return self.json

    def __repr__(self):
        return "<%s: %d %s>" % (self.call, self.status, self.content[:200])


class Client:
    """Calls as `client.compute.get("/servers")`, `client.identity.post("/projects", {...})`; paths below the service's version."""

    PREFIX = {"identity": "/identity/v3", "image": "/image/v2", "compute": "/compute/v2.1", "network": "/network/v2.0",
              "root": ""}

    def __init__(self, url, username, password, project=None, domain="Default", token=None):
        self.url = url.rstrip("/")
        self.username, self.password, self.project, self.domain = username, password, project, domain
        self.session = requests.Session()
        self.session.trust_env = False      # no proxy between us and the loopback
        self._token = token
        self.project_id = self.user_id = None
        for name, prefix in self.PREFIX.items():
            setattr(self, name, Service(self, prefix))

    def auth_body(self):
        user = {"name": self.username, "password": self.password, "domain": {"name": self.domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        if self.project:
            body["auth"]["scope"] = {"project": {"name": self.project, "domain": {"name": self.domain}}}
        return body

    def login(self):
        answer = self.identity.post("/auth/tokens", self.auth_body(), token=None)
        body = answer.ok(201)["token"]
        self._token = answer.headers["X-Subject-Token"]
        self.user_id = body["user"]["id"]
        self.project_id = body.get("project", {}).get("id")
        return self._token

    @property
    def token(self):
        return self._token or self.login()

    def environment(self):
        """The OS_* variables for the real clients."""
        return {"OS_AUTH_URL": self.url + "/identity/v3", "OS_USERNAME": self.username, "OS_PASSWORD": self.password,
                "OS_PROJECT_NAME": self.project, "OS_USER_DOMAIN_NAME": self.domain, "OS_PROJECT_DOMAIN_NAME": self.domain,
                "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": "RegionOne"}


class Service:
    def __init__(self, client, prefix):
        self.client, self.prefix = client, prefix

    def call(self, method, path, body=None, token=True, headers=None, data=None, timeout=60, **options):
        headers = {"Accept": "application/json", **(headers or {})}
        if token is True:
            headers["X-Auth-Token"] = self.client.token
        elif token:
            headers["X-Auth-Token"] = token
        if body is not None:
            options["json"] = body
        elif data is not None:
            options["data"] = data
        response = self.client.session.request(method, self.client.url + self.prefix + path, headers=headers,
                                               timeout=timeout, allow_redirects=False, **options)
        return Answer(response, "%s %s%s" % (method, self.prefix, path))

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.call("PUT", path, body, **options)

    def patch(self, path, body=None, **options):
        return self.call("PATCH", path, body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)


def wait_for(check, seconds=60, what="condition", pause=0.1):
    """Calls @check until it gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("%s: not within %g s (last: %r)" % (what, seconds, value))
        time.sleep(pause)
