#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times of one server's life, one after the other: POST to ACTIVE, hard reboot to ACTIVE, DELETE to 404.

usage: lifecycle.py --image NAME --flavor NAME [--network none|auto|ID] [--zone AZ] [--count 7] [--poll 0.05]
The first server only warms the image cache and is not counted.  Polls GET /servers/ID with a reused token.
Prints one line of JSON per measure.
"""
import argparse
import time

from oslib import Cloud, emit, summary

a = argparse.ArgumentParser()
a.add_argument("--image", required=True)
a.add_argument("--flavor", required=True)
a.add_argument("--network", default="none")
a.add_argument("--zone")
a.add_argument("--count", type=int, default=7)
a.add_argument("--poll", type=float, default=0.05)
a.add_argument("--no-reboot", action="store_true")
args = a.parse_args()

cloud = Cloud()
image, flavor = cloud.find("image", args.image), cloud.find("flavor", args.flavor)
accepted, boot, reboot, delete = [], [], [], []
for i in range(args.count + 1):
    t0 = time.monotonic()
    ident = cloud.create("bench-life-%d" % i, image, flavor, args.network, args.zone)
    t1 = time.monotonic()
    cloud.wait_status(ident, poll=args.poll)
    t2 = time.monotonic()
    if not args.no_reboot:
        r0 = time.monotonic()
        cloud.call("POST", "/servers/%s/action" % ident, {"reboot": {"type": "HARD"}})
        # the answer comes with status HARD_REBOOT already set
        cloud.wait_status(ident, poll=args.poll, task_none=True)
        r1 = time.monotonic()
    d0 = time.monotonic()
    cloud.call("DELETE", "/servers/" + ident)
    cloud.wait_gone(ident, poll=args.poll)
    d1 = time.monotonic()
    if i:
        accepted.append(t1 - t0)
        boot.append(t2 - t0)
        if not args.no_reboot:
            reboot.append(r1 - r0)
        delete.append(d1 - d0)
common = {"network": args.network, "flavor": args.flavor}
emit("post_servers_accepted", **common, **summary(accepted))
emit("post_to_active", **common, **summary(boot))
if reboot:
    emit("hard_reboot_to_active", **common, **summary(reboot))
emit("delete_to_404", **common, **summary(delete))
