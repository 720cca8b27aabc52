"""The gateway as a resource server of a certified authorization server it knows by its issuer name alone."""
import base64
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse
import urllib.request

from client import Modern
from gateway import Gateway, default_policies, programs
from npm import Npm, Server
from runner import eventually

AGENT = "oauth-bot"


class Authorized(Gateway):
    """A gateway whose only issuer is found by discovery; `issuer` is the running authorization server."""

    def __init__(self, build, npm, folder):
        pki = os.path.join(folder, "pki")
        subprocess.run([programs(build)["sallyport-demo"], "pki", pki], check=True, timeout=30)
        self.npm, self.issuer = npm, None
        pem = [os.path.join(pki, f"server.{kind}") for kind in ("pem", "key")]
        server = Server(npm, folder, "issuer.mjs", *pem, env={"SP_CLIENT": AGENT})
        try:
            issuer = {"issuer": f"https://localhost:{server.port}", "algorithms": ["ES256"], "discovery": True,
                      "require_at_jwt": True, "allow_private_address": True,
                      "ca_file": os.path.join(pki, "ca.pem")}
            policy = {**default_policies()["financial-analyst-bot"], "allowed_actions": ["echo"]}
            super().__init__(build, {"issuers": [issuer]}, {AGENT: policy}, start=False, pki=pki)
            self.settings["routes"][0]["scopes"] = ["mcp:call"]
            self.write_config()
            self.issuer = server
            self.start()
        except BaseException:
            server.stop()
            raise

    def stop(self):
        self.issuer.stop()
        super().stop()

    def access_token(self, scope="mcp:call", resource=None):
        """What the token endpoint gives for this gateway, for another `resource`, or for none ("")."""
        resource = self.resource if resource is None else resource
        form = {"grant_type": "client_credentials", "scope": scope, **({"resource": resource} if resource else {})}
        ask = urllib.request.Request(f"https://localhost:{self.issuer.port}/token",
                                     urllib.parse.urlencode(form).encode())
        ask.add_header("Authorization", "Basic " + base64.b64encode(f"{AGENT}:secret".encode()).decode())
        with urllib.request.urlopen(ask, context=ssl.create_default_context(cafile=self.ca), timeout=10) as r:
            return json.load(r)["access_token"]

    def ask(self, token):
        with Modern(self, token=token) as m:
            return m.call("echo", {"message": "authorized"})


def fixture_authorized(build):
    with tempfile.TemporaryDirectory(prefix="sp-") as folder, Authorized(build, Npm(), folder) as g:
        eventually("the keys to be fetched", lambda: g.ask(g.access_token()).status == 200, 15)
        yield g


def test_tokens_of_a_discovered_issuer_are_accepted(authorized):
    a = authorized.ask(authorized.access_token())
    assert a.status == 200 and a.result["structuredContent"] == {"message": "authorized"}, a
    last = authorized.audit("--type", "decision")[-1]
    assert (last["agent"], last["decision"]) == (AGENT, "allow"), last


def test_a_token_for_another_resource_is_refused(authorized):
    a = authorized.ask(authorized.access_token(resource="https://elsewhere.example/mcp"))
    assert (a.status, a.reason) == (401, "token_audience"), a


def test_a_token_without_the_scope_is_told_which_one_it_needs(authorized):
    a = authorized.ask(authorized.access_token(scope="mcp:other"))
    assert a.status == 403, a
    challenge = a.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="mcp:call"' in challenge, challenge


def test_an_opaque_token_is_refused(authorized):
    a = authorized.ask(authorized.access_token(resource=""))
    assert (a.status, a.reason) == (401, "token_malformed"), a


def finds_its_way(g, kind):
    status, got = g.npm.json("authorized.mjs", kind, g.resource, AGENT, "secret", "mcp:call", ca=g.ca)
    assert status == 0 and got["names"] == ["echo"] and "authorized" in got["echo"], got


def test_sdk_1_finds_the_authorization_server_by_itself(authorized):
    finds_its_way(authorized, "sdk1")


def test_client_2_finds_the_authorization_server_by_itself_in_the_legacy_era(authorized):
    finds_its_way(authorized, "client2-legacy")


def test_client_2_finds_the_authorization_server_by_itself_in_the_modern_era(authorized):
    finds_its_way(authorized, "client2-modern")


def test_a_client_with_a_wrong_secret_gets_no_token_and_reaches_no_tool(authorized):
    status, got = authorized.npm.json("authorized.mjs", "sdk1", authorized.resource, AGENT, "wrong", "mcp:call",
                                      ca=authorized.ca)
    assert status == 1 and "nvalid" in got["failed"], got
