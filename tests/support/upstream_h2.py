"""A scripted MCP server that speaks HTTP/2 with prior knowledge, to do what no good server would, frame by frame.

    up = UpstreamH2(tools=("one",), page=1)
    up.script = lambda request, reply: reply.goaway(0)      # True: that was the answer; else the usual one follows

It reads no header fields (the body tells method and era) and serves a connection's requests one after the other.
"""
import struct

from client import META, MODERN
from upstream import Over, Reply, Request, Upstream

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
MAX_CONCURRENT_STREAMS = 3
CANCEL, REFUSED_STREAM = 8, 7
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literals(fields):
    """HPACK without a table: every field as it is (RFC 7541 6.2.2), of fewer than 127 bytes each."""
    def text(s):
        assert len(s) < 127
        return bytes([len(s)]) + s.encode()
    return b"".join(b"\0" + text(k.lower()) + text(v) for k, v in fields)


class ReplyH2(Reply):
    """Answers on a stream; `frame` and what is named after frames says anything else."""

    def __init__(self, sock, request, stream):
        super().__init__(sock, request)
        self.stream = stream

    def frame(self, kind, flags=0, payload=b"", stream=None):
        self.raw(frame(kind, flags, self.stream if stream is None else stream, payload))

    def head(self, status=200, headers=None, kind="application/json", end=False):
        fields = [(":status", str(status)), ("content-type", kind), *(headers or {}).items()]
        self.frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), literals(fields))

    def http(self, status, body=b"", headers=None, kind="application/json"):
        self.head(status, headers, kind, end=not body)
        while body:
            piece, body = body[:16384], body[16384:]
            self.frame(DATA, 0 if body else END_STREAM, piece)

    def goaway(self, last, error=0):
        self.frame(GOAWAY, 0, struct.pack(">II", last, error), stream=0)

    def reset(self, error=CANCEL):
        self.frame(RST_STREAM, 0, struct.pack(">I", error))

    def streams(self, most):
        self.frame(SETTINGS, 0, struct.pack(">HI", MAX_CONCURRENT_STREAMS, most), stream=0)


class UpstreamH2(Upstream):
    def __init__(self, tools=("echo",), page=0, conf=None):
        self.script = None
        super().__init__(eras=("modern",), tools=tools, page=page, conf={"era": "modern", "http": "2", **(conf or {})})

    def serve(self, sock, number):
        bodies, left = {}, b""

        def read(n):
            nonlocal left
            while len(left) < n:
                left += self.more(sock)
            data, left = left[:n], left[n:]
            return data
        try:
            assert read(len(PREFACE)) == PREFACE
            sock.sendall(frame(SETTINGS, 0, 0))
            while True:
                head = read(9)
                kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
                payload = read(int.from_bytes(head[:3], "big"))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    sock.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
                if kind == DATA:
                    bodies[stream] = bodies.get(stream, b"") + payload
                if kind in (DATA, HEADERS) and flags & END_STREAM:
                    self.take(sock, number, stream, bodies.pop(stream, b""))
        except (Over, OSError):
            pass
        finally:
            sock.close()

    def take(self, sock, number, stream, body):
        version = f"MCP-Protocol-Version: {MODERN}".encode() if (META + "protocolVersion").encode() in body else b""
        request = Request(b"POST /mcp HTTP/2\r\n" + version, body, number)
        reply = ReplyH2(sock, request, stream)
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        if not self.script or not self.script(request, reply):
            self.answer(request, reply)
