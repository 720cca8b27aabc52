#include "config/judge/parameters.h"
#include "common/banned.h"

#define DEPTH_MAX 32u

struct walk {
	const struct sp_json *doc;
	struct judge *j;
	struct sp_bytes parameter;
	judge_text_fn *fn;
	void *user;
	struct judge_found *found;
};

/// Texts judged in one call: a worker has others to serve.
#define STRINGS_MAX 64u

static void take_string(const struct walk *w, uint32_t t)
{
	struct sp_cel_arena *arena = w->j->c->arena;
	size_t before = arena->used;
	uint32_t n = w->doc->tok[t].len;
	struct sp_bytes text = sp_json_span(w->doc, t);

	w->found->strings++;
	if (w->found->strings > STRINGS_MAX) {
		w->found->room = false;
		return;
	}
	if (judge_go_on(w->j->v) != SP_REASON_NONE && !JUDGE_TRACED(w->j))
		return; // refused already
	if (w->doc->tok[t].escaped) {
		uint8_t *buf = sp_cel_alloc(arena, n);

		if (!buf || sp_json_str(w->doc, t, buf, n, &text) < 0) {
			w->found->room = false;
			return;
		}
	}
	w->fn(w->user, w->parameter, text);
	arena->used = before;
}

/// The value `t`, from which `way` leads on.
static void walk_value(const struct walk *w, uint32_t t, struct sp_bytes way, unsigned depth)
{
	enum sp_json_type type = sp_json_type(w->doc, t);

	if (!w->found->room)
		return;
	if (type == SP_JSON_ARRAY && depth > 0) {
		uint32_t n = w->doc->tok[t].count, e = sp_json_first(w->doc, t);

		for (uint32_t i = 0; i < n; i++, e = w->doc->tok[e].next)
			walk_value(w, e, way, depth - 1);
	} else if (way.n == 0 && type == SP_JSON_STRING) {
		take_string(w, t);
	} else if (way.n > 0 && type == SP_JSON_OBJECT && depth > 0) {
		const uint8_t *dot = memchr(way.p, '.', way.n);
		size_t n = dot ? (size_t)(dot - way.p) : way.n;
		uint32_t next = sp_json_get(w->doc, t, sp_bytes(way.p, n));

		w->found->alike |= sp_json_has_alike(w->doc, t, sp_bytes(way.p, n));
		if (next != SP_JSON_NONE)
			walk_value(
				w, next, sp_bytes(way.p + n + !!dot, way.n - n - !!dot), depth - 1);
	} else {
		w->found->other = true;
	}
}

static void walk_parameter(struct walk *w, uint32_t args)
{
	uint32_t whole = sp_json_get(w->doc, args, w->parameter);

	w->found->alike |= sp_json_has_alike(w->doc, args, w->parameter);
	if (whole != SP_JSON_NONE)
		walk_value(w, whole, SP_NOBYTES, DEPTH_MAX);
	if (memchr(w->parameter.p, '.', w->parameter.n))
		walk_value(w, args, w->parameter, DEPTH_MAX);
}

void judge_parameters(struct judge *j, struct sp_snap_table names, const struct sp_bytes *usual,
	uint32_t usual_n, judge_text_fn *fn, void *user, struct judge_found *ret)
{
	const struct sp_judge_call *c = j->c;
	struct walk w = {.doc = c->args_doc, .j = j, .fn = fn, .user = user, .found = ret};
	uint32_t n = names.n ? names.n : usual_n;

	*ret = (struct judge_found){.room = true};
	if (!c->args_doc || sp_json_type(c->args_doc, c->args) != SP_JSON_OBJECT)
		return;
	for (uint32_t i = 0; i < n; i++) {
		w.parameter = names.n ? judge_str(j, *SP_SNAP_GET(j->s, names, sp_snap_str, i))
				      : usual[i];
		walk_parameter(&w, c->args);
	}
}
