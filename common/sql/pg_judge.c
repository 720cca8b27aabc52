/// PostgreSQL by its own grammar: libpg_query parses, and the tree it makes for its protobuf form
/// is walked with the list of pg_nodes.c. Every node and every field that is set must be on the
/// list.
///
/// Writing that form out takes ten times as long as parsing and nobody reads it. The library asks
/// for the size of the result and then for its bytes through two exported functions, which are
/// defined here in its place: the first judges the tree, and both say that there is nothing to
/// write.
#include "common/sql/pg_nodes.h"
#include "common/sql/pg_tree.h"

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
	bool judged;
	bool columns; // second pass: what qualified columns of functions in FROM are called
	struct sp_bytes cte[CTES_MAX];
	uint32_t cte_n;
	struct sp_bytes alias[ALIASES_MAX], column[COLUMNS_MAX];
	uint32_t alias_n, column_n;
	bool any_alias; // a function in FROM whose name this judge cannot tell
};
static struct {
	uint32_t range_var, with, cte, range_function, def_elem;
} at;
static once_flag once = ONCE_FLAG_INIT;
static _Thread_local struct walk *judging;

static int walk_message(struct walk *w, uint32_t type, const void *m, bool target);

static int refuse(struct walk *w, enum sp_sql_why why, struct sp_bytes detail)
{
	return sp_sql_refuse(w->v, why, detail);
}

static struct sp_bytes text_of(const char *s)
{
	return s ? sp_bytes_cstr(s) : SP_NOBYTES;
}

/// The type of what a Node holds.
static int type_of(struct walk *w, const PgQuery__Node *node, uint32_t *ret)
{
	struct sp_bytes name;
	int type = sp_pg_by_tag(node->node_case, &name);

	if (type < 0)
		return refuse(w, SP_SQL_NODE, name);
	*ret = (uint32_t)type;
	return 0;
}

static int walk_node(struct walk *w, const PgQuery__Node *node)
{
	uint32_t type = 0;

	if (!node || !node->node_case) // a null pointer in a list
		return 0;
	SP_TRY(type_of(w, node, &type));
	if (w->nodes[type].class == SP_PG_ANY ||
		(w->nodes[type].class == SP_PG_DDL && w->v->style == SP_SQL_DDL))
		return walk_message(w, type, sp_pg_inside(node), false);
	return refuse(w, SP_SQL_NODE, sp_bytes_cstr(w->nodes[type].name));
}

