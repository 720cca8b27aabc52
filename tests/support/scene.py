"""What the fault scenarios share: a gateway whose upstream is a witness, load, and the comparison afterwards."""
import io
import json
import os
import subprocess
import threading

from gateway import Demo, Failed
from runner import eventually
from views import Load, Views, whitelist, witnessed

AGENTS = {"support-enhanced": ("support", "enhanced"), "analyst-strict": ("analyst", "strict")}


def start(make, policies=None, **kwargs):
    """A gateway whose demo server writes what it saw to `gateway.witness`, at once."""
    g = make(start=False, policies=policies or {a: whitelist(*of) for a, of in AGENTS.items()}, **kwargs)
    g.witness = os.path.join(g.dir, "witness")
    old, g.demo = g.demo, None
    old.stop()
    g.demo = Demo(g.build, g.dir, ["--witness", g.witness], port=old.address[1])
    g.start()
    return g


def load(g, **kwargs):
    return Load(g, [(a, mix) for a, (mix, _) in AGENTS.items()], **kwargs)


def more_calls(loads, n=100):
    """Waits until each of these loads has ended so many calls more."""
    def ended():
        counts = []
        for one in loads:
            with open(one.path, "rb") if os.path.exists(one.path) else io.BytesIO() as f:
                counts.append(f.read().count(b"\n"))
        return counts
    before = ended()
    eventually("calls to go on", lambda: all(now >= was + n for now, was in zip(ended(), before)), 60)


def compare(g, loads, settle=1.0, strictly=True):
    """The three views of all calls of these loads; raises where they disagree."""
    views = Views([c for one in loads for c in one.log()], witnessed([g.witness]), g.audit(settle=settle))
    return views.check() if strictly else views


def restarts(g):
    return {p["process"]: p["restarts"] for p in g.ctl("status")["processes"]}


def serving(g, seconds=20):
    eventually("the gateway to serve again", lambda: g.ctl_text("status")[0] == 0, seconds)


def kill(g, role):
    """Kill a process (of two workers the older one) and wait until the gateway serves without it."""
    old = g.kill(role)
    eventually("a process in its place", lambda: old not in g.pids().get(role, [old]), 20)
    serving(g)
    return old


def audit_state(g):
    """What status says of the audit process: ready, full, latched, ..."""
    status = json.loads(g.ctl_text("status", "--json")[1].splitlines()[0])
    return next(p["state"] for p in status["processes"] if p["process"] == "audit")


def verify(g):
    """(exit status, result) of the offline proof."""
    program = os.path.join(g.build, "controlplane", "audit", "sallyport-audit")
    r = subprocess.run([program, "--verify", os.path.join(g.settings["state_dir"], "audit")],
                       capture_output=True, text=True, timeout=60, check=False)
    return r.returncode, json.loads(r.stdout)


def segments(g):
    """Paths of the journal's segments, oldest first."""
    folder = os.path.join(g.settings["state_dir"], "audit")
    return sorted(os.path.join(folder, f) for f in os.listdir(folder)
                  if f.startswith("journal-"))


def fill(path, leave_bytes):
    """One file takes all space but so much."""
    v = os.statvfs(os.path.dirname(path))
    n = v.f_bavail * v.f_frsize - leave_bytes
    with open(path, "wb") as f:
        try:
            os.posix_fallocate(f.fileno(), 0, max(n, 4096))
        except OSError as e:
            raise Failed(f"the file system can not be filled: {e}") from e


class Later:
    """Runs a function beside the test; `result()` waits for it."""

    def __init__(self, fn):
        self.value = self.error = None

        def run():
            try:
                self.value = fn()
            except Exception as e:  # noqa: BLE001
                self.error = e
        self.thread = threading.Thread(target=run)
        self.thread.start()

    def result(self, seconds=30):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "still waiting"
        if self.error:
            raise self.error
        return self.value
