# SPDX-License-Identifier: Apache-2.0
"""The golden cases, plans of them, and TAP lines."""
import json
import os
import resource
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "..", "..", "build", "kilonova")
NOVA = ("nova-26.json", "nova-26-more.json")


class Tap:
    def __init__(self):
        self.count = self.bad = 0

    def line(self, good, name, notes=()):
        self.count += 1
        self.bad += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.count, name))
        for note in notes:
            print("# " + note)

    def end(self):
        print("1..%d" % self.count)
        return 1 if self.bad else 0


def plan_all(path, profile):
    """Results by id, the extra specs that are refused by id, and the CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([PROGRAM, "guest-xml", "--cases", path, "--profile", profile],
                         capture_output=True, check=True, timeout=120).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answers = json.loads(out)
    refused = {r["id"]: r.get("flavor_api_rejects", {}) for r in answers}
    return {r["id"]: r["result"] for r in answers}, refused, seconds


def plan_cases(cases, profile):
    """The same for cases that are in no file yet; what is expected of them is not handed on."""
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "cases.%d.json" % os.getpid())
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"cases": [{k: v for k, v in c.items() if k != "expected"} for c in cases]}, f)
    try:
        return plan_all(path, profile)
    finally:
        os.unlink(path)


def cases_of(file):
    with open(os.path.join(HERE, file), encoding="utf-8") as f:
        return json.load(f)["cases"]


def own_cases():
    """A case says only what differs from the defaults."""
    with open(os.path.join(HERE, "kilonova-1.json"), encoding="utf-8") as f:
        document = json.load(f)
    defaults = document["defaults"]
    return [{**defaults, **c, "flavor": {**defaults["flavor"], **c.get("flavor", {})}} for c in document["cases"]]
