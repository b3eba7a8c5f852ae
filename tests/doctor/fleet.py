# SPDX-License-Identifier: Apache-2.0
"""Seeds a fleet of guests: each with one fault, or one that looks like a fault and is none. What a fault means is written down
here as operators describe it; nothing here knows the doctor's rules."""
import copy
import json
import os
import re
import subprocess
import uuid
from xml.sax.saxutils import quoteattr

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPACE = uuid.UUID("0d0c70e5-0000-4000-8000-000000000000")
OSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
AGENT = "org.qemu.guest_agent.0"

# The doctor runs in a lab whose zone is this one.
HOST_ZONE = "Asia/Shanghai"

WINDOWS_TIMERS = {"rtc": {"tickpolicy": "catchup"}, "pit": {"tickpolicy": "delay"}, "hpet": {"present": "no"},
                  "hypervclock": {"present": "yes"}}
LINUX_TIMERS = {"rtc": {"tickpolicy": "catchup"}, "pit": {"tickpolicy": "delay"}, "hpet": {"present": "no"}}
FLAGS = ["relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "frequencies", "tlbflush", "ipi"]


def common():
    return {"type": "kvm", "machine": "pc-q35-7.2", "vcpus": 4, "current": None, "topology": (1, 4, 1), "hyperv": None, "mode": None,
            "cpu": "<cpu mode='host-model'>%s</cpu>", "channels": [("virtio", AGENT)], "balloon": ("virtio", 10), "tpm": None,
            "firmware": None, "disks": [{}], "hostdev": False, "on_reboot": "restart", "title": None, "numa": "", "start": False,
            "live": None, "acpi": True}


def windows(version="10"):
    return {**common(), "os": "http://microsoft.com/win/" + version, "clock": {"offset": "localtime"},
            "timers": copy.deepcopy(WINDOWS_TIMERS), "hyperv": {flag: True for flag in FLAGS}}


def eleven():
    return {**windows("11"), "tpm": "2.0", "firmware": "secure"}


def linux(name="debian.org/debian/12"):
    return {**common(), "os": "http://" + name, "clock": {"offset": "utc"}, "timers": copy.deepcopy(LINUX_TIMERS)}


def changed(guest, **changes):
    return {**guest, **changes}


def without(guest, part, *keys):
    table = {k: v for k, v in guest[part].items() if k not in keys}
    return {**guest, part: table}


def with_timer(guest, name, **attributes):
    return {**guest, "timers": {**guest["timers"], name: attributes}}


def with_flag(guest, *names):
    return {**guest, "hyperv": {**(guest["hyperv"] or {}), **{name: True for name in names}}}


EPYC = "<cpu mode='custom' match='exact'><model fallback='allow'>EPYC-Rome</model>%s</cpu>"
XEON = "<cpu mode='custom' match='exact'><model fallback='allow'>Skylake-Server</model>%s</cpu>"
PLAIN = "<cpu>%s</cpu>"

# name -> (guest, what is wrong in an operator's words)
FAULTS = {
    "windows-on-utc": lambda: changed(windows(), clock={"offset": "utc"}),
    "server-on-utc": lambda: changed(windows("2k19"), clock={"offset": "utc"}),
    "linux-on-localtime": lambda: changed(linux(), clock={"offset": "localtime"}),
    "linux-in-a-zone": lambda: changed(linux("ubuntu.com/ubuntu/22.04"), clock={"offset": "timezone", "timezone": "Asia/Shanghai"}),
    "linux-eight-hours-off": lambda: changed(linux("redhat.com/rhel/9.1"),
                                             clock={"offset": "variable", "adjustment": "28800", "basis": "utc"}),
    "clock-always-the-same": lambda: changed(linux(), clock={"offset": "absolute", "start": "1600000000"}),
    "zone-misspelt": lambda: changed(windows(), clock={"offset": "timezone", "timezone": "Asia/Shangai"}),
    "ticks-lost": lambda: without(windows("7"), "timers", "rtc", "pit"),
    "hpet-left-on": lambda: without(windows(), "timers", "hpet"),
    "no-hyperv-clock": lambda: without(windows("2k16"), "timers", "hypervclock"),
    "kvmclock-taken": lambda: with_timer(linux(), "kvmclock", present="no"),
    "no-hyperv-at-all": lambda: changed(windows("2k12r2"), hyperv=None),
    "no-relaxed": lambda: without(windows(), "hyperv", "relaxed"),
    "no-spinlocks-no-vapic": lambda: without(windows("2k22"), "hyperv", "spinlocks", "vapic", "evmcs"),
    "no-synthetic-timers": lambda: without(windows(), "hyperv", "stimer", "synic", "vpindex", "tlbflush", "ipi"),
    "ipi-without-vpindex": lambda: changed(with_flag(windows("2k8"), "ipi"),
                                           hyperv={f: True for f in ["relaxed", "vapic", "spinlocks", "ipi"]}),
    "evmcs-on-amd": lambda: changed(with_flag(windows("2k22"), "evmcs"), cpu=EPYC),
    "reenlightenment-without-tsc": lambda: with_flag(windows("2k19"), "reenlightenment"),
    "hyperv-passthrough": lambda: changed(windows(), hyperv={}, mode="passthrough"),
    "four-sockets": lambda: changed(windows(), topology=(4, 1, 1)),
    "sixteen-sockets-by-default": lambda: changed(windows("7"), vcpus=16, topology=None),
    "oldest-cpu": lambda: changed(linux("redhat.com/rhel/9.1"), cpu=PLAIN),
    "no-agent-channel": lambda: changed(linux(), channels=[]),
    "only-spice-channel": lambda: changed(windows(), channels=[("virtio", "com.redhat.spice.0")]),
    "channel-misnamed": lambda: changed(linux(), channels=[("virtio", "org.qemu.guest-agent.0")]),
    "no-balloon": lambda: changed(linux(), balloon=None),
    "balloon-off": lambda: changed(windows(), balloon=("none", None)),
    "balloon-without-period": lambda: changed(windows(), balloon=("virtio", None)),
    "machine-not-pinned": lambda: changed(windows(), machine="q35"),
    "no-acpi": lambda: changed(linux(), acpi=False),
    "machine-gone": lambda: changed(linux(), machine="pc-i440fx-1.3"),
    "eleven-without-tpm": lambda: changed(eleven(), tpm=None),
    "flushes-ignored": lambda: changed(linux(), disks=[{"cache": "unsafe"}]),
    "installation-left-behind": lambda: changed(windows(), on_reboot="destroy"),
    # mended by hand only
    "eleven-under-bios": lambda: changed(eleven(), firmware=None),
    "eleven-without-secure-boot": lambda: changed(eleven(), firmware="plain"),
    # of the running guest
    "changed-since-start": lambda: changed(linux(), start=True, live={"clock": {"offset": "localtime"}}),
}

LOOKALIKES = {
    "windows-local": windows,
    "windows-server-local": lambda: windows("2k22"),
    "windows-variable": lambda: changed(windows(), clock={"offset": "variable", "adjustment": "28800", "basis": "utc"}),
    "windows-variable-zero": lambda: changed(windows("2k19"), clock={"offset": "variable", "adjustment": "0", "basis": "utc"}),
    "windows-in-a-zone": lambda: changed(windows(), clock={"offset": "timezone", "timezone": "Asia/Shanghai"}),
    "windows-in-another-zone": lambda: changed(windows("2k16"), clock={"offset": "timezone", "timezone": "America/New_York"}),
    "linux-utc-in-shanghai": linux,
    "linux-utc-zone": lambda: changed(linux(), clock={"offset": "timezone", "timezone": "Etc/UTC"}),
    "linux-a-second-off": lambda: changed(linux("ubuntu.com/ubuntu/20.04"),
                                          clock={"offset": "variable", "adjustment": "-3", "basis": "utc"}),
    "linux-without-timers": lambda: changed(linux(), timers={}),
    "linux-with-hyperv": lambda: with_flag(linux(), "relaxed", "vapic"),
    "bsd-local": lambda: changed(linux("freebsd.org/freebsd/13.1"), clock={"offset": "localtime"}),
    "stranger-local": lambda: changed(linux("libosinfo.org/unknown"), clock={"offset": "localtime"}, channels=[]),
    "windows-emulated": lambda: changed(windows(), type="qemu", hyperv=None, timers={}),
    "windows-2008-few-flags": lambda: changed(windows("2k8"), hyperv={f: True for f in ["relaxed", "vapic", "spinlocks"]}),
    "xp-without-flags": lambda: changed(without(windows("xp"), "timers", "hypervclock"), hyperv=None, topology=(2, 2, 1)),
    "evmcs-on-intel": lambda: changed(with_flag(windows("2k22"), "evmcs"), cpu=XEON),
    "reenlightenment-with-tsc": lambda: with_timer(with_flag(windows("2k19"), "reenlightenment"), "tsc", frequency="2400000000"),
    "pit-discard": lambda: with_timer(windows(), "pit", tickpolicy="discard"),
    "two-sockets": lambda: changed(windows(), topology=(2, 2, 1)),
    "server-eight-sockets": lambda: changed(windows("2k19"), vcpus=8, topology=(8, 1, 1)),
    "linux-many-sockets": lambda: changed(linux(), vcpus=16, topology=(16, 1, 1)),
    "vcpus-to-plug": lambda: changed(windows(), vcpus=8, current=2, topology=(1, 8, 1)),
    "agent-and-spice": lambda: changed(windows(), channels=[("virtio", "com.redhat.spice.0"), ("virtio", AGENT)]),
    "assigned-card-no-balloon": lambda: changed(windows(), balloon=("none", None), hostdev=True),
    "old-pinned-machine": lambda: changed(linux(), machine="pc-i440fx-7.2"),
    "eleven-complete": eleven,
    "server-2022-under-bios": lambda: windows("2k22"),
    "linux-without-tpm": linux,
    "scratch-unsafe-cdrom": lambda: changed(linux(), disks=[{}, {"device": "cdrom", "cache": "unsafe", "file": "/iso/debian.iso"}]),
    "shared-on-purpose": lambda: changed(linux(), disks=[{}, {"file": "/shared/quorum.raw", "shareable": True}]),
    "named-like-windows": lambda: changed(linux("libosinfo.org/unknown"), title="windows-updates-mirror"),
    "named-like-linux": lambda: changed(windows(), title="linux-to-windows-bridge"),
    "running": lambda: changed(linux(), start=True),
    "running-windows": lambda: changed(windows(), start=True,
                                       clock={"offset": "variable", "adjustment": "28800", "basis": "utc"}),
    "kvmclock-kept": lambda: with_timer(linux(), "kvmclock", present="yes"),
}


def attributes(table):
    return "".join(" %s=%s" % (name, quoteattr(str(value))) for name, value in table.items())


def clock_xml(guest):
    timers = "".join("<timer name='%s'%s/>" % (name, attributes(values)) for name, values in guest["timers"].items())
    return "<clock%s>%s</clock>" % (attributes(guest["clock"]), timers)


def hyperv_xml(guest):
    if guest["hyperv"] is None:
        return ""
    flags = "".join("<%s state='on'%s/>" % (flag, " retries='8191'" if flag == "spinlocks" else "") for flag in guest["hyperv"])
    return "<hyperv mode='%s'>%s</hyperv>" % (guest["mode"] or "custom", flags)


def disk_xml(name, number, disk):
    device = disk.get("device", "disk")
    target = ("vd%s" if device == "disk" else "sd%s") % "abcdef"[number]
    return ("<disk type='file' device='%s'><driver name='qemu' type='qcow2'%s/><source file='%s'/><target dev='%s' bus='%s'/>%s%s</disk>"
            % (device, " cache='%s'" % disk["cache"] if "cache" in disk else "",
               disk.get("file", "/var/lib/guests/%s-%d.qcow2" % (name, number)), target, "virtio" if device == "disk" else "sata",
               "<readonly/>" if device == "cdrom" else "", "<shareable/>" if disk.get("shareable") else ""))


def os_xml(guest):
    machine = "<type arch='x86_64' machine='%s'>hvm</type>" % guest["machine"]
    if guest["firmware"] is None:
        return "<os>%s</os>" % machine
    secure = guest["firmware"] == "secure"
    return ("<os firmware='efi'>%s<firmware><feature enabled='%s' name='secure-boot'/></firmware></os>"
            % (machine, "yes" if secure else "no"))


def domain_xml(name, guest):
    topology = ("<topology sockets='%d' cores='%d' threads='%d'/>" % guest["topology"] if guest["topology"] else "") + guest["numa"]
    channels = "".join("<channel type='unix'><target type='%s' name='%s'/></channel>" % channel for channel in guest["channels"])
    balloon = ""
    if guest["balloon"]:
        model, period = guest["balloon"]
        balloon = "<memballoon model='%s'>%s</memballoon>" % (model, "<stats period='%d'/>" % period if period else "")
    tpm = "<tpm model='tpm-crb'><backend type='emulator' version='%s'/></tpm>" % guest["tpm"] if guest["tpm"] else ""
    card = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>"
            if guest["hostdev"] else "")
    title = "<title>%s</title>" % guest["title"] if guest["title"] else ""
    disks = "".join(disk_xml(name, number, disk) for number, disk in enumerate(guest["disks"]))
    return ("<domain type='%s'><name>%s</name><uuid>%s</uuid>%s<metadata><libosinfo:libosinfo xmlns:libosinfo='%s'><libosinfo:os id='%s'/>"
            "</libosinfo:libosinfo></metadata><memory unit='MiB'>4096</memory><vcpu%s>%d</vcpu>%s<features>%s<apic/>%s%s</features>"
            "%s%s<on_reboot>%s</on_reboot><devices>%s%s%s%s%s</devices></domain>"
            % (guest["type"], name, uuid.uuid5(SPACE, name), title, OSINFO, guest["os"],
               " current='%d'" % guest["current"] if guest["current"] else "", guest["vcpus"], os_xml(guest),
               "<acpi/>" if guest["acpi"] else "", hyperv_xml(guest),
               "<smm state='on'/>" if guest["firmware"] == "secure" else "", guest["cpu"] % topology, clock_xml(guest),
               guest["on_reboot"], disks, channels, balloon, tpm, card))


