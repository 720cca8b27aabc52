/// What may stand in a PostgreSQL parse tree: node types and, of each, the fields. Internal to this
/// folder. The table is written with the library's own names and resolved against its descriptors
/// once; a name the library does not have makes every text refused.
#pragma once

#include "common/sql/sql_int.h"

enum sp_pg_class {
	SP_PG_NEVER = 0,
	SP_PG_ANY, ///< in any statement
	SP_PG_TOP, ///< the statement itself, or under EXPLAIN
	SP_PG_DDL, ///< in DDL only
	SP_PG_TOP_DDL,
};
/// What a field's value must be besides well-formed.
enum sp_pg_act {
	SP_PG_REFUSE = 0,
	SP_PG_WALK, ///< messages are walked, scalars are taken
	SP_PG_FUNCTION, ///< a list of names: a function that only computes
	SP_PG_OPERATOR, ///< a list of names: one of PostgreSQL's own operators, without a schema
	SP_PG_SAMPLE, ///< a list of names: bernoulli or system
	SP_PG_SUBSCRIPT, ///< (x).name calls a function when there is no such column
	SP_PG_COLUMN, ///< so does f.name when f is a function in FROM
	SP_PG_WITH, ///< names that hide tables in the rest of the statement
	SP_PG_TARGET, ///< the table that is written: no WITH hides it
	SP_PG_RETURNING, ///< only where policy lets rows come back
	SP_PG_NOTHING, ///< ON CONFLICT DO NOTHING
	SP_PG_EXPLAIN, ///< options that do not run the statement
	SP_PG_INNER, ///< the statement that is explained
	SP_PG_KIND, ///< an object type of the list in pg_nodes.c
	SP_PG_ALTER, ///< a kind of ALTER TABLE of the list in pg_nodes.c
	SP_PG_OBJECTS, ///< lists of names: tables
	SP_PG_CATALOG,
	SP_PG_SCHEMA,
	SP_PG_RELATION,
};
#define SP_PG_FIELDS 32u
struct sp_pg_field {
	uint8_t act; ///< enum sp_pg_act
	int16_t child; ///< index of the message's type, -1 for a Node, -2 for a scalar or string
};
struct sp_pg_node {
	const char *name;
	uint8_t class;
	uint8_t style; ///< log2 of the style bit of a SP_PG_TOP one and of SelectStmt, else 0xff
	uint16_t with; ///< offset of its WITH in the struct, 0 none
	struct sp_pg_field field[SP_PG_FIELDS];
};
#define SP_PG_TAGS 256u
/// The types by index; NULL when the library is not the one this was written for. Thread-safe.
const struct sp_pg_node *sp_pg_nodes(void);
/// By a Node's field number: the type's index, or -1; `ret_name` gets its name.
int sp_pg_by_tag(uint32_t tag, struct sp_bytes *ret_name);
/// Name of a field of a type, for the verdict.
struct sp_bytes sp_pg_field_name(uint32_t node, uint32_t number);
uint32_t sp_pg_index(const char *name);
bool sp_pg_kind_ok(uint64_t object_type);
bool sp_pg_alter_ok(uint64_t subtype);
