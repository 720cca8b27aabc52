#include "config/schema.h"
#include "common/banned.h"

struct differ {
	struct sp_out *out;
	enum sp_apply apply;
	char path[128];
	unsigned found;
};

static bool text_eq(const struct sp_text *a, const struct sp_text *b)
{
	return a->s && b->s ? strcmp(a->s, b->s) == 0 : a->s == b->s;
}

static bool texts_eq(const struct sp_texts *a, const struct sp_texts *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!text_eq(&a->v[i], &b->v[i]))
			return false;
	return true;
}

static bool pairs_eq(const struct sp_pairs *a, const struct sp_pairs *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!text_eq(&a->v[i].name, &b->v[i].name) ||
			!text_eq(&a->v[i].value, &b->v[i].value))
			return false;
	return true;
}

static bool value_eq(const struct sp_field *f, const void *a, const void *b)
{
	switch (f->kind) {
	case SP_KIND_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case SP_KIND_WORD:
		return *(const uint32_t *)a == *(const uint32_t *)b;
	case SP_KIND_TEXT:
		return text_eq(a, b);
	case SP_KIND_TEXTS:
		return texts_eq(a, b);
	case SP_KIND_PAIRS:
		return pairs_eq(a, b);
	default:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	}
}

static void tell(struct differ *d, const char *name)
{
	if (d->found++)
		sp_out_lit(d->out, ", ");
	sp_out_bytes(d->out, sp_bytes_cstr(d->path));
	sp_out_bytes(d->out, sp_bytes_cstr(name));
}

static bool any_applies(const struct sp_schema *s, enum sp_apply apply)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->field[i].group ? any_applies(s->field[i].group, apply)
				      : s->field[i].apply == apply)
			return true;
	return false;
}

static void diff_group(
	struct differ *d, const struct sp_schema *s, const uint8_t *a, const uint8_t *b);

static void diff_below(struct differ *d, const struct sp_field *f, const void *a, const void *b)
{
	size_t len = strlen(d->path), n = strlen(f->name);

	SP_BUG_IF(len + n + 2 > sizeof(d->path));
	memcpy(d->path + len, f->name, n);
	memcpy(d->path + len + n, ".", 2);
	diff_group(d, f->group, a, b);
	d->path[len] = 0;
}

static void diff_lists(struct differ *d, const struct sp_field *f, const struct sp_groups *a,
	const struct sp_groups *b)
{
	unsigned before = d->found;

	if (a->n != b->n) {
		if (any_applies(f->group, d->apply))
			tell(d, f->name);
		return;
	}
	for (uint32_t i = 0; i < a->n && d->found == before; i++)
		diff_below(d, f, (const uint8_t *)a->v + i * f->group->size,
			(const uint8_t *)b->v + i * f->group->size);
}

static void diff_group(
	struct differ *d, const struct sp_schema *s, const uint8_t *a, const uint8_t *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];

		if (f->kind == SP_KIND_GROUP)
			diff_below(d, f, a + f->off, b + f->off);
		else if (f->kind == SP_KIND_GROUPS)
			diff_lists(d, f, (const struct sp_groups *)(a + f->off),
				(const struct sp_groups *)(b + f->off));
		else if (f->apply == d->apply && !value_eq(f, a + f->off, b + f->off))
			tell(d, f->name);
	}
}

unsigned sp_schema_diff(const struct sp_schema *schema, const void *a, const void *b,
	enum sp_apply apply, struct sp_out *out)
{
	struct differ d = {.out = out, .apply = apply};

	diff_group(&d, schema, a, b);
	return d.found;
}
