"""Lists that several upstreams make together, while some of these leave, forget, fail or lie: all of an upstream's
tools are listed or none, and one that is no use takes nothing from the others."""
import struct
import threading
import time

from client import Legacy, Modern
from runner import eventually
from upstream import Lab, Upstream, policy
from upstream_h2 import RST_STREAM, UpstreamH2

AGENT = "tester"
ALPHA, WIDE = ["alpha__echo", "alpha__one"], ["wide__a", "wide__b", "wide__c"]


def shared(build):
    patient = {"breaker": {"failures": 1000}}
    servers = {
        "alpha": Upstream(tools=("echo", "one"), conf={"era": "both", **patient}),
        "wide": UpstreamH2(tools=("a", "b", "c"), page=1, conf={
            "response_timeout": "1s", "max_connections": 1, **patient}),
        "paged": Upstream(tools=("a", "b", "c"), page=1, conf={"era": "both", "response_timeout": "1s", **patient}),
        "slow": Upstream(tools=("a", "b"), page=1, conf={"era": "both", "response_timeout": "4s", **patient}),
        "old": Upstream(eras=("legacy",), tools=("echo",), conf={"era": "legacy", **patient}),
        "single": Upstream(eras=("legacy",), tools=("echo",), conf={
            "era": "legacy", "max_connections": 1, "response_timeout": "20s", **patient}),
    }
    return Lab(build, servers, policies={AGENT: policy("echo", "one", "a", "b", "c")},
               config={"limits": {"max_answer": "64KiB", "max_body": "64KiB"}},
               routes={"/pair": {"upstreams": ["alpha", "wide"]}, "/turned": {"upstreams": ["wide", "alpha"]},
                       "/pages": {"upstreams": ["paged", "alpha"]}, "/eras": {"upstreams": ["old", "alpha"]},
                       "/late": {"upstreams": ["slow", "alpha"]},
                       "/narrow": {"upstreams": ["single", "alpha"]}})


def counters(gateway):
    return gateway.ctl("workers")[0]


def left_out(gateway):
    return counters(gateway).get("upstream_left_out", 0)


def listed(gateway, path, client=Modern):
    with client(gateway, AGENT, path=path) as m:
        return m.tools()


def page(request):
    """Which page of tools/list is asked for, from 0; None: none is."""
    return int(request.params.get("cursor", "0")) if request.method == "tools/list" else None


def once(n, act):
    """A script that does `act` at the first request of page n."""
    done = []

    def script(request, reply):
        if page(request) != n or done:
            return False
        done.append(request)
        return act(request, reply)
    return script


def pages_seen(server):
    return [page(r) for r in server.requests if page(r) is not None]


def with_script(gateway, script, path="/turned", expect=None):
    wide = gateway.servers["wide"]
    gateway.clear()
    wide.script = script
    try:
        got = listed(gateway, path)
    finally:
        wide.script = None
    assert got == (expect or WIDE + ALPHA), got
    return wide


def test_a_server_that_leaves_without_taking_a_page_is_asked_for_it_anew(gateway):
    """GOAWAY names the last stream it took: this page's is none of them."""
    for n in range(3):
        for closes in (False, True):
            def leave(request, reply):
                reply.goaway(reply.stream - 2 if reply.stream > 1 else 0)
                return reply.close() if closes else True
            before = counters(gateway)
            wide = with_script(gateway, once(n, leave))
            after = counters(gateway)
            assert pages_seen(wide) == sorted([0, 1, 2, n]), wide.requests
            assert after["upstream_errors"] == before["upstream_errors"]
            assert after["upstream_left_out"] == before["upstream_left_out"]


def test_a_server_that_leaves_finishes_the_page_it_took_and_the_rest_comes_by_another_connection(gateway):
    for n in range(3):
        connections = gateway.servers["wide"].connections

        def leave(request, reply):
            reply.goaway(reply.stream)
            return False
        wide = with_script(gateway, once(n, leave), path="/pair", expect=ALPHA + WIDE)
        assert pages_seen(wide) == [0, 1, 2]
        assert wide.connections <= connections + 2
        assert listed(gateway, "/turned") == WIDE + ALPHA


def test_a_server_that_takes_a_page_and_dies_is_asked_once_more(gateway):
    for n in range(1, 3):
        def die(request, reply):
            reply.goaway(reply.stream)
            reply.close()
        wide = with_script(gateway, once(n, die))
        assert pages_seen(wide) == sorted([0, 1, 2, n])


