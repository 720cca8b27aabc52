"""The audit store under kills: sallyport-audit and its workers, no gateway around them."""
import json
import os
import subprocess


def fault(build, tmp, *args):
    """One run of the rig (tests/support/audit_fault.c) on a real disk; its verdict."""
    program = os.path.join(build, "controlplane", "audit", "audit-fault")
    r = subprocess.run([program, *args, "--dir", str(tmp)], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=300)
    assert r.stdout.startswith("{"), f"exit status {r.returncode}: {r.stderr[-2000:]}"
    return json.loads(r.stdout)


def test_audit_and_workers_killed_at_random_instants_lose_and_repeat_nothing(build, tmp):
    got = fault(build, tmp, "kill", "--kills", "80")
    assert got["ok"], got
    assert got["audit_kills"] >= 20 and got["in_doubt"] > 0, got
    assert got["lost_records"] == 0 and got["repeated_records"] == 0, got
    assert got["told_but_missing"] == 0, got
    assert got["calls_without_end"] == 0 and got["calls_ended_twice"] == 0, got


def test_as_many_records_as_go_through_are_recorded_whole(build, tmp):
    got = fault(build, tmp, "figures", "--seconds", "4", "--rate", "0")
    assert got["ok"], got


def test_a_steady_load_is_recorded_whole(build, tmp):
    got = fault(build, tmp, "figures", "--seconds", "2", "--rate", "4000")
    assert got["ok"], got
    assert got["records"] > 4000, got
