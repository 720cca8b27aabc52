"""HTTP/1.1 over TCP, TLS or a unix socket with exact bytes under the test's control, and MCP on top of it.

    c = Http(gateway.address, ca=gateway.ca)          # one keep-alive connection
    a = c.request("POST", "/mcp", {"Content-Type": "application/json"}, b"{}")   -> Answer
    c.send(b"POST /mcp HT"); c.send(b"TP/1.1\\r\\n..."); a = c.answer()            # bytes as they are

    m = Modern(gateway, "customer-support-bot")        # or Legacy(...): initialize when first used
    a = m.call("read_customer_data", {"customer_id": "C-1001"})
    a.result, a.error, a.status, a.events, a.json

An Answer's `events` are the JSON messages of an event stream in order, each with the monotonic time it
arrived in `event_times`; `json` is the last of them, or the body of a plain answer.
"""
import itertools
import json
import socket
import ssl
import time

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
META = "io.modelcontextprotocol/"


class Closed(Exception):
    """The peer closed the connection before an answer was whole."""


class Answer:
    """One HTTP answer. Header names are lower case; repeated ones are joined as HTTP does."""

    def __init__(self, status, headers, body, events=(), event_times=()):
        self.status, self.headers, self.body = status, headers, body
        self.events, self.event_times = list(events), list(event_times)

    @property
    def json(self):
        if self.events:
            return self.events[-1]
        return json.loads(self.body) if self.body else None

    @property
    def result(self):
        return (self.json or {}).get("result")

    @property
    def error(self):
        return (self.json or {}).get("error")

    @property
    def reason(self):
        """The gateway's stable reason name, or None."""
        return ((self.error or {}).get("data") or {}).get("reason")

    def __repr__(self):
        return f"<{self.status} {self.headers.get('content-type', '')} {self.body[:300]!r}>"


class Events:
    """Server-sent events to JSON messages, fed piece by piece."""

    def __init__(self):
        self.messages, self.left = [], b""

    def feed(self, data):
        """The messages that became whole."""
        *blocks, self.left = (self.left + data).split(b"\n\n")
        new = []
        for block in blocks:
            lines = [l[5:].lstrip(b" ") for l in block.split(b"\n") if l.startswith(b"data:")]
            if any(lines):
                new.append(json.loads(b"\n".join(lines)))
        self.messages += new
        return new