class Guest:
    """One seeded guest: what to define, what to start it as, and its fault (None: healthy)."""

    def __init__(self, name, fault, xml, live_xml=None, start=False):
        self.name, self.fault, self.xml, self.live_xml, self.start = name, fault, xml, live_xml, start
        self.uuid = str(uuid.uuid5(SPACE, name))


def made(name, fault, guest):
    live = domain_xml(name, {**guest, **guest["live"]}) if guest["live"] else None
    return Guest(name, fault, domain_xml(name, guest), live, guest["start"])


def nova_guests(limit):
    """Definitions as Nova 26.2 wrote them, with names and uuids of their own. Nova's Windows has faults of its own: no synthetic
    timers, reenlightenment without a pinned TSC, and no agent channel unless the image asks for one."""
    with open(os.path.join(TREE, "tests", "golden", "nova-26.json"), encoding="utf-8") as f:
        cases = [case for case in json.load(f)["cases"] if "xml" in case["expected"]]
    wanted = [case for case in cases if case["image_properties"].get("os_type") == "windows"]
    wanted += [case for case in cases if case not in wanted]
    for number, case in enumerate(wanted[:limit]):
        name = "instance-%08x" % (number + 1)
        xml = case["expected"]["xml"]
        old = re.search(r"<uuid>(.*?)</uuid>", xml).group(1)
        xml = re.sub(r"<name>.*?</name>", "<name>%s</name>" % name, xml.replace(old, str(uuid.uuid5(SPACE, name))), count=1)
        # What libvirt's QEMU driver does when Nova defines a guest.
        xml = xml.replace('machine="pc"', 'machine="pc-i440fx-7.2"').replace('machine="q35"', 'machine="pc-q35-7.2"')
        is_windows = case["image_properties"].get("os_type") == "windows" and case["virt_type"] == "kvm"
        fault = "nova-windows" if AGENT in xml else "nova-windows-no-agent"
        if re.search(r'<timer name="hpet" present="yes"', xml):
            fault += "-hpet"
        yield Guest(name, fault if is_windows else "nova-other", xml)


