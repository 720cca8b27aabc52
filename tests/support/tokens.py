"""Access tokens of every shape, signed here: an issuer whose header, claims and keys a test decides itself.

    issuer = Issuer("https://issuer.example")
    issuer.jwks()                                  # the document, also for several: jwks(issuer, other)
    issuer.token(sub="agent", aud=resource, exp=..., header={"kid": "other"})

ES256 in plain Python: slow, and secret from nobody; for tests only.
"""
import base64
import hashlib
import hmac
import json
import secrets
import time

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
A = P - 3
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k, p):
    total = None
    while k:
        if k & 1:
            total = add(total, p)
        p, k = add(p, p), k >> 1
    return total


def b64(data):
    if isinstance(data, (dict, list)):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def es256(key, text):
    digest = int.from_bytes(hashlib.sha256(text).digest(), "big")
    while True:
        k = 1 + secrets.randbelow(N - 1)
        r = multiply(k, G)[0] % N
        s = pow(k, -1, N) * (digest + r * key) % N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def other_signature(token):
    """The same token with the other ES256 signature that is as good."""
    text, signature = token.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{text}.{b64(raw[:32] + (N - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"


class Issuer:
    """One key, named `kid`."""

    def __init__(self, name="https://issuer.demo.example", kid="k1"):
        self.name, self.kid = name, kid
        self.key = 1 + secrets.randbelow(N - 1)
        self.public = multiply(self.key, G)

    def jwk(self):
        x, y = (b64(v.to_bytes(32, "big")) for v in self.public)
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y}

    def jwks(self, *others):
        return json.dumps({"keys": [i.jwk() for i in (self, *others)]})

    def token(self, header=None, sign=None, **claims):
        """A good token for one hour but for what is given; None leaves a claim or header out."""
        now = int(time.time())
        head = {"alg": "ES256", "typ": "at+jwt", "kid": self.kid, **(header or {})}
        body = {"iss": self.name, "iat": now, "exp": now + 3600, "jti": secrets.token_hex(8),
                "client_id": "tests", **claims}
        text = ".".join(b64({k: v for k, v in part.items() if v is not None}) for part in (head, body))
        return f"{text}.{b64((sign or self.sign)(text.encode()))}"

    def sign(self, text):
        return es256(self.key, text)

    def hs256(self, text):
        """What a verifier confused about algorithms would accept: an HMAC with the public key."""
        return hmac.new(self.jwks().encode(), text, hashlib.sha256).digest()
