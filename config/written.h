/// How a text stands in its file where that is not to the letter: with escapes, or folded into other lines. For telling
/// where a problem within it lies. Pure.
#pragma once

#include "config/arena.h"
#include "config/check.h"

enum sp_written_style {
	SP_WRITTEN_PLAIN = 1, ///< over several lines, which YAML folds
	SP_WRITTEN_SINGLE,    ///< in single quotes
	SP_WRITTEN_DOUBLE,    ///< in double quotes: YAML's escapes, among them JSON's
	SP_WRITTEN_FOLDED,    ///< a block that YAML folds
};
struct sp_written {
	/// NULL: to the letter, a block's lines indented alike. Else from the first character on, for a block the first
	/// after its indentation, until where it ends or beyond.
	const char *s;
	enum sp_written_style style;
};

/// A copy in `arena`: 0, -ENOMEM.
SP_MUST_CHECK int sp_written_copy(struct sp_arena *arena, const struct sp_written *w, struct sp_written *ret);
/// Where byte `off` of `text` stands, whose first one stands at `at`. Columns count bytes from there.
struct sp_at sp_written_at(const struct sp_written *w, struct sp_bytes text, size_t off, struct sp_at at);
