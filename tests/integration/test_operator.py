"""What operators see and may do: roles at both sockets, the configuration in force, answers for programs."""
import json
import os
import subprocess

from client import Modern
from operators import NOBODY, as_user, opened_to_all
from runner import eventually, skip

def set_roles(g, roles):
    g.settings["control"] = {"roles": roles}
    g.write_config()
    g.ctl("config", "reload")


def test_the_audit_socket_admits_by_the_roles_of_the_control_socket(make):
    g = opened_to_all(make)
    asks = (["audit", "query"], ["audit", "tail", "--no-follow"], ["audit", "verify"])
    with Modern(g, "customer-support-bot") as m:
        m.tools()
    assert g.audit(), "root may everything"
    for roles, who, may in (({}, {}, False), ({"viewer": [str(NOBODY)]}, {}, False),
                            ({"reviewer": [str(NOBODY)]}, {}, True), ({"reviewer": ["nobody"]}, {}, True),
                            ({"reviewer": ["@nogroup"]}, {"uid": 4000, "gids": (NOBODY,)}, True),
                            ({"operator": ["@nogroup"]}, {"uid": 4000, "gids": (NOBODY,)}, True),
                            ({"reviewer": ["@nogroup"]}, {"uid": 4000, "gids": (4000, NOBODY)}, True),
                            ({"admin": ["4001"], "reviewer": ["@no-such-group"]}, {"uid": 4000}, False)):
        set_roles(g, roles)
        for ask in asks:
            status, out, _ = as_user(g, *ask, **who)
            assert (status == 0) == may, (roles, who, ask, out)
            if not may:
                assert "needs the role reviewer" in json.loads(out)["error"], out
        status, out, _ = as_user(g, "config", "show", **who)
        assert (status == 0) == ("operator" in roles), "the control socket goes by the same"
    with Modern(g, "customer-support-bot") as m:
        assert m.tools()


