"""A reader of protobuf's text form without any schema: what the cel-spec vectors are written in."""
import re

TOKEN = re.compile(rb"""
    (?P<blank>[ \t\r\n]+|\#[^\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<any>\[[A-Za-z0-9_./\-]+\])
  | (?P<word>[-+]?[A-Za-z0-9_.]+(?:(?<=[eE])[-+][0-9]+)?)
  | (?P<mark>[{}<>:,;\[\]])
""", re.X | re.S)
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Message(list):
    """Fields in the order they were written: (name, value); a value is a Message, bytes or a Word."""

    def all(self, name):
        return [v for k, v in self if k == name]

    def one(self, name, default=None):
        got = self.all(name)
        return got[-1] if got else default


class Word(str):
    """A number, an enumerator, true or false: as it is written."""


def unescape(raw):
    def one(m):
        if m[1]:
            return bytes([int(m[1], 8) & 255])
        if m[2]:
            return bytes([int(m[2], 16)])
        if m[3] or m[4]:
            return chr(int(m[3] or m[4], 16)).encode()
        return SIMPLE.get(m[5], m[5])
    return ESCAPE.sub(one, raw)


def tokens(text):
    at = 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise ValueError(f"not text form at byte {at}: {text[at:at + 40]!r}")
        at = m.end()
        if m.lastgroup == "string":
            yield "string", unescape(m[0][1:-1])
        elif m.lastgroup != "blank":
            yield m.lastgroup, m[0].decode()
    yield "end", ""


class Reader:
    def __init__(self, text):
        self.tokens = tokens(text)
        self.kind, self.value = next(self.tokens)

    def next(self):
        got = self.kind, self.value
        self.kind, self.value = next(self.tokens, ("end", ""))
        return got

    def take(self, mark):
        if self.kind == "mark" and self.value in mark:
            return self.next()[1]
        return None

    def message(self, close):
        out = Message()
        while not (self.take(close) if close else self.kind == "end"):
            kind, name = self.next()
            if kind not in ("word", "any"):
                raise ValueError(f"a field's name was expected, not {name!r}")
            colon = self.take(":")
            for value in self.values(colon):
                out.append((name, value))
            self.take(",;")
        return out

    def values(self, colon):
        if colon and self.take("["):
            out = []
            while not self.take("]"):
                out.append(self.value_of())
                self.take(",")
            return out
        return [self.value_of()]

    def value_of(self):
        if self.take("{"):
            return self.message("}")
        if self.take("<"):
            return self.message(">")
        kind, value = self.next()
        if kind == "string":
            while self.kind == "string":
                value += self.next()[1]
            return value
        if kind != "word":
            raise ValueError(f"a value was expected, not {value!r}")
        return Word(value)


def read(path):
    with open(path, "rb") as f:
        return Reader(f.read()).message("")
