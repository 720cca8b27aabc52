#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

static struct {
	char process[32];
	enum sp_log_level most;
} front = {"sallyport", SP_LOG_INFO};

void sp_log_init(const char *process, enum sp_log_level most)
{
	snprintf(front.process, sizeof(front.process), "%s", process);
	front.most = most;
}

static const char *level_name(enum sp_log_level level)
{
	switch (level) {
	case SP_LOG_ERROR:
		return "error";
	case SP_LOG_WARN:
		return "warning";
	case SP_LOG_NOTICE:
		return "notice";
	case SP_LOG_INFO:
		return "info";
	case SP_LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}

/// Control bytes (also of forged new lines in foreign text) never reach the terminal or the journal.
static void write_line(enum sp_log_level level, const char *subsystem, const char *text)
{
	char line[2304];
	int n = snprintf(line, sizeof(line) - 1, "%s %s %s: %s", level_name(level), front.process,
		subsystem, text);
	size_t len = n < 0 ? 0 : sp_min((size_t)n, sizeof(line) - 2);

	for (size_t i = 0; i < len; i++)
		if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	for (size_t done = 0; done < len;) {
		ssize_t w = write(STDERR_FILENO, line + done, len - done);

		if (w <= 0 && errno != EINTR)
			return;
		if (w > 0)
			done += (size_t)w;
	}
}

void sp_log(enum sp_log_level level, const char *subsystem, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (level > front.most)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	write_line(level, subsystem, text);
}

int sp_log_err(const char *subsystem, int err, const char *fmt, ...)
{
	char text[1900], full[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "%s: %s", text, strerror(-err));
	write_line(SP_LOG_ERROR, subsystem, full);
	return err;
}
