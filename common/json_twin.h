/// The scanner's grammar, included once by each twin. The twin defines before:
///   TWIN                    attributes of every function here (the target)
///   TWIN_SCAN               name of the scan function it exports
///   twin_plain(base,p,end)  first byte at or after p that is no plain string byte: '"', '\\',
///                           a control or not ASCII; or end
///   twin_escaped(p,end)     first byte at or after p that is neither plain nor of an escape of two characters; or end
///   twin_blanks(p,end)      first byte at or after p that is no JSON whitespace, or end
/// An open container keeps its parent in `next` and its count so far in `count`, so that depth
/// costs no stack and is bounded by max_depth alone. No pragma once: a template.

#define TWIN_INLINE static inline __attribute__((always_inline)) TWIN

struct twin {
	const uint8_t *base, *end;
	struct sp_json_tok *tok;
	uint32_t n, cap;
	uint32_t depth, max_depth;
	uint32_t top; ///< the open container
	uint32_t count; ///< its children so far
	bool in_object;
	struct sp_json_error *error;
};

TWIN_INLINE const uint8_t *twin_fail(struct twin *s, const uint8_t *p, int err, const char *what)
{
	return sp_json_fail(s->error, (size_t)(p - s->base), err, what);
}

TWIN_INLINE const uint8_t *twin_skip(struct twin *s, const uint8_t *p)
{
	if (sp_likely(p<s->end && * p> ' '))
		return p;
	if (sp_likely(s->end - p >= 2 && *p == ' ' && p[1] > ' '))
		return p + 1;
	return twin_blanks(p, s->end);
}

/// Append a token; false when there is no room.
TWIN_INLINE bool twin_emit(struct twin *s, enum sp_json_type type, const uint8_t *from,
	const uint8_t *to, uint32_t next, bool escaped)
{
	if (sp_unlikely(s->n >= s->cap)) {
		twin_fail(s, from, -E2BIG, "too many tokens");
		return false;
	}
	s->tok[s->n++] = (struct sp_json_tok){
		.off = (uint32_t)(from - s->base),
		.len = (uint32_t)(to - from),
		.next = next,
		.type = type,
		.escaped = escaped,
	};
	return true;
}

/// At the opening quote.
TWIN_INLINE const uint8_t *twin_string(struct twin *s, const uint8_t *p)
{
	const uint8_t *from = p + 1, *q = twin_plain(s->base, from, s->end);
	bool escaped = false;

	while (sp_unlikely(q == s->end || *q != '"')) {
		if (q == s->end)
			return twin_fail(s, q, -EBADMSG, "unterminated string");
		if (*q == '\\') {
			const uint8_t *at = q;

			escaped = true;
			q = twin_escaped(q, s->end);
			if (q != at)
				continue;
			q = sp_json_escape(s->base, q, s->end, s->error);
		} else if (*q >= 0x80) {
			q = sp_json_utf8(s->base, q, s->end, s->error);
		} else {
			return twin_fail(s, q, -EBADMSG, "control character in a string");
		}
		if (!q)
			return NULL;
		q = twin_plain(s->base, q, s->end);
	}
	return twin_emit(s, SP_JSON_STRING, from, q, s->n + 1, escaped) ? q + 1 : NULL;
}

/// Key and colon: the byte after the colon.
TWIN_INLINE const uint8_t *twin_key(struct twin *s, const uint8_t *p)
{
	p = twin_skip(s, p);
	if (sp_unlikely(p == s->end || *p != '"'))
		return twin_fail(s, p, -EBADMSG, "object key expected");
	p = twin_string(s, p);
	if (sp_unlikely(!p))
		return NULL;
	p = twin_skip(s, p);
	if (sp_unlikely(p == s->end || *p != ':'))
		return twin_fail(s, p, -EBADMSG, "colon expected");
	return p + 1;
}

TWIN_INLINE const uint8_t *twin_word(
	struct twin *s, const uint8_t *p, const char *word, size_t n, enum sp_json_type type)
{
	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return twin_fail(s, p, -EBADMSG, "value expected");
	return twin_emit(s, type, p, p + n, s->n + 1, false) ? p + n : NULL;
}

TWIN_INLINE const uint8_t *twin_number(struct twin *s, const uint8_t *p)
{
	const uint8_t *q = sp_json_number(s->base, p, s->end, s->error);

	return q && twin_emit(s, SP_JSON_NUMBER, p, q, s->n + 1, false) ? q : NULL;
}

