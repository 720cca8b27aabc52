"""Sallyport, HAProxy and nginx before one upstream, started alike: what side-by-side and curves measure.

Generator and upstream are one process, sallyport-peer, new for every measurement: the proxies stay and meet it where
the last one was. Names of candidates: direct, nginx, haproxy, sallyport; ..._h2 reaches the upstream by HTTP/2,
..._port goes over a DPDK port, ..._beside is the second build of Sallyport.
"""
import contextlib
import os
import sys

from harness import (
    AGENTS, LOAD_CPU, PROXY_CPU, Failed, agents_file, bench_gateway, family, faults, free_port, haproxy, line_ns,
    load, nginx, pinned, rss_bytes, settle)
from options import need
from port_run import port_run


def need_for(names):
    """Ends the bench when a proxy of these candidates is not installed."""
    need(*sorted({name.removesuffix("_h2") for name in names} & {"nginx", "haproxy"}))


def on_sockets(names):
    """Those of Sallyport's candidates whose gateway stands from the first round to the last."""
    return [name for name in names if name.startswith("sallyport") and "_port" not in name]


class Beside:
    """Everything started; `run` is one measurement of one candidate. `opt` has only, upstream, connections,
    seconds and era; `second` is the folder of the build that is ..._beside. The peer is the first build's for all."""

    def __init__(self, opt, build, second=None):
        self.opt, self.build, self.second, self.proxies = opt, build, second, {}
        self.gateway, self.other = bench_gateway(build, prefix=pinned(PROXY_CPU), demo=False), None
        self.upstream = f"127.0.0.1:{free_port()}"
        if opt.upstream == "unix":
            self.upstream = f"unix:{os.path.join(self.gateway.dir, 'upstream.sock')}"
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        g = self.gateway
        if "nginx" in self.opt.only:
            self.proxies["nginx"] = nginx(g.dir, g.pki, self.upstream)
        for name in ("haproxy", "haproxy_h2"):
            if name in self.opt.only:
                self.proxies[name] = haproxy(g.dir, g.pki, self.upstream.replace("unix:", "unix@"), name)
        ours = on_sockets(self.opt.only)
        if any(name.endswith("_beside") for name in ours):
            self.other = bench_gateway(self.second, prefix=pinned(PROXY_CPU), demo=False, pki=g.pki)
        if self.other:
            self.start_gateway(self.other)
        if any(not name.endswith("_beside") for name in ours):
            self.start_gateway(g)
        self.agents = {x: agents_file(x, [(a, "bench") for a in AGENTS]) for x in (g, self.other) if x}

    def start_gateway(self, g):
        """With the upstream by HTTP/1.1 and by HTTP/2; the issuer's tokens are good for both routes."""
        s = g.settings
        at = f"{self.upstream}:/mcp" if self.opt.upstream == "unix" else f"http://{self.upstream}/mcp"
        s["upstreams"] = [{"name": "demo", "url": at, "era": "both", "max_connections": 1024, "http": "1.1"}]
        s["upstreams"] += [{**s["upstreams"][0], "name": "demo2", "http": "2"}]
        s["routes"].append({**s["routes"][0], "path": "/h2", "resource": g.resource[:-4] + "/h2",
                            "upstreams": ["demo2"]})
        s["issuers"][0]["audiences"] = [g.resource]
        g.write_config()
        g.start()

    def ours(self, name):
        """The gateway that is this candidate, or the one whose tokens it is sent."""
        return self.other if name.endswith("_beside") else self.gateway

    def url(self, name):
        if name == "direct":
            return f"http://{'localhost:80' if self.opt.upstream == 'unix' else self.upstream}/mcp"
        if name.startswith("sallyport"):
            return self.ours(name).resource[:-4] + ("/h2" if "_h2" in name else "/mcp")
        return self.proxies[name].url

    def pids(self, name):
        if name == "direct":
            return []
        return family(self.ours(name).proc.pid) if name.startswith("sallyport") else self.proxies[name].pids()

    def run(self, name, rate=0, connections=None):
        over = self.over_port if "_port" in name else self.over_sockets
        line = line_ns(self.build)
        got = over(name, rate, connections or self.opt.connections)
        got["line_ns"] = max(line, line_ns(self.build))
        if not got["calls"]:
            raise Failed(f"{name} answered no call over {got['connections']} connections")
        print(f"  {name:21} {got['calls_per_s']:9.0f} calls/s  {got.get('cpu_us_per_call', 0):7.2f} us CPU/call  "
              f"p50 {got['p50_us']:7.0f}  p99 {got['p99_us']:7.0f} us  unexpected {faults(got)}  "
              f"line {got['line_ns']:4.0f} ns{f'  (at {rate}/s)' if rate else ''}", file=sys.stderr)
        settle()
        return got

    def over_sockets(self, name, rate, connections):
        g, pids = self.ours(name), self.pids(name)
        args = ["--serve", self.upstream, "--ca", self.gateway.ca, "--agents", self.agents[g], "--connections",
                str(connections), "--seconds", str(self.opt.seconds), "--warmup", "1", "--era", self.opt.era]
        if name == "direct":
            args += ["--connect", self.upstream]
        elif name.startswith("sallyport"):
            args += ["--connect", f"127.0.0.1:{g.port}"]
        if rate:
            args += ["--rate", str(rate)]
        got = load(self.build, self.url(name), *args, pids=pids, program="sallyport-peer")
        got["rss_bytes"] = rss_bytes(pids)
        return got

    def over_port(self, name, rate, connections):
        """A gateway of its own, gone before the next candidate's turn: a poller that waits takes processor time."""
        got = port_run(self.second if name.endswith("_beside") else self.build, "dpdk_memif", connections,
                       self.opt.seconds, rate, self.opt.era, rest_cpu=PROXY_CPU, peer_build=self.build,
                       pki=self.gateway.pki)
        got["cpu_us_per_call"] = round(got["cost_us_per_call"] + got["rest_cpu_us_per_call"], 3)
        return got

    def stop(self):
        """All of them, also when one's end is a failure."""
        with contextlib.ExitStack() as ends:
            for g in filter(None, (self.gateway, self.other)):
                ends.callback(g.stop if g.proc else g.abandon)
            for p in self.proxies.values():
                ends.callback(p.stop)
