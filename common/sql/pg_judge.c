/// PostgreSQL by its own grammar: libpg_query parses, and its protobuf form of the tree is walked
/// with the list of pg_nodes.c. Every node and every field that is set must be on the list.
#include "common/sql/pg_nodes.h"
#include "common/sql/pg_wire.h"

#include <pg_query.h>
#include <threads.h>
#include "common/banned.h"

#define WALK_DEPTH 4000u
#define CTES_MAX 128u
#define ALIASES_MAX 32u
#define COLUMNS_MAX 256u

struct walk {
	const struct sp_sql_rules *rules;
	struct sp_sql_verdict *v;
	const struct sp_pg_node *nodes;
	uint32_t depth;
	bool columns; // second pass: what qualified columns of functions in FROM are called
	struct sp_bytes cte[CTES_MAX];
	uint32_t cte_n;
	struct sp_bytes alias[ALIASES_MAX], column[COLUMNS_MAX];
	uint32_t alias_n, column_n;
	bool any_alias; // a function in FROM whose name this judge cannot tell
};
static struct {
	uint32_t range_var, with, cte, range_function, def_elem, string, list, func_call;
} at;
static once_flag once = ONCE_FLAG_INIT;

static int walk_message(struct walk *w, uint32_t node, struct sp_bytes m, bool target);

static int refuse(struct walk *w, enum sp_sql_why why, struct sp_bytes detail)
{
	return sp_sql_refuse(w->v, why, detail);
}

/// The type of a Node and its body.
static int open_node(
	struct walk *w, struct sp_bytes m, uint32_t *ret_node, struct sp_bytes *ret_body)
{
	struct sp_bytes name;
	struct sp_pg_wire f;
	int node;

	if (sp_pg_next(&m, &f) != 1 || f.type != 2 || m.n)
		return refuse(w, SP_SQL_NODE, SP_LIT("empty"));
	node = sp_pg_by_tag(f.number, &name);
	if (node < 0)
		return refuse(w, SP_SQL_NODE, name);
	*ret_node = (uint32_t)node;
	*ret_body = f.bytes;
	return 0;
}

static int walk_node(struct walk *w, struct sp_bytes m)
{
	struct sp_bytes body = SP_NOBYTES;
	uint32_t node = 0;

	if (!m.n) // a null pointer in a list
		return 0;
	SP_TRY(open_node(w, m, &node, &body));
	switch (w->nodes[node].class) {
	case SP_PG_ANY:
		return walk_message(w, node, body, false);
	case SP_PG_DDL:
		if (w->v->style == SP_SQL_DDL)
			return walk_message(w, node, body, false);
		break;
	default:
		break;
	}
	return refuse(w, SP_SQL_NODE, sp_bytes_cstr(w->nodes[node].name));
}

/// A statement by itself or under EXPLAIN: its style must be allowed.
static int walk_statement(struct walk *w, struct sp_bytes m, bool explained)
{
	struct sp_bytes body, name;
	struct sp_pg_wire f;
	uint32_t bit;
	int node;

	if (sp_pg_next(&m, &f) != 1 || f.type != 2 || m.n)
		return refuse(w, SP_SQL_STATEMENTS, SP_LIT("none"));
	body = f.bytes;
	node = sp_pg_by_tag(f.number, &name);
	if (node < 0 || w->nodes[node].style == 0xff)
		return refuse(w, SP_SQL_STYLE, name);
	bit = 1u << w->nodes[node].style;
	if (!explained)
		w->v->style = bit;
	if (!(w->rules->styles & bit) || (explained && w->nodes[node].class == SP_PG_TOP_DDL))
		return refuse(w, SP_SQL_STYLE, name);
	return walk_message(w, (uint32_t)node, body, false);
}

static bool in(const struct sp_bytes *list, uint32_t n, struct sp_bytes s)
{
	for (uint32_t i = 0; i < n; i++)
		if (sp_bytes_eq(list[i], s))
			return true;
	return false;
}

static int push(
	struct walk *w, struct sp_bytes *list, uint32_t *n, uint32_t most, struct sp_bytes s)
{
	if (*n == most)
		return refuse(w, SP_SQL_NESTING, SP_LIT("names"));
	list[(*n)++] = s;
	return 0;
}

