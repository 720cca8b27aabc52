"""Agents that come and go at any moment, upstreams that fail at random, operators that change everything
meanwhile: who stays is served, every call that was allowed has an outcome, and nothing is left behind."""
import json
import os
import random
import socket
import threading
import time

from client import Closed, Legacy, Modern
from runner import eventually
from upstream import Lab, Upstream, policy

AGENTS = {"basic": "basic", "enhanced": "enhanced", "strict": "strict"}


def slow(request, reply):
    reply.events()
    for i in range(request.arguments.get("steps", 4)):
        reply.progress(i)
        time.sleep(0.01)
    reply.result({"content": []})


def moody(request, reply):
    mood = random.randrange(7)
    if mood == 0:
        reply.close()
    elif mood == 1:
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        reply.close()
    elif mood == 2:
        reply.gone(1)
        reply.close()
    elif mood == 3:
        reply.events()
        reply.event({"id": "s", "method": "sampling/createMessage", "params": {}})
        reply.progress(1)
        time.sleep(0.01)
        reply.close()
    elif mood == 4:
        reply.http(200, b'{"jsonrpc":"2.0","id":"x","result":{}}')
    else:
        reply.result({"content": [{"type": "text", "text": "x" * random.randrange(40000)}]})


def lab(build, **kwargs):
    up = Upstream(conf={"era": "both", "response_timeout": "500ms", "breaker": {"failures": 1000},
                        "max_connections": 8})
    old = Upstream(eras=("legacy",), conf={"response_timeout": "500ms", "breaker": {"failures": 1000}})
    for server in (up, old):
        server.tool("slow")(slow)
        server.tool("moody")(moody)
    return Lab(build, {"up": up, "old": old}, {"/pair": {"upstreams": ["up", "old"]}}, workers=2,
               policies={n: policy("echo", "slow", "moody", level=level) for n, level in AGENTS.items()}, **kwargs)


def hang_up(m, rng):
    """Send a call and leave at some moment of its life, politely or not."""
    message = {"jsonrpc": "2.0", "id": rng.randrange(5), "method": "tools/call", "params": m.params(
        {"name": rng.choice(["slow", "moody", "echo"]), "arguments": {}}, {"progressToken": 1})}
    body = json.dumps(message).encode()
    data = (f"POST {m.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in m.headers(message).items())
            + f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    data *= rng.choice([1, 1, 3])
    m.connection().send(data[:rng.choice([len(data), len(data), len(data) // 2, 20])])
    time.sleep(rng.choice([0, 0, 0.005, 0.02, 0.05]))
    if rng.randrange(2):
        m.http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    m.close()


def act(m, rng):
    kind = rng.randrange(8)
    if kind < 3:
        hang_up(m, rng)
    elif kind == 3 and isinstance(m, Legacy):
        m.notify("notifications/cancelled", {"requestId": rng.randrange(5)})
    elif kind == 4 and isinstance(m, Legacy) and m.session:
        m.delete()
        m.session = m.initialized = None
    elif kind == 5:
        m.request(rng.choice(["tools/list", "server/discover", "ping", "prompts/list"]))
    else:
        prefix = "up__" if m.path == "/pair" else ""
        m.call(prefix + rng.choice(["echo", "slow", "moody"]), progress=rng.choice([None, 7]))


def storm(gateway, seed, rounds):
    rng = random.Random(seed)
    for _ in range(rounds):
        m = rng.choice([Modern, Legacy])(gateway, rng.choice(list(AGENTS)), path=rng.choice(["/up", "/old", "/pair"]),
                                         timeout=10)
        try:
            for _ in range(rng.randrange(1, 6)):
                act(m, rng)
        except (Closed, OSError, ValueError, AttributeError, TypeError):
            pass
        m.close()


def together(n, fn):
    threads = [threading.Thread(target=fn, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    return threads


def settle(gateway):
    def quiet():
        return all(w["connections_open"] == w["calls_open"] == 0 for w in gateway.ctl("workers"))
    eventually("every call to end", quiet, 30, 0.1)


def unfinished(gateway):
    """Calls that were allowed for agents whose calls must be recorded, less those with an outcome."""
    records = gateway.audit()
    done = {r["call"] for r in records if r["type"] == "outcome"}
    return [r for r in records if r["type"] == "decision" and r["decision"] == "allow" and r["call"] not in done]


def test_agents_that_leave_at_any_moment_leave_nothing_behind(make):
    g = make(kind=lab)
    for t in together(8, lambda i: storm(g, i, 25)):
        t.join()
    settle(g)
    assert unfinished(g) == []
    assert g.ctl_text("audit", "verify")[0] == 0
    assert all(w["restarts"] == 0 and w["state"] == "ready" for w in g.ctl("workers"))
    for path in ("/up", "/old"):
        for client in (Modern, Legacy):
            with client(g, "strict", path=path) as m:
                assert m.call("echo", {"after": "the storm"}).result


def test_changes_of_everything_disturb_no_call(make):
    """Reloads that change policies, routes, upstreams and certificates, while agents go on."""
    g, stop, wrong, served = make(kind=lab), threading.Event(), [], [0]

    def run(i):
        with [Modern, Legacy][i % 2](g, list(AGENTS)[i % 3], path="/up") as m:
            while not stop.is_set():
                a = m.call("echo" if i % 3 else "slow", {"i": i}, progress=1)
                served[0] += 1
                if not a.result:
                    wrong.append(a)
                    return
    threads = together(6, run)
    for n in range(12):
        g.write_policies({**{a: policy("echo", "slow", "moody", minute=100000 + n, level=level)
                             for a, level in AGENTS.items()}, f"extra-{n}": policy(f"tool-{n}")})
        g.settings["upstreams"][2]["max_connections"] = 8 + n
        g.settings["routes"].insert(0, {**g.settings["routes"][-1], "path": f"/extra-{n}",
                                        "resource": f"https://{g.host}/extra-{n}"})
        if n % 4 == 3:
            g.make(["pki", os.path.join(g.dir, f"pki-{n}")])
            for file in ("server.pem", "server.key"):
                os.replace(os.path.join(g.dir, f"pki-{n}", file), os.path.join(g.pki, file))
        g.write_config()
        g.ctl("config", "reload")
        time.sleep(0.03)
    stop.set()
    for t in threads:
        t.join()
    assert not wrong, wrong[:3]
    assert served[0] > 100
    g.ctl("policy", "rollback")
    settle(g)
    assert unfinished(g) == []


def test_a_graceful_stop_lets_calls_finish(make):
    g, got = make(kind=lab), {}

    def run(i):
        with [Modern, Legacy][i % 2](g, "strict", path="/up") as m:
            got[i] = m.call("slow", {"steps": 40}, progress=1)
    threads = together(4, run)
    eventually("the calls to begin", lambda: len(g.servers["up"].calls("slow")) == 4)
    idle = g.connect()
    idle.request("GET", "/healthz", {"Host": g.host})
    g.stop_gateway()
    for t in threads:
        t.join()
    assert all(a.result is not None and len(a.events) == 41 for a in got.values()), got
    try:
        idle.more()
        raise AssertionError("an idle connection outlived its gateway")
    except (Closed, OSError):
        pass
