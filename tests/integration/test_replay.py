"""What real calls left in the audit trail, judged again by `policy simulate`, counted by `policy unused`, and made a
policy by `policy suggest`."""
import json
import os

from recorded import CALLS, POLICY, call_all, records, shared  # noqa: F401 (the runner looks for shared)


def told(gateway, *args):
    status, out, err = gateway.ctl_text(*args, "--json")
    assert status == 0, (status, out, err)
    return json.loads(out)


def test_recorded_calls_are_replayed_counted_and_made_a_policy(gateway, tmp):
    call_all(gateway)
    path, policy = records(gateway, tmp), os.path.join(gateway.dir, "policy")
    same = told(gateway, "policy", "simulate", policy, "--records", path)
    assert same["replayed"] == 2 * len(CALLS) and same["same"] == same["replayed"], same

    candidate = os.path.join(tmp, "candidate.yaml")
    with open(candidate, "w", encoding="utf-8") as f:
        f.write(POLICY.replace("calls: 3", "calls: 2").replace("tools: [fetch_page, ", "tools: ["))
    changed = told(gateway, "policy", "simulate", candidate, "--records", path)
    reasons = {(c["agent"], c["tool"], c["was"], c["would_be"], c["reason"]): c["calls"] for c in changed["changes"]}
    assert reasons[("one", "fetch_page", "allow", "deny", "tool_denied")] == 2, changed
    assert reasons[("two", "pay", "allow", "deny", "rate_day")] == 1, changed

    def without(r):
        return {k: v for k, v in r.items() if k != "arguments"}
    blind = told(gateway, "policy", "simulate", policy, "--records", records(gateway, tmp, without))
    assert blind["changed"] == 0 and blind["undecidable"] > 0, blind
    assert {u["tool"] for u in blind["undecided"]} <= {"pay", "query_rows", "send_mail", "drop_all"}, blind
    assert {u["lacks"] for u in blind["undecided"]} == {"the arguments"}, blind

    unused = told(gateway, "policy", "unused", policy, "--records", path)
    pairs = {(p["agent"], p["tool"]) for p in unused["unused_permissions"]}
    assert pairs == {("idle", "pay"), ("one", "drop_all")}, unused  # blocked for its risk

    suggested = os.path.join(tmp, "suggested.yaml")
    status, out, err = gateway.ctl_text("policy", "suggest", "--records", path)
    assert status == 0, err
    with open(suggested, "w", encoding="utf-8") as f:
        f.write(out)
    after = told(gateway, "policy", "simulate", suggested, "--records", path)
    assert not [c for c in after["changes"] if c["was"] == "allow"], after
    assert told(gateway, "policy", "unused", suggested, "--records", path)["permissions_unused"] == 0
