/// OpenSSL's memory. For every record it takes and gives back a buffer and a few small blocks, the same sizes each
/// time: those wait on lists for the next record, all else goes to the allocator.
#include "dataplane/tls/tls.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include "common/banned.h"

struct block {
	struct block *next;
};

/// Blocks asked for with more than `over` and at most `bytes`, all of them made with `bytes`.
static struct list {
	size_t over, bytes;
	unsigned most, n; ///< to be kept, and kept
	size_t usable;    ///< what the allocator says of one, by which it is known when it comes back
	struct block *first;
} lists[] = {
	{.over = 32, .bytes = 48, .most = 512}, // a length being written, four a record
	{.over = 16384, .bytes = 20480, .most = 64}, // a record
};

/// Blocks of lists that went out last: nearly all come back at once, and asking the allocator about them takes longer
/// than all else here.
#define RECENT 8u
static struct {
	void *p;
	struct list *of;
} recent[RECENT];
static unsigned recent_at;

static struct list *list_for(size_t n)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++)
		if (n > lists[i].over && n <= lists[i].bytes)
			return &lists[i];
	return NULL;
}

static void *take(size_t n, const char *file, int line)
{
	struct list *l = list_for(n);
	struct block *b;

	(void)file;
	(void)line;
	if (!l)
		return malloc(n);
	b = l->first;
	if (!b)
		return malloc(l->bytes);
	l->first = b->next;
	l->n--;
	recent[recent_at].p = b;
	recent[recent_at].of = l;
	recent_at = (recent_at + 1) % RECENT;
	return b;
}

/// The list that `p` came from not long ago, which is forgotten with that, or NULL.
static struct list *recent_list(const void *p)
{
	for (unsigned i = 0; i < RECENT; i++) {
		if (recent[i].p != p)
			continue;
		recent[i].p = NULL;
		return recent[i].of;
	}
	return NULL;
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p)
		(void)recent_list(p);
	return realloc(p, n);
}

/// NULL: not of the size of any list's.
static struct list *list_by_size(void *p)
{
	size_t usable = malloc_usable_size(p);

	for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++)
		if (usable == lists[i].usable)
			return &lists[i];
	return NULL;
}

static void give(void *p, const char *file, int line)
{
	struct list *l;
	struct block *b = p;

	(void)file;
	(void)line;
	if (!p)
		return;
	l = recent_list(p);
	if (!l)
		l = list_by_size(p);
	if (!l || l->n == l->most) {
		free(p);
		return;
	}
	b->next = l->first;
	l->first = b;
	l->n++;
}

int sp_tls_memory(void)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++) {
		void *p = malloc(lists[i].bytes);

		if (!p)
			return -ENOMEM;
		lists[i].usable = malloc_usable_size(p);
		free(p);
	}
	return CRYPTO_set_mem_functions(take, resize, give) == 1 ? 0 : -EBUSY;
}

size_t sp_tls_memory_kept(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++)
		kept += lists[i].n * lists[i].bytes;
	return kept;
}
