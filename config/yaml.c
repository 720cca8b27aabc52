#include "config/tree.h"

#include <stdio.h>
#include <yaml.h>
#include "common/banned.h"

#define NODES_MAX 1000000u

struct level {
	struct sp_node *node;
	struct sp_node **tail;
	struct sp_node *key; ///< in a mapping: read, its value still to come
};

struct reader {
	yaml_parser_t yaml;
	struct sp_check *check;
	struct sp_tree tree;
	uint32_t nodes, depth, documents;
	struct sp_bytes text;
	size_t line_off; ///< `line` of the text begins there: scalars are asked for in order
	size_t col_off; ///< its character `col`, from 0
	unsigned line, col;
	struct level level[SP_TREE_DEPTH_MAX];
};

static int refuse(struct reader *r, const yaml_mark_t *mark, const char *mend, const char *what)
{
	struct sp_at at = {r->tree.file, (unsigned)mark->line + 1, (unsigned)mark->column + 1};

	sp_check_add(r->check, at, mend, "%s", what);
	return -EBADMSG;
}

static bool key_repeats(const struct level *l)
{
	for (const struct sp_node *c = l->node->first; c; c = c->next)
		if (strcmp(c->key->text, l->key->text) == 0)
			return true;
	return false;
}

/// Hang `n` where the parser stands.
static int attach(struct reader *r, const yaml_mark_t *mark, struct sp_node *n)
{
	struct level *l = r->depth ? &r->level[r->depth - 1] : NULL;

	if (!l) {
		r->tree.root = n;
		return 0;
	}
	if (l->node->kind == SP_NODE_MAP && !l->key) {
		if (n->kind != SP_NODE_SCALAR)
			return refuse(r, mark, NULL, "a key must be a plain name");
		if (!n->quoted && strcmp(n->text, "<<") == 0)
			return refuse(r, mark, "write the keys out", "merge keys are not accepted");
		l->key = n;
		return 0;
	}
	if (l->node->kind == SP_NODE_MAP) {
		if (l->node->n == SP_TREE_KEYS_MAX)
			return refuse(r, mark, NULL, "too many keys in one mapping");
		n->key = l->key;
		n->repeated = key_repeats(l);
		l->key = NULL;
	}
	*l->tail = n;
	l->tail = &n->next;
	l->node->n++;
	return 0;
}

static struct sp_node *node_new(struct reader *r, const yaml_event_t *e, enum sp_node_kind kind)
{
	struct sp_node *n = sp_arena_alloc(&r->tree.arena, sizeof(*n));

	if (!n)
		return NULL;
	n->kind = kind;
	n->line = (unsigned)e->start_mark.line + 1;
	n->col = (unsigned)e->start_mark.column + 1;
	return n;
}

static void find_line(struct reader *r, unsigned line)
{
	if (r->line >= line)
		return;
	while (r->line < line && r->line_off < r->text.n)
		if (r->text.p[r->line_off++] == '\n')
			r->line++;
	r->col_off = r->line_off;
	r->col = 0;
}

/// A block's text begins on the line below its mark, blank ones are part of it; the first that is not shows how
/// far all are indented.
static void place_block(struct reader *r, struct sp_node *n)
{
	size_t at, from;

	find_line(r, n->line + 1);
	for (at = from = r->line_off; at < r->text.n; at++) {
		if (r->text.p[at] == '\n')
			from = at + 1;
		else if (r->text.p[at] != ' ' && r->text.p[at] != '\r')
			break;
	}
	n->text_line = r->line;
	n->text_col = (unsigned)(at - from) + 1;
}

/// The character that stands `n` behind the one at `at`, in the same line.
static size_t find_character(const struct reader *r, size_t at, size_t n)
{
	const uint8_t *p = r->text.p;

	for (; at < r->text.n && p[at] != '\n' && (n || (p[at] & 0xc0) == 0x80); at++)
		n -= (p[at] & 0xc0) != 0x80;
	return at;
}

/// Of the line that was found. A file may be one line: what stands further on is looked for from there.
static size_t find_column(struct reader *r, unsigned col)
{
	if (col < r->col) {
		r->col_off = r->line_off;
		r->col = 0;
	}
	r->col_off = find_character(r, r->col_off, col - r->col);
	r->col = col;
	return r->col_off;
}

