#include "tools/sallyctl/show.h"

#include <stdio.h>
#include "common/banned.h"

#define CELL_MAX 512u
#define CELL_WIDE 60ul // a longer one does not push the others aside

struct cell {
	char text[CELL_MAX];
	size_t columns; ///< on a terminal
	bool number;
};

/// Copy UTF-8, with '?' for control characters (C0, DEL, C1) and for marks that reorder text.
static void visible(struct sp_bytes s, bool keep_lines, char *buf, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n + 5 < cap; i++) {
		uint8_t c = s.p[i];
		bool c1 = c == 0xc2 && i + 1 < s.n && s.p[i + 1] < 0xa0;
		bool bidi =
			c == 0xe2 && i + 2 < s.n &&
			((s.p[i + 1] == 0x80 && s.p[i + 2] >= 0xaa && s.p[i + 2] <= 0xae) ||
				(s.p[i + 1] == 0x81 && s.p[i + 2] >= 0xa6 && s.p[i + 2] <= 0xa9));

		if (c1 || bidi) {
			buf[n++] = '?';
			i += c1 ? 1 : 2;
		} else if (c == 0x7f || (c < 0x20 && !(keep_lines && (c == '\n' || c == '\t')))) {
			buf[n++] = '?';
		} else {
			buf[n++] = (char)c;
		}
	}
	buf[n] = 0;
}

static void cell_of(struct sp_bytes value, struct cell *ret)
{
	struct sp_bytes rest = value;
	uint8_t json[CELL_MAX];
	struct sp_out o = sp_out_init(json, sizeof(json));
	struct sp_cv_value v = {0};

	ret->number = false;
	ret->columns = 0;
	if (value.n == 0 || sp_cv_next(&rest, &v) < 0 || v.type == SP_CV_NIL) {
		snprintf(ret->text, sizeof(ret->text), "-");
	} else if (v.type == SP_CV_STR) {
		visible(v.s.n ? v.s : SP_LIT("-"), false, ret->text, sizeof(ret->text));
	} else if (v.type == SP_CV_BOOL) {
		snprintf(ret->text, sizeof(ret->text), "%s", v.u ? "yes" : "no");
	} else {
		sp_cv_json(value, &o);
		visible(sp_bytes(json, o.len), false, ret->text, sizeof(ret->text));
		ret->number = v.type == SP_CV_UINT || v.type == SP_CV_INT || v.type == SP_CV_FLOAT;
	}
	for (const char *p = ret->text; *p; p++)
		ret->columns += ((uint8_t)*p & 0xc0) != 0x80;
}

static const char *color_of(const struct sp_show *s, const char *text)
{
	static const char *const good[] = {"ready", "serving", "ok", "allow", "intact", "in force"};
	static const char *const bad[] = {"latched", "full", "gone", "deny", "failed", "degraded",
		"broken", "revoked", "in_doubt"};

	if (!s->color)
		return NULL;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++)
		if (strcmp(text, good[i]) == 0)
			return "\x1b[32m";
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		if (strcmp(text, bad[i]) == 0)
			return "\x1b[31m";
	return NULL;
}

static void print_cell(const struct sp_show *s, const struct cell *c, size_t width, bool last)
{
	size_t pad = width > c->columns ? width - c->columns : 0;
	const char *color = color_of(s, c->text);

	printf("%*s%s%s%s", c->number ? (int)pad : 0, "", color ? color : "", c->text,
		color ? "\x1b[0m" : "");
	if (!last)
		printf("%*s  ", c->number ? 0 : (int)pad, "");
}

struct columns {
	struct sp_bytes name[SP_SHOW_COLUMNS_MAX];
	unsigned n;
};

static void columns_by_name(const char *names, struct columns *ret)
{
	ret->n = 0;
	while (*names && ret->n < SP_SHOW_COLUMNS_MAX) {
		size_t n = strcspn(names, " ");

		ret->name[ret->n++] = sp_bytes(names, n);
		names += n + (names[n] == ' ');
	}
}

static void columns_of_row(struct sp_bytes row, struct columns *ret)
{
	struct sp_cv_value head, key;

	ret->n = 0;
	if (sp_cv_next(&row, &head) < 0 || head.type != SP_CV_MAP)
		return;
	for (uint32_t i = 0; i < head.n && ret->n < SP_SHOW_COLUMNS_MAX; i++) {
		if (sp_cv_next(&row, &key) < 0 || sp_cv_skip(&row, NULL) < 0)
			return;
		if (key.type == SP_CV_STR)
			ret->name[ret->n++] = key.s;
	}
}

static void column_cell(struct sp_bytes row, struct sp_bytes name, struct cell *ret)
{
	struct sp_bytes value = SP_NOBYTES;

	if (sp_cv_get(row, name, &value) < 0)
		value = SP_NOBYTES;
	cell_of(value, ret);
}

static void widen(struct sp_show *s, const struct columns *cols, struct sp_bytes rows, uint32_t n)
{
	struct cell c;

	for (uint32_t i = 0; i < n; i++) {
		struct sp_bytes row;

		if (sp_cv_skip(&rows, &row) < 0)
			return;
		for (unsigned k = 0; k < cols->n; k++) {
			column_cell(row, cols->name[k], &c);
			c.columns = sp_min(c.columns, CELL_WIDE);
			s->width[k] = sp_max(s->width[k], c.columns);
		}
	}
}

