"""Policy beyond allow-lists, through the whole gateway: limits of every kind, order rules, taint, intent, risk, and
what an agent is shown of it. What the seeds say has tests of its own in tests/policy."""
import os
import threading
import time

from client import Legacy, Modern
from runner import eventually
from tokens import Issuer, other_signature
from upstream import Lab, Upstream, agent, policy

POLICY = """
version: 1
agents:
  - {name: one, roles: [clerk]}
  - {name: two, roles: [clerk]}
  - {name: guest, roles: [clerk]}
  - {name: strict, roles: [clerk], audit_level: strict}
  - {name: buyer}
  - {name: intent}
tools:
  - {name: delete_rows, class: write}
  - {name: fetch_page, taints: true}
  - {name: send_mail, class: write, egress: true}
  - {name: buy, class: write, cost: 3}
  - {name: refund, class: write, scopes: [refunds.write]}
rules:
  - {name: clerks, effect: allow, roles: [clerk],
     tools: [query_rows, verify_rows, delete_rows, fetch_page, send_mail, ping_*, per_second, broken, scarce]}
  - {name: buyers, effect: allow, agents: [buyer], tools: [buy]}
  - {name: intents, effect: allow, agents: [intent], tools: [refund, read_order]}
purposes:
  - {name: refunds, agents: [intent], tools: [refund]}
  - {name: orders, agents: [intent], tools: [read_order]}
sequences:
  - {name: verify first, kind: require-before, first: [query_rows], between: [verify_rows], then: [delete_rows],
     reason: "verify what you delete"}
  - {name: no egress, kind: forbid-after-taint, then: [send_mail]}
  - {name: look first, kind: require-before, first: [query_rows], then: [scarce]}
limits:
  - {name: scarce, calls: 2, per: hour, tools: [scarce]}
  - {name: bursts, calls: 3, per: second, tools: [per_second]}
  - {name: together, calls: 40, per: hour, tools: [ping_all], apart: []}
  - {name: money, money: 10, per: minute, tools: [buy]}
"""
TOOLS = ("query_rows", "verify_rows", "delete_rows", "fetch_page", "send_mail", "ping_all", "per_second", "buy",
         "refund", "read_order", "broken", "scarce")


def shared(build):
    up = Upstream(tools=TOOLS, conf={"era": "both"})

    @up.tool("broken")
    def broken(request, reply):
        reply.result({"content": [{"type": "text", "text": "no"}], "isError": True})
    return Lab(build, {"up": up}, {"/anon": {"upstreams": ["up"], "anonymous_agent": "guest"}},
               issuer=Issuer(kid="decide"), workers=2, policies={"policy.yaml": POLICY})


def reasons(m, *tools):
    return [m.call(t, {"id": 1}).reason for t in tools]


def test_deleting_needs_a_verification_since_the_query(gateway):
    for client in (Modern, Legacy):
        with agent(gateway, "one", client) as m:
            assert reasons(m, "delete_rows") == ["sequence_denied"]
            assert reasons(m, "query_rows", "delete_rows") == [None, "sequence_denied"]
            assert reasons(m, "query_rows", "verify_rows", "delete_rows") == [None] * 3
            assert reasons(m, "delete_rows") == ["sequence_denied"], "used up by the first"
            assert reasons(m, "verify_rows", "query_rows", "delete_rows") == [None, None, "sequence_denied"]
            answer = m.call("delete_rows", {})
            assert "verify what you delete" in answer.error["message"], answer


def test_an_order_is_one_sessions_own(gateway):
    with agent(gateway, "one", Legacy) as m, agent(gateway, "one", Legacy) as other:
        assert reasons(m, "query_rows", "verify_rows") == [None, None]
        assert reasons(other, "delete_rows") == ["sequence_denied"]
        assert reasons(m, "delete_rows") == [None]


