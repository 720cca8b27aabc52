#include "config/schema.h"

#include <stdio.h>
#include "common/banned.h"

struct writer {
	struct sp_out *out;
	const struct sp_schema *top;
	char path[128]; ///< of the group being written, ended by a dot unless empty
};

static void put(struct writer *w, const char *s)
{
	sp_out_bytes(w->out, sp_bytes_cstr(s));
}

/// Text in a cell of a table.
static void put_cell(struct writer *w, const char *s)
{
	for (; *s; s++) {
		if (*s == '|' || *s == '*' || *s == '<')
			put(w, "\\");
		sp_out_put(w->out, s, 1);
	}
}

static void put_range(struct writer *w, const struct sp_field *f)
{
	put(w, f->kind == SP_KIND_DURATION ? "duration, "
		: f->kind == SP_KIND_SIZE  ? "size, "
		: f->kind == SP_KIND_MONEY ? "amount, "
					   : "number, ");
	sp_field_put_range(w->out, f);
	if (f->word) {
		put(w, ", or `");
		put(w, f->word);
		put(w, "`");
	}
}

static void put_words(struct writer *w, const struct sp_field *f)
{
	for (unsigned i = 0; f->words[i]; i++) {
		put(w, i ? ", `" : "`");
		put(w, f->words[i]);
		put(w, "`");
	}
}

static void put_kind(struct writer *w, const struct sp_field *f)
{
	switch (f->kind) {
	case SP_KIND_BOOL:
		put(w, "`true`, `false`");
		break;
	case SP_KIND_WORD:
		put_words(w, f);
		break;
	case SP_KIND_TEXT:
		put(w, f->lines ? "text, lines" : "text");
		break;
	case SP_KIND_TEXTS:
		put(w, f->single ? "text or list" : "list");
		break;
	case SP_KIND_PAIRS:
		put(w, "names and values");
		break;
	case SP_KIND_GROUPS:
		put(w, "list");
		break;
	case SP_KIND_GROUP:
		break;
	default:
		put_range(w, f);
	}
}

static const struct sp_schema *documented(const struct writer *w, const struct sp_schema *s)
{
	for (size_t i = 0; i < w->top->n; i++)
		if (w->top->field[i].group == s)
			return s;
	return NULL;
}

static void put_rows(struct writer *w, const struct sp_schema *s)
{
	size_t len = strlen(w->path);

	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];

		if (f->group && !documented(w, f->group)) {
			snprintf(w->path + len, sizeof(w->path) - len, "%s.", f->name);
			put_rows(w, f->group);
			w->path[len] = 0;
			continue;
		}
		put(w, "| `");
		put(w, w->path);
		put(w, f->name);
		put(w, "` | ");
		put_kind(w, f);
		put(w, " | ");
		put(w, f->required ? "required" : f->def ? f->def : "");
		put(w, " | ");
		put_cell(w, f->help);
		put(w, " |\n");
	}
}

static void put_head(struct writer *w)
{
	put(w, "| key | value | default | meaning |\n|---|---|---|---|\n");
}

void sp_schema_markdown(struct sp_out *out, const struct sp_schema *schema)
{
	struct writer w = {out, schema, ""};

	for (size_t i = 0; i < schema->n; i++) {
		const struct sp_field *f = &schema->field[i];

		put(&w, "### `");
		put(&w, f->name);
		put(&w, "`\n\n");
		put_cell(&w, f->help);
		put(&w, f->kind == SP_KIND_GROUPS ? ": a list.\n\n" : ".\n\n");
		if (!f->group)
			continue;
		put_head(&w);
		put_rows(&w, f->group);
		put(&w, "\n");
	}
}
