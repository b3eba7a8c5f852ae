#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""API throughput and latency with wrk and load.lua.

usage: load.py [--connections 4] [--seconds 10] [--threads 1] MEASURE...
MEASURE: servers_detail servers flavors flavors_detail images token_post token_get all
The number of servers in the project is put in the measure's name (servers_detail_100).
Prints one line of JSON per measure; wrk's own text goes to standard error.
"""
import argparse
import json
import os
import subprocess
import sys
import urllib.parse

from oslib import Cloud, auth_body

a = argparse.ArgumentParser()
a.add_argument("--connections", type=int, default=4)
a.add_argument("--seconds", type=int, default=10)
a.add_argument("--threads", type=int, default=1)
a.add_argument("measures", nargs="+")
args = a.parse_args()

cloud = Cloud()
compute = os.environ.get("BENCH_COMPUTE_URL") or cloud.endpoint("compute")
image = (os.environ.get("BENCH_IMAGE_URL") or cloud.endpoint("image")) + "/v2"
identity = cloud.identity
count = len(cloud.call("GET", "/servers?limit=1000")[1]["servers"])
table = {
    "servers_detail": ("GET", compute + "/servers/detail", "", True),
    "servers": ("GET", compute + "/servers", "", True),
    "flavors": ("GET", compute + "/flavors", "", True),
    "flavors_detail": ("GET", compute + "/flavors/detail", "", True),
    "images": ("GET", image + "/images", "", True),
    "token_post": ("POST", identity + "/auth/tokens", json.dumps(auth_body()), False),
    "token_get": ("GET", identity + "/auth/tokens", "", True),
}
names = list(table) if args.measures == ["all"] else args.measures
here = os.path.dirname(os.path.abspath(__file__))
for name in names:
    method, url, body, with_token = table[name]
    parts = urllib.parse.urlsplit(url)
    shown = "%s_%d" % (name, count) if name.startswith("servers") else name
    environ = dict(os.environ, BENCH_NAME=shown, BENCH_METHOD=method, BENCH_PATH=parts.path, BENCH_BODY=body,
                   BENCH_TOKEN=cloud.token if with_token else "",
                   BENCH_SUBJECT=cloud.token if name == "token_get" else "", BENCH_CONNECTIONS=str(args.connections))
    run = subprocess.run(["wrk", "-t%d" % args.threads, "-c%d" % args.connections, "-d%ds" % args.seconds,
                          "--timeout", "30s", "--latency", "-s", os.path.join(here, "load.lua"),
                          "%s://%s" % (parts.scheme, parts.netloc)], env=environ, stdout=subprocess.PIPE, text=True)
    for line in run.stdout.splitlines():
        print(line, flush=True) if line.startswith("{") else print(line, file=sys.stderr)
