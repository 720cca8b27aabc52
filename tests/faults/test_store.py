"""The audit store fails: nothing goes on that should be on record, and all goes on by itself once it can."""
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

from client import Modern
from gateway import wait_for
from runner import eventually, skip
from scene import audit_state, compare, fill, kill, load, segments, serving, start, verify
from views import Views, witnessed

CUSTOMER = ("read_customer_data", {"customer_id": "C-1001"})


def test_without_audit_enhanced_calls_go_on_until_the_ring_is_full_and_then_are_refused(make):
    g = start(make, config={"limits": {"audit_ring_entries": 64, "audit_arena": "64KiB"}})
    stopped = g.kill("audit", sig=signal.SIGSTOP)
    answered, tool, arguments = [], *CUSTOMER
    try:
        with Modern(g, "support-enhanced") as m:
            for i in range(200):
                a = m.call(tool, arguments, ref=f"ring-{i}")
                if not a.result:
                    break
                answered.append(f"ring-{i}")
            assert a.status == 503 and a.reason == "audit_unavailable" and a.headers["retry-after"] == "1", a
            assert 8 <= len(answered) < 64, f"{len(answered)} calls found room"
            denied = m.call("refund_payment", {"order_id": "O-5001"}, ref="denied")
            assert denied.reason == "audit_unavailable", denied
    finally:
        os.kill(stopped, signal.SIGCONT)
    with Modern(g, "support-enhanced") as m:
        eventually("calls to be let through again", lambda: m.call(tool, arguments, ref="again").result)
    seen = witnessed([g.witness])
    assert [ref for _, ref, _, _ in seen if ref != "again"] == answered
    views = Views([], seen, g.audit(settle=1.0)).check()
    assert len(views.decisions) == len(answered) + 1


def test_strict_calls_are_refused_when_nothing_becomes_durable(make):
    g = start(make)
    stopped = g.kill("audit", sig=signal.SIGSTOP)
    try:
        with Modern(g, "analyst-strict", timeout=30) as m:
            since = time.monotonic()
            a = m.call("read_financial_data", {"account_id": "A-2001"}, ref="strict")
            waited = time.monotonic() - since
            assert a.status == 503 and a.reason == "audit_unavailable", a
            denied = m.call("update_financial_data", {"account_id": "A-2001", "amount_cents": 1}, ref="no")
            assert denied.status == 503 and denied.reason == "audit_unavailable", denied
        assert 4 < waited < 25, waited
        assert witnessed([g.witness]) == []
    finally:
        os.kill(stopped, signal.SIGCONT)
    with Modern(g, "analyst-strict") as m:
        eventually("strict calls again", lambda: m.call("read_financial_data", {"account_id": "A-2001"}).result)
    records = g.audit("--agent", "analyst-strict", settle=0.5)
    first = records[0]["call"]
    ends = [r for r in records if r["call"] == first][1:]
    assert [(r["type"], r["outcome"], r["reason"]) for r in ends] == [("outcome", "failed", "audit_unavailable")], ends
    Views([], witnessed([g.witness]), records).check()


def test_an_agent_revoked_while_its_call_waits_for_the_store_is_refused(make):
    g = start(make)
    answers = []
    stopped = g.kill("audit", sig=signal.SIGSTOP)
    try:
        with Modern(g, "analyst-strict", timeout=30) as m:
            call = threading.Thread(target=lambda: answers.append(
                m.call("read_financial_data", {"account_id": "A-2001"}, ref="waits")))
            call.start()
            wait_for("the call to be decided", lambda: re.search(r"calls_allowed\S* 1\b", g.ctl_text("metrics")[1]))
            g.ctl("revoke", "agent", "analyst-strict")
            os.kill(stopped, signal.SIGCONT)
            call.join()
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert answers[0].reason == "agent_revoked", answers
    assert witnessed([g.witness]) == []
    records = g.audit("--agent", "analyst-strict", settle=0.5)
    assert [(r["type"], r.get("outcome"), r["reason"]) for r in records] == [
        ("decision", None, "none"), ("outcome", "failed", "agent_revoked")], records


def mount_tmpfs(folder, size):
    os.makedirs(folder)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder],
                                           capture_output=True, check=False).returncode:
        skip("a file system of its own needs root and mount")


def test_a_full_disk_refuses_calls_and_is_left_without_help(make, tmp):
    disk = os.path.join(tmp, "disk")
    mount_tmpfs(disk, "100m")
    try:
        g = start(make, config={"state_dir": os.path.join(disk, "state"),
                                "audit": {"reserve": "8MiB", "segment_size": "1MiB"}})
        run = load(g, seconds=9, rate=400)
        for leave, states in ((4 << 20, ("full",)), (0, ("full", "latched"))):
            time.sleep(1.0)
            ballast = os.path.join(disk, "ballast")
            fill(ballast, leave)
            eventually("audit to say that the store is full", lambda: audit_state(g) in states, 20)
            assert g.ctl_text("status")[0] != 0, "a gateway that can not record calls itself serving"
            metrics = g.ctl_text("metrics")[1]
            assert "audit_ready 0" in metrics, metrics[:500]
            time.sleep(0.2)
            for agent, tool, arguments in (("support-enhanced", *CUSTOMER),
                                           ("analyst-strict", "read_financial_data", {"account_id": "A-2001"})):
                with Modern(g, agent) as m:
                    a = m.call(tool, arguments, ref=f"full-{leave}")
                    assert a.status == 503 and a.reason == "audit_unavailable", a
            os.unlink(ballast)
            serving(g, 15)
        run.wait()
        views = compare(g, [run])
        assert set(views.reasons) == {"audit_unavailable"}, views.reasons
        assert views.broken == 0 and views.in_doubt == []
        assert not [s for s in witnessed([g.witness]) if s[1].startswith("full-")]
        assert g.ctl("audit", "verify")["chain_ok"]
        g.stop_gateway()
        assert verify(g)[0] == 0
    finally:
        if "g" in locals():
            g.abandon()
        subprocess.run(["umount", "-l", disk], check=False)