/// Where a scalar ends that begins at `from`.
static size_t find_end(const struct reader *r, const yaml_mark_t *end, const struct sp_node *n, size_t from)
{
	size_t lines = end->line + 1 - n->text_line, at = from;

	if (lines == 0)
		return find_character(r, from, end->column + 1 - n->text_col);
	while (lines && at < r->text.n)
		lines -= r->text.p[at++] == '\n';
	return find_character(r, at, end->column);
}

static int keep_written(
	struct reader *r, const yaml_event_t *e, enum sp_written_style style, struct sp_node *n)
{
	size_t from, to;

	find_line(r, n->text_line);
	from = find_column(r, n->text_col - 1);
	if (n->n <= r->text.n - from && memcmp(r->text.p + from, n->text, n->n) == 0)
		return 0; // to the letter
	to = find_end(r, &e->end_mark, n, from);
	n->written.style = style;
	n->written.s = sp_arena_str(&r->tree.arena, sp_bytes(r->text.p + from, to > from ? to - from : 0));
	return n->written.s ? 0 : -ENOMEM;
}

static int place_text(struct reader *r, const yaml_event_t *e, struct sp_node *n)
{
	static const enum sp_written_style styles[] = {
		[YAML_PLAIN_SCALAR_STYLE] = SP_WRITTEN_PLAIN,
		[YAML_SINGLE_QUOTED_SCALAR_STYLE] = SP_WRITTEN_SINGLE,
		[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = SP_WRITTEN_DOUBLE,
		[YAML_FOLDED_SCALAR_STYLE] = SP_WRITTEN_FOLDED,
	};
	yaml_scalar_style_t style = e->data.scalar.style;

	n->text_line = n->line;
	n->text_col = n->col + n->quoted;
	if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
		place_block(r, n);
	return style == YAML_LITERAL_SCALAR_STYLE ? 0 : keep_written(r, e, styles[style], n);
}

static int on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct sp_bytes text = sp_bytes(e->data.scalar.value, e->data.scalar.length);
	struct sp_node *n = node_new(r, e, SP_NODE_SCALAR);

	if (!n)
		return -ENOMEM;
	for (size_t i = 0; i < text.n; i++)
		if ((text.p[i] < 0x20 && text.p[i] != '\n' && text.p[i] != '\t') ||
			text.p[i] == 0x7f)
			return refuse(r, &e->start_mark, NULL, "control character in a value");
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = sp_arena_str(&r->tree.arena, text);
	n->n = (uint32_t)text.n;
	if (!n->text)
		return -ENOMEM;
	SP_TRY(place_text(r, e, n));
	return attach(r, &e->start_mark, n);
}

static int on_open(struct reader *r, const yaml_event_t *e, enum sp_node_kind kind)
{
	struct sp_node *n = node_new(r, e, kind);

	if (!n)
		return -ENOMEM;
	SP_TRY(attach(r, &e->start_mark, n));
	if (r->depth == SP_TREE_DEPTH_MAX)
		return refuse(r, &e->start_mark, NULL, "nested too deeply");
	r->level[r->depth++] = (struct level){n, &n->first, NULL};
	return 0;
}

/// Anchors and tags give a text a second meaning; a configuration has one.
static int plain_only(struct reader *r, const yaml_event_t *e, const void *anchor, const void *tag)
{
	if (anchor)
		return refuse(r, &e->start_mark, "write it out", "anchors are not accepted");
	if (tag)
		return refuse(r, &e->start_mark, "leave it out", "tags are not accepted");
	return 0;
}

static int on_event(struct reader *r, const yaml_event_t *e)
{
	if (++r->nodes > NODES_MAX)
		return refuse(r, &e->start_mark, NULL, "the file has too many entries");
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		SP_TRY(plain_only(r, e, e->data.scalar.anchor, e->data.scalar.tag));
		return on_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		SP_TRY(plain_only(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag));
		return on_open(r, e, SP_NODE_SEQ);
	case YAML_MAPPING_START_EVENT:
		SP_TRY(plain_only(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag));
		return on_open(r, e, SP_NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(r, &e->start_mark, "write it out", "aliases are not accepted");
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++)
			return refuse(r, &e->start_mark, "one file, one document",
				"a second document begins here");
		return 0;
	default:
		return 0;
	}
}

