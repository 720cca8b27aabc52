"""2026-07-28, agent to upstream and back: what is forwarded, what is restored, what is refused."""
import json
import threading
import time

from client import META, MODERN, Http, Modern
from runner import eventually
from upstream import Lab, Upstream, policy

AGENT = "tester"
MAY = ["echo", "slow", "hold", "one", "two", "five", "six", "chatty"]
RICH = {"tools": {"listChanged": True}, "prompts": {"listChanged": True}, "resources": {"subscribe": True},
        "logging": {}}


def shared(build):
    servers = {
        "both": Upstream(conf={"era": "both"}),
        "new": Upstream(eras=("modern",)),
        "rich": Upstream(conf={"era": "modern"}, capabilities=RICH),
        "paged": Upstream(conf={"era": "both"}, tools=["one", "secret", "two", "three", "four", "five", "six"],
                          page=2),
        "alpha": Upstream(conf={"era": "modern"}, tools=["echo", "one", "secret"]),
        "beta": Upstream(conf={"era": "modern"}, tools=["secret", "two", "echo"]),
        "chatty": Upstream(conf={"era": "both"}),
        "bent": Upstream(conf={"era": "modern"}),
        "bent2": Upstream(conf={"era": "modern"}),
        "asking": Upstream(conf={"era": "modern"}, tools=["echo", "one", "two"], schemas={
            "echo": repeats(region="Region", count="Count"), "one": repeats(region="no token")}),
    }
    servers["bent"].list_tools = lambda request, reply: reply.result({"tools": {"name": "echo"}})
    servers["bent2"].list_tools = lambda request, reply: reply.result({"tulips": []})
    servers["both"].tool("slow")(slow)
    servers["both"].tool("hold")(hold)
    routes = {"/pair": {"upstreams": ["alpha", "beta"]},
              "/narrow": {"upstreams": ["rich"], "methods": ["tools/*"]},
              "/two": {"upstreams": ["asking", "new"]},
              "/bent": {"upstreams": ["bent", "alpha", "bent2"]}, "/all-bent": {"upstreams": ["bent", "bent2"]},
              "/mixed": {"upstreams": ["both", "paged"]}}
    return Lab(build, servers, routes, policies={AGENT: policy(*MAY), "other": policy("echo"),
                                                 "strict": policy(*MAY, level="strict")})


def repeats(**headers):
    """A schema of string properties that are to be repeated in headers."""
    return {"type": "object", "properties": {
        k: {"type": "integer" if k == "count" else "string", "x-mcp-header": h} for k, h in headers.items()}}


SEEN = threading.Semaphore(0)  # steps of `slow` that a caller has seen


def seen(event):
    if event.get("method") == "notifications/progress":
        SEEN.release()


def slow(request, reply):
    reply.events()
    for step in range(1, 4):
        time.sleep(0.15)
        reply.progress(step, total=3, message="été")
        if request.arguments.get("in_step") and not SEEN.acquire(timeout=8):
            return reply.error(-32000, "nobody has seen the last step")
    return reply.result({"content": [{"type": "text", "text": request.arguments.get("say", "")}]})


def hold(request, reply):
    reply.events()
    reply.note("begun")
    request.cancelled = reply.gone()
    reply.close()


def agent(gateway, path="/both", name=AGENT, **kwargs):
    return Modern(gateway, name, path=path, **kwargs)


def body_of(method="tools/call", params=None, id=b"1"):
    params = {"name": "echo", "arguments": {}} if params is None else params
    params = {**params, "_meta": {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}}
    return b'{"jsonrpc":"2.0","id":%s,"method":%s,"params":%s}' % (
        id, json.dumps(method).encode(), json.dumps(params).encode())


def post(m, body, method="tools/call", name="echo", **headers):
    """Exact bytes, with headers that say what a call of echo says."""
    message = {"method": method, "params": {"name": name}}
    m.extra = {k.replace("_", "-"): v for k, v in headers.items()}
    return m.post(message, raw=body)


