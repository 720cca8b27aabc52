"""What the gateway decided and recorded, explained from its records: the same policy comes to the same verdict and
score without the gateway."""
import json
import os

from client import Modern
from recorded import CALLS, call_all, records, shared  # noqa: F401 (the runner looks for shared)


def explained(gateway, path):
    """(exit status, one answer a decision)."""
    status, out, err = gateway.ctl_text("policy", "explain", os.path.join(gateway.dir, "policy"), "--record", path,
                                        "--json")
    assert not err, err
    return status, [json.loads(line) for line in out.splitlines()]


def test_every_decision_comes_to_the_same_verdict_and_score_again(gateway, tmp):
    call_all(gateway)
    status, told = explained(gateway, records(gateway, tmp))
    assert len(told) == 2 * len(CALLS), len(told)
    wrong = [t for t in told if t["equal"] is False]
    assert status == 0 and not wrong, wrong
    reasons = {t["recorded"]["reason"] for t in told}
    assert {"none", "sequence_denied", "sql_denied", "tool_denied", "rule_denied", "rate_day"} <= reasons, reasons
    assert all((t["equal"] is None) == (t["recorded"]["reason"] == "rate_day") for t in told), reasons
    scores = {t["judged"]["score"] for t in told if t["equal"] and "score" in t["recorded"]}
    assert len(scores) > 3, scores


def test_a_record_that_was_changed_is_found_to_differ(gateway, tmp):
    changed = set()

    def worse(r):
        if r["type"] != "decision" or r.get("tool") != "fetch_page" or "risk" not in r:
            return r
        changed.add(r["seq"])
        return {**r, "risk": r["risk"] + 1}
    with Modern(gateway, "one", path="/up") as m:
        m.call("fetch_page", {})
    status, told = explained(gateway, records(gateway, tmp, worse))
    different = {t["seq"] for t in told if t["equal"] is False}
    assert status == 1 and changed and different == changed, (different, changed)


def test_rules_that_ask_for_arguments_are_named_when_those_are_not_recorded(gateway, tmp):
    def without(r):
        return {k: v for k, v in r.items() if k != "arguments"}
    with Modern(gateway, "two", path="/up") as m:
        m.call("pay", {"sum": 5})
    _, told = explained(gateway, records(gateway, tmp, without))
    assert any({"rule": "small"} in t["undecided"] for t in told), [t["undecided"] for t in told]
