#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A private host for one command: lab.sh [--zone Area/City] [--host NAME] [--logs DIR] COMMAND...
#
# The command gets mount, network, process and host-name namespaces of its own with a libvirtd and a virtlogd that run only
# as long as it does. Bridges, network namespaces, daemons and guests that it makes vanish with it, also when it is killed;
# the machine's own libvirt is neither seen nor touched. TMPDIR is a fresh folder that is removed at the end.
# --zone gives the host another time zone, --logs keeps libvirt's and QEMU's logs there.
# Within the lab `restart-libvirtd [TERM|KILL]`, `host-clock SECONDS|off` and `host-zone AREA/CITY` are in PATH. Needs root.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
usage() { sed -n 's/^# A private.*: /usage: /p' "$0" >&2; exit 2; }

zone='' host=lab logs='' inside=
while [ $# -gt 0 ]; do
    case $1 in
        --zone) zone=$2; shift 2 ;;
        --host) host=$2; shift 2 ;;
        --logs) logs=$2; shift 2 ;;
        --inside) inside=1; shift ;;      # our own second stage
        -*) usage ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || usage

if [ -z "$inside" ]; then
    [ "$(id -u)" = 0 ] || { echo "lab.sh: needs root" >&2; exit 2; }
    [ -z "$zone" ] || [ -f "/usr/share/zoneinfo/$zone" ] || { echo "lab.sh: no time zone '$zone'" >&2; exit 2; }
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
    chmod 755 "$tmp"
    # Capabilities of each QEMU binary are slow to find out: they are kept from lab to lab.
    cache=$here/../../build/lab-cache
    mkdir -p "$cache"
    child=
    trap 'rm -rf "$tmp"' EXIT
    # unshare itself waits deaf for its child: that one is told.
    trap '[ -z "$child" ] || pkill -TERM -P "$child" || true' TERM INT HUP
    env KILONOVA_LAB="$tmp" TMPDIR="$tmp" PATH="$here:$PATH" \
        unshare --mount --net --uts --pid --fork --kill-child --mount-proc --propagation private \
        "$0" --inside ${zone:+--zone "$zone"} --host "$host" ${logs:+--logs "$logs"} "$@" <&0 &
    child=$!
    status=0
    wait "$child" || status=$?
    # A signal ends the first wait early; the namespace is gone only when its first process is.
    wait "$child" 2>/dev/null || true
    exit "$status"
fi

# First process of the new process namespace: when it ends, all the others do.
unset TZ
ip link set lo up
hostname "$host"
mount -t sysfs sysfs /sys 2>/dev/null || true # the view of this network namespace
printf '127.0.0.1 localhost %s\n' "$host" >"$KILONOVA_LAB/hosts"
mount --bind "$KILONOVA_LAB/hosts" /etc/hosts
mkdir -p /run/netns /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt /var/lib/swtpm-localca
for d in /run/netns /run/libvirt /var/lib/libvirt /var/log/libvirt /etc/libvirt /var/lib/swtpm-localca; do
    mount -t tmpfs -o mode=755 tmpfs "$d"
done
mount --bind "$here/../../build/lab-cache" /var/cache/libvirt
mkdir -p /var/lib/libvirt/{images,qemu,boot,network,dnsmasq} /etc/libvirt/qemu
# Guests run as root, without AppArmor and cgroups: none of them is there on every test machine.
cat >/etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
cgroup_controllers = []
namespaces = []
swtpm_user = "root"
swtpm_group = "root"
CONF
cat >/etc/libvirt/libvirtd.conf <<'CONF'
auth_unix_rw = "none"
unix_sock_group = "root"
max_clients = 200
CONF
# Console logs are bounded here: a guest cannot fill the host's disk.
cat >/etc/libvirt/virtlogd.conf <<'CONF'
max_size = 2097152
max_backups = 3
CONF
[ -z "$zone" ] || "$here/host-zone" "$zone"

keep_logs() {
    [ -n "$logs" ] || return 0
    mkdir -p "$logs"
    cp -a /var/log/libvirt/. "$logs"/ 2>/dev/null || true
}
command=
trap keep_logs EXIT
trap '[ -z "$command" ] || kill "$command" 2>/dev/null || true; exit 143' TERM INT HUP
virtlogd -f /etc/libvirt/virtlogd.conf -p /run/libvirt/virtlogd.pid 2>/var/log/libvirt/virtlogd.err </dev/null &
"$here/restart-libvirtd"
"$@" <&0 &
command=$!
wait "$command"
