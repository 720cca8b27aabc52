"""What only a port of a worker's own shows: floods, both address families, its death. Over SP_OVER=tap alone."""
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

from client import Modern
from gateway import Gateway, Taps, children
from runner import eventually, skip

if not Taps.wanted():
    skip("runs over ports: tests/support/over_port")

AGENT, TOOL, ARGS = "customer-support-bot", "read_customer_data", {"customer_id": "C-1001"}


def shared(build):
    return Gateway(build)


def worker_pid(g):
    for pid in children(g.proc.pid):
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            if f.read().startswith("sallyport-worke"):
                return pid
    return None


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def a_call(g):
    with Modern(g, AGENT) as m:
        return m.call(TOOL, ARGS)


def stat(g, name):
    return sum(w[name] for w in g.ctl("workers"))


def stack_mac(g):
    """As the kernel learned it by ARP."""
    def look():
        for line in subprocess.run(["ip", "neigh", "show", g.address[0]], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            words = line.split()
            if "lladdr" in words:
                return bytes.fromhex(words[words.index("lladdr") + 1].replace(":", ""))
        return None
    return eventually("the stack's MAC", look)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return 0xffff - ((total & 0xffff) + (total >> 16))


def syn(mac, source, to, port, rng):
    """A frame with a SYN from a made-up station."""
    tcp = struct.pack("!HHIIBBHHH", rng.randrange(1024, 65536), port, rng.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
    pseudo = source + to + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), rng.getrandbits(16), 0, 64, 6, 0) + source + to
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return mac + bytes([2, 1]) + rng.randbytes(4) + b"\x08\x00" + ip + tcp


def test_a_call_comes_through_over_ipv6(gateway):
    address = (f"fd09:{int(gateway.address[0].split('.')[2]):x}::1", gateway.port)
    old, gateway.address = gateway.address, address
    try:
        assert a_call(gateway).result, "over IPv6"
    finally:
        gateway.address = old


def test_a_flood_of_handshakes_from_made_up_addresses_shuts_nobody_out(gateway):
    assert a_call(gateway).result
    mac, rng = stack_mac(gateway), random.Random(7)
    to = socket.inet_aton(gateway.address[0])
    frames = [syn(mac, rng.choice([to[:3] + bytes([rng.randrange(3, 255)]), rng.randbytes(4)]), to, gateway.port, rng)
              for _ in range(4000)]
    before, pid = rss_bytes(worker_pid(gateway)), worker_pid(gateway)
    stop = threading.Event()

    def flood():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind((gateway.taps[0][0], 0))
            while not stop.is_set():
                for i, frame in enumerate(frames):
                    if i % 50 == 0:
                        time.sleep(0.01)  # a few thousand a second: more would be a test of the tap's queue
                    try:
                        s.send(frame)
                    except OSError:
                        time.sleep(0.001)
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(20):
            assert a_call(gateway).result, "a good client in the flood"
        eventually("the bound to be reached", lambda: stat(gateway, "handshakes_dropped") > 2000, 20)
        for _ in range(20):
            assert a_call(gateway).result, "a good client past the bound"
    finally:
        stop.set()
        thread.join()
    assert worker_pid(gateway) == pid, "it is the same process still"
    grown = rss_bytes(pid) - before
    assert grown < 32 << 20, f"{grown} bytes more"


def test_thousands_of_connections_opened_and_dropped_cost_the_others_nothing(gateway):
    assert a_call(gateway).result
    pid, sizes = worker_pid(gateway), []
    for round_ in range(3):
        end = time.monotonic() + 1.0
        for i in range(1000):
            s = socket.create_connection(gateway.address, 5)
            if i % 3 == 0:  # a reset, else an orderly end
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif i % 3 == 1:
                s.send(b"\x16\x03\x01")
            s.close()
            if i % 100 == 99:  # what is open at once has its own limit
                eventually("most to be closed", lambda: stat(gateway, "connections_open") < 100, 20)
        while time.monotonic() < end:
            assert a_call(gateway).result, f"round {round_}"
        sizes.append(rss_bytes(pid))
        assert a_call(gateway).result, f"round {round_}"
    eventually("all to be closed", lambda: stat(gateway, "connections_open") <= 1, 20)
    assert worker_pid(gateway) == pid
    if "ASAN_OPTIONS" not in os.environ:  # which keeps what was freed
        assert sizes[-1] - sizes[0] < 16 << 20, sizes


def test_a_worker_that_is_killed_serves_its_port_again(make):
    g = make()
    assert a_call(g).result
    os.kill(worker_pid(g), signal.SIGKILL)

    def again():
        try:
            return a_call(g).result
        except (OSError, EOFError):
            return False
    eventually("the next worker to serve", again, 30)


def test_a_device_that_cannot_be_opened_is_named(make):
    port = {"device": "net_nothing0,role=none", "addresses": ["192.0.2.10/24", "fd00::10/64"]}
    g = make(config={"ports": [port]}, start=False)
    g.start(ready=False)
    eventually("the worker to say so", lambda: f"opening the port {port['device']}" in g.log_text(), 20)
