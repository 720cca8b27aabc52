/// Runs conditions for tests/policy/cel: one case a line of JSON in, one answer a line out. Texts
/// are hexadecimal in both directions, so that nothing of JSON stands between a case and the
/// compiler.
///   {"text": hex, "container": hex, "unchecked": bool, "vars": [{"path": hex, "type": int,
///   "value": V}]} V: ["null"] ["bool", b] ["int", "1"] ["uint", "1"] ["double", "0x1p0"]
///   ["string", hex] ["bytes", hex]
///      ["list", V...] ["map", V, V, ...] ["duration", "ns"] ["timestamp", "s", "ns"] ["type", hex]
/// Answers: {"refused": hex} {"error": hex} {"value": V}
#include "common/cel/value.h"
#include "config/cel/cel_compile.h"

#include <stdio.h>
#include "common/banned.h"

#define TOKENS_MAX 65536u
#define VARS_MAX 16u
#define ARENA_N (4u << 20)
#define DEPTH_MAX 64u

struct line {
	struct sp_json doc;
	struct sp_cel_arena arena;
	struct sp_cel_var var[VARS_MAX];
	struct sp_cel value[VARS_MAX];
	bool bound[VARS_MAX];
	uint32_t vars_n;
};

static struct sp_json_tok tokens[TOKENS_MAX];
static uint8_t memory[ARENA_N];

static void die(const char *what)
{
	fprintf(stderr, "cel-case: %s\n", what);
	exit(2);
}

static uint32_t get(const struct line *l, uint32_t obj, const char *key)
{
	return sp_json_get(&l->doc, obj, sp_bytes_cstr(key));
}

/// A string token's hexadecimal text as bytes, with a NUL behind them.
static struct sp_bytes unhex(struct line *l, uint32_t tok)
{
	struct sp_bytes s = sp_json_span(&l->doc, tok);
	uint8_t *p = sp_cel_alloc(&l->arena, s.n / 2 + 1);

