#include "tools/sallyctl/cases.h"
#include "common/banned.h"

static bool is_number(const struct sp_node *n)
{
	struct sp_json_tok tok[1];
	struct sp_json doc;

	return sp_json_scan(sp_bytes(n->text, n->n), 1, tok, 1, &doc, NULL) == 0 &&
	       sp_json_type(&doc, 0) == SP_JSON_NUMBER;
}

static bool is_word(const struct sp_node *n)
{
	return strcmp(n->text, "null") == 0 || strcmp(n->text, "true") == 0 ||
	       strcmp(n->text, "false") == 0;
}

static void put_scalar(struct sp_out *o, const struct sp_node *n)
{
	if (!n->quoted && (n->n == 0 || strcmp(n->text, "~") == 0)) {
		sp_out_lit(o, "null");
	} else if (!n->quoted && (is_word(n) || is_number(n))) {
		sp_out_put(o, n->text, n->n);
	} else {
		sp_out_lit(o, "\"");
		sp_out_json_escaped(o, sp_bytes(n->text, n->n));
		sp_out_lit(o, "\"");
	}
}

/// As deep as a tree may be.
static void put(struct sp_out *o, const struct sp_node *n)
{
	bool map = n->kind == SP_NODE_MAP;

	if (n->kind == SP_NODE_SCALAR) {
		put_scalar(o, n);
		return;
	}
	sp_out_bytes(o, map ? SP_LIT("{") : SP_LIT("["));
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (c != n->first)
			sp_out_lit(o, ",");
		if (map) {
			sp_out_lit(o, "\"");
			sp_out_json_escaped(o, sp_bytes(c->key->text, c->key->n));
			sp_out_lit(o, "\":");
		}
		put(o, c);
	}
	sp_out_bytes(o, map ? SP_LIT("}") : SP_LIT("]"));
}

/// Most that it can take: every byte escaped.
static size_t room(const struct sp_node *n)
{
	size_t ret = 8 + (n->kind == SP_NODE_SCALAR ? 6 * (size_t)n->n : 0);

	if (n->key)
		ret += 8 + 6 * (size_t)n->key->n;
	for (const struct sp_node *c = n->kind == SP_NODE_SCALAR ? NULL : n->first; c; c = c->next)
		ret += room(c);
	return ret;
}

int sp_case_json(struct sp_arena *arena, const struct sp_node *n, struct sp_bytes *ret)
{
	size_t cap = room(n);
	uint8_t *text = sp_arena_alloc(arena, cap);
	struct sp_out o = sp_out_init(text, cap);

	if (!text)
		return -ENOMEM;
	put(&o, n);
	SP_BUG_IF(o.overflow);
	*ret = sp_bytes(text, o.len);
	return 0;
}
