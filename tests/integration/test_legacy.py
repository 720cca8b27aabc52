"""2025-03-26 to 2025-11-25, agent to upstream and back: handshake, sessions, cancellation, both directions."""
import hashlib
import json
import threading
import time

from client import MODERN, Http, Legacy
from runner import eventually
from upstream import VERSIONS, Lab, Upstream, policy

AGENT = "tester"
OLDEST = "2025-03-26"  # the one with batches
RICH = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"subscribe": True}, "logging": {},
        "completions": {}}


def shared(build):
    servers = {
        "both": Upstream(conf={"era": "both"}),
        "old": Upstream(eras=("legacy",), capabilities=RICH),
        "plain": Upstream(eras=("legacy",), sessions=False, conf={"era": "legacy"}),
        "new": Upstream(eras=("modern",)),
        "newer": Upstream(eras=("modern",), conf={"era": "modern"}),
        "alpha": Upstream(conf={"era": "legacy"}, tools=["echo", "secret"]),
        "beta": Upstream(conf={"era": "legacy"}, tools=["echo"], capabilities={"tools": {}, "prompts": {}}),
        "gone": Upstream(conf={"era": "legacy"}),
    }
    servers["gone"].stop()
    servers["both"].tool("slow")(slow)
    servers["both"].tool("hold")(hold(servers["both"]))
    servers["old"].tool("asks")(asks(servers["old"]))
    for name in ("old", "plain"):
        servers[name].tool("talks")(talks)
    for name, levels in (("loud", True), ("louder", True), ("mute", False)):
        servers[name] = Upstream(eras=("legacy",), conf={"era": "legacy"},
                                 capabilities={"tools": {}, "logging": {}} if levels else None)
        if levels:
            takes_levels(servers[name])
    routes = {"/levels": {"upstreams": ["mute", "loud", "gone", "louder"]}, "/mutes": {"upstreams": ["mute", "gone"]},
              "/louds": {"upstreams": ["loud", "mute"]}, "/pair": {"upstreams": ["alpha", "beta", "gone"]},
              "/narrow": {"upstreams": ["old"], "methods": ["tools/*"]}}
    return Lab(build, servers, routes, workers=2,
               policies={AGENT: policy("echo", "slow", "hold", "asks", "fails", "talks"), "other": policy("echo")})


def takes_levels(server):
    served = server.request
    server.request = lambda request, reply: (reply.result({}) if request.method == "logging/setLevel"
                                             else served(request, reply))


SEEN = threading.Semaphore(0)  # steps of `slow` that a caller has seen


def seen(event):
    if event.get("method") == "notifications/progress":
        SEEN.release()


def slow(request, reply):
    reply.events()
    for step in range(1, 4):
        time.sleep(0.15)
        reply.progress(step, total=3)
        if request.arguments.get("in_step") and not SEEN.acquire(timeout=8):
            return reply.error(-32000, "nobody has seen the last step")
    return reply.result({"content": [{"type": "text", "text": request.arguments.get("say", "")}]})


def hold(server):
    """A stream that goes on until it is cancelled or its reader leaves, or for as long as the call says; when
    it is `deaf`, whatever it is told."""
    def fn(request, reply):
        def told():
            return any(r.method == "notifications/cancelled" and r.params["requestId"] == request.id and
                       r.session == request.session for r in list(server.requests))
        left = False
        try:
            reply.events()
            reply.note("begun")
        except OSError:
            left = True  # it was cancelled before a word was said
        end = time.monotonic() + request.arguments.get("seconds", 10)
        while time.monotonic() < end:
            left = left or reply.gone(0.02)
            if left or (told() and not request.arguments.get("deaf")):
                request.how = "cancelled" if told() else "left"
                return None if left else reply.end()
        request.how = "ended"
        return reply.result({"content": []})
    return fn


def asks(server):
    """A server that wants something of its client before it answers."""
    def fn(request, reply):
        reply.events()
        got = []
        for n, method in enumerate(("sampling/createMessage", "elicitation/create", "roots/list", "ping")):
            reply.event({"id": f"srv-{n}", "method": method, "params": {}})
            answer = server.wait(f"answer to {method}", lambda r, n=n: r.json and r.json.get("id") == f"srv-{n}")
            got.append(answer.json.get("error", {}).get("code", "no error"))
        reply.result({"content": [], "structuredContent": {"codes": got}})
    return fn


