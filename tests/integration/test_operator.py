"""What operators see and may do: roles at both sockets, the configuration in force, answers for programs."""
import json
import os
import subprocess

from client import Modern
from runner import eventually, skip

NOBODY = 65534


def as_user(g, *args, uid=NOBODY, gids=()):
    """sallyctl run by another user, as a shell of theirs would: (exit status, output, errors)."""
    if os.geteuid() != 0:
        skip("only root can become other users")
    r = subprocess.run([g.programs["sallyctl"], "--run-dir", g.run_dir, *args, "--json"], capture_output=True,
                       text=True, timeout=30, check=False, user=uid, group=gids[0] if gids else uid,
                       extra_groups=list(gids[1:]))
    return r.returncode, r.stdout, r.stderr


def opened_to_all(make, roles=None):
    """A gateway whose sockets other users can reach; what they may do is for its roles to say."""
    g = make(config={"control": {"roles": roles}} if roles else {})
    path = os.path.realpath(g.run_dir)
    while path != "/" and os.stat(path).st_uid == os.geteuid():
        os.chmod(path, os.stat(path).st_mode | 0o055)
        path = os.path.dirname(path)
    return g


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
