"""Upstreams that break the protocol, fall silent or vanish: the agent gets one clear error, nothing of the
upstream's leaks, and the outcome is on record."""
import gzip
import json
import socket
import threading
import time

from client import MODERN, Legacy, Modern
from gateway import Demo
from runner import eventually
from upstream import Lab, Upstream, policy

AGENT, OTHER = "tester", "strict-tester"
TOOLS = ["rude", "echo"]
GOOD = {"content": []}


def shared(build):
    rude = Upstream(conf={"era": "both", "response_timeout": "1s", "breaker": {"failures": 1000}})
    frail = Upstream(conf={"era": "both", "response_timeout": "2s", "connect_timeout": "300ms",
                           "breaker": {"failures": 3, "open": "4s"}})
    narrow = Upstream(conf={"era": "both", "max_connections": 2, "breaker": {"failures": 1000}})
    brief = Upstream(conf={"era": "both", "response_timeout": "500ms"})
    servers = {"rude": rude, "frail": frail, "narrow": narrow, "brief": brief}
    return Lab(build, servers, policies={AGENT: policy(*TOOLS), OTHER: policy(*TOOLS, level="strict")},
               config={"limits": {"max_answer": "256KiB", "max_body": "64KiB"},
                       "timeouts": {"sse_keepalive": "1s"}})


def message(request, **members):
    return json.dumps({"jsonrpc": "2.0", "id": request.id, **members}).encode()


def whole(request):
    """A good answer, as bytes."""
    body = message(request, result=GOOD)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def ask(gateway, act, client=Modern, agent=AGENT, server="rude", **kwargs):
    """A call of `rude` that is answered by `act`."""
    gateway.servers[server].hooks["rude"] = act
    with client(gateway, agent, path=f"/{server}") as m:
        return m.call("rude", **kwargs)


def outcomes(gateway, tool="rude"):
    return [(r["outcome"], r.get("reason")) for r in gateway.audit("--tool", tool, "--type", "outcome")]


def check(gateway, ways, reason, clients=(Modern, Legacy)):
    before = len(outcomes(gateway))
    n = 0
    for what, act in ways.items():
        for client in clients:
            a = ask(gateway, act, client)
            n += 1
            assert a.status == 200 and a.reason == reason, (what, client.__name__, a)
            assert a.error["code"] in (502, 504), a
            for secret in (b"secret", b"stack trace", b"elsewhere", b"127.0.0.1"):
                assert secret not in a.body + str(a.headers).encode(), (what, a)
    got = outcomes(gateway)[before:]
    assert got == [("failed", reason)] * n, got


def test_answers_that_are_not_what_was_asked_for_are_invalid(gateway):
    def raw(data):
        return lambda q, r: r.raw(data(q) if callable(data) else data) or r.close()

    def body(data, status=200):
        return lambda q, r: r.http(status, data(q) if callable(data) else data)
    ok = {"result": GOOD}
    check(gateway, {
        "another id": body(lambda q: json.dumps({"jsonrpc": "2.0", "id": "somebody-elses", **ok}).encode()),
        "the id as a string": body(lambda q: json.dumps({"jsonrpc": "2.0", "id": [q.id], **ok}).encode()),
        "no id": body(b'{"jsonrpc":"2.0","result":{"content":[]}}'),
        "null id": body(b'{"jsonrpc":"2.0","id":null,"result":{"content":[]}}'),
        "no json": body(b'{"jsonrpc": "2.0", oops'),
        "empty": body(b""),
        "a batch": body(lambda q: b"[" + message(q, **ok) + b"]"),
        "two of one": body(lambda q: message(q, **ok)[:-1] + b',"result":{"content":[1]}}'),
        "both": body(lambda q: message(q, error={"code": 1, "message": "x"}, **ok)),
        "neither": body(message),
        "no object": body(lambda q: message(q, result=[1])),
        "a request": body(lambda q: message(q, method="ping")),
        "not utf-8": body(lambda q: message(q, **ok).replace(b"[]", b'["\xff"]')),
        "behind it": body(lambda q: message(q, **ok) + b"x"),
        "an error page": body(b"stack trace at db1.secret\n", 500),
        "a redirect": raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n"),
        "another protocol": raw(b"220 mail.secret.example ESMTP\r\n\r\n"),
        "two lengths": raw(lambda q: whole(q).replace(b"Content-Length", b"Content-Length: 1\r\nContent-Length", 1)),
        "length and chunks": raw(
            lambda q: whole(q).replace(b"Content-Len", b"Transfer-Encoding: chunked\r\nContent-Len")),
        "obs-fold": raw(lambda q: whole(q).replace(b"application/json", b"application/json\r\n folded")),
        "a bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "a switch": raw(b"HTTP/1.1 101 Switching\r\nUpgrade: secret\r\n\r\n"),
    }, "upstream_invalid")