	if (!p)
		die("out of memory");
	for (size_t i = 0; i < s.n / 2; i++) {
		const char two[3] = {(char)s.p[2 * i], (char)s.p[2 * i + 1], '\0'};

		p[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	p[s.n / 2] = '\0';
	return sp_bytes(p, s.n / 2);
}

static const char *word(struct line *l, uint32_t tok)
{
	struct sp_bytes s = sp_json_span(&l->doc, tok);
	char *p = sp_cel_alloc(&l->arena, s.n + 1);

	if (!p)
		die("out of memory");
	memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

static struct sp_cel value_of(struct line *l, uint32_t tok);

static void members_of(struct line *l, uint32_t first, uint32_t n, bool map, struct sp_cel *ret)
{
	struct sp_cel *v = sp_cel_alloc(&l->arena, (n + 1) * sizeof(*v));
	struct sp_cel(*pairs)[2] = (struct sp_cel(*)[2])(void *)v;
	enum sp_cel_error e;

	if (!v)
		die("out of memory");
	for (uint32_t i = 0; i < n; i++, first = l->doc.tok[first].next)
		v[i] = value_of(l, first);
	e = map ? sp_cel_map_of(&l->arena, (const struct sp_cel(*)[2])pairs, n / 2, ret)
		: sp_cel_list_of(&l->arena, v, n, ret);
	if (e)
		die("out of memory");
}

static struct sp_cel value_of(struct line *l, uint32_t tok)
{
	uint32_t kind = sp_json_first(&l->doc, tok), arg = l->doc.tok[kind].next;
	uint32_t n = l->doc.tok[tok].count - 1;
	const char *name = word(l, kind);
	struct sp_cel v = {.type = SP_CEL_NULL};

	if (strcmp(name, "bool") == 0) {
		v.type = SP_CEL_BOOL;
		v.b = sp_json_type(&l->doc, arg) == SP_JSON_TRUE;
	} else if (strcmp(name, "int") == 0) {
		v.type = SP_CEL_INT;
		v.i = strtoll(word(l, arg), NULL, 10);
	} else if (strcmp(name, "uint") == 0) {
		v.type = SP_CEL_UINT;
		v.u = strtoull(word(l, arg), NULL, 10);
	} else if (strcmp(name, "double") == 0) {
		v.type = SP_CEL_DOUBLE;
		v.d = strtod(word(l, arg), NULL);
	} else if (strcmp(name, "string") == 0 || strcmp(name, "bytes") == 0 ||
		   strcmp(name, "type") == 0) {
		v.type = name[0] == 's'   ? SP_CEL_STRING
			 : name[0] == 'b' ? SP_CEL_BYTES
					  : SP_CEL_TYPE;
		v.s = unhex(l, arg);
	} else if (strcmp(name, "duration") == 0) {
		v.type = SP_CEL_DURATION;
		v.i = strtoll(word(l, arg), NULL, 10);
	} else if (strcmp(name, "timestamp") == 0) {
		v.type = SP_CEL_TIMESTAMP;
		v.i = strtoll(word(l, arg), NULL, 10);
		v.ns = (uint32_t)strtoul(word(l, l->doc.tok[arg].next), NULL, 10);
	} else if (strcmp(name, "list") == 0 || strcmp(name, "map") == 0) {
		members_of(l, arg, n, name[0] == 'm', &v);
	} else if (strcmp(name, "null") != 0) {
		die("a value of an unknown kind");
	}
	return v;
}

static void put_hex(const char *key, struct sp_bytes s)
{
	printf("[\"%s\",\"", key);
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", s.p[i]);
	printf("\"]");
}

static void put_value(struct line *l, const struct sp_cel *v, unsigned depth);

static void put_members(struct line *l, const struct sp_cel *v, unsigned depth)
{
	struct sp_cel key, value;
	bool map = v->type == SP_CEL_MAP;
	struct cel_cursor c;
	enum sp_cel_error e;

	cel_cursor_init(&c, v);
	printf("[\"%s\"", map ? "map" : "list");
	while (depth < DEPTH_MAX && cel_cursor_next(&c, &l->arena, &key, map ? &value : NULL, &e)) {
		printf(",");
		put_value(l, &key, depth + 1);
		if (map) {
			printf(",");
			put_value(l, &value, depth + 1);
		}
	}
	printf("]");
}

static void put_value(struct line *l, const struct sp_cel *v, unsigned depth)
{
	switch (v->type) {
	case SP_CEL_NULL:
		printf("[\"null\"]");
		break;
	case SP_CEL_BOOL:
		printf("[\"bool\",%s]", v->b ? "true" : "false");
		break;
	case SP_CEL_INT:
		printf("[\"int\",\"%lld\"]", (long long)v->i);
		break;
	case SP_CEL_UINT:
		printf("[\"uint\",\"%llu\"]", (unsigned long long)v->u);
		break;
	case SP_CEL_DOUBLE:
		printf("[\"double\",\"%a\"]", v->d);
		break;
	case SP_CEL_STRING:
		put_hex("string", v->s);
		break;
	case SP_CEL_BYTES:
		put_hex("bytes", v->s);
		break;
	case SP_CEL_TYPE:
		put_hex("type", v->s);
		break;
	case SP_CEL_LIST:
	case SP_CEL_MAP:
		put_members(l, v, depth);
		break;
	case SP_CEL_DURATION:
		printf("[\"duration\",\"%lld\"]", (long long)v->i);
		break;
	case SP_CEL_TIMESTAMP:
		printf("[\"timestamp\",\"%lld\",\"%u\"]", (long long)v->i, v->ns);
		break;
	case SP_CEL_ERROR:
		printf("[\"error\"]");
		break;
	}
}

static enum sp_cel_error var_of(
	void *user, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	const struct line *l = user;

	(void)arena;
	if (!l->bound[var])
		return SP_CEL_E_UNKNOWN_VAR;
	*ret = l->value[var];
	return SP_CEL_E_NONE;
}

static void read_vars(struct line *l, uint32_t list)
{
	uint32_t n = l->doc.tok[list].count, at = list + 1, value;
	int64_t type;

	if (n > VARS_MAX)
		die("too many variables");
	for (l->vars_n = 0; l->vars_n < n; l->vars_n++, at = l->doc.tok[at].next) {
		if (sp_json_i64(&l->doc, get(l, at, "type"), &type) < 0)
			die("a variable without its type");
		l->var[l->vars_n] =
			(struct sp_cel_var){.path = (const char *)unhex(l, get(l, at, "path")).p,
				.type = (enum sp_cel_static)type,
				.phases = SP_CEL_PHASE_CALL,
				.fields_of = SP_JSON_NONE};
		value = get(l, at, "value");
		l->bound[l->vars_n] = value != SP_JSON_NONE;
		if (l->bound[l->vars_n])
			l->value[l->vars_n] = value_of(l, value);
	}
}

static void evaluate(struct line *l, struct sp_bytes program)
{
	struct sp_cel_run run = {.var = var_of, .user = l, .arena = &l->arena};
	struct sp_cel v;

	if (sp_cel_verify(program, l->vars_n) < 0)
		die("a program that the check of programs refuses");
	sp_cel_eval(program, &run, &v);
	if (v.type == SP_CEL_ERROR) {
		printf("{\"error\":\"%s\"}\n", sp_cel_error_text(v.error));
		return;
	}
	printf("{\"value\":");
	put_value(l, &v, 0);
	printf("}\n");
}

static void run_line(struct line *l)
{
	static struct sp_check check;
	struct sp_cel_env env = {.var = l->var};
	struct sp_cel_ask ask = {.env = &env, .at = {"case", 1, 1}};
	uint32_t container = get(l, 0, "container");
	uint8_t *program;
	char text[512];
	size_t n;

	read_vars(l, get(l, 0, "vars"));
	env.n = l->vars_n;
	ask.text = unhex(l, get(l, 0, "text"));
	ask.skip_check = sp_json_type(&l->doc, get(l, 0, "unchecked")) == SP_JSON_TRUE;
	if (container != SP_JSON_NONE)
		env.container = (const char *)unhex(l, container).p;
	sp_check_init(&check);
	if (sp_cel_compile(&ask, &check, &program, &n) == 0) {
		evaluate(l, sp_bytes(program, n));
		free(program);
	} else {
		if (sp_check_ok(&check))
			die("refused without a problem");
		sp_problem_text(&check.v[0], text, sizeof(text));
		printf("{\"refused\":");
		put_hex("string", sp_bytes_cstr(text));
		printf("}\n");
	}
	sp_check_done(&check);
}

int main(void)
{
	static struct line l;
	size_t cap = 0;
	char *text = NULL;
	ssize_t n;

	while ((n = getline(&text, &cap, stdin)) > 0) {
		memset(&l, 0, sizeof(l));
		l.arena = (struct sp_cel_arena){.p = memory, .cap = sizeof(memory)};
		if (sp_json_scan(sp_bytes(text, (size_t)n), DEPTH_MAX, tokens, TOKENS_MAX, &l.doc,
			    NULL) < 0)
			die("a line that is no JSON");
		run_line(&l);
		fflush(stdout);
	}
	free(text);
	return 0;
}
