# SPDX-License-Identifier: Apache-2.0
"""The parts around us fail: libvirtd, the disk, the clients."""
import os
import socket
import subprocess
import threading
import time

import pytest
import requests

from support import guests
from support.rest import wait_for


def upload(admin, data, **attributes):
    body = {"name": "i", "disk_format": "raw", "container_format": "bare", **attributes}
    image = admin.image.post("/images", body).ok(201)["id"]
    return image, admin.image.call("PUT", "/images/%s/file" % image, data=data, headers={"Content-Type": "application/octet-stream"})


def boot(admin, image, name="s", network="none"):
    body = {"name": name, "imageRef": image, "flavorRef": "1"}
    if network != "none":
        body["networks"] = [{"uuid": network}]
    return admin.compute.post("/servers", {"server": body}).ok(202)["server"]["id"]


def test_libvirtd_killed_under_work(make_cloud):
    cloud = make_cloud(real=True)
    admin = cloud.admin()
    with open(guests.image("rtc", "img"), "rb") as f:
        image, answer = upload(admin, f.read())
    answer.ok(204)
    first = boot(admin, image)
    guests.wait_status(admin, first)
    domid = guests.virsh("domid", first)
    servers = [boot(admin, image, "s%d" % i) for i in range(4)]
    time.sleep(0.2)
    subprocess.run(["restart-libvirtd", "KILL"], check=True)

    for server in servers:
        body = wait_for(lambda s=server: (b := admin.compute.get("/servers/" + s).ok(200)["server"])["status"] in ("ACTIVE", "ERROR") and b,
                        90, "server settles")
        assert body["status"] == "ACTIVE" or body["fault"]["message"]
    assert guests.virsh("domid", first) == domid, "a running guest was disturbed"
    wait_for(lambda: admin.compute.post("/servers/%s/action" % first, {"reboot": {"type": "HARD"}}).status == 202, 30, "host is back")
    guests.wait_status(admin, first)
    for server in [first, *servers]:
        admin.compute.delete("/servers/" + server).ok(204)
        guests.wait_gone(admin, server)
    assert os.listdir(cloud.data + "/instances") == []
    cloud.stop()


@pytest.fixture
def small_disk(lab):
    folder = os.path.join(lab, "small")
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_disk_full(make_cloud, small_disk):
    cloud = make_cloud(real=True, start=False)
    cloud.data = small_disk
    cloud.log = small_disk + ".log"
    cloud.arguments[cloud.arguments.index("--data") + 1] = small_disk
    cloud.start()
    admin = cloud.admin()

    # During an upload: the image goes back to `queued`, its bytes are gone, and the next upload works.
    image, answer = upload(admin, (b"\0" * 65536 for _ in range(2000)))
    assert answer.status in (413, 507), answer
    assert b"space" in answer.content
    assert admin.image.get("/images/" + image).ok(200)["status"] == "queued"
    assert [f for f in os.listdir(small_disk + "/images") if not f.startswith(".")] == []
    with open(guests.image("rtc", "img"), "rb") as f:
        data = f.read()
    admin.image.call("PUT", "/images/%s/file" % image, data=data, headers={"Content-Type": "application/octet-stream"}).ok(204)

    # During a boot: ERROR that names the cause, and deleting it works on the full disk.
    with open(small_disk + "/filler", "wb") as filler:
        try:
            while True:
                filler.write(b"\0" * 65536)
                filler.flush()
        except OSError:
            pass
    answer = admin.compute.post("/servers", {"server": {"name": "s", "imageRef": image, "flavorRef": "1"}})
    if answer.status == 202:
        server = answer.json["server"]["id"]
        fault = guests.wait_status(admin, server, "ERROR")["fault"]["message"]
        assert "space" in fault, fault
    else:
        assert answer.status in (503, 507), answer
    os.unlink(small_disk + "/filler")
    for server in admin.compute.get("/servers").ok(200)["servers"]:
        admin.compute.delete("/servers/" + server["id"]).ok(204)
        guests.wait_gone(admin, server["id"])
    server = boot(admin, image)
    guests.wait_status(admin, server)
    admin.compute.delete("/servers/" + server).ok(204)
    guests.wait_gone(admin, server)
    cloud.stop()


def test_an_upload_that_breaks_off(cloud, admin):
    image = admin.image.post("/images", {"name": "i", "disk_format": "raw", "container_format": "bare"}).ok(201)["id"]
    with socket.create_connection(("127.0.0.1", cloud.port)) as s:
        s.sendall(("PUT /image/v2/images/%s/file HTTP/1.1\r\nHost: h\r\nX-Auth-Token: %s\r\nContent-Type: application/octet-stream\r\n"
                   "Content-Length: 1000000\r\n\r\n" % (image, admin.token)).encode())
        s.sendall(b"x" * 300000)
        time.sleep(0.2)
    wait_for(lambda: admin.image.get("/images/" + image).ok(200)["status"] == "queued", 10, "image queued again")
    wait_for(lambda: not [f for f in os.listdir(cloud.data + "/images") if image in f], 10, "bytes gone")


def test_thousands_of_idle_connections(cloud, admin):
    idle = []
    try:
        for _ in range(3000):
            s = socket.create_connection(("127.0.0.1", cloud.port))
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n")     # a head that never ends
            idle.append(s)
        begin = time.monotonic()
        for _ in range(20):
            admin.compute.get("/servers").ok(200)
        assert time.monotonic() - begin < 5
    finally:
        for s in idle:
            s.close()


def test_a_login_storm_leaves_reads_alone(cloud, admin):
    """40 logins at once: all succeed, memory stays bounded, other requests are answered meanwhile."""
    failures = []

    def login():
        try:
            cloud.admin().login()
        except (AssertionError, requests.RequestException) as e:
            failures.append(e)

    threads = [threading.Thread(target=login) for _ in range(40)]
    for thread in threads:
        thread.start()
    while any(t.is_alive() for t in threads):
        admin.compute.get("/servers", timeout=5).ok(200)
        time.sleep(0.05)
    assert not failures
    with open("/proc/%d/status" % cloud.process.pid, encoding="ascii") as f:
        peak = int(next(line.split()[1] for line in f if line.startswith("VmHWM")))
    assert peak < 200 * 1024, "%d KiB" % peak


def test_a_second_server_on_the_same_data_is_refused(cloud):
    run = subprocess.run([cloud.binary, "serve", "--data", cloud.data, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, timeout=20)
    assert run.returncode != 0
    assert "pid %d" % cloud.process.pid in run.stderr