def test_the_index_may_be_removed_or_spoilt_and_is_filled_again_from_the_journal(make):
    g = start(make)
    run = load(g, calls=600, rate=600)
    run.wait()
    before = g.audit(settle=1.0)
    index = os.path.join(g.settings["state_dir"], "audit", "index")
    for harm in ("removed while it runs", "removed", "spoilt"):
        if harm == "removed while it runs":
            shutil.rmtree(index)
            kill(g, "audit")
        else:
            g.stop_gateway()
            if harm == "removed":
                shutil.rmtree(index)
            else:
                for name in os.listdir(index):
                    with open(os.path.join(index, name), "r+b") as f:
                        f.write(b"\x5a" * min(65536, os.path.getsize(f.name)))
            g.start()
        again = wait_for("the index to be filled", lambda: len(g.audit(settle=0.2)) >= len(before) and g.audit(), 10)
        assert [(r["seq"], r["hash"]) for r in again[:len(before)]] == [(r["seq"], r["hash"]) for r in before], harm
    compare(g, [run])


def edit(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def test_a_tampered_journal_is_refused_and_the_first_bad_record_named(make):
    g = start(make)
    run = load(g, calls=400, rate=800)
    run.wait()
    records = g.audit(settle=1.0)
    g.stop_gateway()
    status, good = verify(g)
    assert status == 0 and good["last_seq"] >= records[-1]["seq"]
    path, = segments(g)
    with open(path, "rb") as f:
        whole = f.read()
    # where some records lie: their hash stands in their frame's head
    place = {r["seq"]: whole.index(bytes.fromhex(r["hash"])) for r in records}
    picks = [records[n]["seq"] for n in (5, len(records) // 2, len(records) - 3)]
    for seq in picks:
        at, after = place[seq] - 32, place[seq + 1] - 32  # frame heads, unless a batch begins between
        for name, data in (("a flipped bit", bytes([whole[at + 80] ^ 4])), ("a changed hash", b"\0")):
            edit(path, at + (80 if name == "a flipped bit" else 40), data)
            status, bad = verify(g)
            assert status == 1 and not bad["chain_ok"] and bad["first_bad_seq"] == seq, (name, seq, bad)
            edit(path, 0, whole)
        edit(path, at, whole[after:] + b"\0" * (after - at))  # deleted: the rest moves up
        status, bad = verify(g)
        assert status == 1 and bad["first_bad_seq"] in (seq, seq - 1, seq + 1), ("deleted", seq, bad)
        edit(path, 0, whole)
    a, b = (place[s] - 32 for s in picks[:2])
    edit(path, a, whole[b:b + 200])
    edit(path, b, whole[a:a + 200])
    status, bad = verify(g)
    assert status == 1 and bad["first_bad_seq"] == picks[0], ("exchanged", bad)
    # a gateway on such a store lets nothing through that must be recorded
    g.start(ready=False)
    with wait_for("a connection", lambda: connected(g), 20) as m:
        refused = wait_for("the refusal", lambda: refusal(m), 20)
    assert refused.status == 503
    time.sleep(1.0)  # audit is started again and again, in vain
    with Modern(g, "support-enhanced") as m:
        a = m.call(*CUSTOMER, ref="tampered")
        assert a.status == 503 and a.reason == "audit_unavailable", a
    assert not [s for s in witnessed([g.witness]) if s[1] == "tampered"]
    assert audit_state(g) in ("latched", "gone"), audit_state(g)
    g.abandon()


def connected(g):
    try:
        m = Modern(g, "support-enhanced")
        m.connection()
        return m
    except OSError:
        return None


def refusal(m):
    a = m.call(*CUSTOMER)
    return a if a.reason == "audit_unavailable" else None


def test_a_failed_write_latches_and_recovers(make):
    g = start(make)
    pid = g.pids()["audit"][0]
    run = load(g, seconds=5, rate=300)
    time.sleep(0.7)
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))  # every write to a file is an error now
    eventually("the store to latch", lambda: audit_state(g) == "latched", 20)
    with Modern(g, "support-enhanced") as m:
        a = m.call(*CUSTOMER, ref="latched")
        assert a.status == 503 and a.reason == "audit_unavailable", a
    time.sleep(1.2)
    assert audit_state(g) == "latched", "the store came back without being able to write"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    serving(g, 15)
    assert run.wait()["unanswered"] == 0
    views = compare(g, [run])
    assert g.pids()["audit"][0] == pid, "audit died of it"
    assert set(views.reasons) == {"audit_unavailable"}, views.reasons
    recovered = [r for r in g.audit() if r.get("object") == "store recovered"]
    assert len(recovered) == 1 and "latched by" in recovered[0]["detail"], recovered
    assert g.ctl("status")["audit"]["errors"] > 0
    assert g.ctl("audit", "verify")["chain_ok"]
    assert not [s for s in witnessed([g.witness]) if s[1] == "latched"]
