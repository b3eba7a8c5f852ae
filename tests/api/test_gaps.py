# SPDX-License-Identifier: Apache-2.0
"""Suspend and resume on libvirt's test driver: states, answers, errors, history; and the event of the guest's clock."""
import re

import pytest

from support.rest import wait_for
from test_servers import Servers, image, make_image, network, servers  # noqa: F401 pylint: disable=unused-import

EVENT = "kilonova_set_guest_time"
ACTIONS = ["suspend", "resume", "pause", "unpause"]


def act(servers, server, action, status):
    servers.action(server, {action: None}).ok(202)
    return servers.wait(server, status)


def last_action(client, server, action):
    """The newest record of that action, with its events by name."""
    listed = client.compute.get("/servers/%s/os-instance-actions" % server).ok(200)["instanceActions"]
    request = next(a["request_id"] for a in listed if a["action"] == action)
    record = client.compute.get("/servers/%s/os-instance-actions/%s" % (server, request)).ok(200)["instanceAction"]
    record["by_name"] = {e["event"]: e for e in record["events"]}
    return record


def wait_clock_event(client, server, action, seconds=30):
    def look():
        event = last_action(client, server, action)["by_name"].get(EVENT)
        return event if event and event["finish_time"] else None
    return wait_for(look, seconds, "outcome of setting the clock")


def test_suspend_and_resume(servers, admin):
    server = servers.boot()["id"]
    assert servers.action(server, {"resume": None}).status == 409
    answer = servers.action(server, {"suspend": None})
    answer.ok(202)
    assert answer.content == b""
    body = servers.wait(server, "SUSPENDED")
    assert body["OS-EXT-STS:vm_state"] == "suspended" and body["OS-EXT-STS:power_state"] == 4
    assert "progress" not in body
    listed = servers.client.compute.get("/servers?status=SUSPENDED").ok(200)["servers"]
    assert [s["id"] for s in listed] == [server]
    body = act(servers, server, "resume", "ACTIVE")
    assert body["OS-EXT-STS:power_state"] == 1
    for action in "suspend", "resume":
        record = last_action(admin, server, action)
        event = record["by_name"]["compute_%s_instance" % action]
        assert record["message"] is None and event["result"] == "Success" and event["finish_time"]


@pytest.mark.parametrize("action", ["os-start", "os-stop", "pause", "unpause", "suspend", "rebuild", "reboot"])
def test_suspended_server_refuses(servers, demo, action):
    server = next((s["id"] for s in demo.compute.get("/servers?status=SUSPENDED").ok(200)["servers"]), None)
    if server is None:
        server = servers.boot()["id"]
        act(servers, server, "suspend", "SUSPENDED")
    argument = {"rebuild": {"imageRef": servers.image}, "reboot": {"type": "SOFT"}}.get(action)
    answer = servers.action(server, {action: argument})
    assert answer.status == 409, answer
    assert "vm_state suspended" in answer.json["conflictingRequest"]["message"]


def test_suspended_server_can_be_deleted_or_rebooted_hard(servers):
    first, second = servers.boot()["id"], servers.boot()["id"]
    for server in first, second:
        act(servers, server, "suspend", "SUSPENDED")
    servers.action(first, {"reboot": {"type": "HARD"}}).ok(202)
    servers.wait(first)
    # The saved memory has gone with the power.
    assert servers.action(first, {"resume": None}).status == 409
    servers.delete(second)


@pytest.mark.parametrize("action", ACTIONS)
def test_errors(servers, demo, stranger, reader, action):
    server = servers.boot()["id"]
    assert stranger.compute.post("/servers/%s/action" % server, {action: None}).status == 404
    assert reader.compute.post("/servers/%s/action" % server, {action: None}).status == 403
    assert servers.action("no-such-server", {action: None}).status == 404
    if action in ("unpause", "resume"):
        before = {"unpause": ("pause", "PAUSED"), "resume": ("suspend", "SUSPENDED")}[action]
        act(servers, server, *before)
    servers.action(server, {"lock": None}).ok(202)
    answer = servers.action(server, {action: None})
    assert answer.status == 409 and "locked" in answer.json["conflictingRequest"]["message"]
    servers.action(server, {"unlock": None}).ok(202)
    servers.action(server, {action: None}).ok(202)
    servers.wait(server, {"suspend": "SUSPENDED", "pause": "PAUSED"}.get(action, "ACTIVE"))
    assert servers.action(server, {action: None}).status == 409


def test_the_clock_is_set_after_a_gap(servers, admin):
    """The test driver's guests have an agent; its clock stands still in 1989 until it is set."""
    server = servers.boot()["id"]
    for first, status, second, off in (("pause", "PAUSED", "unpause", r"\d{9,}\.\d{3} s behind and was set"),
                                       ("suspend", "SUSPENDED", "resume", r"(\d\.\d{3} s behind and was set|right to .*)")):
        act(servers, server, first, status)
        act(servers, server, second, "ACTIVE")
        event = wait_clock_event(admin, server, second)
        assert event["result"] == "Success"
        assert re.fullmatch(r"The guest's clock was %s\." % off, event["traceback"])
        assert last_action(admin, server, second)["message"] is None


@pytest.mark.parametrize("where", ["server", "image", "both"])
def test_the_clock_is_left_alone_where_somebody_says_so(servers, demo, admin, where):
    body = {"metadata": {"os_time_after_gap": "false"}} if where == "server" else {}
    if where != "server":
        body["imageRef"] = make_image(demo, "left-alone", os_time_after_gap="no")
    if where == "both":
        body["metadata"] = {"os_time_after_gap": "true"}
    server = servers.boot(**body)["id"]
    act(servers, server, "pause", "PAUSED")
    act(servers, server, "unpause", "ACTIVE")
    events = last_action(admin, server, "unpause")["by_name"]
    assert (EVENT in events) == (where == "both")


def test_a_bad_word_for_the_clock_is_refused(servers):
    answer = servers.request(metadata={"os_time_after_gap": "perhaps"})
    assert answer.status == 400 and "os_time_after_gap" in answer.json["badRequest"]["message"], answer


def test_the_clock_is_left_alone_in_the_whole_cloud(servers, admin, cloud):
    alone, wanted = servers.boot()["id"], servers.boot(metadata={"os_time_after_gap": "yes"})["id"]
    cloud.restart(environment={"KILONOVA_COMPUTE_TIME_AFTER_GAP": "false"})
    try:
        for server in alone, wanted:
            act(servers, server, "pause", "PAUSED")
            act(servers, server, "unpause", "ACTIVE")
            assert (EVENT in last_action(admin, server, "unpause")["by_name"]) == (server == wanted)
    finally:
        cloud.restart()