def test_an_upstream_whose_later_page_fails_is_left_out_whole(gateway):
    def reset_after_head(request, reply):
        reply.head()
        reply.frame(RST_STREAM, 0, struct.pack(">I", 8))
        return True

    def half(request, reply):
        reply.head(headers={"content-length": "10"})
        reply.close()
    ways = {
        "reset after its head": reset_after_head,
        "closed within": half,
        "closed": lambda q, r: r.close(),
        "reset": lambda q, r: r.reset() or True,
        "refused twice": lambda q, r: r.reset(7) or True,
        "hangs": lambda q, r: True,
        "an error": lambda q, r: r.error(-32603, "oops") or True,
        "not found": lambda q, r: r.error(-32601, "no such method") or True,
        "an error page": lambda q, r: r.http(500, b"sorry") or True,
        "no list": lambda q, r: r.result({"tool": []}) or True,
        "a cursor that is none": lambda q, r: r.result({"tools": [{"name": "b"}], "nextCursor": 2}) or True,
    }
    for what, act in ways.items():
        for n in (1, 2):
            for path in ("/turned", "/pair"):
                before = left_out(gateway)
                print(what, n, path)
                with_script(gateway, lambda q, r: page(q) == n and act(q, r), path=path, expect=ALPHA)
                assert left_out(gateway) == before + 1, what
    assert listed(gateway, "/turned") == WIDE + ALPHA, "as if nothing had been"


def test_a_list_without_end_is_no_list(gateway):
    def endless(request, reply):
        if page(request) is None:
            return False
        reply.result({"tools": [{"name": "a"}], "nextCursor": "1"})
        return True
    with_script(gateway, endless, expect=ALPHA)
    wide = gateway.servers["wide"]
    assert len(pages_seen(wide)) == 64
    wide.script = lambda q, r: page(q) and r.close()
    try:
        with Modern(gateway, AGENT, path="/wide") as m:
            assert m.tools() == ["a"], "alone, pages pass as they come"
    finally:
        wide.script = None


def test_all_pages_of_an_upstream_have_the_time_of_one_answer(gateway):
    """Each page, and each event of the second, comes in time: less than the upstream's four seconds after the last."""
    slow = gateway.servers["slow"]
    answer, asked = slow.answer, []

    def waits(request, reply):
        if page(request) == 0:
            asked.append(time.monotonic())
            time.sleep(1)
        elif page(request) == 1:
            time.sleep(max(0, asked[-1] + 4.5 - time.monotonic()))
        answer(request, reply)

    def tells(request, reply):
        if page(request) == 1:
            reply.events()
            for _ in range(60):
                time.sleep(0.2)
                reply.note("at it")
        answer(request, reply)
    try:
        for act in (waits, tells):
            gateway.clear()
            before = left_out(gateway)
            slow.answer = act
            assert listed(gateway, "/late") == ALPHA
            assert pages_seen(slow) == [0, 1]
            assert left_out(gateway) == before + 1
    finally:
        slow.answer = answer
    assert listed(gateway, "/late") == ["slow__a", "slow__b"] + ALPHA


def test_a_list_too_long_takes_no_room_from_the_others(gateway):
    def long(request, reply):
        n = page(request)
        if n is None:
            return False
        reply.result({"tools": [{"name": "a", "description": "x" * 40000}], "nextCursor": str(n + 1)})
        return True
    with_script(gateway, long, path="/turned", expect=ALPHA)
    with_script(gateway, long, path="/pair", expect=ALPHA)


def test_streams_that_the_server_does_not_allow_now_are_waited_for(gateway):
    """MAX_CONCURRENT_STREAMS falls to 0 between two pages and rises later; there may be but one connection."""
    def starve(request, reply):
        reply.streams(0)
        wide.answer(request, reply)
        eventually("the next page to wait", lambda: counters(gateway)["calls_open"] == 1)
        time.sleep(0.2)
        assert pages_seen(wide) == [0, 1], "nothing may be asked now"
        reply.streams(1)
        return True
    wide = gateway.servers["wide"]
    connections = wide.connections
    with_script(gateway, once(1, starve))
    assert pages_seen(wide) == [0, 1, 2] and wide.connections <= connections + 1


