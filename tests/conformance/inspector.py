"""The MCP Inspector's command line, an official client of its own kind, through the whole gateway."""
import json
import os

from npm import PACKAGES, Npm
from official_clients import (AGENT, MESSAGE, SLOW, fixture_before_demo, fixture_before_everything,  # noqa: F401
                              fixture_npm)

INSPECTOR = os.path.join(PACKAGES, "inspector", "clients", "launcher", "build", "index.js")
OK, AUTH_REQUIRED, TOOL_FAILED = 0, 3, 5


class Inspector:
    """The command against one gateway in one era; each method gives (exit status, result or error)."""

    def __init__(self, g, folder, era="legacy", token=None):
        self.g, self.npm = g, Npm()
        server = {"type": "streamable-http", "url": g.resource, "protocolEra": era}
        if token:
            server["headers"] = {"Authorization": f"Bearer {token}"}
        self.config = os.path.join(folder, f"{era}.json")
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"mcpServers": {"gateway": server}}, f)

    def ask(self, method, *args):
        status, out, err = self.npm.run(INSPECTOR, "--cli", "--config", self.config, "--server", "gateway",
                                        "--format", "json", "--stored-auth-only", "--method", method, *args,
                                        ca=self.g.ca)
        answers = [json.loads(line) for line in (out + err).splitlines() if line.startswith("{")]
        assert len(answers) == 1, (status, out, err)
        return status, answers[0].get("result") or answers[0]["error"]

    def call(self, tool):
        return self.ask("tools/call", "--tool-name", tool, "--tool-arg", "message=through the gate")


def lists_and_calls(g, tmp, era, upstream, version):
    inspector = Inspector(g, tmp, era, g.token(AGENT))
    status, got = inspector.ask("initialize")
    assert (status, got["protocolVersion"]) == (OK, version), got
    status, got = inspector.ask("tools/list")
    assert status == OK and {t["name"] for t in got["tools"]} == {"echo", SLOW[upstream]}, got
    status, got = inspector.call("echo")
    assert status == OK and got["content"] == [{"type": "text", "text": MESSAGE[upstream]}], got
    status, got = inspector.call("denied_tool")
    assert (status, got["code"]) == (TOOL_FAILED, "tool_not_found"), got


def test_the_inspector_lists_and_calls_before_the_reference_server(before_everything, tmp):
    lists_and_calls(before_everything, tmp, "legacy", "everything", "2025-11-25")


def test_the_inspector_lists_and_calls_before_the_demo_server_in_the_legacy_era(before_demo, tmp):
    lists_and_calls(before_demo, tmp, "legacy", "demo", "2025-11-25")


def test_the_inspector_lists_and_calls_before_the_demo_server_in_the_modern_era(before_demo, tmp):
    lists_and_calls(before_demo, tmp, "modern", "demo", "2026-07-28")


def test_the_inspector_is_told_that_a_token_is_required(before_demo, tmp):
    for token in (None, "nonsense", before_demo.token(AGENT, aud="https://elsewhere.example/mcp")):
        status, got = Inspector(before_demo, tmp, token=token).ask("tools/list")
        assert (status, got["code"]) == (AUTH_REQUIRED, "auth_required"), (token, got)
