#include "config/tree.h"

#include "common/json.h"

#include <stdio.h>
#include "common/banned.h"

struct reader {
	struct sp_json j;
	struct sp_check *check;
	struct sp_tree tree;
	uint8_t *buf; ///< as long as the text: for unescaping
	uint32_t at; ///< `line` and `line_off` are those of this offset: tokens come in order
	uint32_t line_off;
	unsigned line;
};

/// Places are asked for in the order of the text, so the lines are counted once.
static void place(struct reader *r, uint32_t off, struct sp_node *n)
{
	for (; r->at < off; r->at++) {
		if (r->j.text.p[r->at] == '\n') {
			r->line++;
			r->line_off = r->at + 1;
		}
	}
	n->line = r->line;
	n->col = off - r->line_off + 1;
}

static int refuse(struct reader *r, const struct sp_node *n, const char *what)
{
	sp_check_add(r->check, sp_node_at(&r->tree, n), NULL, "%s", what);
	return -EBADMSG;
}

static int read_scalar(struct reader *r, uint32_t t, struct sp_node *n)
{
	struct sp_bytes text = sp_json_span(&r->j, t);

	n->kind = SP_NODE_SCALAR;
	n->quoted = sp_json_type(&r->j, t) == SP_JSON_STRING;
	n->text_line = n->line;
	n->text_col = n->col + n->quoted;
	if (n->quoted && r->j.tok[t].escaped) {
		n->written = (struct sp_written){sp_arena_str(&r->tree.arena, text), SP_WRITTEN_DOUBLE};
		if (!n->written.s)
			return -ENOMEM;
	}
	if (n->quoted)
		SP_TRY(sp_json_str(&r->j, t, r->buf, r->j.text.n + 1, &text));
	for (size_t i = 0; i < text.n; i++)
		if ((text.p[i] < 0x20 && text.p[i] != '\n' && text.p[i] != '\t') ||
			text.p[i] == 0x7f)
			return refuse(r, n, "control character in a value");
	n->text = sp_arena_str(&r->tree.arena, text);
	n->n = (uint32_t)text.n;
	return n->text ? 0 : -ENOMEM;
}

static int node_new(struct reader *r, uint32_t t, struct sp_node **ret)
{
	struct sp_node *n = sp_arena_alloc(&r->tree.arena, sizeof(*n));
	uint32_t off = r->j.tok[t].off;

	if (!n)
		return -ENOMEM;
	/* The span of a string begins behind its quote. */
	place(r, off - (sp_json_type(&r->j, t) == SP_JSON_STRING), n);
	switch (sp_json_type(&r->j, t)) {
	case SP_JSON_OBJECT:
		n->kind = SP_NODE_MAP;
		n->n = r->j.tok[t].count;
		break;
	case SP_JSON_ARRAY:
		n->kind = SP_NODE_SEQ;
		n->n = r->j.tok[t].count;
		break;
	default:
		SP_TRY(read_scalar(r, t, n));
	}
	*ret = n;
	return 0;
}

/// A container being filled: where its children end and the next one hangs.
struct level {
	struct sp_node *node, **tail;
	uint32_t end;
};

static int read_tokens(struct reader *r)
{
	struct level level[SP_TREE_DEPTH_MAX + 1];
	unsigned depth = 0;

	for (uint32_t t = 0; t < r->j.n; t++) {
		struct sp_node *n, *key = NULL;

		while (depth && t >= level[depth - 1].end)
			depth--;
		if (depth && level[depth - 1].node->kind == SP_NODE_MAP)
			SP_TRY(node_new(r, t++, &key));
		SP_TRY(node_new(r, t, &n));
		n->key = key;
		if (depth) {
			*level[depth - 1].tail = n;
			level[depth - 1].tail = &n->next;
		} else {
			r->tree.root = n;
		}
		if (n->kind == SP_NODE_SCALAR)
			continue;
		SP_BUG_IF(depth == SP_ARRAY_LEN(level));
		level[depth++] = (struct level){n, &n->first, r->j.tok[t].next};
	}
	return 0;
}

static int scan(struct reader *r, struct sp_bytes text, struct sp_json_tok *tok, uint32_t cap)
{
	struct sp_json_error e = {0};
	int err = sp_json_scan(text, SP_TREE_DEPTH_MAX, tok, cap, &r->j, &e);
	struct sp_at at = {r->tree.file, 1, 1};

	if (err == 0)
		return read_tokens(r);
	sp_json_where(text, e.off, &at.line, &at.col);
	sp_check_add(r->check, at,
		err == -EEXIST ? "keep one of them; several conditions are a list" : NULL,
		"not JSON: %s", e.what ? e.what : "bad syntax");
	return -EBADMSG;
}

int sp_json_tree_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_tree *ret)
{
	struct reader r = {.check = check, .line = 1};
	struct sp_json_tok *tok;
	uint32_t cap;
	int err = -ENOMEM;

	if (sp_bytes_starts(text, SP_LIT("\xef\xbb\xbf"))) // a byte-order mark, as some editors write it
		text = sp_bytes(text.p + 3, text.n - 3);
	cap = (uint32_t)text.n / 2 + 2;
	if (text.n > SP_JSON_TREE_MAX) {
		sp_check_add(check, (struct sp_at){file, 0, 0}, NULL, "the file is over %u bytes",
			SP_JSON_TREE_MAX);
		return -EBADMSG;
	}
	sp_arena_init(&r.tree.arena);
	r.tree.file = sp_arena_str(&r.tree.arena, sp_bytes_cstr(file));
	r.buf = malloc(text.n + 1);
	tok = calloc(cap, sizeof(*tok));
	if (r.tree.file && r.buf && tok)
		err = scan(&r, text, tok, cap);
	free(tok);
	free(r.buf);
	if (err) {
		sp_tree_done(&r.tree);
		return err;
	}
	*ret = r.tree;
	return 0;
}
