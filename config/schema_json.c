#include "config/schema.h"
#include "config/value.h"

#include <stdio.h>
#include "common/banned.h"

struct writer {
	struct sp_out *out;
	unsigned depth;
};

static void put(struct writer *w, const char *s)
{
	sp_out_bytes(w->out, sp_bytes_cstr(s));
}

static void put_string(struct writer *w, const char *s)
{
	put(w, "\"");
	sp_out_json_escaped(w->out, sp_bytes_cstr(s));
	put(w, "\"");
}

/// A new line of the object or list being written; a comma goes before all but its first.
static void line(struct writer *w, bool first)
{
	put(w, first ? "\n" : ",\n");
	for (unsigned i = 0; i < w->depth; i++)
		put(w, "  ");
}

static void key(struct writer *w, bool first, const char *name)
{
	line(w, first);
	put_string(w, name);
	put(w, ": ");
}

static void open_object(struct writer *w)
{
	put(w, "{");
	w->depth++;
}

static void close_object(struct writer *w)
{
	w->depth--;
	put(w, "\n");
	for (unsigned i = 0; i < w->depth; i++)
		put(w, "  ");
	put(w, "}");
}

static void put_u64(struct writer *w, const char *before, uint64_t v)
{
	put(w, before);
	sp_out_u64(w->out, v);
}

static const char *pattern_of(const struct sp_field *f)
{
	switch (f->kind) {
	case SP_KIND_DURATION:
		return "^(0|[0-9]+(ns|us|ms|s|m|h|d))$";
	case SP_KIND_SIZE:
		return "^(0|[0-9]+(B|KiB|MiB|GiB|TiB))$";
	default:
		return "^(0|[1-9][0-9]*)(\\.[0-9]{1,6})?$";
	}
}

/// What a number may be written as: plain, with its unit, or as its word.
static void put_number(struct writer *w, const struct sp_field *f)
{
	uint64_t min, max;

	sp_field_range(f, &min, &max);
	key(w, false, "anyOf");
	put(w, "[");
	if (f->kind == SP_KIND_NUMBER) {
		put(w, "{\"type\": \"integer\"");
		put_u64(w, ", \"minimum\": ", min);
		put_u64(w, ", \"maximum\": ", max);
		put(w, "}");
	} else {
		put(w, "{\"type\": \"string\", \"pattern\": ");
		put_string(w, pattern_of(f));
		put(w, f->kind == SP_KIND_MONEY ? "}, {\"type\": \"number\", \"minimum\": 0}"
						: "}");
	}
	if (f->word) {
		put(w, ", {\"const\": ");
		put_string(w, f->word);
		put(w, "}");
	}
	put(w, "]");
}

static void put_words(struct writer *w, const struct sp_field *f)
{
	key(w, false, "enum");
	put(w, "[");
	for (unsigned i = 0; f->words[i]; i++) {
		put(w, i ? ", " : "");
		put_string(w, f->words[i]);
	}
	put(w, "]");
}

static void put_texts(struct writer *w, const struct sp_field *f)
{
	static const char text[] = "{\"type\": \"string\", \"minLength\": 1}";

	key(w, false, "anyOf");
	put(w, "[{\"type\": \"array\", \"items\": ");
	put(w, text);
	put_u64(w, ", \"minItems\": ", f->min);
	put_u64(w, ", \"maxItems\": ", f->max);
	put(w, "}");
	if (f->single) {
		put(w, ", ");
		put(w, text);
	}
	put(w, "]");
}

static void put_members(struct writer *w, const struct sp_schema *s);

static void put_list(struct writer *w, const struct sp_field *f)
{
	key(w, false, "type");
	put(w, "\"array\"");
	key(w, false, "minItems");
	sp_out_u64(w->out, f->min);
	key(w, false, "maxItems");
	sp_out_u64(w->out, f->max);
	key(w, false, "items");
	open_object(w);
	key(w, true, "type");
	put(w, "\"object\"");
	put_members(w, f->group);
	close_object(w);
}

static void put_kind(struct writer *w, const struct sp_field *f)
{
	switch (f->kind) {
	case SP_KIND_BOOL:
		key(w, false, "type");
		put(w, "\"boolean\"");
		break;
	case SP_KIND_WORD:
		put_words(w, f);
		break;
	case SP_KIND_TEXT:
		key(w, false, "type");
		put(w, "\"string\"");
		key(w, false, "minLength");
		put(w, "1");
		key(w, false, "maxLength");
		sp_out_u64(w->out, f->max ? f->max : 1024);
		break;
	case SP_KIND_TEXTS:
		put_texts(w, f);
		break;
	case SP_KIND_PAIRS:
		key(w, false, "type");
		put(w, "\"object\"");
		key(w, false, "additionalProperties");
		put(w, "{\"type\": [\"string\", \"number\", \"boolean\"]}");
		break;
	case SP_KIND_GROUP:
		key(w, false, "type");
		put(w, "\"object\"");
		put_members(w, f->group);
		break;
	case SP_KIND_GROUPS:
		put_list(w, f);
		break;
	default:
		put_number(w, f);
	}
}

static void put_default(struct writer *w, const struct sp_field *f)
{
	bool bare = f->kind == SP_KIND_BOOL ||
		    (f->kind == SP_KIND_NUMBER && (!f->word || strcmp(f->word, f->def) != 0));

	key(w, false, "default");
	if (bare)
		put(w, f->def);
	else
		put_string(w, f->def);
}

static void put_required(struct writer *w, const struct sp_schema *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->field[i].required)
			continue;
		if (n++ == 0) {
			key(w, false, "required");
			put(w, "[");
		} else {
			put(w, ", ");
		}
		put_string(w, s->field[i].name);
	}
	put(w, n ? "]" : "");
}

static void put_members(struct writer *w, const struct sp_schema *s)
{
	key(w, false, "additionalProperties");
	put(w, "false");
	put_required(w, s);
	key(w, false, "properties");
	open_object(w);
	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];

		key(w, i == 0, f->name);
		open_object(w);
		key(w, true, "description");
		put_string(w, f->help);
		put_kind(w, f);
		if (f->def)
			put_default(w, f);
		close_object(w);
	}
	close_object(w);
}

void sp_schema_json(struct sp_out *out, const struct sp_schema *schema, const char *title)
{
	struct writer w = {out, 0};

	open_object(&w);
	key(&w, true, "$schema");
	put(&w, "\"https://json-schema.org/draft/2020-12/schema\"");
	key(&w, false, "title");
	put_string(&w, title);
	key(&w, false, "type");
	put(&w, "\"object\"");
	put_members(&w, schema);
	close_object(&w);
	put(&w, "\n");
}
