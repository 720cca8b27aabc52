"""Three views of every call, and where they disagree: what the client was answered (the log of
sallyport-load), what the upstream received (the demo server's --witness file), what the audit trail says.

    load = Load(gateway, agents=[("a", "support")], calls=1000, ref="x")   # runs beside the test
    load.wait()
    v = Views(calls=load.log(), seen=witnessed([path]), records=gateway.audit())
    assert v.unaudited_forwards == v.lost_records == 0, v.faults

The three are tied by `call_ref`, an argument unique to the call, and by the SHA-256 of the arguments: the
client's view computes it, the upstream's of what it received, the record's of what was judged.
"""
import collections
import hashlib
import json
import os
import subprocess

from gateway import Failed, programs

# Tools that a mix of ours calls, with the arguments as sent and what the agent must be answered.
MIXES = {
    "support": [(55, "ok", "read_customer_data", '{"customer_id":"C-1003"}'),
                (25, "ok", "update_order_status", '{"order_id":"O-5040","status":"paid"}'),
                (15, "ok", "send_email_notification", '{"customer_id":"C-1030","subject":"Hello","body":"Thank you."}'),
                (5, "denied", "refund_payment", '{"order_id":"O-5001"}')],
    "analyst": [(55, "ok", "read_financial_data", '{"account_id":"A-2004"}'),
                (35, "ok", "query_transactions", '{"account_id":"A-2007","limit":6}'),
                (10, "denied", "update_financial_data", '{"account_id":"A-2004","amount_cents":100}')],
}
# Refused before there was anything to decide, or because no decision can be recorded: no record is owed.
UNRECORDED = {"audit_unavailable", "overload", "draining", "policy_absent", "session_unknown", "session_missing"}
ENDS = ("outcome", "in_doubt")


def whitelist(mix, level):
    """A policy for one of MIXES that no load reaches the limits of."""
    return {"allowed_actions": [tool for _, expect, tool, _ in MIXES[mix] if expect == "ok"],
            "rate_limits": {"per_minute": 16000000, "per_hour": 16000000},
            "budget_limits": {"per_request_tokens": 1000000, "daily_max_tokens": 17000000000},
            "audit_level": level}


def arguments_hash(tool, ref, arguments):
    """Of the bytes that the load generator sends: call_ref stands first."""
    rest = "" if arguments == "{}" else "," + arguments[1:-1]
    return hashlib.sha256(f'{{"call_ref":"{ref}"{rest}}}'.encode()).hexdigest()


class Load:
    """sallyport-load in the background."""

    def __init__(self, gateway, agents, calls=0, seconds=0, connections=8, rate=0, era="modern", ref="load"):
        self.gateway, self.path = gateway, os.path.join(gateway.dir, f"calls-{ref}.log")
        agents_path = os.path.join(gateway.dir, f"agents-{ref}")
        with open(agents_path, "w", encoding="utf-8") as f:
            f.writelines(f"{name} {gateway.token(name)} {mix}\n" for name, mix in agents)
        command = [programs(gateway.build)["sallyport-load"], "--url", gateway.resource, "--connect",
                   f"127.0.0.1:{gateway.port}", "--ca", gateway.ca, "--agents", agents_path, "--connections",
                   str(connections), "--era", era, "--ref", ref, "--log", self.path, "--ride-out"]
        for name, items in MIXES.items():
            at = os.path.join(gateway.dir, f"mix-{name}")
            with open(at, "w", encoding="utf-8") as f:
                f.writelines(f"{weight} any {tool} {arguments}\n" for weight, _, tool, arguments in items)
            command += ["--mix", f"{name}={at}"]
        for option, value in (("--calls", calls), ("--seconds", seconds), ("--rate", rate)):
            if value:
                command += [option, str(value)]
        # "any": what each call must be answered is judged by Views, with the trail beside it
        self.errors = open(self.path + ".err", "w+", encoding="utf-8")
        self.proc = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def running(self):
        return self.proc.poll() is None

    def wait(self, seconds=120):
        """The report of the load generator."""
        try:
            out, _ = self.proc.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.communicate()
            raise Failed(f"the load did not end within {seconds} s") from None
        self.errors.seek(0)
        text = self.errors.read()
        self.errors.close()
        if not out.startswith("{"):
            raise Failed(f"sallyport-load ended with {self.proc.returncode}: {text[-2000:]}")
        return json.loads(out)

    def stop(self):
        """No more calls; those under way are waited for."""
        if self.running():
            self.proc.terminate()
        return self.wait()

    def log(self):
        """[(ref, agent, tool, verdict, reason)] of every call that got an answer or lost its connection."""
        with open(self.path, encoding="utf-8") as f:
            found = []
            for line in f:
                ref, agent, tool, verdict = line.rstrip("\n").split("\t")
                found.append((ref, agent, tool, *verdict.partition(":")[::2]))
            return found


