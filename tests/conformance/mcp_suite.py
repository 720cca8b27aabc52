"""The official conformance suite against servers behind the gateway, on the wire of each era.

Every check that a server passes directly it passes behind the gateway too, and what it leaves unchecked of what
is the gateway's business the gateway makes good. DEVIATIONS lists what does not hold, with the reason; an entry
that no longer deviates fails the test, so that the list stays true.
"""
import glob
import json
import os
import re
import tempfile

from gateway import Gateway, default_policies, free_port
from npm import PACKAGES, Npm, Server, everything, shim

SUITE = os.path.join(PACKAGES, "conformance", "dist", "index.js")
AGENT = "conformance-bot"
LEGACY, MODERN = "2025-11-25", "2026-07-28"

NOT_CARRIED = "a server's requests to its client are refused, not carried"
AS_JSON = "an answer that nothing precedes is sent as JSON, and streams cannot be resumed"
NO_LISTEN = "subscriptions/listen is refused, not carried"
# (requirements, scenario or check): why it passes directly and not behind the gateway.
DEVIATIONS = {
    (LEGACY, "tools-call-sampling"): NOT_CARRIED,
    (LEGACY, "tools-call-elicitation"): NOT_CARRIED,
    (LEGACY, "elicitation-sep1034-defaults"): NOT_CARRIED,
    (LEGACY, "elicitation-sep1330-enums"): NOT_CARRIED,
    (LEGACY, "server-sse-streams-functional"): AS_JSON,
    (LEGACY, "server-sse-priming-event"): AS_JSON,
    (MODERN, "sep-2575-server-sends-subscription-ack"): NO_LISTEN,
    (MODERN, "sep-2575-server-tags-subscription-id"): NO_LISTEN,
    (MODERN, "sep-2575-server-honors-notification-filter"): NO_LISTEN,
}
# The gateway's own business: passes whatever the upstream does.
HOST = ("dns-rebinding-protection", "localhost-host-rebinding-rejected")


def suite_tools():
    """Names the suite calls: those of the fixture and those of the demo server it tries."""
    with open(os.path.join(os.path.dirname(__file__), "clients", "fixture.mjs"), encoding="utf-8") as f:
        own = re.findall(r"\btest_\w+|json_schema_2020_12_tool", f.read())
    with open(os.path.join(os.path.dirname(__file__), "clients", "fixture-data.mjs"), encoding="utf-8") as f:
        own += re.findall(r"\btest_\w+", f.read())
    return sorted(set(own))


class Behind:
    """A gateway before `upstream` on one worker, and the shim before the gateway: `url` is where the suite asks."""

    def __init__(self, build, npm, folder, upstream, era, tools):
        port = free_port()
        policy = {**default_policies()["financial-analyst-bot"], "allowed_actions": tools, "audit_level": "enhanced"}
        self.gateway = Gateway(build, {"upstreams": [{"name": "demo", "url": upstream, "era": era}]},
                               {AGENT: policy}, demo=False, start=False)
        try:
            hosts = [f"{name}:{p}" for name in ("localhost", "127.0.0.1") for p in (self.gateway.port, port)]
            self.gateway.settings["routes"][0].update(hosts=hosts, origins=[f"http://{h}" for h in hosts])
            self.gateway.write_config()
            self.gateway.start()
            self.shim = shim(npm, folder, self.gateway, AGENT, port)
        except BaseException:
            self.gateway.abandon()
            raise
        self.url = self.shim.url

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.shim.stop()
        self.gateway.stop()


def run_suite(npm, url, *which):
    """{(scenario, check, name): status} of one run; a check that is made several times has its worst status."""
    with tempfile.TemporaryDirectory(prefix="sp-") as out:
        status, text, err = npm.run(SUITE, "server", "--url", url, *which, "-o", out, timeout=120)
        files = glob.glob(os.path.join(out, "server-*", "checks.json"))
        assert status in (0, 1) and files, (status, text[-2000:], err[-2000:])
        found = {}
        for file in files:
            scenario = re.match(r"server-(.*)-\d{4}-\d\d-\d\dT", os.path.basename(os.path.dirname(file))).group(1)
            with open(file, encoding="utf-8") as f:
                for check in json.load(f):
                    key = (scenario, check["id"], check["name"])
                    if found.get(key, "SUCCESS") == "SUCCESS":
                        found[key] = check["status"]
        return found


def lost(direct, behind):
    """Checks that pass directly and not behind the gateway."""
    return {k for k, s in direct.items() if s == "SUCCESS" and behind.get(k) != "SUCCESS"}


def keeps_what_passes(npm, behind, upstream, requirements, least):
    """Compare one run behind the gateway with one of the server alone; returns the former."""
    direct = run_suite(npm, upstream, "--requirements", requirements)
    through = run_suite(npm, behind.url, "--requirements", requirements)
    assert sum(s == "SUCCESS" for s in direct.values()) >= least, "the server alone passes too little to compare"
    excused = {name for r, name in DEVIATIONS if r == requirements}
    gone = lost(direct, through)
    unexcused = {k for k in gone if not excused & set(k[:2])}
    assert not unexcused, f"pass directly, not behind the gateway: {sorted(unexcused)}"
    failing = {k[0] for k, s in direct.items() if s == "FAILURE"}
    checked = {name for k, s in direct.items() if s == "SUCCESS" for name in k[:2]} - failing
    stale = {name for name in excused & checked if not any(name in k for k in gone)}
    assert not stale, f"no deviations any more: {sorted(stale)}"
    made_good = {k[:2]: s for k, s in through.items()}
    assert made_good[HOST] == "SUCCESS", "requests with a strange Host or Origin were let in"
    return through


def fixture_npm(build):
    yield Npm()


def fixture_upstream(build):
    with tempfile.TemporaryDirectory(prefix="sp-") as folder, Server(Npm(), folder, "fixture.mjs") as server:
        yield server


def fixture_behind(build):
    """Before the fixture, which speaks both eras."""
    with tempfile.TemporaryDirectory(prefix="sp-") as folder, Server(Npm(), folder, "fixture.mjs") as server:
        with Behind(build, Npm(), folder, server.url, "both", suite_tools()) as behind:
            yield behind


def test_a_conforming_server_conforms_behind_the_gateway_in_the_legacy_era(npm, upstream, behind):
    keeps_what_passes(npm, behind, upstream.url, LEGACY, 75)


def test_a_conforming_server_conforms_behind_the_gateway_in_the_modern_era(npm, upstream, behind):
    keeps_what_passes(npm, behind, upstream.url, MODERN, 140)


def test_the_reference_server_conforms_no_less_and_its_sessions_end(npm, build, tmp):
    tools = suite_tools() + ["echo", "get-sum"]
    with everything(npm, tmp) as server, Behind(build, npm, tmp, server.url, "legacy", tools) as behind:
        through = keeps_what_passes(npm, behind, server.url, LEGACY, 45)
    sessions = {k: s for k, s in through.items() if k[0] == "server-session-lifecycle"}
    assert len(sessions) >= 3 and set(sessions.values()) == {"SUCCESS"}, sessions


def test_the_demo_server_conforms_no_less_in_the_modern_era(npm, build, demo, tmp):
    tools = suite_tools() + ["read_customer_data", "echo"]
    with Behind(build, npm, tmp, demo.url, "modern", tools) as behind:
        through = keeps_what_passes(npm, behind, demo.url, MODERN, 80)
    headers = [s for k, s in through.items() if k[0] == "http-header-validation"]
    assert len(headers) >= 10 and set(headers) == {"SUCCESS"}, headers
