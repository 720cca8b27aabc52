/// What the arguments may say: sizes, SQL, endpoints, paths, each judged on what was parsed.
#include "config/judge/parameters.h"

#include "common/sql/sql.h"
#include "common/url.h"
#include "common/banned.h"

#define URL_BUF (2 * SP_URL_MAX)

static const struct sp_bytes sql_usual[] = {
	{(const uint8_t *)"sql", 3}, {(const uint8_t *)"query", 5}, {(const uint8_t *)"statement", 9}};
static const struct sp_bytes endpoint_usual[] = {{(const uint8_t *)"url", 3},
	{(const uint8_t *)"uri", 3}, {(const uint8_t *)"endpoint", 8}, {(const uint8_t *)"path", 4}};
static const struct sp_bytes path_usual[] = {
	{(const uint8_t *)"path", 4}, {(const uint8_t *)"file", 4}, {(const uint8_t *)"filename", 8}};

/// One kind of rule of one tool's constraints.
struct check {
	struct judge *j;
	const struct sp_snap_tool *t;
	enum sp_reason reason;
	struct sp_sql_rules sql;
	uint8_t *url; ///< URL_BUF bytes of the arena
};

/// "parameter: why [detail]", in the verdict when it refuses, and told.
static void found(struct check *k, struct sp_bytes parameter, bool holds, const char *why, const char *detail)
{
	uint8_t buf[192];
	struct sp_out out = sp_out_init(buf, sizeof(buf));
	struct judge *j = k->j;

	if (holds && !JUDGE_TRACED(j))
		return;
	if (parameter.n < 96)
		sp_out_bytes(&out, parameter);
	sp_out_lit(&out, ": ");
	sp_out_bytes(&out, sp_bytes_cstr(why));
	if (detail[0]) {
		sp_out_lit(&out, " ");
		sp_out_bytes(&out, sp_bytes_cstr(detail));
	}
	if (!holds)
		judge_refuse(j, k->reason, sp_bytes(out.p, out.len));
	judge_tell(j, &(struct sp_trace_line){
		.kind = SP_TRACE_ARGUMENT,
		.number = SP_SNAP_NONE,
		.holds = holds,
		.name = judge_str(j, k->t->name),
		.source = judge_str(j, k->t->source),
		.line = k->t->line,
		.text = sp_bytes(out.p, out.len),
	});
}

static void nothing_to_judge(struct check *k, const struct judge_found *f, const char *kind)
{
	if (!f->room) {
		k->reason = SP_REASON_ARGUMENT_SIZE;
		found(k, SP_LIT("arguments"), false, "too long to be judged", kind);
	} else if (f->other || f->alike || f->strings == 0) {
		k->reason = SP_REASON_ARGUMENT_MISSING;
		found(k, SP_LIT("arguments"), false,
			f->other ? "a value to be judged is no string:"
			: f->alike ? "a parameter by another spelling:" : "no parameter to be judged:",
			kind);
	}
}

/// Strings of the snapshot as a vector; NULL when the arena is full.
static const struct sp_bytes *vector(struct judge *j, struct sp_snap_table t)
{
	struct sp_bytes *v = sp_cel_alloc(j->c->arena, (t.n ? t.n : 1) * sizeof(*v));

	for (uint32_t i = 0; v && i < t.n; i++)
		v[i] = judge_str(j, *SP_SNAP_GET(j->s, t, sp_snap_str, i));
	return v;
}

static bool sql_rules(struct judge *j, const struct sp_snap_sql *s, struct sp_sql_rules *ret)
{
	*ret = (struct sp_sql_rules){
		.dialect = s->dialect ? s->dialect : SP_SQL_ANSI,
		.styles = s->styles,
		.returning = s->returning,
		.double_quote_names = s->dialect == SP_SQL_ANSI,
		.allow_tables = vector(j, s->allow_tables),
		.allow_tables_n = s->allow_tables.n,
		.deny_tables = vector(j, s->deny_tables),
		.deny_tables_n = s->deny_tables.n,
		.allow_functions = vector(j, s->allow_functions),
		.allow_functions_n = s->allow_functions.n,
	};
	return ret->allow_tables && ret->deny_tables && ret->allow_functions;
}

static void sql_text(void *user, struct sp_bytes parameter, struct sp_bytes text)
{
	struct check *k = user;
	struct sp_sql_verdict verdict;

	sp_sql_judge(text, &k->sql, &verdict);
	if (verdict.why == SP_SQL_OK)
		found(k, parameter, true, sp_sql_style_name(verdict.style), "");
	else
		found(k, parameter, false, sp_sql_why_name(verdict.why), verdict.detail);
}

static void judge_sql(struct judge *j, const struct sp_snap_tool *t)
{
	struct check k = {.j = j, .t = t, .reason = SP_REASON_SQL_DENIED};
	struct judge_found f;

	if (!t->sql.on)
		return;
	if (!sql_rules(j, &t->sql, &k.sql)) {
		nothing_to_judge(&k, &(struct judge_found){.room = false}, "sql");
		return;
	}
	judge_parameters(j, t->sql.parameters, sql_usual, SP_ARRAY_LEN(sql_usual), sql_text, &k, &f);
	nothing_to_judge(&k, &f, "sql");
}

