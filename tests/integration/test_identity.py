"""Who calls: bearer tokens and what they must say, key sets that change, revocation, and nobody by default."""
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

from client import Http, Legacy, Modern
from runner import eventually
from tokens import Issuer
from upstream import Lab, Upstream, policy

AGENT = "tester"
KEY = Issuer(kid="current")
OTHER = Issuer(kid="current")
SCOPES = ["tools:call", "tools:read"]


def lab(build, jwks=None, config=None, **kwargs):
    """A Lab whose issuer's key is known here, so that every kind of token can be made."""
    routes = {"/scoped": {"upstreams": ["up"], "scopes": SCOPES},
              "/anon": {"upstreams": ["up"], "anonymous_agent": "guest"}}
    g = Lab(build, {"up": Upstream(conf={"era": "both"})}, routes, start=False, **{
        "workers": 2, "policies": {n: policy("echo") for n in (AGENT, "guest", "bound", "stopped", "rotated")},
        **kwargs})
    g.settings["issuers"] = [{"issuer": KEY.name, "algorithms": ["ES256"], "leeway": "0s",
                              "jwks_file": os.path.join(g.dir, "jwks.json")}]
    g.settings["tls"]["client_ca"] = g.ca
    g.settings["upstreams"][-1]["credential"] = {"header": "Authorization", "value_file": write(
        g, "credential", "Bearer the-gateways-own")}
    g.settings.update(config or {})
    write(g, "jwks.json", jwks or KEY.jwks())
    g.write_config()
    g.start()
    return g


def shared(build):
    return lab(build)


