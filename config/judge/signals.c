/// Signals in arguments: shapes that commands, injected SQL, traversal and addresses of inside have. Points for
/// the score and nothing more: a hint that no rule replaces, with no claim to find all.
#include "config/judge/judge_in.h"
#include "common/banned.h"

enum { META = 1, QUOTE = 2, DOTS = 4, PERCENT = 8, COLON = 16, EQUALS = 32, WORD = 64, BLOB = 128 };

/// Bytes by what they may be part of; WORD and BLOB alone make nothing worth a closer look.
static const uint8_t classes[256] = {
	['0' ... '9'] = WORD | BLOB,
	['A' ... 'Z'] = WORD | BLOB,
	['a' ... 'z'] = WORD | BLOB,
	['_'] = WORD | BLOB,
	[';'] = META,
	['|'] = META,
	['&'] = META,
	['`'] = META,
	['$'] = META,
	['<'] = META,
	['>'] = META,
	['\n'] = META,
	['\''] = QUOTE,
	['"'] = QUOTE,
	[')'] = QUOTE,
	['.'] = DOTS,
	['\\'] = DOTS,
	['%'] = PERCENT,
	[':'] = COLON,
	['='] = EQUALS | BLOB,
	['+'] = BLOB,
	['/'] = BLOB,
	['-'] = BLOB,
};
#define LOOK (META | QUOTE | DOTS | PERCENT | COLON | EQUALS)

enum word { W_NONE = 0, W_SHELL, W_VERB, W_UNION, W_LOGIC, W_SLEEP, W_SECRET };
struct known {
	struct sp_bytes word;
	enum word is;
};
#define W(text, is) {{(const uint8_t *)(text), sizeof(text) - 1}, (is)}
/// By first letter.
static const struct known words[] = {
	W("alter", W_VERB), W("and", W_LOGIC), W("bash", W_SHELL), W("benchmark", W_SLEEP),
	W("cat", W_SHELL), W("chmod", W_SHELL), W("cmd", W_SHELL), W("curl", W_SHELL), W("dd", W_SHELL),
	W("delete", W_VERB), W("drop", W_VERB), W("eval", W_SHELL), W("exec", W_VERB),
	W("insert", W_VERB), W("kill", W_SHELL), W("load_file", W_SLEEP), W("mkfifo", W_SHELL),
	W("nc", W_SHELL), W("ncat", W_SHELL), W("node", W_SHELL), W("or", W_LOGIC), W("passwd", W_SECRET),
	W("perl", W_SHELL), W("pg_sleep", W_SLEEP), W("php", W_SHELL), W("powershell", W_SHELL),
	W("python", W_SHELL), W("python3", W_SHELL), W("rm", W_SHELL), W("select", W_VERB),
	W("sh", W_SHELL), W("shadow", W_SECRET), W("sleep", W_SLEEP), W("sudo", W_SHELL),
	W("truncate", W_VERB), W("union", W_UNION), W("update", W_VERB), W("waitfor", W_VERB),
	W("wget", W_SHELL), W("whoami", W_SHELL), W("xp_cmdshell", W_SLEEP), W("zsh", W_SHELL),
};

static enum word word_is(struct sp_bytes w)
{
	uint8_t c = w.n >= 2 && w.n <= 11 ? w.p[0] | 0x20 : 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(words) && words[i].word.p[0] <= c; i++)
		if (words[i].word.p[0] == c && words[i].word.n == w.n && sp_bytes_ieq(w, words[i].word))
			return words[i].is;
	return W_NONE;
}

struct scan {
	struct sp_bytes text;
	struct judge_signals *s;
	size_t at;
	unsigned between;  ///< classes since the last word
	enum word last;
	uint32_t percents;
};

static bool next_is(const struct scan *k, struct sp_bytes what)
{
	return sp_bytes_starts(sp_bytes(k->text.p + k->at, k->text.n - k->at), what);
}

static uint8_t byte_at(const struct scan *k, size_t i)
{
	return i < k->text.n ? k->text.p[i] : 0;
}

static size_t skip_blank(const struct scan *k, size_t i)
{
	while (byte_at(k, i) == ' ' || byte_at(k, i) == '\'' || byte_at(k, i) == '"' ||
		byte_at(k, i) == '(' || byte_at(k, i) == '\t')
		i++;
	return i;
}

static size_t word_end(const struct scan *k, size_t i)
{
	while (i < k->text.n && classes[k->text.p[i]] & WORD)
		i++;
	return i;
}

/// Behind OR, AND: `1=1`, `'a'='a'`, `x = x`.
static bool tautology(const struct scan *k, size_t i)
{
	size_t a = skip_blank(k, i), a_end = word_end(k, a), b, b_end;

	b = skip_blank(k, a_end);
	if (byte_at(k, b) != '=' || a == a_end)
		return false;
	b = skip_blank(k, b + 1);
	b_end = word_end(k, b);
	return sp_bytes_ieq(sp_bytes(k->text.p + a, a_end - a), sp_bytes(k->text.p + b, b_end - b));
}

