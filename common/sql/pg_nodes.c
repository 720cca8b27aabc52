#include "common/sql/pg_nodes.h"

#include <pg_query/pg_query.pb-c.h>
#include <threads.h>
#include "common/banned.h"

struct row {
	const char *name;
	const ProtobufCMessageDescriptor *desc;
	uint8_t class, style;
	const char *fields; // "action:name" or "name", separated by blanks
};
#define D(x) &pg_query__##x##__descriptor
#define NO_STYLE 0xff

static const struct row rows[] = {
	{"ParseResult", D(parse_result), SP_PG_NEVER, NO_STYLE, "version stmts"},
	{"RawStmt", D(raw_stmt), SP_PG_NEVER, NO_STYLE, "stmt stmt_location stmt_len"},
	// statements
	{"SelectStmt", D(select_stmt), SP_PG_ANY, 0,
		"distinct_clause target_list from_clause where_clause group_clause group_distinct "
		"having_clause window_clause values_lists sort_clause limit_offset limit_count "
		"limit_option with:with_clause op all larg rarg"},
	{"InsertStmt", D(insert_stmt), SP_PG_TOP, 1,
		"target:relation cols select_stmt on_conflict_clause returning:returning_list "
		"with:with_clause override"},
	{"UpdateStmt", D(update_stmt), SP_PG_TOP, 2,
		"target:relation target_list where_clause from_clause returning:returning_list "
		"with:with_clause"},
	{"DeleteStmt", D(delete_stmt), SP_PG_TOP, 3,
		"target:relation using_clause where_clause returning:returning_list "
		"with:with_clause"},
	{"ExplainStmt", D(explain_stmt), SP_PG_TOP, 4, "inner:query explain:options"},
	{"OnConflictClause", D(on_conflict_clause), SP_PG_ANY, NO_STYLE,
		"nothing:action infer location"},
	{"InferClause", D(infer_clause), SP_PG_ANY, NO_STYLE,
		"index_elems where_clause conname location"},
	{"IndexElem", D(index_elem), SP_PG_ANY, NO_STYLE,
		"name expr collation ordering nulls_ordering"},
	{"WithClause", D(with_clause), SP_PG_NEVER, NO_STYLE, "ctes recursive location"},
	{"CommonTableExpr", D(common_table_expr), SP_PG_NEVER, NO_STYLE,
		"ctename aliascolnames ctematerialized ctequery search_clause cycle_clause "
		"location"},
	{"CTESearchClause", D(ctesearch_clause), SP_PG_NEVER, NO_STYLE,
		"search_col_list search_breadth_first search_seq_column location"},
	{"CTECycleClause", D(ctecycle_clause), SP_PG_NEVER, NO_STYLE,
		"cycle_col_list cycle_mark_column cycle_mark_value cycle_mark_default "
		"cycle_path_column location"},
	// FROM
	{"RangeVar", D(range_var), SP_PG_ANY, NO_STYLE,
		"catalog:catalogname schema:schemaname relation:relname inh relpersistence alias "
		"location"},
	{"Alias", D(alias), SP_PG_NEVER, NO_STYLE, "aliasname colnames"},
	{"RangeSubselect", D(range_subselect), SP_PG_ANY, NO_STYLE, "lateral subquery alias"},
	{"RangeFunction", D(range_function), SP_PG_ANY, NO_STYLE,
		"lateral ordinality is_rowsfrom functions alias coldeflist"},
	{"RangeTableSample", D(range_table_sample), SP_PG_ANY, NO_STYLE,
		"relation sample:method args repeatable location"},
	{"JoinExpr", D(join_expr), SP_PG_ANY, NO_STYLE,
		"jointype is_natural larg rarg using_clause join_using_alias quals alias"},
	// what else a SELECT is made of
	{"ResTarget", D(res_target), SP_PG_ANY, NO_STYLE, "name indirection val location"},
	{"MultiAssignRef", D(multi_assign_ref), SP_PG_ANY, NO_STYLE, "source colno ncolumns"},
	{"SetToDefault", D(set_to_default), SP_PG_ANY, NO_STYLE, "location"},
	{"SortBy", D(sort_by), SP_PG_ANY, NO_STYLE,
		"node sortby_dir sortby_nulls operator:use_op location"},
	{"WindowDef", D(window_def), SP_PG_ANY, NO_STYLE,
		"name refname partition_clause order_clause frame_options start_offset end_offset "
		"location"},
	{"GroupingSet", D(grouping_set), SP_PG_ANY, NO_STYLE, "kind content location"},
	{"GroupingFunc", D(grouping_func), SP_PG_ANY, NO_STYLE, "args location"},
	// expressions
	{"A_Const", D(a__const), SP_PG_ANY, NO_STYLE,
		"ival fval boolval sval bsval isnull location"},
	{"A_Expr", D(a__expr), SP_PG_ANY, NO_STYLE, "kind operator:name lexpr rexpr location"},
	{"A_ArrayExpr", D(a__array_expr), SP_PG_ANY, NO_STYLE, "elements location"},
	{"A_Indices", D(a__indices), SP_PG_ANY, NO_STYLE, "is_slice lidx uidx"},
	{"A_Indirection", D(a__indirection), SP_PG_ANY, NO_STYLE, "arg subscript:indirection"},
	{"A_Star", D(a__star), SP_PG_ANY, NO_STYLE, ""},
	{"BoolExpr", D(bool_expr), SP_PG_ANY, NO_STYLE, "boolop args location"},
	{"BooleanTest", D(boolean_test), SP_PG_ANY, NO_STYLE, "arg booltesttype location"},
	{"CaseExpr", D(case_expr), SP_PG_ANY, NO_STYLE, "arg args defresult location"},
	{"CaseWhen", D(case_when), SP_PG_ANY, NO_STYLE, "expr result location"},
	{"CoalesceExpr", D(coalesce_expr), SP_PG_ANY, NO_STYLE, "args location"},
	{"CollateClause", D(collate_clause), SP_PG_ANY, NO_STYLE, "arg collname location"},
	{"ColumnRef", D(column_ref), SP_PG_ANY, NO_STYLE, "column:fields location"},
	{"FuncCall", D(func_call), SP_PG_ANY, NO_STYLE,
		"function:funcname args agg_order agg_filter over agg_within_group agg_star "
		"agg_distinct "
		"func_variadic funcformat location"},
	{"MinMaxExpr", D(min_max_expr), SP_PG_ANY, NO_STYLE, "op args location"},
	{"NamedArgExpr", D(named_arg_expr), SP_PG_ANY, NO_STYLE, "arg name argnumber location"},
	{"NullTest", D(null_test), SP_PG_ANY, NO_STYLE, "arg nulltesttype location"},
	{"ParamRef", D(param_ref), SP_PG_ANY, NO_STYLE, "number location"},
	{"RowExpr", D(row_expr), SP_PG_ANY, NO_STYLE, "args row_format colnames location"},
	{"SQLValueFunction", D(sqlvalue_function), SP_PG_ANY, NO_STYLE, "op typmod location"},
	{"SubLink", D(sub_link), SP_PG_ANY, NO_STYLE,
		"sub_link_type testexpr operator:oper_name subselect location"},
	{"TypeCast", D(type_cast), SP_PG_ANY, NO_STYLE, "arg type_name location"},
	{"TypeName", D(type_name), SP_PG_ANY, NO_STYLE,
		"names typmods typemod array_bounds location"},
	{"List", D(list), SP_PG_ANY, NO_STYLE, "items"},
	{"String", D(string), SP_PG_ANY, NO_STYLE, "sval"},
	{"Integer", D(integer), SP_PG_ANY, NO_STYLE, "ival"},
	{"Float", D(float), SP_PG_ANY, NO_STYLE, "fval"},
	{"Boolean", D(boolean), SP_PG_ANY, NO_STYLE, "boolval"},
	{"BitString", D(bit_string), SP_PG_ANY, NO_STYLE, "bsval"},
	{"DefElem", D(def_elem), SP_PG_NEVER, NO_STYLE, "defname arg defaction location"},
	{"ColumnDef", D(column_def), SP_PG_ANY, NO_STYLE,
		"colname type_name is_local is_not_null raw_default identity generated coll_clause "
		"constraints location"},
	// DDL
	{"CreateStmt", D(create_stmt), SP_PG_TOP_DDL, 5,
		"target:relation table_elts inh_relations constraints oncommit if_not_exists"},
	{"CreateTableAsStmt", D(create_table_as_stmt), SP_PG_TOP_DDL, 5,
		"query into kind:objtype if_not_exists"},
	{"IntoClause", D(into_clause), SP_PG_NEVER, NO_STYLE,
		"target:rel col_names on_commit skip_data"},
	{"ViewStmt", D(view_stmt), SP_PG_TOP_DDL, 5,
		"target:view aliases query replace with_check_option"},
	{"IndexStmt", D(index_stmt), SP_PG_TOP_DDL, 5,
		"idxname target:relation access_method index_params index_including_params "
		"where_clause "
		"unique nulls_not_distinct concurrent if_not_exists"},
	{"AlterTableStmt", D(alter_table_stmt), SP_PG_TOP_DDL, 5,
		"target:relation cmds kind:objtype missing_ok"},
	{"AlterTableCmd", D(alter_table_cmd), SP_PG_DDL, NO_STYLE,
		"alter:subtype name def behavior missing_ok"},
	{"RenameStmt", D(rename_stmt), SP_PG_TOP_DDL, 5,
		"kind:rename_type relation_type target:relation subname newname behavior "
		"missing_ok"},
	{"DropStmt", D(drop_stmt), SP_PG_TOP_DDL, 5,
		"objects:objects kind:remove_type behavior missing_ok concurrent"},
	{"TruncateStmt", D(truncate_stmt), SP_PG_TOP_DDL, 5, "relations restart_seqs behavior"},
	{"CreateSchemaStmt", D(create_schema_stmt), SP_PG_TOP_DDL, 5, "schemaname if_not_exists"},
	{"TableLikeClause", D(table_like_clause), SP_PG_DDL, NO_STYLE, "relation options"},
	{"Constraint", D(constraint), SP_PG_DDL, NO_STYLE,
		"contype conname deferrable initdeferred location is_no_inherit raw_expr "
		"generated_when "
		"nulls_not_distinct keys including where_clause pktable fk_attrs pk_attrs "
		"fk_matchtype "
		"fk_upd_action fk_del_action fk_del_set_cols skip_validation initially_valid"},
};
#define ROWS SP_ARRAY_LEN(rows)

