"""The comparison that the other tests rely on notices each kind of disagreement."""
from views import MIXES, Views, arguments_hash

TOOL = "read_customer_data"
ARGUMENTS = dict((tool, args) for _, _, tool, args in MIXES["support"])


def decision(ref, call, verdict="allow", tool=TOOL, boot_ns=100):
    return {"type": "decision", "call": call, "agent": "a", "tool": tool, "decision": verdict, "boot_ns": boot_ns,
            "arguments_hash": arguments_hash(tool, ref, ARGUMENTS[tool])}


def seen(ref, tool=TOOL, boot_ns=200):
    return (tool, ref, arguments_hash(tool, ref, ARGUMENTS[tool]), boot_ns)


def outcome(call):
    return {"type": "outcome", "call": call, "outcome": "ok"}


def call(ref, verdict="ok", tool=TOOL, reason=""):
    return (ref, "a", tool, verdict, reason)


GOOD = ([call("r")], [seen("r")], [decision("r", "c"), outcome("c")])


def bad(calls, upstream, records):
    return {k for k, v in Views(calls, upstream, records).numbers().items() if v and k not in ("answered", "broken")}


def test_views_that_agree_are_accepted():
    assert bad(*GOOD) == set()
    Views(*GOOD).check()
    refused = call("d", "denied", "refund_payment")
    assert bad([refused], [], [decision("d", "c", "deny", "refund_payment")]) == set()
    assert bad([call("r", "broken")], [seen("r")], [decision("r", "c"), {"type": "in_doubt", "call": "c"}]) == set()
    assert bad([call("r", "error", reason="audit_unavailable")], [], []) == {"client_errors"}


def test_a_forward_without_a_decision_before_it_is_noticed():
    calls, upstream, records = GOOD
    assert "unaudited_forwards" in bad([], upstream, [])
    assert "unaudited_forwards" in bad([], upstream, [decision("r", "c", "deny")])
    assert "unaudited_forwards" in bad([], upstream, [decision("r", "c", boot_ns=201), outcome("c")])
    assert "unaudited_forwards" in bad([], upstream, [decision("q", "c"), outcome("c")])
    assert "unaudited_forwards" in bad([], [seen("r", "update_order_status")], records)
    changed = (TOOL, "r", "0" * 64, 200)
    assert "unaudited_forwards" in bad([], [changed], records)
    assert "duplicate_forwards" in bad(calls, upstream * 2, records)


def test_an_answer_without_its_records_is_noticed():
    calls, upstream, records = GOOD
    assert "lost_records" in bad(calls, upstream, records[:1])
    assert "lost_records" in bad([call("d", "denied", "refund_payment")], [], [])
    assert "lost_records" in bad([call("e", "error", reason="upstream_closed")], [], [])
    assert "lost_records" in bad([call("r", "error", reason="audit_unavailable")], upstream, [])
    assert "lost_records" in bad(calls, upstream, [records[0], decision("r", "d"), *records[1:]])


def test_wrong_answers_and_calls_without_one_end_are_noticed():
    calls, upstream, records = GOOD
    assert "wrong_verdicts" in bad([call("r", "denied")], upstream, records)
    assert "wrong_verdicts" in bad(calls, [], records)
    assert "wrong_verdicts" in bad([call("r", "ok", "refund_payment")], upstream, records)
    assert "open_decisions" in bad([], [], records[:1])
    assert "ended_twice" in bad([], [], [*records, {"type": "in_doubt", "call": "c"}])
