"""Who is at the other end of a memif port is killed and comes back: agents and an upstream behind it, others beside."""
import json
import os
import socket
import subprocess
import threading

from client import Modern
from gateway import Failed, programs
from runner import eventually, skip
from scene import kill
from views import whitelist

WORKER = "worker-dpdk"
GATEWAY, PEER, PORT, SERVED = "10.9.0.1", "10.9.0.2", 8443, 8900
AGENT, TOOL, ARGS = "support", "read_customer_data", {"customer_id": "C-1001"}


class Peer:
    """sallyport-peer: agents that call, and the upstream "far", both over the gateway's memif port."""

    def __init__(self, g):
        agents = os.path.join(g.dir, "peer-agents")
        with open(agents, "w", encoding="utf-8") as f:
            f.write(f"{AGENT} {g.token(AGENT)} support\n")
        self.proc = subprocess.Popen(
            [programs(g.build)["sallyport-peer"], "--port", device(g, "client"), "--address", f"{PEER}/24", "--serve",
             f"{PEER}:{SERVED}", "--url", g.resource, "--connect", f"{GATEWAY}:{PORT}", "--ca", g.ca,
             "--agents", agents, "--connections", "8", "--rate", "100", "--seconds", "600", "--tell", "--ride-out"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.proc.stderr:
            if line.startswith("window opens"):
                return
        raise Failed(f"sallyport-peer ended with {self.proc.wait()}")

    def kill(self):
        self.proc.kill()
        self.close()

    def stop(self):
        """What its agents saw."""
        self.proc.terminate()
        out, _ = self.proc.communicate(timeout=60)
        return json.loads(out)

    def close(self):
        self.proc.wait()
        self.proc.stdout.close()
        self.proc.stderr.close()


def device(g, role):
    return f"net_memif0,role={role},socket={g.dir}/memif,socket-abstract=no,id=0,rsize=9"


def with_port(make):
    g = make(start=False, policies={AGENT: whitelist("support", "enhanced")})
    if not os.path.exists(os.path.join(g.build, "dataplane", "sallyport-worker-dpdk")):
        skip("built without DPDK")
    g.settings["ports"] = [{"device": device(g, "server"), "addresses": [f"{GATEWAY}/24"], "frames": 8192}]
    g.settings["listeners"].append({"address": f"{GATEWAY}:{PORT}", "port": True})
    g.settings["upstreams"].append({"name": "far", "url": f"http://{PEER}:{SERVED}/mcp", "era": "modern",
                                    "connect_timeout": "1s", "breaker": {"failures": 1000}})
    g.settings["routes"].append({"path": "/far", "resource": f"https://{g.host}/far", "upstreams": ["far"],
                                 "hosts": [g.host, f"127.0.0.1:{g.port}"]})
    g.write_config()
    g.start()
    return g


def far(g):
    """One call to the upstream behind the port, from a client beside it."""
    with Modern(g, token=g.token(AGENT, aud=f"https://{g.host}/far"), path="/far") as m:
        return m.call(TOOL, ARGS)


def come_and_go(g, times):
    """At the port's memif socket: away before the driver's greeting, as often as it is quicker than the driver."""
    for _ in range(times):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(f"{g.dir}/memif")


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stat(g, name):
    workers = g.ctl("workers")
    return sum(w[name] for w in (workers if isinstance(workers, list) else [workers]))


class Others:
    """A client of the kernel's network who calls all the time: every answer must be a result."""

    def __init__(self, g):
        self.g, self.served, self.bad, self.over = g, 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            with Modern(self.g, AGENT) as m:
                while not self.over.is_set():
                    a = m.call(TOOL, ARGS)
                    self.served += bool(a.result)
                    if not a.result:
                        self.bad.append(a)
        except (OSError, EOFError) as e:
            self.bad.append(e)

    def stop(self):
        self.over.set()
        self.thread.join()
        assert self.served and not self.bad, (self.served, self.bad[:3])


def test_a_memif_peer_that_dies_and_comes_back_costs_nobody_else_a_call(make):
    g = with_port(make)
    worker, sizes = g.pids()[WORKER], []
    others, peer = Others(g), Peer(g)
    try:
        for round_ in range(4):
            assert far(g).result, f"round {round_}: the first call to who came"
            reused = stat(g, "upstream_reused")
            eventually("a warm connection to be used", lambda was=reused: far(g).result and stat(
                g, "upstream_reused") > was)
            peer.kill()
            if round_ % 2:  # while nobody is there, the call's end is told in time
                gone = far(g)
                assert gone.reason in ("upstream_connect", "upstream_closed"), gone
            peer = Peer(g)
            sizes.append(rss_bytes(worker[0]))
        assert far(g).result, "after the last"
        seen = peer.stop()
        assert seen["calls"] and not seen["unexpected"], seen
    finally:
        peer.proc.kill()
        peer.close()
        others.stop()
    assert g.pids()[WORKER] == worker, "it is the same process still"
    if "ASAN_OPTIONS" not in os.environ:  # which keeps what was freed
        assert sizes[-1] - sizes[0] < 16 << 20, sizes


def test_a_worker_that_is_killed_meets_its_memif_peer_again(make):
    g = with_port(make)
    peer = Peer(g)
    try:
        assert far(g).result
        kill(g, WORKER)
        eventually("the peer to be met again", lambda: far(g).result, 30)
    finally:
        peer.kill()


def test_nobody_but_the_workers_user_may_connect_to_a_memif_port(make):
    was = os.umask(0)
    try:
        g = with_port(make)
    finally:
        os.umask(was)
    mode = os.stat(f"{g.dir}/memif").st_mode
    assert mode & 0o777 == 0o750, oct(mode)


def test_peers_that_leave_a_memif_port_at_once_cost_nobody_a_call(make):
    g = with_port(make)
    worker = g.pids()[WORKER]
    come_and_go(g, 200)
    peer = Peer(g)
    try:
        assert far(g).result, "the call to who came then"
    finally:
        peer.kill()
    assert g.pids()[WORKER] == worker, "it is the same process still"
