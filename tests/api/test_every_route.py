# SPDX-License-Identifier: Apache-2.0
"""What holds for each route, whatever it does: the list comes from the program itself."""
import json
import re
import uuid

import pytest

BODIES = {
    "no JSON": b"{", "an array": b"[]", "a string": b'"x"', "null": b"null", "an empty object": b"{}", "nothing": b"",
    "twice the same key": b'{"server": {}, "server": {}}', "too deep": b"[" * 200 + b"]" * 200,
    "a wrong type inside": b'{"server": 1, "image": 1, "network": 1, "project": 1, "user": 1, "auth": 1, "flavor": 1, "port": 1}',
    "bytes": bytes(range(256)),
}


def concrete(path):
    return re.sub(r"\{[^}]+\}", lambda _: str(uuid.uuid4()), path)


@pytest.fixture(scope="module")
def routes(admin):
    return admin.root.get("/kilonova/routes").ok(200)["routes"]


def call(client, route, **options):
    return client.root.call(route["method"], concrete(route["path"]), **options)


def check_error(answer, *statuses):
    assert answer.status in statuses, (answer, statuses)
    assert not re.search(rb"/tmp/|\.c:\d|SELECT|sqlite|mariadb", answer.content), answer.content
    assert answer.headers.get("X-Openstack-Request-Id", "").startswith("req-")
    if answer.content and answer.headers["Content-Type"].startswith("application/json"):
        json.loads(answer.content)


def test_there_are_many(routes):
    assert len(routes) > 100
    assert {r["service"] for r in routes} == {"identity", "image", "compute", "network"}


def test_without_a_token(admin, routes):
    for route in routes:
        if route["role"] != "none":
            check_error(call(admin, route, token=None), 401)


def test_with_a_broken_token(admin, routes):
    for route in routes:
        if route["role"] != "none":
            check_error(call(admin, route, token="gAAAA" + "x" * 200), 401)


def test_admin_routes_refuse_a_member(demo, routes):
    for route in routes:
        if route["role"] == "admin":
            check_error(call(demo, route), 403)


def test_member_routes_refuse_a_reader(reader, routes):
    for route in routes:
        if route["role"] == "member":
            check_error(call(reader, route), 403)


def test_an_unknown_object(demo, routes):
    """Somebody else's objects and those that never were are the same to a caller: not there."""
    for route in routes:
        if "{" in route["path"] and route["role"] in ("reader", "member") and route["method"] in ("GET", "DELETE"):
            answer = call(demo, route)
            assert answer.status < 500, answer


@pytest.mark.parametrize("what", BODIES)
def test_a_bad_body(admin, routes, what):
    for route in routes:
        if route["method"] in ("POST", "PUT", "PATCH") and not route["streams"]:
            answer = call(admin, route, data=BODIES[what], headers={"Content-Type": "application/json"})
            assert answer.status < 500, (answer, what)


def test_an_oversized_body(admin, routes):
    for route in routes:
        if route["method"] in ("POST", "PUT", "PATCH") and not route["streams"]:
            # Where no body is due, a small one is read and ignored.
            body = b'{"x": "' + b"y" * ((route["max_body"] or 64 * 1024) + 10) + b'"}'
            try:
                check_error(call(admin, route, data=body, headers={"Content-Type": "application/json"}), 413, 400)
            except OSError:
                pass        # refused while we were still sending


def test_a_method_that_is_not_there(admin, routes):
    for path in sorted({r["path"] for r in routes}):
        answer = admin.root.call("PROPFIND", concrete(path))
        assert answer.status in (404, 405), answer