static void see_word(struct scan *k, size_t end)
{
	enum word is = word_is(sp_bytes(k->text.p + k->at, end - k->at));
	uint8_t before = k->at ? k->text.p[k->at - 1] : 0, after = byte_at(k, end);

	switch (is) {
	case W_SHELL:
		k->s->shell += k->between & META ? 50 : 0;
		k->s->shell += after == ' ' && byte_at(k, end + 1) == '-' ? 30 : 0;
		k->s->shell += before == '/' ? 20 : 0;
		break;
	case W_VERB:
		k->s->sql += k->last == W_UNION ? 60 : k->between & (META | QUOTE) ? 30 : 0;
		break;
	case W_LOGIC:
		k->s->sql += tautology(k, end) ? 70 : 0;
		break;
	case W_SLEEP:
		k->s->sql += after == '(' || end - k->at == 11 ? 50 : 0;
		break;
	case W_SECRET:
		k->s->traversal += before == '/' ? 30 : 0;
		break;
	default:
		break;
	}
	// UNION ALL SELECT
	if (!(is == W_NONE && k->last == W_UNION && end - k->at == 3))
		k->last = is;
	k->between = 0;
	k->at = end;
}

static bool private_v4(struct sp_bytes host)
{
	static const char *const nets[] = {"0.", "10.", "127.", "169.254.", "192.168.", "100.100."};

	for (size_t i = 0; i < SP_ARRAY_LEN(nets); i++)
		if (sp_bytes_starts(host, sp_bytes_cstr(nets[i])))
			return true;
	return host.n > 6 && sp_bytes_starts(host, SP_LIT("172.")) && host.p[6] == '.' &&
	       ((host.p[4] == '1' && host.p[5] >= '6') || host.p[4] == '2' ||
		       (host.p[4] == '3' && host.p[5] <= '1'));
}

/// Behind "://".
static void see_host(struct scan *k, size_t scheme_n, size_t at)
{
	static const char *const names[] = {"localhost", "metadata.", "[::1]", "[fd", "[fe80", "[::ffff"};
	struct sp_bytes host = sp_bytes(k->text.p + at, k->text.n - at);
	struct sp_bytes scheme = sp_bytes(k->text.p + at - 3 - scheme_n, scheme_n);
	bool inside = private_v4(host);

	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		struct sp_bytes name = sp_bytes_cstr(names[i]);

		inside |= host.n >= name.n && sp_bytes_ieq(sp_bytes(host.p, name.n), name);
	}
	// one number, or hexadecimal: a spelling that only machines use
	inside |= host.n > 1 && host.p[0] == '0' && (host.p[1] | 0x20) == 'x';
	k->s->address += inside ? 60 : 0;
	if (sp_bytes_ieq(scheme, SP_LIT("file")))
		k->s->address += 50;
	else if (!sp_bytes_ieq(scheme, SP_LIT("http")) && !sp_bytes_ieq(scheme, SP_LIT("https")))
		k->s->address += 15;
}

static void see_percent(struct scan *k)
{
	k->percents++;
	if (next_is(k, SP_LIT("%2e")) || next_is(k, SP_LIT("%2E")) || next_is(k, SP_LIT("%2f")) ||
		next_is(k, SP_LIT("%2F")) || next_is(k, SP_LIT("%5c")) || next_is(k, SP_LIT("%00")))
		k->s->traversal += 15;
}

static void see_other(struct scan *k, uint8_t c)
{
	k->between |= classes[c];
	if (c == '.' && (next_is(k, SP_LIT("../")) || next_is(k, SP_LIT("..\\"))))
		k->s->traversal += 30;
	else if (c == '$' && (next_is(k, SP_LIT("$(")) || next_is(k, SP_LIT("${"))))
		k->s->shell += 30;
	else if (c == '`')
		k->s->shell += 10;
	else if (c == '-' && k->between & QUOTE && next_is(k, SP_LIT("--")))
		k->s->sql += 30;
	else if (c == '%')
		see_percent(k);
	k->at++;
}

/// Sums stay small, so that long texts do not turn them around.
static void hold(struct judge_signals *s)
{
	s->shell = s->shell < 80 ? s->shell : 80;
	s->sql = s->sql < 80 ? s->sql : 80;
	s->traversal = s->traversal < 60 ? s->traversal : 60;
	s->address = s->address < 75 ? s->address : 75;
	s->length = s->length < 40 ? s->length : 40;
	s->encoded = s->encoded < 40 ? s->encoded : 40;
}