static const struct {
	const char *name;
	uint8_t act;
} actions[] = {
	{"function", SP_PG_FUNCTION},
	{"operator", SP_PG_OPERATOR},
	{"sample", SP_PG_SAMPLE},
	{"subscript", SP_PG_SUBSCRIPT},
	{"column", SP_PG_COLUMN},
	{"with", SP_PG_WITH},
	{"target", SP_PG_TARGET},
	{"returning", SP_PG_RETURNING},
	{"nothing", SP_PG_NOTHING},
	{"explain", SP_PG_EXPLAIN},
	{"inner", SP_PG_INNER},
	{"kind", SP_PG_KIND},
	{"alter", SP_PG_ALTER},
	{"objects", SP_PG_OBJECTS},
	{"catalog", SP_PG_CATALOG},
	{"schema", SP_PG_SCHEMA},
	{"relation", SP_PG_RELATION},
};

static struct sp_pg_node nodes[ROWS];
static int16_t by_tag[SP_PG_TAGS];
static bool resolved;
static once_flag once = ONCE_FLAG_INIT;

static int index_of(const ProtobufCMessageDescriptor *desc)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].desc == desc)
			return (int)i;
	return -ENOENT;
}

static int resolve_field(
	struct sp_pg_node *node, const struct row *row, const char *name, uint8_t act)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(row->desc, name);
	struct sp_pg_field *to;
	int child = -2;

	if (!f || f->id >= SP_PG_FIELDS)
		return -ENOENT;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE && f->descriptor == &pg_query__node__descriptor)
		child = -1;
	else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		SP_TRY(child = index_of(f->descriptor));
	to = &node->field[f->id];
	to->act = act;
	to->child = (int16_t)child;
	if (act == SP_PG_WITH)
		node->with = (uint16_t)f->offset;
	return 0;
}

