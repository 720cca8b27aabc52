"""Policy files in every form, by name, through sallyctl and the folder."""
import json
import os
import shutil
import subprocess

from gateway import Gateway, programs
from runner import skip

NATIVE = """\
version: 1
agents:
  - {name: native-bot, roles: [support], allow: [read_customer_data]}
rules:
  - {name: readers, effect: allow, tools: "read_*", roles: support}
"""
TOOLS = json.dumps({"TOOL_POLICIES": {"delete_records": {"allowed_for": [], "require_human_initiated": True}}})


def put(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_a_check_says_what_each_file_of_the_seeds_gives(gateway, shared):
    seeds = os.path.join(shared, "fixtures", "seeds")
    if not os.path.isdir(seeds):
        skip("no seeds there")
    found = gateway.ctl("policy", "check", seeds)
    assert found["policy"] == "good" and found["rules"] == 4 and found["conditions"] == 6, found
    gives = {f["file"]: f for f in found["files"]}
    assert set(gives) == {"policy-definitions.yaml", "style-rules.json", "tool-policies.json", "whitelist.json"}, found
    definitions = gives["policy-definitions.yaml"]
    assert definitions["form"] == "policy definitions" and definitions["rules"] == 4, definitions
    assert definitions["definitions"] == 2 and definitions["limits"] == 4, definitions
    assert gives["style-rules.json"]["form"] == "style rules, risk scoring", found
    assert gives["style-rules.json"]["constraints"] == 5 and gives["tool-policies.json"]["constraints"] == 3, found
    assert gives["whitelist.json"]["form"] == "allow-list" and gives["whitelist.json"]["agents"] == 1, found


def test_a_problem_in_a_yaml_file_names_its_place(gateway, tmp):
    put(tmp, "a.yaml", NATIVE.replace("effect:", "efect:"))
    status, out, err = gateway.ctl_text("policy", "check", tmp)
    assert status != 0
    lines = [" ".join(line.split()) for line in (out + err).splitlines()]
    assert "a.yaml:5:21 unknown key 'efect' in a rule did you mean 'effect'?" in lines, (out, err)
    assert any(line.startswith("a.yaml:5:5 effect is missing") for line in lines), (out, err)


def test_yaml_and_json_are_published_together_and_kept(make, tmp):
    g = make()
    put(tmp, "a.yaml", NATIVE)
    put(tmp, "b.yml", "tool_id: yml-bot\nallowed_actions: [echo]\n")
    put(tmp, "c.json", TOOLS)
    status, out, err = g.ctl_text("policy", "publish", tmp)
    assert status == 0, (out, err)
    assert {a["agent"] for a in g.ctl("agents")} == {"native-bot", "yml-bot"}
    before = g.ctl("policy", "history")[0]["generation"]
    put(tmp, "b.yml", "tool_id: other-bot\nallowed_actions: [echo]\n")
    assert g.ctl_text("policy", "publish", tmp)[0] == 0
    assert {a["agent"] for a in g.ctl("agents")} == {"native-bot", "other-bot"}
    assert g.ctl_text("policy", "rollback", str(before))[0] == 0
    assert {a["agent"] for a in g.ctl("agents")} == {"native-bot", "yml-bot"}


def test_a_gateway_starts_over_a_folder_of_yaml(build):
    with Gateway(build, policies={"all.yaml": NATIVE, "more.json": TOOLS}) as g:
        assert {a["agent"] for a in g.ctl("agents")} == {"native-bot"}


def test_a_reload_that_fails_changes_nothing_of_what_is_told_of_the_policy(make, tmp):
    g = make()
    put(tmp, "a.yaml", NATIVE)
    assert g.ctl_text("policy", "publish", tmp)[0] == 0
    before = g.ctl("policy", "show")
    assert before["origin"] == "upload", before
    kept = os.path.join(g.dir, "state", "control", "policies")
    for name in os.listdir(kept):
        shutil.rmtree(os.path.join(kept, name))
    put(os.path.join(g.dir, "policy"), "broken.yaml", "version: 1\nrules: 7\n")
    assert g.ctl_text("config", "reload")[0] == 1
    assert g.ctl("policy", "show") == before


def test_two_sets_of_files_are_compared_without_a_gateway(build, tmp):
    def diff(*args):
        command = [programs(build)["sallyctl"], "--run-dir", os.path.join(tmp, "none"), "policy", "diff", *args]
        r = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return r.returncode, r.stdout, r.stderr
    old, new = os.path.join(tmp, "old"), os.path.join(tmp, "new")
    os.makedirs(old)
    os.makedirs(new)
    put(old, "a.yaml", NATIVE)
    put(new, "a.yaml", NATIVE.replace("read_customer_data", "delete_customer_data"))
    assert diff(old, old, "--json") == (0, "[]\n", "")
    code, out, err = diff(old, new, "--json")
    changes = json.loads(out)
    assert code == 0 and not err, err
    assert [(c["agent"], c["tool"], c["before"], c["after"]) for c in changes if c["kind"] == "decision_changed"] == [
        ("native-bot", "read_customer_data", "allowed", "denied"),
        ("native-bot", "delete_customer_data", "denied", "allowed")], changes
    assert diff(old, new)[1].splitlines() == [c["text"] for c in changes]
    put(new, "b.yaml", "version: 1\nrules: 7\n")
    code, out, err = diff(old, new)
    assert code == 1 and not out and "b.yaml:2:8" in err, (out, err)
    assert diff(old)[0] == 3