/// A statement by itself or under EXPLAIN: its style must be allowed.
static int walk_statement(struct walk *w, const PgQuery__Node *node, bool explained)
{
	struct sp_bytes name;
	uint32_t bit;
	int type;

	if (!node || !node->node_case)
		return refuse(w, SP_SQL_STATEMENTS, SP_LIT("none"));
	type = sp_pg_by_tag(node->node_case, &name);
	if (type < 0 || w->nodes[type].style == 0xff)
		return refuse(w, SP_SQL_STYLE, name);
	bit = 1u << w->nodes[type].style;
	if (!explained)
		w->v->style = bit;
	if (!(w->rules->styles & bit) || (explained && w->nodes[type].class == SP_PG_TOP_DDL))
		return refuse(w, SP_SQL_STYLE, name);
	return walk_message(w, (uint32_t)type, sp_pg_inside(node), false);
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

static bool string_of(const PgQuery__Node *node, struct sp_bytes *ret)
{
	if (!node || node->node_case != PG_QUERY__NODE__NODE_STRING)
		return false;
	*ret = text_of(node->string->sval);
	return true;
}

/// Every Node of a list as strings; those past the room count as -E2BIG.
static int strings_of(PgQuery__Node *const *list, size_t n, struct sp_bytes *to, uint32_t room)
{
	if (n > room)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		if (!string_of(list[i], &to[i]))
			return -EINVAL;
	return (int)n;
}

static int check_table(struct walk *w, const PgQuery__RangeVar *table, bool target)
{
	struct sp_bytes by[] = {
		text_of(table->catalogname), text_of(table->schemaname), text_of(table->relname)};
	struct sp_sql_name name = {.n = 0};

	for (size_t i = 0; i < SP_ARRAY_LEN(by); i++)
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

static int check_function(struct walk *w, const PgQuery__FuncCall *call)
{
	struct sp_bytes name[3];
	int n = strings_of(call->funcname, call->n_funcname, name, 3);

	if (n <= 0)
		return refuse(w, SP_SQL_FUNCTION, SP_LIT("name"));
	if (function_ok(w, name, (uint32_t)n))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, name[0], n > 1 ? name[1] : SP_NOBYTES);
}

static int check_operator(struct walk *w, const PgQuery__Node *node)
{
	// the whole of what a type in pg_catalog can be asked with, and what gram.y calls BETWEEN
	static const char *const known[] = {"!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>",
		"#>>", "%", "&", "&&", "&<", "&<|", "&>", "*", "+", "-", "->", "->>", "-|-", "/",
		"<", "<->", "<<", "<<=", "<<|", "<=", "<>", "<@", "<^", "=", ">", ">=", ">>",
		">>=", ">^", "?#", "?-", "?-|", "?|", "?||", "@", "@-@", "@>", "@@", "@@@", "@?",
		"BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN", "NOT BETWEEN SYMMETRIC", "^", "^@",
		"|", "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~", "~<~", "~=", "~>=~", "~>~",
		"~~", "~~*"};
	struct sp_bytes name;

	if (!string_of(node, &name))
		return refuse(w, SP_SQL_FUNCTION, SP_LIT("OPERATOR()"));
	if (sp_sql_find(known, SP_ARRAY_LEN(known), name) >= 0)
		return 0;
	// the schema of OPERATOR(schema.op) comes first in the list
	return refuse(w, SP_SQL_FUNCTION,
		sp_sql_is_letter(name.n ? name.p[0] : 'a') ? SP_LIT("OPERATOR()") : name);
}

static int check_sample(struct walk *w, const PgQuery__Node *node)
{
	struct sp_bytes name = SP_NOBYTES;

	if (string_of(node, &name) &&
		(sp_bytes_eq(name, SP_LIT("bernoulli")) || sp_bytes_eq(name, SP_LIT("system"))))
		return 0;
	return refuse(w, SP_SQL_FUNCTION, name);
}

/// (x).f is f(x) unless the type of x has such a field, which only the database knows.
static int check_subscript(struct walk *w, const PgQuery__Node *node)
{
	struct sp_bytes name;

	if (!string_of(node, &name))
		return walk_node(w, node);
	if (function_ok(w, &name, 1))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, SP_LIT("()"), name);
}

/// f.g calls g on the value of a function f in FROM.
static int check_column(struct walk *w, const PgQuery__ColumnRef *column)
{
	// what PostgreSQL's own functions call their columns
	static const char *const known[] = {"key", "ordinality", "value"};
	size_t n = column->n_fields;
	struct sp_bytes table, name;

	for (size_t i = 0; i < n; i++)
		if (!string_of(column->fields[i], &name))
			SP_TRY(walk_node(w, column->fields[i])); // t.*
	if (!w->columns || n < 2 || !string_of(column->fields[n - 1], &name) ||
		!string_of(column->fields[n - 2], &table))
		return 0;
	if (!w->any_alias && !in(w->alias, w->alias_n, table))
		return 0;
	if (in(w->column, w->column_n, name) ||
		sp_sql_find(known, SP_ARRAY_LEN(known), name) >= 0 || function_ok(w, &name, 1))
		return 0;
	return sp_sql_refuse2(w->v, SP_SQL_FUNCTION, table, name);
}

static int check_object(struct walk *w, const PgQuery__Node *node)
{
	struct sp_sql_name name;
	int n;

	if (!node || node->node_case != PG_QUERY__NODE__NODE_LIST)
		return refuse(w, SP_SQL_NODE, SP_LIT("DropStmt.objects"));
	n = strings_of(node->list->items, node->list->n_items, name.part, 3);
	if (n <= 0)
		return refuse(w, SP_SQL_TABLE, SP_LIT("name"));
	name.n = (uint32_t)n;
	return sp_sql_target(w->rules, &name, w->v);
}

