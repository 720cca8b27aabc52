#include "common/cel/value.h"

#include <stdio.h>
#include "common/banned.h"

#define DEPTH_MAX 16u
#define ARENA_N 4096u ///< scratch for strings of documents that hold escapes

struct shower {
	struct sp_out *out;
	struct sp_cel_arena arena;
};

static void show(struct shower *s, const struct sp_cel *v, unsigned depth);

/// What does not fit is left out as a whole; the end is marked by sp_cel_show().
static void put(struct shower *s, const void *p, size_t n)
{
	struct sp_out *o = s->out;
	size_t room = o->cap - o->len;

	if (n > room) {
		sp_out_put(o, p, room);
		o->overflow = true;
	} else {
		sp_out_put(o, p, n);
	}
}

static void put_text(struct shower *s, const char *text)
{
	put(s, text, strlen(text));
}

static void show_text(struct shower *s, struct sp_bytes b, bool bytes)
{
	char esc[8];

	put_text(s, bytes ? "b\"" : "\"");
	for (size_t i = 0; i < b.n && !s->out->overflow; i++) {
		uint8_t c = b.p[i];

		if (c == '"' || c == '\\')
			snprintf(esc, sizeof(esc), "\\%c", c);
		else if (c == '\n')
			snprintf(esc, sizeof(esc), "\\n");
		else if (c < 0x20 || c == 0x7f || (bytes && c >= 0x80))
			snprintf(esc, sizeof(esc), "\\x%02x", c);
		else
			snprintf(esc, sizeof(esc), "%c", c);
		put_text(s, esc);
	}
	put_text(s, "\"");
}

static void show_double(struct shower *s, double d)
{
	char buf[40];
	size_t n = cel_double_text(d, buf);
	bool whole = true;

	if (__builtin_isnan(d) || __builtin_isinf(d)) {
		put_text(s, __builtin_isnan(d) ? "double(\"NaN\")"
			    : d < 0            ? "double(\"-Inf\")"
					       : "double(\"Inf\")");
		return;
	}
	for (size_t i = 0; i < n; i++)
		whole &= buf[i] == '-' || (buf[i] >= '0' && buf[i] <= '9');
	put(s, buf, n);
	if (whole)
		put_text(s, ".0");
}

static void show_members(struct shower *s, const struct sp_cel *v, unsigned depth)
{
	bool map = v->type == SP_CEL_MAP, first = true;
	struct sp_cel key, value;
	struct cel_cursor c;
	enum sp_cel_error e = SP_CEL_E_NONE;

	put_text(s, map ? "{" : "[");
	if (depth >= DEPTH_MAX)
		put_text(s, "...");
	cel_cursor_init(&c, v);
	while (depth < DEPTH_MAX && !s->out->overflow) {
		size_t used = s->arena.used;

		if (!cel_cursor_next(&c, &s->arena, &key, map ? &value : NULL, &e))
			break;
		if (!first)
			put_text(s, ", ");
		first = false;
		show(s, &key, depth + 1);
		if (map) {
			put_text(s, ": ");
			show(s, &value, depth + 1);
		}
		s->arena.used = used;
	}
	if (e)
		put_text(s, "...");
	put_text(s, map ? "}" : "]");
}

static void show_time(struct shower *s, const struct sp_cel *v)
{
	char buf[48];

	put_text(s, v->type == SP_CEL_DURATION ? "duration(\"" : "timestamp(\"");
	put(s, buf, cel_time_text(v, buf));
	put_text(s, "\")");
}

static void show(struct shower *s, const struct sp_cel *v, unsigned depth)
{
	char buf[40];

	switch (v->type) {
	case SP_CEL_NULL:
		put_text(s, "null");
		break;
	case SP_CEL_BOOL:
		put_text(s, v->b ? "true" : "false");
		break;
	case SP_CEL_INT:
		snprintf(buf, sizeof(buf), "%lld", (long long)v->i);
		put_text(s, buf);
		break;
	case SP_CEL_UINT:
		snprintf(buf, sizeof(buf), "%lluu", (unsigned long long)v->u);
		put_text(s, buf);
		break;
	case SP_CEL_DOUBLE:
		show_double(s, v->d);
		break;
	case SP_CEL_STRING:
	case SP_CEL_BYTES:
		show_text(s, v->s, v->type == SP_CEL_BYTES);
		break;
	case SP_CEL_LIST:
	case SP_CEL_MAP:
		show_members(s, v, depth);
		break;
	case SP_CEL_DURATION:
	case SP_CEL_TIMESTAMP:
		show_time(s, v);
		break;
	case SP_CEL_TYPE:
		put(s, v->s.p, v->s.n);
		break;
	case SP_CEL_ERROR:
		put_text(s, "error: ");
		put_text(s, sp_cel_error_text(v->error));
		break;
	}
}

void sp_cel_show(const struct sp_cel *v, struct sp_out *out)
{
	uint8_t scratch[ARENA_N];
	struct shower s = {.out = out, .arena = {.p = scratch, .cap = sizeof(scratch)}};
	bool before = out->overflow;
	size_t from = out->len;

	out->overflow = false;
	show(&s, v, 0);
	if (out->overflow && out->cap - from >= 3) {
		out->len = out->cap - 3;
		while (out->len > from && (out->p[out->len] & 0xc0) == 0x80)
			out->len--;
		sp_out_lit(out, "...");
	}
	out->overflow = before;
}
