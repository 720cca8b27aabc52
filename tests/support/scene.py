"""What the fault scenarios share: a gateway whose upstream is a witness, load, and the comparison afterwards."""
import os
import threading

from gateway import Demo
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


def compare(g, loads, settle=1.0):
    """The three views of all calls of these loads; raises where they disagree."""
    return Views([c for one in loads for c in one.log()], witnessed([g.witness]), g.audit(settle=settle)).check()


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
