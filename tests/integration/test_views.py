"""What the counts of the load tests are made of."""
from views import MIXES, arguments_hash, told_otherwise

TOOL, ARGUMENTS = MIXES["support"][0][2:]


def record(ref, decision):
    return {"agent": "one", "tool": TOOL, "decision": decision, "arguments_hash": arguments_hash(TOOL, ref, ARGUMENTS)}


def test_two_opposite_errors_do_not_make_up_for_each_other():
    calls = [("a", "one", TOOL, "ok", ""), ("b", "one", TOOL, "denied", "tool_unknown")]
    assert told_otherwise(calls, [record("a", "allow"), record("b", "deny")]) == 0
    assert told_otherwise(calls, [record("a", "deny"), record("b", "allow")]) == 2
    assert told_otherwise(calls, [record("a", "allow")]) == 1, "a call without a record"
    assert told_otherwise(calls, [record("a", "allow"), record("b", "deny"), record("b", "deny")]) == 1, "one too many"
