/// Scans a text with both twins and compares everything they say. Each sees the text at the end of
/// a heap block of its own, so that a sanitizer catches a read over either end.
#pragma once

#include "common/json_scan.h"

struct json_both {
	int err;
	struct sp_json_error error;
	struct sp_json j; ///< valid when err is 0; borrows `text` and `tok`
	uint8_t *text;
	struct sp_json_tok *tok;
};

static inline void json_both_done(struct json_both *b)
{
	free(b->text);
	free(b->tok);
}

static inline bool json_both_same(const struct sp_json *a, const struct sp_json *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct sp_json_tok *x = &a->tok[i], *y = &b->tok[i];

		if (x->off != y->off || x->len != y->len || x->next != y->next ||
			x->type != y->type || x->escaped != y->escaped || x->apart != y->apart ||
			x->plain != y->plain || x->count != y->count)
			return false;
	}
	return true;
}

static inline struct json_both json_both(struct sp_bytes text, uint32_t max_depth, uint32_t cap)
{
	struct json_both r = {0};
	struct sp_json_tok *other = malloc(sizeof(*other) * (cap + 1));
	uint8_t *copy = malloc(text.n + 1);
	struct sp_json_error e = {0};
	struct sp_json k = {0};
	int err;

	r.tok = malloc(sizeof(*r.tok) * (cap + 1));
	r.text = malloc(text.n + 1);
	SP_BUG_IF(!other || !copy || !r.tok || !r.text);
	if (text.n) {
		memcpy(r.text + 1, text.p, text.n);
		memcpy(copy + 1, text.p, text.n);
	}
	r.err = sp_json_scan_scalar(
		sp_bytes(r.text + 1, text.n), max_depth, r.tok, cap, &r.j, &r.error);
	if (sp_json_has_avx2()) {
		err = sp_json_scan_avx2(sp_bytes(copy + 1, text.n), max_depth, other, cap, &k, &e);
		SP_BUG_IF(err != r.err);
		SP_BUG_IF(err && (e.err != r.error.err || e.off != r.error.off));
		SP_BUG_IF(err && strcmp(e.what, r.error.what) != 0);
		SP_BUG_IF(!err && !json_both_same(&r.j, &k));
	}
	SP_BUG_IF(r.err && r.error.off > text.n);
	free(other);
	free(copy);
	return r;
}

/// Invariants of an accepted index: nesting, order, counts and spans fit each other.
static inline void json_both_check_index(const struct sp_json *j)
{
	SP_BUG_IF(j->n == 0 || j->tok[0].next != j->n);
	for (uint32_t i = 0; i < j->n; i++) {
		const struct sp_json_tok *t = &j->tok[i];
		uint32_t children = 0;

		SP_BUG_IF(t->next <= i || t->next > j->n || t->off + (size_t)t->len > j->text.n);
		for (uint32_t c = i + 1; c < t->next; c = j->tok[c].next) {
			SP_BUG_IF(j->tok[c].off <= t->off);
			SP_BUG_IF(j->tok[c].off + j->tok[c].len >= t->off + t->len);
			children++;
		}
		SP_BUG_IF(children != (t->type == SP_JSON_OBJECT ? 2 * t->count : t->count));
	}
}