def test_discover_advertises_only_what_is_honoured(gateway):
    with agent(gateway, "/rich") as m, agent(gateway, "/narrow") as narrow:
        got = m.request("server/discover").result
        assert got["supportedVersions"] == [MODERN] and got["cacheScope"] == "private", got
        assert got["resultType"] == "complete" and got["ttlMs"] >= 0
        assert got["capabilities"] == {"tools": {}, "prompts": {}, "resources": {}}, \
            "list changes and subscriptions are not carried, logging is not of this revision"
        for method, params in (("tools/list", {}), ("prompts/list", {}), ("resources/list", {}),
                               ("prompts/get", {"name": "greet"}), ("resources/read", {"uri": "file:///a"})):
            a = m.request(method, params)
            assert a.status == 200 and a.result["resultType"] == "complete", (method, a)
        assert narrow.request("server/discover").result["capabilities"] == {"tools": {}}


def test_methods_the_route_does_not_pass_are_denied_and_never_asked(gateway):
    gateway.clear()
    with agent(gateway, "/narrow") as m:
        for method, params in (("prompts/list", {}), ("prompts/get", {"name": "greet"}),
                               ("resources/read", {"uri": "file:///a"})):
            assert m.request(method, params).reason == "method_denied", method
        assert m.call("echo").result["structuredContent"] == {}
    assert [r.method for r in gateway.servers["rich"].requests] == ["tools/call"]


def test_tools_list_is_filtered_by_policy_and_always_the_same(gateway):
    with agent(gateway, "/alpha") as m, agent(gateway, "/alpha", "other") as other:
        first = m.request("tools/list", id=1)
        assert [t["name"] for t in first.result["tools"]] == ["echo", "one"]
        assert first.result["cacheScope"] == "private", "a list made for one agent is nobody else's"
        assert all(m.request("tools/list", id=1).body == first.body for _ in range(5))
        assert other.tools() == ["echo"]


def test_tools_list_is_paginated_and_complete(gateway):
    with agent(gateway, "/paged") as m:
        names, params, pages = [], {}, 0
        while pages < 10:
            result = m.request("tools/list", params).result
            names += [t["name"] for t in result["tools"]]
            pages += 1
            if "nextCursor" not in result:
                break
            params = {"cursor": result["nextCursor"]}
        assert names == ["one", "two", "five", "six"] and pages == 4


def test_two_upstreams_make_one_endpoint_with_prefixed_names(gateway):
    gateway.clear()
    alpha, beta = gateway.servers["alpha"], gateway.servers["beta"]
    with agent(gateway, "/pair") as m:
        assert m.tools() == ["alpha__echo", "alpha__one", "beta__two", "beta__echo"]
        for name, server in (("alpha", alpha), ("beta", beta)):
            a = m.call(f"{name}__echo", {"to": name})
            assert a.result["structuredContent"] == {"to": name}, a
            got, = server.calls()
            assert got.tool == "echo" and got.headers["mcp-name"] == "echo" and got.path == "/mcp"
            assert got.headers["mcp-method"] == "tools/call"
        for name in ("echo", "alpha__secret", "beta__one2", "gamma__echo", "alpha__", "alpha__beta__echo"):
            a = m.call(name)
            assert a.error["code"] == -32602 and a.reason == "tool_unknown", (name, a)
    assert len(alpha.calls()) == len(beta.calls()) == 1


def test_upstreams_at_paths_of_their_own_keep_their_names(gateway):
    gateway.clear()
    with agent(gateway, "/alpha") as a, agent(gateway, "/beta") as b:
        assert a.call("one").result and b.call("two").result
        assert a.call("two").error["code"] == -32602, "the upstream of that path has no such tool"
    assert [r.tool for r in gateway.servers["alpha"].calls()] == ["one", "two"]
    assert [r.tool for r in gateway.servers["beta"].calls()] == ["two"]


def test_one_list_of_several_upstreams_has_all_pages_of_each(gateway):
    with agent(gateway, "/mixed") as m:
        assert m.tools() == ["both__echo", "both__slow", "both__hold", "paged__one", "paged__two", "paged__five",
                             "paged__six"]


