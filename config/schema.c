#include "config/schema.h"

#include "common/plan.h"
#include "config/value.h"

#include <stdio.h>
#include "common/banned.h"

#define PATH_CAP 128u

struct walk {
	const struct sp_schema_in *in;
	char path[PATH_CAP]; ///< of the group being read, ended by a dot unless empty
};

static struct sp_at place(const struct walk *w, const struct sp_node *n)
{
	return sp_node_at(w->in->tree, n);
}

void sp_field_range(const struct sp_field *f, uint64_t *ret_min, uint64_t *ret_max)
{
	const struct sp_plan_range *r = f->plan_off ? sp_plan_range(f->plan_off) : NULL;

	*ret_min = r ? r->min : f->min;
	*ret_max = r ? r->max : f->max;
}

static const char *default_of(const struct walk *w, const struct sp_field *f)
{
	char path[PATH_CAP * 2];

	snprintf(path, sizeof(path), "%s%s", w->path, f->name);
	for (const struct sp_profile_default *d = w->in->profile_defaults; d && d->path; d++)
		if (strcmp(d->path, path) == 0)
			return d->def[w->in->profile];
	return f->def;
}

void sp_field_show(const struct sp_field *f, uint64_t v, char *buf, size_t cap)
{
	if (f->kind == SP_KIND_DURATION)
		sp_value_show_duration(v, buf, cap);
	else if (f->kind == SP_KIND_SIZE)
		sp_value_show_size(v, buf, cap);
	else if (f->kind == SP_KIND_MONEY)
		sp_value_show_money(v, buf, cap);
	else
		snprintf(buf, cap, "%llu", (unsigned long long)v);
}

void sp_field_put_range(struct sp_out *out, const struct sp_field *f)
{
	uint64_t min, max;
	char text[32];

	sp_field_range(f, &min, &max);
	sp_field_show(f, min, text, sizeof(text));
	sp_out_bytes(out, sp_bytes_cstr(text));
	sp_out_lit(out, " to ");
	sp_field_show(f, max, text, sizeof(text));
	sp_out_bytes(out, sp_bytes_cstr(text));
}

static const char *unit_hint(const struct sp_field *f)
{
	switch (f->kind) {
	case SP_KIND_DURATION:
		return "a duration is a number with a unit: 500us, 10ms, 5s, 1m, 12h, 30d";
	case SP_KIND_SIZE:
		return "a size is a number with a unit: 512B, 16KiB, 4MiB, 1GiB";
	case SP_KIND_MONEY:
		return "an amount is digits with at most six decimals: 10, 0.25";
	default:
		return "write it in plain digits";
	}
}

static int number_of(const struct sp_field *f, const char *s, uint64_t *ret)
{
	if (f->word && strcmp(s, f->word) == 0) {
		*ret = f->word_value;
		return 0;
	}
	if (f->kind == SP_KIND_DURATION)
		return sp_value_duration(s, ret);
	if (f->kind == SP_KIND_SIZE)
		return sp_value_size(s, ret);
	if (f->kind == SP_KIND_MONEY)
		return sp_value_money(s, ret);
	return sp_value_number(s, ret);
}

static void out_of_range(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	bool below, uint64_t bound)
{
	const char *def = default_of(w, f);
	char text[32], mend[64];

	sp_field_show(f, bound, text, sizeof(text));
	snprintf(mend, sizeof(mend), "default %s", def ? def : "none");
	sp_check_add(w->in->check, place(w, n), def ? mend : NULL, "%s: '%s' is %s of %s", f->name,
		n->text, below ? "below the minimum" : "above the maximum", text);
}

