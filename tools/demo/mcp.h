/// The demo server's MCP: one request in, one HTTP answer out, in both eras (2025-03-26 to 2025-11-25
/// with handshake and sessions, 2026-07-28 stateless). No sockets here.
#pragma once

#include "common/json.h"
#include "tools/demo/data.h"
#include "tools/demo/http.h"
#include "tools/demo/ledger.h"
#include "tools/demo/session.h"

#define DEMO_JSON_TOKENS 65536u
#define DEMO_ID_MAX 320u

struct demo_mcp {
	struct demo_data *data;
	struct demo_ledger *ledger;
	struct demo_sessions sessions;
	bool no_sessions;   ///< issue and ask for none
	bool always_stream; ///< answer every tools/call with an event stream
	struct sp_json_tok *tok;
	struct demo_buf body, content, list; ///< list: the result array of tools/list, made once
	uint64_t calls;
};
SP_MUST_CHECK int demo_mcp_init(struct demo_mcp *m, struct demo_ledger *ledger);
void demo_mcp_done(struct demo_mcp *m);

/// A call that is answered over time: what the loop needs to write its events.
struct demo_slow {
	uint8_t id[DEMO_ID_MAX], token[DEMO_ID_MAX], session[DEMO_SESSION_ID], call_ref[128];
	size_t id_n, token_n, session_n, call_ref_n;
	uint32_t steps, step, delay_ms;
	bool modern;
};

enum demo_after {
	DEMO_ANSWERED,
	DEMO_STREAMS, ///< *ret_slow is filled and the head of the stream is written
	DEMO_HANGS,   ///< nothing more ever comes on this connection
	DEMO_CLOSES,  ///< close once all is written
	DEMO_LEAVES,  ///< answered, and no other request is taken on this connection
	DEMO_CANCELS, ///< answered; *ret_slow names the id and session of the stream to give up
};
/// `r` is a complete request with its body.
enum demo_after demo_mcp_handle(
	struct demo_mcp *m, const struct demo_request *r, struct demo_buf *out, struct demo_slow *ret_slow);

/// The same request of the same session.
bool demo_slow_same(const struct demo_slow *a, const struct demo_slow *b);
/// Write the next event of a stream; true when it was the last.
bool demo_mcp_step(struct demo_mcp *m, struct demo_slow *s, struct demo_buf *out);