/// A Node that is a String.
static bool string_of(struct walk *w, struct sp_bytes m, struct sp_bytes *ret)
{
	struct sp_bytes body, name;
	struct sp_pg_wire f;

	if (sp_pg_next(&m, &f) != 1 || f.type != 2 ||
		sp_pg_by_tag(f.number, &name) != (int)at.string)
		return false;
	body = f.bytes;
	(void)w;
	if (!sp_pg_get(body, sp_pg_numbers.string_sval, ret))
		*ret = SP_NOBYTES;
	return true;
}

/// Every Node in field `number` of `m`, as strings; those past the room count as -E2BIG.
static int strings_of(
	struct walk *w, struct sp_bytes m, uint32_t number, struct sp_bytes *to, uint32_t room)
{
	struct sp_pg_wire f;
	uint32_t n = 0;

	while (sp_pg_next(&m, &f) > 0) {
		if (f.number != number)
			continue;
		if (n == room)
			return -E2BIG;
		if (!string_of(w, f.bytes, &to[n++]))
			return -EINVAL;
	}
	return (int)n;
}

static int check_table(struct walk *w, struct sp_bytes m, bool target)
{
	const struct sp_pg_node *node = &w->nodes[at.range_var];
	struct sp_sql_name name = {.n = 0};
	struct sp_bytes by[3] = {SP_NOBYTES, SP_NOBYTES, SP_NOBYTES};
	struct sp_pg_wire f;

	while (sp_pg_next(&m, &f) > 0)
		if (f.number < SP_PG_FIELDS && node->field[f.number].act >= SP_PG_CATALOG)
			by[node->field[f.number].act - SP_PG_CATALOG] = f.bytes;
	for (size_t i = 0; i < 3; i++)
		if (by[i].n)
			name.part[name.n++] = by[i];
	if (!target && name.n == 1 && in(w->cte, w->cte_n, by[2]))
		return 0;
	return target ? sp_sql_target(w->rules, &name, w->v) : sp_sql_table(w->rules, &name, w->v);
}

static bool function_ok(struct walk *w, const struct sp_bytes *name, uint32_t n)
{
	uint8_t buf[256];
	struct sp_out o = sp_out_init(buf, sizeof(buf));

	if ((n == 1 || (n == 2 && sp_bytes_eq(name[0], SP_LIT("pg_catalog")))) &&
		sp_sql_pure_pg(name[n - 1]))
		return true;
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			sp_out_lit(&o, ".");
		sp_out_bytes(&o, name[i]);
	}
	return !o.overflow && sp_sql_listed(w->rules->allow_functions, w->rules->allow_functions_n,
				      sp_bytes(buf, o.len));
}

static int check_function(struct walk *w, struct sp_bytes m, uint32_t number)
{
	struct sp_bytes name[3];
	int n = strings_of(w, m, number, name, 3);

	if (n <= 0)
		return refuse(w, SP_SQL_FUNCTION, SP_LIT("name"));
	if (function_ok(w, name, (uint32_t)n))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, name[0], n > 1 ? name[1] : SP_NOBYTES);
}

static int check_operator(struct walk *w, struct sp_bytes m, uint32_t number)
{
	// the whole of what a type in pg_catalog can be asked with
	static const char *const known[] = {"!!", "BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN",
		"NOT BETWEEN SYMMETRIC", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>",
		"%", "&", "&&", "&<", "&<|", "&>", "*", "+", "-", "->", "->>", "-|-", "/", "<",
		"<->", "<<", "<<=", "<<|", "<=", "<>", "<@", "<^", "=", ">", ">=", ">>",
		">>=", ">^", "?#", "?-", "?-|", "?|", "?||", "@", "@-@", "@>", "@@", "@@@", "@?",
		"^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~", "~<~",
		"~=", "~>=~", "~>~", "~~", "~~*"};
	struct sp_bytes name[2];
	int n = strings_of(w, m, number, name, 2);

	if (n != 1)
		return refuse(w, SP_SQL_FUNCTION, SP_LIT("OPERATOR()"));
	for (size_t i = 0; i < SP_ARRAY_LEN(known); i++)
		if (sp_bytes_eq(sp_bytes_cstr(known[i]), name[0]))
			return 0;
	return refuse(w, SP_SQL_FUNCTION, name[0]);
}