static void read_number(
	const struct walk *w, const struct sp_field *f, const struct sp_node *n, uint64_t *ret)
{
	static const char *const rules[] = {
		[SP_PLAN_POWER] = "has to be a power of two",
		[SP_PLAN_LINES] = "has to be a multiple of 64",
		[SP_PLAN_PAGES] = "has to be a multiple of 4096",
	};
	const struct sp_plan_range *r = f->plan_off ? sp_plan_range(f->plan_off) : NULL;
	uint64_t v, min, max;
	int err = number_of(f, n->text, &v);

	sp_field_range(f, &min, &max);
	if (err == -ERANGE) {
		out_of_range(w, f, n, false, max);
	} else if (err) {
		sp_check_add(w->in->check, place(w, n), unit_hint(f), "%s: '%s' is not %s%s%s%s",
			f->name, n->text,
			f->kind == SP_KIND_NUMBER  ? "a number"
			: f->kind == SP_KIND_MONEY ? "an amount"
						   : "a value with unit",
			f->word ? " or '" : "", f->word ? f->word : "", f->word ? "'" : "");
	} else if (f->word && v == f->word_value && (v == 0 || strcmp(n->text, f->word) == 0)) {
		*ret = v; // any other number is not the word, though it happens to stand for it
	} else if (v < min || v > max) {
		out_of_range(w, f, n, v < min, v < min ? min : max);
	} else if (r && !sp_plan_rule_ok(r->rule, v)) {
		sp_check_add(w->in->check, place(w, n), NULL, "%s: '%s' %s", f->name, n->text,
			rules[r->rule]);
	} else {
		*ret = v;
	}
}

static void list_words(const char *const *words, char *buf, size_t cap)
{
	struct sp_out out = sp_out_init(buf, cap - 1);

	sp_out_lit(&out, "one of");
	for (; *words; words++) {
		sp_out_lit(&out, " ");
		sp_out_bytes(&out, sp_bytes_cstr(*words));
	}
	buf[out.len] = 0;
}

static void read_word(
	const struct walk *w, const struct sp_field *f, const struct sp_node *n, uint32_t *ret)
{
	char mend[256];

	for (uint32_t i = 0; f->words[i]; i++) {
		if (strcmp(f->words[i], n->text) == 0) {
			*ret = i;
			return;
		}
	}
	list_words(f->words, mend, sizeof(mend));
	sp_check_add(
		w->in->check, place(w, n), mend, "%s: '%s' is not known here", f->name, n->text);
}

static bool visible(const char *s, bool lines)
{
	for (; *s; s++)
		if (((uint8_t)*s < 0x20 && !(lines && (*s == '\n' || *s == '\t'))) || *s == 0x7f)
			return false;
	return true;
}

static int read_text(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	struct sp_text *ret)
{
	size_t most = f->kind == SP_KIND_TEXT && f->max ? f->max
		      : f->most_bytes                   ? f->most_bytes
							: 1024;
	const char *wrong = NULL;

	if (n->n == 0)
		wrong = "may not be empty";
	else if (!n->quoted && (strcmp(n->text, "null") == 0 || strcmp(n->text, "~") == 0))
		wrong = "is nothing: leave the key out, or put quotes around it";
	else if (n->n > most)
		wrong = "is too long";
	else if (!visible(n->text, f->lines))
		wrong = f->lines ? "holds control characters"
				 : "has to be one line without control characters";
	else if (f->text_wrong)
		wrong = f->text_wrong(n->text);
	if (wrong) {
		sp_check_add(w->in->check, place(w, n), f->example, "%s: '%s' %s", f->name, n->text,
			wrong);
		return 0;
	}
	*ret = (struct sp_text){sp_arena_str(w->in->arena, sp_bytes(n->text, n->n)), n->line,
		n->col, n->text_line, n->text_col, {0}};
	return ret->s ? sp_written_copy(w->in->arena, &n->written, &ret->written) : -ENOMEM;
}

static bool kind_is(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	enum sp_node_kind want)
{
	static const char *const names[] = {[SP_NODE_SCALAR] = "a single value",
		[SP_NODE_SEQ] = "a list",
		[SP_NODE_MAP] = "a group of settings"};

	if (n->kind == want)
		return true;
	sp_check_add(w->in->check, place(w, n), NULL, "%s: %s was expected, this is %s", f->name,
		names[want], names[n->kind]);
	return false;
}

