// SPDX-License-Identifier: GPL-2.0-only
/* What remedies did to each object that kept memory, and which of those not tried may help. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define REMEDIES_SHOWN 5

static const char *why_not(const struct mo_remedy *remedy)
{
	if (remedy->remedy == MO_REMEDY_CACHE && remedy->error == -ENOENT)
		return "no process uses it now, and it was not found otherwise";
	if (remedy->remedy == MO_REMEDY_CACHE && remedy->error == -ENOTUNIQ)
		return "several files have this name and number";
	if (remedy->remedy == MO_REMEDY_PAGEOUT && remedy->error == -EINVAL)
		return "it is locked, or a device's";
	if (remedy->remedy == MO_REMEDY_CGROUP && remedy->error == -EAGAIN)
		return "nothing in it could be reclaimed";
	return text_error(remedy->error);
}

static void print_remedy(const struct mo_remedy *remedy)
{
	const char *freed = "as much as could be freed";
	struct text bytes = text_bytes(remedy->freed_bytes);

	if (remedy->freed_bytes != UINT64_MAX)
		freed = remedy->freed_bytes ? bytes.text : "nothing";
	say_item("  remedy:     ", "%s: %s: %s%s%s%s%s", mo_remedy_name(remedy->remedy), remedy->object, freed,
		 remedy->freed_bytes == UINT64_MAX ? "" : " freed", remedy->error ? " (" : "",
		 remedy->error ? why_not(remedy) : "", remedy->error ? ")" : "");
}

void remedies_print(const struct mo_report *report, bool all)
{
	size_t nr = mo_report_nr_remedies(report);

	for (size_t i = 0; i < nr && (all || i < REMEDIES_SHOWN); i++)
		print_remedy(mo_report_remedy(report, i));
	if (!all && nr > REMEDIES_SHOWN)
		say("  and %zu more; 'memoffline report -v' shows all", nr - REMEDIES_SHOWN);
}

struct remedies_text remedies_left(const struct mo_report *report)
{
	const struct mo_record *record;
	const struct mo_remedy *remedy;
	struct remedies_text out = { "" };
	uint32_t left = 0;

	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		left |= mo_record_remedies(record);
	for (size_t i = 0; (remedy = mo_report_remedy(report, i)); i++)
		left &= ~remedy->remedy;
	for (uint32_t bit = 1; bit & MO_REMEDY_ALL; bit <<= 1) {
		size_t len = strlen(out.text);

		if (left & bit)
			snprintf(out.text + len, sizeof(out.text) - len, "%s%s", len ? "," : "", mo_remedy_name(bit));
	}
	return out;
}