def witnessed(paths):
    """[(tool, ref, hash, boot time)] of all calls in files of `--witness`."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                parts = line.rstrip("\n").split("\t")
                if len(parts) == 4:
                    found.append((parts[0], parts[1], parts[2], int(parts[3])))
    return found


def told_otherwise(calls, decisions):
    """Answered calls whose client was not told what the record of that very call says, or that have no record."""
    arguments = {tool: args for items in MIXES.values() for _, _, tool, args in items}
    verdicts = collections.defaultdict(list)
    for r in decisions:
        verdicts[r["agent"], r["tool"], r.get("arguments_hash")].append("ok" if r["decision"] == "allow" else "denied")
    return sum(verdicts[agent, tool, arguments_hash(tool, ref, arguments[tool])] != [verdict]
               for ref, agent, tool, verdict, _ in calls if verdict in ("ok", "denied"))


class Views:
    """Puts the three together. Counts are attributes; `faults` tells the first few disagreements of each kind.

    unaudited_forwards  calls in the upstream's view without an allowing decision that precedes them
    lost_records        answered calls whose decision, or whose outcome when it was allowed, is not on record
    duplicate_forwards  calls that the upstream saw more than once
    wrong_verdicts      answers that are not what policy says, or that no upstream gave
    open_decisions      allowing decisions that never ended, neither by outcome nor in doubt
    ended_twice         allowing decisions that ended more than once
    client_errors       answered with an error of the gateway; `reasons` says which
    """

    def __init__(self, calls, seen, records):
        self.faults = collections.defaultdict(list)
        self.reasons = collections.Counter()
        self.read_trail(records)
        self.check_upstream(seen)
        self.check_clients(calls, {ref for _, ref, _, _ in seen})
        self.check_ends()

    def blame(self, kind, what):
        if len(self.faults[kind]) < 5:
            self.faults[kind].append(what)

    def read_trail(self, records):
        self.decisions, self.by_hash, self.ends = {}, {}, collections.defaultdict(list)
        self.in_doubt = []
        for r in records:
            if r["type"] == "decision":
                self.decisions[r["call"]] = r
                if "arguments_hash" in r:
                    self.by_hash.setdefault(r["arguments_hash"], []).append(r)
            elif r["type"] in ENDS:
                self.ends[r["call"]].append(r)
                if r["type"] == "in_doubt":
                    self.in_doubt.append(r)

    def check_upstream(self, seen):
        self.unaudited_forwards = 0
        for tool, ref, digest, boot_ns in seen:
            allowed = [d for d in self.by_hash.get(digest, []) if d["decision"] == "allow" and d["tool"] == tool and
                       d["boot_ns"] <= boot_ns]
            if not allowed:
                self.unaudited_forwards += 1
                self.blame("unaudited_forwards", (tool, ref, digest, self.by_hash.get(digest)))
        times = collections.Counter(ref for _, ref, _, _ in seen)
        self.duplicate_forwards = sum(n - 1 for n in times.values())
        for ref, n in times.items():
            if n > 1:
                self.blame("duplicate_forwards", (ref, n))

    def check_clients(self, calls, seen_refs):
        arguments = {(mix, tool): (expect, args) for mix, items in MIXES.items() for _, expect, tool, args in items}
        by_tool = {tool: both for (_, tool), both in arguments.items()}
        self.lost_records = self.wrong_verdicts = self.client_errors = self.broken = self.answered = 0
        for ref, agent, tool, verdict, reason in calls:
            if verdict == "broken":
                self.broken += 1
                continue
            self.answered += 1
            expect, args = by_tool[tool]
            if verdict == "error":
                self.client_errors += 1
                self.reasons[reason or "without a reason"] += 1
                if reason in UNRECORDED and ref not in seen_refs:
                    continue
            elif verdict != expect or (verdict == "ok") != (ref in seen_refs):
                self.wrong_verdicts += 1
                self.blame("wrong_verdicts", (ref, agent, tool, verdict, ref in seen_refs))
            on_record = [d for d in self.by_hash.get(arguments_hash(tool, ref, args), []) if d["agent"] == agent]
            want = "deny" if verdict == "denied" else "allow"
            good = len(on_record) == 1 and on_record[0]["decision"] == want and (
                want == "deny" or any(e["type"] == "outcome" for e in self.ends[on_record[0]["call"]]))
            if not good:
                self.lost_records += 1
                self.blame("lost_records", (ref, agent, tool, verdict, reason, on_record))

    def check_ends(self):
        self.open_decisions = self.ended_twice = 0
        for call, d in self.decisions.items():
            n = len(self.ends[call])
            if d["decision"] == "allow" and n != 1:
                self.open_decisions += n == 0
                self.ended_twice += n > 1
                self.blame("ends", (d, self.ends[call]))

    def ends_of(self, ref, tool, args):
        """The records that end the call `ref`."""
        return [e for d in self.by_hash.get(arguments_hash(tool, ref, args), []) for e in self.ends[d["call"]]]

    def numbers(self):
        return {k: getattr(self, k) for k in (
            "unaudited_forwards", "lost_records", "duplicate_forwards", "wrong_verdicts", "open_decisions",
            "ended_twice", "answered", "broken", "client_errors")}

    def check(self):
        """Raises when anything is not as it must be."""
        bad = {k: v for k, v in self.numbers().items() if v and k not in ("answered", "broken", "client_errors")}
        if bad:
            raise Failed(f"{bad}: " + "; ".join(f"{k}: {v[:2]}" for k, v in self.faults.items()))
        return self