static bool count_ok(const struct walk *w, const struct sp_field *f, const struct sp_node *n)
{
	if (n->n >= f->min && n->n <= f->max)
		return true;
	sp_check_add(w->in->check, place(w, n), NULL, "%s: %u entries; %llu to %llu are possible",
		f->name, n->n, (unsigned long long)f->min, (unsigned long long)f->max);
	return false;
}

/// Room for the entries of a list, NULL when they are too few or too many.
static int new_entries(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	size_t each, void **ret)
{
	if (!count_ok(w, f, n)) {
		*ret = NULL;
		return 0;
	}
	*ret = sp_arena_alloc(w->in->arena, each * (n->n + 1));
	return *ret ? 0 : -ENOMEM;
}

static int read_texts(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	struct sp_texts *ret)
{
	struct sp_text *v;
	uint32_t at = 0;

	SP_TRY(new_entries(w, f, n, sizeof(*v), (void **)&v));
	if (!v)
		return 0;
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (!kind_is(w, f, c, SP_NODE_SCALAR))
			continue;
		SP_TRY(read_text(w, f, c, &v[at]));
		at += v[at].s != NULL;
	}
	*ret = (struct sp_texts){v, at};
	return 0;
}

/// The text alone, for a list of one.
static int read_single(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	struct sp_texts *ret)
{
	struct sp_text *v = sp_arena_alloc(w->in->arena, sizeof(*v));

	if (!v)
		return -ENOMEM;
	SP_TRY(read_text(w, f, n, v));
	*ret = (struct sp_texts){v, v->s != NULL};
	return 0;
}

static int read_pairs(const struct walk *w, const struct sp_field *f, const struct sp_node *n,
	struct sp_pairs *ret)
{
	struct sp_pair *v;
	uint32_t at = 0;

	SP_TRY(new_entries(w, f, n, sizeof(*v), (void **)&v));
	if (!v)
		return 0;
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (c->repeated)
			sp_check_add(w->in->check, place(w, c->key), "keep one of them",
				"%s stands here a second time", c->key->text);
		if (c->repeated || !kind_is(w, f, c, SP_NODE_SCALAR))
			continue;
		SP_TRY(read_text(w, f, c->key, &v[at].name));
		SP_TRY(read_text(w, f, c, &v[at].value));
		at += v[at].name.s && v[at].value.s;
	}
	*ret = (struct sp_pairs){v, at};
	return 0;
}

static int read_group(
	struct walk *w, const struct sp_schema *s, const struct sp_node *n, void *ret);

static int read_below(struct walk *w, const struct sp_field *f, const struct sp_node *n, void *ret)
{
	size_t len = strlen(w->path);
	int err;

	SP_BUG_IF(len + strlen(f->name) + 2 > sizeof(w->path));
	snprintf(w->path + len, sizeof(w->path) - len, "%s.", f->name);
	err = read_group(w, f->group, n, ret);
	w->path[len] = 0;
	return err;
}

static int read_groups(
	struct walk *w, const struct sp_field *f, const struct sp_node *n, struct sp_groups *ret)
{
	uint8_t *v;
	uint32_t at = 0;

	SP_TRY(new_entries(w, f, n, f->group->size, (void **)&v));
	if (!v)
		return 0;
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (!kind_is(w, f, c, SP_NODE_MAP))
			continue;
		SP_TRY(read_below(w, f, c, v + at * f->group->size));
		at++;
	}
	*ret = (struct sp_groups){v, at};
	return 0;
}

static int read_scalar(struct walk *w, const struct sp_field *f, const struct sp_node *n, void *to)
{
	switch (f->kind) {
	case SP_KIND_BOOL:
		if (sp_value_bool(n->text, to) < 0)
			sp_check_add(w->in->check, place(w, n), "true or false",
				"%s: '%s' is neither true nor false", f->name, n->text);
		return 0;
	case SP_KIND_WORD:
		read_word(w, f, n, to);
		return 0;
	case SP_KIND_TEXT:
		return read_text(w, f, n, to);
	default:
		read_number(w, f, n, to);
		return 0;
	}
}

