/// Static types, and the parts of the type check; inside of this room.
#pragma once

#include "config/cel/ast.h"

struct cel_scope {
	struct cel_node *loop;
	const struct cel_type *element;
	const struct cel_scope *outer;
};
struct cel_checker {
	struct cel_cc *c;
	const struct cel_scope *scope;
};

bool cel_same(const struct cel_type *a, const struct cel_type *b);
bool cel_is_numeric(const struct cel_type *t);
const struct cel_type *cel_join(const struct cel_type *a, const struct cel_type *b);
const struct cel_type *cel_type_new(struct cel_cc *c, enum sp_cel_type kind,
	const struct cel_type *key, const struct cel_type *elem);
const struct cel_type *cel_type_of_var(enum sp_cel_static s);
/// The value of a type's name.
bool cel_type_named(const char *path, struct sp_bytes *ret);

const struct cel_type *cel_check_node(struct cel_checker *k, struct cel_node *n);
/// Names, selects and has(): check_name.c.
const struct cel_type *cel_check_name(struct cel_checker *k, struct cel_node *n);
/// `base[key]` of a variable whose fields lie in another one.
bool cel_redirect_fields(struct cel_checker *k, struct cel_node *base);
/// Operators whose arguments were checked: check_op.c.
const struct cel_type *cel_check_op(struct cel_checker *k, struct cel_node *n);
/// A problem of types, which an unchecked compilation leaves to the run time. Returns DYN.
const struct cel_type *cel_mismatch(struct cel_checker *k, const struct cel_node *n,
	const char *mend, const char *what, const struct cel_type *a, const struct cel_type *b);
