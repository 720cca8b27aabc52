"""Storms of handshakes that mean no good: calls and good clients go on, memory is bounded, everything is counted."""
import json
import subprocess

from client import Closed, Modern
from gateway import programs, sanitized
from runner import eventually
from scene import load, restarts, start

STORM_ADDRESS = "127.0.0.9"
LIMITS = {"max_connections": 4096, "max_connections_per_address": 1024, "handshakes_waiting": 256}


class Storm:
    """sallyport-shake in the background: `rate` connections a second of one kind."""

    def __init__(self, g, kind, seconds=2, rate=1000):
        self.proc = subprocess.Popen(
            [programs(g.build)["sallyport-shake"], "storm", "--connect", f"127.0.0.1:{g.port}", "--kind", kind,
             "--rate", str(rate), "--seconds", str(seconds), "--from", STORM_ADDRESS],
            stdout=subprocess.PIPE, text=True)

    def blowing(self):
        return self.proc.poll() is None

    def report(self):
        out, _ = self.proc.communicate(timeout=60)
        assert self.proc.returncode == 0
        return json.loads(out)


def counts(g):
    workers = g.ctl("workers")
    workers = workers if isinstance(workers, list) else [workers]
    return {k: sum(w[k] for w in workers) for k, v in workers[0].items() if isinstance(v, int)}


def memory(g):
    """Bytes of the worker's own."""
    with open(f"/proc/{g.pids()['worker'][0]}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Pss:"))


def bound(g):
    """What a thousand connections and as many hellos may add, and no more: pools and heap grow by huge pages and touch
    parts of them. A sanitizer fences each block, and keeps 256 MiB of freed ones."""
    return (2 * 192 + 256) << 20 if sanitized(g.build) else 192 << 20


def call(g, came=None):
    """One call of somebody who has just come; one who is refused at the door tries again. `came` counts the tries."""
    def attempt():
        if came is not None:
            came.append(1)
        try:
            with Modern(g, "support-enhanced", timeout=20) as m:
                return m.call("read_customer_data", {"customer_id": "C-1001"}).result
        except (Closed, OSError):
            return None
    return eventually("a good client to be served", attempt, 30)


def test_no_storm_of_handshakes_takes_calls_or_memory_away(make):
    g = start(make, config={"limits": LIMITS, "timeouts": {"tls": "1s"}})
    run = load(g, seconds=15, rate=100)
    call(g)
    before, was = counts(g), memory(g)
    opened, came = 0, []
    for kind in ("dropped", "hello", "half", "kept", "slow"):
        storm = Storm(g, kind)
        served = 0
        while storm.blowing():
            assert call(g, came)
            served += 1
        opened += storm.report()["opened"]
        assert served > 0
        assert memory(g) - was < bound(g), (kind, memory(g) - was)
    eventually("the storms' connections to be over", lambda: counts(g)["connections_open"] <= 8 + 2, 30)
    now = {k: v - before.get(k, 0) for k, v in counts(g).items()}
    assert now["connections_accepted"] - now["connections_closed"] == now["connections_open"], now
    assert now["timeout_tls"] > 0, now
    assert now["tls_handshakes"] + now["shed_handshakes"] + now["timeout_tls"] + now["tls_failed"] <= \
        now["connections_accepted"], now
    assert now["connections_accepted"] + now["shed_per_address"] + now["shed_connections"] <= \
        opened + len(came) + 8, (now, opened, len(came))
    assert set(restarts(g).values()) == {0}
    report = run.wait()
    assert report["unanswered"] == report["broken"] == report["redials"] == report["unexpected"] == 0, report


def test_hellos_beyond_the_queue_are_refused_and_the_others_answered(make):
    g = start(make, config={"limits": {**LIMITS, "handshakes_waiting": 2, "handshakes_per_turn": 1}})
    before = counts(g)
    storm = Storm(g, "half", seconds=1, rate=8000)
    got = storm.report()
    eventually("the storm to be over", lambda: counts(g)["connections_open"] <= 1, 30)
    now = {k: v - before.get(k, 0) for k, v in counts(g).items()}
    assert now["shed_handshakes"] > 0 and got["answered"] > 0, (now, got)
    assert got["refused"] <= now["shed_handshakes"] + now["shed_per_address"] + now["tls_failed"], (now, got)
    assert call(g)


def test_a_handshake_begun_is_finished_though_others_wait(make):
    g = start(make, config={"limits": {**LIMITS, "handshakes_per_turn": 1}})
    storm = Storm(g, "half", seconds=3, rate=4000)
    before, served = counts(g), 0
    while storm.blowing():
        assert call(g)
        served += 1
    storm.report()
    now = {k: v - before.get(k, 0) for k, v in counts(g).items()}
    assert served > 0 and now["tls_handshakes"] >= served and now["tls_failed"] == 0, (now, served)