static void look_closer(struct sp_bytes text, struct judge_signals *s)
{
	struct scan k = {.text = text, .s = s};

	while (k.at < text.n) {
		size_t end = word_end(&k, k.at);

		if (end == k.at) {
			see_other(&k, text.p[k.at]);
			continue;
		}
		if (byte_at(&k, end) == ':' && byte_at(&k, end + 1) == '/' && byte_at(&k, end + 2) == '/')
			see_host(&k, end - k.at, end + 3);
		see_word(&k, end);
		hold(s);
	}
	s->encoded += k.percents >= 16 ? 30 : 0;
}

/// The longest run of what base64 is made of.
static size_t longest_run(struct sp_bytes text)
{
	size_t run = 0, longest = 0;

	for (size_t i = 0; i < text.n; i++) {
		run = classes[text.p[i]] & BLOB ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

typedef uint8_t sixteen __attribute__((vector_size(16)));

/// Letters, digits, blanks, '_', '-': none of LOOK. A vector's lanes that are.
static bool all_plain(sixteen v)
{
	uint64_t half[2];
	sixteen ok = (sixteen)((v | 0x20) - 'a' <= 'z' - 'a') | (sixteen)(v - '0' <= '9' - '0') |
		     (sixteen)(v == ' ') | (sixteen)(v == '_') | (sixteen)(v == '-');

	memcpy(half, &ok, sizeof(half));
	return (half[0] & half[1]) == UINT64_MAX;
}

/// A text of 1 to 15 bytes, some of them twice.
static sixteen short_text(const uint8_t *p, size_t n)
{
	uint64_t half[2];
	uint32_t quarter[2];
	sixteen v;

	if (n >= 8) {
		memcpy(&half[0], p, 8);
		memcpy(&half[1], p + n - 8, 8);
	} else if (n >= 4) {
		memcpy(&quarter[0], p, 4);
		memcpy(&quarter[1], p + n - 4, 4);
		half[0] = half[1] = (uint64_t)quarter[0] << 32 | quarter[1];
	} else {
		half[0] = half[1] = (p[0] | (uint64_t)p[n / 2] << 8 | (uint64_t)p[n - 1] << 16) * 0x1000001 |
				    (uint64_t)p[0] << 48 | (uint64_t)p[0] << 56;
	}
	memcpy(&v, half, sizeof(v));
	return v;
}

/// Nearly all texts are, or have a few bytes that the table has to be asked for. The last vectors overlap.
static bool is_plain(struct sp_bytes text)
{
	size_t at = 0;
	sixteen v;

	if (text.n < 16)
		return all_plain(short_text(text.p, text.n));
	for (; at + 16 <= text.n; at += 16) {
		memcpy(&v, text.p + at, sizeof(v));
		if (!all_plain(v))
			return false;
	}
	memcpy(&v, text.p + text.n - 16, sizeof(v));
	return all_plain(v);
}

static unsigned classes_of(struct sp_bytes text)
{
	unsigned all = 0;

	for (size_t i = 0; i < text.n; i++)
		all |= classes[text.p[i]];
	return all;
}

static void see_text(struct sp_bytes text, struct judge_signals *s)
{
	unsigned all = text.n == 0 || is_plain(text) ? 0 : classes_of(text);

	if (!(all & LOOK) && text.n < 256)
		return;
	if (all & LOOK)
		look_closer(text, s);
	if (text.n >= 256) {
		size_t run = longest_run(text);

		s->encoded += run >= 1024 ? 40 : run >= 256 ? 20 : 0;
	}
	s->length += text.n > 16384 ? 30 : text.n > 4096 ? 10 : 0;
	hold(s);
}

/// A text with escapes is read without them where there is room.
static struct sp_bytes unescaped(struct judge *j, const struct sp_json *d, uint32_t t)
{
	struct sp_bytes text = sp_json_span(d, t);
	uint8_t *buf;

	if (!d->tok[t].escaped)
		return text;
	j->c->arena->used = 0;
	buf = sp_cel_alloc(j->c->arena, text.n);
	if (buf && sp_json_str(d, t, buf, text.n, &text) == 0)
		return text;
	return sp_json_span(d, t);
}

void judge_signals(struct judge *j, struct judge_signals *ret)
{
	const struct sp_json *d = j->c->args_doc;
	size_t room = JUDGE_SCAN_BYTES;

	*ret = (struct judge_signals){0};
	if (!d || j->c->args == SP_JSON_NONE)
		return;
	for (uint32_t t = j->c->args; t < d->tok[j->c->args].next; t++) {
		struct sp_bytes text;

		if (sp_json_type(d, t) != SP_JSON_STRING)
			continue;
		text = sp_json_span(d, t);
		if (text.n > room) {
			ret->length = 40;
			break;
		}
		room -= text.n;
		see_text(unescaped(j, d, t), ret);
	}
	ret->points = ret->shell + ret->traversal + ret->sql + ret->address + ret->length +
		      ret->encoded;
	ret->points = ret->points < 100 ? ret->points : 100;
}
