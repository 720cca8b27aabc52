#include "dataplane/mcp/splice.h"

#include "common/banned.h"

int sp_splice_len(struct sp_bytes text, const struct sp_splice *edits, size_t n, size_t *ret)
{
	size_t at = 0, total = text.n;

	for (size_t i = 0; i < n; i++) {
		if (edits[i].off < at || edits[i].off > text.n ||
			edits[i].len > text.n - edits[i].off)
			return -EINVAL;
		at = (size_t)edits[i].off + edits[i].len;
		total = total - edits[i].len + edits[i].with.n;
	}
	*ret = total;
	return 0;
}

int sp_splice_put(struct sp_out *o, struct sp_bytes text, const struct sp_splice *edits, size_t n)
{
	size_t at = 0, total;

	SP_TRY(sp_splice_len(text, edits, n, &total));
	if (o->overflow || total > o->cap - o->len)
		return -ENOSPC;
	for (size_t i = 0; i < n; i++) {
		sp_out_put(o, text.p + at, edits[i].off - at);
		sp_out_bytes(o, edits[i].with);
		at = (size_t)edits[i].off + edits[i].len;
	}
	sp_out_put(o, text.p + at, text.n - at);
	return 0;
}

static bool prefix_ok(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

/// Token of the element's name when it may be listed, or NONE.
static uint32_t kept_name(const struct sp_list *l, uint32_t element)
{
	uint32_t t = sp_json_get(l->j, element, l->key);
	uint8_t buf[SP_LIST_NAME_MAX];
	struct sp_bytes name;

	if (sp_json_str(l->j, t, buf, sizeof(buf), &name) < 0 || name.n > sizeof(buf))
		return SP_JSON_NONE;
	if (l->keep && !l->keep(l->user, name, element))
		return SP_JSON_NONE;
	return t;
}

/// One element with the white space before it, its name prefixed.
static void put_element(
	struct sp_out *o, const struct sp_list *l, size_t from, uint32_t element, uint32_t name)
{
	const uint8_t *text = l->j->text.p;
	size_t at = l->j->tok[name].off;
	struct sp_bytes raw = sp_json_raw(l->j, element);
	size_t end = (size_t)(raw.p - text) + raw.n;

	sp_out_put(o, text + from, at - from);
	sp_out_bytes(o, l->prefix);
	sp_out_put(o, text + at, end - at);
}

int sp_list_elements(struct sp_out *o, const struct sp_list *l, bool first, uint32_t *ret_kept)
{
	const struct sp_json *j = l->j;
	struct sp_out before = *o;
	uint32_t kept = 0;
	size_t from;

	if (sp_json_type(j, l->array) != SP_JSON_ARRAY || !prefix_ok(l->prefix))
		return -EINVAL;
	from = j->tok[l->array].off + 1;
	for (uint32_t e = l->array + 1; e < j->tok[l->array].next; e = j->tok[e].next) {
		struct sp_bytes raw = sp_json_raw(j, e);
		uint32_t name = kept_name(l, e);

		if (name != SP_JSON_NONE) {
			if (kept++ || !first)
				sp_out_lit(o, ",");
			put_element(o, l, from, e, name);
		}
		from = (size_t)(raw.p - j->text.p) + raw.n;
		while (j->text.p[from] != ',' && j->text.p[from] != ']')
			from++; /* only white space lies between */
		from++;
	}
	if (o->overflow) {
		before.overflow = true;
		*o = before;
		return -ENOSPC;
	}
	*ret_kept = kept;
	return 0;
}