static int check_sample(struct walk *w, struct sp_bytes m, uint32_t number)
{
	struct sp_bytes name[1];

	if (strings_of(w, m, number, name, 1) != 1)
		return refuse(w, SP_SQL_FUNCTION, SP_LIT("TABLESAMPLE"));
	if (sp_bytes_eq(name[0], SP_LIT("bernoulli")) || sp_bytes_eq(name[0], SP_LIT("system")))
		return 0;
	return refuse(w, SP_SQL_FUNCTION, name[0]);
}

/// (x).f is f(x) unless the type of x has such a field, which only the database knows.
static int check_subscript(struct walk *w, struct sp_bytes item)
{
	struct sp_bytes name;

	if (!string_of(w, item, &name))
		return walk_node(w, item);
	if (function_ok(w, &name, 1))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, SP_LIT("()"), name);
}

/// f.g calls g on the value of a function f in FROM.
static int check_column(struct walk *w, struct sp_bytes m, uint32_t number)
{
	// what PostgreSQL's own functions call their columns
	static const char *const known[] = {"key", "ordinality", "value"};
	struct sp_bytes last[2] = {SP_NOBYTES, SP_NOBYTES};
	struct sp_pg_wire f;
	uint32_t n = 0;

	while (sp_pg_next(&m, &f) > 0) {
		if (f.number != number)
			continue;
		last[0] = last[1];
		if (!string_of(w, f.bytes, &last[1]))
			return walk_node(w, f.bytes); // t.*
		n++;
	}
	if (!w->columns || n < 2 || (!w->any_alias && !in(w->alias, w->alias_n, last[0])))
		return 0;
	if (in(w->column, w->column_n, last[1]) ||
		sp_sql_find(known, SP_ARRAY_LEN(known), last[1]) >= 0 ||
		function_ok(w, &last[1], 1))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, last[0], last[1]);
}

static int check_objects(struct walk *w, struct sp_bytes item)
{
	struct sp_sql_name name;
	struct sp_bytes body = SP_NOBYTES;
	uint32_t node = 0;
	int n;

	SP_TRY(open_node(w, item, &node, &body));
	if (node != at.list)
		return refuse(w, SP_SQL_NODE, SP_LIT("DropStmt.objects"));
	n = strings_of(w, body, sp_pg_numbers.list_items, name.part, 3);
	if (n <= 0)
		return refuse(w, SP_SQL_TABLE, SP_LIT("name"));
	name.n = (uint32_t)n;
	return sp_sql_target(w->rules, &name, w->v);
}

static int check_explain(struct walk *w, struct sp_bytes item)
{
	static const char *const known[] = {
		"buffers", "costs", "format", "settings", "summary", "verbose"};
	struct sp_bytes name, body, type;
	struct sp_pg_wire f;

	if (sp_pg_next(&item, &f) != 1 || f.type != 2 ||
		sp_pg_by_tag(f.number, &type) != (int)at.def_elem)
		return refuse(w, SP_SQL_NODE, SP_LIT("ExplainStmt.options"));
	body = f.bytes;
	if (!sp_pg_get(body, sp_pg_numbers.def_name, &name) ||
		sp_sql_find(known, SP_ARRAY_LEN(known), name) < 0)
		return sp_sql_refuse2(w->v, SP_SQL_NODE, SP_LIT("EXPLAIN"), name);
	return walk_message(w, at.def_elem, body, false);
}

static int walk_ctes(struct walk *w, struct sp_bytes with)
{
	struct sp_bytes m = with, body = SP_NOBYTES, name;
	struct sp_pg_wire f;
	bool recursive = false;
	uint32_t node = 0;

	while (sp_pg_next(&m, &f) > 0)
		if (f.number == sp_pg_numbers.with_recursive && f.type == 0)
			recursive = f.value != 0;
	for (int pass = recursive ? 0 : 1; pass < 2; pass++) {
		for (m = with; sp_pg_next(&m, &f) > 0;) {
			if (f.number != sp_pg_numbers.with_ctes)
				continue;
			SP_TRY(open_node(w, f.bytes, &node, &body));
			if (node != at.cte || !sp_pg_get(body, sp_pg_numbers.cte_name, &name))
				return refuse(w, SP_SQL_NODE, SP_LIT("WithClause"));
			if (pass)
				SP_TRY(walk_message(w, node, body, false));
			if (pass == 0 ||
				!recursive) // hides the table for those that follow, or for all
				SP_TRY(push(w, w->cte, &w->cte_n, CTES_MAX, name));
		}
	}
	return 0;
}

