"""An upstream reached by HTTP/2: calls share a connection, streams and cancellations pass, a server that leaves or
dies costs only what it had begun."""
import threading

from client import Legacy, Modern
from gateway import Demo
from runner import eventually
from upstream import policy

AGENT = "tester"
TOOLS = ["read_customer_data", "slow_report", "misbehave"]


def start(make, **upstream):
    g = make(start=False, policies={AGENT: policy(*TOOLS)})
    g.settings["upstreams"][0].update({"http": "2", "breaker": {"failures": 1000}, **upstream})
    g.write_config()
    g.start()
    return g


def counters(g):
    workers = g.ctl("workers")
    return workers[0] if isinstance(workers, list) else workers


def read(m, ref):
    return m.call("read_customer_data", {"customer_id": "C-1001"}, ref=ref)


def at_once(g, n, act):
    """act(client, number) of so many agents at the same time."""
    found, gate = [None] * n, threading.Barrier(n)

    def one(i):
        with Modern(g, AGENT, timeout=30) as m:
            m.connection()
            gate.wait(30)
            found[i] = act(m, i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return found


def test_both_eras_call_tools_and_hear_of_progress(make):
    g = start(make)
    for client in (Modern, Legacy):
        with client(g, AGENT) as m:
            assert "read_customer_data" in m.tools()
            assert read(m, "r").result["structuredContent"]["customer_id"] == "C-1001"
            a = m.call("slow_report", {"steps": 3, "delay_ms": 30}, progress="tok")
            assert [e["params"]["progress"] for e in a.events[:-1]] == [1, 2, 3], a
            assert a.result["structuredContent"]["steps"] == 3
    seen = counters(g)
    assert seen["upstream_connects"] == 1 and seen["upstream_streams"] >= 8, seen


def test_fifty_calls_at_once_share_one_connection(make):
    g = start(make)
    with Modern(g, AGENT) as m:
        assert read(m, "first").result
    for a in at_once(g, 50, lambda m, i: [read(m, f"{i}-{k}") for k in range(5)]):
        assert all(x.result for x in a), a
    assert sorted(ref for _, ref in g.demo.saw()) == sorted(
        ["first"] + [f"{i}-{k}" for i in range(50) for k in range(5)])
    assert counters(g)["upstream_connects"] == 1


def test_an_agent_that_leaves_or_cancels_ends_its_stream_alone(make):
    g = start(make)
    with Modern(g, AGENT) as stays, Modern(g, AGENT) as leaves:
        def leave(event):
            raise KeyError(event["params"]["progress"])
        try:
            leaves.call("slow_report", {"steps": 1000, "delay_ms": 20}, progress=1, ref="left", on_event=leave)
            assert False, "the call was answered"
        except KeyError:
            leaves.close()
        assert read(stays, "stays").result
        eventually("the server to see the stream end", lambda: ("!cancelled", "left") in g.demo.saw(), 10)
    with Legacy(g, AGENT) as m, Legacy(g, AGENT) as other:
        m.open()
        other.session, other.initialized = m.session, m.initialized

        def cancel(event):
            if event.get("params", {}).get("progress") == 1:
                assert other.notify("notifications/cancelled", {"requestId": 7}).status == 202
        a = m.call("slow_report", {"steps": 1000, "delay_ms": 20}, progress=1, id=7, ref="told", on_event=cancel)
        assert all("result" not in e for e in a.events), a
        eventually("the server to be told", lambda: {("!cancelled", "told"), ("!left", "told")} & set(g.demo.saw()),
                   10)
    assert counters(g)["upstream_connects"] == 1


def test_a_server_that_says_goaway_finishes_what_it_took(make):
    g = start(make)

    def act(m, i):
        if i == 0:
            eventually("the slow calls to run", lambda: len(g.demo.saw()) >= 8, 10)
            return m.call("misbehave", {"how": "leave"}, ref="leave")
        return m.call("slow_report", {"steps": 20, "delay_ms": 50}, progress=1, ref=f"{i}")
    answers = at_once(g, 9, act)
    assert all(a.result for a in answers), answers
    with Modern(g, AGENT) as m:
        assert read(m, "after").result
    seen = counters(g)
    assert seen["upstream_connects"] == 2 and seen["upstream_errors"] == 0, seen


def test_a_server_that_is_killed_costs_what_it_had_begun_and_no_more(make):
    g = start(make)
    port = g.demo.address[1]

    def act(m, i):
        if i == 0:
            eventually("the slow calls to run", lambda: len(g.demo.saw()) >= 8, 10)
            g.demo.proc.kill()
            g.demo.proc.wait()
            return None
        return m.call("slow_report", {"steps": 500, "delay_ms": 50}, progress=1, ref=f"{i}")
    answers = at_once(g, 9, act)[1:]
    assert [a.reason for a in answers] == ["upstream_closed"] * 8, answers
    with Modern(g, AGENT) as m:
        assert read(m, "gone").reason == "upstream_connect"
        g.demo.proc.stdout.close()
        g.demo = Demo(g.build, g.dir, port=port)
        assert eventually("the server to be back", lambda: read(m, "back").result, 10)
    ends = [r.get("reason") for r in g.audit("--tool", "slow_report", "--type", "outcome")]
    assert ends == ["upstream_closed"] * 8, ends


def test_answers_that_break_the_protocol_cost_one_call_each(make):
    g = start(make, response_timeout="500ms")
    ways = {"close": "upstream_closed", "not_http": "upstream_closed", "two_lengths": "upstream_invalid",
            "not_json": "upstream_invalid", "wrong_id": "upstream_invalid", "http_401": "upstream_refused",
            "stream_junk": "upstream_invalid"}
    with Modern(g, AGENT) as m:
        assert read(m, "first").result
        for how, reason in ways.items():
            a = m.call("misbehave", {"how": how})
            assert a.reason == reason, (how, a)
            assert read(m, "good").result, how
        assert counters(g)["upstream_connects"] == 1
        assert m.call("misbehave", {"how": "hang"}).reason == "upstream_timeout"
        assert read(m, "last").result


def test_http2_where_the_server_has_none_fails_clearly(make):
    g = start(make)
    g.settings["upstreams"][0]["url"] = g.resource
    g.settings["upstreams"][0]["ca_file"] = g.ca
    g.write_config()
    g.ctl("config", "reload")
    with Modern(g, AGENT) as m:
        eventually("the other upstream to be in force", lambda: read(m, "x").reason == "upstream_connect", 10)