static int read_value(struct walk *w, const struct sp_field *f, const struct sp_node *n, void *to)
{
	/* `group:` with nothing, or comments only, below it. */
	if (f->kind == SP_KIND_GROUP && n->kind == SP_NODE_SCALAR && !n->quoted && n->n == 0) {
		if (w->in->whole_groups)
			sp_check_add(w->in->check, place(w, n),
				"write {} for its defaults, or leave it out",
				"%s: nothing stands below it", f->name);
		return read_below(w, f, NULL, to);
	}
	switch (f->kind) {
	case SP_KIND_TEXTS:
		if (f->single && n->kind == SP_NODE_SCALAR)
			return read_single(w, f, n, to);
		return kind_is(w, f, n, SP_NODE_SEQ) ? read_texts(w, f, n, to) : 0;
	case SP_KIND_PAIRS:
		return kind_is(w, f, n, SP_NODE_MAP) ? read_pairs(w, f, n, to) : 0;
	case SP_KIND_GROUP:
		return kind_is(w, f, n, SP_NODE_MAP) ? read_below(w, f, n, to) : 0;
	case SP_KIND_GROUPS:
		return kind_is(w, f, n, SP_NODE_SEQ) ? read_groups(w, f, n, to) : 0;
	default:
		return kind_is(w, f, n, SP_NODE_SCALAR) ? read_scalar(w, f, n, to) : 0;
	}
}

/// An absent setting: its default goes the same way as what is written in a file.
static int read_default(
	struct walk *w, const struct sp_field *f, const struct sp_node *group, void *to)
{
	const char *def = default_of(w, f);
	struct sp_node n = {
		.kind = SP_NODE_SCALAR, .text = def, .n = def ? (uint32_t)strlen(def) : 0};

	if (f->required && group) {
		sp_check_add(w->in->check, place(w, group), f->help, "%s is missing", f->name);
		return 0;
	}
	if (f->kind == SP_KIND_GROUP)
		return read_below(w, f, NULL, to);
	return def ? read_scalar(w, f, &n, to) : 0;
}

static const struct sp_field *field_of(const struct sp_schema *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->field[i].name, name) == 0)
			return &s->field[i];
	return NULL;
}

static void unknown_key(const struct walk *w, const struct sp_schema *s, const struct sp_node *key)
{
	const char *words[64] = {NULL}, *near;
	char mend[96];

	SP_BUG_IF(s->n >= SP_ARRAY_LEN(words));
	for (size_t i = 0; i < s->n; i++)
		words[i] = s->field[i].name;
	near = sp_value_nearest(key->text, words);
	if (near)
		snprintf(mend, sizeof(mend), "did you mean '%s'?", near);
	sp_check_add(w->in->check, place(w, key), near ? mend : NULL, "unknown key '%s' in %s",
		key->text, s->name);
}

static void check_keys(const struct walk *w, const struct sp_schema *s, const struct sp_node *n)
{
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (!field_of(s, c->key->text))
			unknown_key(w, s, c->key);
		else if (c->repeated)
			sp_check_add(w->in->check, place(w, c->key), "keep one of them",
				"%s stands here a second time", c->key->text);
	}
}

static int read_group(struct walk *w, const struct sp_schema *s, const struct sp_node *n, void *ret)
{
	if (n) {
		*(struct sp_group_at *)ret = (struct sp_group_at){n->line, n->col};
		check_keys(w, s, n);
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];
		const struct sp_node *v = n ? sp_node_get(n, f->name) : NULL;
		void *to = (uint8_t *)ret + f->off;

		SP_TRY(v ? read_value(w, f, v, to) : read_default(w, f, n, to));
	}
	return 0;
}

int sp_schema_read(const struct sp_schema_in *in, const struct sp_schema *schema,
	const struct sp_node *node, void *ret)
{
	struct walk w = {.in = in};

	if (node && node->kind != SP_NODE_MAP) {
		sp_check_add(in->check, sp_node_at(in->tree, node), NULL,
			"the file has to be a group of settings");
		return 0;
	}
	return read_group(&w, schema, node, ret);
}
