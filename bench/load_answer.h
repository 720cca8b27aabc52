/// Reads one HTTP answer as it comes and judges the JSON-RPC message in it.
#pragma once

#include "bench/load_mix.h"
#include "tools/demo/buf.h"

enum load_verdict {
	ANSWER_OK,      ///< a result
	ANSWER_DENIED,  ///< refused by policy: error 403, or -32602 for a tool that is hidden
	ANSWER_LIMITED, ///< error 429
	ANSWER_ERROR,   ///< anything else: other errors, wrong ids, bad JSON, HTTP failures
};

struct load_answer {
	struct demo_buf in;  ///< bytes not yet taken
	struct demo_buf body; ///< unchunked
	size_t at;           ///< of `in`
	size_t want;         ///< body or chunk bytes still to come
	unsigned status;
	bool in_body, chunked, stream, closes;
	uint32_t id_at;    ///< of `body`, once judged good: where the id stands; NO_OFFSET = not in ID_DIGITS digits
	char session[256]; ///< Mcp-Session-Id, "" when none was sent
	char reason[32];   ///< of an error that is no verdict of policy: data.reason, "" when there is none
};

void load_answer_begin(struct load_answer *a);
/// Take what is in `in`. 1 when the answer is whole, 0 when more must come, -EBADMSG.
SP_MUST_CHECK int load_answer_feed(struct load_answer *a);
/// Of a whole answer to the tools/call `id`. `why`, when not NULL, gets a few words on an ANSWER_ERROR.
enum load_verdict load_answer_judge(struct load_answer *a, uint64_t id, const char **why);
/// Status and body are those of `k`, but for the id, which is `id`: good without being judged again.
bool load_answer_is(const struct load_answer *a, const struct load_known *k, uint64_t id);
/// Keep an answer that was judged good.
void load_answer_learn(const struct load_answer *a, struct load_known *k);
/// The whole answer is a JSON-RPC error, whatever its status.
bool load_answer_failed(const struct load_answer *a);
void load_answer_done(struct load_answer *a);
