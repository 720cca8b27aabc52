/// The scanner's grammar, included once by each twin. The twin defines before:
///   TWIN                    attributes of every function here (the target)
///   TWIN_SCAN               name of the scan function it exports
///   struct twin_eye         what twin_look wants at hand; made by twin_eye()
///   twin_look(eye,p)        how many of the TWIN_LOOK bytes at p come before the first that is no plain string byte:
///                           '"', '\\', a control or not ASCII
///   twin_keep(v,n)          v's low n bytes, n as many as 31; else of a greater n anything that only it decides
///   twin_zero(to,n)         n a multiple of 256
///   twin_plain(eye,base,p,end)  the first such byte at or after p; or end
///   twin_escaped(p,end)     first byte at or after p that is neither plain nor of an escape of two characters; or end
///   twin_blanks(p,end)      first byte at or after p that is no JSON whitespace, or end
/// The grammar never asks whether the text ends here: before `near` TWIN_AHEAD bytes can be read, and from there on a
/// copy is, with NULs behind it that nothing takes. That is looked after where an element or a member begins, behind a
/// container, and behind whatever can be longer than a look.
/// An open container keeps its parent in `next` and its count so far in `len`, so that depth
/// costs no stack and is bounded by max_depth alone. No pragma once: a template.

#define TWIN_INLINE static inline __attribute__((always_inline)) TWIN
#define TWIN_APART static __attribute__((noinline)) TWIN

#define TWIN_AHEAD 80u ///< more than a name and a value of one look each, and what stands around them
#define TWIN_SLOT_BITS 7u ///< few to set to 0 in each scan, enough for most objects
_Static_assert(TWIN_AHEAD > 2 * TWIN_LOOK + 8, "a name, a colon, a value and what follows");

struct twin {
	struct twin_eye eye;
	const uint8_t *base; ///< byte 0 of the text, or where it would be before the copy of the end
	const uint8_t *text, *copy;
	size_t bytes;
	const uint8_t *near; ///< from here on only the copy is read
	struct sp_json_tok *tok, *room, *room_end; ///< all, the next, and where there is none
	uint32_t n;
	uint32_t depth, max_depth;
	uint32_t top; ///< the open container
	uint32_t count; ///< its children so far
	uint8_t bracket; ///< that closes it
	struct sp_json_error *error;
	uint32_t *slot; ///< by a hash of name and object: the last name that fell there
};

TWIN_INLINE bool twin_fail(struct twin *s, const uint8_t *p, int err, const char *what)
{
	sp_json_fail(s->error, (size_t)(p - s->base), err, what);
	return false;
}

TWIN_INLINE const uint8_t *twin_end(const struct twin *s)
{
	return s->base + s->bytes;
}

/// From here on the copy is read, if what comes is near the end.
TWIN_INLINE void twin_near(struct twin *s, const uint8_t **p)
{
	if (sp_unlikely(*p >= s->near)) {
		*p = s->copy + (*p - s->base);
		s->base = s->copy;
		s->near = (const uint8_t *)UINTPTR_MAX;
	}
}

/// The byte at *p, or behind the blanks there.
TWIN_INLINE uint8_t twin_skip(struct twin *s, const uint8_t **p)
{
	if (sp_unlikely(**p <= ' ')) {
		*p = **p == ' ' && (*p)[1] > ' ' ? *p + 1 : twin_blanks(*p, twin_end(s));
		twin_near(s, p);
	}
	return **p;
}

/// Append a token.
TWIN_INLINE bool twin_emit(struct twin *s, enum sp_json_type type, const uint8_t *from, size_t len, uint32_t next,
	bool escaped, bool apart, bool plain)
{
	struct sp_json_tok *t = s->room;

	if (sp_unlikely(t == s->room_end))
		return twin_fail(s, from, -E2BIG, "too many tokens");
	s->room++;
	s->n++;
	t->off = (uint32_t)(from - s->base);
	t->len = (uint32_t)len;
	t->next = next;
	t->type = type;
	t->escaped = escaped;
	t->apart = apart;
	t->plain = plain;
	t->count = 0;
	return true;
}