/// The names under which a function in FROM gives rows, and what its columns are said to be called.
static int note_function(struct walk *w, struct sp_bytes m)
{
	struct sp_bytes alias = SP_NOBYTES, name = SP_NOBYTES, list, call, parts[3], type;
	struct sp_pg_wire f;
	int n;

	if (sp_pg_get(m, sp_pg_numbers.range_alias, &alias)) {
		struct sp_bytes cols = alias;

		(void)sp_pg_get(alias, sp_pg_numbers.alias_name, &name);
		while (sp_pg_next(&cols, &f) > 0)
			if (f.number == sp_pg_numbers.alias_cols && string_of(w, f.bytes, &type))
				SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX, type));
	} else if (sp_pg_get(m, sp_pg_numbers.range_functions, &list) &&
		   sp_pg_next(&list, &f) == 1 && f.type == 2 &&
		   sp_pg_get(f.bytes, sp_pg_numbers.list_items, &call) &&
		   sp_pg_next(&call, &f) == 1 &&
		   sp_pg_by_tag(f.number, &type) == (int)at.func_call) {
		n = strings_of(w, f.bytes, sp_pg_numbers.func_name, parts, 3);
		if (n > 0)
			name = parts[n - 1];
	}
	for (list = m; sp_pg_next(&list, &f) > 0;) {
		call = f.bytes;
		if (f.number == sp_pg_numbers.range_coldefs && sp_pg_next(&call, &f) == 1 &&
			sp_pg_get(f.bytes, sp_pg_numbers.column_name, &type))
			SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX, type));
	}
	if (!name.n)
		w->any_alias = true;
	else
		SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX, name));
	return push(w, w->alias, &w->alias_n, ALIASES_MAX, name);
}

static int walk_child(
	struct walk *w, const struct sp_pg_field *field, const struct sp_pg_wire *f, bool target)
{
	if (field->child == -1)
		return walk_node(w, f->bytes);
	if (field->child < 0)
		return 0;
	return walk_message(w, (uint32_t)field->child, f->bytes, target);
}

static int walk_field(struct walk *w, uint32_t node, struct sp_bytes m, const struct sp_pg_wire *f)
{
	const struct sp_pg_field *field = &w->nodes[node].field[f->number];
	struct sp_bytes name = sp_bytes_cstr(w->nodes[node].name);

	switch (field->act) {
	case SP_PG_FUNCTION:
		return check_function(w, m, f->number);
	case SP_PG_OPERATOR:
		return check_operator(w, m, f->number);
	case SP_PG_SAMPLE:
		return check_sample(w, m, f->number);
	case SP_PG_SUBSCRIPT:
		return check_subscript(w, f->bytes);
	case SP_PG_COLUMN:
		return check_column(w, m, f->number);
	case SP_PG_WITH: // walked before its statement
		return 0;
	case SP_PG_RETURNING:
		if (!w->rules->returning)
			return sp_sql_refuse2(w->v, SP_SQL_NODE, name, SP_LIT("returning"));
		break;
	case SP_PG_NOTHING:
		if (f->value != 2) // ONCONFLICT_NOTHING
			return sp_sql_refuse2(w->v, SP_SQL_NODE, name, SP_LIT("update"));
		break;
	case SP_PG_EXPLAIN:
		return check_explain(w, f->bytes);
	case SP_PG_INNER:
		return walk_statement(w, f->bytes, true);
	case SP_PG_KIND:
		if (!sp_pg_kind_ok(f->value))
			return sp_sql_refuse2(w->v, SP_SQL_NODE, name, SP_LIT("kind"));
		break;
	case SP_PG_ALTER:
		if (!sp_pg_alter_ok(f->value))
			return sp_sql_refuse2(w->v, SP_SQL_NODE, name, SP_LIT("subtype"));
		break;
	case SP_PG_OBJECTS:
		return check_objects(w, f->bytes);
	default:
		break;
	}
	return walk_child(w, field, f, field->act == SP_PG_TARGET);
}

