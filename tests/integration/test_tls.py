"""TLS at the door: versions, ALPN, certificates by name, resumption on any worker, reload, and what is no TLS."""
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

from client import Closed, Http, Modern, tls_context
from gateway import Taps
from runner import eventually, skip
from upstream import Lab, Upstream, policy

AGENT = "tester"
NAMES = ("one.example", "*.two.example")


def certificate(folder, stem, name, ca=None):
    """stem.pem and stem.key for one DNS name, self-signed or by (certificate, key) of a CA."""
    if not shutil.which("openssl"):
        skip("no openssl command")
    pem, key = (os.path.join(folder, f"{stem}.{e}") for e in ("pem", "key"))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-subj", f"/CN={stem}", "-addext", f"subjectAltName=DNS:{name}", "-days", "30", "-keyout", key,
               "-out", pem]
    if ca:
        command += ["-CA", ca[0], "-CAkey", ca[1], "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return pem, key


def lab(build, workers=2, records="auto", **kwargs):
    g = Lab(build, {"up": Upstream(conf={"era": "both"})}, start=False, workers=workers,
            policies={AGENT: policy("echo", "slow")}, **kwargs)
    ca = (g.ca, os.path.join(g.pki, "ca.key"))
    for i, name in enumerate(NAMES):
        chain, key = certificate(g.dir, f"named-{i}", name, ca)
        g.settings["tls"]["certificates"].append({"chain": chain, "key": key, "names": [name]})
    g.settings["tls"].update(client_ca=g.ca, records=records)
    g.settings["timeouts"] = {"tls": "700ms"}
    g.write_config()
    g.start()
    return g


def shared(build):
    return lab(build)


def leaf(path):
    with open(path, encoding="ascii") as f:
        return ssl.PEM_cert_to_DER_cert(f.read().split("-----END CERTIFICATE-----")[0]
                                        + "-----END CERTIFICATE-----\n")


def call(gateway, http):
    """One call on a connection made by hand."""
    with Modern(gateway, AGENT, path="/up") as m:
        m.http = http
        a = m.call("echo")
        m.http = None
    assert a.result, a
    return a


def count(gateway, name):
    return sum(w[name] for w in gateway.ctl("workers"))


def test_both_versions_are_served_and_no_older_one(gateway):
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with gateway.connect(version=version) as http:
            call(gateway, http)
            assert http.sock.version() == name
        eventually(f"a record of {name}", lambda: gateway.audit(
            "--agent", AGENT, "--type", "decision")[-1]["tls"] == name[4:], 10)
    context = tls_context(gateway.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(gateway.address, 5) as raw:
        try:
            context.wrap_socket(raw, server_hostname="localhost")
            raise AssertionError("TLS 1.1 was accepted")
        except (ssl.SSLError, OSError):
            pass


def test_alpn_is_http_1_1_or_nothing(gateway):
    for offered, got in ((("http/1.1",), "http/1.1"), (("h2", "http/1.1"), "http/1.1"), ((), None)):
        with gateway.connect(alpn=offered) as http:
            assert http.sock.selected_alpn_protocol() == got
            call(gateway, http)
    for offered in (("h2",), ("http/1.0", "h2c")):
        try:
            with gateway.connect(alpn=offered) as http:
                raise AssertionError(f"{offered} was taken: {http.sock.selected_alpn_protocol()}")
        except ssl.SSLError as e:
            assert "NO_APPLICATION_PROTOCOL" in str(e).upper().replace(" ", "_"), e


def test_the_certificate_is_chosen_by_the_name_asked_for(gateway):
    named = [os.path.join(gateway.dir, f"named-{i}.pem") for i in range(len(NAMES))]
    default = os.path.join(gateway.pki, "server.pem")
    for name, expected in (("localhost", default), ("one.example", named[0]), ("ONE.example", named[0]),
                           ("x.two.example", named[1]), ("two.example", default), ("a.b.two.example", default),
                           ("unheard.example", default)):
        context = tls_context(gateway.ca)
        context.check_hostname = False
        with socket.create_connection(gateway.address, 5) as raw, \
                context.wrap_socket(raw, server_hostname=name) as s:
            assert s.getpeercert(binary_form=True) == leaf(expected), name
    with socket.create_connection(gateway.address, 5) as raw:
        context = tls_context(gateway.ca)
        context.check_hostname = False
        assert context.wrap_socket(raw).getpeercert(binary_form=True) == leaf(default), "without a name"


def test_a_session_is_resumed_on_any_worker(gateway):
    if Taps.wanted():
        skip("each port is one worker's")
    before = {w["worker"]: w["tls_resumed"] for w in gateway.ctl("workers")}
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with gateway.connect(version=version) as http:
            call(gateway, http)
            session, context = http.sock.session, http.sock.context
        for _ in range(12):
            with socket.create_connection(gateway.address, 5) as raw, context.wrap_socket(
                    raw, server_hostname="localhost", session=session) as s:
                assert s.session_reused, version
                call(gateway, wrap(raw, s))
    after = {w["worker"]: w["tls_resumed"] for w in gateway.ctl("workers")}
    assert all(after[w] > before[w] for w in before), (before, after)
    context.check_hostname = False
    with socket.create_connection(gateway.address, 5) as raw, context.wrap_socket(
            raw, server_hostname="one.example", session=session) as s:
        assert not s.session_reused, "a session of one certificate is none of another"


def wrap(raw, s):
    http = Http.__new__(Http)
    http.raw, http.sock, http.buffer = raw, s, b""
    return http


def test_a_client_certificate_is_verified_when_it_is_shown(gateway, tmp):
    good = tuple(os.path.join(gateway.pki, f"client.{e}") for e in ("pem", "key"))
    stranger = certificate(tmp, "stranger", "stranger.example")
    for cert in (None, good):
        with gateway.connect(client_cert=cert) as http:
            call(gateway, http)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        try:
            with gateway.connect(client_cert=stranger, version=version) as http:
                call(gateway, http)
            raise AssertionError("a certificate of nobody's was accepted")
        except (ssl.SSLError, OSError, Closed):
            pass


def test_certificates_are_replaced_without_dropping_anybody(make):
    g = make(kind=lab)
    server = g.servers["up"]
    release = threading.Event()

    @server.tool("slow")
    def slow(request, reply):
        reply.events()
        reply.note("begun")
        release.wait(10)
        reply.result({"content": [{"type": "text", "text": "done"}]})
    old = leaf(os.path.join(g.pki, "server.pem"))
    idle, got = g.connect(), {}
    call(g, idle)

    def run():
        with Modern(g, AGENT, path="/up") as m:
            got["answer"] = m.call("slow")
    t = threading.Thread(target=run)
    t.start()
    server.wait("call", lambda r: r.tool == "slow")
    certificate(g.pki, "server", "localhost", (g.ca, os.path.join(g.pki, "ca.key")))
    new = leaf(os.path.join(g.pki, "server.pem"))
    g.ctl("config", "reload")

    def shown():
        with g.connect() as http:
            call(g, http)
            return http.sock.getpeercert(binary_form=True)
    eventually("the new certificate", lambda: all(shown() == new for _ in range(6)))
    assert idle.sock.getpeercert(binary_form=True) == old
    call(g, idle)
    release.set()
    t.join(10)
    assert got["answer"].result["content"][0]["text"] == "done", "a stream under the old one goes on"
    with open(os.path.join(g.pki, "server.pem"), "w", encoding="ascii") as f:
        f.write("no certificate\n")
    assert g.ctl_text("config", "reload")[0] != 0, "a broken file is refused"
    assert shown() == new
    call(g, idle)
    idle.close()


def received(s):
    """Everything until the peer closes."""
    data = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return data
            data += more
    except ConnectionResetError:
        return data


def test_what_is_no_tls_is_closed_without_an_answer(gateway):
    failed = count(gateway, "tls_failed")
    hello = client_hello()
    cases = {
        "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "zeros": bytes(600), "noise": bytes(range(256)) * 8,
        "huge record": b"\x16\x03\x01\xff\xff" + b"x" * 70000, "empty records": b"\x16\x03\x01\x00\x00" * 50,
        "bad version": b"\x16\x09\x09" + hello[3:], "flipped": hello[:60] + bytes([hello[60] ^ 255]) * 40 + hello[100:],
        "data first": b"\x17\x03\x03\x00\x05hello", "ssl2": b"\x80\x2e\x01\x00\x02",
    }
    for what, data in cases.items():
        with socket.create_connection(gateway.address, 5) as s:
            try:
                s.sendall(data)
            except OSError:
                pass
            got = received(s)
        assert b"HTTP" not in got and len(got) < 5000, (what, got[:80])
        assert not got or got[0] == 0x15 or what in ("flipped",), (what, got[:80])
    assert count(gateway, "tls_failed") > failed
    with gateway.connect() as http:
        call(gateway, http)


def client_hello():
    """The bytes a client begins with."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def test_a_handshake_that_stands_still_is_given_up(gateway):
    hello = client_hello()
    before = count(gateway, "timeout_tls")
    started = time.monotonic()
    conns = []
    for n in (0, 1, 5, len(hello) - 1, len(hello)):
        s = socket.create_connection(gateway.address, 5)
        s.sendall(hello[:n])
        conns.append(s)
    for s in conns:
        received(s)
        s.close()
    assert 0.5 < time.monotonic() - started < 15
    assert count(gateway, "timeout_tls") - before == len(conns)


def test_a_handshake_in_single_bytes_is_as_good_as_any(gateway):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context(gateway.ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(gateway.address, 5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def flush():
            for byte in outgoing.read():
                raw.sendall(bytes([byte]))
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                flush()
                incoming.write(raw.recv(65536))
        tls.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        flush()
        data = b""
        while b"ok" not in data:
            try:
                data += tls.read(4096)
            except ssl.SSLWantReadError:
                incoming.write(raw.recv(65536))
    assert data.startswith(b"HTTP/1.1 200 OK")


def test_a_record_that_was_tampered_with_ends_its_connection_only(gateway):
    with gateway.connect() as good, gateway.connect() as bad:
        call(gateway, good)
        call(gateway, bad)
        bad.raw.detach()
        os.write(bad.sock.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)
        try:
            while True:
                bad.more()
        except (Closed, OSError):
            pass
        call(gateway, good)


def test_a_closed_connection_is_told_so_by_close_notify(gateway):
    with gateway.connect() as http:
        http.request("GET", "/healthz", {"Host": "localhost", "Connection": "close"})
        assert http.sock.recv(100) == b"", "an end that could not be forged"
    with gateway.connect() as http:
        call(gateway, http)
        http.sock.unwrap()


def test_openssl_alone_encrypts_where_that_is_configured(build):
    with lab(build, workers=1, records="openssl") as g:
        with g.connect() as http:
            call(g, http)
        assert 'sallyport_tls_records_fast{worker="0"} 0' in g.ctl("metrics")
