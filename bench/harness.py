"""What the bench scripts share: a release build, pinned processes, proxies, one run of the load generator."""
import json
import os
import pwd
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

from gateway import (  # noqa: E402,F401
    ISSUER, Demo, Failed, Gateway, children, free_port, programs, stop_process, wait_for)

PROXY_CPU, LOAD_CPU = "0", "1"
# What side-by-side and those that look into it call, and as whom.
BENCH_ACTIONS = ["read_customer_data", "update_order_status", "send_email_notification"]
AGENTS = [f"bench-agent-{i:02}" for i in range(1, 26)]


def release_build():
    """The release build's folder, made by tools/release when it is not up to date. SP_BUILD names another, which is
    built as it was configured."""
    folder = os.environ.get("SP_BUILD")
    if folder:
        subprocess.run(["ninja", "-C", folder], check=True, stdout=sys.stderr)
        return folder
    subprocess.run([os.path.join(ROOT, "tools", "release")], check=True, stdout=sys.stderr)
    return os.path.join(ROOT, "build", "release")


def pinned(cpu):
    """Command prefix that keeps a process tree on one CPU; none where there is only one."""
    return ["taskset", "-c", cpu] if (os.cpu_count() or 1) > 1 else []


def family(pid):
    return [pid, *children(pid)]


def rss_bytes(pids):
    """Proportional set size: memory that several processes map is counted once over all of them."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
                total += sum(int(n) for n in re.findall(r"^Pss:\s+(\d+) kB", f.read(), re.M)) * 1024
        except OSError:
            pass
    return total


def cpu_us(pid):
    """Processor time so far of a process's first thread, a worker's only one with work, as precise as the scheduler
    counts it."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1000


def faults(run):
    """Calls of a run of the generator that did not go as they had to."""
    return run["unexpected"] + run["broken"] + run["unanswered"]


def line_ns(build):
    """How long a cache line takes from the proxies' CPU to the other and back: what is compared has to have had the
    same. 0 where there is one CPU."""
    if (os.cpu_count() or 1) < 2:
        return 0
    out = subprocess.run([programs(build)["sallyport-line"], PROXY_CPU, LOAD_CPU], capture_output=True, text=True,
                         timeout=60, check=True).stdout
    return json.loads(out)["round_trip_ns"]


def load(build, url, *args, pids=(), timeout=600, prefix=(), program="sallyport-load"):
    """One run of the load generator; its report as a dictionary."""
    command = [*pinned(LOAD_CPU), *prefix, programs(build)[program], "--url", url, *args]
    if pids:
        command += ["--cpu-of", ",".join(map(str, pids))]
    r = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if r.stderr:
        print(r.stderr, file=sys.stderr, end="")
    if not r.stdout.startswith("{"):
        raise Failed(f"{program} ended with {r.returncode}: {r.stderr}")
    return json.loads(r.stdout)


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """Half the distance from the least to the most, as a share of the median: what noise to expect."""
    m = median(values)
    return (max(values) - min(values)) / 2 / m if m else 0.0


def alike(ours, theirs, key):
    """Ratios of the rounds in which the two CPUs were as near for both (line_ns): how many, and their median. Far is
    twice the least or more."""
    least = min(x["line_ns"] for x in ours + theirs)
    found = {}
    for a, b in zip(ours, theirs):
        far = [x["line_ns"] > 2 * least for x in (a, b)]
        if far[0] == far[1]:
            found.setdefault("far" if far[0] else "near", []).append(a[key] / b[key])
    return {how: {"rounds": len(of), "cpu": round(median(of), 3)} for how, of in found.items()}