/// At the closing bracket of the open container: the byte after it.
TWIN_INLINE const uint8_t *twin_close(struct twin *s, const uint8_t *p)
{
	struct sp_json_tok *t = &s->tok[s->top];
	uint32_t parent = t->next, again;

	t->len = (uint32_t)(p + 1 - s->base) - t->off;
	t->next = s->n;
	t->count = s->count;
	if (s->in_object && s->count > 1) {
		again = sp_json_repeated_key(s->base, s->tok, s->top);
		if (sp_unlikely(again != SP_JSON_NONE))
			return twin_fail(s, s->base + s->tok[again].off, -EEXIST, "duplicate key");
	}
	s->depth--;
	if (s->depth) {
		s->top = parent;
		s->count = s->tok[parent].count;
		s->in_object = s->tok[parent].type == SP_JSON_OBJECT;
	}
	return p + 1;
}

/// At '[' or '{'. *more: a value follows; else the container was empty and is closed.
TWIN_INLINE const uint8_t *twin_open(struct twin *s, const uint8_t *p, bool *more)
{
	bool object = *p == '{';
	uint32_t parent = s->top, me = s->n;

	if (sp_unlikely(s->depth >= s->max_depth))
		return twin_fail(s, p, -E2BIG, "nested too deeply");
	if (sp_unlikely(
		    !twin_emit(s, object ? SP_JSON_OBJECT : SP_JSON_ARRAY, p, p, parent, false)))
		return NULL;
	if (s->depth)
		s->tok[parent].count = s->count;
	s->depth++;
	s->top = me;
	s->count = 0;
	s->in_object = object;
	p = twin_skip(s, p + 1);
	if (p < s->end && *p == (object ? '}' : ']'))
		return twin_close(s, p);
	s->count = 1;
	*more = true;
	return object ? twin_key(s, p) : p;
}

TWIN_INLINE const uint8_t *twin_value(struct twin *s, const uint8_t *p, bool *more)
{
	*more = false;
	p = twin_skip(s, p);
	if (sp_unlikely(p == s->end))
		return twin_fail(s, p, -EBADMSG, "value expected");
	if (*p == '"')
		return twin_string(s, p);
	switch (*p) {
	case '{':
	case '[':
		return twin_open(s, p, more);
	case 't':
		return twin_word(s, p, "true", 4, SP_JSON_TRUE);
	case 'f':
		return twin_word(s, p, "false", 5, SP_JSON_FALSE);
	case 'n':
		return twin_word(s, p, "null", 4, SP_JSON_NULL);
	case '-':
	case '0' ... '9':
		return twin_number(s, p);
	default:
		return twin_fail(s, p, -EBADMSG, "value expected");
	}
}

/// After a value: closes what ends here. *more: a value follows; else the document is complete.
TWIN_INLINE const uint8_t *twin_after(struct twin *s, const uint8_t *p, bool *more)
{
	while (s->depth) {
		p = twin_skip(s, p);
		if (p < s->end && *p == ',') {
			s->count++;
			*more = true;
			return s->in_object ? twin_key(s, p + 1) : p + 1;
		}
		if (sp_unlikely(p == s->end || *p != (s->in_object ? '}' : ']')))
			return twin_fail(s, p, -EBADMSG, "comma or end of container expected");
		p = twin_close(s, p);
		if (sp_unlikely(!p))
			return NULL;
	}
	p = twin_skip(s, p);
	return p == s->end ? p : twin_fail(s, p, -EBADMSG, "bytes after the document");
}

TWIN int TWIN_SCAN(struct sp_bytes text, uint32_t max_depth, struct sp_json_tok *tok, uint32_t cap,
	struct sp_json *ret, struct sp_json_error *error)
{
	struct sp_json_error local;
	struct twin s = {
		.base = text.p,
		.end = text.p + text.n,
		.tok = tok,
		.cap = sp_min(cap, SP_JSON_TOKENS_MAX),
		.max_depth = max_depth,
		.error = error ? error : &local,
	};
	const uint8_t *p = text.p;
	bool more;

	if (text.n >= UINT32_MAX)
		p = sp_json_fail(s.error, 0, -E2BIG, "text of 4 GiB or more");
	else if (text.n == 0)
		p = sp_json_fail(s.error, 0, -EBADMSG, "value expected");
	else if (text.n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p = sp_json_fail(s.error, 0, -EBADMSG, "byte-order mark");
	if (!p)
		return s.error->err;
	do {
		p = twin_value(&s, p, &more);
		if (sp_likely(p && !more))
			p = twin_after(&s, p, &more);
	} while (sp_likely(p && more));
	if (!p)
		return s.error->err;
	*ret = (struct sp_json){.text = text, .tok = tok, .n = s.n};
	return 0;
}
