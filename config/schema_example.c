#include "config/schema.h"

#include <stdio.h>
#include "common/banned.h"

struct writer {
	struct sp_out *out;
	const struct sp_profile_default *defaults;
	const char *const *profiles;
	char path[128];
	bool seldom; ///< within a list that is shown in comments
};

static void put(struct writer *w, const char *s)
{
	sp_out_bytes(w->out, sp_bytes_cstr(s));
}

static void indent(struct writer *w, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		put(w, "  ");
}

static void put_range(struct writer *w, const struct sp_field *f)
{
	if (f->kind == SP_KIND_WORD) {
		put(w, "; one of");
		for (const char *const *word = f->words; *word; word++) {
			put(w, " ");
			put(w, *word);
		}
	}
	if (f->kind != SP_KIND_NUMBER && f->kind != SP_KIND_DURATION && f->kind != SP_KIND_SIZE)
		return;
	put(w, "; ");
	sp_field_put_range(w->out, f);
	if (f->word) {
		put(w, ", or ");
		put(w, f->word);
	}
}

static void put_defaults(struct writer *w, const struct sp_field *f)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", w->path, f->name);
	for (const struct sp_profile_default *d = w->defaults; d && d->path; d++) {
		if (strcmp(d->path, path) != 0)
			continue;
		for (unsigned i = 0; w->profiles[i]; i++) {
			put(w, "; ");
			put(w, w->profiles[i]);
			put(w, " ");
			put(w, d->def[i]);
		}
		return;
	}
	if (f->def && f->example) {
		put(w, "; default ");
		put(w, f->def);
	}
}

static void put_schema(struct writer *w, const struct sp_schema *s, unsigned depth, bool item);

static void put_group(struct writer *w, const struct sp_field *f, unsigned depth)
{
	size_t len = strlen(w->path);

	snprintf(w->path + len, sizeof(w->path) - len, "%s.", f->name);
	w->seldom |= f->seldom;
	put_schema(w, f->group, depth + 1, f->kind == SP_KIND_GROUPS);
	w->seldom &= !f->seldom;
	w->path[len] = 0;
}

static void put_field(struct writer *w, const struct sp_field *f, unsigned depth, bool dash)
{
	bool below = f->kind == SP_KIND_GROUP || f->kind == SP_KIND_GROUPS;
	const char *value = f->example ? f->example : f->def;

	indent(w, depth);
	put(w, "# ");
	put(w, f->help);
	if (f->required)
		put(w, "; required");
	put_range(w, f);
	put_defaults(w, f);
	if (!below)
		put(w, f->apply == SP_APPLY_RESTART ? " (at restart)" : " (live)");
	put(w, "\n");
	put(w, w->seldom || f->seldom ? "#" : "");
	indent(w, dash ? depth - 1 : depth);
	put(w, dash ? "- " : "");
	put(w, below || f->example || w->seldom ? "" : "#");
	put(w, f->name);
	put(w, below ? ":\n" : ": ");
	if (below) {
		put_group(w, f, depth);
		return;
	}
	put(w, value ? value : f->kind == SP_KIND_TEXTS ? "[]" : "...");
	put(w, "\n");
}

/// An item of a list starts at its first setting, which therefore has an example.
static void put_schema(struct writer *w, const struct sp_schema *s, unsigned depth, bool item)
{
	for (size_t i = 0; i < s->n; i++)
		put_field(w, &s->field[i], depth + item, item && i == 0);
}

void sp_schema_example(struct sp_out *out, const struct sp_schema *schema,
	const struct sp_profile_default *profile_defaults, const char *const *profiles)
{
	struct writer w = {.out = out, .defaults = profile_defaults, .profiles = profiles};

	put_schema(&w, schema, 0, false);
}
