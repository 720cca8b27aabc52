#include "common/stats.h"
#include "common/banned.h"

static const struct {
	const char *name, *help;
} stats[SP_STAT__COUNT] = {
#define X(sym, name, help) {name, help},
	SP_STATS(X)
#undef X
};

const char *sp_stat_name(enum sp_stat s)
{
	return s < SP_STAT__COUNT ? stats[s].name : "";
}

const char *sp_stat_help(enum sp_stat s)
{
	return s < SP_STAT__COUNT ? stats[s].help : "";
}