static uint8_t action_of(const char *s, size_t n)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(actions); i++)
		if (strlen(actions[i].name) == n && memcmp(actions[i].name, s, n) == 0)
			return actions[i].act;
	return SP_PG_REFUSE;
}

static int resolve_node(size_t i)
{
	const struct row *row = &rows[i];
	char name[64];

	nodes[i].name = row->name;
	nodes[i].class = row->class;
	nodes[i].style = row->style;
	for (const char *s = row->fields; *s;) {
		size_t n = strcspn(s, " "), colon = strcspn(s, ": ");
		uint8_t act = colon < n ? action_of(s, colon) : SP_PG_WALK;
		size_t skip = colon < n ? colon + 1 : 0;

		if (act == SP_PG_REFUSE || n - skip >= sizeof(name))
			return -EINVAL;
		memcpy(name, s + skip, n - skip);
		name[n - skip] = 0;
		SP_TRY(resolve_field(&nodes[i], row, name, act));
		s += n + strspn(s + n, " ");
	}
	return 0;
}

static int resolve_tags(void)
{
	const ProtobufCMessageDescriptor *d = &pg_query__node__descriptor;

	for (size_t i = 0; i < SP_PG_TAGS; i++)
		by_tag[i] = -1;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		if (f->id >= SP_PG_TAGS || f->type != PROTOBUF_C_TYPE_MESSAGE)
			return -EINVAL;
		by_tag[f->id] = (int16_t)index_of(f->descriptor);
	}
	return 0;
}

