#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boot storm: COUNT servers asked for in parallel; time until all are ACTIVE, then until all are gone.

usage: storm.py --image NAME --flavor NAME [--count 100] [--clients 20] [--network none] [--zone AZ] [--keep]
       storm.py --delete            only remove the servers of an earlier --keep
Each server has its own POST /servers.  Completion is seen by GET /servers/detail each 200 ms.
Prints one line of JSON per measure.
"""
import argparse
import concurrent.futures
import threading
import time

from oslib import Cloud, emit, summary

PREFIX = "bench-storm-"
a = argparse.ArgumentParser()
a.add_argument("--image")
a.add_argument("--flavor")
a.add_argument("--count", type=int, default=100)
a.add_argument("--clients", type=int, default=20)
a.add_argument("--network", default="none")
a.add_argument("--zone")
a.add_argument("--keep", action="store_true")
a.add_argument("--delete", action="store_true")
a.add_argument("--limit", type=float, default=900)
args = a.parse_args()

cloud = Cloud()
local = threading.local()


def mine():
    """One connection per thread."""
    if not hasattr(local, "cloud"):
        local.cloud = Cloud()
    return local.cloud


def listing():
    servers, path = [], "/servers/detail?limit=1000"
    while True:
        page = cloud.call("GET", path)[1]["servers"]
        servers += [s for s in page if s["name"].startswith(PREFIX)]
        if len(page) < 1000:
            return servers
        path = "/servers/detail?limit=1000&marker=" + page[-1]["id"]


def remove():
    idents = [s["id"] for s in listing()]
    t0 = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.clients) as pool:
        list(pool.map(lambda i: mine().call("DELETE", "/servers/" + i, ok=(204, 404)), idents))
    accepted = time.monotonic() - t0
    while listing():
        time.sleep(0.2)
    emit("storm_delete", count=len(idents), clients=args.clients, accepted_s=round(accepted, 3),
         all_gone_s=round(time.monotonic() - t0, 3))


if args.delete:
    remove()
    raise SystemExit
if not args.image or not args.flavor:
    a.error("--image and --flavor are needed")
image, flavor = cloud.find("image", args.image), cloud.find("flavor", args.flavor)


def one(i):
    t = time.monotonic()
    mine().create(PREFIX + "%04d" % i, image, flavor, args.network, args.zone)
    return time.monotonic() - t


t0 = time.monotonic()
with concurrent.futures.ThreadPoolExecutor(args.clients) as pool:
    posts = list(pool.map(one, range(args.count)))
accepted = time.monotonic() - t0
while time.monotonic() - t0 < args.limit:
    states = [s["status"] for s in listing()]
    active, error = states.count("ACTIVE"), states.count("ERROR")
    if active + error >= args.count:
        break
    time.sleep(0.2)
wall = time.monotonic() - t0
post = summary(posts)
del post["all_s"]
emit("storm_boot", count=args.count, clients=args.clients, network=args.network, accepted_s=round(accepted, 3),
     all_active_s=round(wall, 3), active=active, error=error, per_second=round(active / wall, 3), post=post)
if not args.keep:
    remove()
