"""A candidate policy in shadow, through the whole gateway: it is judged beside the policy in force,
its differences are on record, and no call is affected."""
import json
import os
import signal
import subprocess
import threading

from client import Legacy, Modern
from operators import NOBODY, as_user, opened_to_all
from runner import eventually
from scene import AGENTS, Later, compare, kill, load as start_load, serving, start
from tokens import Issuer
from upstream import Lab, Upstream, agent
from views import whitelist

TOOLS = ("read_row", "write_row", "verify_row", "drop_row", "ping", "pong", "pay")
POLICY = """
version: 1
agents: [{name: one}, {name: two}, {name: few}]
tools: [{name: pay, class: write, cost: 2}]
rules:
  - {name: ones, effect: allow, agents: [one], tools: [read_row, write_row, verify_row, ping]}
  - {name: small, effect: allow, agents: [two], tools: [pay], when: [request.sum < 100]}
  - {name: fews, effect: allow, agents: [few], tools: [ping, pong]}
sequences: [{name: verify, kind: require-before, first: [read_row], then: [write_row]}]
limits: [{name: pings, calls: 5, per: day, agents: [few], tools: [ping]}]
"""
SLOTS = 8  # for the policy in force, the candidate, and those that calls in flight hold
ALL_READY = "2 of 2 workers ready"
FIELDS = {"shadow", "shadow_hash", "shadow_decision", "shadow_reason", "shadow_risk"}


def lab(build):
    up = Upstream(tools=TOOLS, conf={"era": "both"})
    return Lab(build, {"up": up}, issuer=Issuer(), workers=2, policies={"policy.yaml": POLICY})


shared = lab


