"""HTTP/1.1 at the door: framing, smuggling, limits and time limits, hosts and origins, and clients that crawl."""
import json
import os
import socket
import threading
import time

from client import Closed, Http, Modern
from gateway import Taps
from runner import eventually, skip
from upstream import Lab, Upstream, policy

AGENT = "tester"
TIMES = {"head": "500ms", "body": "600ms", "idle": "1500ms", "write": "800ms", "tls": "1s"}


def shared(build):
    return Lab(build, {"up": Upstream(conf={"era": "both"})},
               {"/up": {"origins": ["https://app.example", "http://localhost:3000"]}, "/legacy":
                {"upstreams": ["up"], "eras": ["legacy"]}, "/modern": {"upstreams": ["up"], "eras": ["modern"]}},
               policies={AGENT: policy("echo", "big_answer", "slow"), "counted": policy("echo")},
               config={"timeouts": TIMES, "limits": {"max_head": "4KiB", "max_headers": 24, "max_body": "16KiB"}})


def body_of(**arguments):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo", "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}}).encode()


def lines(gateway, **changes):
    """Header lines of a good call; a change of None leaves one out."""
    h = {"Host": gateway.host, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
         "Authorization": f"Bearer {gateway.token(AGENT)}", "MCP-Protocol-Version": "2026-07-28",
         "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    h.update({k.replace("_", "-"): v for k, v in changes.items()})
    return "".join(f"{k}: {v}\r\n" for k, v in h.items() if v is not None)


def post(gateway, body=None, extra="", line="POST /up HTTP/1.1", length=True, **changes):
    """A good call as bytes, but for what is changed."""
    body = body_of() if body is None else body
    head = f"{line}\r\n{lines(gateway, **changes)}{extra}"
    if length:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode("latin-1") + b"\r\n" + body


def ask(gateway, data, half=False):
    """The answer to bytes on a connection of their own."""
    with gateway.connect() as http:
        http.send(data)
        return http.answer()


def rest(http):
    """Answers until the connection ends, as (status, id or reason)."""
    got = []
    try:
        while True:
            a = http.answer()
            got.append((a.status, a.reason or (a.json or {}).get("id")))
    except (Closed, OSError):
        return got


def test_a_connection_serves_many_requests(gateway):
    with gateway.connect() as http:
        for i in range(50):
            http.send(post(gateway, body_of(i=i)))
            assert http.answer().result["structuredContent"] == {"i": i}
        http.send(post(gateway, extra="Connection: close\r\n"))
        a = http.answer()
        assert a.result and a.headers["connection"] == "close"
        assert rest(http) == []


def test_pipelined_requests_of_all_kinds_are_answered_in_order(gateway):
    kinds = [(post(gateway), 200), (post(gateway, b"{"), 400), (post(gateway, line="POST /nowhere HTTP/1.1"), 404),
             (f"GET /healthz HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode(), 200),
             (post(gateway, Authorization=None), 401), (post(gateway, Mcp_Name="x"), 400)]
    wanted = [kinds[i % len(kinds)] for i in range(60)]
    with gateway.connect() as http:
        http.send(b"".join(k[0] for k in wanted))  # from this thread: a TLS state serves one at a time
        assert [http.answer().status for _ in wanted] == [k[1] for k in wanted]


def test_chunked_bodies_of_any_shape_are_taken(gateway):
    body = body_of(text="x" * 300)
    shapes = [b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
              b"".join(b"%X\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
              + b"0\r\n\r\n",
              b"%04x\r\n%s\r\n000\r\n\r\n" % (len(body), body)]
    for shape in shapes:
        data = post(gateway, b"", "Transfer-Encoding: chunked\r\n", length=False) + shape
        a = ask(gateway, data)
        assert a.result and a.result["structuredContent"]["text"] == "x" * 300, (shape[:40], a)
        with gateway.connect() as http:
            http.send(data + post(gateway))
            assert http.answer().result and http.answer().result, "what follows is a request of its own"


def test_expect_100_continue_is_answered_before_the_body(gateway):
    data = post(gateway, extra="Expect: 100-continue\r\n")
    head, body = data.split(b"\r\n\r\n", 1)
    with gateway.connect() as http:
        http.send(head + b"\r\n\r\n")
        got = http.until(b"\r\n\r\n")
        assert got == b"HTTP/1.1 100 Continue", got
        http.send(body)
        assert http.answer().result
    with gateway.connect() as http:
        http.send(post(gateway, b"", "Expect: 100-continue\r\nContent-Length: 99999\r\n", length=False))
        assert http.until(b"\r\n").startswith(b"HTTP/1.1 413"), "nothing is asked for that would be refused"
    assert ask(gateway, post(gateway, extra="Expect: 200-ok\r\n")).status == 417


def smuggled(gateway):
    """The second request that must never run by itself."""
    return post(gateway, body_of(who="smuggled"))


def smuggling(gateway):
    """What a first request may look like to make somebody see another end of it."""
    second, body = smuggled(gateway), body_of(who="first")
    chunked = b"%x\r\n%s\r\n" % (len(body), body)
    n = len(body)

    def both(extra, rest_of=b""):
        return post(gateway, b"", extra, length=False) + rest_of
    yield "CL and TE", both(f"Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + second)
    yield "TE and CL", both("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked + b"0\r\n\r\n" + second)
    for value in ("chunked, identity", "identity", "identity, chunked", "gzip, chunked", "xchunked", "chunked,",
                  "\tchunked x", "chunked; q=1", '"chunked"'):
        yield f"TE {value}", both(f"Transfer-Encoding: {value}\r\n", chunked + b"0\r\n\r\n" + second)
    twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
    yield "TE twice", both(twice, chunked + b"0\r\n\r\n" + second)
    yield "TE with space", both("Transfer-Encoding : chunked\r\n", chunked + b"0\r\n\r\n" + second)
    yield "TE folded", both("Transfer-Encoding:\r\n chunked\r\n", chunked + b"0\r\n\r\n" + second)
    yield "TE behind a tab line", both("X: y\r\n\tTransfer-Encoding: chunked\r\n", chunked + b"0\r\n\r\n" + second)
    for value in (f"{n}, {n}", f"+{n}", f"-{n}", f"0x{n:x}", f"{n}.0", f"{n} {n}", "", "1e2", f"{n}\x0b",
                  "18446744073709551616", "99999999999999999999999"):
        yield f"CL {value!r}", both(f"Content-Length: {value}\r\n", body + second)
    yield "CL twice", both(f"Content-Length: {n}\r\nContent-Length: 0\r\n", body + second)
    yield "CL twice the same", both(f"Content-Length: {n}\r\nContent-Length: {n}\r\n", body + second)
    yield "CL with space", both(f"Content-Length : {n}\r\n", body + second)
    for size in (b"0x5", b"5 ", b" 5", b"-5", b"+5", b"g", b"", b"5;" + b"x" * 5000, b"ffffffffffffffff1", b"5\n",
                 b"5;a=\"\r\n\""):
        yield f"chunk size {size[:20]!r}", both("Transfer-Encoding: chunked\r\n",
                                                size + b"\r\n{\"a\":\r\n0\r\n\r\n" + second)
    yield "chunk without its end", both("Transfer-Encoding: chunked\r\n", b"%x\r\n%sXX0\r\n\r\n" % (n, body) + second)
    yield "LF chunk ends", both("Transfer-Encoding: chunked\r\n", chunked.replace(b"\r\n", b"\n") + b"0\n\n" + second)
    yield "a trailer", both("Transfer-Encoding: chunked\r\n", chunked + b"0\r\nHost: evil\r\n\r\n" + second)
    good = post(gateway, body)
    yield "bare LF", good.replace(b"\r\n", b"\n") + second
    yield "LF in a header", good.replace(b"Content-Type", b"X: y\nContent-Length: 0\r\nContent-Type", 1) + second
    yield "CR in a header", good.replace(b"Content-Type", b"X: y\rContent-Length: 0\r\nContent-Type", 1) + second
    yield "NUL in a header", good.replace(b"Content-Type", b"X: \0y\r\nContent-Type", 1) + second
    yield "high byte", good.replace(b"Content-Type", b"X: \xe9\r\nContent-Type", 1) + second
    yield "name with space", good.replace(b"Content-Type", b"X y: z\r\nContent-Type", 1) + second
    yield "no colon", good.replace(b"Content-Type", b"nothing\r\nContent-Type", 1) + second
    yield "empty name", good.replace(b"Content-Type", b": z\r\nContent-Type", 1) + second
    yield "folded", good.replace(b"Content-Type", b"X: y\r\n z\r\nContent-Type", 1) + second
    yield "two hosts", good.replace(b"Content-Type", b"Host: evil\r\nContent-Type", 1) + second
    yield "no host", post(gateway, body, Host=None) + second
    yield "host with path", post(gateway, body, Host=f"{gateway.host}/x") + second
    yield "two tokens", good.replace(b"Content-Type", b"Authorization: Bearer x\r\nContent-Type", 1) + second
    for line in (f"POST https://{gateway.host}/up HTTP/1.1", "POST /up HTTP/1.0", "POST /up HTTP/2.0", "POST /up",
                 "POST  /up HTTP/1.1", "POST /up  HTTP/1.1", "POST\t/up HTTP/1.1", "POST /up HTTP/1.1 ",
                 "POST /up HTTP/1.1x", "post /up HTTP/1.1", "POST up HTTP/1.1", "POST * HTTP/1.1",
                 "POST /up#x HTTP/1.1", "CONNECT evil:443 HTTP/1.1", "PRI * HTTP/2.0",
                 "POST /u\x00p HTTP/1.1", "P\u00f6ST /up HTTP/1.1"):
        yield f"line {line!r}", post(gateway, body, line=line) + second
    yield "upgrade", post(gateway, body, "Upgrade: h2c\r\nConnection: Upgrade\r\n") + second
    yield "empty lines before", b"\r\n\r\n" + good + second


def test_no_request_is_smuggled_past_the_judgement(gateway):
    """Whatever the first looks like: it is refused, and nothing behind it runs or is even looked at."""
    server = gateway.servers["up"]
    n, audited = 0, len(gateway.audit("--agent", AGENT, "--type", "decision", settle=1))
    for what, data in smuggling(gateway):
        n += 1
        server.requests.clear()
        with gateway.connect(timeout=5) as http:
            http.send(data)
            got = rest(http)
        assert len(got) == 1 and 400 <= got[0][0] <= 505, (what, got)
        assert server.requests == [], what
    assert n > 70
    assert len(gateway.audit("--agent", AGENT, "--type", "decision")) == audited, "what is not HTTP is no call"


def test_the_upstream_sees_exactly_what_was_audited(gateway):
    """Bodies that look like requests, pipelined behind each other, are one request each."""
    server = gateway.servers["up"]
    server.requests.clear()
    inner = post(gateway, body_of(who="inner")).decode("latin-1")
    data = b"".join(post(gateway, body_of(i=i, text=inner), Authorization=f"Bearer {gateway.token('counted')}")
                    for i in range(5))
    with gateway.connect() as http:
        http.send(data)
        answers = [http.answer() for _ in range(5)]
    assert all(a.result["structuredContent"]["text"] == inner for a in answers)
    audited = gateway.audit("--agent", "counted", "--type", "decision", settle=1)
    assert len(server.calls("echo")) == len(audited) == 5 and all(r["decision"] == "allow" for r in audited)


def test_limits_have_a_status_each(gateway):
    assert ask(gateway, post(gateway, body_of(text="x" * 17000))).status == 413
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with gateway.connect() as http:
        http.send(post(gateway, b"", "Transfer-Encoding: chunked\r\n", length=False) + chunk * 5)
        assert http.answer().status == 413
    assert ask(gateway, post(gateway, extra="X-Long: " + "x" * 5000 + "\r\n")).status == 431
    assert ask(gateway, post(gateway, extra="".join(f"X-{i}: y\r\n" for i in range(30)))).status == 431
    assert ask(gateway, post(gateway, line=f"POST /{'u' * 5000} HTTP/1.1")).status == 414
    assert ask(gateway, post(gateway, body_of(text="x" * 15000))).result, "just below"
    assert ask(gateway, post(gateway, extra="".join(f"X-{i}: y\r\n" for i in range(15)))).result


def test_media_types_and_paths_and_verbs(gateway):
    for value, status in (("application/json", 200), ("application/json; charset=utf-8", 200),
                          ("Application/JSON", 200), ("text/plain", 415), ("application/jsonp", 415), (None, 415),
                          ("application/x-www-form-urlencoded", 415)):
        assert ask(gateway, post(gateway, Content_Type=value)).status == status, value
    assert ask(gateway, post(gateway, Content_Encoding="gzip")).status == 415
    for value, status in (("application/json, text/event-stream", 200), ("*/*", 200), (None, 200),
                          ("application/json", 406), ("text/event-stream", 406), ("text/html", 406),
                          ("application/*, text/*", 200), ("application/json;q=0, text/event-stream", 406)):
        assert ask(gateway, post(gateway, Accept=value)).status == status, value
    for path, status in (("/up", 200), ("/up?x=1", 200), ("/up/", 404), ("/UP", 404), ("/", 404), ("/up/../up", 404),
                         ("/%75p", 404), ("//up", 404), ("/up;x", 404), ("/nowhere", 404)):
        assert ask(gateway, post(gateway, line=f"POST {path} HTTP/1.1")).status == status, path
    for verb in ("GET", "PUT", "OPTIONS", "PATCH", "TRACE"):
        a = ask(gateway, post(gateway, line=f"{verb} /up HTTP/1.1"))
        assert a.status == 405 and a.headers["allow"] == "POST, DELETE", (verb, a)
    assert ask(gateway, post(gateway, line="BREW /up HTTP/1.1")).status == 501


def test_head_is_answered_without_a_body(gateway):
    with gateway.connect() as http:
        for path, status in (("/healthz", 200), ("/up", 405), ("/nowhere", 404)):
            http.send(f"HEAD {path} HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode() + post(gateway))
            assert http.answer("HEAD").status == status, path
            assert http.answer().result, "the next answer begins where it should"


def test_hosts_and_origins_are_those_configured(gateway):
    port = gateway.port
    for host, status in ((f"localhost:{port}", 200), (f"LOCALHOST:{port}", 200), (f"127.0.0.1:{port}", 200),
                         ("localhost", 403), (f"localhost:{port + 1}", 403), ("evil.example", 403),
                         (f"localhost.:{port}", 403), (f"xlocalhost:{port}", 403), (f"user@localhost:{port}", 400)):
        a = ask(gateway, post(gateway, Host=host))
        assert a.status == status and a.reason in (None, "host_forbidden", "http_invalid"), (host, a)
    for origin, status in (("https://app.example", 200), ("HTTPS://APP.example", 200), ("http://localhost:3000", 200),
                           ("http://app.example", 403), ("https://app.example.evil", 403), ("null", 403), ("", 403),
                           ("https://app.example:444", 403), (f"https://localhost:{port}", 403)):
        for verb in ("POST", "GET", "DELETE", "OPTIONS"):
            a = ask(gateway, post(gateway, line=f"{verb} /up HTTP/1.1", Origin=origin))
            allowed = {"POST": 200, "GET": 405, "DELETE": 400, "OPTIONS": 405}[verb]
            assert a.status == (status if status == 403 else allowed), (origin, verb, a)
    assert ask(gateway, post(gateway, line="POST /modern HTTP/1.1", Origin="https://app.example")).status == 403


def test_a_route_serves_the_eras_it_is_configured_for(gateway):
    assert ask(gateway, post(gateway, line="POST /modern HTTP/1.1")).result
    a = ask(gateway, post(gateway, line="POST /legacy HTTP/1.1"))
    assert a.status == 400 and a.error["code"] == -32022, a
    old = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
    changes = {"MCP_Protocol_Version": None, "Mcp_Method": None, "Mcp_Name": None}
    assert ask(gateway, post(gateway, old, line="POST /legacy HTTP/1.1", **changes)).result
    a = ask(gateway, post(gateway, old, line="POST /modern HTTP/1.1", **changes))
    assert a.status == 400 and a.error["code"] == -32022, a


def elapsed(gateway, data, then=b"", every=0.0):
    """Seconds until the connection is closed, and what came; `then` is sent in single bytes.

    One thread writes and reads, for a TLS connection's state is no two threads' to share.
    """
    with gateway.connect(timeout=8) as http:
        http.send(data)
        started = time.monotonic()
        http.sock.settimeout(every)
        for byte in then:
            try:
                http.send(bytes([byte]))
                http.more()
                break
            except TimeoutError:
                pass
            except (Closed, OSError):
                break
        http.sock.settimeout(8)
        got = rest(http)
        return time.monotonic() - started, got


def test_heads_bodies_and_idle_connections_have_their_time(gateway):
    data = post(gateway)
    head_end = data.index(b"\r\n\r\n") + 4
    for what, sent, then, least, timer, status in (
            ("half a head", data[:60], b"", 0.3, "timeout_head", 408),
            ("a head in drops", data[:60], data[60:head_end], 0.3, "timeout_head", 408),
            ("half a body", data[:-10], b"", 0.4, "timeout_body", 408),
            ("a body in drops", data[:head_end], data[head_end:], 0.4, "timeout_body", 408),
            ("nothing", b"", b"", 1.2, "timeout_idle", None),
            ("nothing after an answer", data, b"", 1.2, "timeout_idle", 200)):
        before = worker(gateway)[timer]
        took, got = elapsed(gateway, sent, then, 0.05)
        assert least <= took < 6, (what, took)  # all drops take longer
        assert [s for s, _ in got] == ([status] if status else []), (what, got)
        assert worker(gateway)[timer] > before, (what, timer)


def test_an_agent_that_does_not_read_its_answer_is_let_go(make):
    g = make(kind=Lab, servers={"up": Upstream(conf={"era": "both"})}, policies={AGENT: policy("echo", "big_answer")},
             config={"timeouts": TIMES})
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "big_answer", "arguments": {"bytes": 3000000}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}}}).encode()
    with Modern(g, AGENT) as m:
        assert len(m.call("big_answer", {"bytes": 3000000}).body) > 3000000, "who reads gets all of it"
    conns = []
    for _ in range(4):
        http = g.connect()
        http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        http.send(post(g, body, line="POST /mcp HTTP/1.1", Mcp_Name="big_answer"))
        conns.append(http)
    eventually("the readers to be let go", lambda: worker(g)["timeout_write"] >= 4, 30)
    assert worker(g)["connections_open"] == 0 and worker(g)["calls_open"] == 0
    for http in conns:
        http.close()
    with Modern(g, AGENT) as m:
        assert m.call("echo").result
        assert len(m.call("big_answer", {"bytes": 3000000}).body) > 3000000


def worker(gateway):
    w = gateway.ctl("workers")
    return w[0] if isinstance(w, list) else w


def timed_calls(gateway, n=150):
    """Seconds that so many calls took, in rising order."""
    took = []
    with Modern(gateway, AGENT, path="/up") as m:
        for i in range(n):
            started = time.monotonic()
            assert m.call("echo", {"i": i}).result
            took.append(time.monotonic() - started)
    return sorted(took)


def test_crawling_clients_cost_the_others_nothing(gateway):
    stop, crawlers, alone = threading.Event(), [], timed_calls(gateway)
    for _ in range(150):
        http = gateway.connect()
        http.send(b"POST /up HTTP/1.1\r\nX: ")
        crawlers.append(http)

    def crawl():
        while not stop.is_set():
            for http in crawlers:
                try:
                    http.send(b"x")
                except OSError:
                    pass
            time.sleep(0.05)
    t = threading.Thread(target=crawl, daemon=True)
    t.start()
    took = timed_calls(gateway)
    eventually("the crawlers to be let go", lambda: worker(gateway)["connections_open"] <= 1, 20)
    stop.set()
    t.join()
    assert took[75] < 3 * alone[75] + 0.25 and took[-2] < 3 * alone[-2] + 3, (took[75], took[-2], alone[75])
    for http in crawlers:
        http.close()


def open_raw(gateway, source="127.0.0.1"):
    """A plain TCP connection from an address of loopback."""
    s = socket.socket()
    s.settimeout(5)
    s.bind((source, 0))
    s.connect(gateway.address)
    return s


def refused(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connections_are_limited_by_address_and_in_total(make):
    if Taps.wanted():
        skip("there are no other addresses of the loopback network over a port")
    g = make(config={"limits": {"max_connections": 24, "max_connections_per_address": 10}})
    held = [open_raw(g) for _ in range(10)]
    eventually("ten to be open", lambda: worker(g)["connections_open"] == 10)
    over = open_raw(g)
    assert refused(over), "the eleventh of one address"
    assert worker(g)["shed_per_address"] == 1
    held += [open_raw(g, "127.0.0.2") for _ in range(10)] + [open_raw(g, "127.0.0.3") for _ in range(4)]
    eventually("all to be open", lambda: worker(g)["connections_open"] == 24)
    full = open_raw(g, "127.0.0.4")
    assert refused(full) and worker(g)["shed_connections"] == 1, "the twenty-fifth of all"
    for s in (*held, over, full):
        s.close()
    eventually("all to be closed", lambda: worker(g)["connections_open"] == 0)
    with Modern(g, "customer-support-bot") as m:
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result


def test_calls_in_flight_are_limited_by_agent(make):
    server = Upstream(conf={"era": "both"})
    release = threading.Event()

    @server.tool("slow")
    def slow(request, reply):
        release.wait(10)
        reply.result({"content": []})
    g = make(kind=Lab, servers={"up": server}, policies={AGENT: policy("slow", "echo"), "other": policy("echo")},
             config={"limits": {"max_calls_per_agent": 3}})
    threads = [threading.Thread(target=lambda: Modern(g, AGENT, path="/up").call("slow")) for _ in range(3)]
    for t in threads:
        t.start()
    eventually("three calls", lambda: len(server.calls("slow")) == 3)
    with Modern(g, AGENT, path="/up") as m, Modern(g, "other", path="/up") as other:
        a = m.call("echo")
        assert a.status == 503 and a.reason == "overload" and a.headers["retry-after"], a
        assert other.call("echo").result
        release.set()
        for t in threads:
            t.join()
        assert m.call("echo").result


def test_plain_http_is_served_where_it_is_configured(make, tmp):
    path = os.path.join(tmp, "door.sock")
    g = make(start=False)
    g.settings["listeners"].append({"address": f"unix:{path}", "tls": False})
    g.write_config()
    g.start()
    with Http(path) as http:
        http.send(post(g, line="POST /mcp HTTP/1.1", Authorization=f"Bearer {g.token('financial-analyst-bot')}"))
        assert http.answer().result
        http.send(post(g, line="POST /mcp HTTP/1.1", Authorization=None))
        assert http.answer().status == 401
