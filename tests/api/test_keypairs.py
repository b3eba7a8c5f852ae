# SPDX-License-Identifier: Apache-2.0
"""The Compute API: key pairs."""
import shutil
import subprocess

import pytest

KNOWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGf9696kIC6ZhJ9AoZYNqifmF5eWOdO+BMfiuAGpmFp t@x"
FINGERPRINT = "cb:d3:79:4b:07:f7:cb:3a:c2:7a:05:20:9c:d3:5b:d0"
SHOWN = {"name", "public_key", "fingerprint", "user_id", "created_at", "updated_at", "deleted", "deleted_at", "id"}


def create(client, name, **members):
    return client.compute.post("/os-keypairs", {"keypair": {"name": name, **members}})


def test_import_show_list_delete(demo):
    made = create(demo, "known", public_key=KNOWN).ok(200)["keypair"]
    assert made == {"name": "known", "public_key": KNOWN, "fingerprint": FINGERPRINT, "user_id": demo.user_id}
    shown = demo.compute.get("/os-keypairs/known").ok(200)["keypair"]
    assert set(shown) == SHOWN and shown["fingerprint"] == FINGERPRINT
    assert shown["deleted"] is False and shown["updated_at"] is None
    listed = demo.compute.get("/os-keypairs").ok(200)["keypairs"]
    assert {"keypair": {"name": "known", "public_key": KNOWN, "fingerprint": FINGERPRINT}} in listed
    create(demo, "known", public_key=KNOWN).ok(409)
    answer = demo.compute.delete("/os-keypairs/known")
    assert answer.status == 202 and answer.content == b""
    demo.compute.get("/os-keypairs/known").ok(404)
    demo.compute.delete("/os-keypairs/known").ok(404)


def test_generate(demo, tmp_path):
    made = create(demo, "made here").ok(200)["keypair"]
    assert made["public_key"].startswith("ssh-rsa ")
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    if shutil.which("ssh-keygen"):
        key = tmp_path / "key"
        key.write_text(made["private_key"])
        key.chmod(0o600)
        derived = subprocess.run(["ssh-keygen", "-y", "-f", str(key)], check=True, capture_output=True, text=True).stdout
        assert derived.split()[:2] == made["public_key"].split()[:2]
        printed = subprocess.run(["ssh-keygen", "-l", "-E", "md5", "-f", str(key)], check=True, capture_output=True,
                                 text=True).stdout
        assert "MD5:%s " % made["fingerprint"] in printed
    assert "private_key" not in demo.compute.get("/os-keypairs/made%20here").ok(200)["keypair"]
    demo.compute.delete("/os-keypairs/made%20here").ok(202)


def test_they_belong_to_users(demo, stranger):
    create(demo, "mine", public_key=KNOWN).ok(200)
    stranger.compute.get("/os-keypairs/mine").ok(404)
    stranger.compute.delete("/os-keypairs/mine").ok(404)
    create(stranger, "mine", public_key=KNOWN).ok(200)
    demo.compute.delete("/os-keypairs/mine").ok(202)
    stranger.compute.get("/os-keypairs/mine").ok(200)


@pytest.mark.parametrize("members", [
    {"name": ""}, {"name": "x" * 256}, {"name": "key_/.\\@:"}, {"name": " x"}, {"name": 5}, {"name": "caf\u00e9"},
    {"public_key": ""}, {"public_key": "ssh-rsa JUNK nova@ubuntu"}, {"public_key": "ssh-rsa " + "A" * 2048 + " x"},
    {"public_key": "ssh-rsa " + KNOWN.split()[1]}, {"public_key": KNOWN + "\nssh-rsa"}, {"public_key": 5}, {"type": "ssh"}])
def test_bad_creates(demo, members):
    demo.compute.post("/os-keypairs", {"keypair": {"name": "bad", "public_key": KNOWN, **members}}).ok(400)


def test_quota(admin, stranger):
    stranger.login()
    path = "/os-quota-sets/" + stranger.project_id
    have = len(stranger.compute.get("/os-keypairs").ok(200)["keypairs"])
    admin.compute.put(path, {"quota_set": {"key_pairs": have + 1}}).ok(200)
    create(stranger, "last", public_key=KNOWN).ok(200)
    answer = create(stranger, "one more", public_key=KNOWN)
    assert "uota" in answer.ok(403)["forbidden"]["message"]
    admin.compute.delete(path).ok(202)
    create(stranger, "one more", public_key=KNOWN).ok(200)
