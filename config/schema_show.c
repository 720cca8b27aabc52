#include "config/schema.h"

#include <stdio.h>
#include "common/banned.h"

struct writer {
	struct sp_out *out;
	unsigned depth;
	bool dash; ///< the next line opens an entry of a list
};

/// A text as YAML reads it back, whatever it says.
static void put_text(struct writer *w, const char *s)
{
	sp_out_lit(w->out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			sp_out_lit(w->out, "\\");
		sp_out_put(w->out, s, 1);
	}
	sp_out_lit(w->out, "\"");
}

static void put_name(struct writer *w, const char *name)
{
	for (unsigned i = w->dash ? 1 : 0; i < w->depth; i++)
		sp_out_lit(w->out, "  ");
	sp_out_bytes(w->out, w->dash ? SP_LIT("- ") : SP_NOBYTES);
	w->dash = false;
	sp_out_bytes(w->out, sp_bytes_cstr(name));
	sp_out_lit(w->out, ":");
}

static void put_number(struct writer *w, const struct sp_field *f, uint64_t v)
{
	char buf[32];

	if (f->word && v == f->word_value)
		snprintf(buf, sizeof(buf), "%s", f->word);
	else
		sp_field_show(f, v, buf, sizeof(buf));
	sp_out_bytes(w->out, sp_bytes_cstr(buf));
}

static void put_texts(struct writer *w, const struct sp_field *f, const struct sp_texts *t)
{
	if (t->n == 0)
		return;
	put_name(w, f->name);
	sp_out_lit(w->out, " [");
	for (uint32_t i = 0; i < t->n; i++) {
		sp_out_bytes(w->out, i ? SP_LIT(", ") : SP_NOBYTES);
		put_text(w, t->v[i].s);
	}
	sp_out_lit(w->out, "]\n");
}

static void put_pairs(struct writer *w, const struct sp_field *f, const struct sp_pairs *p)
{
	if (p->n == 0)
		return;
	put_name(w, f->name);
	sp_out_lit(w->out, " {");
	for (uint32_t i = 0; i < p->n; i++) {
		sp_out_bytes(w->out, i ? SP_LIT(", ") : SP_NOBYTES);
		put_text(w, p->v[i].name.s);
		sp_out_lit(w->out, ": ");
		put_text(w, p->v[i].value.s);
	}
	sp_out_lit(w->out, "}\n");
}

static void put_value(struct writer *w, const struct sp_field *f, const void *at)
{
	uint64_t number;
	uint32_t word;

	put_name(w, f->name);
	sp_out_lit(w->out, " ");
	if (f->kind == SP_KIND_BOOL) {
		sp_out_bytes(w->out, *(const bool *)at ? SP_LIT("true") : SP_LIT("false"));
	} else if (f->kind == SP_KIND_WORD) {
		memcpy(&word, at, sizeof(word));
		sp_out_bytes(w->out, sp_bytes_cstr(f->words[word]));
	} else if (f->kind == SP_KIND_TEXT) {
		put_text(w, ((const struct sp_text *)at)->s);
	} else {
		memcpy(&number, at, sizeof(number));
		put_number(w, f, number);
	}
	sp_out_lit(w->out, "\n");
}

static void put_schema(struct writer *w, const struct sp_schema *s, const void *group);

/// Its name stands only where something stands below.
static void put_group(struct writer *w, const struct sp_field *f, const void *group)
{
	struct writer before = *w;
	size_t at = w->out->len, below;

	put_name(w, f->name);
	sp_out_lit(w->out, "\n");
	below = w->out->len;
	w->depth++;
	put_schema(w, f->group, group);
	w->depth--;
	if (w->out->len == below && !w->out->overflow) {
		w->out->len = at;
		w->dash = before.dash;
	}
}

static void put_groups(struct writer *w, const struct sp_field *f, const struct sp_groups *g)
{
	if (g->n == 0)
		return;
	put_name(w, f->name);
	sp_out_lit(w->out, "\n");
	w->depth += 2;
	for (uint32_t i = 0; i < g->n; i++) {
		w->dash = true;
		put_schema(w, f->group, (const uint8_t *)g->v + i * f->group->size);
	}
	w->depth -= 2;
}

static void put_schema(struct writer *w, const struct sp_schema *s, const void *group)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];
		const void *at = (const uint8_t *)group + f->off;

		if (f->kind == SP_KIND_GROUP)
			put_group(w, f, at);
		else if (f->kind == SP_KIND_GROUPS)
			put_groups(w, f, at);
		else if (f->kind == SP_KIND_TEXTS)
			put_texts(w, f, at);
		else if (f->kind == SP_KIND_PAIRS)
			put_pairs(w, f, at);
		else if (f->kind != SP_KIND_TEXT || ((const struct sp_text *)at)->s)
			put_value(w, f, at);
	}
}

void sp_schema_show(struct sp_out *out, const struct sp_schema *schema, const void *values)
{
	struct writer w = {.out = out};

	put_schema(&w, schema, values);
}