def talks(request, reply):
    """Says something at every level, whatever anybody asked for."""
    reply.events()
    for level in ("debug", "info", "warning", "emergency"):
        reply.event({"method": "notifications/message", "params": {"level": level, "data": level}})
    reply.progress(1)
    reply.result({"content": []})


def agent(gateway, path="/both", name=AGENT, **kwargs):
    return Legacy(gateway, name, path=path, **kwargs)


def opened(gateway, *args, **kwargs):
    m = agent(gateway, *args, **kwargs)
    assert m.open().result, m.initialized
    return m


def other_connection(gateway, m, name=None):
    """Another connection with the same session, perhaps with another agent's token."""
    other = Legacy(gateway, name, token=None if name else m.token, path=m.path, version=m.version)
    other.session, other.initialized = m.session, m.initialized
    return other


def test_each_revision_is_negotiated_and_the_session_is_the_gateways_own(gateway):
    gateway.clear()
    sessions = set()
    for version in VERSIONS:
        with opened(gateway, version=version) as m:
            got = m.initialized.result
            assert got["protocolVersion"] == version
            assert got["capabilities"] == {"tools": {}} and got["instructions"] == "ask nicely"
            assert all(0x21 <= ord(c) <= 0x7e for c in m.session) and len(m.session) >= 43
            sessions.add(m.session)
            assert m.call("echo", {"v": version}).result["structuredContent"] == {"v": version}
    assert len(sessions) == 3
    south = gateway.servers["both"]
    assert not sessions & {r.session for r in south.requests}, "the gateway's id is not shown to the upstream"
    assert all(s not in m.initialized.body.decode() + str(m.initialized.headers) for s in south.live)
    calls = south.calls("echo")
    assert [r.headers.get("mcp-protocol-version") for r in calls] == ["2025-11-25", "2025-06-18", None]
    assert all(r.session in south.live for r in calls)
    methods = [r.method for r in south.requests if r.session == calls[0].session]
    assert methods[:2] == ["notifications/initialized", "tools/call"], methods


def test_a_revision_nobody_knows_is_answered_with_the_latest(gateway):
    for asked, got in (("1999-01-01", "2025-11-25"), (MODERN, "2025-11-25"), ("2024-11-05", "2025-03-26")):
        m = agent(gateway, version=asked)
        assert m.open().result["protocolVersion"] == got, m.initialized
        m.close()


def test_a_session_belongs_to_its_agent(gateway):
    gateway.clear()
    with opened(gateway) as m:
        with other_connection(gateway, m, "other") as thief:
            for ask in (lambda: thief.call("echo"), lambda: thief.request("ping"), thief.delete):
                assert ask().status == 404, "somebody else's session looks like none"
        with other_connection(gateway, m) as same:
            same.token = gateway.token(AGENT, jti="another-token-of-the-same-agent")
            assert same.call("echo").result
        elsewhere = other_connection(gateway, m)
        elsewhere.path = "/old"
        assert elsewhere.call("echo").status == 404, "a session of one route is none of another"
    assert len(gateway.servers["both"].calls()) == 1