def test_an_upstream_that_refuses_the_gateway_is_not_believed_about_the_agent(gateway):
    def refuse(status):
        def act(request, reply):
            reply.raw(b"HTTP/1.1 %d No\r\nWWW-Authenticate: Bearer resource_metadata=\"https://elsewhere/\"\r\n"
                      b"Set-Cookie: secret=1\r\nContent-Length: 0\r\n\r\n" % status)
        return act
    check(gateway, {"401": refuse(401), "403": refuse(403)}, "upstream_refused")


def test_an_answer_cut_at_any_byte_is_closed_early(gateway):
    def cut(n):
        def act(request, reply):
            data = whole(request)
            reply.raw(data[:n] if n >= 0 else data[:len(data) + n])
            reply.close()
        return act
    size = 79
    check(gateway, {f"after {n}": cut(n) for n in (0, 1, 9, 15, 17, 40, size - 2, size + 1, size + 20, -1)},
          "upstream_closed", clients=(Modern,))


def test_an_answer_in_single_bytes_is_as_good_as_any(gateway):
    def act(request, reply):
        for byte in whole(request):
            reply.raw(bytes([byte]))
    assert ask(gateway, act).result["content"] == []

    def act(request, reply):
        data = b"data: " + message(request, result=GOOD) + b"\r\n\r\n"
        reply.events()
        for byte in data:
            reply.event_bytes(bytes([byte]))
        reply.end()
    assert ask(gateway, act).result["content"] == []


def test_streams_that_break_are_told_from_answers(gateway):
    def stream(*events, end=True):
        def act(request, reply):
            reply.events()
            for e in events:
                reply.event_bytes(e(request) if callable(e) else e)
            if end:
                reply.end()
            else:
                reply.close()
        return act
    check(gateway, {"ends": stream(b": soon\n\n"), "cut": stream(b"data: {", end=False), "nothing": stream(),
                    "half an event": stream(lambda q: b"data: " + message(q, result=GOOD) + b"\n")},
          "upstream_closed")
    check(gateway, {"junk": stream(b"data: {\"jsonrpc\":\n\n"), "batch": stream(b"data: [1]\n\n"),
                    "wrong id": stream(b'data: {"jsonrpc":"2.0","id":"x","result":{}}\n\n')}, "upstream_invalid")
    check(gateway, {"asks": stream(b'data: {"jsonrpc":"2.0","id":"x","method":"sampling/createMessage"}\n\n')},
          "upstream_invalid", clients=(Modern,))


def test_an_error_after_progress_comes_as_the_streams_last_event(gateway):
    def act(request, reply):
        reply.events()
        reply.progress(1)
        reply.close()
    for client in (Modern, Legacy):
        a = ask(gateway, act, client, progress="p", id="mine")
        assert a.status == 200 and a.headers["content-type"].startswith("text/event-stream")
        assert [e.get("method") for e in a.events] == ["notifications/progress", None]
        assert a.reason == "upstream_closed" and a.json["id"] == "mine", a


def test_what_comes_after_the_answer_is_nobodys(gateway):
    stray = b'{"jsonrpc":"2.0","id":1,"result":{"content":["stray"]}}'

    def act(request, reply):
        reply.raw(whole(request) + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(stray) + stray)
    for _ in range(3):
        assert ask(gateway, act).result["content"] == []

    def act(request, reply):
        reply.events()
        reply.event_bytes(b"data: " + message(request, result=GOOD) + b"\n\ndata: " + stray + b"\n\n")
        reply.end()
    for _ in range(3):
        a = ask(gateway, act)
        assert a.result["content"] == [] and b"stray" not in a.body


def test_an_upstream_that_never_answers_meets_its_deadline(gateway):
    def silent(request, reply):
        reply.gone(5)
        reply.close()

    def head_only(request, reply):
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        silent(request, reply)

    def comments(request, reply):
        reply.events()
        while not reply.gone(0.05):
            reply.event_bytes(b": still here\n\n")
        reply.close()
    started = time.monotonic()
    check(gateway, {"silent": silent, "head only": head_only, "comments only": comments}, "upstream_timeout",
          clients=(Modern,))
    assert time.monotonic() - started > 2.9, "a second each"
    a = ask(gateway, silent, Legacy)
    assert a.reason == "upstream_timeout" and a.error["code"] == 504, a