static int check_explain(struct walk *w, const PgQuery__Node *node)
{
	static const char *const known[] = {
		"buffers", "costs", "format", "settings", "summary", "verbose"};
	struct sp_bytes name;

	if (!node || node->node_case != PG_QUERY__NODE__NODE_DEF_ELEM)
		return refuse(w, SP_SQL_NODE, SP_LIT("ExplainStmt.options"));
	name = text_of(node->def_elem->defname);
	if (sp_sql_find(known, SP_ARRAY_LEN(known), name) < 0)
		return sp_sql_refuse2(w->v, SP_SQL_NODE, SP_LIT("EXPLAIN"), name);
	return walk_message(w, at.def_elem, node->def_elem, false);
}

/// Its names hide tables from those that follow, or from all; they live on in the statement that
/// holds it.
static int walk_ctes(struct walk *w, const PgQuery__WithClause *with)
{
	for (int pass = with->recursive ? 0 : 1; pass < 2; pass++) {
		for (size_t i = 0; i < with->n_ctes; i++) {
			const PgQuery__Node *node = with->ctes[i];

			if (!node || node->node_case != PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR)
				return refuse(w, SP_SQL_NODE, SP_LIT("WithClause"));
			if (pass)
				SP_TRY(walk_message(w, at.cte, node->common_table_expr, false));
			if (pass == 0 || !with->recursive)
				SP_TRY(push(w, w->cte, &w->cte_n, CTES_MAX,
					text_of(node->common_table_expr->ctename)));
		}
	}
	return 0;
}

/// The name PostgreSQL gives to a function in FROM that has no alias.
static struct sp_bytes name_of_function(const PgQuery__RangeFunction *range)
{
	const PgQuery__Node *node = range->n_functions ? range->functions[0] : NULL;
	struct sp_bytes name;

	if (!node || node->node_case != PG_QUERY__NODE__NODE_LIST || !node->list->n_items)
		return SP_NOBYTES;
	node = node->list->items[0];
	if (!node || node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL ||
		!node->func_call->n_funcname ||
		!string_of(node->func_call->funcname[node->func_call->n_funcname - 1], &name))
		return SP_NOBYTES;
	return name;
}

/// The names under which a function in FROM gives rows, and what its columns are said to be called.
static int note_function(struct walk *w, const PgQuery__RangeFunction *range)
{
	struct sp_bytes name = range->alias ? text_of(range->alias->aliasname)
					    : name_of_function(range),
			column;

	for (size_t i = 0; range->alias && i < range->alias->n_colnames; i++)
		if (string_of(range->alias->colnames[i], &column))
			SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX, column));
	for (size_t i = 0; i < range->n_coldeflist; i++)
		if (range->coldeflist[i]->node_case == PG_QUERY__NODE__NODE_COLUMN_DEF)
			SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX,
				text_of(range->coldeflist[i]->column_def->colname)));
	if (!name.n)
		w->any_alias = true;
	else
		SP_TRY(push(w, w->column, &w->column_n, COLUMNS_MAX, name));
	return push(w, w->alias, &w->alias_n, ALIASES_MAX, name);
}

static int walk_child(struct walk *w, const struct sp_pg_field *field, const struct sp_pg_item *i)
{
	if (field->child == -1)
		return walk_node(w, i->p);
	if (field->child < 0)
		return 0;
	return walk_message(w, (uint32_t)field->child, i->p, field->act == SP_PG_TARGET);
}

static int field_refused(struct walk *w, uint32_t type, struct sp_bytes what)
{
	return sp_sql_refuse2(w->v, SP_SQL_NODE, sp_bytes_cstr(w->nodes[type].name), what);
}

static int walk_item(struct walk *w, uint32_t type, const void *m, const struct sp_pg_item *i)
{
	const struct sp_pg_field *field = &w->nodes[type].field[i->number];

	switch (field->act) {
	case SP_PG_FUNCTION:
		return check_function(w, m);
	case SP_PG_OPERATOR:
		return check_operator(w, i->p);
	case SP_PG_SAMPLE:
		return check_sample(w, i->p);
	case SP_PG_SUBSCRIPT:
		return check_subscript(w, i->p);
	case SP_PG_COLUMN:
		return check_column(w, m);
	case SP_PG_WITH: // walked before its statement
		return 0;
	case SP_PG_RETURNING:
		if (!w->rules->returning)
			return field_refused(w, type, SP_LIT("returning"));
		break;
	case SP_PG_NOTHING:
		if (i->value != PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING)
			return field_refused(w, type, SP_LIT("update"));
		break;
	case SP_PG_EXPLAIN:
		return check_explain(w, i->p);
	case SP_PG_INNER:
		return walk_statement(w, i->p, true);
	case SP_PG_KIND:
		if (!sp_pg_kind_ok(i->value))
			return field_refused(w, type, SP_LIT("kind"));
		break;
	case SP_PG_ALTER:
		if (!sp_pg_alter_ok(i->value))
			return field_refused(w, type, SP_LIT("subtype"));
		break;
	case SP_PG_OBJECTS:
		return check_object(w, i->p);
	default:
		break;
	}
	return walk_child(w, field, i);
}

