"""Calls of two agents that a policy allows, reviews, limits or refuses, and what the gateway recorded of them."""
import json
import os

from client import Legacy, Modern
from upstream import Lab, Upstream

POLICY = """
version: 1
agents: [{name: one, roles: [clerk]}, {name: two}, {name: idle, allow: [pay]}]
tools:
  - {name: fetch_page, taints: true, class: read, sensitivity: confidential}
  - {name: send_mail, class: send, egress: true}
  - {name: query_rows, sql: {dialect: postgres, styles: [select]}}
  - {name: drop_all, high_risk: true}
rules:
  - {name: clerks, effect: allow, roles: [clerk], tools: [fetch_page, send_mail, query_rows, drop_all]}
  - {name: small, effect: allow, agents: [two], tools: [pay], when: [request.sum < 100]}
  - {name: not there, effect: deny, tools: [pay], when: ["has(request.to) && request.to == 'x'"]}
sequences: [{name: no egress, kind: forbid-after-taint, then: [send_mail]}]
limits: [{name: few, calls: 3, per: day, agents: [two]}]
risk: {mode: mixed}
"""
TOOLS = ("fetch_page", "send_mail", "query_rows", "drop_all", "pay")
CALLS = [("one", "send_mail", {"text": "; rm -rf / | sh"}), ("one", "query_rows", {"sql": "select 1"}),
         ("one", "query_rows", {"sql": "drop table t"}), ("one", "fetch_page", {}), ("one", "send_mail", {}),
         ("one", "drop_all", {"n": 1}), ("one", "pay", {"sum": 1}), ("two", "pay", {"sum": 5}),
         ("two", "pay", {"sum": 500}), ("two", "pay", {"sum": 5, "to": "x"}), ("two", "pay", {"sum": 5}),
         ("two", "pay", {"sum": 5}), ("two", "pay", {"sum": 5})]


def shared(build):
    return Lab(build, {"up": Upstream(tools=TOOLS, conf={"era": "both"})}, policies={"policy.yaml": POLICY},
               config={"audit": {"arguments": True}})


def call_all(gateway):
    for client in (Modern, Legacy):
        for agent in ("one", "two"):
            with client(gateway, agent, path="/up") as m:
                for who, tool, arguments in CALLS:
                    if who == agent:
                        m.call(tool, arguments)


def records(gateway, tmp, keep=lambda r: r):
    path = os.path.join(tmp, "records")
    with open(path, "w", encoding="utf-8") as f:
        for r in gateway.audit():
            f.write(json.dumps(keep(r), ensure_ascii=False) + "\n")
    return path