def test_progress_stretches_the_deadline_but_not_for_ever(gateway):
    def patient(request, reply):
        reply.events()
        for i in range(7):
            time.sleep(0.1)
            reply.progress(i)
        reply.result(GOOD)
    a = ask(gateway, patient, server="brief", progress=1)
    assert a.result["content"] == [] and len(a.events) == 8, "700 ms in steps, with a deadline of 500 ms"

    def endless(request, reply):
        reply.events()
        i = 0
        while i < 1000 and not reply.gone(0.05):
            reply.progress(i)
            i += 1
        reply.close()
    started = time.monotonic()
    a = ask(gateway, endless, server="brief", progress=1)
    assert a.reason == "upstream_timeout" and time.monotonic() - started > 9, "20 deadlines at most"


def test_an_answer_over_the_limit_is_cut_off(gateway):
    def sized(n):
        return lambda q, r: r.result({"content": [{"type": "text", "text": "x" * n}]})

    def chunked(request, reply):
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            reply.raw(b"4000\r\n" + b" " * 0x4000 + b"\r\n")

    def one_event(request, reply):
        reply.events()
        while True:
            reply.event_bytes(b"data: " + b"x" * 0x4000)
    a = ask(gateway, sized(200 * 1024))
    assert len(a.result["content"][0]["text"]) == 200 * 1024
    check(gateway, {"length": sized(300 * 1024), "chunks": chunked, "one event": one_event}, "upstream_too_large")


def test_compressed_answers_are_not_taken(gateway):
    def act(request, reply):
        reply.http(200, gzip.compress(message(request, result=GOOD)), {"Content-Encoding": "gzip"})
    a = ask(gateway, act)
    assert a.reason == "upstream_invalid", a


def test_interim_answers_are_skipped(gateway):
    def act(request, reply):
        reply.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + whole(request))
    assert ask(gateway, act).result["content"] == []


def test_every_failure_is_recorded_for_strict_agents_before_they_hear_of_it(gateway):
    def act(request, reply):
        reply.close()
    a = ask(gateway, act, agent=OTHER)
    assert a.reason == "upstream_closed"
    records = gateway.audit("--agent", OTHER, settle=0)
    assert [r["type"] for r in records[-2:]] == ["decision", "outcome"], records[-2:]
    assert records[-1]["call"] == records[-2]["call"] == a.error["data"]["decision"]


def test_a_call_that_may_have_run_is_not_sent_twice(gateway):
    def act(request, reply):
        reply.close()
    server = gateway.servers["rude"]
    for _ in range(5):
        assert ask(gateway, lambda q, r: r.result(GOOD)).result
        server.requests.clear()
        assert ask(gateway, act).reason == "upstream_closed"
        assert len(server.calls()) == 1
    with Modern(gateway, AGENT, path="/rude") as m:
        server.answer, kept, tries = act, server.answer, len(server.requests)
        try:
            assert m.request("tools/list").error
            assert len(server.requests) - tries <= 2, "a list may be asked for once more, on a warm connection"
        finally:
            server.answer = kept


def test_a_failing_upstream_is_not_asked_until_it_recovers(gateway):
    server = gateway.servers["frail"]
    server.hooks["rude"] = lambda q, r: r.close()
    with Modern(gateway, AGENT, path="/frail") as m:
        reasons = [m.call("rude").reason for _ in range(6)]
        assert reasons == ["upstream_closed"] * 3 + ["breaker_open"] * 3, reasons
        assert len(server.calls()) == 3
        server.hooks["rude"] = lambda q, r: r.result(GOOD)
        assert m.call("rude").reason == "breaker_open"
        eventually("a trial to be let through", lambda: m.call("rude").result, 20, 0.2)
        assert [bool(m.call("rude").result) for _ in range(3)] == [True] * 3, "then all"
    with Modern(gateway, AGENT, path="/rude") as m:
        assert m.call("echo").result, "other upstreams were never concerned"


def test_an_upstream_that_is_not_there_is_a_clear_error(make):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = s.getsockname()[1]
    gateway = make(demo=False, policies={AGENT: policy(*TOOLS)}, config={
        "upstreams": [{"name": "demo", "url": f"http://127.0.0.1:{nobody}/mcp"}]})
    for client in (Modern, Legacy):
        for ask_for in (lambda m: m.call("echo"), lambda m: m.request("tools/list")):
            with client(gateway, AGENT) as m:
                a = ask_for(m)
                assert a.reason == "upstream_connect" and a.error["code"] == 502, a
                assert str(nobody).encode() not in a.body
    server = Upstream(port=nobody)
    try:
        with Modern(gateway, AGENT) as m:
            eventually("the upstream to be found", lambda: m.call("echo").result, 10, 0.2)
    finally:
        server.stop()


