"""What operators do while calls are made: nothing is dropped, misjudged or lost by it."""
import signal

from client import Modern
from runner import eventually
from scene import Later, compare, load, more_calls, serving, start
from views import whitelist, witnessed


def test_a_graceful_stop_under_load_answers_every_call_that_went_on(make):
    g = start(make, workers=2, policies={**{a: whitelist(m, level) for a, m, level in (
        ("support-enhanced", "support", "enhanced"), ("analyst-strict", "analyst", "strict"))},
        "reporter": {**whitelist("support", "enhanced"), "allowed_actions": ["slow_report"]}})
    runs = [load(g, seconds=3600, rate=400, ref=era, era=era) for era in ("modern", "legacy")]
    more_calls(runs, 300)
    with Modern(g, "reporter") as m:
        slow = Later(lambda: m.call("slow_report", {"steps": 15, "delay_ms": 100}, ref="slow"))
        eventually("the upstream to have the call", lambda: "slow" in [ref for _, ref, _, _ in witnessed([g.witness])])
        g.proc.send_signal(signal.SIGTERM)
        assert slow.result().result, "a call in flight was cut by a graceful stop"
    assert g.proc.wait(20) == 0
    for run in runs:
        run.stop()
    g.stop_gateway()
    seen = {ref for _, ref, _, _ in witnessed([g.witness])}
    broken = [c for run in runs for c in run.log() if c[3] == "broken"]
    assert not [c for c in broken if c[0] in seen], "forwarded, but its answer was cut off"
    g.start()
    views = compare(g, runs)
    assert views.in_doubt == [] and views.answered > 500
    assert set(views.reasons) <= {"draining"}, views.reasons


def test_reloads_under_load_drop_no_connection_and_misjudge_nothing(make):
    g = start(make, workers=2)
    runs = [load(g, seconds=3600, rate=300, ref=era, era=era) for era in ("modern", "legacy")]
    more_calls(runs)
    stable = {a: whitelist(*of) for a, of in (("support-enhanced", ("support", "enhanced")),
                                              ("analyst-strict", ("analyst", "strict")))}
    for i in range(8):
        before = g.ctl("status")["generation"]
        g.write_policies({**stable, f"passer-by-{i}": whitelist("support", "basic")})
        g.make(["pki", g.pki])
        g.proc.send_signal(signal.SIGHUP)
        eventually("the policy to be in force", lambda b=before: g.ctl("status")["generation"] > b)
        more_calls(runs)
    reports = [run.stop() for run in runs]
    serving(g)
    views = compare(g, runs)
    assert views.broken == views.client_errors == 0, (views.numbers(), views.reasons)
    assert all(r["unanswered"] == 0 and r["broken"] == 0 for r in reports), reports
    with Modern(g, "passer-by-7") as m:
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result
        assert m.call("refund_payment", {"order_id": "O-5001"}).reason == "tool_unknown"


def test_a_broken_policy_under_load_changes_nothing(make):
    g = start(make)
    run = load(g, seconds=3, rate=300)
    before = g.ctl("status")["generation"]
    g.write_policies({"support-enhanced.json": '{"tool_id": "support-enhanced", "allowed_actions": '})
    g.proc.send_signal(signal.SIGHUP)
    eventually("the operator to be told", lambda: any("reload" in w for w in g.ctl("status")["warnings"]))
    assert g.ctl("status")["generation"] == before
    assert run.wait()["unanswered"] == 0
    views = compare(g, [run])
    assert views.broken == views.client_errors == 0, (views.numbers(), views.reasons)