def test_the_same_holds_for_http1(gateway):
    paged = gateway.servers["paged"]
    answer, fails = paged.answer, [True]
    names = ["paged__a", "paged__b", "paged__c"]

    def act(request, reply):
        if page(request) and fails[0]:
            reply.close()
        answer(request, reply)
    paged.answer = act
    try:
        for client in (Modern, Legacy):
            fails[0] = True
            assert listed(gateway, "/pages", client) == ALPHA
            fails[0] = False
            assert listed(gateway, "/pages", client) == names + ALPHA
    finally:
        paged.answer = answer


def test_an_upstream_that_forgot_its_sessions_is_listed_with_a_new_one(gateway):
    old = gateway.servers["old"]
    with Modern(gateway, AGENT, path="/eras") as m, Legacy(gateway, AGENT, path="/eras") as legacy:
        for client in (m, legacy):
            assert client.tools() == ["old__echo"] + ALPHA
            before = left_out(gateway)
            old.live.clear()
            assert client.tools() == ["old__echo"] + ALPHA
            assert client.tools() == ["old__echo"] + ALPHA
            assert left_out(gateway) == before
    old.live.clear()
    answer = old.answer

    def forgets(request, reply):
        old.live.clear()
        answer(request, reply)
    old.answer = forgets
    try:
        gateway.clear()
        assert listed(gateway, "/eras") == ALPHA
        assert len([r for r in old.requests if r.method == "initialize"]) <= 2
    finally:
        old.answer = answer
    assert listed(gateway, "/eras") == ["old__echo"] + ALPHA


def test_an_upstream_that_cannot_be_asked_any_more_is_left_out(gateway):
    """Its session is there, but before its list can be asked for others wait in all the places there are."""
    single = gateway.servers["single"]
    held, go = threading.Event(), threading.Event()

    def hold(request, reply):
        if request.method == "notifications/initialized" and not held.is_set():
            held.set()
            assert go.wait(20)
            reply.raw(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            reply.close()
        usual(request, reply)
    usual, single.answer = single.answer, hold
    found = []
    try:
        first = threading.Thread(target=lambda: found.append(listed(gateway, "/narrow")))
        first.start()
        assert held.wait(10)
        waiting = [socket_call(gateway, "/single") for _ in range(4)]
        eventually("four to wait", lambda: counters(gateway)["calls_open"] >= 5, 10)
        go.set()
        first.join(20)
    finally:
        single.answer = usual
        go.set()
    assert found == [ALPHA], found
    for t in waiting:
        t.join(20)


def socket_call(gateway, path):
    """A call in a thread of its own, as an agent of a session that does not exist yet."""
    def run():
        with Modern(gateway, AGENT, path=path) as m:
            m.call("echo")
    t = threading.Thread(target=run)
    t.start()
    return t


def test_an_upstream_that_knows_no_prompts_has_none(gateway):
    wide = gateway.servers["wide"]
    wide.script = lambda q, r: q.method == "prompts/list" and (r.error(-32601, "no such method", 404) or True)
    before = left_out(gateway)
    try:
        for path in ("/pair", "/turned"):
            with Modern(gateway, AGENT, path=path) as m:
                got = m.request("prompts/list").result["prompts"]
            assert [p["name"] for p in got] == ["alpha__greet", "alpha__part"], got
    finally:
        wide.script = None
    assert left_out(gateway) == before


def test_a_list_nobody_waits_for_any_more_is_not_made(gateway):
    """A legacy agent that goes does not cancel; but who it was is not known any more when the list comes."""
    alpha = gateway.servers["alpha"]
    asked, go = threading.Event(), threading.Event()

    def hold(request, reply):
        if page(request) is not None:
            asked.set()
            assert go.wait(20)
        usual(request, reply)
    usual = alpha.answer
    for path in ("/alpha", "/pair"):
        m = Legacy(gateway, AGENT, path=path, timeout=1)
        m.open()
        alpha.answer = hold
        asked.clear()
        go.clear()
        try:
            try:
                m.request("tools/list")
                raise AssertionError("it was answered")
            except (TimeoutError, OSError):
                pass
            assert asked.wait(10)
            m.close()
            eventually("it to be gone", lambda: counters(gateway)["connections_open"] == 0, 10)
        finally:
            go.set()
            alpha.answer = usual
        eventually("the call to end", lambda: counters(gateway)["calls_open"] == 0, 10)
        ends = [r for r in gateway.audit("--type", "outcome") if r.get("method") == "tools/list"]
        assert ends[-1]["outcome"] == "cancelled", (path, ends[-1])