def test_a_server_behind_a_unix_socket_leaves_and_comes_back(make):
    gateway = make(demo_unix=True)

    def read(m):
        return m.call("read_customer_data", {"customer_id": "C-1001"})
    with Modern(gateway, "customer-support-bot") as m:
        assert read(m).result
        gateway.demo.stop()
        assert read(m).reason == "upstream_connect"
        gateway.demo = Demo(gateway.build, gateway.dir, unix=True)
        assert eventually("the server to be found again", lambda: read(m).result, 10, 0.2)


def test_calls_that_reach_no_upstream_take_nothing_of_a_limit(make):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        nobody = s.getsockname()[1]
    gateway = make(demo=False, policies={AGENT: policy(*TOOLS, minute=3)}, config={
        "upstreams": [{"name": "demo", "url": f"http://127.0.0.1:{nobody}/mcp"}]})
    with Modern(gateway, AGENT) as m:
        assert {m.call("echo").reason for _ in range(12)} <= {"upstream_connect", "breaker_open"}
        server = Upstream(port=nobody)
        try:
            eventually("the upstream to be found", lambda: m.call("echo").result, 10, 0.2)
            assert m.call("echo").result and m.call("echo").result
            assert m.call("echo").reason == "rate_minute"
        finally:
            server.stop()


def test_more_calls_than_connections_wait_their_turn(gateway):
    server = gateway.servers["narrow"]
    most = [0, 0]
    lock, go_on = threading.Lock(), threading.Event()

    def act(request, reply):
        with lock:
            most[0] += 1
            most[1] = max(most)
        time.sleep(0.05)
        go_on.wait(20)
        with lock:
            most[0] -= 1
        reply.result({"content": [], "structuredContent": request.arguments})
    server.hooks["rude"] = act
    answers = {}

    def run(i):
        with Modern(gateway, AGENT, path="/narrow") as m:
            answers[i] = m.call("rude", {"i": i})
    def together(n, refused):
        """So many calls, of which so many have to be refused before any is answered."""
        answers.clear()
        go_on.clear()
        threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
        for t in threads:
            t.start()
        try:
            eventually("the others to be refused", lambda: len(answers) >= refused, 20)
        finally:
            go_on.set()
            for t in threads:
                t.join()
    together(9, 0)
    assert all(a.result and a.result["structuredContent"] == {"i": i} for i, a in answers.items()), answers
    assert most[1] <= 2 and server.connections <= 3
    together(40, 30)
    late = [a for a in answers.values() if not a.result]
    assert len(late) == 30
    assert all(a.status == 503 and a.reason == "overload" and a.headers["retry-after"] for a in late)
    assert most[1] <= 2


def test_a_silent_stream_is_kept_alive_by_comments(gateway):
    server = gateway.servers["narrow"]

    def act(request, reply):
        reply.events()
        reply.progress(1)
        time.sleep(4)
        reply.result(GOOD)
    server.hooks["rude"] = act
    with Modern(gateway, AGENT, path="/narrow") as m:
        a = m.call("rude", progress=1)
    assert a.result and a.body.count(b"\n:") + a.body.startswith(b":") >= 2, a.body


def test_an_agent_that_reads_slowly_slows_its_upstream_only(gateway):
    """Events wait with the upstream once the agent's socket is full; another agent is served meanwhile."""
    server, sent = gateway.servers["narrow"], [0]

    def act(request, reply):
        reply.events()
        for i in range(1000):
            reply.note("x" * 50000)
            sent[0] = i + 1
        reply.result(GOOD)
    server.hooks["rude"] = act
    m = Modern(gateway, AGENT, path="/narrow", timeout=20)
    http = m.connection()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": m.params(
        {"name": "rude"}, None)}).encode()
    head = m.headers({"method": "tools/call", "params": {"name": "rude"}})
    http.send(b"POST /narrow HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()).encode()
              + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert http.head()[0] == 200
    eventually("the stream to stall", lambda: sent[0] > 10 and sent[0] == (time.sleep(0.5) or sent[0]), 10)
    assert sent[0] < 700, "it was read ahead without end"
    with Modern(gateway, AGENT, path="/rude") as other:
        assert other.call("echo").result, "while the stream stands still"
    total = sum(len(data) for data in http.chunks())
    assert total > 1000 * 50000, "all of it came in the end"
    m.close()


def test_revisions_upstream_and_north_are_independent(gateway):
    for version in ("2025-03-26", "2025-11-25"):
        with Legacy(gateway, AGENT, path="/rude", version=version) as m:
            assert m.call("echo").result
    with Modern(gateway, AGENT, path="/rude") as m:
        assert m.call("echo").result["resultType"] == "complete"
    assert {r.headers.get("mcp-protocol-version") for r in gateway.servers["rude"].calls("echo")} == {
        None, "2025-11-25", MODERN}
