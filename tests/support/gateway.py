"""The real processes for a test or a bench: the demo server, sallyportd, sallyctl.

Demo is a running demo server, Gateway a running gateway in front of one; both are context managers and
raise when they stop uncleanly: a process left over, a sanitizer's report, an unexpected exit status.
"""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from client import Http

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ISSUER = "https://issuer.demo.example"
REPORTS = re.compile(r"ERROR: (Address|Leak|Memory|Thread)Sanitizer|runtime error:|LeakSanitizer|\.c:\d+: bug:"
                     r"|AddressSanitizer:|SUMMARY: \w+Sanitizer")


class Failed(AssertionError):
    """Something about the processes under test is not as it must be."""


def wait_for(what, check, seconds=10.0, step=0.02):
    """Poll `check` until it gives something true; that is returned."""
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(step)


PORTS_BELOW_EPHEMERAL = (12000, 32000)


def free_port():
    """A port that no connection's own end takes before it is listened on; by dice, so that runs side by side differ."""
    while True:
        port = random.SystemRandom().randrange(*PORTS_BELOW_EPHEMERAL)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def programs(build):
    """Paths of the programs of one build folder."""
    at = {"sallyport-demo": "tools/demo", "sallyctl": "tools/sallyctl", "sallyportd": "controlplane/supervisor",
          "sallyport-line": "bench", "sallyport-load": "bench", "sallyport-peer": "bench", "sallyport-shake": "bench"}
    return {name: os.path.join(build, folder, name) for name, folder in at.items()}


def sanitized(build):
    """Was it built with a sanitizer, which takes memory of its own?"""
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        return any(o["name"] == "b_sanitize" and o["value"] not in ("none", []) for o in json.load(f))


