#include "bench/micro_frame.h"

#include "common/clock.h"
#include "dataplane/mcp/envelope.h"

#include <stdio.h>
#include "common/banned.h"

#define FRAMES_MAX 4096u
#define TEXT_MAX (4u << 20)
#define TOKENS 8192u
#define FRAME_MIN 300u
#define FRAME_MAX 8192u
#define ROUNDS 15

struct frames {
	struct sp_out text;
	struct sp_bytes frame[FRAMES_MAX];
	unsigned n;
};

/// Arguments as agents send them; used when the corpus is not there.
static const char *const samples[][2] = {
	{"book_reservation",
		"{\"user_id\":\"mia_li_3668\",\"origin\":\"JFK\",\"destination\":\"SEA\",\"flight_"
		"type\":"
		"\"one_way\",\"cabin\":\"economy\",\"flights\":[{\"flight_number\":\"HAT136\","
		"\"date\":"
		"\"2024-05-20\"},{\"flight_number\":\"HAT039\",\"date\":\"2024-05-20\"}],"
		"\"total_baggages\":3,\"nonfree_baggages\":1,\"insurance\":\"no\"}"},
	{"search", "{\"query\":\"caf\xc3\xa9s near the station, open after 22:00\",\"limit\":10,"
		   "\"filters\":{\"price\":[1,2],\"rating\":4.5,\"open_now\":true}}"},
	{"run_sql",
		"{\"sql\":\"SELECT id, total FROM orders WHERE customer = $1 AND total > 100\\n"
		"ORDER BY created_at DESC LIMIT 50\",\"parameters\":[\"c-1029\"],\"dry\":false}"},
	{"write_file", "{\"path\":\"notes/today.md\",\"content\":\"# Plan\\n\\n- read the "
		       "report\\n- answer "
		       "\\\"the\\\" question\\n- call the tool again when the answer changes, and "
		       "write down "
		       "what changed and why it matters to the reader of these notes\\n\"}"},
};

static const char modern_meta[] =
	",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	"\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}},"
	"\"io.modelcontextprotocol/clientInfo\":{\"name\":\"agent\",\"version\":\"3.1\"},"
	"\"progressToken\":\"p-1\"}}}";

static void add(struct frames *f, struct sp_bytes tool, struct sp_bytes arguments)
{
	struct sp_out *o = &f->text;
	size_t from = o->len;

	if (f->n == FRAMES_MAX || FRAME_MAX > o->cap - o->len ||
		tool.n + arguments.n > FRAME_MAX / 2)
		return;
	sp_out_lit(o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_u64(o, f->n);
	sp_out_lit(o, ",\"method\":\"tools/call\",\"params\":{\"name\":\"");
	sp_out_json_escaped(o, tool);
	sp_out_lit(o, "\",\"arguments\":");
	sp_out_bytes(o, arguments);
	if (f->n % 4)
		sp_out_lit(o, modern_meta);
	else
		sp_out_lit(o, ",\"_meta\":{\"progressToken\":7}}}");
	if (o->len - from < FRAME_MIN)
		o->len = from;
	else
		f->frame[f->n++] = sp_bytes(o->p + from, o->len - from);
}

/// One line of the corpus: its `text` is the arguments, as a string.
static void add_line(struct frames *f, struct sp_bytes line)
{
	static uint8_t arguments[1 << 16], name[256];
	struct sp_json_tok tok[64];
	struct sp_bytes text, tool;
	struct sp_json j;

	if (sp_json_scan(line, 4, tok, SP_ARRAY_LEN(tok), &j, NULL) == 0 &&
		sp_json_str(&j, sp_json_get(&j, 0, SP_LIT("text")), arguments, sizeof(arguments),
			&text) == 0 &&
		sp_json_str(&j, sp_json_get(&j, 0, SP_LIT("tool")), name, sizeof(name), &tool) ==
			0 &&
		text.n && text.p[0] == '{')
		add(f, tool, text);
}

static void gather(struct frames *f)
{
	const char *shared = getenv("SP_SHARED");
	char path[4096], *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *in;

	snprintf(path, sizeof(path), "%s/corpora/tool-calls.jsonl", shared ? shared : "../shared");
	in = fopen(path, "re");
	while (in && (n = getline(&line, &cap, in)) > 0)
		add_line(f, sp_bytes(line, (size_t)n - (line[n - 1] == '\n')));
	free(line);
	if (in)
		fclose(in);
	for (unsigned i = 0; f->n < 64; i++)
		add(f, sp_bytes_cstr(samples[i % 4][0]), sp_bytes_cstr(samples[i % 4][1]));
}

/// CPU time of this thread: what other processes take in between does not count.
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/// Nanoseconds for all frames once, or 0 when one was refused.
static uint64_t round_ns(const struct frames *f, struct sp_json_tok *tok)
{
	uint64_t from = cpu_ns();
	struct sp_envelope e;
	struct sp_json j;

	for (unsigned i = 0; i < f->n; i++)
		if (sp_json_scan(f->frame[i], 64, tok, TOKENS, &j, NULL) ||
			sp_envelope_read(&j, &e) || e.method != SP_METHOD_TOOLS_CALL)
			return 0;
	return sp_max(cpu_ns() - from, (uint64_t)1);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double sp_bench_frame_us_per_kib(void)
{
	struct frames *f = calloc(1, sizeof(*f));
	struct sp_json_tok *tok = malloc(sizeof(*tok) * TOKENS);
	uint8_t *text = malloc(TEXT_MAX);
	uint64_t ns[ROUNDS];
	double result = -1;

	if (f && tok && text) {
		f->text = sp_out_init(text, TEXT_MAX);
		gather(f);
		for (unsigned i = 0; i < ROUNDS; i++)
			ns[i] = round_ns(f, tok);
		qsort(ns, ROUNDS, sizeof(ns[0]), ascending);
		if (ns[0])
			result = (double)ns[ROUNDS / 2] / 1e3 / ((double)f->text.len / 1024);
	}
	free(text);
	free(tok);
	free(f);
	return result;
}