static void print_head(struct sp_show *s, const struct columns *cols, struct sp_bytes first)
{
	struct cell c, under;

	if (s->color)
		printf("\x1b[1m");
	for (unsigned k = 0; k < cols->n; k++) {
		visible(cols->name[k], false, c.text, sizeof(c.text));
		c.columns = cols->name[k].n;
		s->width[k] = sp_max(s->width[k], c.columns);
		column_cell(first, cols->name[k], &under);
		c.number = under.number;
		print_cell(s, &c, s->width[k], k + 1 == cols->n);
	}
	puts(s->color ? "\x1b[0m" : "");
	s->headed = true;
}

static void show_table(struct sp_show *s, struct sp_bytes rows, uint32_t n, unsigned indent)
{
	struct sp_bytes rest = rows, row = SP_NOBYTES;
	struct columns cols;
	struct cell c;

	if (sp_cv_skip(&rest, &row) < 0)
		return;
	if (s->columns)
		columns_by_name(s->columns, &cols);
	else
		columns_of_row(row, &cols);
	widen(s, &cols, rows, n);
	if (!s->headed) {
		printf("%*s", (int)indent, "");
		print_head(s, &cols, row);
	}
	for (uint32_t i = 0; i < n && sp_cv_skip(&rows, &row) == 0; i++) {
		printf("%*s", (int)indent, "");
		for (unsigned k = 0; k < cols.n; k++) {
			column_cell(row, cols.name[k], &c);
			print_cell(s, &c, s->width[k], k + 1 == cols.n);
		}
		puts("");
	}
}

static void show_value(struct sp_show *s, struct sp_bytes value, unsigned indent);

static void show_lines(struct sp_show *s, struct sp_bytes rows, uint32_t n, unsigned indent)
{
	struct sp_bytes row, text;

	for (uint32_t i = 0; i < n && sp_cv_skip(&rows, &row) == 0; i++)
		if (sp_cv_get(row, sp_bytes_cstr(s->line_key), &text) == 0)
			show_value(s, text, indent);
}

static void show_list(struct sp_show *s, struct sp_bytes items, uint32_t n, unsigned indent)
{
	struct sp_bytes rest = items, item;
	struct sp_cv_value v;

	if (n == 0) {
		if (!s->headed)
			printf("%*snone\n", (int)indent, "");
		return;
	}
	if (sp_cv_next(&rest, &v) == 0 && v.type == SP_CV_MAP) {
		(s->line_key ? show_lines : show_table)(s, items, n, indent);
		return;
	}
	for (uint32_t i = 0; i < n && sp_cv_skip(&items, &item) == 0; i++)
		show_value(s, item, indent);
}

static bool is_container(struct sp_bytes value)
{
	struct sp_cv_value v;

	return sp_cv_next(&value, &v) == 0 && (v.type == SP_CV_MAP || v.type == SP_CV_ARRAY);
}

static void show_map(struct sp_show *s, struct sp_bytes members, uint32_t n, unsigned indent)
{
	struct sp_bytes rest = members, key, value;
	size_t width = 0;
	struct cell c;

	for (uint32_t i = 0; i < n; i++) {
		if (sp_cv_skip(&rest, &key) < 0 || sp_cv_skip(&rest, &value) < 0)
			return;
		cell_of(key, &c);
		if (!is_container(value))
			width = sp_max(width, c.columns);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (sp_cv_skip(&members, &key) < 0 || sp_cv_skip(&members, &value) < 0)
			return;
		cell_of(key, &c);
		if (is_container(value)) {
			struct sp_show inner = {.color = s->color};

			printf("%*s%s%s%s\n", (int)indent, "", s->color ? "\x1b[1m" : "", c.text,
				s->color ? "\x1b[0m" : "");
			show_value(&inner, value, indent + 2);
			continue;
		}
		printf("%*s%-*s  ", (int)indent, "", (int)(width + strlen(c.text) - c.columns),
			c.text);
		cell_of(value, &c);
		c.number = false;
		print_cell(s, &c, 0, true);
		puts("");
	}
}

static void show_text(struct sp_bytes text)
{
	char *buf = malloc(text.n + 8);

	if (!buf)
		return;
	visible(text, true, buf, text.n + 8);
	fputs(buf, stdout);
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		puts("");
	free(buf);
}

static void show_value(struct sp_show *s, struct sp_bytes value, unsigned indent)
{
	struct sp_bytes rest = value;
	struct sp_cv_value v;
	struct cell c;

	if (sp_cv_next(&rest, &v) < 0 || v.type == SP_CV_NIL)
		return;
	if (v.type == SP_CV_MAP) {
		show_map(s, rest, v.n, indent);
	} else if (v.type == SP_CV_ARRAY) {
		show_list(s, rest, v.n, indent);
	} else if (v.type == SP_CV_STR && indent == 0) {
		show_text(v.s);
	} else {
		cell_of(value, &c);
		printf("%*s%s\n", (int)indent, "", c.text);
	}
}

void sp_show(struct sp_show *s, struct sp_bytes value)
{
	struct sp_bytes rest = value, found;
	struct sp_cv_value v;

	if (s->row_key && sp_cv_next(&rest, &v) == 0 && v.type == SP_CV_MAP) {
		if (sp_cv_get(value, sp_bytes_cstr(s->row_key), &found) == 0)
			show_table(s, value, 1, 0);
	} else {
		show_value(s, value, 0);
	}
	fflush(stdout);
}

void sp_show_json(struct sp_bytes value)
{
	for (size_t cap = value.n * 2 + 256;; cap *= 2) {
		uint8_t *text = malloc(cap);
		struct sp_out o = sp_out_init(text, cap);

		if (!text)
			return;
		sp_cv_json(value, &o);
		if (!o.overflow) {
			fwrite(text, 1, o.len, stdout);
			puts("");
			fflush(stdout);
		}
		free(text);
		if (!o.overflow || cap > (64u << 20))
			return;
	}
}