/// The string's end, looked for from `q`: the closing quote, or NULL.
TWIN_APART const uint8_t *twin_rest(const uint8_t *base, const uint8_t *q, const uint8_t *end, bool *escaped,
	bool *plain, struct sp_json_error *error)
{
	struct twin_eye eye = twin_eye();

	for (;;) {
		q = twin_plain(&eye, base, q, end);
		if (q != end && *q == '"')
			return q;
		*plain = false;
		if (q == end)
			return sp_json_fail(error, (size_t)(q - base), -EBADMSG, "unterminated string");
		if (*q == '\\') {
			*escaped = true;
			q = end - q >= 2 && sp_json_short_escape(q[1]) ? twin_escaped(q, end)
								       : sp_json_escape(base, q, end, error);
		} else if (*q >= 0x80) {
			q = sp_json_utf8(base, q, end, error);
		} else {
			return sp_json_fail(error, (size_t)(q - base), -EBADMSG, "control character in a string");
		}
		if (!q)
			return NULL;
	}
}

/// The open object gets a plain name. Names of one object that are alike but for case fall into one slot, and what is
/// put into slots only grows: where nothing stands that is younger than the object, no such name was before. Else it
/// was one of the object's, or one within its values.
TWIN_INLINE void twin_note(struct twin *s, const uint8_t *from, size_t len)
{
	uint64_t first, h;
	uint16_t last;

	memcpy(&first, from, 8);
	memcpy(&last, from + len - 2, 2);
	h = (twin_keep(first, len) | 0x2020202020202020) + ((twin_keep(last, len) | 0x2020) << 41);
	h = (h + len + s->top) * 0x9e3779b97f4a7c15ull >> (64 - TWIN_SLOT_BITS);
	if (sp_unlikely(s->slot[h] > s->top) &&
		!sp_json_new_name(s->text, s->tok, s->top, s->n, s->count, sp_bytes(from, len)))
		s->tok[s->top].apart = false;
	s->slot[h] = s->n;
}

/// At the opening quote: behind `len` bytes that are looked at the string goes on, or there is no colon behind it.
TWIN_INLINE bool twin_longer(struct twin *s, const uint8_t **p, size_t len, bool name)
{
	const uint8_t *from = *p + 1, *q;
	bool escaped = false, plain = true, ok;

	if (len == TWIN_LOOK && from + len < s->near)
		len += twin_look(&s->eye, from + len);
	q = from + len;
	if (*q != '"') {
		q = twin_rest(s->base, q, twin_end(s), &escaped, &plain, s->error);
		if (!q)
			return false;
	}
	len = (size_t)(q - from);
	if (name && plain)
		twin_note(s, from, len);
	else if (name)
		s->tok[s->top].apart = false;
	ok = twin_emit(s, SP_JSON_STRING, from, len, s->n + 1, escaped, false, plain);
	*p = q + 1;
	twin_near(s, p);
	return ok;
}

/// At the opening quote. Most strings end within a look.
TWIN_INLINE bool twin_string(struct twin *s, const uint8_t **p)
{
	const uint8_t *from = *p + 1;
	size_t len = twin_look(&s->eye, from);

	if (sp_unlikely(from[len] != '"'))
		return twin_longer(s, p, len, false);
	*p = from + len + 1;
	return twin_emit(s, SP_JSON_STRING, from, len, s->n + 1, false, false, true);
}

/// Name and colon. Most names end within a look, and the colon follows.
TWIN_INLINE bool twin_name(struct twin *s, const uint8_t **p)
{
	const uint8_t *from;
	size_t len;

	twin_near(s, p);
	if (sp_unlikely(**p != '"' && twin_skip(s, p) != '"'))
		return twin_fail(s, *p, -EBADMSG, "object key expected");
	from = *p + 1;
	len = twin_look(&s->eye, from);
	if (!sp_unlikely(memcmp(from + len, "\":", 2) != 0)) {
		twin_note(s, from, len);
		*p = from + len + 2;
		return twin_emit(s, SP_JSON_STRING, from, len, s->n + 1, false, false, true);
	}
	if (!twin_longer(s, p, len, true))
		return false;
	if (sp_unlikely(twin_skip(s, p) != ':'))
		return twin_fail(s, *p, -EBADMSG, "colon expected");
	++*p;
	return true;
}

