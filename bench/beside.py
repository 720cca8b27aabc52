"""Sallyport, HAProxy and nginx before one upstream, started alike: what side-by-side and curves measure."""
import sys

from harness import (
    AGENTS, BENCH_ACTIONS, LOAD_CPU, PROXY_CPU, Failed, Gateway, agents_file, family, haproxy, load, nginx, pinned,
    rss_bytes, settle, whitelist)
from options import need


def need_for(names):
    """Ends the bench when a proxy of these candidates is not installed."""
    need(*sorted({name.removesuffix("_h2") for name in names} & {"nginx", "haproxy"}))


class Beside:
    """Everything started; `run` is one measurement of one candidate. `opt` has only, upstream, connections,
    seconds and era."""

    def __init__(self, opt, build):
        self.opt, self.build, self.proxies = opt, build, {}
        self.gateway = Gateway(
            build, policies={a: whitelist(BENCH_ACTIONS) for a in AGENTS}, workers=1, start=False,
            prefix=pinned(PROXY_CPU), demo_prefix=pinned(LOAD_CPU), demo_unix=opt.upstream == "unix", config={
                "limits": {"max_connections": 4096, "max_connections_per_address": 4096,
                           "max_upstream_connections": 2048}})
        self.gateway.settings["upstreams"][0]["max_connections"] = 1024
        self.gateway.write_config()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        g = self.gateway
        upstream = f"unix:{g.demo.socket}" if g.demo.unix else f"127.0.0.1:{g.demo.address[1]}"
        if "nginx" in self.opt.only:
            self.proxies["nginx"] = nginx(g.dir, g.pki, upstream)
        for name in ("haproxy", "haproxy_h2"):
            if name in self.opt.only:
                self.proxies[name] = haproxy(g.dir, g.pki, upstream.replace("unix:", "unix@"), name)
        if "sallyport" in self.opt.only or "sallyport_h2" in self.opt.only:
            self.add_h2_route()
            g.start()
        self.agents = agents_file(g, [(a, "bench") for a in AGENTS])

    def add_h2_route(self):
        """The same upstream once more, by HTTP/2; the issuer's tokens are good for both routes."""
        s = self.gateway.settings
        s["upstreams"].append({**s["upstreams"][0], "name": "demo2", "http": "2"})
        s["routes"].append({**s["routes"][0], "path": "/h2", "resource": self.gateway.resource[:-4] + "/h2",
                            "upstreams": ["demo2"]})
        s["issuers"][0]["audiences"] = [self.gateway.resource]
        self.gateway.write_config()

    def url(self, name):
        if name == "direct":
            return self.gateway.demo.url
        if name.startswith("sallyport"):
            return self.gateway.resource[:-4] + ("/h2" if name.endswith("_h2") else "/mcp")
        return self.proxies[name].url

    def pids(self, name):
        if name == "direct":
            return [self.gateway.demo.proc.pid]
        return family(self.gateway.proc.pid) if name.startswith("sallyport") else \
            self.proxies[name].pids()

    def run(self, name, rate=0, connections=None):
        pids = self.pids(name)
        args = ["--ca", self.gateway.ca, "--agents", self.agents, "--connections", str(connections or self.opt.connections),
                "--seconds", str(self.opt.seconds), "--warmup", "1", "--era", self.opt.era]
        if name.startswith("sallyport"):
            args += ["--connect", f"127.0.0.1:{self.gateway.port}"]
        if rate:
            args += ["--rate", str(rate)]
        got = load(self.build, self.url(name), *args, pids=pids)
        if not got["calls"]:
            raise Failed(f"{name} answered no call over {got['connections']} connections")
        got["rss_bytes"] = rss_bytes(pids)
        print(f"  {name:12} {got['calls_per_s']:9.0f} calls/s  {got.get('cpu_us_per_call', 0):7.2f} us CPU/call  "
              f"p50 {got['p50_us']:7.0f}  p99 {got['p99_us']:7.0f} us  unexpected {got['unexpected']}"
              f"{f'  (at {rate}/s)' if rate else ''}", file=sys.stderr)
        settle()
        return got

    def stop(self):
        for p in self.proxies.values():
            p.stop()
        if self.gateway.proc:
            self.gateway.stop()
        else:
            self.gateway.abandon()