def test_a_tampered_session_is_unknown(gateway):
    with opened(gateway) as m:
        good = m.session
        flipped = [good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1:]
                   for i in (0, 1, 5, 16, 20, len(good) // 2, len(good) - 2)]
        for bad in [*flipped, good[:-4], good + "AAAA", good[4:], "x", "A" * 64, "A" * 4000, good.upper()]:
            m.session = bad
            a = m.request("ping")
            assert a.status == 404 and a.reason == "session_unknown", (bad, a)
        m.session = good
        assert m.request("ping").result == {}


def test_a_session_works_on_every_worker_and_ends_on_every_worker(gateway):
    with opened(gateway) as m:
        others = [other_connection(gateway, m) for _ in range(12)]
        assert all(o.call("echo").result for o in others)
        south = {r.session for r in gateway.servers["both"].calls("echo")}
        assert m.delete().status == 200
        eventually("the session to end for all", lambda: [
            o.request("ping").status for o in others] == [404] * 12, 10, 0.05)
        assert m.delete().status == 404
        for o in others:
            o.close()
    eventually("the upstream's session to end", lambda: any(
        r.verb == "DELETE" and r.session in south for r in list(gateway.servers["both"].requests)), 3)


def test_a_request_without_a_session_is_refused(gateway):
    gateway.clear()
    m = agent(gateway)
    m.initialized = True
    for method in ("tools/list", "tools/call", "prompts/list"):
        a = m.request(method, {"name": "echo"})
        assert a.status == 400 and a.reason == "session_missing", (method, a)
    assert m.request("ping").result == {}, "ping needs no session"
    assert m.connection().request("DELETE", "/both", m.headers(None)).status == 400
    for verb in ("GET", "PUT", "OPTIONS"):
        a = m.connection().request(verb, "/both", m.headers(None))
        assert a.status == 405 and a.headers["allow"] == "POST, DELETE", (verb, a)
    assert gateway.servers["both"].requests == []


def test_the_version_header_is_the_sessions(gateway):
    with opened(gateway, version="2025-06-18") as m:
        for version, status in (("2025-11-25", 400), ("2025-03-26", 400), ("nonsense", 400), ("2025-06-18", 200)):
            m.extra = {"MCP-Protocol-Version": version}
            assert m.request("ping").status == status, version
        m.extra = {"MCP-Protocol-Version": None}
        assert m.request("ping").status == 200, "without it, it is the session's"
        m.extra = {"MCP-Protocol-Version": MODERN}
        assert m.request("tools/list").status == 400, "a session does not make a modern request"


def test_initialize_within_a_session_makes_a_fresh_one(gateway):
    with opened(gateway) as m:
        old = m.session
        m.extra = {"Mcp-Session-Id": old}
        for _ in range(20):
            a = m.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                         "clientInfo": {"name": "x", "version": "1"}})
            assert a.status == 200, a
            m.extra = {"Mcp-Session-Id": a.headers["mcp-session-id"]}
        fresh = a.headers["mcp-session-id"]
        assert fresh != old and len(fresh) == len(old), "nothing of the old session is in the new one"


def test_lists_are_filtered_by_policy(gateway):
    with opened(gateway, "/old") as m, opened(gateway, "/old", "other") as other:
        assert m.tools() == ["echo", "asks", "talks"] and other.tools() == ["echo"]
        assert "resultType" not in m.request("tools/list").result
        a = other.call("asks")
        assert a.error["code"] == -32602 and a.reason == "tool_unknown" and a.status == 200


def test_prompts_and_resources_pass_by_method(gateway):
    with opened(gateway, "/old") as m, opened(gateway, "/narrow") as narrow:
        assert set(m.initialized.result["capabilities"]) == {"tools", "prompts", "resources", "completions",
                                                             "logging"}
        assert narrow.initialized.result["capabilities"] == {"tools": {}}
        for method, params in (("prompts/list", {}), ("prompts/get", {"name": "greet"}), ("resources/list", {}),
                               ("resources/read", {"uri": "file:///a"})):
            assert m.request(method, params).result, method
            assert narrow.request(method, params).reason == "method_denied", method
        a = m.request("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"}})
        assert a.status == 200 and a.error["code"] == -32601, "the upstream's own error"


def test_unknown_methods_are_answered_by_the_gateway(gateway):
    gateway.clear()
    with opened(gateway) as m:
        before = len(gateway.servers["both"].requests)
        for method in ("no/such", "server/discover", "subscriptions/listen", "sampling/createMessage"):
            a = m.request(method)
            assert a.status == 200 and a.error["code"] == -32601, (method, a)
        assert len(gateway.servers["both"].requests) == before


def test_progress_is_seen_as_it_happens_with_the_agents_own_token(gateway):
    gateway.clear()
    with opened(gateway) as m:
        for token in ("mine", 7):
            a = m.call("slow", {"say": "done", "in_step": True}, seen, token, id=f"id-{token}")
            assert [e["params"]["progress"] for e in a.events[:-1]] == [1, 2, 3]
            assert all(e["params"]["progressToken"] == token for e in a.events[:-1])
            assert a.json["id"] == f"id-{token}" and a.result["content"][0]["text"] == "done"
    sent = [r.params["_meta"]["progressToken"] for r in gateway.servers["both"].calls("slow")]
    assert len(set(sent)) == 2 and not set(sent) & {"mine", 7}