TWIN_INLINE bool twin_word(
	struct twin *s, const uint8_t **p, const char *word, size_t n, enum sp_json_type type)
{
	if (memcmp(*p, word, n) != 0)
		return twin_fail(s, *p, -EBADMSG, "value expected");
	*p += n;
	return twin_emit(s, type, *p - n, n, s->n + 1, false, false, false);
}

/// How many of eight bytes come before the first that is no digit; 7, too, when there is none.
TWIN_INLINE unsigned twin_digits(const uint8_t *p)
{
	uint64_t v, stop;

	memcpy(&v, p, 8);
	v ^= 0x3030303030303030;
	stop = (v | (v + 0x7676767676767676)) & 0x8080808080808080; // of bytes before the first only it is exact
	return (unsigned)__builtin_ctzll(stop | 1ull << 63) / 8;
}

/// At '-' or a digit. Most numbers are short integers.
TWIN_INLINE bool twin_number(struct twin *s, const uint8_t **p)
{
	const uint8_t *from = *p, *q = from + twin_digits(from);

	if (sp_unlikely((*q != ',' && *q != s->bracket) || (*from == '0' && q > from + 1))) {
		q = sp_json_number(s->base, from, twin_end(s), s->error);
		if (!q || !twin_emit(s, SP_JSON_NUMBER, from, (size_t)(q - from), s->n + 1, false, false, false))
			return false;
		*p = q;
		twin_near(s, p);
		return true;
	}
	*p = q;
	return twin_emit(s, SP_JSON_NUMBER, from, (size_t)(q - from), s->n + 1, false, false, false);
}

/// A value that is no container.
TWIN_INLINE bool twin_scalar(struct twin *s, const uint8_t **p)
{
	uint8_t c = **p;

	if (sp_likely(c == '"'))
		return twin_string(s, p);
	if (c == '-' || (uint8_t)(c - '0') <= 9)
		return twin_number(s, p);
	if (c == 't')
		return twin_word(s, p, "true", 4, SP_JSON_TRUE);
	if (c == 'f')
		return twin_word(s, p, "false", 5, SP_JSON_FALSE);
	return twin_word(s, p, "null", 4, SP_JSON_NULL);
}

/// At the closing bracket of the open container.
TWIN_INLINE bool twin_close(struct twin *s, const uint8_t **p)
{
	struct sp_json_tok *t = &s->tok[s->top];
	uint32_t parent = t->next, again;

	++*p;
	t->len = (uint32_t)(*p - s->base) - t->off;
	t->next = s->n;
	t->count = s->count;
	if (sp_unlikely(s->bracket == '}' && !t->apart)) {
		again = sp_json_repeated_key(s->text, s->tok, s->top);
		if (again != SP_JSON_NONE)
			return twin_fail(s, s->base + s->tok[again].off, -EEXIST, "duplicate key");
	}
	s->depth--;
	s->top = parent;
	s->count = s->tok[parent].len;
	s->bracket = s->tok[parent].type == SP_JSON_OBJECT ? '}' : ']';
	twin_near(s, p);
	return true;
}

TWIN_INLINE bool twin_opens(uint8_t c)
{
	return (c | 0x20) == '{'; // or a square one
}

/// At '[' or '{'.
TWIN_INLINE bool twin_open(struct twin *s, const uint8_t **p)
{
	bool object = **p == '{';
	uint32_t me = s->n;

	if (sp_unlikely(s->depth >= s->max_depth))
		return twin_fail(s, *p, -E2BIG, "nested too deeply");
	if (sp_unlikely(!(object ? twin_emit(s, SP_JSON_OBJECT, *p, 0, s->top, false, true, false)
				 : twin_emit(s, SP_JSON_ARRAY, *p, 0, s->top, false, false, false))))
		return false;
	s->tok[s->top].len = s->count; // of the first its own, which is 0
	s->depth++;
	s->top = me;
	s->bracket = object ? '}' : ']';
	++*p;
	s->count = twin_skip(s, p) != s->bracket;
	return true;
}

