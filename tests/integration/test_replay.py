"""What real calls left in the audit trail, judged again by `policy simulate`, counted by `policy unused`, and made a
policy by `policy suggest`."""
import json
import os

from client import Legacy, Modern
from upstream import Lab, Upstream

POLICY = """
version: 1
agents: [{name: one, roles: [clerk]}, {name: two}, {name: idle, allow: [pay]}]
tools:
  - {name: fetch_page, taints: true, class: read, sensitivity: confidential}
  - {name: send_mail, class: send, egress: true}
  - {name: query_rows, sql: {dialect: postgres, styles: [select]}}
  - {name: drop_all, high_risk: true}
rules:
  - {name: clerks, effect: allow, roles: [clerk], tools: [fetch_page, send_mail, query_rows, drop_all]}
  - {name: small, effect: allow, agents: [two], tools: [pay], when: [request.sum < 100]}
  - {name: not there, effect: deny, tools: [pay], when: ["has(request.to) && request.to == 'x'"]}
sequences: [{name: no egress, kind: forbid-after-taint, then: [send_mail]}]
limits: [{name: few, calls: 3, per: day, agents: [two]}]
risk: {mode: mixed}
"""
TOOLS = ("fetch_page", "send_mail", "query_rows", "drop_all", "pay")
CALLS = [("one", "send_mail", {"text": "; rm -rf / | sh"}), ("one", "query_rows", {"sql": "select 1"}),
         ("one", "query_rows", {"sql": "drop table t"}), ("one", "fetch_page", {}), ("one", "send_mail", {}),
         ("one", "drop_all", {"n": 1}), ("one", "pay", {"sum": 1}), ("two", "pay", {"sum": 5}),
         ("two", "pay", {"sum": 500}), ("two", "pay", {"sum": 5, "to": "x"}), ("two", "pay", {"sum": 5}),
         ("two", "pay", {"sum": 5}), ("two", "pay", {"sum": 5})]


def shared(build):
    return Lab(build, {"up": Upstream(tools=TOOLS, conf={"era": "both"})}, policies={"policy.yaml": POLICY},
               config={"audit": {"arguments": True}})


def call_all(gateway):
    for client in (Modern, Legacy):
        for agent in ("one", "two"):
            with client(gateway, agent, path="/up") as m:
                for who, tool, arguments in CALLS:
                    if who == agent:
                        m.call(tool, arguments)


def records(gateway, tmp, keep=lambda r: r):
    path = os.path.join(tmp, "records")
    with open(path, "w", encoding="utf-8") as f:
        for r in gateway.audit():
            f.write(json.dumps(keep(r), ensure_ascii=False) + "\n")
    return path


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
