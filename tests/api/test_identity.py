# SPDX-License-Identifier: Apache-2.0
"""The Identity API: tokens, and who may do what where."""
import itertools
import re
import stat
import time

import pytest

NUMBER = itertools.count(1)
REFUSED = "The request you have made requires authentication."


def fresh(kind):
    return "%s %d ünï" % (kind, next(NUMBER))


class World:
    """Makes things as admin, by short calls."""

    def __init__(self, admin):
        self.i = admin.identity
        self.roles = {r["name"]: r["id"] for r in self.i.get("/roles").ok(200)["roles"]}

    def make(self, kind, **members):
        members.setdefault("name", fresh(kind))
        return self.i.post("/%ss" % kind, {kind: members}).ok(201)[kind]

    def user(self, **members):
        members.setdefault("password", "pw")
        return {**self.make("user", **members), "password": members["password"]}

    def grant(self, target, actor, role="member", below=False):
        path = "%s/%s/roles/%s" % (target, actor, self.roles.get(role, role))
        self.i.put("/OS-INHERIT%s/inherited_to_projects" % path if below else path).ok(204)

    def auth(self, user, scope=None, **query):
        who = {"id": user["id"], "password": user["password"]}
        return self.login({"methods": ["password"], "password": {"user": who}}, scope, **query)

    def login(self, identity, scope=None, **query):
        body = {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}
        return self.i.post("/auth/tokens" + "".join("?" + q for q in query), body, token=None)

    def token(self, user, project):
        answer = self.auth(user, {"project": {"id": project["id"]}})
        answer.ok(201)
        return answer.headers["X-Subject-Token"]


@pytest.fixture(scope="module")
def w(admin):
    return World(admin)


@pytest.fixture
def project(w):
    return w.make("project")


@pytest.fixture
def user(w, project):
    user = w.user()
    w.grant("/projects/%s/users" % project["id"], user["id"])
    return user


# --- documents and tokens ---


def test_versions(admin):
    root = admin.root.get("/identity", token=None).ok(300)
    assert root["versions"]["values"][0]["id"] == "v3.14"
    assert admin.identity.get("", token=None).ok(200)["version"]["links"][0]["href"].endswith("/identity/v3/")


def test_token_of_a_project(w, user, project):
    answer = w.auth(user, {"project": {"name": project["name"], "domain": {"name": "Default"}}})
    token = answer.ok(201)["token"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{100,255}", answer.headers["X-Subject-Token"])
    assert token["methods"] == ["password"] and token["project"]["id"] == project["id"]
    assert token["user"] == {"id": user["id"], "name": user["name"], "domain": {"id": "default", "name": "Default"},
                             "password_expires_at": None}
    assert {r["name"] for r in token["roles"]} == {"member", "reader"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", token["expires_at"])
    types = {s["type"]: s for s in token["catalog"]}
    assert {"identity", "image", "compute", "network"} <= set(types)
    for service in types.values():
        assert {e["interface"] for e in service["endpoints"]} == {"public", "internal", "admin"}
        assert all(e["region"] == e["region_id"] == "RegionOne" and e["id"] and e["url"] for e in service["endpoints"])
    assert types["compute"]["endpoints"][0]["url"].endswith("/compute/v2.1")


def test_token_without_a_scope(w, user):
    answer = w.auth(user)
    token = answer.ok(201)["token"]
    assert not {"catalog", "roles", "project"} & set(token)
    headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
    w.i.get("/auth/catalog", token=None, headers=headers).ok(403)
    w.i.get("/users", token=None, headers=headers).ok(403)
    assert w.i.get("/auth/projects", token=None, headers=headers).ok(200)["projects"]


def test_nocatalog(w, user, project):
    token = w.auth(user, {"project": {"id": project["id"]}}, nocatalog="").ok(201)["token"]
    assert "catalog" not in token and token["roles"]


def test_refusals_say_the_same(w, user, project):
    other = w.make("project")
    scope = {"project": {"id": project["id"]}}
    answers = [w.auth({**user, "password": "wrong"}, scope), w.auth({"id": "0" * 32, "password": "pw"}, scope),
               w.auth(user, {"project": {"id": other["id"]}}), w.auth(user, {"project": {"id": "0" * 32}}),
               w.auth(user, {"domain": {"id": "default"}})]
    for answer in answers:
        assert answer.ok(401)["error"] == {"code": 401, "message": REFUSED, "title": "Unauthorized"}
        assert answer.headers["WWW-Authenticate"].startswith('Keystone uri="http')


@pytest.mark.parametrize("body, word", [
    ({}, "auth"), ({"auth": {}}, "identity"), ({"auth": {"identity": {}}}, "methods"),
    ({"auth": {"identity": {"methods": ["password"]}}}, "password"),
    ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}}}, "domain"),
    ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": "x"}}}}}, "password"),
    ({"auth": {"identity": {"methods": ["token"], "token": {}}}}, "id"),
    ({"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"planet": {}}}}, "scope"),
])
def test_bad_logins_name_the_field(w, body, word):
    assert word in w.i.post("/auth/tokens", body, token=None).ok(400)["error"]["message"]