VIRT_INSTALL = {
    "virt-install-debian": ["--osinfo", "debian11", "--vcpus", "2"],
    "virt-install-ubuntu": ["--osinfo", "ubuntu22.04", "--vcpus", "4"],
    "virt-install-win10": ["--osinfo", "win10", "--vcpus", "2"],
    "virt-install-win2k19": ["--osinfo", "win2k19", "--vcpus", "4"],
}


def virt_install_guests():
    """Definitions by virt-install, for KVM; what the QEMU driver adds when they are defined is added: a pinned machine type and a
    balloon."""
    for name, words in VIRT_INSTALL.items():
        command = ["virt-install", "--connect", "qemu:///system", "--name", name, "--uuid", str(uuid.uuid5(SPACE, name)), "--virt-type",
                   "qemu", "--arch", "x86_64", "--memory", "2048", "--import", "--disk", "none", "--network", "none",
                   "--graphics", "none", "--print-xml", *words]
        xml = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
        xml = xml.replace('<domain type="qemu">', '<domain type="kvm">').replace('machine="q35"', 'machine="pc-q35-7.2"')
        xml = xml.replace("  <devices>", '  <cpu mode="host-passthrough"/>\n  <devices>', 1)
        if "<memballoon" not in xml:
            xml = xml.replace("</devices>", '<memballoon model="virtio"/></devices>')
        yield Guest(name, name, xml)


