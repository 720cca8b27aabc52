"""Single processes killed: the service goes on, what they left is taken up, and nothing is lost or done twice."""
import os
import signal
import time

from client import Closed, Modern
from gateway import Demo, wait_for
from runner import eventually
from scene import Later, compare, kill, load, restarts, serving, start
from views import whitelist, witnessed


def test_service_goes_on_when_each_kind_of_process_dies(make):
    g = start(make, workers=2)
    runs = [load(g, seconds=6, rate=300, ref=era, era=era) for era in ("modern", "legacy")]
    time.sleep(0.5)
    for role in ("worker", "audit", "worker", "control"):
        kill(g, role)
    reports = [r.wait() for r in runs]
    views = compare(g, runs)
    assert restarts(g) == {"control": 1, "audit": 1, "worker 0": 1, "worker 1": 1}
    assert all(r["unanswered"] == 0 for r in reports) and views.answered > 2000
    assert views.client_errors == 0, views.reasons
    assert len(views.in_doubt) <= views.broken


def test_a_call_under_way_when_its_worker_dies_is_in_doubt_and_not_repeated(make):
    g = start(make, policies={"reporter": {**whitelist("support", "enhanced"), "allowed_actions": ["slow_report"]}})
    m = Modern(g, "reporter")
    slow = Later(lambda: m.call("slow_report", {"steps": 100, "delay_ms": 100}, ref="slow"))
    eventually("the upstream to have the call", lambda: os.path.getsize(g.witness) > 0)
    died = time.time()
    kill(g, "worker")
    try:
        slow.result()
        raise AssertionError("an answer from a dead worker")
    except (Closed, OSError):
        pass
    doubt = wait_for("the in-doubt record", lambda: g.audit("--type", "in_doubt"), 10)
    assert time.time() - died < 20
    decision = [r for r in g.audit("--type", "decision") if r["tool"] == "slow_report"]
    assert len(doubt) == len(decision) == 1 and doubt[0]["of"] == decision[0]["seq"]
    assert doubt[0]["call"] == decision[0]["call"] and doubt[0]["reason"] == "worker_died", doubt
    assert doubt[0]["agent"] == "reporter" and doubt[0]["tool"] == "slow_report"
    assert g.ctl("status")["audit"]["in_doubt"] == 1
    assert len(witnessed([g.witness])) == 1, "the call came to the upstream again"
    m.close()


def test_an_upstream_that_dies_leaves_outcomes(make):
    g = start(make)
    run = load(g, seconds=4, rate=300)
    for _ in range(2):
        time.sleep(0.8)
        g.demo.proc.kill()
        g.demo.proc.wait()
        g.demo.proc.stdout.close()
        time.sleep(0.1)
        g.demo = Demo(g.build, g.dir, ["--witness", g.witness], port=g.demo.address[1])
    assert run.wait()["unanswered"] == 0
    views = compare(g, [run])
    assert views.in_doubt == [] and views.broken == 0, views.numbers()
    assert set(views.reasons) <= {"upstream_closed", "upstream_connect", "breaker_open"}, views.reasons
    with Modern(g, "analyst-strict") as m:
        eventually("the upstream to be asked again",
                   lambda: m.call("read_financial_data", {"account_id": "A-2001"}).result)


def test_workers_go_on_judging_without_control(make):
    g = start(make, config={"workers": {"restart_min": "3s"}})
    before = g.ctl("status")["generation"]
    g.kill("control")
    with Modern(g, "support-enhanced") as m:
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result
        assert m.call("refund_payment", {"order_id": "O-5001"}).reason == "tool_unknown"
        assert g.ctl_text("status", timeout=20)[0] != 0, "sallyctl was answered by nobody"
        serving(g)
        after = g.ctl("status")
        assert after["generation"] >= before and restarts(g)["control"] == 1
        g.write_policies({"support-enhanced": whitelist("support", "enhanced"),
                          "analyst-strict": whitelist("analyst", "strict"), "late": whitelist("support", "basic")})
        g.ctl("policy", "publish")
        assert g.ctl("status")["generation"] > after["generation"]
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result
    with Modern(g, "late") as m:
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result


def test_when_the_supervisor_dies_calls_end_and_a_successor_takes_the_store(make):
    g = start(make, policies={"reporter": {**whitelist("support", "enhanced"), "allowed_actions":
                                           ["slow_report", "read_customer_data"]}})
    with Modern(g, "reporter") as m:
        slow = Later(lambda: m.call("slow_report", {"steps": 20, "delay_ms": 100}, ref="slow"))
        eventually("the upstream to have the call", lambda: os.path.getsize(g.witness) > 0)
        family = [p for pids in g.pids().values() for p in pids]
        g.kill("supervisor")
        g.proc.wait()
        started = time.monotonic()
        g.start(ready=False)

        def served():
            try:
                with Modern(g, "reporter", timeout=2) as other:
                    return other.call("read_customer_data", {"customer_id": "C-1001"}, ref="after").result
            except (Closed, OSError):
                return None
        wait_for("the successor to serve", served, 20)
        ready = time.monotonic() - started
        assert slow.result().result, "the call in flight got no answer"
    assert ready < 10, f"the successor served after {ready:.1f} s"
    serving(g)
    eventually("the predecessor's processes to leave", lambda: not any(os.path.exists(f"/proc/{p}") for p in family))
    records = g.audit(settle=0.5)
    ended = [r["outcome"] for r in records if r["type"] == "outcome" and r["tool"] == "slow_report"]
    assert ended == ["ok"], records
    assert not [r for r in records if r["type"] == "in_doubt"]
    assert sum(r.get("object") == "store opened" for r in records) == 2
    assert g.ctl("audit", "verify")["chain_ok"]


def test_calls_longer_than_the_drain_are_cut_and_in_doubt(make):
    for how in ("SIGKILL", "SIGTERM"):
        g = start(make, config={"timeouts": {"drain": "1s"}},
                  policies={"reporter": {**whitelist("support", "enhanced"), "allowed_actions": ["slow_report"]}})
        with Modern(g, "reporter") as m:
            slow = Later(lambda: m.call("slow_report", {"steps": 100, "delay_ms": 100}, ref="slow"))
            eventually("the upstream to have the call", lambda: os.path.getsize(g.witness) > 0)
            g.proc.send_signal(getattr(signal, how))
            g.proc.wait(20)
            g.start()
            serving(g)
            eventually("the call to end", lambda: not slow.thread.is_alive())
        doubt = g.audit("--type", "in_doubt", settle=0.5)
        assert len(doubt) == 1 and doubt[0]["tool"] == "slow_report", (how, doubt)
        assert not [r for r in g.audit("--type", "outcome") if r.get("tool") == "slow_report"]