def alive(pid):
    """Is there a process, and is it more than a zombie?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children(pid):
    """All descendants of a process that are alive."""
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        try:
            with open(f"/proc/{at}/task/{at}/children", encoding="utf-8") as f:
                kids = [int(p) for p in f.read().split()]
        except OSError:
            continue
        found += kids
        todo += kids
    return [p for p in found if alive(p)]


def kill_all(proc):
    """A process of ours and all its descendants."""
    for pid in [proc.pid, *children(proc.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    proc.wait()


def stop_process(proc, seconds, name):
    """SIGTERM, then a deadline; a process that must be killed is a failure."""
    if proc.poll() is None:
        proc.send_signal(signal.SIGTERM)
    try:
        return proc.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_all(proc)
        raise Failed(f"{name} did not stop within {seconds} s of SIGTERM") from None


class Demo:
    """A demo MCP server on a free port. `saw()` is what its ledger says."""

    def __init__(self, build, folder, args=(), unix=False, port=0, prefix=()):
        self.ledger_path = os.path.join(folder, f"ledger-{time.monotonic_ns()}")
        self.log = os.path.join(folder, f"demo-{time.monotonic_ns()}.log")
        self.socket = os.path.join(folder, "demo.sock")
        where = ["--unix", self.socket] if unix else ["--listen", f"127.0.0.1:{port}"]
        self.command = [*prefix, programs(build)["sallyport-demo"], "serve", *where, "--ledger",
                        self.ledger_path, *args]
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log)
        line = self.proc.stdout.readline().decode().strip()
        if not line.startswith("listening "):
            raise Failed(f"the demo server did not start: {open(self.log, encoding='utf-8').read()}")
        self.unix = unix
        self.url = f"unix:{self.socket}:/mcp" if unix else line.split(" ", 1)[1]
        self.address = self.socket if unix else ("127.0.0.1", int(line.rsplit(":", 1)[1].split("/")[0]))
        self.host = "localhost" if unix else f"127.0.0.1:{self.address[1]}"

    def connect(self, timeout=10.0):
        return Http(self.address, timeout=timeout)

    def token(self, agent):
        """None is needed here: lets the MCP clients talk to the server itself."""
        return None

    def saw(self):
        """(tool, call_ref) of every call received so far; waits out the ledger's buffering."""
        if self.proc.poll() is None:
            time.sleep(0.25)
        try:
            with open(self.ledger_path, encoding="utf-8") as f:
                return [tuple(line.rstrip("\n").split("\t", 1)) for line in f]
        except FileNotFoundError:
            return []

    def stop(self):
        status = stop_process(self.proc, 10, "the demo server")
        self.proc.stdout.close()
        with open(self.log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if status != 0 or REPORTS.search(text):
            raise Failed(f"the demo server ended with {status}:\n{text[-4000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def default_policies():
    """Whitelists of the demo's agents, ready to be changed and handed to Gateway(policies=...)."""
    def whitelist(actions, minute=100000, hour=1000000, request=100000, day=10**10, level="enhanced"):
        return {"allowed_actions": actions, "rate_limits": {"per_minute": minute, "per_hour": hour},
                "budget_limits": {"per_request_tokens": request, "daily_max_tokens": day},
                "audit_level": level}
    return {
        "customer-support-bot": whitelist(["read_customer_data", "update_order_status",
                                           "send_email_notification"]),
        "financial-analyst-bot": whitelist(["read_financial_data", "query_transactions", "slow_report", "echo",
                                            "big_answer", "misbehave"], level="strict"),
        "rate-limited-bot": whitelist(["read_customer_data"], minute=3, level="basic"),
    }


def merge(into, changes):
    """Deep merge of dictionaries; lists and scalars are replaced, None removes."""
    for k, v in (changes or {}).items():
        if isinstance(v, dict) and isinstance(into.get(k), dict):
            merge(into[k], v)
        elif v is None:
            into.pop(k, None)
        else:
            into[k] = v
    return into


class Taps:
    """SP_OVER=tap: the agents' side of the gateway lies on ports of the workers' own TCP/IP. The other end of each
    is a tap device of the kernel, in the network namespace that the runner made for itself."""

    made = 0

    @staticmethod
    def wanted():
        return os.environ.get("SP_OVER") == "tap"

    @classmethod
    def make(cls):
        """A device that outlives its worker: (its name, our address, the stack's address)."""
        cls.made += 1
        n, name = cls.made, f"sptap{cls.made}"
        net = f"10.9.{n % 250}"
        for args in (["tuntap", "add", "dev", name, "mode", "tap", "multi_queue"],
                     ["addr", "add", f"{net}.2/24", "dev", name],
                     ["addr", "add", f"fd09:{n:x}::2/64", "dev", name, "nodad"], ["link", "set", name, "up"]):
            subprocess.run(["ip", *args], check=True, timeout=20)
        return name, f"{net}.1"

    @classmethod
    def ports(cls, gateway, workers):
        """The `ports` of a configuration, and the address agents connect to: the first worker's."""
        gateway.taps = [cls.make() for _ in range(workers)]
        ports = [{"device": f"net_tap0,iface={name}", "frames": 8192,
                  "addresses": [f"{address}/24", f"fd09:{cls.made - workers + i + 1:x}::1/64"]}
                 for i, (name, address) in enumerate(gateway.taps)]
        return ports, gateway.taps[0][1]

    @staticmethod
    def remove(gateway):
        for name, _ in getattr(gateway, "taps", []):
            subprocess.run(["ip", "link", "del", name], check=False, timeout=20, stderr=subprocess.DEVNULL)
        gateway.taps = []


class Gateway:
    """sallyportd over demo servers, with a CA, an issuer's key and policies of its own in a temporary folder.

    build     folder of the build to run (the runner's --build)
    config    changes merged into the default configuration (see `default_config`)
    policies  {agent: whitelist} instead of default_policies(); {file name: text} also works
    demo_args arguments of the demo server; demo=None starts none (then give upstreams in `config`)
    start     False only writes the folder
    """

    def __init__(self, build, config=None, policies=None, demo_args=(), demo=True, start=True, workers=1,
                 prefix=(), demo_prefix=(), demo_unix=False, pki=None):
        self.build, self.programs, self.prefix = build, programs(build), list(prefix)
        self.dir = tempfile.mkdtemp(prefix="sp-")
        self.proc, self.demo, self.tokens, self.logs = None, None, {}, []
        try:
            self.make(["keys", self.dir])
            self.pki = pki or os.path.join(self.dir, "pki")
            if not pki:
                self.make(["pki", self.pki])
            self.ca = os.path.join(self.pki, "ca.pem")
            self.port = free_port()
            self.host, self.address = f"localhost:{self.port}", ("127.0.0.1", self.port)
            self.resource = f"https://{self.host}/mcp"
            self.run_dir = os.path.join(self.dir, "run")
            if demo:
                self.demo = Demo(build, self.dir, demo_args, unix=demo_unix, prefix=demo_prefix)
            self.write_policies(default_policies() if policies is None else policies)
            self.settings = merge(self.default_config(workers), config)
            self.write_config()
            if start:
                self.start()
        except BaseException:
            self.abandon()
            raise

    def make(self, args):
        subprocess.run([self.programs["sallyport-demo"], *args], check=True, timeout=30)

    def default_config(self, workers):
        over = {}
        listeners = [{"address": f"127.0.0.1:{self.port}"}]
        if Taps.wanted():
            over["ports"], host = Taps.ports(self, workers)
            self.address = (host, self.port)
            listeners = [{"address": f"{any_}:{self.port}", "port": True} for any_ in ("0.0.0.0", "[::]")]
        demo = {"name": "demo", "url": self.demo.url, "era": "both"} if self.demo else None
        return {
            "profile": "development", "state_dir": os.path.join(self.dir, "state"),
            "run_dir": self.run_dir, "workers": {"count": workers}, **over,
            "listeners": listeners,
            "tls": {"certificates": [{"chain": os.path.join(self.pki, "server.pem"),
                                      "key": os.path.join(self.pki, "server.key")}]},
            "issuers": [{"issuer": ISSUER, "algorithms": ["ES256"],
                         "jwks_file": os.path.join(self.dir, "jwks.json")}],
            "upstreams": [demo] if demo else [],
            "routes": [{"path": "/mcp", "resource": self.resource, "upstreams": ["demo"],
                        "hosts": [self.host, f"127.0.0.1:{self.port}"]}],
            "policy": {"directory": os.path.join(self.dir, "policy")},
            "audit": {"reserve": "1MiB"},
        }

    def write_config(self):
        """The configuration as JSON, which is YAML."""
        self.config_path = os.path.join(self.dir, "sallyport.yaml")
        with open(self.config_path, "w", encoding="utf-8") as f:
            json.dump(self.settings, f, indent=2)

    def write_policies(self, policies):
        folder = os.path.join(self.dir, "policy")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name, policy in policies.items():
            file = name if name.endswith((".json", ".yaml", ".yml")) else f"{name}.json"
            with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                if isinstance(policy, str):
                    f.write(policy)
                else:
                    json.dump({"tool_id": name, **policy}, f)

    def start(self, ready=True):
        path = os.path.join(self.dir, f"gateway-{len(self.logs)}.log")
        self.logs.append(path)
        with open(path, "wb") as log:
            self.proc = subprocess.Popen([*self.prefix, self.programs["sallyportd"], self.config_path],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        if ready:
            self.wait_ready()

    def wait_ready(self, seconds=30.0):
        def check():
            if self.proc.poll() is not None:
                raise Failed(f"sallyportd ended with {self.proc.returncode}:\n{self.log_text()[-4000:]}")
            return self.ctl_text("status", "--json")[0] == 0
        wait_for("the gateway to be ready", check, seconds)

    def log_text(self):
        text = ""
        for path in self.logs:
            with open(path, encoding="utf-8", errors="replace") as f:
                text += f.read()
        return text

    def ctl(self, *args, check=True, timeout=60):
        """sallyctl ... --json, decoded; a list when it answered in several lines. check=False: None on failure."""
        status, out, err = self.ctl_text(*args, "--json", timeout=timeout)
        if status and check:
            raise Failed(f"sallyctl {' '.join(args)}: {status}: {err or out}")
        if status:
            return None
        answers = [json.loads(line) for line in out.splitlines() if line.strip()]
        return answers[0] if len(answers) == 1 else answers

    def ctl_text(self, *args, timeout=20):
        """(exit status, standard output, standard error) of sallyctl."""
        r = subprocess.run([self.programs["sallyctl"], "--run-dir", self.run_dir, *args], capture_output=True,
                           text=True, timeout=timeout, check=False)
        return r.returncode, r.stdout, r.stderr

    def audit(self, *query, settle=0.2, page=10000):
        """All records that match, oldest first, as dictionaries. Waits until what was done is durable: `settle`
        seconds, and until the trail has not grown for so long though audit ran; 0 looks at once."""
        grown, patience = self.audit_sequence() if settle else None, time.monotonic() + 10
        while settle:
            asleep = time.monotonic()
            time.sleep(settle)
            before, grown = grown, self.audit_sequence()
            ran = self.audit_beat_ms() < 1000 * (time.monotonic() - asleep)
            if grown == before and (ran or time.monotonic() > patience):
                break
        found, at = [], 1
        while True:
            answers = self.ctl("audit", "query", "--from", str(at), "--limit", str(page), *query)
            answers = answers if isinstance(answers, list) else [answers]
            records = [a for a in answers if a and "seq" in a]
            found += records
            if len(records) < page:
                return found
            at = records[-1]["seq"] + 1

    def audit_beat_ms(self):
        """How long ago audit went round its loop; it does so now and then even when nothing comes."""
        processes = json.loads(self.ctl_text("status", "--json")[1] or "{}").get("processes", [])
        return next((p["beat_ms"] for p in processes if p["process"] == "audit"), 0)

    def audit_sequence(self):
        """Number of the newest record."""
        status = self.ctl_text("status", "--json")[1]
        return json.loads(status)["audit"]["sequence"] if status.strip() else None

    def token(self, agent, **claims):
        """An access token of the demo issuer: claims sub, aud, scope, ttl, iss, client_id, jti override."""
        key = (agent, tuple(sorted(claims.items())))
        if key not in self.tokens:
            args = {"key": os.path.join(self.dir, "issuer.pem"), "iss": ISSUER, "sub": agent,
                    "aud": self.resource, "ttl": 3600, **claims}
            command = [self.programs["sallyport-demo"], "token"]
            for k, v in args.items():
                command += [f"--{k.replace('_', '-')}", str(v)]
            self.tokens[key] = subprocess.run(command, check=True, capture_output=True, text=True,
                                              timeout=30).stdout.strip()
        return self.tokens[key]

    def connect(self, timeout=10.0, **kwargs):
        """A TLS connection to the first listener: an Http."""
        return Http(self.address, ca=self.ca, timeout=timeout, **kwargs)

    def pids(self):
        """{role: [pid]} of the gateway's processes, from their names."""
        roles = {"supervisor": [self.proc.pid]}
        for pid in children(self.proc.pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    name = os.path.basename(f.read().split(b"\0")[0].decode())
            except OSError:
                continue
            roles.setdefault(name.removeprefix("sallyport-"), []).append(pid)
        return roles

    def kill(self, role, index=0, sig=signal.SIGKILL):
        """Kill one process of a role; returns its pid."""
        pid = self.pids()[role][index]
        os.kill(pid, sig)
        return pid

    def stop_gateway(self, seconds=30.0):
        """Stop sallyportd alone and check how it went: exit status, leftovers, sanitizer reports."""
        if not self.proc:
            return
        proc, self.proc = self.proc, None
        family = children(proc.pid)
        status = stop_process(proc, seconds, "sallyportd")
        left = [p for p in family if alive(p)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        text = self.log_text()
        if left:
            raise Failed(f"processes left after the supervisor ended: {left}\n{text[-2000:]}")
        if status not in (0, -signal.SIGKILL) or REPORTS.search(text):
            at = REPORTS.search(text)
            told = text[max(0, at.start() - 500):][:6000] if at else text[-4000:]
            raise Failed(f"sallyportd ended with {status}:\n{told}")

    def stop(self):
        """Stop everything and remove the folder, also when something is wrong."""
        try:
            self.stop_gateway()
            if self.demo:
                demo, self.demo = self.demo, None
                demo.stop()
        finally:
            self.abandon()

    def abandon(self):
        """No checks: for when a test has already failed."""
        for proc in (self.proc, self.demo and self.demo.proc):
            if proc and proc.poll() is None:
                kill_all(proc)
        self.proc = self.demo = None
        Taps.remove(self)
        if not os.environ.get("SP_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.show()
            self.abandon()

    def show(self, most=3000):
        """The end of the gateway's log, for the output of a failed test."""
        text = self.log_text()
        if text:
            print(f"--- log of the gateway\n{text[-most:]}", flush=True)
