"""One of several upstreams hangs: its calls end in time and on record, and nobody else waits for them."""
import os
import signal
import time

from client import Modern
from gateway import Demo
from runner import eventually
from scene import Later
from views import whitelist

DEADLINE_S = 3.0
AGENT = "support"


def four(make):
    """A gateway before four upstreams, each at a path of its own, and the upstreams."""
    g = make(start=False, policies={AGENT: whitelist("support", "enhanced")})
    demos = [Demo(g.build, g.dir) for _ in range(4)]
    g.settings["upstreams"] = [
        {"name": f"u{i}", "url": d.url, "era": "modern", "response_timeout": f"{DEADLINE_S * 1000:.0f}ms",
         "breaker": {"failures": 5, "open": "1s"}} for i, d in enumerate(demos)]
    g.settings["routes"] = [{"path": f"/u{i}", "resource": f"https://{g.host}/u{i}", "upstreams": [f"u{i}"],
                             "hosts": [g.host, f"127.0.0.1:{g.port}"]} for i in range(4)]
    g.write_config()
    g.start()
    return g, demos


def calls(g, path, n, gap=0.0):
    """[(seconds, answer)] of so many calls one after another."""
    found = []
    with Modern(g, token=g.token(AGENT, aud=f"https://{g.host}{path}"), path=path) as m:
        for i in range(n):
            since = time.monotonic()
            a = m.call("read_customer_data", {"customer_id": "C-1001"}, ref=f"{path}-{i}")
            found.append((time.monotonic() - since, a))
            time.sleep(gap)
    return found


def test_a_hanging_upstream_costs_its_own_calls_their_deadline_and_others_nothing(make):
    g, demos = four(make)
    try:
        assert all(calls(g, f"/u{i}", 1)[0][1].result for i in range(4))
        os.kill(demos[0].proc.pid, signal.SIGSTOP)
        hung, during = [Later(lambda: calls(g, "/u0", 1)) for _ in range(4)], []
        while all(later.thread.is_alive() for later in hung):
            during += [a for path in ("/u1", "/u2", "/u3") for _, a in calls(g, path, 5)]
        assert all(a.result for a in during), "calls to other upstreams failed"
        assert len(during) >= 2 * 15, "calls to other upstreams waited for the one that hangs"
        ended = [later.result()[0] for later in hung]
        for seconds, a in ended:
            assert a.reason == "upstream_timeout" and seconds > DEADLINE_S - 0.05, (seconds, a)
        more = calls(g, "/u0", 3)
        assert more[-1][1].reason == "breaker_open", more
        ends = [r for r in g.audit("--type", "outcome") if r.get("reason") == "upstream_timeout"]
        assert len(ends) >= 4 and all(r["outcome"] == "failed" for r in ends), ends
        assert all(DEADLINE_S - 0.1 < r["total_us"] / 1e6 < DEADLINE_S + 5 for r in ends), [r["total_us"] for r in ends]
    except BaseException:
        for d in demos:
            d.proc.kill()
        raise
    os.kill(demos[0].proc.pid, signal.SIGCONT)
    eventually("a trial to close the breaker", lambda: calls(g, "/u0", 1)[0][1].result, 10)
    assert all(a.result for _, a in calls(g, "/u0", 20))
    g.stop_gateway()
    for d in demos:
        d.stop()
