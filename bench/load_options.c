#include "bench/load_run.h"

#include <getopt.h>
#include "common/banned.h"

#define MORE_MAX 8u

static int number(const char *text, uint64_t *ret)
{
	int r = sp_bytes_u64(sp_bytes_cstr(text), ret);

	if (r)
		fprintf(stderr, "sallyport-load: '%s' is no number\n", text);
	return r;
}

static int mix_option(struct load_run *r, char *text)
{
	char *eq = strchr(text, '=');

	if (!eq) {
		r->opt.mix = text;
		return 0;
	}
	*eq = 0;
	return load_plan_mix_file(&r->plan, text, eq + 1);
}

static int one_option(struct load_run *r, int opt, char *value)
{
	switch (opt) {
	case 'u':
		r->opt.url = value;
		return 0;
	case 't':
		r->opt.connect_to = value;
		return 0;
	case 'C':
		r->opt.ca = value;
		return 0;
	case 'a':
		r->opt.agents = value;
		return 0;
	case 'm':
		return mix_option(r, value);
	case 'c':
		return number(value, &r->opt.connections);
	case 'n':
		return number(value, &r->opt.calls);
	case 's':
		return number(value, &r->opt.seconds);
	case 'w':
		return number(value, &r->opt.warmup_s);
	case 'r':
		return number(value, &r->opt.rate);
	case 'R':
		r->plan.ref = value;
		return 0;
	case 'l':
		r->opt.log = value;
		return 0;
	case 'o':
		r->opt.ride_out = true;
		return 0;
	case 'T':
		r->opt.tell = true;
		return 0;
	case 'p':
		return load_cpu_parse(&r->cpu, value);
	case 'e':
		r->plan.era = strcmp(value, "legacy") == 0 ? ERA_LEGACY : ERA_MODERN;
		return strcmp(value, "legacy") == 0 || strcmp(value, "modern") == 0 ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

const char load_run_usage[] =
	"  --url URL [--connect ADDR:PORT|unix:PATH] [--ca FILE]\n"
	"  [--era modern|legacy] [--connections N] [--calls N | --seconds S [--warmup S]] [--rate PER_S]\n"
	"  [--agents FILE] [--mix NAME | --mix NAME=FILE]... [--ref PREFIX] [--log FILE] [--cpu-of PID,...]\n"
	"  [--ride-out] [--tell]\n"
	"Prints one JSON object. Without --rate every connection calls as soon as it was answered; with it\n"
	"calls start at fixed times and latency counts from those, sent or not.\n"
	"Agents: lines `name token [mix]`. Mixes: bench support analyst risk echo, or lines\n"
	"`weight ok|denied|limited|any tool {arguments}` from a file.\n"
	"--ref adds call_ref PREFIX-nnnnnnnn to the arguments; --log writes `ref agent tool verdict[:reason]` a call.\n"
	"--tell says on standard error when calls begin and when warm-up is over.\n";

static const struct option common_options[] = {
	{"url", required_argument, NULL, 'u'},
	{"connect", required_argument, NULL, 't'},
	{"ca", required_argument, NULL, 'C'},
	{"agents", required_argument, NULL, 'a'},
	{"mix", required_argument, NULL, 'm'},
	{"connections", required_argument, NULL, 'c'},
	{"calls", required_argument, NULL, 'n'},
	{"seconds", required_argument, NULL, 's'},
	{"warmup", required_argument, NULL, 'w'},
	{"rate", required_argument, NULL, 'r'},
	{"ref", required_argument, NULL, 'R'},
	{"log", required_argument, NULL, 'l'},
	{"ride-out", no_argument, NULL, 'o'},
	{"cpu-of", required_argument, NULL, 'p'},
	{"era", required_argument, NULL, 'e'},
	{"tell", no_argument, NULL, 'T'},
};

static int take_options(struct load_run *r, int argc, char **argv, const struct load_more *more)
{
	struct option all[SP_ARRAY_LEN(common_options) + MORE_MAX + 1] = {0};
	size_t n = SP_ARRAY_LEN(common_options);
	int opt;

	memcpy(all, common_options, sizeof(common_options));
	for (size_t i = 0; more && more->option[i].name; i++) {
		SP_BUG_IF(i == MORE_MAX);
		all[n++] = more->option[i];
	}
	while ((opt = getopt_long(argc, argv, "", all, NULL)) != -1)
		SP_TRY(more && opt > UINT8_MAX ? more->take(more->user, opt, optarg) : one_option(r, opt, optarg));
	return optind == argc ? 0 : -EINVAL;
}

int load_run_parse(struct load_run *r, int argc, char **argv, const struct load_more *more)
{
	r->opt = (struct load_options){.mix = "bench", .connections = 1};
	load_plan_init(&r->plan);
	SP_TRY(take_options(r, argc, argv, more));
	if (!r->opt.url || !r->opt.connections || r->opt.connections > 100000)
		return -EINVAL;
	if (!r->opt.calls && !r->opt.seconds)
		r->opt.seconds = 10;
	SP_TRY(load_target_init(&r->target, r->opt.url, r->opt.connect_to, r->opt.ca));
	r->plan.host = r->target.host;
	r->plan.path = r->target.path;
	SP_TRY(r->opt.agents ? load_plan_agents_file(&r->plan, r->opt.agents, r->opt.mix)
			     : load_plan_anonymous(&r->plan, r->opt.mix));
	load_plan_render(&r->plan);
	return 0;
}