def write(g, text, name="candidate.yaml"):
    path = os.path.join(g.dir, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def shadow(g, text):
    """The candidate's generation, once every worker judges by it."""
    said = g.ctl("policy", "shadow", write(g, text))
    generation = status(g)["generation"]
    assert f"generation {generation} is judged beside" in said, said
    return generation


def status(g):
    return g.ctl("policy", "shadow", "status")


def report(g, *args, code=None):
    """The report, and its differences: {(decision, reason, would be, why, agent, tool): calls}."""
    got, out, err = g.ctl_text("policy", "shadow", "report", *args, "--json")
    assert got == code or code is None, (got, out, err)
    found = json.loads(out)
    assert got == (1 if found["differed"] else 0), (got, out)
    names = ("decision", "reason", "shadow_decision", "shadow_reason", "agent", "tool")
    return found, {tuple(d[n] for n in names): d["calls"] for d in found["differences"]}


def decisions(g, *query):
    return [r for r in g.audit("--type", "decision", *query) if r.get("tool")]


def ends(g, settle=0):
    """The records of a candidate's end."""
    acts = g.audit("--type", "admin", settle=settle)
    return [a for a in acts if a.get("method") == "policy shadow off"]


def differing(g, generation):
    """Decisions of which this candidate says otherwise, by the filter and by what all tell."""
    found = decisions(g, "--shadow", str(generation))
    assert found == [r for r in decisions(g) if r.get("shadow") == generation]
    return found


def verdicts(records):
    return [tuple(r[n] for n in ("tool", "decision", "shadow_decision", "shadow_reason"))
            for r in records]


def test_a_candidate_that_denies_what_is_allowed_changes_nothing_but_the_record(gateway):
    generation = shadow(gateway, POLICY.replace("verify_row, ping]", "verify_row]"))
    with agent(gateway, "one") as m:
        assert m.call("ping", {}).reason is None
        assert m.call("read_row", {"id": 1}).reason is None
    [r] = differing(gateway, generation)
    assert (r["tool"], r["decision"], r["reason"]) == ("ping", "allow", "none"), r
    assert (r["shadow_decision"], r["shadow_reason"]) == ("deny", "tool_denied"), r
    assert len(r["shadow_hash"]) == 32 and r["shadow_hash"] != r["policy_hash"], r
    s = status(gateway)
    assert (s["state"], s["judged"], s["differed"], s["workers"]) == ("judging", 2, 1, "2 of 2"), s
    assert r["shadow_hash"].startswith(s["sha256"])
    found, groups = report(gateway, code=1)
    assert groups == {("allow", "none", "deny", "tool_denied", "one", "ping"): 1}, found
    assert found["differences"][0]["examples"] == [r["call"]] and found["judged"] == 2, found
    assert found["verdict_changed"] == 1
    assert [w["shadow_differed"] for w in gateway.ctl("workers")].count(1) == 1
    assert "shadow_judged" in gateway.ctl("metrics")


def test_a_candidate_that_allows_what_is_denied_lets_nothing_through(gateway):
    generation = shadow(gateway, POLICY.replace("request.sum < 100", "request.sum < 1000"))
    gateway.clear()
    with agent(gateway, "two") as m:
        assert m.call("pay", {"sum": 500}).reason == "tool_denied"
        assert m.call("pay", {"sum": 5000}).reason == "tool_denied"
        assert m.call("pay", {"sum": 50}).reason is None
    assert len(gateway.servers["up"].calls("pay")) == 1
    [r] = differing(gateway, generation)
    assert (r["decision"], r["shadow_decision"], r["shadow_reason"]) == ("deny", "allow", "none"), r
    assert report(gateway)[1] == {("deny", "tool_denied", "allow", "none", "two", "pay"): 1}


def test_without_a_difference_the_record_has_no_shadow(gateway):
    shadow(gateway, POLICY + "\n# other bytes\n")
    before = len(decisions(gateway))
    with agent(gateway, "one") as m:
        assert m.call("read_row", {"id": 1}).reason is None
        assert m.call("pay", {"sum": 1}).reason == "tool_unknown"
    new = decisions(gateway)[before:]
    assert len(new) == 2 and not any(FIELDS & set(r) for r in new), new
    found, groups = report(gateway, code=0)
    assert groups == {} and "policy publish" in found["advice"] and found["judged"] == 2, found


def test_what_is_off_judges_nothing_and_the_trail_keeps_what_was(gateway):
    generation = shadow(gateway, POLICY.replace("verify_row, ping]", "verify_row]"))
    with agent(gateway, "one") as m:
        m.call("ping", {})
        said = gateway.ctl("policy", "shadow", "off")
        assert f"generation {generation} is judged no more" in said
        assert status(gateway) == {"state": "off"}
        judged = [w["shadow_judged"] for w in gateway.ctl("workers")]
        m.call("ping", {})
    assert [w["shadow_judged"] for w in gateway.ctl("workers")] == judged
    assert not FIELDS & set(decisions(gateway)[-1])
    code, _, err = gateway.ctl_text("policy", "shadow", "report")
    assert code == 1 and "--generation" in err, err
    nothing = report(gateway, "--generation", "4711", code=0)[0]
    assert nothing["differed"] == 0 and "publish" not in nothing["advice"], nothing
    assert nothing["state"] == "ended", nothing
    found, groups = report(gateway, "--generation", str(generation), code=1)
    assert groups == {("allow", "none", "deny", "tool_denied", "one", "ping"): 1}, found
    assert "judged" not in found, found
    assert "no candidate" in gateway.ctl("policy", "shadow", "off")
    assert generation in {r["shadow"] for r in decisions(gateway, "--shadow", "any")}
    for wrong in ("0", "all", "-1"):
        code, _, err = gateway.ctl_text("audit", "query", "--shadow", wrong)
        assert code == 1 and "candidate's generation" in err, err


def test_a_report_before_any_call_says_that_nothing_was_judged(gateway):
    shadow(gateway, POLICY)
    found, groups = report(gateway, code=0)
    assert (found["state"], found["judged"], groups) == ("nothing judged yet", 0, {}), found
    assert found["advice"].startswith("nothing was judged yet"), found
    code, out, _ = gateway.ctl_text("policy", "shadow", "report")
    assert code == 0 and "nothing judged yet" in out and "publish" not in out, out
    with agent(gateway, "one") as m:
        m.call("ping", {})
    assert report(gateway)[0]["state"] == "judging"


def test_a_candidate_that_is_no_good_is_told_with_its_place_and_the_one_before_stays(gateway):
    generation = shadow(gateway, POLICY)
    bad = write(gateway, POLICY.replace("request.sum < 100", "request.sum <"), "bad.yaml")
    code, out, _ = gateway.ctl_text("policy", "shadow", bad)
    assert code == 1 and "bad.yaml:7:" in out, out
    check = gateway.ctl_text("policy", "check", bad)
    assert check[:2] == (1, out), "the same words as policy check"
    assert status(gateway)["generation"] == generation
    assert gateway.ctl_text("policy", "shadow")[0] == 2, "a candidate must be named"


def test_limits_are_looked_at_but_never_taken(make):
    g = make(kind=lab)
    generation = shadow(g, POLICY.replace("calls: 5, per: day", "calls: 3, per: day").replace(
        "tools: [ping]}]",
        "tools: [ping]}, {name: pongs, calls: 1, per: day, agents: [few], tools: [pong]}]"))
    assert status(g)["not_judged"] == ["limit pongs"], status(g)
    with agent(g, "few") as m:
        said = [m.call("ping", {}).reason for _ in range(6)]
        assert said == [None] * 5 + ["rate_day"], "as many as without"
        assert [m.call("pong", {}).reason for _ in range(3)] == [None] * 3
    found = verdicts(differing(g, generation))
    assert found == [("ping", "allow", "deny", "rate_day")] * 2, found
    more = shadow(g, POLICY.replace("calls: 5, per: day", "calls: 50, per: day"))
    with agent(g, "few") as m:
        assert m.call("ping", {}).reason == "rate_day"
    [r] = differing(g, more)
    assert (r["reason"], r["shadow_decision"]) == ("rate_day", "allow"), r


def test_counts_of_another_kind_or_of_others_are_not_taken_for_a_limits_own(make):
    g = make(kind=lab)
    with agent(g, "few") as m:
        assert [m.call("ping", {}).reason for _ in range(4)] == [None] * 4
    for was, now in (("calls: 5, per: day", "calls: 2, per: hour"),
                     ("calls: 5, per: day", "money: 1, per: day"),
                     ("calls: 5, per: day, agents: [few], tools: [ping]",
                      "calls: 2, per: day, agents: [few], tools: [pong]"),
                     ("per: day, agents: [few]", "per: day, agents: [few, one]"),
                     ("calls: 5, per: day", "calls: 2, per: day, apart: []")):
        generation = shadow(g, POLICY.replace(was, now))
        assert status(g)["not_judged"] == ["limit pings"], (now, status(g))
        with agent(g, "few") as m:
            assert m.call("pong", {}).reason is None
        assert differing(g, generation) == [], now


def test_an_order_rule_whose_state_lies_elsewhere_lets_calls_pass(make):
    g = make(kind=lab)
    for now in ("first: [read_row], then: [write_row], window: 1h",
                "first: [ping], then: [write_row]",
                "first: [read_row], between: [ping], then: [write_row]"):
        generation = shadow(g, POLICY.replace("first: [read_row], then: [write_row]", now))
        assert status(g)["not_judged"] == ["order rule verify"], (now, status(g))
        with agent(g, "one") as m:
            assert [m.call(t, {"id": 1}).reason for t in ("read_row", "write_row")] == [None, None]
        assert differing(g, generation) == [], now


def test_sessions_that_nobody_remembers_are_told_and_not_held_against_a_call(make):
    plain = POLICY.split("sequences:")[0]
    g = make(kind=lab)
    g.ctl("policy", "publish", write(g, plain, "plain.yaml"))
    generation = shadow(g, plain + "risk: {mode: mixed}\n"
                        "sequences: [{name: clean, kind: forbid-after-taint, then: [ping]}]\n")
    not_judged = status(g)["not_judged"]
    assert not_judged == ["risk: new and tainted sessions", "order rule clean"], not_judged
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    assert differing(g, generation) == []


def test_the_report_gives_no_all_clear_for_differences_that_are_in_no_record(make, tmp):
    g, empty = make(kind=lab), make()
    shadow(g, POLICY.replace("verify_row, ping]", "verify_row]"))
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    eventually("its record",
               lambda: report(g, code=1)[0]["advice"].startswith("look at the calls"), 10)
    for name, of in (("control", g), ("audit", empty)):  # its trail was lost, as it were
        os.symlink(os.path.join(of.run_dir, f"{name}.sock"), os.path.join(tmp, f"{name}.sock"))
    asked = [g.programs["sallyctl"], "--run-dir", tmp, "policy", "shadow", "report", "--json"]
    r = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    found = json.loads(r.stdout)
    assert (r.returncode, found["differed"], found["not_in_trail"]) == (1, 1, 1), found
    assert found["differences"] == [], found
    assert "not in the trail" in found["advice"], found


def test_beyond_a_thousand_groups_the_report_takes_an_agents_tools_together(make):
    agents, tools = [f"agent-{i:02}" for i in range(32)], [f"tool-{i:02}" for i in range(34)]
    policy = {"version": 1, "agents": [{"name": a} for a in agents],
              "rules": [{"name": "all", "effect": "allow", "agents": agents, "tools": tools}]}
    up = Upstream(tools=tools, conf={"era": "both"})
    g = make(kind=Lab, servers={"up": up}, issuer=Issuer(),
             policies={"policy.yaml": json.dumps(policy)})
    policy["rules"][0]["effect"] = "deny"
    shadow(g, json.dumps(policy))
    for a in agents:
        with agent(g, a) as m:
            for t in tools:
                assert m.call(t, {}).reason is None
    total, whole = len(agents) * len(tools), 1000 // len(tools)
    eventually("all records", lambda: "not_in_trail" not in report(g, code=1)[0], 20)
    found, groups = report(g, code=1)
    assert found["differed"] == found["verdict_changed"] == sum(groups.values()) == total, found
    assert "not_grouped" not in found, found
    together = {k[4]: calls for k, calls in groups.items() if k[5] == "(others)"}
    left = {agents[whole]: (whole + 1) * len(tools) - 1000}
    assert together == {**left, **{a: len(tools) for a in agents[whole + 1:]}}, together
    assert len(groups) - len(together) == 1000
    assert [d["calls"] for d in found["differences"]] == sorted(groups.values(), reverse=True)


def test_order_rules_are_judged_by_the_states_that_are_kept_and_change_none(make):
    g = make(kind=lab)
    new = "sequences:\n  - {name: new, kind: require-before, first: [ping], then: [read_row]}\n  - "
    generation = shadow(g, POLICY.replace("sequences: [", new).replace(
        "then: [write_row]}]", "then: [write_row, verify_row]}"))
    assert status(g)["not_judged"] == ["order rule new"], status(g)
    for client in (Modern, Legacy):
        with agent(g, "one", client) as m:
            tools = ("verify_row", "read_row", "verify_row", "write_row", "write_row")
            assert [m.call(t, {"id": 1}).reason for t in tools] == [None] * 4 + ["sequence_denied"]
        found = [(r["tool"], r["decision"], r["shadow_reason"]) for r in differing(g, generation)]
        assert found == [("verify_row", "allow", "sequence_denied")], found
        generation = shadow(g, POLICY.replace("then: [write_row]", "then: [write_row, verify_row]"))


def test_an_agent_that_only_the_candidate_knows_is_judged_by_it(gateway):
    unknown = shadow(gateway, POLICY)
    with agent(gateway, "three") as m:
        assert m.call("ping", {}).reason == "agent_unknown"
    assert differing(gateway, unknown) == []
    more = shadow(gateway, POLICY.replace("{name: few}]",
                                          "{name: few}, {name: three, allow: [ping]}]"))
    with agent(gateway, "three") as m:
        assert m.call("ping", {}).reason == "agent_unknown"
        assert m.call("pong", {}).reason == "agent_unknown"
    found = verdicts(differing(gateway, more))
    assert found == [("ping", "deny", "allow", "none"),
                     ("pong", "deny", "deny", "tool_denied")], found


def test_claims_that_only_the_candidate_reads_are_read(gateway):
    generation = shadow(gateway, POLICY.replace("tools: [read_row, write_row, verify_row, ping]}",
                                                "tools: [read_row, write_row, verify_row, ping], "
                                                "when: [\"jwt.team == 'blue'\"]}"))
    with agent(gateway, "one", team="blue") as m:
        assert m.call("ping", {}).reason is None
    with agent(gateway, "one", team="red") as m:
        assert m.call("ping", {}).reason is None
    [r] = differing(gateway, generation)
    assert r["shadow_decision"] == "deny", r


def test_a_refusal_that_is_no_policys_is_not_judged(gateway):
    shadow(gateway, POLICY.replace("verify_row, ping]", "verify_row]"))
    judged = status(gateway)["judged"]
    with Modern(gateway, token="not a token", path="/up") as m:
        assert m.call("ping", {}).reason == "token_malformed"
    with agent(gateway, "one") as m:
        assert m.tools()
    assert status(gateway)["judged"] == judged


def test_publishing_the_candidate_ends_it_and_another_policy_does_not(make):
    g = make(kind=lab)
    candidate = POLICY.replace("verify_row, ping]", "verify_row]")
    generation = shadow(g, candidate)
    g.ctl("policy", "publish", write(g, POLICY + "# another\n", "other.yaml"))
    s = status(g)
    assert s["generation"] == generation and s["beside"] > generation, s
    g.ctl("policy", "publish", write(g, candidate))
    assert status(g) == {"state": "off"}
    assert [a["detail"] for a in ends(g, settle=0.2)] == ["its files were published"]
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason == "tool_unknown"
    assert not FIELDS & set(decisions(g)[-1])


def test_the_slot_of_a_candidate_that_a_publish_ends_comes_back(make):
    g = make(kind=lab)
    for i in range(2 * SLOTS):
        shadow(g, f"{POLICY}# {i}\n")
        g.ctl("policy", "publish", os.path.join(g.dir, "candidate.yaml"))
        assert status(g) == {"state": "off"}, i


def test_a_publish_that_needs_the_candidates_slot_ends_it(make):
    g = make(kind=lab)
    come, go = threading.Semaphore(0), threading.Event()

    @g.servers["up"].tool("ping")
    def ping(request, reply):
        come.release()
        go.wait(50)
        reply.result({"content": []})

    token = g.issuer.token(sub="one", aud=f"https://{g.host}/up")

    def call():
        with Modern(g, token=token, path="/up", timeout=60) as m:
            return m.call("ping", {}).reason
    shadow(g, POLICY + "# a candidate\n")
    calls = []
    try:
        for i in range(SLOTS - 1):  # with the candidate's and the newest one's no slot is left
            assert status(g)["state"] == "judging", i
            calls.append(Later(call))
            assert come.acquire(timeout=20)
            g.ctl("policy", "publish", write(g, f"{POLICY}# {i}\n", "next.yaml"))
        assert status(g) == {"state": "off"}
        code, _, err = g.ctl_text("policy", "shadow", write(g, POLICY))
        assert code == 1 and "no room would be left for a publish" in err, err
    finally:
        go.set()
    assert [c.result() for c in calls] == [None] * len(calls)
    assert [a["detail"] for a in ends(g, settle=0.2)] == ["its slot was needed for a publish"]
    shadow(g, POLICY)


def off_while_a_worker_begins(g):
    """What `off` said that waited for a worker that stood still and one that died unaware."""
    shadow(g, POLICY)
    ended, ready = len(ends(g)), g.log_text().count(ALL_READY)
    still, dies = g.pids()["worker"]
    for pid in (still, dies):
        os.kill(pid, signal.SIGSTOP)
    off = Later(lambda: g.ctl_text("policy", "shadow", "off"))
    try:
        eventually("it to be on record", lambda: len(ends(g)) > ended, 20)
        os.kill(dies, signal.SIGKILL)
        eventually("a worker in its place", lambda: g.log_text().count(ALL_READY) > ready, 30)
    finally:
        os.kill(still, signal.SIGCONT)
    return off.result()


def test_a_worker_that_begins_acknowledges_that_the_candidate_is_off(make):
    g = make(kind=lab)
    for _ in range(4):
        said = off_while_a_worker_begins(g)
        if "worker 0" not in said[2]:  # else what stood still was not waited for: a slow machine
            break
    assert said[0] == 0 and "is judged no more" in said[1], said


def test_the_candidate_outlives_control_and_a_worker_but_not_the_gateway(make):
    g = make(kind=lab)
    candidate = write(g, POLICY.replace("verify_row, ping]", "verify_row]"))
    g.ctl("policy", "shadow", candidate, "--note", "why not")
    was = status(g)
    assert was["note"] == "why not" and was["by"].startswith("root"), was
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    kill(g, "control")
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    now = status(g)
    assert {**was, "judged": 2, "differed": 2, "beside": now["beside"]} == now, (was, now)
    for _ in range(2):
        kill(g, "worker")
    eventually("both to judge by it", lambda: status(g)["workers"] == "2 of 2", 10)
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    assert status(g)["differed"] == 3, "counts go on"
    assert len(differing(g, was["generation"])) == 3
    g.stop_gateway()
    g.start()
    serving(g)
    assert status(g) == {"state": "off"}
    with agent(g, "one") as m:
        assert m.call("ping", {}).reason is None
    assert len(differing(g, was["generation"])) == 3, "the trail keeps them"
    assert g.ctl("policy", "shadow", write(g, POLICY)), "and a new one has a new generation"
    assert status(g)["generation"] > was["generation"]


def test_candidates_that_take_turns_under_load_lose_nothing(make):
    g = start(make, workers=2)
    tools, folders = ("read_customer_data", "query_transactions"), []
    for i, tool in enumerate(tools):
        folders.append(os.path.join(g.dir, f"turn-{i}"))
        os.makedirs(folders[-1])
        for name in AGENTS:
            with open(os.path.join(folders[-1], f"{name}.json"), "w", encoding="utf-8") as f:
                policy = {**whitelist(*AGENTS[name]), "allowed_actions": [tool]}
                json.dump({"tool_id": name, **policy}, f)
    load = start_load(g, seconds=600)
    eventually("the load", lambda: os.path.exists(load.path) and os.path.getsize(load.path), 20)
    turns = {}
    for i in range(40):
        g.ctl("policy", "shadow", folders[i % 2])
        turns[status(g)["generation"]] = i % 2
        if i % 10 == 9:
            g.ctl("policy", "shadow", "off")
        assert load.running()
    told = load.stop()
    assert told["unanswered"] == 0, told
    compare(g, [load])
    seen = [r for r in g.audit("--type", "decision") if "shadow" in r]
    assert len({r["shadow"] for r in seen}) > 20, "most of them met calls"
    for r in seen:
        allowed = r["tool"] == tools[turns[r["shadow"]]]
        assert r["shadow_decision"] == ("allow" if allowed else "deny") != r["decision"], r
    # a call that audit had no room for was judged too: it is refused, and not on record
    workers = g.ctl("workers")
    unseen = sum(w["shadow_differed"] for w in workers) - len(seen)
    assert 0 <= unseen <= sum(w["audit_refused"] for w in workers)


def test_who_may_publish_may_begin_it_and_who_may_read_the_trail_its_report(make):
    g = opened_to_all(make, {"viewer": ["4001"], "reviewer": ["4002"], "operator": ["4003"]})
    path = write(g, POLICY)
    os.chmod(g.dir, 0o755)
    for uid, may in ((4001, (False, True, False, False)), (4002, (False, True, True, False)),
                     (4003, (True, True, True, True)), (NOBODY, (False,) * 4)):
        asked = (["policy", "shadow", path], ["policy", "shadow", "status"],
                 ["policy", "shadow", "report", "--generation", "1"], ["policy", "shadow", "off"])
        for ask, allowed in zip(asked, may):
            code, out, err = as_user(g, *ask, uid=uid)
            assert (code == 0) == allowed, (uid, ask, code, out, err)
    acts = [(r["method"], r["outcome"]) for r in g.audit("--type", "admin")
            if "shadow" in r.get("method", "")]
    assert ("policy shadow", "ok") in acts and ("policy shadow off", "ok") in acts, acts
    assert acts.count(("policy shadow", "refused")) == 3, acts