static bool any_url(const struct judge *j, struct sp_snap_table globs, const struct sp_url *u,
	bool (*match)(struct sp_bytes, const struct sp_url *))
{
	for (uint32_t i = 0; i < globs.n; i++)
		if (match(judge_str(j, *SP_SNAP_GET(j->s, globs, sp_snap_str, i)), u))
			return true;
	return false;
}

static const char *endpoint_wrong(const struct check *k, struct sp_bytes text)
{
	const struct sp_snap_endpoint *e = &k->t->endpoint;
	struct sp_url u;
	enum sp_url_why why = sp_url_parse(text, k->url, URL_BUF, &u);

	if (why != SP_URL_OK)
		return sp_url_why_name(why);
	if (any_url(k->j, e->forbid, &u, sp_url_match_forbidden))
		return "forbidden";
	if (u.is_private && !e->private_hosts)
		return "private_host";
	if (e->allow.n && !any_url(k->j, e->allow, &u, sp_url_match))
		return "not_allowed";
	return NULL;
}

static void endpoint_text(void *user, struct sp_bytes parameter, struct sp_bytes text)
{
	struct check *k = user;
	const char *wrong = endpoint_wrong(k, text);

	found(k, parameter, !wrong, wrong ? wrong : "endpoint allowed", "");
}

static void path_text(void *user, struct sp_bytes parameter, struct sp_bytes text)
{
	struct check *k = user;
	struct sp_snap_table roots = k->t->path.roots;
	struct sp_bytes normal;
	enum sp_url_why why = sp_path_normalize(text, k->url, URL_BUF, &normal);

	if (why != SP_URL_OK) {
		found(k, parameter, false, sp_url_why_name(why), "");
		return;
	}
	for (uint32_t i = 0; i < roots.n; i++)
		if (sp_path_below(normal, judge_str(k->j, *SP_SNAP_GET(k->j->s, roots, sp_snap_str, i)))) {
			found(k, parameter, true, "below a root", "");
			return;
		}
	found(k, parameter, roots.n == 0, roots.n ? "outside_roots" : "a path", "");
}

static void judge_endpoint(struct judge *j, const struct sp_snap_tool *t)
{
	struct check k = {.j = j, .t = t, .reason = SP_REASON_ENDPOINT_DENIED};
	struct judge_found f = {.room = false};

	if (!t->endpoint.on)
		return;
	k.url = sp_cel_alloc(j->c->arena, URL_BUF);
	if (k.url)
		judge_parameters(j, t->endpoint.parameters, endpoint_usual,
			SP_ARRAY_LEN(endpoint_usual), endpoint_text, &k, &f);
	nothing_to_judge(&k, &f, "endpoint");
}

static void judge_path(struct judge *j, const struct sp_snap_tool *t)
{
	struct check k = {.j = j, .t = t, .reason = SP_REASON_PATH_DENIED};
	struct judge_found f = {.room = false};

	if (t->path.parameters.n == 0 && t->path.roots.n == 0)
		return;
	k.url = sp_cel_alloc(j->c->arena, URL_BUF);
	if (k.url)
		judge_parameters(j, t->path.parameters, path_usual, SP_ARRAY_LEN(path_usual),
			path_text, &k, &f);
	nothing_to_judge(&k, &f, "path");
}

static void judge_size(struct judge *j, const struct sp_snap_tool *t)
{
	struct check k = {.j = j, .t = t, .reason = SP_REASON_ARGUMENT_SIZE};
	const struct sp_judge_call *c = j->c;
	uint64_t n = c->args_doc && c->args != SP_JSON_NONE ? sp_json_raw(c->args_doc, c->args).n : 0;

	if (t->max_argument_bytes == 0)
		return;
	found(&k, SP_LIT("arguments"), n <= t->max_argument_bytes,
		n <= t->max_argument_bytes ? "within max_argument_bytes" : "over max_argument_bytes", "");
}

static void refuse_twice(struct judge *j)
{
	struct sp_bytes text = SP_LIT("two names differ in case alone");

	judge_refuse(j, SP_REASON_ARGUMENT_MISSING, text);
	judge_say(j, SP_TRACE_ARGUMENT, SP_SNAP_NONE, false, SP_LIT("arguments"), text);
}

static bool any_judges(const struct sp_snap *s, const struct sp_judge_verdict *v)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(v->about.tools); i++)
		if (v->about.tools[i] != SP_SNAP_NONE &&
			SP_SNAP_POLICY(s, tools, sp_snap_tool, v->about.tools[i])->judges_arguments)
			return true;
	return false;
}

/// Two names that some tools take for one: what conditions and constraints read need not be what the tool reads.
static bool named_twice(const struct sp_judge_call *c)
{
	return c->args_doc && c->args != SP_JSON_NONE &&
	       sp_json_alike_keys(c->args_doc, c->args, c->salt, c->arena->p, c->arena->cap);
}

enum sp_reason sp_judge_arguments(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	bool twice = named_twice(c);
	struct judge j;

	if (!twice && !any_judges(c->snap, v))
		return judge_go_on(v);
	judge_init(&j, c, v);
	if (twice)
		refuse_twice(&j);
	for (uint32_t i = 0; i < j.names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(&j, i);

		if (!t || !t->judges_arguments)
			continue;
		judge_size(&j, t);
		judge_sql(&j, t);
		judge_endpoint(&j, t);
		judge_path(&j, t);
		c->arena->used = 0;
	}
	return judge_go_on(v);
}