static void resolve(void)
{
	for (size_t i = 0; i < ROWS; i++)
		if (resolve_node(i) < 0)
			return;
	resolved = resolve_tags() == 0;
}

const struct sp_pg_node *sp_pg_nodes(void)
{
	call_once(&once, resolve);
	return resolved ? nodes : NULL;
}

int sp_pg_by_tag(uint32_t tag, struct sp_bytes *ret_name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(&pg_query__node__descriptor, tag);

	*ret_name = SP_LIT("?");
	if (!f || tag >= SP_PG_TAGS)
		return -1;
	*ret_name = sp_bytes_cstr(((const ProtobufCMessageDescriptor *)f->descriptor)->short_name);
	return by_tag[tag];
}

struct sp_bytes sp_pg_field_name(uint32_t node, uint32_t number)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(rows[node].desc, number);

	return f ? sp_bytes_cstr(f->name) : SP_LIT("?");
}

uint32_t sp_pg_index(const char *name)
{
	for (uint32_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

bool sp_pg_kind_ok(uint64_t object_type)
{
	switch (object_type) {
	case PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN:
	case PG_QUERY__OBJECT_TYPE__OBJECT_INDEX:
	case PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW:
	case PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT:
	case PG_QUERY__OBJECT_TYPE__OBJECT_TABLE:
	case PG_QUERY__OBJECT_TYPE__OBJECT_VIEW:
		return true;
	default:
		return false;
	}
}

bool sp_pg_alter_ok(uint64_t subtype)
{
	switch (subtype) {
	case PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_ColumnDefault:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_DropNotNull:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_SetNotNull:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_AlterConstraint:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_ValidateConstraint:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_DropConstraint:
	case PG_QUERY__ALTER_TABLE_TYPE__AT_AlterColumnType:
		return true;
	default:
		return false;
	}
}
