# SPDX-License-Identifier: Apache-2.0
"""kilonova's own commands: messages, exit codes, and what they do beside a running server."""
import json
import os
import re
import subprocess

import pytest

from support import guests


def run(cloud, *words, environment=None, stdin=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and "proxy" not in k.lower()}
    return subprocess.run([cloud.binary, *words], env={**env, **(environment or {})}, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120)


def ok(cloud, *words, **options):
    done = run(cloud, *words, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def here(make_cloud):
    """A cloud of its own: its admin's password changes."""
    cloud = make_cloud()
    cloud.env = cloud.admin().environment()
    admin = cloud.admin()
    image = admin.image.post("/images", {"name": "i", "disk_format": "raw", "container_format": "bare", "os_timezone": "Asia/Shanghai"}).ok(201)["id"]
    admin.image.call("PUT", "/images/%s/file" % image, data=b"\0" * 65536, headers={"Content-Type": "application/octet-stream"}).ok(204)
    cloud.image = image
    yield cloud
    cloud.stop()


def boot(cloud, name):
    admin = cloud.admin()
    body = {"name": name, "imageRef": cloud.image, "flavorRef": "1"}
    server = admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]
    guests.wait_status(admin, server)
    return server


@pytest.mark.parametrize("words", [
    ["server"], ["server", "frob"], ["server", "properties"], ["server", "properties", "a", "b"], ["server", "set", "a"],
    ["server", "set", "a", "b"], ["server", "set", "a", "=b"], ["server", "set", "a", "b=c", "--reboot"],
    ["server", "set", "a", "b=c", "--reboot", "soft"], ["server", "set", "a", "b=c", "--frob"], ["explain"], ["explain", "a", "b", "c"],
    ["server", "upgrade-profile"], ["server", "upgrade-profile", "a", "b"], ["server", "upgrade-profile", "a", "--undo", "--hardware"],
    ["server", "upgrade-profile", "a", "--reboot", "soft"],
    ["clock", "a", "b"], ["clock", "a", "--all"], ["clock", "--all", "--hosts"], ["clock", "--now"], ["clock", "--frob"],
    ["passwd"], ["passwd", "a", "b"], ["db"], ["db", "frob"], ["db", "backup"], ["db", "version", "x"], ["frob"],
])
def test_wrong_command_lines(here, words):
    done = run(here, *words, environment=here.env)
    assert done.returncode == 2 and "kilonova" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("words", [["explain"], ["clock"], ["server", "set"], ["server", "properties"], ["server", "upgrade-profile"]])
def test_help_of_a_command(here, words):
    done = run(here, *words, "--help", environment=here.env)
    assert done.returncode == 0 and done.stdout.startswith("usage: kilonova " + " ".join(words)) and done.stderr == "", done


def test_no_cloud_is_named(here, tmp_path):
    done = run(here, "explain", "x")
    assert done.returncode == 1 and "OS_CLOUD" in done.stderr
    done = run(here, "explain", "x", environment={"OS_CLOUD": "nowhere", "HOME": str(tmp_path)})
    assert done.returncode == 1 and "nowhere" in done.stderr
    done = run(here, "explain", "x", environment={**here.env, "OS_AUTH_URL": "http://127.0.0.1:1/v3"})
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr
    done = run(here, "explain", "x", environment={**here.env, "OS_PASSWORD": "wrong"})
    assert done.returncode == 1 and "login failed" in done.stderr and "401" in done.stderr and "wrong" not in done.stderr


def test_server_properties_set_and_explain(here):
    server = boot(here, "one")
    assert re.search(r"^os_timezone +Asia/Shanghai$", ok(here, "server", "properties", server, environment=here.env), re.M)
    as_json = json.loads(ok(here, "server", "properties", "one", "--json", environment=here.env))
    assert as_json["properties"]["os_timezone"] == "Asia/Shanghai" and as_json["profile"] == "kilonova-1"

    refused = run(here, "server", "set", "one", "os_type=Windows", environment=here.env)
    assert refused.returncode == 1 and "windows" in refused.stderr
    refused = run(here, "server", "set", "one", "os_typ=windows", environment=here.env)
    assert refused.returncode == 1 and "did you mean" in refused.stderr

    assert "next hard reboot" in ok(here, "server", "set", "one", "os_type=windows", environment=here.env)
    before = ok(here, "explain", server, "clock", environment=here.env)
    assert re.search(r"^[! ] *clock/@offset +utc +\S", before, re.M)
    assert "up again" in ok(here, "server", "set", "one", "os_type=windows", "--reboot", "hard", environment=here.env)
    after = ok(here, "explain", server, "clock", environment=here.env)
    assert re.search(r"^[! ] *clock/@offset +timezone +\S", after, re.M) and "Windows" in after
    assert "windows" in ok(here, "server", "properties", server, environment=here.env)
    decisions = json.loads(ok(here, "explain", server, "--json", environment=here.env))["decisions"]
    assert all(d["path"] and d["reason"] and d["rule"] and d["source"] for d in decisions)
    assert run(here, "explain", server, "nonsense", environment=here.env).returncode == 1

    # KEY= takes it away.
    ok(here, "server", "set", server, "os_type=", environment=here.env)
    assert "os_type" not in json.loads(ok(here, "server", "properties", server, "--json", environment=here.env))["properties"]


