"""A scripted MCP server: what tests put behind the gateway to see every byte it sends and to answer as no
good server would.

    up = Upstream(eras=("modern",))
    @up.tool("odd")
    def odd(request, reply):
        reply.events()
        reply.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {...}})
        reply.result({"content": []})          # as the final event, or as JSON without events()
    up.url, up.requests, up.calls("odd"), up.stop()

A tool's function runs on its connection's thread; tools without one echo their arguments. `Lab` is a Gateway
over several of them, with a route each.
"""
import json
import os
import select
import socket
import threading
import time
import uuid

from client import LEGACY, META, MODERN, Modern
from gateway import Gateway

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")


class Over(Exception):
    """The connection is done with."""


class Request:
    """One HTTP request as it came: `head` and `body` are its bytes, `connection` counts connections."""

    def __init__(self, head, body, connection):
        self.head, self.body, self.connection, self.at = head, body, connection, time.monotonic()
        lines = head.decode("latin-1").split("\r\n")
        self.verb, self.path, _ = lines[0].split(" ", 2)
        self.headers = {}
        for line in lines[1:]:
            if line:
                k, v = line.split(":", 1)
                self.headers[k.lower()] = v.strip()
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None
        message = self.json if isinstance(self.json, dict) else {}
        self.method, self.id, self.params = message.get("method"), message.get("id"), message.get("params") or {}
        self.session = self.headers.get("mcp-session-id")
        self.modern = self.headers.get("mcp-protocol-version") == MODERN
        self.tool = self.params.get("name") if self.method == "tools/call" else None
        self.arguments = self.params.get("arguments") or {}

    def __repr__(self):
        return f"<{self.verb} {self.path} {self.body[:200]!r}>"