def test_validate_and_revoke(w, user, project):
    token = w.token(user, project)
    subject = {"X-Subject-Token": token}
    shown = w.i.get("/auth/tokens", headers=subject)
    assert shown.ok(200)["token"]["user"]["id"] == user["id"] and shown.headers["X-Subject-Token"] == token
    head = w.i.call("HEAD", "/auth/tokens", headers=subject)
    assert head.status == 200 and head.content == b""
    w.i.get("/auth/tokens").ok(400)
    w.i.get("/auth/tokens", headers={"X-Subject-Token": "nonsense"}).ok(404)
    admins = {"X-Subject-Token": w.i.client.token, "X-Auth-Token": token}
    w.i.get("/auth/tokens", token=None, headers=admins).ok(403)
    w.i.delete("/auth/tokens", headers=subject).ok(204)
    w.i.get("/auth/tokens", headers=subject).ok(404)
    w.i.get("/auth/projects", token=token).ok(401)


def test_token_by_token(w, user, project):
    second = w.make("project")
    w.grant("/projects/%s/users" % second["id"], user["id"])
    first = w.auth(user, {"project": {"id": project["id"]}})
    answer = w.login({"methods": ["token"], "token": {"id": first.headers["X-Subject-Token"]}},
                     {"project": {"id": second["id"]}})
    token = answer.ok(201)["token"]
    assert token["project"]["id"] == second["id"] and token["expires_at"] == first.json["token"]["expires_at"]
    assert token["methods"] == ["password", "token"]
    assert token["audit_ids"][1] == first.json["token"]["audit_ids"][0]


@pytest.mark.parametrize("what", ["user", "project"])
def test_disabling_ends_tokens_for_good(w, user, project, what):
    token = w.token(user, project)
    path, thing = ("/users/" + user["id"], "user") if what == "user" else ("/projects/" + project["id"], "project")
    w.i.patch(path, {thing: {"enabled": False}}).ok(200)
    w.i.get("/auth/projects", token=token).ok(401)
    w.auth(user, {"project": {"id": project["id"]}}).ok(401)
    w.i.patch(path, {thing: {"enabled": True}}).ok(200)
    w.i.get("/auth/projects", token=token).ok(401)
    w.i.get("/auth/projects", token=w.token(user, project)).ok(200)