def seed(count):
    """@count guests: Nova's and virt-install's, pairs with one disk, and the rest in equal parts faulty and healthy."""
    guests = list(nova_guests(60)) + list(virt_install_guests())
    for number in range(4):
        for side in "ab":
            name = "disk-of-two-%d%s" % (number, side)
            disk = {"file": "/var/lib/guests/disk-of-two-%d.qcow2" % number}
            guests.append(made(name, "disk-of-two", changed(linux(), disks=[disk])))
    tables = [("f", FAULTS), ("h", LOOKALIKES)]
    number = 0
    while len(guests) < count:
        for letter, table in tables:
            for kind in table:
                if len(guests) >= count:
                    break
                guests.append(made("%s-%s-%d" % (letter, kind, number), kind if letter == "f" else None, table[kind]()))
        number += 1
    return guests


def define(connection, guests):
    """Defines and starts them; libvirt's own text of each, by name, and the names that this libvirt refuses."""
    import libvirt
    texts, refused = {}, {}
    for guest in guests:
        try:
            domain = connection.defineXML(guest.live_xml or guest.xml)
            if guest.start:
                domain.create()
            if guest.live_xml:
                domain = connection.defineXML(guest.xml)
        except libvirt.libvirtError as error:
            refused[guest.name] = str(error)
            continue
        texts[guest.name] = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    return texts, refused