def test_one_id_twice_in_flight_is_refused_within_a_session_only(make):
    def config(g):
        return {"policies": {AGENT: policy("slow")}, **g}
    server = Upstream(conf={"era": "both"})
    server.tool("slow")(slow)
    gateway = make(kind=Lab, servers={"both": server}, **config({"workers": 1}))
    with opened(gateway) as m, other_connection(gateway, m) as twin, opened(gateway) as stranger:
        answers = {}
        threads = [threading.Thread(target=lambda w=w, c=c: answers.update({w: c.call("slow", {"say": w}, id=1)}))
                   for w, c in (("first", m), ("stranger", stranger))]
        threads[0].start()
        server.wait("first call", lambda r: r.tool == "slow")
        threads[1].start()
        a = twin.call("slow", id=1)
        assert a.reason == "id_in_flight" and a.json["id"] == 1, a
        assert twin.call("slow", {"say": "other type"}, id="1").result, "a string is another id"
        for t in threads:
            t.join()
        for who, a in answers.items():
            assert a.result["content"][0]["text"] == who, a
        assert m.call("slow", {"say": "again"}, id=1).result, "free again when it was answered"
    assert [r.arguments.get("say") for r in server.calls()] .count(None) == 0


def in_background(m, *args, **kwargs):
    got = {}

    def run():
        try:
            got["answer"] = m.call(*args, **kwargs)
        except Exception as e:  # noqa: BLE001
            got["answer"] = e
    t = threading.Thread(target=run)
    t.start()
    return t, got


def test_a_cancellation_reaches_the_upstream_under_the_id_it_knows(gateway):
    gateway.clear()
    server = gateway.servers["both"]
    for mine in ("mine", 77):
        with opened(gateway) as m, other_connection(gateway, m) as canceller:
            t, got = in_background(m, "hold", {"who": mine}, id=mine, progress=1)
            call = server.wait("call", lambda r, mine=mine: r.tool == "hold" and r.arguments.get("who") == mine)
            assert canceller.notify("notifications/cancelled", {"requestId": mine, "reason": "bored"}).status == 202
            note = server.wait("cancellation", lambda r, call=call: r.method == "notifications/cancelled"
                               and r.params["requestId"] == call.id)
            assert note.session == call.session
            t.join(10)
            assert not t.is_alive() and "result" not in (got["answer"].json or {}), got
            how = eventually("the call to end", lambda c=call: getattr(c, "how", None), 10)
            assert how == "cancelled", "the server is told before its stream closes"
            assert m.request("ping").result == {}


def on_each_worker(gateway, m, name):
    """Connections with the session of `m`, one to a worker, by the worker's number."""
    found, spare = {}, []
    for _ in range(64):
        o = other_connection(gateway, m)
        ref = f"{name}-{len(spare) + len(found)}"
        assert o.call("echo", {"who": ref}, id=ref).result
        spare.append((o, ref))
        workers = {}
        for record in gateway.audit("--tool", "echo", "--type", "decision"):
            workers[record["request_id_hash"]] = record["worker"]
        number = workers[hashlib.sha256(json.dumps(ref).encode()).hexdigest()[:32]]
        found.setdefault(number, o)
        if len(found) == 2:
            break
    for o, _ in spare:
        if o not in found.values():
            o.close()
    assert len(found) == 2, f"every connection came to one worker: {found}"
    return found