def test_an_upstream_whose_list_is_malformed_is_left_out_of_the_common_one(gateway):
    with agent(gateway, "/bent") as m:
        assert m.tools() == ["alpha__echo", "alpha__one"]
    with agent(gateway, "/all-bent") as m:
        a = m.request("tools/list")
        assert a.reason == "upstream_invalid", a


def test_a_call_arrives_byte_for_byte_without_what_is_the_agents_own(gateway):
    gateway.clear()
    arguments = b'{ "b" : 1e400,"a":[123456789012345678901234567890, -0.0],"u":"\\u00e9\\ud83d\\ude00\xc3\xa9" }'
    meta = (b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
            b'"io.modelcontextprotocol/clientCapabilities":{"x":{}},"vendor/any":[1]}')
    body = (b'{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"echo","arguments":'
            + arguments + b',"_meta":' + meta + b"}}")
    with agent(gateway) as m:
        a = post(m, body, Cookie="c=1", X_Forwarded_For="1.2.3.4", Mcp_Param_Region="eu-1")
    assert a.status == 200 and a.json["id"] == "mine", a
    got, = gateway.servers["both"].calls()
    assert arguments in got.body and meta in got.body
    assert got.id != "mine" and b"mine" not in got.body
    assert got.headers["mcp-param-region"] == "eu-1"
    assert not {"authorization", "cookie", "x-forwarded-for"} & set(got.headers), got.headers
    assert m.token.encode() not in got.head + got.body


def test_ids_come_back_as_they_were_written(gateway):
    with agent(gateway) as m:
        for raw in (b'"abc"', b"1", b"0", b"-5", b"9007199254740992", b'"\\u0061\\/b"', b'"' + b"x" * 256 + b'"'):
            a = post(m, body_of(id=raw))
            assert a.status == 200 and b'"id": ' + raw + b"," in a.body, (raw, a)
            a = post(m, body_of(params={"name": "no"}, id=raw), name="no")
            assert b'"id":' + raw + b"," in a.body and a.error, (raw, a)


def test_ids_no_two_parsers_agree_on_are_refused(gateway):
    gateway.clear()
    with agent(gateway) as m:
        for raw in (b"9007199254740993", b"-9007199254740993", b"1.0", b"1e3", b"null", b"true", b"{}", b"[1]",
                    b"-0", b'""', b'"' + b"x" * 257 + b'"'):
            a = post(m, body_of(id=raw))
            assert a.status == 400 and a.error["code"] == -32600 and "id" not in a.json, (raw, a)
    assert gateway.servers["both"].requests == []


def test_progress_is_seen_as_it_happens_with_the_agents_own_token(gateway):
    gateway.clear()
    with agent(gateway) as m:
        for token in ("mine", 7, 0, 2**53, "7"):
            a = m.call("slow", {"say": "done", "in_step": True}, seen, token)
            assert a.headers["content-type"].startswith("text/event-stream")
            steps = a.events[:-1]
            assert [e["params"]["progress"] for e in steps] == [1, 2, 3], a.events
            assert all(e["params"]["progressToken"] == token and
                       type(e["params"]["progressToken"]) is type(token) for e in steps)
            assert steps[0]["params"]["message"] == "été"
            assert a.result["content"][0]["text"] == "done"
    sent = [r.params["_meta"]["progressToken"] for r in gateway.servers["both"].calls("slow")]
    assert len(set(sent)) == len(sent) and not set(sent) & {"mine", "7"}, sent


def test_progress_of_other_calls_and_unknown_notes_go_nowhere(gateway):
    @gateway.servers["chatty"].tool("chatty")
    def chatty(request, reply):
        reply.events()
        reply.event({"method": "notifications/progress", "params": {"progressToken": "stray", "progress": 1}})
        reply.event({"method": "notifications/tools/list_changed"})
        reply.event({"method": "notifications/message", "params": {"level": "info", "data": "kept"}})
        reply.event_bytes(b": a comment\nevent: message\nid: 77\ndata: {\"jsonrpc\":\"2.0\",\n"
                          b"data: \"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\n"
                          b"data: \"data\":\"in three lines\"}}\n\n")
        reply.result({"content": []})
    with agent(gateway, "/chatty") as m:
        a = m.call("chatty", progress="mine")
    assert [e["params"]["data"] for e in a.events[:-1]] == ["kept", "in three lines"], a.events
    assert b"stray" not in a.body and b"77" not in a.body and a.result["content"] == []


