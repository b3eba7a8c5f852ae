# SPDX-License-Identifier: Apache-2.0
"""Storage of a libvirt host: real pools on small file systems, disks outside of pools, and what only looks as if it were ill."""
import json
import os
import shutil
import subprocess
import time

import pytest

from support import guests
from support.cloud import BINARY, QEMU_URI
from support.rest import wait_for

MIB = 1 << 20
DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>
<devices>{disks}</devices></domain>"""
FILE = "<disk type='file' device='{device}'><driver name='qemu' type='{format}'/><source file='{path}'/><target dev='{dev}' bus='{bus}'/>{more}</disk>"


def file_disk(path, form="qcow2", dev="vda", device="disk", more=""):
    return FILE.format(path=path, format=form, dev=dev, device=device, more=more, bus="virtio" if device == "disk" else "ide")


def qcow2(path, size="16M", backing=None):
    words = ["qemu-img", "create", "-q", "-f", "qcow2"] + (["-F", "qcow2", "-b", str(backing)] if backing else []) + [str(path)]
    subprocess.run(words + ([] if backing else [size]), check=True)
    return path


def fill(path, mib):
    path.write_bytes(os.urandom(MIB) * mib)
    return path


def age(*paths, hours=48):
    for path in paths:
        os.utime(path, (time.time() - hours * 3600,) * 2)


class Storage:
    """Guests, pools and small file systems of one test."""

    def __init__(self, root):
        self.root, self.names, self.pools, self.mounts, self.processes = root, [], [], [], []

    def folder(self, name, mib=None, pool=False):
        path = self.root / name
        path.mkdir()
        if mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dM" % mib, "tmpfs", str(path)], check=True)
            self.mounts.append(path)
        if pool:
            guests.virsh("pool-create-as", name, "dir", "--target", str(path))
            self.pools.append(name)
        return path

    def guest(self, name, *disks, start=False):
        xml = self.root / (name + ".xml")
        xml.write_text(DOMAIN.format(name=name, disks="".join(disks)))
        guests.virsh("define", str(xml))
        self.names.append(name)
        if start:
            guests.virsh("start", name)

    def clean(self):
        for name in self.names:
            guests.virsh("destroy", name, check=False)
            guests.virsh("undefine", name, check=False)
        for process in self.processes:
            process.terminate()
            process.wait(20)
        for pool in self.pools:
            guests.virsh("pool-destroy", pool, check=False)
        for path in self.mounts:
            subprocess.run(["umount", str(path)], check=False)


@pytest.fixture(name="storage")
def fixture_storage(tmp_path):
    made = Storage(tmp_path)
    yield made
    made.clean()


@pytest.fixture(name="audit")
def fixture_audit(tmp_path):
    """Findings of the rules about this test's files; other tests' guests may be on the host."""
    def audit(*rules):
        done = subprocess.run([BINARY, "doctor", "--libvirt", QEMU_URI, "--json"], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in (0, 1), done.stderr
        return [f for f in json.loads(done.stdout)["findings"] if f["rule"] in rules and str(tmp_path) in json.dumps(f)]
    return audit


def named(findings):
    return sorted(f["server"]["name"] for f in findings)


def test_nearly_full_and_full(storage, audit):
    """The pool is not looked at again by libvirt, so its own figures are of before."""
    folder = storage.folder("vms", 32, pool=True)
    storage.guest("a", file_disk(qcow2(folder / "a.qcow2")))
    assert not audit("storage-full")
    ballast = fill(folder / "ballast", 28)
    [found] = audit("storage-full")
    assert (found["server"]["name"], found["severity"]) == ("vms", "warning") and "is 88 % full" in found["what"]
    assert "storage = file system of %s, now" % folder in found["evidence"] and "disks that guests write to = 1" in found["evidence"]
    fill(ballast, 31)
    [found] = audit("storage-full")
    assert found["severity"] == "critical"
    ballast.unlink()
    assert not audit("storage-full")


def test_promised_more_than_there_is(storage, audit):
    folder = storage.folder("vms", 64, pool=True)
    storage.guest("a", file_disk(qcow2(folder / "a.qcow2", "50M")))
    assert not audit("storage-promised")
    base = qcow2(folder / "base.qcow2", "50M")
    storage.guest("b", file_disk(qcow2(folder / "b.qcow2", backing=base)), start=True)
    [found] = audit("storage-promised")
    # Two of 50 MiB, one of them with next to nothing in it; the base is read only and grows no more.
    assert "1.57 times" in found["what"] or "1.56 times" in found["what"], found
    assert found["server"]["name"] == "vms"


def test_disks_outside_of_pools(storage, audit):
    folder = storage.folder("loose", 32)
    storage.guest("a", file_disk(qcow2(folder / "a.qcow2", "100M")))
    fill(folder / "ballast", 28)
    [found] = audit("storage-full")
    assert found["server"]["name"] == str(folder)
    [found] = audit("storage-promised")
    assert found["server"]["name"] == str(folder)


def test_two_pools_of_one_file_system_are_one_storage(storage, audit):
    folder = storage.folder("both", 32)
    for name in ("one", "two"):
        (folder / name).mkdir()
        guests.virsh("pool-create-as", name, "dir", "--target", str(folder / name))
        storage.pools.append(name)
        storage.guest(name, file_disk(qcow2(folder / name / "disk.qcow2", "20M")))
    assert len(audit("storage-promised")) == 1


def test_full_library_that_nobody_writes(storage, audit):
    library = storage.folder("isos", 8, pool=True)
    images = storage.folder("vms", 32, pool=True)
    fill(library / "install.iso", 7)
    shutil.copy(qcow2(images / "data.qcow2", "64K"), library / "shared.qcow2")
    age(library / "install.iso", library / "shared.qcow2")
    raw = library / "done.img"
    raw.write_bytes(os.urandom(65536))  # written from end to end: it takes no more
    guests.virsh("pool-refresh", "isos")
    for name in ("a", "b"):
        storage.guest(name, file_disk(library / "install.iso", "raw", "hda", "cdrom"),
                      file_disk(library / "shared.qcow2", dev="vdb", more="<readonly/><shareable/>"))
    storage.guest("c", file_disk(raw, "raw"))
    assert not audit("storage-full", "storage-promised", "storage-unused", "disk-two-writers")


def test_unused_volumes(storage, audit):
    folder = storage.folder("vms", 64, pool=True)
    base = qcow2(folder / "base.qcow2")
    middle = qcow2(folder / "middle.qcow2", backing=base)
    top = qcow2(folder / "top.qcow2", backing=middle)
    lost, fresh = qcow2(folder / "lost.qcow2"), qcow2(folder / "fresh.qcow2")
    raw = fill(folder / "lost.img", 1)
    readme, iso, by_name = fill(folder / "README", 1), fill(folder / "config.iso", 1), qcow2(folder / "named.qcow2")
    age(base, middle, top, lost, raw, readme, iso, by_name)
    guests.virsh("pool-refresh", "vms")
    storage.guest("a", file_disk(top), file_disk(iso, "raw", "hda", "cdrom"))
    storage.guest("b", "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='vms' volume='named.qcow2'/>"
                       "<target dev='vda' bus='virtio'/></disk>")
    assert named(audit("storage-unused")) == [str(raw), str(lost)]
    # A file that has gone meanwhile is not a volume that nobody uses.
    raw.unlink()
    assert named(audit("storage-unused")) == [str(lost)]
    age(fresh)
    assert named(audit("storage-unused")) == [str(fresh), str(lost)]
    # What stands behind a disk that is in no pool, of a guest that is off, is not known: nobody is accused.
    loose = storage.folder("loose")
    storage.guest("c", file_disk(qcow2(loose / "c.qcow2", backing=lost)))
    assert not audit("storage-unused")
    guests.virsh("start", "c")
    assert named(audit("storage-unused")) == [str(fresh)]


def test_two_names_of_one_volume(storage, audit):
    folder = storage.folder("vms", 32, pool=True)
    disk = qcow2(folder / "one.qcow2")
    guests.virsh("pool-refresh", "vms")
    storage.guest("a", file_disk(disk))
    storage.guest("b", "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='vms' volume='one.qcow2'/>"
                       "<target dev='vda' bus='virtio'/></disk>")
    found = audit("disk-two-writers")
    assert named(found) == ["a", "b"] and {f["severity"] for f in found} == {"error"}


def test_two_running_guests_on_one_volume(storage, audit):
    """QEMU's own locks do not reach through a block-device server."""
    disks = [qcow2(storage.root / ("%d.qcow2" % i)) for i in range(2)]
    sockets = [storage.root / ("%d.sock" % i) for i in range(2)]
    for disk, socket in zip(disks, sockets):
        storage.processes.append(subprocess.Popen(["qemu-nbd", "-t", "-e", "4", "-x", "disk", "-k", str(socket), "-f", "qcow2", str(disk)]))
        wait_for(socket.exists, 20, "qemu-nbd")
    nbd = ("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd' name='disk'>"
           "<host transport='unix' socket='%s'/></source><target dev='vda' bus='virtio'/></disk>")
    storage.guest("alone", nbd % sockets[1], start=True)
    storage.guest("a", nbd % sockets[0], start=True)
    assert not audit("disk-two-writers")
    storage.guest("b", nbd % sockets[0], start=True)
    found = audit("disk-two-writers")
    assert named(found) == ["a", "b"] and {f["severity"] for f in found} == {"critical"}