static int enter(struct walk *w, uint32_t node, struct sp_bytes m, bool target)
{
	struct sp_bytes with;

	if (w->nodes[node].with && sp_pg_get(m, (uint32_t)w->nodes[node].with, &with)) {
		SP_TRY(walk_message(w, at.with, with, false));
		return 0;
	}
	if (node == at.range_var)
		return check_table(w, m, target);
	if (node == at.range_function && !w->columns)
		return note_function(w, m);
	return 0;
}

static int walk_fields(struct walk *w, uint32_t node, struct sp_bytes m)
{
	const struct sp_pg_node *type = &w->nodes[node];
	struct sp_bytes rest = m;
	struct sp_pg_wire f;
	int r;

	while ((r = sp_pg_next(&rest, &f)) > 0) {
		const struct sp_pg_field *field = &type->field[f.number % SP_PG_FIELDS];

		if (f.number >= SP_PG_FIELDS || field->act == SP_PG_REFUSE || field->wire != f.type)
			return sp_sql_refuse2(w->v, SP_SQL_NODE, sp_bytes_cstr(type->name),
				sp_pg_field_name(node, f.number));
		SP_TRY(walk_field(w, node, m, &f));
	}
	return r < 0 ? refuse(w, SP_SQL_NODE, SP_LIT("wire")) : 0;
}

static int walk_message(struct walk *w, uint32_t node, struct sp_bytes m, bool target)
{
	uint32_t ctes = w->cte_n;
	int err;

	if (node == at.with) // its names live on in the statement that holds it
		return walk_ctes(w, m);
	if (++w->depth > WALK_DEPTH)
		return refuse(w, SP_SQL_NESTING, SP_LIT("tree"));
	err = enter(w, node, m, target);
	if (!err)
		err = walk_fields(w, node, m);
	w->cte_n = ctes;
	w->depth--;
	return err;
}

static int walk_result(struct walk *w, struct sp_bytes tree)
{
	struct sp_bytes stmt = SP_NOBYTES, m = tree;
	struct sp_pg_wire f;
	uint32_t n = 0;

	while (sp_pg_next(&m, &f) > 0) {
		if (f.number != sp_pg_numbers.result_stmts || f.type != 2)
			continue;
		stmt = f.bytes;
		n++;
	}
	if (n != 1 || !sp_pg_get(stmt, sp_pg_numbers.raw_stmt, &stmt))
		return refuse(w, SP_SQL_STATEMENTS, n ? SP_LIT("many") : SP_LIT("none"));
	SP_TRY(walk_statement(w, stmt, false));
	if (!w->alias_n)
		return 0;
	w->columns = true;
	w->cte_n = 0;
	return walk_statement(w, stmt, false);
}

static void resolve_indexes(void)
{
	at.range_var = sp_pg_index("RangeVar");
	at.with = sp_pg_index("WithClause");
	at.cte = sp_pg_index("CommonTableExpr");
	at.range_function = sp_pg_index("RangeFunction");
	at.def_elem = sp_pg_index("DefElem");
	at.string = sp_pg_index("String");
	at.list = sp_pg_index("List");
	at.func_call = sp_pg_index("FuncCall");
}

void sp_sql_pg_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *v)
{
	struct walk w = {.rules = rules, .v = v, .nodes = sp_pg_nodes()};
	PgQueryProtobufParseResult r;
	char *copy;

	call_once(&once, resolve_indexes);
	if (!w.nodes) {
		sp_sql_refuse(v, SP_SQL_NODE, SP_LIT("libpg_query"));
		return;
	}
	if (sp_sql_pg_scan(text, v) < 0)
		return;
	copy = malloc(text.n + 1);
	if (!copy) {
		sp_sql_refuse(v, SP_SQL_MEMORY, SP_NOBYTES);
		return;
	}
	if (text.n)
		memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	r = pg_query_parse_protobuf(copy);
	free(copy);
	if (r.error)
		sp_sql_refuse(v, SP_SQL_SYNTAX, SP_NOBYTES);
	else
		(void)walk_result(&w, sp_bytes(r.parse_tree.data, r.parse_tree.len));
	pg_query_free_protobuf_parse_result(r);
}