static int enter(struct walk *w, uint32_t type, const void *m, bool target)
{
	if (w->nodes[type].with) {
		const void *with = *(const void *const *)(const void *)((const uint8_t *)m +
									w->nodes[type].with);

		if (with)
			return walk_message(w, at.with, with, false);
	}
	if (type == at.range_var)
		return check_table(w, m, target);
	if (type == at.range_function && !w->columns)
		return note_function(w, m);
	return 0;
}

static int walk_items(struct walk *w, uint32_t type, const void *m)
{
	struct sp_pg_iter iter = sp_pg_iter(m);
	struct sp_pg_item i;

	while (sp_pg_next(&iter, &i)) {
		if (i.number >= SP_PG_FIELDS || w->nodes[type].field[i.number].act == SP_PG_REFUSE)
			return sp_sql_refuse2(w->v, SP_SQL_NODE, sp_bytes_cstr(w->nodes[type].name),
				sp_pg_field_name(type, i.number));
		SP_TRY(walk_item(w, type, m, &i));
	}
	return 0;
}

static int walk_message(struct walk *w, uint32_t type, const void *m, bool target)
{
	uint32_t ctes = w->cte_n;
	int err;

	if (type == at.with)
		return walk_ctes(w, m);
	if (++w->depth > WALK_DEPTH)
		return refuse(w, SP_SQL_NESTING, SP_LIT("tree"));
	err = enter(w, type, m, target);
	if (!err)
		err = walk_items(w, type, m);
	w->cte_n = ctes;
	w->depth--;
	return err;
}

static int walk_result(struct walk *w, const PgQuery__ParseResult *tree)
{
	if (tree->n_stmts != 1 || !tree->stmts[0]->stmt)
		return refuse(
			w, SP_SQL_STATEMENTS, tree->n_stmts ? SP_LIT("many") : SP_LIT("none"));
	SP_TRY(walk_statement(w, tree->stmts[0]->stmt, false));
	if (!w->alias_n)
		return 0;
	w->columns = true;
	w->cte_n = 0;
	return walk_statement(w, tree->stmts[0]->stmt, false);
}

size_t pg_query__parse_result__get_packed_size(const PgQuery__ParseResult *message)
{
	if (judging && !judging->judged) {
		judging->judged = true;
		(void)walk_result(judging, message);
	}
	return 0;
}

size_t pg_query__parse_result__pack(const PgQuery__ParseResult *message, uint8_t *out)
{
	(void)message;
	(void)out;
	return 0;
}

static void resolve_indexes(void)
{
	at.range_var = sp_pg_index("RangeVar");
	at.with = sp_pg_index("WithClause");
	at.cte = sp_pg_index("CommonTableExpr");
	at.range_function = sp_pg_index("RangeFunction");
	at.def_elem = sp_pg_index("DefElem");
}

/// `text` ends with a NUL.
static void parse(struct walk *w, const char *text, struct sp_sql_verdict *v)
{
	PgQueryProtobufParseResult r;

	judging = w;
	r = pg_query_parse_protobuf(text);
	judging = NULL;
	if (r.error) // what was walked was an empty tree
		*v = (struct sp_sql_verdict){.why = SP_SQL_SYNTAX};
	else if (!w->judged)
		sp_sql_refuse(v, SP_SQL_NODE, SP_LIT("libpg_query"));
	pg_query_free_protobuf_parse_result(r);
}

void sp_sql_pg_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *v)
{
	struct walk w = {.rules = rules, .v = v, .nodes = sp_pg_nodes()};
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
	parse(&w, copy, v);
	free(copy);
}
