"""A gateway and sallyport-peer, its agents and its upstream in one process: what ports and side-by-side measure."""
import json
import os
import subprocess
import sys
import time

from harness import (
    AGENTS, LOAD_CPU, PROXY_CPU, Failed, agents_file, bench_gateway, cpu_us, free_port, pinned, programs, rss_bytes,
    wait_for)

GATEWAY_IP, PEER_IP, PORT = "10.9.0.1", "10.9.0.2", 8443
WARMUP_S = 1
BEGIN_S = 120  # sallyport-peer gives up by itself before that where its connections do not come up
END_S = 60  # for the answers that are out when the window closes


def uring(folder):
    """Changes of the configuration, where the upstream serves, where agents connect, the peer's arguments."""
    del folder
    up = f"127.0.0.1:{free_port()}"
    return {}, up, None, []


def dpdk_memif(folder):
    def device(role):
        return f"net_memif0,role={role},socket={folder}/memif,socket-abstract=no,id=0,rsize=9"
    config = {"ports": [{"device": device("server"), "addresses": [f"{GATEWAY_IP}/24"]}],
              "listeners": [{"address": f"{GATEWAY_IP}:{PORT}", "port": True}]}
    return (config, f"{PEER_IP}:8900", f"{GATEWAY_IP}:{PORT}",
            ["--port", device("client"), "--address", f"{PEER_IP}/24"])


WAYS = {"uring": uring, "dpdk_memif": dpdk_memif}


def possible(build):
    """The ways this build has a worker for."""
    worker = os.path.join(build, "dataplane", "sallyport-worker-dpdk")
    return [way for way in WAYS if way != "dpdk_memif" or os.path.exists(worker)]


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.readlines()


class PortRun:
    """One gateway of `build`, to be measured once or more. Its worker is kept on CPU 0, the rest of it on `rest_cpu`,
    the peer, which is `peer_build`'s, on CPU 1. `pki`: a folder of certificates to use instead of making one."""

    def __init__(self, build, way, rest_cpu=LOAD_CPU, peer_build=None, pki=None):
        self.polls, self.peer_build = way == "dpdk_memif", peer_build or build
        self.gateway = g = bench_gateway(build, prefix=pinned(rest_cpu), demo=False, pki=pki)
        try:
            self.start(way)
        except BaseException:
            g.show()
            g.abandon()
            raise

    def start(self, way):
        g = self.gateway
        changes, self.upstream, self.connect, self.peer_args = WAYS[way](g.dir)
        g.settings.update(changes)
        g.settings["upstreams"] = [{"name": "demo", "url": f"http://{self.upstream}/mcp", "era": "both",
                                    "max_connections": 2048}]
        self.connect = self.connect or f"127.0.0.1:{g.port}"
        g.write_config()
        g.start()
        roles = g.pids()
        self.worker = next(pids[0] for role, pids in roles.items() if role.startswith("worker"))
        self.all = [pid for pids in roles.values() for pid in pids]
        if (os.cpu_count() or 1) > 1:
            for tid in os.listdir(f"/proc/{self.worker}/task"):
                os.sched_setaffinity(int(tid), {int(PROXY_CPU)})

    def counters(self):
        """The worker's, and its processor time before and after they were asked for."""
        try:
            asked_us = cpu_us(self.worker)
            workers = self.gateway.ctl("workers")
            return {**(workers[0] if isinstance(workers, list) else workers), "asked_us": asked_us,
                    "answered_us": cpu_us(self.worker)}
        except OSError as e:
            raise Failed(f"the worker did not live until the end: {e}") from e

    def measure(self, connections, seconds, rate=0, era="modern"):
        g = self.gateway
        args = [*pinned(LOAD_CPU), programs(self.peer_build)["sallyport-peer"], *self.peer_args, "--serve",
                self.upstream, "--url", g.resource, "--connect", self.connect, "--ca", g.ca, "--agents",
                agents_file(g, [(a, "bench") for a in AGENTS]), "--connections", str(connections), "--era", era,
                "--seconds", str(seconds), "--warmup", str(WARMUP_S), "--tell", "--cpu-of",
                ",".join(map(str, self.all))]
        if rate:
            args += ["--rate", str(rate)]
        told = os.path.join(g.dir, "peer.stderr")
        with open(told, "wb") as f:
            peer = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=f, text=True)
        try:
            out, before, after = self.watch(peer, told, seconds)
        finally:
            if peer.poll() is None:
                peer.kill()
                peer.wait()
            peer.stdout.close()
            err = "".join(line for line in lines(told) if not line.startswith(("calls begin", "window opens")))
            print(err, file=sys.stderr, end="")
        if not out.startswith("{") or not before:
            raise Failed(f"sallyport-peer ended with {peer.returncode}: {err}\n{g.log_text()[-2000:]}")
        return self.digest(json.loads(out), before, after)

    def watch(self, peer, told, seconds):
        """What it prints, and the worker's counters late in the warm-up and when the window has closed: asking for
        them is no part of what is measured. No counters when it ended before."""
        def begun():
            return peer.poll() is not None or any(line.startswith("calls begin") for line in lines(told))

        wait_for("sallyport-peer's calls to begin", begun, BEGIN_S)
        closes = time.monotonic() + WARMUP_S + seconds
        try:
            peer.wait(WARMUP_S / 2)
            return peer.communicate()[0], None, None
        except subprocess.TimeoutExpired:
            before = self.counters()
        try:
            peer.communicate(timeout=max(0, closes - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        after = self.counters()
        return peer.communicate(timeout=END_S)[0], before, after

    def digest(self, got, before, after):
        done = max(1, got["window_calls"])
        judged = max(1, after["calls"] - before["calls"])
        got["gateway_cpu_us_per_call"] = got["cpu_us_per_call"]
        got["worker_cpu_us_per_call"] = got["cpu_us_of"][str(self.worker)] / done
        got["rest_cpu_us_per_call"] = got["gateway_cpu_us_per_call"] - got["worker_cpu_us_per_call"]
        got["inverse_throughput_us"] = 1e6 / max(1.0, got["calls_per_s"])
        got["busy_us_per_call"] = (after["busy_nanoseconds"] - before["busy_nanoseconds"]) / 1000 / judged
        got["cost_us_per_call"] = got["worker_cpu_us_per_call"]
        if self.polls:
            # Over what holds the counters' window: it is the less for what others took only, not for being shorter.
            bound = (after["answered_us"] - before["asked_us"]) / judged
            got["cost_us_per_call"] = min(got["busy_us_per_call"], bound)
        got["rss_bytes"] = rss_bytes(self.all)
        return got


def port_run(build, way, *measure, **run):
    """A gateway and a peer for one measurement: its report."""
    r = PortRun(build, way, **run)
    try:
        got = r.measure(*measure)
    except BaseException:
        r.gateway.show()
        r.gateway.abandon()
        raise
    r.gateway.stop()
    return got
