/// `policy explain`: a call that is made up.
#include "tools/sallyctl/local.h"

#include "common/clock.h"
#include "common/record.h"
#include "config/load.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/local_record.h"

#include <stdio.h>
#include "common/banned.h"

#define JSON_BYTES_MAX (4u << 20)

enum { AGENT, TOOL, ARGUMENTS, CLAIMS, CONTEXT, SCOPES, PURPOSE, PEER, UPSTREAM, TIME, HISTORY, AFTER,
	RECORD, OPTIONS };
static const char *const names[OPTIONS] = {"agent", "tool", "arguments", "claims", "context", "scopes",
	"purpose", "peer", "upstream", "time", "history", "after", "record"};

struct asked {
	const char *value[OPTIONS];
	uint8_t *file[OPTIONS]; ///< of values that name one
	struct sp_trial_in in;
};

static struct sp_bytes text(const char *s)
{
	return s ? sp_bytes_cstr(s) : SP_NOBYTES;
}

/// JSON as it stands, or the file that '@' names.
static int json_value(struct asked *a, int which, struct sp_bytes *ret)
{
	const char *s = a->value[which];
	size_t n;
	int err;

	if (!s || s[0] != '@') {
		*ret = text(s);
		return 0;
	}
	err = sp_local_read(s + 1, JSON_BYTES_MAX, &a->file[which], &n);
	if (err)
		fprintf(stderr, "sallyctl: %s: %s\n", s + 1, sp_load_why(err));
	else
		*ret = sp_bytes(a->file[which], n);
	return err;
}

static int words(const char *s, struct sp_trial_in *in)
{
	while (s && *s) {
		size_t n = strcspn(s, " ,");

		if (n && in->after_n == SP_TRIAL_AFTER_MAX)
			return -E2BIG;
		if (n)
			in->after[in->after_n++] = sp_bytes(s, n);
		s += n + (s[n] != 0);
	}
	return 0;
}

static int gather(struct asked *a)
{
	struct sp_trial_in *in = &a->in;

	in->agent = text(a->value[AGENT]);
	in->tool = text(a->value[TOOL]);
	in->scopes = text(a->value[SCOPES]);
	in->purpose = text(a->value[PURPOSE]);
	in->peer = text(a->value[PEER]);
	in->upstream = text(a->value[UPSTREAM]);
	in->history = text(a->value[HISTORY]);
	in->wall_ns = sp_clock_wall_ns();
	if (a->value[TIME] && sp_time_parse(a->value[TIME], in->wall_ns, &in->wall_ns) < 0) {
		fprintf(stderr, "sallyctl: --time takes 2026-01-31T08:00:00Z or 15m, not '%s'\n",
			a->value[TIME]);
		return -EINVAL;
	}
	if (a->value[PEER] && !sp_trial_is_peer(in->peer)) {
		fprintf(stderr, "sallyctl: --peer takes an address such as 192.0.2.7 or 2001:db8::7, not '%s'\n",
			a->value[PEER]);
		return -EINVAL;
	}
	if (words(a->value[AFTER], in) < 0) {
		fprintf(stderr, "sallyctl: --after takes at most %u tools\n", SP_TRIAL_AFTER_MAX);
		return -EINVAL;
	}
	SP_TRY(json_value(a, ARGUMENTS, &in->arguments));
	SP_TRY(json_value(a, CLAIMS, &in->claims));
	return json_value(a, CONTEXT, &in->context);
}

static void print_call(const struct sp_trial_in *in, bool json)
{
	uint8_t buf[64];
	struct sp_out time = sp_out_init(buf, sizeof(buf));

	sp_out_time(&time, in->wall_ns);
	fputs(json ? "{\"agent\":" : "agent ", stdout);
	(json ? sp_local_put_json : sp_local_put_text)(in->agent);
	fputs(json ? ",\"tool\":" : ", tool ", stdout);
	(json ? sp_local_put_json : sp_local_put_text)(in->tool);
	printf(json ? ",\"time\":\"%.*s\"," : ", at %.*s\n", (int)time.len, (const char *)buf);
}

static int explain(const struct sp_line *l, const struct sp_snap *s, const struct sp_trial_in *in)
{
	struct sp_local_judged j = {0};
	const char *wrong = NULL;
	struct sp_trial *t;
	int err;

	SP_TRY(sp_trial_new(s, &t));
	err = sp_trial_set(t, in, &wrong);
	if (err)
		fprintf(stderr, "sallyctl: %s\n", wrong);
	if (err == 0)
		err = sp_local_judge(t, l->json, NULL, &j);
	sp_trial_free(t);
	SP_TRY(err);
	print_call(in, l->json);
	if (l->json) {
		sp_local_put_verdict(s, &j.full, j.full.score);
		printf(",\"explanation\":%.*s}\n", (int)j.n, (const char *)j.text);
	} else {
		fwrite(j.text, 1, j.n, stdout);
	}
	free(j.text);
	return 0;
}

static int run(const struct sp_line *l, struct asked *a, const char *const *path, int n)
{
	struct sp_snap s;
	uint8_t *blob;
	int err;

	if (sp_local_snapshot(path, n, &blob, &s) < 0)
		return SP_CTL_REFUSED;
	if (a->value[RECORD])
		err = sp_local_explain_records(l, &s, a->value[RECORD], &a->in);
	else
		err = explain(l, &s, &a->in);
	free(blob);
	if (err == -ENOMEM)
		fprintf(stderr, "sallyctl: %s\n", strerror(ENOMEM));
	if (err == -ENODATA && fflush(stdout) == 0)
		return SP_CTL_UNDECIDED;
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}

static bool complete(const struct asked *a, int paths)
{
	if (paths == 0)
		fputs("sallyctl: policy explain needs a policy file or folder", stderr);
	else if (!a->value[RECORD] && (!a->value[AGENT] || !a->value[TOOL]))
		fputs("sallyctl: policy explain needs --agent and --tool, or --record", stderr);
	else if (a->value[RECORD] && (a->value[AGENT] || a->value[TOOL] || a->value[TIME] ||
					    a->value[HISTORY]))
		fputs("sallyctl: agent, tool, time and history are the record's", stderr);
	else
		return true;
	fputs("; see 'sallyctl help policy explain'\n", stderr);
	return false;
}

int sp_local_policy_explain(const struct sp_line *l)
{
	struct sp_local_option option[OPTIONS];
	const char *path[SP_ARRAY_LEN(l->argv)];
	struct asked a = {0};
	int code = SP_CTL_USAGE, n;

	for (int i = 0; i < OPTIONS; i++)
		option[i] = (struct sp_local_option){names[i], &a.value[i], NULL};
	n = sp_local_options(l, option, OPTIONS, path);
	if (n < 0 || !complete(&a, n))
		return SP_CTL_USAGE;
	if (gather(&a) == 0)
		code = run(l, &a, path, n);
	for (int i = 0; i < OPTIONS; i++)
		free(a.file[i]);
	return code;
}