def test_losing_the_role_ends_the_token(w, user, project):
    token = w.token(user, project)
    w.i.delete("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], w.roles["member"])).ok(204)
    w.i.get("/auth/projects", token=token).ok(401)


def test_system_scope(w, admin):
    who = {"name": "admin", "domain": {"id": "default"}, "password": admin.password}
    token = w.login({"methods": ["password"], "password": {"user": who}}, {"system": {"all": True}}).ok(201)["token"]
    assert token["system"] == {"all": True} and "project" not in token
    assert w.i.get("/auth/system").ok(200)["system"] == [{"all": True}]


# --- projects, users, domains ---


def test_project(w, project):
    child = w.make("project", parent_id=project["id"], description="ä", colour="blue", tags=["a", "b", "a"])
    assert child["colour"] == "blue" and child["tags"] == ["a", "b"] and child["options"] == {}
    assert re.fullmatch("[0-9a-f]{32}", child["id"]) and child["is_domain"] is False
    path = "/projects/" + child["id"]
    changed = w.i.patch(path, {"project": {"name": "renamed " + child["id"], "size": 3}}).ok(200)["project"]
    assert changed["colour"] == "blue" and changed["size"] == 3 and changed["name"].startswith("renamed")
    assert w.i.get(path).ok(200)["project"] == changed
    assert changed in w.i.get("/projects?parent_id=" + project["id"]).ok(200)["projects"]
    parents = w.i.get(path + "?parents_as_list").ok(200)["project"]["parents"]
    assert [p["project"]["id"] for p in parents] == [project["id"]]
    subtree = w.i.get("/projects/%s?subtree_as_ids" % project["id"]).ok(200)["project"]["subtree"]
    assert subtree == {child["id"]: None}
    w.i.patch(path, {"project": {"domain_id": "elsewhere"}}).ok(400)
    whole = w.i.patch(path, {"project": {**changed, "description": None}}).ok(200)["project"]
    assert whole == {**changed, "description": ""}
    w.i.delete("/projects/" + project["id"]).ok(403)
    w.i.delete(path).ok(204)
    w.i.get(path).ok(404)


def test_project_tags(w, project):
    path = "/projects/%s/tags" % project["id"]
    assert w.i.put(path, {"tags": ["x", "y"]}).ok(200)["tags"] == ["x", "y"]
    w.i.put(path + "/z").ok(201)
    w.i.call("HEAD", path + "/z").ok(204)
    assert w.i.get("/projects?tags=x,z").ok(200)["projects"][0]["id"] == project["id"]
    assert not w.i.get("/projects?tags=x,q").ok(200)["projects"]
    w.i.delete(path + "/x").ok(204)
    w.i.get(path + "/x").ok(404)
    w.i.put(path, {"tags": ["with,comma"]}).ok(400)
    w.i.delete(path).ok(204)
    assert w.i.get(path).ok(200)["tags"] == []


@pytest.mark.parametrize("kind, longest", [("project", 64), ("user", 255), ("domain", 64), ("group", 64), ("role", 255)])
def test_names(w, kind, longest):
    name = "ü" * (longest - 8) + "%08d" % next(NUMBER)
    made = w.make(kind, name=name, **({"enabled": False} if kind == "domain" else {}))
    assert made["name"] == name
    assert "name" in w.i.post("/%ss" % kind, {kind: {"name": name}}).ok(409)["error"]["message"]
    for bad in ("", "x" * (longest + 1), 7, None):
        assert "'name'" in w.i.post("/%ss" % kind, {kind: {"name": bad}}).ok(400)["error"]["message"]
    assert "'name'" in w.i.post("/%ss" % kind, {kind: {}}).ok(400)["error"]["message"]
    listed = w.i.get("/%ss?name=%s" % (kind, name)).ok(200)["%ss" % kind]
    assert [x["id"] for x in listed] == [made["id"]]
    assert w.i.get("/%ss?name__contains=%s" % (kind, name[-8:])).ok(200)["%ss" % kind]
    w.i.delete("/%ss/%s" % (kind, made["id"])).ok(204)
    w.i.get("/%ss/%s" % (kind, made["id"])).ok(404)


def test_user(w, project):
    user = w.make("user", password="secret", email="a@b", default_project_id=project["id"], enabled=True)
    assert "password" not in user and user["email"] == "a@b" and user["password_expires_at"] is None
    assert user["default_project_id"] == project["id"] and user["domain_id"] == "default"
    path = "/users/" + user["id"]
    changed = w.i.patch(path, {"user": {**user, "email": None}})
    assert changed.ok(200)["user"] == {**user, "email": None}
    assert changed.content.count(b"password_expires_at") == 1
    assert "'enabled'" in w.i.patch(path, {"user": {"enabled": "no"}}).ok(400)["error"]["message"]
    w.i.post("/users", {"user": {"name": "x", "domain_id": "nowhere"}}).ok(404)
    assert user["id"] in [u["id"] for u in w.i.get("/users?enabled=true&domain_id=default").ok(200)["users"]]
    w.i.delete(path).ok(204)


def test_a_user_without_a_password(w):
    user = w.make("user")
    w.auth({**user, "password": ""}).ok(401)
    w.auth({**user, "password": "pw"}).ok(401)


def test_own_password(w, user, project):
    token = w.token(user, project)
    path = "/users/%s/password" % user["id"]
    w.i.post(path, {"user": {"password": "new", "original_password": "wrong"}}, token=token).ok(401)
    w.i.post(path, {"user": {"password": "new"}}, token=token).ok(400)
    w.i.post(path, {"user": {"password": "new", "original_password": "pw"}}, token=token).ok(204)
    w.i.get("/auth/projects", token=token).ok(401)
    w.auth(user).ok(401)
    w.auth({**user, "password": "new"}).ok(201)


def test_members_see_themselves(w, user, project):
    token = w.token(user, project)
    for path in ("/users/" + user["id"], "/users/%s/projects" % user["id"], "/users/%s/groups" % user["id"],
                 "/projects/" + project["id"], "/domains/default", "/regions"):
        w.i.get(path, token=token).ok(200)
    admin_id = w.i.client.user_id
    for path in ("/users", "/projects", "/domains", "/roles", "/role_assignments", "/users/" + admin_id,
                 "/users/%s/projects" % admin_id, "/projects/" + w.i.client.project_id):
        w.i.get(path, token=token).ok(403)
    assert [p["id"] for p in w.i.get("/users/%s/projects" % user["id"], token=token).json["projects"]] == [project["id"]]


def test_domain_goes_with_all_it_has(w):
    domain = w.make("domain")
    assert domain["description"] == "" and domain["enabled"] is True
    project = w.make("project", domain_id=domain["id"])
    user = w.user(domain_id=domain["id"])
    w.grant("/projects/%s/users" % project["id"], user["id"])
    w.grant("/domains/%s/users" % domain["id"], user["id"], "admin")
    token = w.auth(user, {"domain": {"id": domain["id"]}}).ok(201)["token"]
    assert token["domain"]["name"] == domain["name"] and "project" not in token
    w.i.delete("/domains/" + domain["id"]).ok(403)
    w.i.patch("/domains/" + domain["id"], {"domain": {"enabled": False}}).ok(200)
    w.auth(user, {"project": {"id": project["id"]}}).ok(401)
    w.i.delete("/domains/" + domain["id"]).ok(204)
    for path in ("/domains/" + domain["id"], "/projects/" + project["id"], "/users/" + user["id"]):
        w.i.get(path).ok(404)
    assert not w.i.get("/role_assignments?user.id=" + user["id"]).ok(200)["role_assignments"]


def test_a_project_that_is_a_domain(w):
    made = w.make("project", is_domain=True)
    assert made["is_domain"] is True and made["domain_id"] is None
    assert w.i.get("/domains/" + made["id"]).ok(200)["domain"]["name"] == made["name"]
    assert made["id"] in [p["id"] for p in w.i.get("/projects?is_domain=true").ok(200)["projects"]]
    w.i.patch("/projects/" + made["id"], {"project": {"enabled": False}}).ok(200)
    w.i.delete("/projects/" + made["id"]).ok(204)


# --- roles and grants ---


def test_grants(w, user, project):
    base = "/projects/%s/users/%s/roles" % (project["id"], user["id"])
    assert [r["name"] for r in w.i.get(base).ok(200)["roles"]] == ["member"]
    one = "%s/%s" % (base, w.roles["reader"])
    w.i.call("HEAD", one).ok(404)
    w.i.put(one).ok(204)
    w.i.put(one).ok(204)
    w.i.call("HEAD", one).ok(204)
    w.i.delete(one).ok(204)
    w.i.delete(one).ok(404)
    for path in ("/projects/%s/users/%s/roles/%s" % (project["id"], user["id"], "0" * 32),
                 "/projects/%s/users/%s/roles/%s" % (project["id"], "0" * 32, w.roles["reader"]),
                 "/projects/%s/users/%s/roles/%s" % ("0" * 32, user["id"], w.roles["reader"])):
        w.i.put(path).ok(404)


def test_groups_and_inheritance(w, project):
    group, member = w.make("group"), w.user()
    child = w.make("project", parent_id=project["id"])
    assert group["description"] == "" and group["domain_id"] == "default"
    membership = "/groups/%s/users/%s" % (group["id"], member["id"])
    w.i.call("HEAD", membership).ok(404)
    w.i.put(membership).ok(204)
    w.i.call("HEAD", membership).ok(204)
    assert [u["id"] for u in w.i.get("/groups/%s/users" % group["id"]).ok(200)["users"]] == [member["id"]]
    w.grant("/projects/%s/groups" % project["id"], group["id"], "reader", below=True)
    w.auth(member, {"project": {"id": project["id"]}}).ok(401)       # below it, not there
    token = w.auth(member, {"project": {"id": child["id"]}}).ok(201)["token"]
    assert [r["name"] for r in token["roles"]] == ["reader"]
    effective = w.i.get("/role_assignments?effective&include_names&user.id=" + member["id"]).ok(200)["role_assignments"]
    assert [(a["role"]["name"], a["scope"]["project"]["id"]) for a in effective] == [("reader", child["id"])]
    assert "membership" in effective[0]["links"]
    w.i.delete(membership).ok(204)
    w.auth(member, {"project": {"id": child["id"]}}).ok(401)
    w.i.delete("/groups/" + group["id"]).ok(204)
    assert not w.i.get("/role_assignments?group.id=" + group["id"]).ok(200)["role_assignments"]


def test_implied_roles(w, user, project):
    prior, implied = w.make("role"), w.make("role")
    rule = "/roles/%s/implies/%s" % (prior["id"], implied["id"])
    w.i.get(rule).ok(404)
    made = w.i.put(rule).ok(201)["role_inference"]
    assert made["prior_role"]["id"] == prior["id"] and made["implies"]["id"] == implied["id"]
    w.i.call("HEAD", rule).ok(204)
    w.i.get(rule).ok(200)
    w.grant("/projects/%s/users" % project["id"], user["id"], prior["id"])
    names = {r["name"] for r in w.auth(user, {"project": {"id": project["id"]}}).ok(201)["token"]["roles"]}
    assert names == {"member", "reader", prior["name"], implied["name"]}
    effective = w.i.get("/role_assignments?effective=true&user.id=%s&scope.project.id=%s" % (user["id"], project["id"]))
    assert {a["role"]["id"] for a in effective.json["role_assignments"]} == {
        prior["id"], implied["id"], w.roles["member"], w.roles["reader"]}
    assert any(i["prior_role"]["id"] == prior["id"] for i in w.i.get("/role_inferences").ok(200)["role_inferences"])
    w.i.delete(rule).ok(204)
    w.i.delete("/roles/" + prior["id"]).ok(204)


def test_the_own_roles_stay(w):
    for name in ("admin", "member", "reader"):
        w.i.delete("/roles/" + w.roles[name]).ok(403)
        w.i.patch("/roles/" + w.roles[name], {"role": {"name": "x"}}).ok(403)
    w.i.post("/roles", {"role": {"name": "member"}}).ok(409)


# --- the catalog ---


def test_own_catalog_entries(w):
    service = next(s for s in w.i.get("/services").ok(200)["services"] if s["type"] == "compute")
    assert w.i.get("/services/" + service["id"]).ok(200)["service"] == service
    endpoints = w.i.get("/endpoints?service_id=%s&interface=public" % service["id"]).ok(200)["endpoints"]
    assert len(endpoints) == 1 and endpoints[0]["url"].endswith("/compute/v2.1")
    w.i.delete("/services/" + service["id"]).ok(403)
    w.i.patch("/endpoints/" + endpoints[0]["id"], {"endpoint": {"url": "http://x"}}).ok(403)
    assert w.i.get("/regions/RegionOne").ok(200)["region"]["id"] == "RegionOne"


def test_added_catalog_entries(w):
    region = "Region %d" % next(NUMBER)
    service = w.make("service", type="object-store", name="swift")
    endpoint = w.i.post("/endpoints", {"endpoint": {"service_id": service["id"], "interface": "public", "region": region,
                                                    "url": "http://swift/$(project_id)s"}}).ok(201)["endpoint"]
    assert endpoint["region"] == endpoint["region_id"] == region and endpoint["enabled"] is True
    assert w.i.get("/regions/%s" % region).ok(200)
    added = [s for s in w.i.get("/auth/catalog").ok(200)["catalog"] if s["id"] == service["id"]]
    assert added[0]["endpoints"][0]["url"] == "http://swift/" + w.i.client.project_id
    w.i.delete("/regions/%s" % region).ok(403)
    for bad in ({"interface": "secret"}, {"service_id": "nowhere"}, {"enabled": "yes"}):
        body = {"service_id": service["id"], "interface": "public", "url": "u", **bad}
        w.i.post("/endpoints", {"endpoint": body}).ok(400, 404)
    w.i.patch("/endpoints/" + endpoint["id"], {"endpoint": {"region_id": "RegionOne"}}).ok(200)
    assert len(w.i.get("/regions").ok(200)["regions"]) == 2
    w.i.delete("/services/" + service["id"]).ok(204)
    w.i.get("/endpoints/" + endpoint["id"]).ok(404)
    w.i.delete("/regions/%s" % region).ok(204)
    chosen = w.i.post("/regions", {"region": {"id": region, "description": "d"}}).ok(201)["region"]
    assert chosen["id"] == region and chosen["parent_region_id"] is None
    w.i.post("/regions", {"region": {"id": region}}).ok(409)
    w.i.post("/regions", {"region": {"id": "RegionOne"}}).ok(409)
    w.i.delete("/regions/%s" % region).ok(204)


# --- application credentials ---


def credential(w, user, token, **members):
    body = {"application_credential": {"name": fresh("app"), **members}}
    return w.i.post("/users/%s/application_credentials" % user["id"], body, token=token)


def by_credential(w, made, secret=None):
    return w.login({"methods": ["application_credential"],
                    "application_credential": {"id": made["id"], "secret": secret or made["secret"]}})


def test_application_credential(w, user, project):
    token = w.token(user, project)
    made = credential(w, user, token, roles=[{"name": "reader"}], description="d").ok(201)["application_credential"]
    assert made["project_id"] == project["id"] and made["unrestricted"] is False and len(made["secret"]) == 64
    login = by_credential(w, made)
    body = login.ok(201)["token"]
    assert body["methods"] == ["application_credential"] and [r["name"] for r in body["roles"]] == ["reader"]
    assert body["project"]["id"] == project["id"]
    theirs = login.headers["X-Subject-Token"]
    credential(w, user, theirs).ok(403)
    again = w.login({"methods": ["token"], "token": {"id": theirs}}, {"project": {"id": project["id"]}})
    assert [r["name"] for r in again.ok(201)["token"]["roles"]] == ["reader"]
    w.login({"methods": ["token"], "token": {"id": theirs}}, "unscoped").ok(401)
    path = "/users/%s/application_credentials" % user["id"]
    assert "secret" not in w.i.get("%s/%s" % (path, made["id"]), token=token).ok(200)["application_credential"]
    assert len(w.i.get(path, token=token).ok(200)["application_credentials"]) == 1
    by_credential(w, made, "wrong").ok(401)
    w.i.delete("%s/%s" % (path, made["id"]), token=token).ok(204)
    by_credential(w, made).ok(401)
    w.i.get("/auth/projects", token=theirs).ok(401)


def test_application_credential_limits(w, user, project):
    token = w.token(user, project)
    credential(w, user, token, roles=[{"name": "admin"}]).ok(400)
    credential(w, user, token, expires_at="2001-01-01T00:00:00").ok(400)
    credential(w, user, token, expires_at="soon").ok(400)
    credential(w, user, token, access_rules=[{"path": "/", "method": "GET", "service": "compute"}]).ok(501)
    credential(w, user, w.i.client.token).ok(403)
    name = fresh("app")
    credential(w, user, token, name=name, secret="s").ok(201)
    credential(w, user, token, name=name).ok(409)
    by_name = {"name": name, "user": {"id": user["id"]}, "secret": "s"}
    w.login({"methods": ["application_credential"], "application_credential": by_name}).ok(201)


# --- the program ---


def test_tokens_survive_a_restart_and_die_everywhere(make_cloud):
    cloud = make_cloud()
    admin = cloud.admin()
    assert admin.identity.get("/users").ok(200)
    cloud.restart()
    admin.identity.get("/users").ok(200)
    cloud.restart("kill")
    admin.identity.get("/users").ok(200)
    admin.identity.delete("/auth/tokens", headers={"X-Subject-Token": admin.token}).ok(204)
    cloud.restart()
    admin.identity.get("/users").ok(401)
    with open(cloud.data + "/openrc") as f:
        assert cloud.url in f.read()
    import os
    for name in ("openrc", "clouds.yaml", "token-keys"):
        assert stat.S_IMODE(os.stat(os.path.join(cloud.data, name)).st_mode) == 0o600
    assert cloud.stop() == 0


def test_many_logins_leave_room(w, user, project):
    """Logins queue for their own threads; another request is not behind them."""
    import concurrent.futures
    token = w.token(user, project)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        logins = [pool.submit(w.auth, user, {"project": {"id": project["id"]}}) for _ in range(32)]
        begin = time.monotonic()
        w.i.get("/auth/projects", token=token).ok(200)
        assert time.monotonic() - begin < 1
        assert all(login.result().status == 201 for login in logins)
