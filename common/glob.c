#include "common/glob.h"

#include "common/url.h"
#include "common/banned.h"

/// Bit i of a word set: the first i elements of the glob have matched.
struct automaton {
	uint64_t take[256 *
		      SP_GLOB_WORDS]; ///< [byte * words + w]: states that move on over this byte
	uint64_t any[SP_GLOB_WORDS]; ///< states in front of a star for every byte
	uint64_t segment[SP_GLOB_WORDS]; ///< in front of a star that stops at '/'
	uint64_t inside[SP_GLOB_WORDS]; ///< behind a '?', which takes the rest of a UTF-8 sequence
					///< too
	unsigned words, elements;
	bool open_end; ///< the last element is a star for every byte
	bool ignore_case;
};

static void set_bit(uint64_t *set, unsigned i)
{
	set[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool same(uint8_t a, uint8_t b, bool ignore_case)
{
	return a == b || (ignore_case && is_alpha(a) && (a | 0x20) == (b | 0x20));
}

static bool is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/// The element at glob[at]; returns the bytes it takes up in the glob.
static size_t add_element(
	struct automaton *m, enum sp_glob_kind kind, struct sp_bytes glob, size_t at)
{
	unsigned i = m->elements++;
	uint8_t c = glob.p[at];
	size_t n = 1;

	if (c == '*') {
		while (at + n < glob.n && glob.p[at + n] == '*')
			n++;
		m->open_end = kind == SP_GLOB_NAME || n > 1 || at + n == glob.n;
		set_bit(m->open_end ? m->any : m->segment, i);
		return n;
	}
	m->open_end = false;
	if (c == '?' && kind == SP_GLOB_NAME) {
		for (unsigned b = 0; b < 256; b++)
			if (!is_continuation((uint8_t)b))
				set_bit(&m->take[b * m->words], i);
		set_bit(m->inside, i + 1);
		return n;
	}
	set_bit(&m->take[c * m->words], i);
	if (m->ignore_case && is_alpha(c))
		set_bit(&m->take[(c ^ 0x20) * m->words], i);
	return n;
}

static void build(
	struct automaton *m, enum sp_glob_kind kind, struct sp_bytes glob, bool ignore_case)
{
	m->words = (unsigned)(glob.n / 64) + 1;
	m->elements = 0;
	m->open_end = false;
	m->ignore_case = ignore_case;
	memset(m->take, 0, 256 * m->words * sizeof(m->take[0]));
	memset(m->any, 0, sizeof(m->any));
	memset(m->segment, 0, sizeof(m->segment));
	memset(m->inside, 0, sizeof(m->inside));
	for (size_t at = 0; at < glob.n;)
		at += add_element(m, kind, glob, at);
}

/// A star may match nothing: the state behind it holds as well. Stars never stand side by side.
static void pass_stars(const struct automaton *m, uint64_t *state)
{
	uint64_t carry = 0;

	for (unsigned w = 0; w < m->words; w++) {
		uint64_t at_star = state[w] & (m->any[w] | m->segment[w]);

		state[w] |= at_star << 1 | carry;
		carry = at_star >> 63;
	}
}

static bool advance(const struct automaton *m, uint8_t c, uint64_t *state)
{
	const uint64_t *take = &m->take[c * m->words];
	uint64_t carry = 0, alive = 0;

	for (unsigned w = 0; w < m->words; w++) {
		uint64_t moved = state[w] & take[w];
		uint64_t stay = m->any[w] | (c == '/' ? 0 : m->segment[w]) |
				(is_continuation(c) ? m->inside[w] : 0);

		state[w] = moved << 1 | carry | (state[w] & stay);
		carry = moved >> 63;
		alive |= state[w];
	}
	pass_stars(m, state);
	return alive != 0;
}

static bool run(const struct automaton *m, struct sp_bytes text, uint64_t *steps)
{
	uint64_t state[SP_GLOB_WORDS] = {1};
	unsigned last = m->elements - (m->open_end ? 1 : 0);

	pass_stars(m, state);
	for (size_t i = 0; i < text.n; i++) {
		if (m->open_end && (state[last / 64] >> (last % 64) & 1))
			return true;
		*steps += m->words;
		if (!advance(m, text.p[i], state))
			return false;
	}
	return state[m->elements / 64] >> (m->elements % 64) & 1;
}

bool sp_glob_run(enum sp_glob_kind kind, struct sp_bytes glob, struct sp_bytes text,
	bool ignore_case, uint64_t *steps)
{
	struct automaton m;
	size_t n = 0;

	if (glob.n > SP_GLOB_MAX)
		return false;
	while (n < glob.n && glob.p[n] != '*' && (glob.p[n] != '?' || kind == SP_GLOB_PATH)) {
		if (n == text.n || !same(glob.p[n], text.p[n], ignore_case))
			return false;
		n++;
	}
	*steps += n;
	glob = sp_bytes(glob.p + n, glob.n - n);
	text = sp_bytes(text.p + n, text.n - n);
	if (glob.n == 0)
		return text.n == 0;
	if (glob.n == 1 && glob.p[0] == '*')
		return true;
	build(&m, kind, glob, ignore_case);
	return run(&m, text, steps);
}

bool sp_glob_match(struct sp_bytes glob, struct sp_bytes text, bool ignore_case)
{
	uint64_t steps = 0;

	return sp_glob_run(SP_GLOB_NAME, glob, text, ignore_case, &steps);
}