class Reply:
    """Writes the answer to one request."""

    def __init__(self, sock, request):
        self.sock, self.request, self.streaming = sock, request, False

    def raw(self, data):
        self.sock.sendall(data)

    def http(self, status, body=b"", headers=None, kind="application/json"):
        lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
        lines += [f"Content-Type: {kind}"] if body else []
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def message(self, message, status=200, headers=None):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        if self.streaming:
            self.event_bytes(b"data: " + body + b"\n\n")
            self.end()
        else:
            self.http(status, body, headers)

    def result(self, result, headers=None):
        if self.request.modern:
            result = {"resultType": "complete", **result}
        self.message({"id": self.request.id, "result": result}, headers=headers)

    def error(self, code, text, status=200, **data):
        error = {"code": code, "message": text}
        if data:
            error["data"] = data
        self.message({"id": self.request.id, "error": error}, status)

    def events(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.streaming = True

    def event_bytes(self, data):
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, message):
        self.event_bytes(b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")

    def progress(self, done, **more):
        """Progress when it was asked for."""
        token = (self.request.params.get("_meta") or {}).get("progressToken")
        if token is not None:
            self.event({"method": "notifications/progress",
                        "params": {"progressToken": token, "progress": done, **more}})

    def note(self, text):
        self.event({"method": "notifications/message", "params": {"level": "info", "data": text}})

    def end(self):
        self.raw(b"0\r\n\r\n")
        self.streaming = False

    def close(self):
        raise Over

    def gone(self, seconds=5.0):
        """Did the gateway close this connection within the time?"""
        ready, _, _ = select.select([self.sock], [], [], seconds)
        try:
            return bool(ready) and self.sock.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


class Upstream:
    """A server on a port of its own. `conf` are settings of the gateway's upstream besides name and url,
    `schemas` the inputSchema of tools by name."""

    def __init__(self, eras=("legacy", "modern"), tools=("echo",), page=0, capabilities=None, sessions=True,
                 conf=None, port=0, schemas=None):
        self.schemas = schemas or {}
        self.eras, self.tools, self.page, self.sessions = eras, list(tools), page, sessions
        self.capabilities = {"tools": {}} if capabilities is None else capabilities
        self.conf = conf or {}
        self.hooks, self.requests, self.live, self.connections = {}, [], set(), 0
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/mcp"
        self.open, self.stopping = [], False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def tool(self, name):
        """Decorator: the function that answers calls of a tool."""
        def add(fn):
            if name not in self.tools:
                self.tools.append(name)
            self.hooks[name] = fn
            return fn
        return add

    def accept(self):
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self.open.append(sock)
            threading.Thread(target=self.serve, args=(sock, self.connections), daemon=True).start()

    def serve(self, sock, number):
        buffer = b""
        try:
            while True:
                while b"\r\n\r\n" not in buffer:
                    buffer += self.more(sock)
                head, buffer = buffer.split(b"\r\n\r\n", 1)
                body, buffer = self.body(sock, head, buffer)
                request = Request(head, body, number)
                with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                self.answer(request, Reply(sock, request))
        except (Over, OSError):
            pass
        finally:
            sock.close()

    def more(self, sock):
        data = sock.recv(65536)
        if not data:
            raise Over
        return data

    def body(self, sock, head, buffer):
        length = 0
        for line in head.lower().split(b"\r\n"):
            assert not line.startswith(b"transfer-encoding"), "the gateway knows the length of what it sends"
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(buffer) < length:
            buffer += self.more(sock)
        return buffer[:length], buffer[length:]

    def answer(self, request, reply):
        if request.verb == "DELETE":
            self.live.discard(request.session)
            return reply.http(200)
        if request.modern and "modern" not in self.eras:
            return reply.error(-32000, "Bad Request: unsupported protocol version", 400)
        if not request.modern and "legacy" not in self.eras:
            return reply.error(-32022, "unsupported protocol version", 400, supported=[MODERN])
        if request.method == "initialize":
            return self.initialize(request, reply)
        if not request.modern and self.sessions and request.session not in self.live:
            return reply.error(-32000, "no valid session", 404 if request.session else 400)
        if request.id is None or request.method is None:
            return reply.http(202)
        return self.request(request, reply)

    def initialize(self, request, reply):
        asked = request.params["protocolVersion"]
        headers = {}
        if self.sessions:
            headers["Mcp-Session-Id"] = uuid.uuid4().hex
            self.live.add(headers["Mcp-Session-Id"])
        reply.result({"protocolVersion": asked if asked in VERSIONS else LEGACY,
                      "capabilities": self.capabilities, "serverInfo": {"name": "scripted", "version": "1"},
                      "instructions": "ask nicely"}, headers)

    def request(self, request, reply):
        fn = {"tools/list": self.list_tools, "tools/call": self.call, "server/discover": self.discover,
              "prompts/list": self.prompts, "prompts/get": self.prompt, "resources/list": self.resources,
              "resources/read": self.resource}.get(request.method)
        if fn:
            fn(request, reply)
        else:
            reply.error(-32601, "method not found", 404 if request.modern else 200)

    def listing(self, request, name, elements):
        start = int(request.params.get("cursor", "0"))
        end = start + self.page if self.page else len(elements)
        result = {name: elements[start:end]}
        if end < len(elements):
            result["nextCursor"] = str(end)
        if request.modern:
            result.update(ttlMs=1000, cacheScope="public")
        return result

    def list_tools(self, request, reply):
        reply.result(self.listing(request, "tools", [
            {"name": n, "description": f"The tool {n}", "inputSchema": self.schemas.get(n, {"type": "object"})}
            for n in self.tools]))

    def call(self, request, reply):
        hook = self.hooks.get(request.tool)
        if hook:
            return hook(request, reply)
        if request.tool not in self.tools:
            return reply.error(-32602, "unknown tool")
        text = json.dumps(request.arguments)
        return reply.result({"content": [{"type": "text", "text": text}], "structuredContent": request.arguments})

    def discover(self, request, reply):
        reply.result({"supportedVersions": [MODERN], "capabilities": self.capabilities, "ttlMs": 1000,
                      "cacheScope": "public", "_meta": {META + "serverInfo": {"name": "scripted",
                                                                             "version": "1"}}})

    def prompts(self, request, reply):
        reply.result(self.listing(request, "prompts", [{"name": "greet"}, {"name": "part"}]))

    def prompt(self, request, reply):
        reply.result({"messages": [{"role": "user", "content": {"type": "text",
                                                                "text": request.params["name"]}}]})

    def resources(self, request, reply):
        reply.result(self.listing(request, "resources", [{"uri": "file:///a", "name": "a"}]))

    def resource(self, request, reply):
        result = {"contents": [{"uri": request.params["uri"], "text": "the text"}]}
        if request.modern:
            result.update(ttlMs=1000, cacheScope="public")
        reply.result(result)

    def calls(self, tool=None):
        """tools/call requests so far."""
        return [r for r in list(self.requests) if r.tool is not None and tool in (None, r.tool)]

    def wait(self, what, check, seconds=20.0):
        """The first request, past or to come, for which `check` is true."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for r in self.requests:
                    if check(r):
                        return r
                left = end - time.monotonic()
                assert left > 0, f"the upstream saw no {what}"
                self.changed.wait(left)

    def stop(self):
        self.stopping = True
        for sock in [self.listener, *self.open]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Lab(Gateway):
    """A Gateway over scripted servers besides the demo server (upstream "demo", route /mcp).

    servers   {name: Upstream}, each an upstream of that name and a route /name
    routes    {path: {"upstreams": [...], ...}} more routes, or changes of those
    issuer    a tokens.Issuer in place of the demo's; `agent` connects with what it signs
    Tokens of `token(agent)` are good on every route. The servers are stopped with the gateway.
    """

    def __init__(self, build, servers=None, routes=None, issuer=None, **kwargs):
        self.servers, self.issuer = dict(servers or {}), issuer
        self.more_routes = {f"/{name}": {"upstreams": [name]} for name in self.servers}
        for path, route in (routes or {}).items():
            self.more_routes[path] = {**self.more_routes.get(path, {}), **route}
        super().__init__(build, **kwargs)

    def default_config(self, workers):
        config = super().default_config(workers)
        hosts = [self.host, f"127.0.0.1:{self.port}"]
        config["upstreams"] += [{"name": n, "url": s.url, **s.conf} for n, s in self.servers.items()]
        if self.issuer:
            keys = os.path.join(self.dir, "jwks.json")
            with open(keys, "w", encoding="utf-8") as f:
                f.write(self.issuer.jwks())
            config["issuers"] = [{"issuer": self.issuer.name, "algorithms": ["ES256"], "jwks_file": keys}]
        else:
            config["issuers"][0]["audiences"] = [self.resource]
        for path, route in self.more_routes.items():
            config["routes"].append({"path": path, "resource": f"https://{self.host}{path}", "hosts": hosts,
                                     **route})
        return config

    def stop(self):
        try:
            super().stop()
        finally:
            self.stop_servers()

    def abandon(self):
        super().abandon()
        self.stop_servers()

    def stop_servers(self):
        for s in self.servers.values():
            s.stop()

    def clear(self):
        """Forget what the servers saw so far."""
        for s in self.servers.values():
            s.requests.clear()


def agent(lab, name, client=Modern, **claims):
    """An MCP client of this agent on the route /up, with a token of the lab's own issuer."""
    return client(lab, token=lab.issuer.token(sub=name, aud=f"https://{lab.host}/up", **claims), path="/up")


def policy(*actions, minute=100000, level="enhanced"):
    """A whitelist with generous limits."""
    return {"allowed_actions": list(actions), "rate_limits": {"per_minute": minute, "per_hour": 10 * minute},
            "budget_limits": {"per_request_tokens": 1000000, "daily_max_tokens": 10**10}, "audit_level": level}