class Http:
    """One connection. `address` is (host, port) or a unix socket's path; `ca` None = no TLS."""

    def __init__(self, address, ca=None, name="localhost", timeout=10.0, client_cert=None, alpn=("http/1.1",),
                 version=None, session=None):
        if isinstance(address, str):
            raw = socket.socket(socket.AF_UNIX)
            raw.settimeout(timeout)
            raw.connect(address)
        else:
            raw = socket.create_connection(address, timeout)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw, self.sock, self.buffer = raw, raw, b""
        if ca:
            context = tls_context(ca, client_cert, alpn, version)
            try:
                self.sock = context.wrap_socket(raw, server_hostname=name, session=session)
            except BaseException:
                raw.close()
                raise

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        """Read once; raises Closed at the end of the stream."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError) as e:
            raise Closed(str(e)) from e
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def head(self):
        """Status and headers of the next answer; interim (1xx) ones are skipped."""
        while True:
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status, *_ = lines[0].split(" ", 2)
            assert version == "HTTP/1.1", f"not HTTP/1.1: {lines[0]!r}"
            headers = {}
            for line in lines[1:]:
                k, v = line.split(":", 1)
                k, v = k.lower(), v.strip()
                headers[k] = f"{headers[k]}, {v}" if k in headers else v
            if not status.startswith("1"):
                return int(status), headers

    def chunks(self):
        """Data of a chunked body, chunk by chunk, as it comes."""
        while True:
            n = int(self.until(b"\r\n").split(b";")[0], 16)
            data = self.exactly(n)
            assert self.exactly(2) == b"\r\n", "chunk without its end"
            if n == 0:
                return
            yield data

    def answer(self, verb="POST", on_event=None):
        """The next whole answer; `on_event` is called with each event's message as it arrives."""
        status, headers = self.head()
        if verb == "HEAD" or status in (204, 304):
            return Answer(status, headers, b"")
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = self.chunks()
        else:
            parts = iter([self.exactly(int(headers.get("content-length", "0")))])
        if not headers.get("content-type", "").startswith("text/event-stream"):
            return Answer(status, headers, b"".join(parts))
        body, reader, times = b"", Events(), []
        for part in parts:
            body += part
            for message in reader.feed(part):
                times.append(time.monotonic())
                if on_event:
                    on_event(message)
        return Answer(status, headers, body, reader.messages, times)

    def request(self, verb, path, headers=None, body=None, on_event=None):
        self.send(request_bytes(verb, path, headers, body))
        return self.answer(verb, on_event)

    def close(self):
        self.sock.close()
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def tls_context(ca, client_cert=None, alpn=("http/1.1",), version=None):
    """Verifies against `ca`; `client_cert` is (certificate, key); `version` an ssl.TLSVersion to insist on."""
    context = ssl.create_default_context(cafile=ca)
    if client_cert:
        context.load_cert_chain(*client_cert)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def request_bytes(verb, path, headers=None, body=None):
    """A request as bytes; Content-Length is added when there is a body and none is given."""
    headers = dict(headers or {})
    if body is not None and not {"content-length", "transfer-encoding"} & {k.lower() for k in headers}:
        headers["Content-Length"] = str(len(body))
    lines = [f"{verb} {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class Mcp:
    """What both eras share: one agent on one connection that is dialled again after it was closed."""

    def __init__(self, gateway, agent=None, token=None, path="/mcp", timeout=10.0, headers=None):
        self.gateway, self.path, self.timeout = gateway, path, timeout
        self.token = token if token is not None else gateway.token(agent) if agent else None
        self.extra = dict(headers or {})
        self.ids = itertools.count(1)
        self.http = None

    def connection(self):
        if self.http is None:
            self.http = self.gateway.connect(timeout=self.timeout)
        return self.http

    def headers(self, message):
        h = {"Host": self.gateway.host, "Content-Type": "application/json",
             "Accept": "application/json, text/event-stream"}
        if self.token:
            h["Authorization"] = f"Bearer {self.token}"
        h.update(self.era_headers(message))
        h.update(self.extra)
        return {k: v for k, v in h.items() if v is not None}

    def post(self, message, on_event=None, raw=None):
        """POST one message (or the bytes `raw` in its place) and read the whole answer."""
        body = raw if raw is not None else json.dumps(message).encode()
        http = self.connection()
        try:
            answer = http.request("POST", self.path, self.headers(message), body, on_event)
        except (Closed, OSError):
            self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def request(self, method, params=None, on_event=None, id=None, meta=None):
        message = {"jsonrpc": "2.0", "id": next(self.ids) if id is None else id, "method": method}
        params = self.params(params, meta)
        if params is not None:
            message["params"] = params
        return self.post(message, on_event)

    def notify(self, method, params=None):
        message = {"jsonrpc": "2.0", "method": method}
        params = self.params(params, None)
        if params is not None:
            message["params"] = params
        return self.post(message)

    def call(self, tool, arguments=None, on_event=None, progress=None, ref=None, id=None, meta=None):
        """tools/call; `progress` is a progress token, `ref` goes to the demo server's ledger."""
        arguments = dict(arguments or {})
        if ref is not None:
            arguments["call_ref"] = ref
        if progress is not None:
            meta = {**(meta or {}), "progressToken": progress}
        return self.request("tools/call", {"name": tool, "arguments": arguments}, on_event, id, meta)

    def tools(self):
        """Names that tools/list shows."""
        return [t["name"] for t in self.request("tools/list").result["tools"]]

    def close(self):
        if self.http:
            self.http.close()
        self.http = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Modern(Mcp):
    """2026-07-28: stateless, every request carries its own version and capabilities."""

    def era_headers(self, message):
        h = {"MCP-Protocol-Version": MODERN}
        if isinstance(message, dict):
            h["Mcp-Method"] = message.get("method")
            params = message.get("params") or {}
            if message.get("method") in ("tools/call", "prompts/get"):
                h["Mcp-Name"] = params.get("name")
            elif message.get("method") == "resources/read":
                h["Mcp-Name"] = params.get("uri")
        return h

    def params(self, params, meta):
        params = dict(params or {})
        params["_meta"] = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}, **(meta or {})}
        return params


class Legacy(Mcp):
    """2025-03-26 to 2025-11-25: a handshake when first used, then a session."""

    def __init__(self, *args, version=LEGACY, **kwargs):
        super().__init__(*args, **kwargs)
        self.version, self.session, self.initialized = version, None, None

    def era_headers(self, message):
        h = {}
        if self.session:
            h["Mcp-Session-Id"] = self.session
            h["MCP-Protocol-Version"] = self.version
        return h

    def params(self, params, meta):
        if meta:
            params = {**(params or {}), "_meta": meta}
        return params

    def open(self):
        """initialize and notifications/initialized; keeps the answer in `initialized`."""
        self.session = None
        self.initialized = super().request("initialize", {
            "protocolVersion": self.version, "capabilities": {},
            "clientInfo": {"name": "sallyport-tests", "version": "1"}})
        self.session = self.initialized.headers.get("mcp-session-id")
        if self.initialized.result:
            super().notify("notifications/initialized")
        return self.initialized

    def request(self, method, *args, **kwargs):
        if self.initialized is None and method != "initialize":
            opened = self.open()
            if not opened.result:
                return opened
        return super().request(method, *args, **kwargs)

    def delete(self):
        """End the session."""
        return self.connection().request("DELETE", self.path, self.headers(None))
