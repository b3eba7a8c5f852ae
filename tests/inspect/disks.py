#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the test disks of the inspection: Windows of several versions (NTFS, registry hives), Linux in four layouts, and
disks that are broken or hostile. All in one libguestfs appliance.

usage: tests/inspect/disks.py FOLDER [NAME…]
Only disks of these names, where some are given.
"""
import os
import subprocess
import sys
import tempfile

import hive

MIB = 1024 * 1024
SIZE = "160M"
# Of a fresh file system of mkntfs: the flags in $VOLUME_INFORMATION, and the one for "not unmounted cleanly".
DIRTY_AT, DIRTY = 19874, b"\1\0"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
ELF = b"\177ELF\2\1\1" + b"\0" * 9 + b"\3\0\x3e\0" + b"\0" * 44  # x86_64

# name: product, build, EditionID, kind, zone, bias in minutes, what else
WINDOWS = {
    "win7": ("Windows 7 Professional", "7601", "Professional", "Client", "China Standard Time", -480,
             {"table": "mbr", "drivers": {"viostor": 0}, "arch": "x86"}),
    "2008r2": ("Windows Server 2008 R2 Enterprise", "7601", "ServerEnterprise", "Server", "W. Europe Standard Time", -60,
               {"table": "mbr", "dirty": True}),
    "2012r2": ("Windows Server 2012 R2 Standard", "9600", "ServerStandard", "Server", "Eastern Standard Time", 300,
               {"table": "mbr", "drivers": {"viostor": 0, "netkvm": 3}}),
    "win10": ("Windows 10 Home", "19045", "Core", "Client", "Nepal Standard Time", -345,
              {"universal": 1, "drivers": {"viostor": 0, "netkvm": 3}}),
    "win11": ("Windows 10 Pro", "22631", "Professional", "Client", "GMT Standard Time", 0,
              {"drivers": {"vioscsi": 0, "netkvm": 3}, "agent": 2, "hibernated": True}),
    "2019": ("Windows Server 2019 Datacenter", "17763", "ServerDatacenter", "Server", "Tokyo Standard Time", -540,
             {"drivers": {"viostor": 3}}),
    "2022": ("Windows Server 2022 Standard", "20348", "ServerStandard", "Server", "China Standard Time", -480,
             {"drivers": {"viostor": 0, "vioscsi": 0, "netkvm": 3, "balloon": 0}, "agent": 2, "cloudbase": 2}),
    "2022-mbr": ("Windows Server 2022 Datacenter Evaluation", "20348", "ServerDatacenterEval", "Server", "UTC", 0,
                 {"table": "mbr", "drivers": {"viostor": 0}, "universal": b"\1" + b"\0" * 7}),
    "2025": ("Windows Server 2025 Standard", "26100", "ServerStandard", "Server", "Chatham Islands Standard Time", -765,
             {"drivers": {"vioscsi": 0}, "agent": 4}),
}

RELEASES = {
    "debian": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    "ubuntu": 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nVERSION_ID="24.04"\n',
    "rocky": "PRETTY_NAME='Rocky Linux 9.4'\nID='rocky'\nVERSION_ID='9.4'\n",
    "alpine": "ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME=Alpine\n",
}


class Script:
    """Commands for one guestfish, and the files that it uploads."""

    def __init__(self, folder):
        self.folder, self.scratch = folder, tempfile.mkdtemp(prefix="kn-disks-")
        self.drives, self.lines, self.files = [], [], 0

    def disk(self, name, size=SIZE):
        path = os.path.join(self.folder, name + ".qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
        self.drives.append(path)
        letters, n = "", len(self.drives) - 1
        while True:
            letters, n = chr(ord("a") + n % 26) + letters, n // 26 - 1
            if n < 0:
                return "/dev/sd" + letters

    def do(self, *words):
        self.lines.append(" ".join("'%s'" % w if " " in w else w for w in words))

    def file(self, data, where, offset=0):
        self.files += 1
        path = os.path.join(self.scratch, str(self.files))
        with open(path, "wb") as f:
            f.write(data)
        self.do("upload-offset", path, where, str(offset))

    def partitions(self, device, table, sizes):
        """Sizes in MiB, the last one takes the rest; returns the devices."""
        self.do("part-init", device, table)
        start = 2048
        for i, size in enumerate(sizes):
            end = -2048 if i == len(sizes) - 1 else start + size * 2048 - 1
            self.do("part-add", device, "p", str(start), str(end))
            start = end + 1
        return ["%s%d" % (device, i + 1) for i in range(len(sizes))]

    def run(self):
        add = [word for path in self.drives for word in ("--format=qcow2", "-a", path)]
        subprocess.run(["guestfish", *add], input="run\n" + "\n".join(self.lines) + "\n", text=True, check=True,
                       timeout=1200)
        subprocess.run(["rm", "-rf", self.scratch], check=True)


def registry(product, build, edition, kind, zone, bias, more):
    services = {name: {"Start": start, "ImagePath": r"System32\drivers\%s.sys" % name}
                for name, start in more.get("drivers", {}).items()}
    if "agent" in more:
        services["QEMU-GA"] = {"Start": more["agent"]}
    if "cloudbase" in more:
        services["cloudbase-init"] = {"Start": more["cloudbase"]}
    clock = {"TimeZoneKeyName": zone, "ActiveTimeBias": bias, "Bias": bias}
    if "universal" in more:
        clock["RealTimeIsUniversal"] = more["universal"]
    machine = {"PROCESSOR_ARCHITECTURE": more.get("arch", "AMD64")}
    software = {"Microsoft": {"Windows NT": {"CurrentVersion": {
        "ProductName": product, "CurrentBuildNumber": build, "EditionID": edition, "InstallationType": kind}}}}
    # The current set is the second one, as after a failed start: whoever reads the first one is wrong.
    system = {"Select": {"Current": 2}, "ControlSet001": {"Control": {"TimeZoneInformation": {"ActiveTimeBias": 999}}},
              "ControlSet002": {"Control": {"TimeZoneInformation": clock, "Session Manager": {"Environment": machine}},
                                "Services": services}}
    return hive.Hive(software).bytes(), hive.Hive(system).bytes()


def windows(script, name, facts, software=None):
    more = facts[6]
    device = script.disk(name)
    if more.get("table") == "mbr":
        part = script.partitions(device, "mbr", [0])[0]
    else:
        esp, part = script.partitions(device, "gpt", [40, 0])
        script.do("part-set-gpt-type", device, "1", ESP)
        script.do("mkfs", "vfat", esp)
    made = registry(*facts)
    script.do("mkfs", "ntfs", part)
    script.do("mount", part, "/")
    script.do("mkdir-p", "/Windows/System32/config")
    script.do("mkdir-p", "/Windows/System32/drivers")
    script.file(software or made[0], "/Windows/System32/config/SOFTWARE")
    script.file(made[1], "/Windows/System32/config/SYSTEM")
    for driver in more.get("drivers", {}):
        script.file(b"MZ", "/Windows/System32/drivers/%s.sys" % driver)
    if more.get("hibernated"):
        script.file(b"HIBR" + b"\0" * 4092, "/hiberfil.sys")
    script.do("umount", "/")
    if more.get("dirty"):
        script.file(DIRTY, part, DIRTY_AT)


def tree(script, release, zone=None, adjtime=None, agent=False, cloud_init=False):
    for folder in ("/etc", "/bin", "/usr/bin", "/usr/sbin"):
        script.do("mkdir-p", folder)
    script.file(release.encode(), "/etc/os-release")
    script.file(ELF, "/bin/sh")
    if zone:
        script.do("ln-s", "/usr/share/zoneinfo/" + zone, "/etc/localtime")
    if adjtime:
        script.file(("0.0 0 0.0\n0\n%s\n" % adjtime).encode(), "/etc/adjtime")
    if agent:
        script.file(ELF, "/usr/sbin/qemu-ga")
    if cloud_init:
        script.file(b"#!/usr/bin/python3\n", "/usr/bin/cloud-init")
    script.do("umount", "/")


def debian_mbr(script):
    part = script.partitions(script.disk("debian-mbr"), "mbr", [0])[0]
    script.do("mkfs", "ext4", part)
    script.do("mount", part, "/")
    tree(script, RELEASES["debian"], zone="Europe/Berlin", adjtime="UTC", agent=True)


def ubuntu_gpt(script):
    """As cloud images are: for both kinds of firmware."""
    device = script.disk("ubuntu-gpt")
    _, esp, part = script.partitions(device, "gpt", [4, 40, 0])
    script.do("part-set-gpt-type", device, "1", BIOS_BOOT)
    script.do("part-set-gpt-type", device, "2", ESP)
    script.do("mkfs", "vfat", esp)
    script.do("mkfs", "ext4", part)
    script.do("mount", part, "/")
    tree(script, RELEASES["ubuntu"], zone="Asia/Kathmandu", adjtime="LOCAL", cloud_init=True)


def rocky_lvm(script):
    device = script.disk("rocky-lvm")
    esp, volume = script.partitions(device, "gpt", [40, 0])
    script.do("part-set-gpt-type", device, "1", ESP)
    script.do("mkfs", "vfat", esp)
    script.do("pvcreate", volume)
    script.do("vgcreate", "rocky", volume)
    script.do("lvcreate", "root", "rocky", "64")
    script.do("mkfs", "ext4", "/dev/rocky/root")
    script.do("mount", "/dev/rocky/root", "/")
    tree(script, RELEASES["rocky"])


def alpine_whole(script):
    device = script.disk("alpine-whole")
    script.do("mkfs", "ext4", device)
    script.do("mount", device, "/")
    tree(script, RELEASES["alpine"])


def luks_header():
    """The header of LUKS 1 (its specification, version 1.2.3), enough to be taken for one."""
    head = b"LUKS\xba\xbe\0\1" + b"aes".ljust(32, b"\0") + b"xts-plain64".ljust(32, b"\0") + b"sha256".ljust(32, b"\0")
    head += (4096).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\1" * 20 + b"\2" * 32 + (1000).to_bytes(4, "big")
    return (head + b"6c1a5f0e-0d4b-4b3e-9a55-0123456789ab".ljust(40, b"\0")).ljust(4096, b"\0")


def empty(script):
    script.disk("empty")


def luks(script):
    script.file(luks_header(), script.partitions(script.disk("luks"), "mbr", [0])[0])


def noise_hive(script):
    windows(script, "noise-hive", WINDOWS["2022"], b"regf" + os.urandom(300_000))


def damaged_ntfs(script):
    part = script.partitions(script.disk("damaged-ntfs"), "mbr", [0])[0]
    script.do("mkfs", "ntfs", part)
    script.file(os.urandom(MIB), part, 16384)  # over its file table


def hostile_linux(script):
    """Links in circles and out of the disk, a device node where a text should be."""
    part = script.partitions(script.disk("hostile-linux"), "mbr", [0])[0]
    script.do("mkfs", "ext4", part)
    script.do("mount", part, "/")
    for folder in ("/etc", "/dev"):
        script.do("mkdir-p", folder)
    script.do("mknod-c", "0644", "1", "5", "/dev/zero")
    script.do("ln-s", "/dev/zero", "/etc/os-release")
    script.do("ln-s", "/etc/timezone", "/etc/timezone")
    script.do("ln-s", "../../../../../../etc/passwd", "/etc/localtime")
    script.do("umount", "/")


def truncated(script):
    part = script.partitions(script.disk("truncated"), "mbr", [0])[0]
    script.do("mkfs", "ext4", part)
    script.do("mount", part, "/")
    script.file(os.urandom(8 * MIB), "/data")
    tree(script, RELEASES["debian"])


OTHERS = {"debian-mbr": debian_mbr, "ubuntu-gpt": ubuntu_gpt, "rocky-lvm": rocky_lvm, "alpine-whole": alpine_whole,
          "empty": empty, "luks": luks, "noise-hive": noise_hive, "damaged-ntfs": damaged_ntfs,
          "hostile-linux": hostile_linux, "truncated": truncated}


def main():
    folder, names = sys.argv[1], set(sys.argv[2:]) or set(WINDOWS) | set(OTHERS)
    os.makedirs(folder, exist_ok=True)
    script = Script(folder)
    for name in sorted(names):
        if name in WINDOWS:
            windows(script, name, WINDOWS[name])
        else:
            OTHERS[name](script)
    script.run()
    if "truncated" in names:
        path = os.path.join(folder, "truncated.qcow2")
        os.truncate(path, os.path.getsize(path) // 2)


if __name__ == "__main__":
    main()
