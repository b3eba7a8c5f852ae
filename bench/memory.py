#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Resident memory per service: the sum of PSS over each service's process tree.

usage: memory.py --pid-dir DIR           every NAME.pid there is a service
       memory.py NAME=PID[,PID...] ...   or named by hand
Prints one line of JSON per service and one for the total.  Run as root.
"""
import json
import os
import sys


def children():
    tree = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % p) as f:
                ppid = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        tree.setdefault(ppid, []).append(int(p))
    return tree


def family(pid, tree):
    out = [pid]
    for c in tree.get(pid, []):
        out += family(c, tree)
    return out


def pss_kib(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            for line in f:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def threads(pid):
    try:
        return len(os.listdir("/proc/%d/task" % pid))
    except OSError:
        return 0


services = {}
if sys.argv[1:2] == ["--pid-dir"]:
    for name in sorted(os.listdir(sys.argv[2])):
        if name.endswith(".pid"):
            with open(os.path.join(sys.argv[2], name)) as f:
                services[name[:-4]] = [int(f.read().split()[0])]
else:
    for arg in sys.argv[1:]:
        name, pids = arg.split("=")
        services[name] = [int(p) for p in pids.split(",")]
if not services:
    sys.exit(__doc__)
tree, seen = children(), set()
total = procs = 0
for name, roots in services.items():
    pids = [p for r in roots for p in family(r, tree) if p not in seen]
    seen.update(pids)
    pids = [p for p in pids if pss_kib(p)]
    mib = sum(pss_kib(p) for p in pids) / 1024
    total, procs = total + mib, procs + len(pids)
    if pids:
        print(json.dumps({"measure": "pss", "service": name, "mib": round(mib, 1), "processes": len(pids),
                          "threads": sum(threads(p) for p in pids)}))
print(json.dumps({"measure": "pss_total", "mib": round(total, 1), "processes": procs}))
