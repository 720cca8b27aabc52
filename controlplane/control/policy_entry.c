#include "controlplane/control/policies.h"

#include "common/mp.h"

#include <stdio.h>
#include "common/banned.h"

static const char *const origins[] = {
	[SP_ORIGIN_FOLDER] = "folder",
	[SP_ORIGIN_UPLOAD] = "upload",
	[SP_ORIGIN_ROLLBACK] = "rollback",
};

const char *sp_policy_origin_name(enum sp_policy_origin o)
{
	return o >= SP_ORIGIN_FOLDER && o < SP_ARRAY_LEN(origins) ? origins[o] : "unknown";
}

static void line(struct sp_out *out, const char *key, struct sp_bytes value)
{
	sp_out_bytes(out, sp_bytes_cstr(key));
	sp_out_lit(out, " ");
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = value.p[i];

		sp_out_put(out, c < 0x20 || c == 0x7f ? (const uint8_t *)"?" : &c, 1);
	}
	sp_out_lit(out, "\n");
}

static void line_u64(struct sp_out *out, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	line(out, key, sp_bytes_cstr(text));
}

void sp_policy_entry_print(const struct sp_policy_entry *e, struct sp_out *out)
{
	line_u64(out, "generation", e->generation);
	line_u64(out, "time_ns", e->wall_ns);
	line(out, "origin", sp_bytes_cstr(sp_policy_origin_name(e->origin)));
	line_u64(out, "from", e->from);
	sp_out_lit(out, "sha256 ");
	sp_out_hex(out, sp_bytes(e->sha256, sizeof(e->sha256)));
	sp_out_lit(out, "\n");
	line(out, "actor", sp_bytes_cstr(e->actor));
	line(out, "note", sp_bytes_cstr(e->note));
}

/// The value of the next line, which must be called `key`.
static int next(struct sp_bytes *text, const char *key, struct sp_bytes *ret)
{
	const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	size_t n = strlen(key), len;

	if (!end)
		return -EBADMSG;
	len = (size_t)(end - text->p);
	if (len <= n || memcmp(text->p, key, n) != 0 || text->p[n] != ' ')
		return -EBADMSG;
	*ret = sp_bytes(text->p + n + 1, len - n - 1);
	*text = sp_bytes(end + 1, text->n - len - 1);
	return 0;
}

static int next_u64(struct sp_bytes *text, const char *key, uint64_t *ret)
{
	struct sp_bytes v;

	SP_TRY(next(text, key, &v));
	return sp_bytes_u64(v, ret) < 0 ? -EBADMSG : 0;
}

static int next_text(struct sp_bytes *text, const char *key, char *ret, size_t cap)
{
	struct sp_bytes v;

	SP_TRY(next(text, key, &v));
	if (v.n >= cap || (v.n && memchr(v.p, 0, v.n)))
		return -EBADMSG;
	while (!sp_utf8_ok(v)) // one that was cut within a character
		v.n--;
	memcpy(ret, v.p, v.n);
	ret[v.n] = 0;
	return 0;
}

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int next_sha256(struct sp_bytes *text, uint8_t ret[32])
{
	struct sp_bytes v;

	SP_TRY(next(text, "sha256", &v));
	if (v.n != 64)
		return -EBADMSG;
	for (size_t i = 0; i < 32; i++) {
		int hi = digit(v.p[2 * i]), lo = digit(v.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EBADMSG;
		ret[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int sp_policy_entry_parse(struct sp_bytes text, struct sp_policy_entry *ret)
{
	struct sp_policy_entry e = {0};
	struct sp_bytes origin;

	SP_TRY(next_u64(&text, "generation", &e.generation));
	SP_TRY(next_u64(&text, "time_ns", &e.wall_ns));
	SP_TRY(next(&text, "origin", &origin));
	for (unsigned i = SP_ORIGIN_FOLDER; i < SP_ARRAY_LEN(origins); i++)
		if (sp_bytes_eq(origin, sp_bytes_cstr(origins[i])))
			e.origin = (enum sp_policy_origin)i;
	if (e.origin == 0)
		return -EBADMSG;
	SP_TRY(next_u64(&text, "from", &e.from));
	SP_TRY(next_sha256(&text, e.sha256));
	SP_TRY(next_text(&text, "actor", e.actor, sizeof(e.actor)));
	SP_TRY(next_text(&text, "note", e.note, sizeof(e.note)));
	if (text.n)
		return -EBADMSG;
	*ret = e;
	return 0;
}
