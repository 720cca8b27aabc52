"""The official clients of both generations list and call tools through the whole gateway: TLS, token, policy."""
import tempfile

from gateway import Gateway, default_policies
from npm import Npm, everything
from runner import eventually

AGENT = "financial-analyst-bot"
SLOW = {"demo": "slow_report", "everything": "trigger-long-running-operation"}
MESSAGE = {"demo": '{"message":"through the gate"}', "everything": "Echo: through the gate"}


def policies(slow):
    """The agent may echo, ask for a slow report, and call a tool that the upstream does not have; another may more."""
    whitelist = default_policies()[AGENT]
    return {AGENT: {**whitelist, "allowed_actions": ["echo", slow, "absent_tool"], "audit_level": "strict"},
            "another-bot": {**whitelist, "allowed_actions": ["denied_tool"]}}


def fixture_npm(build):
    yield Npm()


def fixture_before_demo(build):
    with Gateway(build, policies=policies(SLOW["demo"])) as g:
        yield g


def fixture_before_everything(build):
    with tempfile.TemporaryDirectory(prefix="sp-") as folder, everything(Npm(), folder) as server:
        upstream = {"name": "demo", "url": server.url, "era": "legacy"}
        with Gateway(build, {"upstreams": [upstream]}, policies(SLOW["everything"]), demo=False) as g:
            yield g


def meets_expectations(npm, g, kind, upstream, version):
    """Run one client and judge what it saw and what the gateway recorded of it."""
    before = len(g.audit("--type", "decision"))
    status, got = npm.json("official.mjs", kind, g.resource, g.token(AGENT), ca=g.ca)
    assert status == 0, got
    assert got.get("version") == version, got
    assert got["names"] == sorted(["echo", SLOW[upstream]]), got["names"]
    assert got["echo"]["text"].replace(" ", "") == MESSAGE[upstream].replace(" ", ""), got["echo"]
    assert "text" in got["slow"], got["slow"]
    at = got["progress_at_ms"]
    assert len(at) >= 3 and at[0] < got["took_ms"] - 300, f"progress did not come as it happened: {got}"
    for refused in (got["unknown"], got["denied"]):  # what is forbidden looks like what does not exist
        assert refused["code"] == -32602 and refused["reason"] == "tool_unknown", refused
    absent = {"demo": got["absent"].get("code") == -32602 and "reason" not in got["absent"],
              "everything": got["absent"].get("isError")}
    assert absent[upstream], f"the upstream's own error did not come through: {got['absent']}"
    assert "code" in got["cancel"] and got["cancel"]["took_ms"] < 5000, got["cancel"]
    assert "still here" in got["after"]["text"], got["after"]
    if upstream == "demo":  # told by a notification or by the end of the stream, whichever comes first
        eventually("the upstream to give up the cancelled call",
                   lambda: {("!cancelled", f"{kind}-80"), ("!left", f"{kind}-80")} & set(g.demo.saw()))
    calls = [r for r in g.audit("--type", "decision")[before:] if r.get("method") == "tools/call"]
    assert [c["decision"] for c in calls] == ["allow"] * 2 + ["deny"] * 2 + ["allow"] * 3, calls
    assert {c["reason"] for c in calls if c["decision"] == "deny"} == {"tool_denied"}, calls


def test_sdk_1_works_before_the_reference_server(npm, before_everything):
    meets_expectations(npm, before_everything, "sdk1", "everything", None)


def test_client_2_works_before_the_reference_server_in_the_legacy_era(npm, before_everything):
    meets_expectations(npm, before_everything, "client2-legacy", "everything", "2025-11-25")


def test_client_2_works_before_the_reference_server_in_the_modern_era(npm, before_everything):
    meets_expectations(npm, before_everything, "client2-modern", "everything", "2026-07-28")


def test_client_2_finds_an_era_before_the_reference_server(npm, before_everything):
    meets_expectations(npm, before_everything, "client2-auto", "everything", "2026-07-28")


def test_sdk_1_works_before_the_demo_server(npm, before_demo):
    meets_expectations(npm, before_demo, "sdk1", "demo", None)


def test_client_2_works_before_the_demo_server_in_the_legacy_era(npm, before_demo):
    meets_expectations(npm, before_demo, "client2-legacy", "demo", "2025-11-25")


def test_client_2_works_before_the_demo_server_in_the_modern_era(npm, before_demo):
    meets_expectations(npm, before_demo, "client2-modern", "demo", "2026-07-28")


def test_client_2_finds_the_modern_era_of_the_demo_server(npm, before_demo):
    meets_expectations(npm, before_demo, "client2-auto", "demo", "2026-07-28")


def test_a_client_without_a_token_is_turned_away(npm, before_demo):
    for kind in ("sdk1", "client2-legacy", "client2-modern", "client2-auto"):
        status, got = npm.json("official.mjs", kind, before_demo.resource, ca=before_demo.ca)
        assert status == 1 and ("401" in str(got) or "nauthorized" in str(got)), (kind, got)


def test_a_client_that_does_not_trust_the_authority_does_not_connect(npm, before_demo):
    status, got = npm.json("official.mjs", "sdk1", before_demo.resource, before_demo.token(AGENT))
    assert status == 1 and "fetch failed" in got["failed"], got