/// Only blanks may follow.
TWIN_INLINE bool twin_ends(struct twin *s, const uint8_t *p)
{
	if (p != twin_end(s))
		twin_skip(s, &p);
	return p == twin_end(s) || twin_fail(s, p, -EBADMSG, "bytes after the document");
}

TWIN_INLINE bool twin_document(struct twin *s)
{
	const uint8_t *p = s->base;
	uint8_t c;

	twin_near(s, &p);
	if (!twin_opens(twin_skip(s, &p)))
		return twin_scalar(s, &p) && twin_ends(s, p);
open:
	if (sp_unlikely(!twin_open(s, &p)))
		return false;
	if (!s->count)
		goto close;
	if (s->bracket == ']')
		goto element;
name:
	if (sp_unlikely(!twin_name(s, &p)))
		return false;
	goto value;
element:
	twin_near(s, &p);
value:
	if (*p != '"' && twin_opens(twin_skip(s, &p)))
		goto open;
	if (sp_unlikely(!twin_scalar(s, &p)))
		return false;
after:
	c = *p == ',' ? ',' : twin_skip(s, &p);
	if (c == ',') {
		s->count++;
		p++;
		if (s->bracket == '}')
			goto name;
		goto element;
	}
	if (sp_unlikely(c != s->bracket))
		return twin_fail(s, p, -EBADMSG, "comma or end of container expected");
close:
	if (sp_unlikely(!twin_close(s, &p)))
		return false;
	if (s->depth)
		goto after;
	return twin_ends(s, p);
}

/// The end of the text and NULs behind it. What stands before it twin_note() can read, but nothing follows from it.
struct twin_copy {
	uint8_t before[16], bytes[TWIN_AHEAD], after[TWIN_AHEAD];
};

TWIN_INLINE void twin_copy_end(struct twin *s, struct sp_bytes text, struct twin_copy *copy)
{
	size_t n = sp_min(text.n, (size_t)TWIN_AHEAD), from = text.n - n;

	memset(copy->before, 0, sizeof(copy->before));
	memset(copy->after, 0, sizeof(copy->after));
	if (sp_likely(from)) {
		memcpy(copy->bytes, text.p + from, TWIN_AHEAD);
	} else {
		memset(copy->bytes, 0, sizeof(copy->bytes));
		memcpy(copy->bytes, text.p, n);
	}
	s->near = text.p + from;
	s->copy = (const uint8_t *)((uintptr_t)copy->bytes - from);
}

TWIN int TWIN_SCAN(struct sp_bytes text, uint32_t max_depth, struct sp_json_tok *tok, uint32_t cap,
	struct sp_json *ret, struct sp_json_error *error)
{
	struct sp_json_error local;
	struct twin_copy copy;
	uint32_t slot[1u << TWIN_SLOT_BITS];
	struct twin s = {
		.slot = slot,
		.eye = twin_eye(),
		.base = text.p,
		.text = text.p,
		.bytes = text.n,
		.tok = tok,
		.room = tok,
		.room_end = tok + sp_min(cap, SP_JSON_TOKENS_MAX),
		.max_depth = max_depth,
		.error = error ? error : &local,
	};
	bool ok;

	if (text.n >= UINT32_MAX)
		ok = twin_fail(&s, text.p, -E2BIG, "text of 4 GiB or more");
	else if (text.n == 0)
		ok = twin_fail(&s, text.p, -EBADMSG, "value expected");
	else if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		ok = twin_fail(&s, text.p, -EBADMSG, "byte-order mark");
	else {
		twin_zero(slot, sizeof(slot));
		twin_copy_end(&s, text, &copy);
		ok = twin_document(&s);
	}
	if (!ok)
		return s.error->err;
	*ret = (struct sp_json){.text = text, .tok = tok, .n = s.n};
	return 0;
}