def test_a_cancellation_that_comes_to_another_worker_ends_the_call_as_cancelled(make):
    server = Upstream(conf={"era": "legacy"})
    server.tool("hold")(hold(server))
    g = make(kind=Lab, servers={"both": server}, workers=2, policies={AGENT: policy("echo", "hold")})
    with opened(g) as m:
        at = on_each_worker(g, m, "find")
        for n, deaf in enumerate((False, True, False, True)):
            caller, canceller = at[n // 2], at[1 - n // 2]
            mine = f"mine-{n}"
            t, got = in_background(caller, "hold", {"who": mine, "deaf": deaf}, id=mine, progress=1)
            call = server.wait("call", lambda r, mine=mine: r.arguments.get("who") == mine)
            assert canceller.notify("notifications/cancelled", {"requestId": mine}).status == 202
            t.join(8)
            assert not t.is_alive(), "a server that does not listen keeps nobody waiting"
            assert "result" not in (got["answer"].json or {}), got
            assert eventually("the call to end", lambda c=call: getattr(c, "how", None), 10) == "cancelled"
            records = eventually("an outcome", lambda n=n: [
                r for r in g.audit("--tool", "hold", "--type", "outcome")][n:], 10)
            assert [r["outcome"] for r in records] == ["cancelled"], (deaf, records)
        # an id that was cancelled once may be used again
        g.clear()
        t, got = in_background(at[0], "hold", {"who": "again", "seconds": 0.3}, id="mine-0", progress=1)
        t.join(10)
        assert got["answer"].result == {"content": []}, got
        for o in at.values():
            o.close()


def test_a_legacy_server_is_told_when_its_modern_agent_leaves_or_its_time_is_up(make):
    from client import Modern
    server = Upstream(eras=("legacy",), conf={"era": "legacy", "response_timeout": "1s"})
    server.tool("hold")(hold(server))

    @server.tool("mute")
    def mute(request, reply):
        reply.gone(10)
        reply.close()
    g = make(kind=Lab, servers={"both": server}, policies={AGENT: policy("hold", "mute")})
    m = Modern(g, AGENT, path="/both", timeout=0.5)
    try:
        m.call("hold", progress=1)
        raise AssertionError("the answer came too early")
    except (TimeoutError, OSError):
        m.close()
    call = server.wait("call", lambda r: r.tool == "hold")
    assert eventually("the call to end", lambda: getattr(call, "how", None), 10) == "cancelled"
    records = eventually("an outcome", lambda: g.audit("--tool", "hold", "--type", "outcome"), 10)
    assert records[-1]["outcome"] == "cancelled", records[-1]
    with Modern(g, AGENT, path="/both") as m:
        assert m.call("mute").reason == "upstream_timeout"
    call = server.wait("call", lambda r: r.tool == "mute")
    note = server.wait("cancellation", lambda r: r.method == "notifications/cancelled" and
                       r.params["requestId"] == call.id)
    assert note.session == call.session


def test_cancelling_what_is_not_in_flight_harms_nobody(gateway):
    with opened(gateway) as m, opened(gateway) as victim:
        t, got = in_background(victim, "slow", {"say": "done"}, id=5, progress=1)
        for params in ({"requestId": 5}, {"requestId": "nothing"}, {}, {"requestId": 1}):
            assert m.notify("notifications/cancelled", params).status == 202
        t.join()
        assert got["answer"].result["content"][0]["text"] == "done", "another session's id 5 is not this one's"


def test_a_disconnect_does_not_cancel(gateway):
    gateway.clear()
    m = opened(gateway)
    m.http.sock.settimeout(0.3)
    try:
        m.call("hold", {"seconds": 1})
        raise AssertionError("the answer came too early")
    except (TimeoutError, OSError):
        m.close()
    call = gateway.servers["both"].wait("call", lambda r: r.tool == "hold")
    assert eventually("the call to end", lambda: getattr(call, "how", None)) == "ended"
    records = eventually("an outcome", lambda: gateway.audit("--tool", "hold", "--type", "outcome"))
    assert records[-1]["outcome"] == "ok", records[-1]


def test_a_server_that_asks_its_client_is_told_no_and_goes_on(gateway):
    with opened(gateway, "/old") as m:
        a = m.call("asks")
        assert a.result["structuredContent"]["codes"] == [-32601, -32601, -32601, "no error"], a
        assert all("method" not in e or e["method"].startswith("notifications/") for e in a.events), a.events


def test_answers_of_an_agent_are_accepted_and_dropped(gateway):
    gateway.clear()
    with opened(gateway) as m:
        before = len(gateway.servers["both"].requests)
        for message in ({"jsonrpc": "2.0", "id": "srv-1", "result": {}},
                        {"jsonrpc": "2.0", "id": 9, "error": {"code": -1, "message": "no"}}):
            assert m.post(message).status == 202
        for method in ("notifications/roots/list_changed", "notifications/progress", "notifications/unheard"):
            assert m.notify(method, {"progressToken": 1, "progress": 1}).status == 202
        assert len(gateway.servers["both"].requests) == before


def test_batches_are_refused_where_the_revision_has_none(gateway):
    for version in VERSIONS:
        if version != OLDEST:
            with opened(gateway, version=version) as m:
                a = m.post([{"jsonrpc": "2.0", "id": 1, "method": "ping"}])
                assert (a.status, a.reason) == (400, "batch_refused"), (version, a)
    with agent(gateway, version=OLDEST) as m:
        a = m.post([{"jsonrpc": "2.0", "id": 1, "method": "ping"}])
        assert (a.status, a.reason) == (400, "batch_refused"), "without a session there is no revision"


def in_batch(id, tool, **arguments):
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def test_each_message_of_a_batch_is_judged_recorded_and_answered_by_itself(gateway):
    gateway.clear()
    server = gateway.servers["both"]
    with opened(gateway, version=OLDEST) as m:
        before = len(gateway.audit("--type", "decision"))
        a = m.post([
            in_batch(1, "echo", n=1), {"jsonrpc": "2.0", "method": "notifications/cancelled",
                                       "params": {"requestId": "none"}},
            in_batch("two", "secret"), {"jsonrpc": "2.0", "id": 3, "method": "ping"},
            {"jsonrpc": "2.0", "id": 4, "method": "initialize", "params": {"protocolVersion": OLDEST}},
            [in_batch(5, "echo")], {"jsonrpc": "2.0", "id": 6, "method": "no/such"}, "seven",
            in_batch(8, "echo", n=8, text="a ] , \" } b")])
        assert a.status == 200 and a.headers["content-type"].startswith("text/event-stream"), a
        by_id = {e.get("id"): e for e in a.events}
        assert [e.get("id") for e in a.events] == [1, "two", 3, 4, None, 6, None, 8], a.events
        assert by_id[1]["result"]["structuredContent"] == {"n": 1} and by_id[3]["result"] == {}
        assert by_id["two"]["error"]["code"] == -32602, "as a tool that does not exist"
        assert by_id[4]["error"]["code"] == -32600 and by_id[6]["error"]["code"] == -32601
        assert by_id[8]["result"]["structuredContent"] == {"n": 8, "text": "a ] , \" } b"}
        assert all("jsonrpc" in r.json for r in server.requests if r.json), "no batch goes south"
        assert [r.arguments["n"] for r in server.calls()] == [1, 8]
        decisions = gateway.audit("--type", "decision")[before:]
        assert [(r.get("tool"), r["decision"]) for r in decisions if r.get("tool")] == [
            ("echo", "allow"), ("secret", "deny"), ("echo", "allow")], decisions
        assert m.call("echo", {"n": 9}).result, "the connection goes on"


def test_batches_of_notifications_or_nothing_and_those_too_long(gateway):
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "none"}}
    with opened(gateway, version=OLDEST) as m:
        a = m.post([note, {"jsonrpc": "2.0", "id": "x", "result": {}}, note])
        assert (a.status, a.body) == (202, b""), a
        assert (m.post([]).status, m.post([]).reason) == (400, "envelope_invalid")
        a = m.post([{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in range(32)])
        assert [e["id"] for e in a.events] == list(range(32))
        a = m.post([{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in range(33)])
        assert (a.status, a.reason) == (413, "body_too_large"), a
        assert m.post(None, raw=b'[{"jsonrpc":"2.0","id":1,"method":"ping"},]').reason == "json_invalid"
        assert m.request("ping").result == {}


def test_a_batch_goes_on_at_its_readers_pace_and_ends_with_its_reader(gateway):
    gateway.clear()
    server = gateway.servers["both"]
    big = "x" * 200000
    with opened(gateway, version=OLDEST) as m:
        body = [in_batch(n, "echo", n=n, text=big if n < 4 else "") for n in range(5)]
        a = m.post(body)
        assert [e["id"] for e in a.events] == [0, 1, 2, 3, 4]
        assert [len(e["result"]["structuredContent"]["text"]) for e in a.events] == [len(big)] * 4 + [0]
        a = m.post([{**in_batch(n, "slow", say=str(n)), "params": {
            "name": "slow", "arguments": {"say": str(n)}, "_meta": {"progressToken": n}}} for n in range(2)])
        assert [e.get("id", "progress") for e in a.events] == ["progress"] * 3 + [0] + ["progress"] * 3 + [1], a.events
        gateway.clear()
        m.timeout = 0.3
        m.close()
        try:
            m.post([in_batch(n, "slow", say=str(n)) for n in range(20)])
            raise AssertionError("the answer came too early")
        except (TimeoutError, OSError):
            m.close()
    with opened(gateway) as other:
        assert other.call("echo").result
        eventually("calls to end", lambda: all(w["calls_open"] == 0 for w in gateway.ctl("workers")), 15)
    assert 1 <= len(server.calls("slow")) < 20, "what nobody waits for is not begun"


def test_a_modern_only_upstream_is_no_use_to_a_legacy_agent(gateway):
    for path in ("/new", "/newer"):
        m = agent(gateway, path)
        a = m.open()
        assert a.error and a.error["code"] == -32022, (path, a)
        assert a.error["data"]["supported"] == [MODERN] and a.reason == "era_unserved", a
        assert "mcp-session-id" not in a.headers
        m.close()


def test_a_name_that_no_tool_can_have_leaves_a_trail_that_can_be_read(gateway):
    with opened(gateway) as m:
        a = m.call("zz\0b")
        assert a.error and a.reason == "params_invalid", a
        assert m.call("echo").result
    records = eventually("the refusal's record", lambda: gateway.ctl("audit", "query", "--reason", "params_invalid"))
    assert "zz" not in json.dumps(records), records


def test_an_upstream_without_sessions_is_served_too(gateway):
    gateway.clear()
    with opened(gateway, "/plain") as m:
        assert m.call("echo", {"a": 1}).result["structuredContent"] == {"a": 1}
        assert m.delete().status == 200
    assert all(r.session is None for r in gateway.servers["plain"].requests)
    assert all(r.verb == "POST" for r in gateway.servers["plain"].requests)


def test_several_upstreams_make_one_session_even_with_one_down(gateway):
    gateway.clear()
    with opened(gateway, "/pair") as m:
        assert set(m.initialized.result["capabilities"]) == {"tools", "prompts"}
        assert m.initialized.result["serverInfo"]["name"] == "sallyport"
        assert m.tools() == ["alpha__echo", "beta__echo"]
        assert m.call("beta__echo", {"b": 1}).result["structuredContent"] == {"b": 1}
        assert m.request("prompts/get", {"name": "beta__greet"}).result["messages"][0]["content"]["text"] == "greet"
        assert m.call("gone__echo").error
        assert m.delete().status == 200
    alpha, beta = gateway.servers["alpha"], gateway.servers["beta"]
    assert [r.tool for r in beta.calls()] == ["echo"] and alpha.calls() == []
    eventually("both sessions to end", lambda: not alpha.live and not beta.live)


def test_a_log_level_is_set_at_every_upstream_of_the_route(gateway):
    gateway.clear()

    def levels(name):
        return [(r.params["level"], r.session) for r in gateway.servers[name].requests
                if r.method == "logging/setLevel"]
    with opened(gateway, "/levels") as m:
        assert "logging" in m.initialized.result["capabilities"]
        assert m.request("logging/setLevel", {"level": "warning"}).result == {}
        for name in ("loud", "louder"):
            (level, session), = levels(name)
            assert level == "warning" and session in gateway.servers[name].live, name
            assert m.call(f"{name}__echo").result
            assert gateway.servers[name].calls()[-1].session == session, "the session the agent's calls go through"
        for params in ({}, {"level": "loud"}, {"level": 3}):
            assert m.request("logging/setLevel", params).error["code"] == -32602, params
        assert len(levels("loud")) == 1
    with opened(gateway, "/mutes") as m:
        a = m.request("logging/setLevel", {"level": "warning"})
        assert a.error, a


def test_a_session_the_upstream_forgot_is_gone_for_the_agent(gateway):
    with opened(gateway) as m:
        assert m.call("echo").result
        gateway.servers["both"].live.clear()
        a = m.call("echo")
        assert a.status == 404 and a.reason == "session_unknown", a
        m.open()
        assert m.call("echo").result


def test_modern_agents_use_a_legacy_upstream_through_one_session_each(gateway):
    from client import Modern
    gateway.clear()
    server = gateway.servers["old"]
    with Modern(gateway, AGENT, path="/old") as m:
        assert m.request("server/discover").result["capabilities"] == {
            "tools": {}, "prompts": {}, "resources": {}, "completions": {}}
        listed = m.request("tools/list").result
        assert [t["name"] for t in listed["tools"]] == ["echo", "asks", "talks"]
        assert listed["resultType"] == "complete" and listed["cacheScope"] == "private" and "ttlMs" in listed
        for i in range(5):
            a = m.call("echo", {"i": i})
            assert a.result["structuredContent"] == {"i": i} and a.result["resultType"] == "complete", a
            assert "mcp-session-id" not in a.headers
        calls = server.calls("echo")
        assert len({r.session for r in calls}) == 1 and calls[0].session
        assert all("mcp-method" not in r.headers for r in calls)
        server.live.clear()
        assert m.call("echo", {"after": "the loss"}).result, "a lost session is opened anew, unseen"
    other = Modern(gateway, "other", path="/old")
    assert other.call("echo").result
    assert len({r.session for r in server.calls("echo")}) == 3, "a session serves one agent only"
    other.close()


def test_modern_agents_get_of_a_legacy_upstreams_log_what_the_request_asked_for(gateway):
    from client import META, Modern

    def said(answer):
        assert answer.result["content"] == [], answer
        return [e["params"]["data"] for e in answer.events[:-1] if e["method"] == "notifications/message"]
    gateway.clear()
    wanted = (("debug", ["debug", "info", "warning", "emergency"]), ("info", ["info", "warning", "emergency"]),
              ("error", ["emergency"]), ("emergency", ["emergency"]))
    # one worker serves one connection: its session upstream is the same for all of these
    with Modern(gateway, AGENT, path="/old") as m:
        assert said(m.call("talks")) == [], "not asked for"
        a = m.call("talks", progress="p")
        assert [e["method"] for e in a.events[:-1]] == ["notifications/progress"], a.events
        for level, words in reversed(wanted):
            assert said(m.call("talks", meta={META + "logLevel": level})) == words, level
        assert said(m.call("talks")) == [], "what another request asked for is not for this one"
    levels = [r.params["level"] for r in gateway.servers["old"].requests if r.method == "logging/setLevel"]
    assert levels == ["emergency", "error", "info", "debug"], levels
    sets = [r for r in gateway.servers["old"].requests if r.method == "logging/setLevel"]
    calls = gateway.servers["old"].calls("talks")
    assert all(r.session == calls[-1].session for r in sets)
    with Modern(gateway, AGENT, path="/plain") as m:  # a server that has no levels to set
        assert said(m.call("talks")) == []
        assert said(m.call("talks", meta={META + "logLevel": "warning"})) == ["warning", "emergency"]
    assert not any(r.method == "logging/setLevel" for r in gateway.servers["plain"].requests)


def test_what_one_legacy_upstream_can_do_is_not_taken_for_what_the_next_one_can(gateway):
    from client import META, Modern

    def sets(name):
        return [r for r in gateway.servers[name].requests if r.method == "logging/setLevel"]
    gateway.clear()
    with Modern(gateway, AGENT, path="/louds") as m:
        assert m.request("server/discover").result["capabilities"] == {"tools": {}}
        for name in ("loud", "mute"):
            assert m.call(f"{name}__echo", meta={META + "logLevel": "warning"}).result
    assert len(sets("loud")) == 1 and not sets("mute"), gateway.servers["mute"].requests


def test_legacy_agents_get_all_that_their_session_says(gateway):
    with opened(gateway, "/old") as m:
        a = m.call("talks")
        assert [e["params"]["data"] for e in a.events[:-1]] == ["debug", "info", "warning", "emergency"], a.events


def test_an_agent_without_the_revisions_words_is_refused(gateway):
    """Torn messages: modern words in a legacy handshake, a legacy header over a modern body."""
    gateway.clear()
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}}}
    with opened(gateway) as m:
        before = len(gateway.servers["both"].requests)
        a = m.post(body)
        assert (a.status, a.error["code"]) == (400, -32020), a
        m.extra = {"MCP-Protocol-Version": None}
        assert m.post(body).status == 400
        m.extra = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "initialize"}
        a = m.post({"jsonrpc": "2.0", "id": 1, "method": "initialize",
                    "params": {"protocolVersion": "2025-11-25", "capabilities": {}}})
        assert a.status in (400, 404) and a.error, a
        assert len(gateway.servers["both"].requests) == before