def test_log_messages_of_a_modern_upstream_pass_as_its_request_asked(gateway):
    """A modern server knows what the request wants: what it says is passed, and it is told the level."""
    @gateway.servers["chatty"].tool("chatty")
    def chatty(request, reply):
        reply.events()
        if META + "logLevel" in request.params["_meta"]:
            reply.note("as asked")
        reply.result({"content": []})
    gateway.clear()
    with agent(gateway, "/chatty") as m:
        a = m.call("chatty", meta={META + "logLevel": "debug"})
        assert [e["params"]["data"] for e in a.events[:-1]] == ["as asked"], a.events
        assert m.call("chatty").result["content"] == []
        for bad in ("loud", "", 7, None):
            a = m.call("chatty", meta={META + "logLevel": bad})
            assert a.json["error"]["code"] == -32602, (bad, a)
    assert len(gateway.servers["chatty"].calls("chatty")) == 2, "a level nobody knows is not forwarded"
    assert not any(r.method == "logging/setLevel" for r in gateway.servers["chatty"].requests)


def test_two_agents_may_use_one_id_at_once(gateway):
    answers = {}

    def run(name):
        with agent(gateway) as m:
            answers[name] = m.call("slow", {"say": name}, id=1, progress=1)
    threads = [threading.Thread(target=run, args=(f"t{i}",)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, a in answers.items():
        assert a.result["content"][0]["text"] == name and a.json["id"] == 1, (name, a)
        assert len(a.events) == 4


def test_closing_the_stream_cancels_the_upstream_and_is_on_record(gateway):
    gateway.clear()
    m = agent(gateway)
    http = m.connection()
    message = {"method": "tools/call", "params": {"name": "hold"}}
    body = body_of(params={"name": "hold", "arguments": {}})
    http.send(b"POST /both HTTP/1.1\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in m.headers(message).items()).encode() + b"Content-Length: %d\r\n\r\n" %
        len(body) + body)
    assert http.head()[0] == 200
    m.close()
    call = gateway.servers["both"].wait("call", lambda r: r.tool == "hold")
    eventually("the upstream's connection to close", lambda: getattr(call, "cancelled", False))
    records = eventually("an outcome", lambda: gateway.audit("--tool", "hold", "--type", "outcome"))
    assert records[-1]["outcome"] == "cancelled", records


def test_headers_that_disagree_with_the_body_are_refused(gateway):
    gateway.clear()
    cases = [{"Mcp_Method": "tools/list"}, {"Mcp_Method": "TOOLS/CALL"}, {"Mcp_Method": None}, {"Mcp_Name": "one"},
             {"Mcp_Name": "Echo"}, {"Mcp_Name": None}, {"Mcp_Name": "=?base64?b25l?="},
             {"Mcp_Name": "=?base64?ZWNobw?="}, {"Mcp_Name": "=?base64?!!!!?="}, {"MCP_Protocol_Version": None},
             {"MCP_Protocol_Version": "2025-11-25"}, {"MCP_Protocol_Version": "2026-07-29"}]
    with agent(gateway) as m:
        for headers in cases:
            a = post(m, body_of(), **headers)
            assert (a.status, a.error["code"], a.json["id"]) == (400, -32020, 1), (headers, a)
            assert a.reason == "header_mismatch"
        for headers in ({"Mcp_Name": "=?base64?ZWNobw==?="}, {"Mcp_Name": "echo  "}, {"Mcp_Name": "\techo"}):
            assert post(m, body_of(), **headers).result, headers
    assert len(gateway.servers["both"].requests) == 3


def test_headers_a_tool_asks_for_must_repeat_its_arguments(gateway):
    server = gateway.servers["asking"]
    wrong = ({}, {"Mcp-Param-Region": "us", "Mcp-Param-Count": "7"}, {"Mcp-Param-Region": "eu"},
             {"Mcp-Param-Region": "eu", "Mcp-Param-Count": "8"},
             {"Mcp-Param-Region": "EU", "Mcp-Param-Count": "7"})
    for path, prefix in (("/asking", ""), ("/two", "asking__")):
        gateway.clear()
        with agent(gateway, path) as m:
            assert prefix + "echo" in m.tools() and prefix + "one" not in m.tools(), \
                "a tool that breaks the rules of annotations is for no modern client"
            for n, headers in enumerate(wrong):
                m.extra = headers
                a = m.call(prefix + "echo", {"region": "eu", "count": 7})
                assert a.status == 400 and a.json["error"]["code"] == -32020, (headers, a)
                assert a.reason == "header_mismatch" and a.json["id"], a
            assert server.calls() == [], "what does not agree is not forwarded"
            m.extra = {"Mcp-Param-Region": "=?base64?ZXU=?=", "mcp-param-count": "7", "Mcp-Param-Other": "x"}
            assert m.call(prefix + "echo", {"region": "eu", "count": 7}).result
            m.extra = {}
            assert m.call(prefix + "echo").result["structuredContent"] == {}
        sent = server.calls("echo")[0].headers
        assert (sent["mcp-param-region"], sent["mcp-param-count"]) == ("=?base64?ZXU=?=", "7")
        assert sent["mcp-param-other"] == "x", "one nobody asked for is passed on as it is"


def test_headers_of_tools_the_worker_knows_nothing_of_are_passed_on(gateway):
    gateway.clear()
    with agent(gateway, "/new") as m:
        m.extra = {"Mcp-Param-Region": "us"}
        assert m.call("echo", {"region": "eu"}).result
    assert gateway.servers["new"].calls("echo")[0].headers["mcp-param-region"] == "us"


def test_repeated_routing_headers_are_refused(gateway):
    gateway.clear()
    with agent(gateway) as m:
        for line in ("Mcp-Name: echo", "Mcp-Method: tools/call", "mcp-protocol-version: 2026-07-28",
                     "Mcp-Param-A: 1\r\nmcp-param-a: 1"):
            body = body_of()
            head = "".join(f"{k}: {v}\r\n" for k, v in m.headers({"method": "tools/call",
                                                                  "params": {"name": "echo"}}).items())
            with gateway.connect() as http:
                http.send(f"POST /both HTTP/1.1\r\n{head}{line}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                          + body)
                assert http.answer().status == 400, line
    assert gateway.servers["both"].requests == []


def test_an_unsupported_revision_names_those_supported(gateway):
    for version in ("2027-01-01", "x", "2025-11-25", "1.0\\u0022"):
        body = body_of().replace(b'"2026-07-28"', b'"%s"' % version.encode())
        with agent(gateway) as m:
            a = post(m, body, MCP_Protocol_Version=version.replace("\\u0022", '"'))
        assert a.status == 400 and a.error["code"] == -32022, (version, a)
        assert a.error["data"]["supported"] == [MODERN], a
        assert a.error["data"]["requested"] == version.replace("\\u0022", '"'), a


def test_refusals_that_wait_for_the_audit_trail_keep_apart(gateway):
    """A strict agent's refusal waits until it is durable; other messages are read in between."""
    wrong = []

    def run(i):
        version = f"2027-{i:02}-01"
        with agent(gateway, name="strict") as m:
            for n in range(25):
                if i % 2:
                    a = m.call("echo", {"text": "x" * 3000, "n": n})
                    good = a.result and a.result["structuredContent"]["n"] == n
                else:
                    a = post(m, body_of().replace(b'"2026-07-28"', b'"%s"' % version.encode()),
                             MCP_Protocol_Version=version)
                    m.extra = {}
                    good = a.status == 400 and a.error["data"]["requested"] == version
                if not good:
                    wrong.append(a)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[:3]


def test_large_messages_pass_both_ways(gateway):
    text = "\u00e9" * 150000
    with agent(gateway) as m:
        for i in range(3):
            a = m.call("echo", {"text": text, "i": i})
            assert a.result["structuredContent"] == {"text": text, "i": i}
        a = m.call("echo", {"text": text * 2})
        assert a.status == 413, "over the limit of 1 MiB"


def test_many_streams_at_once_are_all_served(gateway):
    conns = []
    for i in range(60):
        m = agent(gateway)
        message = {"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": m.params(
            {"name": "slow", "arguments": {"say": str(i)}}, {"progressToken": i})}
        body = json.dumps(message).encode()
        m.connection().send(b"POST /both HTTP/1.1\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in m.headers(message).items()).encode() +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)
        conns.append(m)
    for i, m in enumerate(conns):
        a = m.http.answer()
        assert a.json["id"] == i and a.result["content"][0]["text"] == str(i), a
        assert [e["params"]["progressToken"] for e in a.events[:-1]] == [i] * 3
        m.close()


def test_a_request_without_its_metadata_is_refused(gateway):
    version, capabilities = META + "protocolVersion", META + "clientCapabilities"
    gateway.clear()
    with agent(gateway) as m:
        for meta, status in ((None, 400), ({}, 400), ({version: MODERN}, 400), ({capabilities: {}}, 400),
                             ({version: MODERN, capabilities: []}, 200), ({version: 1, capabilities: {}}, 200),
                             ([], 200)):
            params = {"name": "echo"} if meta is None else {"name": "echo", "_meta": meta}
            a = m.post({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": params})
            assert (a.status, a.error["code"], a.json["id"]) == (status, -32602, 4), (meta, a)
        a = m.post({"jsonrpc": "2.0", "id": 4, "method": "server/discover"})
        assert (a.status, a.error["code"]) == (400, -32602), a
    assert gateway.servers["both"].requests == []


def test_methods_unknown_to_this_revision_are_not_found(gateway):
    gateway.clear()
    with agent(gateway, "/rich") as m:
        for method in ("no/such", "ping", "logging/setLevel", "resources/subscribe", "sampling/createMessage",
                       "tasks/get", "tools/Call"):
            a = m.request(method, id="n")
            assert (a.status, a.error["code"], a.json["id"]) == (404, -32601, "n"), (method, a)
        assert m.request("initialize", {"protocolVersion": MODERN}).status in (400, 404)
    assert gateway.servers["rich"].requests == []


def test_batches_and_answers_nobody_asked_for_are_refused(gateway):
    gateway.clear()
    with agent(gateway) as m:
        a = post(m, b"[" + body_of() + b"]")
        assert (a.status, a.error["code"], a.reason) == (400, -32600, "batch_refused"), a
        a = post(m, b"[]")
        assert a.status == 400
        a = post(m, b'{"jsonrpc":"2.0","id":1,"result":{}}')
        assert 400 <= a.status < 500, a
        assert m.notify("notifications/anything").status == 202
    assert gateway.servers["both"].requests == []


def test_what_is_not_strict_json_is_refused_and_goes_nowhere(gateway):
    good = body_of()
    cases = {
        "truncated": good[:-1], "empty": b"", "trailing": good + b"x", "two": good + good,
        "bom": b"\xef\xbb\xbf" + good,
        "utf8": good.replace(b'"echo"', b'"ec\xffho"'), "overlong": good.replace(b'"echo"', b'"\xc0\xaf"'),
        "surrogate bytes": good.replace(b'"arguments": {}', b'"arguments":{"a":"\xed\xa0\x80"}'),
        "lone surrogate": good.replace(b'"arguments": {}', b'"arguments":{"a":"\\ud800"}'),
        "nul": good.replace(b"echo", b"ec\0ho"), "raw newline": good.replace(b"echo", b"ec\nho"),
        "duplicate": good.replace(b'"name": "echo"', b'"name":"echo","name":"one"'),
        "escaped duplicate": good.replace(b'"name": "echo"', b'"name":"echo","n\\u0061me":"one"'),
        "duplicate argument": good.replace(b'"arguments": {}', b'"arguments":{"a":{"b":1,"b":1}}'),
        "comment": good.replace(b"{", b"{/**/", 1), "single quotes": good.replace(b'"', b"'"),
        "leading zero": good.replace(b'"arguments": {}', b'"arguments":{"a":01}'),
        "nan": good.replace(b'"arguments": {}', b'"arguments":{"a":NaN}'),
        "deep": good.replace(b'"arguments": {}', b'"arguments":{"a":' + b"[" * 100 + b"]" * 100 + b"}"),
    }
    gateway.clear()
    with agent(gateway) as m:
        for what, body in cases.items():
            assert body != good, what
            a = post(m, body)
            assert (a.status, a.error["code"]) == (400, -32700), (what, a)
            assert "id" not in a.json, what
        assert post(m, good).result, "the connection is as good as before"
    assert len(gateway.servers["both"].requests) == 1


def test_messages_that_are_json_but_not_json_rpc_are_refused(gateway):
    gateway.clear()
    with agent(gateway) as m:
        for body in (b"1", b"null", b'"x"', b"{}", b'{"jsonrpc":"1.0","id":1,"method":"tools/list"}',
                     b'{"id":1,"method":"tools/list"}', b'{"jsonrpc":"2.0","id":1,"method":1}',
                     b'{"jsonrpc":"2.0","id":1,"method":"tools/list","result":{}}',
                     b'{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled"}'):
            a = post(m, body)
            assert (a.status, a.error["code"]) == (400, -32600), (body, a)
        for params in (b"[]", b"1", b'{"name":1}', b'{"name":"echo","arguments":[]}'):
            body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}' % params
            a = post(m, body)
            assert a.error["code"] == -32602, (params, a)
    assert gateway.servers["both"].requests == []


def test_only_post_is_served_to_modern_agents(gateway):
    with agent(gateway) as m:
        for verb in ("GET", "PUT", "OPTIONS", "PATCH"):
            a = m.connection().request(verb, "/both", m.headers(None))
            assert a.status == 405 and "POST" in a.headers["allow"], (verb, a)
        session = post(m, body_of(), Mcp_Session_Id="chosen-by-the-agent", Last_Event_Id="9")
        assert session.result and "mcp-session-id" not in session.headers


def test_an_error_of_the_upstream_is_passed_on(gateway):
    @gateway.servers["both"].tool("one")
    def one(request, reply):
        reply.error(-32011, "out of stock", 200, sku="A7")
    with agent(gateway) as m:
        a = m.call("one", id=3)
        assert a.status == 200 and a.json["id"] == 3
        assert a.error == {"code": -32011, "message": "out of stock", "data": {"sku": "A7"}}
    records = gateway.audit("--tool", "one", "--type", "outcome")
    assert records[-1]["outcome"] == "rpc_error" and records[-1]["rpc_code"] == "-32011", records[-1]


def test_an_upstream_whose_era_is_unknown_is_asked_once(gateway):
    gateway.clear()
    with agent(gateway, "/new") as m:
        for _ in range(3):
            assert m.call("echo", {"a": 1}).result["structuredContent"] == {"a": 1}
    methods = [r.method for r in gateway.servers["new"].requests]
    assert methods.count("tools/call") == 3 and methods.count("server/discover") <= 1, methods
    assert "initialize" not in methods


def test_a_good_agent_is_served_by_plain_bytes_of_any_shape(gateway):
    """The body in single bytes, in chunks, and after a pause."""
    with agent(gateway) as m:
        body, head = body_of(), "".join(f"{k}: {v}\r\n" for k, v in m.headers(
            {"method": "tools/call", "params": {"name": "echo"}}).items())
        with Http(gateway.address, ca=gateway.ca) as http:
            for data in (f"POST /both HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                         f"POST /both HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
                         + b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"):
                for i in range(0, len(data), 7):
                    http.send(data[i:i + 7])
                assert http.answer().result["structuredContent"] == {}