def test_whoever_follows_the_trail_is_cut_off_with_the_role(make):
    g = opened_to_all(make, {"reviewer": [str(NOBODY)]})
    if os.geteuid() != 0:
        skip("only root can become other users")
    with subprocess.Popen([g.programs["sallyctl"], "--run-dir", g.run_dir, "audit", "tail", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, user=NOBODY, group=NOBODY) as p:
        assert p.stdout.readline(), "it follows"
        set_roles(g, {})
        with Modern(g, "customer-support-bot") as m:
            m.tools()  # something to tell
        assert eventually("its end", lambda: p.poll() is not None, 10)


def test_strangers_cannot_take_the_seats_at_the_audit_socket(make):
    g = opened_to_all(make)
    if os.geteuid() != 0:
        skip("only root can become other users")
    path = os.path.join(g.run_dir, "audit.sock")
    # a child with another user's number holds connections and says nothing
    hold = ("import socket,sys,time\n"
            "s=[socket.socket(socket.AF_UNIX) for _ in range(32)]\n"
            "for c in s: c.connect(sys.argv[1])\n"
            "print('holding', flush=True)\n"
            "sys.stdin.read()\n")
    with subprocess.Popen(["python3", "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          user=NOBODY, group=NOBODY) as p:
        assert p.stdout.readline() == b"holding\n"

        got = eventually("an operator's turn", lambda: g.ctl("audit", "verify", check=False), 20)
        assert got["chain_ok"]
        p.stdin.close()
        p.wait(10)


def test_a_query_that_finds_nothing_answers_an_empty_list(gateway):
    assert gateway.ctl_text("audit", "query", "--agent", "nobody-at-all", "--json")[:2] == (0, "[]\n")
    assert gateway.ctl_text("audit", "query", "--agent", "nobody-at-all")[:2] == (0, "none\n")


def test_the_configuration_in_force_is_shown_with_its_defaults(make):
    g = make(config={"timeouts": {"drain": "7s"}})
    text = g.ctl("config", "show")
    assert "\n  drain: 7s\n" in text and "\n  max_calls: " in text and "\n  idle: " in text, text
    again = os.path.join(g.dir, "shown.yaml")
    with open(again, "w", encoding="utf-8") as f:
        f.write(text)
    assert "is good" in g.ctl("config", "check", again), "what is shown is a configuration"
    g.settings["timeouts"] = {"drain": "8s"}
    g.write_config()
    assert "\n  drain: 7s\n" in g.ctl("config", "show"), "what lies in the file is not in force yet"
    g.ctl("config", "reload")
    assert "\n  drain: 8s\n" in g.ctl("config", "show")


def commands(g):
    """The words of every command, as the help names them."""
    status, out, _ = g.ctl_text("help")
    assert status == 0
    found = []
    for line in out.splitlines():
        words = line.split("  ")
        if line.startswith("  ") and not line.strip().startswith("-"):
            found.append(" ".join(w for w in words[1].split() if w.islower() and w.isalpha()))
    return [c for c in dict.fromkeys(found) if c and g.ctl_text("help", *c.split())[0] == 0]


def test_help_completion_and_man_page_tell_of_every_command(gateway):
    words = commands(gateway)
    assert {"status", "policy publish", "audit query", "revoke agent", "config show"} <= set(words), words
    man = gateway.ctl_text("man")[1]
    bash = gateway.ctl_text("completion", "bash")[1]
    for w in words:
        status, out, _ = gateway.ctl_text("help", *w.split())
        assert status == 0 and w in out, w
        assert gateway.ctl_text(*w.split(), "--help")[:2] == (0, out), w
        assert w.replace("-", "\\-") in man and w.split()[-1] in bash, w
    assert subprocess.run(["bash", "-n"], input=bash, text=True, check=False).returncode == 0
    if subprocess.run(["sh", "-c", "command -v man"], capture_output=True, check=False).returncode == 0:
        r = subprocess.run(["man", "--warnings", "-l", "-"], input=man, text=True, capture_output=True, check=False)
        assert r.returncode == 0 and r.stderr == "", r.stderr
    complete = bash + '\nCOMP_WORDS=(sallyctl policy pu); COMP_CWORD=2; ' \
        '"$(complete -p sallyctl | sed "s/.*-F \\([^ ]*\\).*/\\1/")"; echo "${COMPREPLY[@]}"'
    r = subprocess.run(["bash", "-c", complete], text=True, capture_output=True, check=False)
    assert r.stdout.strip() == "publish", r


def test_wrong_command_lines_are_told_apart_from_refusals(gateway):
    for args in (["no-such"], ["policy"], ["policy", "publsh"], ["status", "extra"], ["audit", "query", "--limit"],
                 ["audit", "query", "--limit", "many"], ["audit", "query", "--decision", "maybe"],
                 ["revoke", "agent"], ["completion", "fish"], ["help", "no", "such"], ["status", "--no-such"],
                 ["audit", "query", "--since", "yesterday"], []):
        status, _, err = gateway.ctl_text(*args)
        assert status == 2, (args, status, err)
    missing = os.path.join(gateway.dir, "missing")
    for command in ("publish", "check", "diff", "shadow", "lint", "explain"):
        more = ("--agent=a", "--tool=b") if command == "explain" else ()
        status, out, err = gateway.ctl_text("policy", command, missing, *more)
        assert status == 1 and missing in out + err and "o such file" in out + err, (command, status, out, err)
    for args in (["revoke", "token", "xyz"], ["revoke", "session", "12"], ["policy", "show", "no-such-agent"],
                 ["policy", "rollback", "999"], ["audit", "query", "--type", "decision", "--call", "zz"],
                 ["audit", "query", "--reason", "because"]):
        status, out, err = gateway.ctl_text(*args)
        assert status == 1 and err.startswith("sallyctl: ") and out == "", (args, status, out, err)
        status, out, err = gateway.ctl_text(*args, "--json")
        assert status == 1 and json.loads(out)["error"], args


def test_a_note_too_long_is_cut_between_characters(gateway):
    status, out, err = gateway.ctl_text("policy", "publish", "--note", "\u00e9" * 150)
    assert status == 0, (out, err)
    assert gateway.ctl("policy", "history")[0]["note"] == "\u00e9" * 99


def test_without_a_gateway_the_command_says_so(build, tmp):
    program = os.path.join(build, "tools", "sallyctl", "sallyctl")

    def ask(*args):
        r = subprocess.run([program, "--run-dir", tmp, *args], capture_output=True, text=True, timeout=30, check=False)
        return r.returncode, r.stdout, r.stderr
    for command in (["status"], ["audit", "verify"]):
        status, _, err = ask(*command)
        assert status == 3 and "is the gateway running?" in err, err
    status, out, _ = ask("version")
    assert status == 0 and "gateway not running" in out
    assert json.loads(ask("version", "--json")[1]) == {"gateway": None}
    assert ask("--version")[0] == 0


def test_certificates_without_room_change_nothing_at_all(make):
    g = make(config={"limits": {"secrets": "512KiB"}}, policies={"p.yaml": "version: 1\nagents: [{name: one}]\n"})
    with open(g.settings["tls"]["certificates"][0]["chain"], encoding="utf-8") as f:
        chain = os.path.join(g.dir, "large.pem")
        with open(chain, "w", encoding="utf-8") as to:
            to.write("# what stands before PEM is passed over\n" * 6000 + f.read())
    one = {**g.settings["tls"]["certificates"][0], "chain": chain}
    g.settings["tls"]["certificates"] = [one] * 3
    with open(os.path.join(g.dir, "policy", "p.yaml"), "w", encoding="utf-8") as f:
        f.write("version: 1\nagents: [{name: one}, {name: two}]\n")
    for limits in ({"secrets": "512KiB"}, {"secrets": "8MiB"}):  # the latter is for the next start
        g.settings["limits"] = limits
        g.write_config()
        status, out, err = g.ctl_text("config", "reload")
        assert status == 1 and "there is room for 524288" in out + err, (out, err)
        assert [a["agent"] for a in g.ctl("agents")] == ["one"] and g.ctl("status")["generation"] == 1


def test_what_an_agent_may_call_is_shown_with_patterns_and_roles(make):
    g = make(policies={"p.yaml": """
version: 1
agents:
  - {name: listed, allow: [echo]}
  - {name: ruled, roles: [ops]}
  - {name: other}
tools:
  - {name: query, allowed_for: [ops]}
  - {name: "fix_*", allowed_for: [ops]}
  - {name: erase, allowed_for: [], require_human_initiated: true}
rules:
  - {name: reads, effect: allow, tools: ["read_*", "*_log"], agents: ruled}
  - {name: some, effect: allow, tools: "write_*", agents: ruled, when: request.n > 1}
  - {name: no-log, effect: deny, tools: "*_log"}
  - {name: people, effect: allow, tools: erase, agents: ruled}
"""})
    may = {a: {t["tool"]: (t["calls"], t["by"]) for t in g.ctl("policy", "show", a)["tools"]}
           for a in ("listed", "ruled", "other")}
    assert may == {"listed": {"echo": ("allowed", "allow-list")},
                   "ruled": {"query": ("allowed", "allowed_for"), "fix_*": ("allowed", "allowed_for"),
                             "erase": ("conditional", "people"), "read_*": ("allowed", "reads"),
                             "write_*": ("conditional", "some")},
                   "other": {}}, may
    assert {a["agent"]: a["tools"] for a in g.ctl("agents")} == {"listed": 1, "ruled": None, "other": None}


def test_agents_and_policy_are_shown_as_they_are_in_force(make):
    g = make()
    with Modern(g, "customer-support-bot") as m:
        m.tools()
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result
    agents = {a["agent"]: a for a in g.ctl("agents")}
    bot = agents["customer-support-bot"]
    assert bot["state"] == "ok" and bot["minute"] == 1 and bot["tools"] >= 1
    shown = g.ctl("policy", "show", "customer-support-bot")
    assert "read_customer_data" in [t["tool"] for t in shown["tools"]] and shown["agent"] == "customer-support-bot"
    whole = g.ctl("policy", "show")
    assert [r["path"] for r in whole["routes"]] == ["/mcp"] and whole["upstreams"][0]["name"] == "demo"
    for command in (["agents"], ["policy", "show"], ["policy", "show", "customer-support-bot"], ["workers"], ["status"],
                    ["policy", "history"], ["version"], ["audit", "query", "--limit", "3"], ["metrics"]):
        status, out, err = g.ctl_text(*command)
        assert status == 0 and len(out) > 40 and err == "", (command, out, err)
        assert "\x1b" not in out, "no colours where nobody looks"
    folder = os.path.join(g.dir, "policy")
    name = next(f for f in sorted(os.listdir(folder)) if "support" in f)
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        policy = json.load(f)
    policy["allowed_actions"] = [a for a in policy["allowed_actions"] if a != "read_customer_data"]
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        json.dump(policy, f)
    diff = g.ctl_text("policy", "diff", folder)
    assert diff[0] == 0, diff
    assert "agent customer-support-bot: may no longer call read_customer_data\n" in diff[1], diff
    told = g.ctl("policy", "diff", folder)
    assert {"kind": "decision_changed", "agent": "customer-support-bot", "tool": "read_customer_data",
            "before": "allowed", "after": "denied",
            "text": "agent customer-support-bot: may no longer call read_customer_data"} in told, told
    assert [c["text"] for c in told] == diff[1].splitlines()
    assert g.ctl_text("policy", "check", folder)[0] == 0
    with Modern(g, "customer-support-bot") as m:
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result, "a diff changes nothing"
        before = g.ctl("status")["generation"]
        assert g.ctl_text("policy", "publish", folder, "--note", "less is more")[0] == 0
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).reason == "tool_unknown"
        entry = g.ctl("policy", "history")[0]
        assert entry["generation"] > before and "less is more" in json.dumps(entry)
        assert g.ctl_text("policy", "rollback")[0] == 0
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).result
        assert g.ctl_text("revoke", "agent", "customer-support-bot", "--note", "test")[0] == 0
        assert m.call("read_customer_data", {"customer_id": "C-1001"}).reason == "agent_revoked"
    assert {a["agent"]: a["state"] for a in g.ctl("agents")}["customer-support-bot"] == "revoked"
    notes = [r.get("detail", "") + json.dumps(r) for r in g.audit("--type", "admin")]
    assert any("less is more" in n for n in notes), notes


def test_a_configuration_that_is_no_good_is_told_with_its_place_and_changes_nothing(make):
    g = make()
    bad = os.path.join(g.dir, "bad.yaml")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("profile: development\nlisteners:\n  - adress: 127.0.0.1:1\n")
    status, out, _ = g.ctl_text("config", "check", bad)
    assert status == 1 and "bad.yaml:3:5" in out and "did you mean 'address'?" in out, out
    good, g.settings["limits"] = g.ctl("config", "show"), {"max_body": "lots"}
    g.write_config()
    status, out, _ = g.ctl_text("config", "reload")
    assert status == 1 and "max_body" in out, out
    assert g.ctl("config", "show") == good
    g.settings["limits"] = {"max_body": "128KiB"}
    g.write_config()
    status, out, err = g.ctl_text("config", "check")
    assert status == 0 and "next start" in out and "max_body" in out, (out, err)