def test_callers_without_a_token_share_a_session_that_no_new_connection_cleans(gateway):
    with Modern(gateway, path="/anon") as m, Legacy(gateway, path="/anon") as legacy:
        assert reasons(m, "send_mail", "fetch_page") == [None, None]
        with Modern(gateway, path="/anon") as other:
            assert reasons(other, "send_mail", "query_rows") == ["sequence_denied", None]
        assert reasons(legacy, "send_mail") == [None], "a session of its own"


def test_the_order_holds_across_workers(gateway):
    """The same session over connections that either worker may have."""
    with agent(gateway, "two", Legacy) as m:
        m.open()
        for _ in range(12):
            for tool in ("query_rows", "verify_rows", "delete_rows"):
                m.http.close()
                m.http = None
                assert m.call(tool, {"id": 1}).reason is None, tool
            assert reasons(m, "delete_rows") == ["sequence_denied"]


def test_of_calls_that_need_the_same_one_goes_out(gateway):
    """They wait for their records together, judged before any of them went out."""
    token = gateway.issuer.token(sub="strict", aud=f"https://{gateway.host}/up")
    clients = [Modern(gateway, token=token, path="/up") for _ in range(6)]
    for _ in range(10):
        came, start = [], threading.Barrier(len(clients))

        def run(m):
            start.wait()
            came.extend(reasons(m, "delete_rows"))
        assert reasons(clients[0], "query_rows", "verify_rows") == [None] * 2
        threads = [threading.Thread(target=run, args=(m,)) for m in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert came.count(None) == 1 and came.count("sequence_denied") == len(clients) - 1, came
    for m in clients:
        m.close()


def test_nothing_goes_out_once_the_session_read_what_is_not_to_be_trusted(gateway):
    with agent(gateway, "one") as m:
        assert reasons(m, "send_mail", "fetch_page", "send_mail") == [None, None, "sequence_denied"]
    with agent(gateway, "one") as m:
        assert reasons(m, "send_mail") == [None], "another session is clean"


def test_a_session_is_a_tokens_however_its_signature_is_written(gateway):
    token = gateway.issuer.token(sub="one", aud=f"https://{gateway.host}/up", jti=None)
    with Modern(gateway, token=token, path="/up") as m, Modern(gateway, token=other_signature(token), path="/up") as n:
        assert reasons(n, "send_mail") == [None]
        assert reasons(m, "fetch_page") == [None]
        assert reasons(n, "send_mail") == ["sequence_denied"]


def test_a_limit_by_the_second_opens_again_after_one(gateway):
    with agent(gateway, "one") as m:
        got, told = [], None
        for _ in range(8):
            answer = m.call("per_second", {})
            got.append(answer.reason)
            told = told or (answer.error or {}).get("data", {}).get("retryAfterMs")
        assert got[:3] == [None] * 3 and "rate_second" in got, got
        assert 0 < told <= 1000, told
        time.sleep(told / 1000)
        eventually("the second to be over", lambda: m.call("per_second", {}).reason is None)


def test_calls_that_are_refused_for_something_else_use_up_no_limit(gateway):
    with agent(gateway, "one") as m:
        assert reasons(m, *["scarce"] * 5) == ["sequence_denied"] * 5
        assert reasons(m, *["query_rows", "scarce"] * 2) == [None] * 4
        assert reasons(m, *["query_rows", "scarce"] * 2) == [None, "rate_hour"] * 2


def test_one_window_for_all_agents_together_is_exact_over_workers(gateway):
    came = []

    def run(name):
        with agent(gateway, name) as m:
            came.extend(reasons(m, *["ping_all"] * 15))
    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two") * 3]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert came.count(None) == 40 and came.count("rate_hour") == 50, came


def test_money_is_a_limit_and_says_when_there_is_more(gateway):
    with agent(gateway, "buyer") as m:
        answers = [m.call("buy", {}) for _ in range(4)]
    assert [a.reason for a in answers] == [None] * 3 + ["budget_money"], answers
    assert 0 < answers[3].error["data"]["retryAfterMs"] <= 61000


def test_a_missing_scope_is_challenged_with_its_name(gateway):
    with agent(gateway, "intent", scope="orders.read") as m:
        answer = m.call("refund", {})
    assert answer.status == 403 and answer.reason == "insufficient_scope", answer
    assert 'scope="refunds.write"' in answer.headers["www-authenticate"], answer.headers
    with agent(gateway, "intent", scope="orders.read refunds.write") as m:
        assert reasons(m, "refund") == [None]


def test_a_declared_purpose_binds_the_call_to_its_tools(gateway):
    with agent(gateway, "intent", scope="refunds.write") as m:
        def declared(tool, purpose):
            return m.call(tool, {}, meta={"sallyport/purpose": purpose}).reason
        assert declared("refund", "refunds") is None
        assert declared("read_order", "orders") is None
        assert declared("refund", "orders") == "purpose_denied"
        assert declared("refund", "world domination") == "purpose_denied"
    with agent(gateway, "intent", scope="refunds.write", purpose="orders") as m:
        asked = m.call("refund", {}, meta={"sallyport/purpose": "refunds"})
        assert asked.reason == "purpose_denied", "the token's wins"
        assert reasons(m, "refund") == ["purpose_denied"]


def test_authorization_details_of_the_token_must_cover_the_call(gateway):
    details = [{"type": "mcp_tool_call", "actions": ["read_order"], "arguments": {"id": 1}}]
    with agent(gateway, "intent", scope="refunds.write", authorization_details=details) as m:
        assert m.call("read_order", {"id": 1}).reason is None
        assert m.call("read_order", {"id": 2}).reason == "authorization_details"
        assert m.call("refund", {"id": 1}).reason == "authorization_details"


def test_a_pattern_grants_what_it_matches_and_the_list_shows_it(gateway):
    with agent(gateway, "two") as m:
        assert sorted(m.tools()) == sorted(t for t in TOOLS if t not in ("buy", "refund", "read_order"))
        assert m.call("ping_unheard_of", {}).reason is None
        assert m.call("pin", {}).reason == "tool_unknown"


def test_failures_and_refusals_show_in_the_score_of_what_comes_after(gateway):
    name = "two"
    with agent(gateway, name) as m:
        for _ in range(6):
            m.call("broken", {})
            m.call("nothing_of_the_kind", {})
        assert m.call("query_rows", {}).reason is None
    r = [r for r in gateway.audit("--agent", name, "--tool", "query_rows") if r["type"] == "decision"][-1]
    assert "failed=" in r["history"] and "denied=" in r["history"] and "failures=" in r["terms"], r
    assert r["risk"] == sum(int(t.split("=")[1]) for t in r["terms"].split()), r


CROWDED = """
version: 1
agents:
  - {name: greedy, roles: [clerk]}
%s
rules:
  - {name: clerks, effect: allow, roles: [clerk], tools: [query_rows, delete_rows]}
sequences:
  - {name: look first, kind: require-before, first: [query_rows], then: [delete_rows]}
limits:
  - {name: short sessions, calls: 2, per: session}
"""


def test_an_agent_that_opens_sessions_without_end_takes_no_room_from_others(build):
    """A session has three windows here; the table is the least there is, and holds 480."""
    others = [f"other-{i}" for i in range(15)]
    crowded = CROWDED % "\n".join(f"  - {{name: {name}, roles: [clerk]}}" for name in others)
    with Lab(build, {"up": Upstream(tools=TOOLS, conf={"era": "both"})}, issuer=Issuer(kid="crowd"), workers=2,
             config={"limits": {"limit_windows": 256}}, policies={"policy.yaml": crowded}) as g:
        with agent(g, "greedy", Legacy) as m:
            m.open()
            first, came = m.session, reasons(m, "query_rows")
            for _ in range(250):
                m.open()
                came += reasons(m, "query_rows")
            assert came[0] is None and set(came) == {None, "limit_unavailable"}, came
            assert 10 <= came.count(None) <= 160 // 3 and came.count("limit_unavailable") >= 197, came
            m.session = first
            assert reasons(m, "delete_rows", "query_rows") == [None, "calls_session"], "what it has goes on"
        for name in others:
            with agent(g, name, Legacy) as m:
                assert reasons(m, "query_rows", "delete_rows", "query_rows") == [None, None, "calls_session"], name
        for counter in ("shed_windows", "shed_agent_windows"):
            assert sum(w[counter] for w in g.ctl("workers")) == came.count("limit_unavailable"), counter


LEVELS = ("basic", "enhanced", "strict")
COMPLETE = "completion/complete"  # of a route, kept where its tools/call is


def recorded_ways(g, modern, legacy, plain):
    """Calls by turns, so that a worker's next record has another way or level than the one before; then each decision
    on record is compared with what was sent."""
    before, sent = len(g.audit("--type", "decision")), []

    def ask(level, m, path, upstream, method="tools/call", tool=None):
        m.path = path
        a = m.call(tool) if tool else m.request(method)
        assert a.result if tool else a.error and (a.reason == "method_unknown") == (method != COMPLETE), a
        sent.append((level, "2026-07-28" if isinstance(m, Modern) else "2025-11-25", method, path, upstream, tool,
                     "deny" if a.reason else "allow"))

    for _ in range(2):
        for level in LEVELS:
            for m in (modern[level], legacy[level]):
                for up in ("alpha", "beta", "alpha"):
                    ask(level, m, "/pair", up, tool=f"{up}__echo")
            for m in (modern[level], legacy[level]):
                for method in ("what/ever", "what/else"):
                    ask(level, m, "/pair", None, method)
            for method in COMPLETE, None, COMPLETE:
                ask(level, modern[level], plain[0], "alpha", method or "tools/call", None if method else "echo")
        for path in plain:
            for level in LEVELS:
                ask(level, modern[level], path, "alpha", tool="echo")
    generation, policy_hash = g.ctl("status")["generation"], g.ctl("policy", "history")[0]["sha256"]
    records = g.audit("--type", "decision")[before:]
    got = [(r["audit_level"], r["revision"], r["method"], r["route"], r.get("upstream"), r.get("tool"), r["decision"])
           for r in records]
    assert got == sent, next((i, *both) for i, both in enumerate(zip(got, sent)) if both[0] != both[1])
    assert {r["policy"] for r in records} == {generation}
    assert {r["policy_hash"][:len(policy_hash)] for r in records} == {policy_hash}
    return generation, policy_hash


def test_each_decision_records_its_own_way_whatever_went_before_it(make):
    """A worker keeps what many records say alike, by route and method in a few places: of so many routes several want
    each of them."""
    plain = [f"/plain-{i}" for i in range(17)]
    g = make(kind=Lab, servers={n: Upstream(conf={"era": "both"}) for n in ("alpha", "beta")}, workers=1,
             routes={"/pair": {"upstreams": ["alpha", "beta"]}, **{p: {"upstreams": ["alpha"]} for p in plain}},
             policies={f"{level}-bot": policy("echo", level=level) for level in LEVELS})
    modern, legacy = ({level: kind(g, f"{level}-bot", path="/pair") for level in LEVELS} for kind in (Modern, Legacy))
    assert all(m.open().result for m in legacy.values())
    first = recorded_ways(g, modern, legacy, plain)
    g.write_policies({f"{level}-bot": policy("echo", "more", level=level) for level in LEVELS})
    g.ctl("policy", "publish", os.path.join(g.dir, "policy"))
    second = recorded_ways(g, modern, legacy, plain)
    assert second[0] > first[0] and second[1] != first[1], (first, second)
    g.settings["routes"].reverse()
    g.write_config()
    g.ctl("config", "reload")
    third = recorded_ways(g, modern, legacy, plain)
    assert third[0] > second[0], "numbers of routes are a generation's own"
    for m in (*modern.values(), *legacy.values()):
        m.close()
