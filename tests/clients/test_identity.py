# SPDX-License-Identifier: Apache-2.0
"""Domains, projects, users, groups, roles, catalog entries and application credentials with the real command."""
import json
import os
import subprocess

import pytest


@pytest.fixture(scope="module")
def run(cloud, admin):
    base = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}

    def command(*words, **environment):
        done = subprocess.run(("openstack", *words), env={**base, **admin.environment(), **environment},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=180)
        assert done.returncode == 0, "%s: %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr)
        return done.stdout
    return command


@pytest.fixture(scope="module")
def ask(run):
    return lambda *words, **environment: json.loads(run(*words, "-f", "json", **environment))


def test_a_domain_and_what_is_in_it(run, ask):
    domain = ask("domain", "create", "clients")
    project = ask("project", "create", "--domain", "clients", "inside", "--tag", "t1", "--property", "k=v")
    assert project["domain_id"] == domain["id"] and project["tags"] == ["t1"] and project["k"] == "v"
    user = ask("user", "create", "--domain", "clients", "--password", "x", "--email", "a@b", "somebody")
    assert user["email"] == "a@b" and user["enabled"] is True
    run("group", "create", "--domain", "clients", "crew")
    run("group", "add", "user", "--group-domain", "clients", "--user-domain", "clients", "crew", "somebody")
    run("role", "create", "sailor")
    run("implied", "role", "create", "sailor", "--implied-role", "reader")
    run("role", "add", "--group", "crew", "--group-domain", "clients", "--project", "inside", "--project-domain", "clients",
        "sailor")
    rows = ask("role", "assignment", "list", "--names", "--effective", "--project", "inside", "--project-domain", "clients")
    assert {(r["Role"], r["User"]) for r in rows} == {("sailor", "somebody@clients"), ("reader", "somebody@clients")}

    me = {"OS_USERNAME": "somebody", "OS_USER_DOMAIN_NAME": "clients", "OS_PASSWORD": "x", "OS_PROJECT_NAME": "inside",
          "OS_PROJECT_DOMAIN_NAME": "clients"}
    assert [p["Name"] for p in ask("project", "list", "--my-projects", **me)] == ["inside"]
    run("user", "password", "set", "--original-password", "x", "--password", "y", **me)
    me["OS_PASSWORD"] = "y"
    assert ask("token", "issue", **me)["project_id"] == project["id"]
    made = ask("application", "credential", "create", "app", "--role", "reader", **me)
    app = {"OS_AUTH_TYPE": "v3applicationcredential", "OS_APPLICATION_CREDENTIAL_ID": made["id"],
           "OS_APPLICATION_CREDENTIAL_SECRET": made["secret"], "OS_USERNAME": "", "OS_PASSWORD": "", "OS_PROJECT_NAME": "",
           "OS_USER_DOMAIN_NAME": "", "OS_PROJECT_DOMAIN_NAME": ""}
    assert ask("token", "issue", **app)["project_id"] == project["id"]
    run("application", "credential", "delete", "app", **me)

    run("role", "delete", "sailor")
    run("domain", "set", "--disable", "clients")
    run("domain", "delete", "clients")
    assert "inside" not in run("project", "list")


def test_the_catalog(run, ask):
    assert {"identity", "image", "compute", "network"} <= {s["Type"] for s in ask("service", "list")}
    run("service", "create", "--name", "swift", "object-store")
    run("endpoint", "create", "--region", "RegionOne", "object-store", "public", "http://swift/$(project_id)s")
    assert [e["Interface"] for e in ask("endpoint", "list", "--service", "object-store")] == ["public"]
    assert "http://swift/" in run("catalog", "show", "object-store")
    assert [r["Region"] for r in ask("region", "list")].count("RegionOne") == 1
    run("service", "delete", "swift")


def test_a_token_is_revoked(run, ask):
    token = ask("token", "issue")["id"]
    run("token", "revoke", token)