def test_a_handshake_without_a_revision_is_an_error(gateway):
    with agent(gateway) as m:
        for params in ({}, {"protocolVersion": 1}, {"protocolVersion": None}):
            a = m.request("initialize", {"capabilities": {}, **params})
            assert a.status == 200 and a.error["code"] == -32602, (params, a)
            assert "mcp-session-id" not in a.headers


def test_errors_and_tool_errors_pass_as_they_are(gateway):
    @gateway.servers["both"].tool("fails")
    def fails(request, reply):
        if request.arguments.get("how") == "result":
            reply.result({"isError": True, "content": [{"type": "text", "text": "no stock"}]})
        else:
            reply.error(-32050, "broken")
    with opened(gateway) as m:
        a = m.call("fails")
        assert a.status == 200 and a.error == {"code": -32050, "message": "broken"}
        assert m.call("fails", {"how": "result"}).result["isError"] is True
    outcomes = [r["outcome"] for r in gateway.audit("--tool", "fails", "--type", "outcome")]
    assert outcomes == ["rpc_error", "tool_error"], outcomes


def test_pipelined_calls_of_a_session_are_answered_in_order(gateway):
    with opened(gateway) as m:
        message = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "echo"}}
        data = b""
        for i in range(30):
            body = json.dumps({**message, "id": i}).encode()
            head = "".join(f"{k}: {v}\r\n" for k, v in m.headers(message).items())
            data += f"POST /both HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        with Http(gateway.address, ca=gateway.ca) as http:
            http.send(data)
            assert [http.answer().json["id"] for _ in range(30)] == list(range(30))
