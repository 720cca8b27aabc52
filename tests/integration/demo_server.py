"""The upstream that all other scenarios lean on answers as an MCP server must."""
import json

from client import Http, Legacy, Modern


def test_both_eras_list_and_call_tools(demo):
    for client in (Modern(demo), Legacy(demo)):
        with client as m:
            assert "read_customer_data" in m.tools()
            a = m.call("read_customer_data", {"customer_id": "C-1001"}, ref="r1")
            assert a.status == 200 and not a.result["isError"], a
            assert json.loads(a.result["content"][0]["text"]) == a.result["structuredContent"]
    assert demo.saw() == [("read_customer_data", "r1")] * 2


def test_progress_arrives_step_by_step(demo):
    with Modern(demo) as m:
        a = m.call("slow_report", {"steps": 3, "delay_ms": 400}, progress="tok")
    assert [e["params"]["progress"] for e in a.events[:-1]] == [1, 2, 3]
    assert all(e["params"]["progressToken"] == "tok" for e in a.events[:-1])
    assert a.result["structuredContent"]["steps"] == 3
    assert a.event_times[-1] - a.event_times[0] > 0.3, "the events came in one piece"


def test_a_cancelled_stream_ends_without_an_answer(demo):
    with Legacy(demo) as m, Legacy(demo) as other:
        m.open()
        other.session, other.initialized = m.session, m.initialized

        def cancel(event):
            if event["params"]["progress"] == 1:
                assert other.notify("notifications/cancelled", {"requestId": 7}).status == 202
        a = m.call("slow_report", {"steps": 50, "delay_ms": 100}, progress=1, id=7, ref="c1", on_event=cancel)
    assert all("result" not in e for e in a.events), a
    assert ("!cancelled", "c1") in demo.saw()


def test_a_session_is_required_and_ends(demo):
    with Legacy(demo) as m:
        m.open()
        kept = m.session
        assert m.request("ping").result == {}
        assert m.delete().status == 200
        assert m.request("ping").status == 404
        m.session = None
        assert m.request("ping").status == 400
        m.session = kept[:-1] + ("0" if kept[-1] != "0" else "1")
        assert m.request("ping").status == 404


def test_modern_headers_must_agree_with_the_body(demo):
    with Modern(demo, headers={"Mcp-Name": "echo"}) as m:
        a = m.call("read_customer_data", {"customer_id": "C-1001"})
    assert a.status == 400 and a.error["code"] == -32020
    assert demo.saw() == []


def test_bad_requests_are_refused(demo):
    def ask(data):
        with Http(demo.address) as h:
            h.send(data)
            return h.answer().status
    head = b"POST /mcp HTTP/1.1\r\nHost: x\r\n"
    assert ask(head + b"Content-Length: 5\r\n\r\n{\"a\":") == 400
    assert ask(head + b"Content-Length: 1x\r\n\r\n") == 400
    assert ask(head + b"Content-Length: 99999999999\r\n\r\n") == 413
    assert ask(head + b"Transfer-Encoding: chunked\r\n\r\n") == 400
    assert ask(b"GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n") == 405
    assert ask(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n") == 404


def test_pipelined_requests_are_answered_in_order(demo):
    bodies = [json.dumps({"jsonrpc": "2.0", "id": i, "method": "server/discover", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}}}).encode() for i in range(20)]
    data = b"".join(b"POST /mcp HTTP/1.1\r\nHost: x\r\nMcp-Protocol-Version: 2026-07-28\r\n"
                    b"Mcp-Method: server/discover\r\nContent-Length: %d\r\n\r\n" % len(b) + b for b in bodies)
    with Http(demo.address) as h:
        for i in range(0, len(data), 97):
            h.send(data[i:i + 97])
        assert [h.answer().json["id"] for _ in bodies] == list(range(20))