class Proxy:
    """A process tree that is started with a configuration file and waits on a port."""

    def __init__(self, name, folder, config, command):
        self.name, self.port = name, free_port()
        path = os.path.join(folder, f"{name}.conf")
        with open(path, "w", encoding="utf-8") as f:
            for what, value in (("port", self.port), ("dir", folder), ("user", pwd.getpwuid(os.getuid()).pw_name)):
                config = config.replace(f"{{{what}}}", str(value))
            f.write(config)
        self.log = open(os.path.join(folder, f"{name}.log"), "wb")
        self.proc = subprocess.Popen([*pinned(PROXY_CPU), *[c.replace("{config}", path) for c in command]],
                                     stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.url = f"https://localhost:{self.port}/mcp"
        wait_for(f"{name} to listen", self.listens, 10)

    def listens(self):
        if self.proc.poll() is not None:
            with open(self.log.name, encoding="utf-8", errors="replace") as f:
                raise Failed(f"{self.name} ended with {self.proc.returncode}: {f.read()[-2000:]}")
        with open("/proc/net/tcp", encoding="ascii") as f:
            return f":{self.port:04X} 00000000:0000 0A" in f.read()

    def pids(self):
        return family(self.proc.pid)

    def stop(self):
        stop_process(self.proc, 10, self.name)
        self.log.close()


NGINX = """
worker_processes 1;
daemon off;
error_log stderr warn;
user {user};
pid {dir}/nginx.pid;
events { worker_connections 8192; }
http {
	access_log off;
	client_body_temp_path {dir}/nginx-body;
	proxy_temp_path {dir}/nginx-proxy;
	fastcgi_temp_path {dir}/nginx-fastcgi;
	uwsgi_temp_path {dir}/nginx-uwsgi;
	scgi_temp_path {dir}/nginx-scgi;
	keepalive_requests 1000000000;
	keepalive_timeout 300s;
	tcp_nodelay on;
	upstream demo {
		server UPSTREAM;
		keepalive 1024;
		keepalive_requests 1000000000;
	}
	server {
		listen 127.0.0.1:{port} ssl;
		ssl_certificate PKI/server.pem;
		ssl_certificate_key PKI/server.key;
		ssl_protocols TLSv1.3;
		ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
		location / {
			proxy_pass http://demo;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
"""

HAPROXY = """
global
	nbthread 1
	maxconn 8192
	ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
defaults
	mode http
	timeout client 300s
	timeout server 300s
	timeout connect 5s
	http-reuse always
frontend front
	bind 127.0.0.1:{port} ssl crt DIR/haproxy.pem ssl-min-ver TLSv1.3 alpn http/1.1
	default_backend demo
backend demo
	server demo UPSTREAM pool-max-conn 1024 PROTO
"""


def nginx(folder, pki, upstream):
    return Proxy("nginx", folder, NGINX.replace("UPSTREAM", upstream).replace("PKI", pki),
                 ["nginx", "-c", "{config}"])


def haproxy(folder, pki, upstream, name="haproxy"):
    """`name` haproxy_h2: HTTP/2 to the upstream."""
    with open(os.path.join(folder, "haproxy.pem"), "w", encoding="utf-8") as out:
        for part in ("server.pem", "server.key"):
            with open(os.path.join(pki, part), encoding="utf-8") as f:
                out.write(f.read())
    config = HAPROXY.replace("UPSTREAM", upstream).replace("DIR", folder)
    return Proxy(name, folder, config.replace("PROTO", "proto h2" if name.endswith("_h2") else ""),
                 ["haproxy", "-db", "-q", "-f", "{config}"])


def whitelist(actions, level="enhanced"):
    """A policy whose limits a bench cannot reach: the windows are kept all the same."""
    return {"allowed_actions": actions, "rate_limits": {"per_minute": 16000000, "per_hour": 16000000},
            "budget_limits": {"per_request_tokens": 1000000, "daily_max_tokens": 17000000000},
            "audit_level": level}


def bench_gateway(build, **how):
    """Not started yet: one worker, AGENTS, every control on, room for as many connections as a bench opens."""
    return Gateway(build, policies={a: whitelist(BENCH_ACTIONS) for a in AGENTS}, workers=1, start=False, config={
        "limits": {"max_connections": 4096, "max_connections_per_address": 4096,
                   "max_upstream_connections": 2048}}, **how)


def agents_file(gateway, agents):
    """`agents` is [(name, mix)]: the load generator's file with a token for each."""
    path = os.path.join(gateway.dir, "agents")
    with open(path, "w", encoding="utf-8") as f:
        for name, mix in agents:
            f.write(f"{name} {gateway.token(name)} {mix}\n")
    return path


def calls_done(gateway):
    """Calls forwarded so far, by the workers' own counters."""
    workers = gateway.ctl("workers")
    return sum(w["calls_forwarded"] for w in (workers if isinstance(workers, list) else [workers]))


def settle(seconds=0.5):
    time.sleep(seconds)
