/// What the load generator sends: agents with their tokens, mixes of tools with the verdict each call
/// must get, and requests rendered once so that sending is a copy and a patch of fixed-width digits.
#pragma once

#include "common/bytes.h"

#define MIX_SLOTS 100u  ///< a mix's weights are expanded to this many turns
#define MIX_ITEMS_MAX 64u
#define MIXES_MAX 8u
#define AGENTS_MAX 4096u
#define ID_DIGITS 7u    ///< request ids run from 1000000
#define REF_DIGITS 8u
#define NO_OFFSET UINT32_MAX

enum load_expect { EXPECT_OK, EXPECT_DENIED, EXPECT_LIMITED, EXPECT_ANY };
enum load_era { ERA_LEGACY, ERA_MODERN };

/// An answer that was judged good, for later ones to be held against: only the id may differ.
struct load_known {
	uint8_t *body; ///< NULL = none yet
	uint32_t n, cap, id_at;
};
struct load_item {
	char tool[64];
	char arguments[1024];
	enum load_expect expect;
	unsigned weight;
};
struct load_mix {
	char name[32];
	struct load_item item[MIX_ITEMS_MAX];
	struct load_known known[MIX_ITEMS_MAX]; ///< of each item
	unsigned items_n;
	uint8_t turn[MIX_SLOTS]; ///< item numbers, spread evenly
};
/// One rendered request without the parts that differ from connection to connection.
struct load_request {
	uint8_t *head, *body;
	uint32_t head_n, body_n;
	uint32_t id_at, ref_at; ///< in body; ref_at NO_OFFSET = none
};
struct load_agent {
	char name[64];
	char *token; ///< NULL = none is sent
	struct load_mix *mix;
	struct load_request request[MIX_ITEMS_MAX];
};
struct load_plan {
	struct load_mix mix[MIXES_MAX];
	unsigned mixes_n;
	struct load_agent *agent;
	unsigned agents_n;
	enum load_era era;
	const char *host, *path; ///< borrowed
	const char *ref;         ///< prefix of call_ref, or NULL = none is sent
};

/// Built-in mixes: bench, support, analyst, risk, echo.
void load_plan_init(struct load_plan *p);
/// Lines `weight expect tool arguments`; expect is ok, denied, limited or any. 0 or -errno, with a message.
SP_MUST_CHECK int load_plan_mix_file(struct load_plan *p, const char *name, const char *path);
/// Lines `agent token [mix]`; a token of `-` sends none. `mix` is what the third column defaults to.
SP_MUST_CHECK int load_plan_agents_file(struct load_plan *p, const char *path, const char *mix);
/// One agent without a token.
SP_MUST_CHECK int load_plan_anonymous(struct load_plan *p, const char *mix);
/// Render every agent's requests: after era, host, path and ref are set.
void load_plan_render(struct load_plan *p);
void load_plan_done(struct load_plan *p);
const char *load_expect_name(enum load_expect e);