static int syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->yaml;
	struct sp_at at = {r->tree.file, (unsigned)p->problem_mark.line + 1,
		(unsigned)p->problem_mark.column + 1};

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR) {
		at = (struct sp_at){
			r->tree.file, (unsigned)p->mark.line + 1, (unsigned)p->mark.column + 1};
		sp_check_add(r->check, at, NULL, "not readable as YAML text: %s at byte %zu",
			p->problem ? p->problem : "bad byte", p->problem_offset);
	} else {
		sp_check_add(r->check, at, p->context, "not YAML: %s",
			p->problem ? p->problem : "bad syntax");
	}
	return -EBADMSG;
}

/// What ends a line to some readers of YAML and not to others, or not to most editors: NULL when `p` does not begin
/// with any.
static const char *odd_break(struct sp_bytes p)
{
	if (p.p[0] == '\r' && !(p.n > 1 && p.p[1] == '\n'))
		return "carriage return without a line feed";
	if (sp_bytes_starts(p, SP_LIT("\xc2\x85")))
		return "next line (U+0085)";
	if (sp_bytes_starts(p, SP_LIT("\xe2\x80\xa8")))
		return "line separator (U+2028)";
	if (sp_bytes_starts(p, SP_LIT("\xe2\x80\xa9")))
		return "paragraph separator (U+2029)";
	return NULL;
}

/// What an editor shows as part of a comment could be a grant: every reader has to see the same lines.
static int refuse_odd_breaks(struct reader *r)
{
	yaml_mark_t mark = {0};
	char what[96];

	for (size_t i = 0; i < r->text.n; i++) {
		uint8_t c = r->text.p[i];
		const char *odd = c == '\r' || c == 0xc2 || c == 0xe2
					  ? odd_break(sp_bytes(r->text.p + i, r->text.n - i))
					  : NULL;

		if (odd) {
			snprintf(what, sizeof(what), "%s: not every reader ends a line here", odd);
			return refuse(r, &mark, "end lines with a line feed; a text may have it as an escape", what);
		}
		mark.column = c == '\n' ? 0 : mark.column + ((c & 0xc0) != 0x80);
		mark.line += c == '\n';
	}
	return 0;
}

static int read_all(struct reader *r)
{
	yaml_event_t e;
	int err = 0;
	bool end = false;

	while (!end && !err) {
		if (!yaml_parser_parse(&r->yaml, &e))
			return syntax(r);
		end = e.type == YAML_STREAM_END_EVENT;
		err = on_event(r, &e);
		yaml_event_delete(&e);
	}
	if (!err && !r->tree.root) {
		sp_check_add(
			r->check, (struct sp_at){r->tree.file, 1, 1}, NULL, "the file is empty");
		return -EBADMSG;
	}
	return err;
}

int sp_yaml_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_tree *ret)
{
	struct reader *r;
	int err;

	if (sp_bytes_starts(text, SP_LIT("\xef\xbb\xbf"))) // a byte-order mark, as some editors write it
		text = sp_bytes(text.p + 3, text.n - 3);
	if (text.n > SP_YAML_MAX) {
		sp_check_add(check, (struct sp_at){file, 0, 0}, NULL, "the file is over %u bytes",
			SP_YAML_MAX);
		return -EBADMSG;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->check = check;
	r->text = text;
	r->line = 1;
	sp_arena_init(&r->tree.arena);
	r->tree.file = sp_arena_str(&r->tree.arena, sp_bytes_cstr(file));
	if (!r->tree.file || !yaml_parser_initialize(&r->yaml)) {
		sp_tree_done(&r->tree);
		free(r);
		return -ENOMEM;
	}
	yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->yaml, text.p, text.n);
	err = refuse_odd_breaks(r);
	if (!err)
		err = read_all(r);
	yaml_parser_delete(&r->yaml);
	if (err)
		sp_tree_done(&r->tree);
	else
		*ret = r->tree;
	free(r);
	return err;
}