def write(gateway, name, text):
    path = os.path.join(gateway.dir, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def resource(gateway, path):
    return f"https://{gateway.host}{path}"


def token(gateway, path="/up", issuer=KEY, **claims):
    return issuer.token(**{"sub": AGENT, "aud": resource(gateway, path), **claims})


def agent(gateway, bearer=None, path="/up", client=Modern, **kwargs):
    return client(gateway, token=bearer if bearer is not None else token(gateway, path), path=path, **kwargs)


def challenge(a):
    """The parameters of a Bearer challenge."""
    scheme, rest = a.headers["www-authenticate"].split(" ", 1)
    assert scheme == "Bearer"
    return dict(p.strip().split("=", 1) for p in rest.replace('"', "").split(","))


def test_a_good_token_is_served_and_does_not_go_upstream(gateway):
    gateway.clear()
    bearer = token(gateway)
    for client in (Modern, Legacy):
        with agent(gateway, bearer, client=client) as m:
            assert m.call("echo", {"a": 1}).result["structuredContent"] == {"a": 1}
    seen = gateway.servers["up"].requests
    assert all(r.headers["authorization"] == "Bearer the-gateways-own" for r in seen)
    for part in bearer.split("."):
        assert all(part.encode() not in r.head + r.body for r in seen)


def test_without_a_token_the_agent_is_told_where_to_get_one(gateway):
    gateway.clear()
    for client in (Modern, Legacy):
        with client(gateway, path="/up") as m:
            a = m.call("echo") if client is Modern else m.open()
            assert a.status == 401 and a.reason == "token_missing", a
            assert challenge(a) == {"resource_metadata":
                                    f"https://{gateway.host}/.well-known/oauth-protected-resource/up"}
    with Modern(gateway, path="/scoped") as m:
        assert challenge(m.call("echo"))["scope"] == " ".join(SCOPES)
    with gateway.connect() as http:
        a = http.request("DELETE", "/up", {"Host": gateway.host, "Mcp-Session-Id": "x"})
        assert a.status == 401, a
    assert gateway.servers["up"].requests == []


def test_the_resource_metadata_is_where_the_challenge_says(gateway):
    with gateway.connect() as http:
        for path, of in (("", "/mcp"), ("/mcp", "/mcp"), ("/up", "/up"), ("/scoped", "/scoped")):
            a = http.request("GET", f"/.well-known/oauth-protected-resource{path}", {"Host": gateway.host})
            assert a.status == 200 and a.headers["content-type"] == "application/json", (path, a)
            assert a.json["resource"] == resource(gateway, of), (path, a)
            assert a.json["authorization_servers"] == [KEY.name]
            assert a.json["bearer_methods_supported"] == ["header"]
            assert a.json.get("scopes_supported") == (SCOPES if of == "/scoped" else None)
        for path in ("/nowhere", "/", "/up/x", "x"):
            a = http.request("GET", f"/.well-known/oauth-protected-resource{path}", {"Host": gateway.host})
            assert a.status == 404, (path, a)
        a = http.request("POST", "/.well-known/oauth-protected-resource", {"Host": gateway.host}, b"{}")
        assert a.status == 405


def test_tokens_that_are_not_good_are_refused_and_nothing_is_asked_upstream(gateway):
    good, now = token(gateway), int(time.time())
    head, body, signature = good.split(".")
    flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    cases = {
        "of another issuer": (token(gateway, iss="https://other.example"), "token_issuer"),
        "without issuer": (token(gateway, iss=None), "token_issuer"),
        "of almost this issuer": (token(gateway, iss=KEY.name + "/"), "token_issuer"),
        "for another route": (token(gateway, "/scoped"), "token_audience"),
        "for another host": (token(gateway, aud="https://elsewhere.example/up"), "token_audience"),
        "without audience": (token(gateway, aud=None), "token_audience"),
        "for a prefix": (token(gateway, aud=f"https://{gateway.host}/"), "token_audience"),
        "for several, of nobody": (token(gateway, aud=[resource(gateway, "/up"), "x"], client_id=None),
                                   "token_audience"),
        "expired": (token(gateway, exp=now - 5, iat=now - 100), "token_expired"),
        "not yet": (token(gateway, nbf=now + 60), "token_not_yet"),
        "issued in the future": (token(gateway, iat=now + 60), "token_not_yet"),
        "without expiry": (token(gateway, exp=None), "token_claims"),
        "of a fraction": (token(gateway, exp=now + 60.5), "token_claims"),
        "for ten years": (token(gateway, exp=now + 10 * 365 * 86400), "token_claims"),
        "of nobody": (token(gateway, sub=None), "token_claims"),
        "bound to a key": (token(gateway, cnf={"jkt": "x"}), "token_claims"),
        "of no algorithm": (token(gateway, header={"alg": "none"}, sign=lambda t: b""), None),
        "of a symmetric one": (token(gateway, header={"alg": "HS256"}, sign=KEY.hs256), "token_algorithm"),
        "of one not configured": (token(gateway, header={"alg": "ES384"}), "token_algorithm"),
        "of a key unknown": (token(gateway, header={"kid": "unknown"}), "token_key_unknown"),
        "of another's key": (token(gateway, issuer=OTHER), "token_signature"),
        "tampered": (f"{head}.{body}.{flipped}", "token_signature"),
        "of another body": (f"{head}.{token(gateway, sub='guest').split('.')[1]}.{signature}", "token_signature"),
        "without signature": (f"{head}.{body}.", None), "of two parts": (f"{head}.{body}", "token_malformed"),
        "of four": (good + ".x", "token_malformed"), "padded": (good + "=", "token_malformed"),
        "an id token": (token(gateway, header={"typ": "id_token+jwt"}), None),
        "with what is critical": (token(gateway, header={"crit": ["x"], "x": 1}), None),
        "with a key of its own": (token(gateway, header={"jwk": OTHER.jwk()}, issuer=OTHER), None),
        "no token": ("x", "token_malformed"), "long": ("x" * 9000, None),
    }
    gateway.clear()
    before = len(gateway.audit("--type", "auth_failure"))
    for what, (bearer, reason) in cases.items():
        with agent(gateway, bearer) as m:
            a = m.call("echo")
            assert a.status == 401 and challenge(a)["error"] == "invalid_token", (what, a)
            assert reason in (None, a.reason), (what, a)
            assert m.call("echo").status == 401, "nor the second time"
    assert gateway.servers["up"].requests == []
    records = gateway.audit("--type", "auth_failure")[before:]
    assert len(records) == 2 * len(cases) and all(r["decision"] == "deny" for r in records)
    assert not any("agent" in r for r in records), "a name nobody proved is not recorded"
    with agent(gateway, good) as m:
        assert m.call("echo").result


def test_what_is_no_bearer_token_is_refused(gateway):
    good = token(gateway)
    for value in ("", "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", f"Bearer  {good}", f"Bearer {good} x",
                  f"Token {good}", good, f"Bearer {good}, Bearer {good}"):
        with Modern(gateway, path="/up", headers={"Authorization": value}) as m:
            assert m.call("echo").status == 401, value
    with Modern(gateway, path=f"/up?access_token={good}") as m:
        assert m.call("echo").status == 401, "a token in the query is none"
    for value in (f"bearer {good}", f"BEARER {good}"):
        with Modern(gateway, path="/up", headers={"Authorization": value}) as m:
            assert m.call("echo").result, "the scheme's name is case-insensitive"


def test_one_connection_may_carry_different_agents_and_routes(gateway):
    mine, scoped = token(gateway), token(gateway, "/scoped", scope=" ".join(SCOPES))
    with agent(gateway, mine) as m:
        for path, bearer, status in (("/up", mine, 200), ("/scoped", mine, 401), ("/scoped", scoped, 200),
                                     ("/up", scoped, 401), ("/up", "", 401), ("/up", mine, 200)):
            m.path, m.token = path, bearer
            assert m.call("echo").status == status, (path, status)


def test_what_a_connection_keeps_of_a_token_is_gone_with_it(make):
    """Scopes, agent, record and rules are kept with the token they were found by: the next one has its own."""
    g = make(kind=lab, workers=1)
    full = " ".join(SCOPES)
    mine, bare = token(g, "/scoped", scope=full, jti="mine"), token(g, "/scoped", scope="tools:call", jti="bare")
    others = token(g, "/scoped", sub="bound", scope=f"more {full}", jti="others")
    with agent(g, mine, "/scoped") as m:
        connection = m.connection()
        for bearer, status in ((mine, 200), (mine, 200), (bare, 403), (bare, 403), (mine, 200), (others, 200),
                               (others, 200), (mine, 200), (others, 200)):
            m.token = bearer
            a = m.call("echo")
            assert a.status == status and (status == 200) == bool(a.result), (status, a)
            assert status == 200 or a.reason == "insufficient_scope", a
        records = g.audit("--type", "decision")
        of = {jti: hashlib.sha256(f"{KEY.name}\0{jti}".encode()).hexdigest()[:32] for jti in ("mine", "bare", "others")}
        said = [(r["agent"], r["scopes"], r["token_hash"]) for r in records]
        first, less, other = (AGENT, full, of["mine"]), (AGENT, "tools:call", of["bare"]), (
            "bound", f"more {full}", of["others"])
        assert said == [first, first, less, less, first, other, other, first, other], said
        g.write_policies({n: policy("echo") for n in (AGENT, "guest")})
        g.ctl("policy", "publish", os.path.join(g.dir, "policy"))
        for bearer, reason in ((others, "agent_unknown"), (mine, None), (others, "agent_unknown")):
            m.token = bearer
            a = m.call("echo")
            assert a.reason == reason and (reason is not None or a.result), (reason, a)
        assert m.connection() is connection, "all on one connection"


def test_a_token_that_repeats_in_its_place_is_still_told_from_another_and_asked_about(make):
    """After some heads alike the token in them is known by its place: another in that place, as long, is another."""
    g = make(kind=lab, workers=1)
    one, two = token(g, jti="one"), token(g, jti="two")
    assert len(one) == len(two)
    of = {t: hashlib.sha256(f"{KEY.name}\0{jti}".encode()).hexdigest()[:32] for t, jti in ((one, "one"), (two, "two"))}
    order = [one] * 6 + [two] + [one] * 6 + [two] * 6 + [one]
    with agent(g, one) as m:
        connection = m.connection()
        for bearer in order:
            m.token = bearer
            assert m.call("echo").result
        assert [r["token_hash"] for r in g.audit("--type", "decision")] == [of[t] for t in order]
        m.token = two
        for _ in range(6):
            assert m.call("echo").result
        g.ctl("revoke", "token", of[two])
        for bearer, reason in ((two, "token_revoked"), (two, "token_revoked"), (one, None), (two, "token_revoked")):
            m.token = bearer
            assert m.call("echo").reason == reason
        assert m.connection() is connection, "all on one connection"


def test_a_token_that_comes_in_pieces_is_not_taken_for_the_one_known_by_its_place(make):
    """Nothing is learned of a head in pieces, so what is known of those before it outlives the token it brings."""
    g = make(kind=lab, workers=1)
    one, two = token(g, jti="one"), token(g, jti="two")
    of = {t: hashlib.sha256(f"{KEY.name}\0{jti}".encode()).hexdigest()[:32] for t, jti in ((one, "one"), (two, "two"))}
    order = [one] * 6 + [two, one] * 2
    with agent(g, one) as m:
        http, sent = m.connection(), 0
        send = http.send

        def send_some(data):
            nonlocal sent
            sent += len(data)
            send(data)

        def send_in_pieces(data):
            cut = data.index(b"Authorization")
            send_some(data[:cut])
            eventually("the first piece to be read", lambda: g.ctl("workers")[0]["bytes_in"] == sent, 10)
            send_some(data[cut:])
        for bearer in order:
            m.token = bearer
            http.send = send_in_pieces if bearer is two else send_some
            assert m.call("echo").result
        assert m.connection() is http, "all on one connection"
    assert [r["token_hash"] for r in g.audit("--type", "decision")] == [of[t] for t in order]


def test_a_missing_scope_is_named_with_all_that_are_needed(gateway):
    gateway.clear()
    for scope in (None, "tools:call", "tools:read", "tools:call tools:reads", "Tools:call tools:read",
                  "tools:calltools:read"):
        with agent(gateway, token(gateway, "/scoped", scope=scope), "/scoped") as m:
            a = m.call("echo")
            assert a.status == 403 and a.reason == "insufficient_scope", (scope, a)
            got = challenge(a)
            assert got["error"] == "insufficient_scope" and got["scope"] == " ".join(SCOPES)
            assert got["resource_metadata"].endswith("/.well-known/oauth-protected-resource/scoped")
    assert gateway.servers["up"].requests == []
    for claims in ({"scope": "tools:read tools:call"}, {"scope": "x tools:call y tools:read"},
                   {"scp": ["tools:call", "tools:read"]}):
        with agent(gateway, token(gateway, "/scoped", **claims), "/scoped") as m:
            assert m.call("echo").result, claims


def test_an_agent_without_a_policy_may_do_nothing(gateway):
    gateway.clear()
    with agent(gateway, token(gateway, sub="stranger")) as m:
        for ask in (lambda: m.call("echo"), lambda: m.request("tools/list"), lambda: m.request("server/discover")):
            assert ask().reason == "agent_unknown"
    assert gateway.servers["up"].requests == []


def test_a_token_ends_with_its_time_on_an_open_connection(gateway):
    with agent(gateway, token(gateway, exp=int(time.time()) + 8)) as m:
        assert m.call("echo").result
        a = eventually("the token to expire", lambda: (lambda a: a if a.status == 401 else None)(m.call("echo")), 20,
                       0.2)
        assert a.reason == "token_expired"


def test_an_anonymous_route_has_a_named_agent(gateway):
    with Modern(gateway, path="/anon") as m:
        assert m.call("echo").result
    assert gateway.audit("--agent", "guest", "--type", "decision")[-1]["tool"] == "echo"
    with Legacy(gateway, path="/anon") as m:
        assert m.open().result and m.call("echo").result


def test_an_anonymous_route_is_for_development_only(make):
    def built(build, **kwargs):
        return Lab(build, {"up": Upstream()}, {"/anon": {"upstreams": ["up"], "anonymous_agent": "guest"}}, **kwargs)
    g = make(kind=built, start=False, config={"profile": "production"})
    r = subprocess.run([g.programs["sallyportd"], "--check", g.config_path], capture_output=True, text=True,
                       timeout=30, check=False)
    assert r.returncode != 0 and "anonymous_agent" in r.stdout + r.stderr, r


def test_a_key_set_in_a_file_is_rotated_by_a_reload(make):
    new = Issuer(kid="next")
    g = make(kind=lab)
    old_token, new_token = token(g), token(g, issuer=new)
    with agent(g, old_token) as old, agent(g, new_token) as fresh:
        assert old.call("echo").result
        assert fresh.call("echo").reason == "token_key_unknown"
        write(g, "jwks.json", KEY.jwks(new))
        g.ctl("config", "reload")
        assert fresh.call("echo").result and old.call("echo").result, "both, while both keys are in the set"
        write(g, "jwks.json", new.jwks())
        g.ctl("config", "reload")
        assert old.call("echo").status == 401, "a key that left takes its tokens along, verified before or not"
        assert fresh.call("echo").result
        for broken in ("{ nonsense", '{"keys":[]}', ""):
            write(g, "jwks.json", broken)
            status, *said = g.ctl_text("config", "reload")
            assert status and "jwks_file" in str(said) and "jwks.json" in str(said), (broken, status, said)
            assert fresh.call("echo").result, "a broken file changes nothing"


class Discovery:
    """An OpenID provider on loopback: its discovery document and key set."""

    def __init__(self):
        self.asked, outer = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                outer.asked.append(self.path)
                document = {"/.well-known/openid-configuration": json.dumps(
                    {"issuer": outer.url, "jwks_uri": f"{outer.url}/keys"}), "/keys": outer.jwks}.get(self.path)
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write((document or "").encode())

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.key = Issuer(self.url, kid="first")
        self.jwks = self.key.jwks()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_key_sets_are_found_by_discovery_and_followed_when_they_change(make):
    provider = Discovery()
    try:
        g = make(kind=lab, config={"issuers": [{"issuer": provider.url, "algorithms": ["ES256"], "discovery": True,
                                                "allow_private_address": True}]})
        first = token(g, issuer=provider.key)
        with agent(g, first) as m:
            eventually("the keys to be fetched", lambda: m.call("echo").result, 10, 0.1)
            assert "/.well-known/openid-configuration" in provider.asked and "/keys" in provider.asked
            provider.key = Issuer(provider.url, kid="second")
            provider.jwks = provider.key.jwks()
            with agent(g, token(g, issuer=provider.key)) as second:
                assert second.call("echo").reason == "token_key_unknown"
                g.ctl("config", "reload")
                eventually("the new key", lambda: second.call("echo").result, 10, 0.1)
                assert m.call("echo").status == 401
                provider.jwks = "gone wrong"
                g.ctl("config", "reload")
                time.sleep(0.5)
                assert second.call("echo").result, "a provider that fails takes no key away"
    finally:
        provider.stop()


def on_every_worker(gateway, bearer, n=10, **kwargs):
    """Connections that together reach both workers, each with a served call behind it."""
    clients = [agent(gateway, bearer, **kwargs) for _ in range(n)]
    assert all(m.call("echo").result for m in clients)
    return clients


def test_a_revoked_agent_is_stopped_at_once_everywhere(gateway):
    clients = on_every_worker(gateway, token(gateway, sub="stopped"))
    clients += on_every_worker(gateway, token(gateway, sub="stopped"))
    gateway.ctl("revoke", "agent", "stopped")
    assert all(m.call("echo").reason == "agent_revoked" for m in clients), "none is let through once more"
    with agent(gateway, token(gateway, sub="stopped")) as m:
        assert m.call("echo").reason == "agent_revoked", "a new token does not help"
    with agent(gateway) as m:
        assert m.call("echo").result
    for m in clients:
        m.close()


def test_a_revoked_token_is_refused_at_once_everywhere(gateway):
    bearer, sibling = (token(gateway, sub="rotated") for _ in range(2))
    clients = on_every_worker(gateway, bearer)
    record = eventually("its record", lambda: gateway.audit("--agent", "rotated", "--type", "decision"))[-1]
    gateway.ctl("revoke", "token", record["token_hash"])
    for m in clients:
        a = m.call("echo")
        assert a.status == 401 and a.reason == "token_revoked", a
        m.close()
    with agent(gateway, sibling) as m:
        assert m.call("echo").result, "another token of the same agent is another matter"


def test_a_revoked_session_is_gone_at_once_everywhere(gateway):
    first = agent(gateway, token(gateway, sub="bound"), client=Legacy)
    assert first.open().result and first.call("echo").result
    record = eventually("its record", lambda: [r for r in gateway.audit("--agent", "bound", "--type", "decision")
                                               if "session" in r])[-1]
    others = [agent(gateway, first.token, client=Legacy) for _ in range(8)]
    for m in others:
        m.session, m.initialized = first.session, first.initialized
        assert m.call("echo").result
    gateway.ctl("revoke", "session", record["session"])
    for m in (first, *others):
        a = m.call("echo")
        assert a.status == 404 and a.reason == "session_revoked", a
    assert first.open().result and first.call("echo").result, "the agent itself may begin anew"
    for m in (first, *others):
        m.close()


def test_a_token_bound_to_a_certificate_is_good_with_it_only(gateway):
    files = tuple(os.path.join(gateway.pki, f"client.{e}") for e in ("pem", "key"))
    with open(files[0], encoding="ascii") as f:
        pem = f.read()
    der = ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END CERTIFICATE-----") + 25])
    from tokens import b64
    bound = token(gateway, sub="bound", cnf={"x5t#S256": b64(hashlib.sha256(der).digest())})
    other = token(gateway, sub="bound", cnf={"x5t#S256": b64(hashlib.sha256(b"another").digest())})

    def call(bearer, cert):
        with agent(gateway, bearer) as m:
            m.http = Http(gateway.address, ca=gateway.ca, client_cert=cert)
            return m.call("echo")
    assert call(bound, files).result
    for bearer, cert in ((bound, None), (other, files), (other, None)):
        a = call(bearer, cert)
        assert a.status == 401 and a.reason == "token_claims", a
    assert call(token(gateway), files).result and call(token(gateway), None).result, "others need none"
    with agent(gateway, bound) as m:
        assert m.call("echo").status == 401, "verified before on another connection"


def test_a_stranger_learns_nothing_but_that_a_token_is_needed(gateway):
    """Whatever is wrong with the message, without a token the answer is the same."""
    answers = set()
    for body in (b"", b"{", b"[]", b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'):
        with gateway.connect() as http:
            a = http.request("POST", "/up", {"Host": gateway.host, "Content-Type": "application/json"}, body)
        answers.add((a.status, a.reason, a.headers["www-authenticate"]))
    assert len(answers) == 1 and answers.pop()[0] == 401, answers


def test_bad_tokens_of_one_address_are_refused_unread_once_there_were_too_many(make):
    limit = 7
    g = make(kind=strict, workers=1)
    good = token(g)
    with agent(g, good) as known, agent(g, good) as other:
        assert known.call("echo").result, "this one is in the cache from now on"
        bad = [token(g, issuer=OTHER) for _ in range(limit)] + [token(g, aud="https://else.example")]
        for n in range(limit):
            with agent(g, bad[n]) as m:
                a = m.call("echo")
                assert a.status == 401 and a.reason == "token_signature", (n, a)
        for fresh in (bad[0], bad[-1], token(g)):
            with agent(g, fresh) as m:
                a = m.call("echo")
            assert a.status == 429 and a.reason == "token_failures", a
            assert 1 <= int(a.headers["retry-after"]) <= 60 and "www-authenticate" not in a.headers
        assert known.call("echo").result and other.call("echo").result, "known tokens are not held up"
        for cheap in ("x", "a.b.c", KEY.token(iss="https://nobody.example")):
            with agent(g, cheap) as m:
                assert m.call("echo").status == 429
    worker = eventually("the counters", lambda: next(
        (w for w in g.ctl("workers") if w["token_unread"] == 6), None))
    assert worker["token_unread"] == 6 and worker["token_refused"] == limit, worker
    kinds = [r["reason"] for r in g.audit("--type", "auth_failure")]
    assert kinds == ["token_signature"] * limit + ["token_failures"] * 6


def test_tokens_refused_before_their_signature_is_looked_at_do_not_count(make):
    g = make(kind=strict, workers=1)
    for cheap in ["x", "a.b.c", KEY.token(iss="https://nobody.example"), KEY.token(header={"kid": "new"})] * 5:
        with agent(g, cheap) as m:
            assert m.call("echo").status in (400, 401), cheap
    with agent(g, token(g)) as m:
        assert m.call("echo").result


def strict(build, **kwargs):
    """A gateway with a small budget for bad tokens."""
    return lab(build, config={"limits": {"refused_tokens_per_minute": 7}}, **kwargs)
