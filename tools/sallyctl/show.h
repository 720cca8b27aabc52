/// Results as text for people: a map is "key  value" lines, a list of maps a table, a string
/// itself. What comes from outside (names of tools, agents) never reaches the terminal as an
/// escape.
#pragma once

#include "common/ctlval.h"

#define SP_SHOW_COLUMNS_MAX 32u

struct sp_show {
	bool color;
	const char *columns; ///< of tables: space-separated keys, or NULL = those of the first row
	const char *row_key; ///< a map alone that has this key is a row of the table; one without
			     ///< is not shown
	const char *line_key; ///< a list of maps is this member of each, a line each, instead of a table
	bool headed; ///< a table's head was printed; further rows go below it
	size_t width[SP_SHOW_COLUMNS_MAX];
};
void sp_show(struct sp_show *s, struct sp_bytes value);
/// As one line of JSON.
void sp_show_json(struct sp_bytes value);
