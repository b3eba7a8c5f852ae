#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Launch time without the price of a login: runs a command that starts the server in the foreground and polls
GET $BENCH_COMPUTE_URL/servers with the token in $BENCH_TOKEN each millisecond until it answers 200; then ends the command.

usage: launch.py [--count 7] [--limit 60] -- COMMAND...
Prints one line of JSON: seconds from exec to the first 200, median, minimum and maximum.
"""
import argparse
import http.client
import os
import statistics
import subprocess
import sys
import time
import urllib.parse

from oslib import emit, env

a = argparse.ArgumentParser()
a.add_argument("--count", type=int, default=7)
a.add_argument("--limit", type=float, default=60)
a.add_argument("command", nargs="+")
args = a.parse_args()
url = urllib.parse.urlsplit(env("BENCH_COMPUTE_URL"))


def first_answer(start):
    while time.monotonic() - start < args.limit:
        conn = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
        try:
            conn.request("GET", url.path.rstrip("/") + "/servers", headers={"X-Auth-Token": env("BENCH_TOKEN")})
            if conn.getresponse().status == 200:
                return time.monotonic() - start
        except (OSError, http.client.HTTPException):
            pass
        finally:
            conn.close()
        time.sleep(0.001)
    sys.exit("no answer in %g s" % args.limit)


times = []
for _ in range(args.count):
    start = time.monotonic()
    child = subprocess.Popen(args.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    times.append(first_answer(start))
    child.terminate()
    child.wait()
emit("launch", n=len(times), median_s=round(statistics.median(times), 4), min_s=round(min(times), 4), max_s=round(max(times), 4))
