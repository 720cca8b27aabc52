/// The scanner's grammar, included once by each twin. The twin defines before:
///   TWIN                    attributes of every function here (the target)
///   TWIN_SCAN               name of the scan function it exports
///   twin_plain(base,p,end)  first byte at or after p that is no plain string byte: '"', '\\',
///                           a control or not ASCII; or end
///   twin_escaped(p,end)     first byte at or after p that is neither plain nor of an escape of two characters; or end
///   twin_blanks(p,end)      first byte at or after p that is no JSON whitespace, or end
///   twin_quick(p,quick,end) as twin_plain, p before `quick`; or any byte from there on: the longer way then
/// An open container keeps its parent in `next` and its count so far in `len`, so that depth
/// costs no stack and is bounded by max_depth alone. No pragma once: a template.

#define TWIN_INLINE static inline __attribute__((always_inline)) TWIN

/// What stands where the scanner is.
enum { TWIN_VALUE, TWIN_AFTER, TWIN_NAME, TWIN_DONE };

#define TWIN_AHEAD 40u ///< bytes behind `quick`: a vector, and what is looked at around a string
#define TWIN_FEW 8u ///< members of an object whose names are told apart at a glance

struct twin {
	const uint8_t *base, *end;
	const uint8_t *quick; ///< before it TWIN_AHEAD bytes can be read; NULL in a short text
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

/// Append a token, for which there is room.
TWIN_INLINE void twin_put(struct twin *s, enum sp_json_type type, const uint8_t *from, const uint8_t *to, uint32_t next,
	bool escaped, bool plain)
{
	struct sp_json_tok *t = &s->tok[s->n++];

	t->off = (uint32_t)(from - s->base);
	t->len = (uint32_t)(to - from);
	t->next = next;
	t->type = type;
	t->escaped = escaped;
	t->apart = false;
	t->plain = plain;
	t->count = 0;
}

/// The same; false when there is no room.
TWIN_INLINE bool twin_emit(struct twin *s, enum sp_json_type type, const uint8_t *from,
	const uint8_t *to, uint32_t next, bool escaped, bool plain)
{
	if (sp_unlikely(s->n >= s->cap)) {
		twin_fail(s, from, -E2BIG, "too many tokens");
		return false;
	}
	twin_put(s, type, from, to, next, escaped, plain);
	return true;
}

/// At the opening quote.
TWIN_INLINE const uint8_t *twin_string(struct twin *s, const uint8_t *p)
{
	const uint8_t *from = p + 1, *q = twin_plain(s->base, from, s->end);
	bool escaped = false, plain = true;

	while (sp_unlikely(q == s->end || *q != '"')) {
		plain = false;
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
	return twin_emit(s, SP_JSON_STRING, from, q, s->n + 1, escaped, plain) ? q + 1 : NULL;
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
	return twin_emit(s, type, p, p + n, s->n + 1, false, false) ? p + n : NULL;
}

TWIN_INLINE const uint8_t *twin_number(struct twin *s, const uint8_t *p)
{
	const uint8_t *q = sp_json_number(s->base, p, s->end, s->error);

	return q && twin_emit(s, SP_JSON_NUMBER, p, q, s->n + 1, false, false) ? q : NULL;
}

/// Where a name must stand. Members that are plain strings, as most are, are read at once: *next is what follows.
TWIN_INLINE const uint8_t *twin_members(struct twin *s, const uint8_t *p, int *next)
{
	*next = TWIN_VALUE;
	while (p < s->quick && *p == '"' && s->cap - s->n >= 2) {
		const uint8_t *name = p + 1, *colon = twin_quick(name, s->quick, s->end), *value, *to;

		if (colon >= s->quick || memcmp(colon, "\":", 2) != 0)
			break;
		twin_put(s, SP_JSON_STRING, name, colon, s->n + 1, false, true);
		value = colon + 2;
		if (*value != '"')
			return value;
		to = value + 1 < s->quick ? twin_quick(value + 1, s->quick, s->end) : s->quick;
		if (to >= s->quick || *to != '"')
			return value;
		twin_put(s, SP_JSON_STRING, value + 1, to, s->n + 1, false, true);
		p = to + 1;
		if (*p != ',') {
			*next = TWIN_AFTER;
			return p;
		}
		s->count++;
		p++;
	}
	return twin_key(s, p);
}

/// The object that closes has few members and plain names, no two of them alike but for case, at a glance: by the first
/// byte, the last, one between them, with bit 0x20, and the length. Of what is not sure, sp_json_repeated_key() is
/// asked.
TWIN_INLINE bool twin_apart(const struct twin *s)
{
	const struct sp_json_tok *t = &s->tok[s->top + 1], *end = &s->tok[s->n];
	uint64_t one = 0, two = 0, again = 0;

	if (s->count > TWIN_FEW)
		return false;
	for (; t < end; t = &s->tok[t[1].next]) {
		const uint8_t *p = s->base + t->off;
		uint64_t h = p[t->len / 2] | (uint64_t)p[0] << 16; // the quotes, if it is empty

		h |= (uint64_t)p[(ptrdiff_t)t->len - 1] << 8;
		if (!t->plain)
			return false;
		h = ((h | 0x202020) + ((uint64_t)t->len << 24)) * 0xff51afd7ed558ccdull;
		again |= one >> (h >> 58) & two >> (h >> 52 & 63);
		one |= 1ull << (h >> 58);
		two |= 1ull << (h >> 52 & 63);
	}
	return !(again & 1);
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
		t->apart = twin_apart(s);
		again = t->apart ? SP_JSON_NONE : sp_json_repeated_key(s->base, s->tok, s->top);
		if (sp_unlikely(again != SP_JSON_NONE))
			return twin_fail(s, s->base + s->tok[again].off, -EEXIST, "duplicate key");
	}
	s->depth--;
	if (s->depth) {
		s->top = parent;
		s->count = s->tok[parent].len;
		s->in_object = s->tok[parent].type == SP_JSON_OBJECT;
	}
	return p + 1;
}

/// At '[' or '{'.
TWIN_INLINE const uint8_t *twin_open(struct twin *s, const uint8_t *p, int *next)
{
	bool object = *p == '{';
	uint32_t parent = s->top, me = s->n;

	if (sp_unlikely(s->depth >= s->max_depth))
		return twin_fail(s, p, -E2BIG, "nested too deeply");
	if (sp_unlikely(
		    !twin_emit(s, object ? SP_JSON_OBJECT : SP_JSON_ARRAY, p, p, parent, false, false)))
		return NULL;
	if (s->depth)
		s->tok[parent].len = s->count;
	s->depth++;
	s->top = me;
	s->count = 0;
	s->in_object = object;
	p = twin_skip(s, p + 1);
	if (p < s->end && *p == (object ? '}' : ']'))
		return twin_close(s, p);
	s->count = 1;
	*next = object ? TWIN_NAME : TWIN_VALUE;
	return p;
}

TWIN_INLINE const uint8_t *twin_value(struct twin *s, const uint8_t *p, int *next)
{
	*next = TWIN_AFTER;
	p = twin_skip(s, p);
	if (sp_unlikely(p == s->end))
		return twin_fail(s, p, -EBADMSG, "value expected");
	if (*p == '"')
		return twin_string(s, p);
	if ((*p | 0x20) == '{') // or a square one
		return twin_open(s, p, next);
	switch (*p) {
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

/// After a value: closes what ends here.
TWIN_INLINE const uint8_t *twin_after(struct twin *s, const uint8_t *p, int *next)
{
	while (s->depth) {
		p = twin_skip(s, p);
		if (p < s->end && *p == ',') {
			s->count++;
			*next = s->in_object ? TWIN_NAME : TWIN_VALUE;
			return p + 1;
		}
		if (sp_unlikely(p == s->end || *p != (s->in_object ? '}' : ']')))
			return twin_fail(s, p, -EBADMSG, "comma or end of container expected");
		p = twin_close(s, p);
		if (sp_unlikely(!p))
			return NULL;
	}
	*next = TWIN_DONE;
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
		.quick = text.n > TWIN_AHEAD ? text.p + text.n - TWIN_AHEAD : NULL,
		.tok = tok,
		.cap = sp_min(cap, SP_JSON_TOKENS_MAX),
		.max_depth = max_depth,
		.error = error ? error : &local,
	};
	const uint8_t *p = text.p;
	int next = TWIN_VALUE;

	if (text.n >= UINT32_MAX)
		p = sp_json_fail(s.error, 0, -E2BIG, "text of 4 GiB or more");
	else if (text.n == 0)
		p = sp_json_fail(s.error, 0, -EBADMSG, "value expected");
	else if (text.n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p = sp_json_fail(s.error, 0, -EBADMSG, "byte-order mark");
	if (!p)
		return s.error->err;
	while (sp_likely(p && next != TWIN_DONE)) {
		if (next == TWIN_VALUE)
			p = twin_value(&s, p, &next);
		else if (next == TWIN_NAME)
			p = twin_members(&s, p, &next);
		else
			p = twin_after(&s, p, &next);
	}
	if (!p)
		return s.error->err;
	*ret = (struct sp_json){.text = text, .tok = tok, .n = s.n};
	return 0;
}