def test_clock(here):
    """Without agents (the test driver has none) the table says why it knows nothing."""
    server = boot(here, "clocked")
    out = ok(here, "clock", "clocked", "--now", environment=here.env)
    assert re.match(r"SERVER +OS +POLICY +ZONE +SKEW +SINCE +VERDICT\n", out)
    assert re.search(r"^clocked +- +utc +Asia/Shanghai +- +\S+Z +unknown \(no-channel\)$", out, re.M)
    assert "no agent channel" in out
    for words in ([], ["--all"]):
        assert "clocked" in ok(here, "clock", *words, environment=here.env)
        assert server in [c["server"] for c in json.loads(ok(here, "clock", "--json", *words, environment=here.env))]
    found = json.loads(ok(here, "clock", server, "--json", environment=here.env))["clock"]
    assert found["verdict"] == "unknown" and found["history"]
    assert run(here, "clock", "nobody", environment=here.env).returncode == 1

    hosts = ok(here, "clock", "--hosts", environment=here.env)
    assert re.match(r"HOST +ZONE +NTP +HARDWARE CLOCK +VERDICT\n\S+ +\S+ +(yes|no|unknown)\b", hosts)
    for host in json.loads(ok(here, "clock", "--hosts", "--json", environment=here.env)):
        assert all("! %s: %s" % (host["host"], w["text"]) in hosts for w in host["warnings"])


def test_names_that_occur_twice(here):
    ids = [boot(here, "two.x"), boot(here, "two.x"), boot(here, "two-x")]
    done = run(here, "server", "properties", "two.x", environment=here.env)
    assert done.returncode == 1 and ids[0] in done.stderr and ids[1] in done.stderr and ids[2] not in done.stderr
    ok(here, "server", "properties", ids[0], environment=here.env)
    done = run(here, "server", "properties", "three", environment=here.env)
    assert done.returncode == 1 and "three" in done.stderr
    done = run(here, "server", "properties", "00000000-0000-0000-0000-000000000000", environment=here.env)
    assert done.returncode == 1 and "404" in done.stderr


def test_clouds_yaml(here, tmp_path):
    """The file that serve has written works as it is; so does one in a folder where openstacksdk looks."""
    written = os.path.join(here.data, "clouds.yaml")
    with open(written) as f:
        text = f.read()
    name = text.split("clouds:\n", 1)[1].split(":", 1)[0].strip()
    ok(here, "server", "properties", "one", environment={"OS_CLIENT_CONFIG_FILE": written, "OS_CLOUD": name})
    ok(here, "server", "properties", "one", "--os-cloud", name, environment={"OS_CLIENT_CONFIG_FILE": written})
    home = tmp_path / "openstack"
    home.mkdir()
    (home / "clouds.yaml").write_text(text)
    ok(here, "server", "properties", "one", environment={"XDG_CONFIG_HOME": str(tmp_path), "OS_CLOUD": name})
    (home / "clouds.yaml").write_text("clouds: [unclosed")
    done = run(here, "explain", "one", environment={"XDG_CONFIG_HOME": str(tmp_path), "OS_CLOUD": name})
    assert done.returncode == 1 and "line" in done.stderr


def options(cloud):
    return cloud.arguments[cloud.arguments.index("--db"):][:2] if "--db" in cloud.arguments else ["--data", cloud.data]


def test_db_beside_the_server(here, tmp_path):
    assert run(here, "db", "version", "--data", str(tmp_path)).returncode == 1
    assert not os.listdir(tmp_path), "nothing is made where there is nothing"
    version = ok(here, "db", "version", *options(here))
    assert version.split()[1] == version.split()[3]
    assert "nothing is wrong" in ok(here, "db", "check", *options(here))
    copy = str(tmp_path / "copy.db")
    if "--db" in here.arguments:
        done = run(here, "db", "backup", copy, *options(here))
        assert done.returncode == 1 and "mariadb-dump" in done.stderr
        return
    ok(here, "db", "backup", copy, *options(here))
    assert os.stat(copy).st_mode & 0o077 == 0
    assert "nothing is wrong" in ok(here, "db", "check", "--db", "sqlite:" + copy)
    assert run(here, "db", "backup", copy, *options(here)).returncode == 1, "never over a file that is there"


def test_passwd(here):
    old = here.admin()
    old.compute.get("/servers").ok(200)
    assert run(here, "passwd", "nobody", *options(here), stdin="x\n").returncode == 1
    assert run(here, "passwd", "admin", *options(here), stdin="\n").returncode == 1
    ok(here, "passwd", "admin", *options(here), stdin="quite new\n")
    assert old.compute.get("/servers").status == 401
    assert here.admin().identity.post("/auth/tokens", here.admin().auth_body(), token=None).status == 401
    here.client("admin", "quite new", "admin").compute.get("/servers").ok(200)
