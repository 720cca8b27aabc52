#include "dataplane/identity/jwt.h"
#include "common/banned.h"

/// The next space-separated word of *s, taken off; empty at the end.
static struct sp_bytes next_word(struct sp_bytes *s)
{
	struct sp_bytes word;

	while (s->n && *s->p == ' ')
		*s = sp_bytes(s->p + 1, s->n - 1);
	word = sp_bytes(s->p, 0);
	while (word.n < s->n && s->p[word.n] != ' ')
		word.n++;
	*s = sp_bytes(s->p + word.n, s->n - word.n);
	return word;
}

static bool has_word(struct sp_bytes held, struct sp_bytes word)
{
	for (;;) {
		struct sp_bytes w = next_word(&held);

		if (w.n == 0)
			return false;
		if (sp_bytes_eq(w, word))
			return true;
	}
}

bool sp_scopes_cover(struct sp_bytes held, struct sp_bytes needed)
{
	for (;;) {
		struct sp_bytes w = next_word(&needed);

		if (w.n == 0)
			return true;
		if (!has_word(held, w))
			return false;
	}
}
