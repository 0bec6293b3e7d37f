// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whose the page is that holds things up. It is looked for in a process of its own, beside the work, and only once the
 * same page has stood in the way for a while: most pages that seem to be stuck leave a moment later.
 */
#include <stdlib.h>

#include "private.h"

#define PATIENCE_MS 1000

struct mo_holder {
	struct mo_ctx *ctx;
	uint64_t pfn;			/* NO_PFN: nothing holds it up */
	uint64_t since_ms;
	bool is_looked_for;
	enum mo_kind kind;
	struct mo_report *report;	/* its one record is of the page; NULL: none */
	struct mo_owner_search *search;	/* NULL: it has ended, or not begun */
};

struct mo_holder *mo_holder_new(struct mo_ctx *ctx)
{
	struct mo_holder *holder = calloc(1, sizeof(*holder));

	if (!holder)
		return NULL;
	holder->ctx = ctx;
	holder->pfn = NO_PFN;
	holder->kind = MO_KIND_NR;
	return holder;
}

static void forget(struct mo_holder *holder)
{
	mo_owner_search_end(holder->search);
	holder->search = NULL;
	mo_report_unref(holder->report);
	holder->report = NULL;
	holder->is_looked_for = false;
	holder->kind = MO_KIND_NR;
}

void mo_holder_free(struct mo_holder *holder)
{
	if (holder)
		forget(holder);
	free(holder);
}

static int take_kind(void *data, const struct mo_page *page)
{
	struct mo_holder *holder = data;

	holder->kind = mo_page_kind(page->flags);
	return 0;
}

/* What is missing stays missing: it is a help, no more. */
static void begin(struct mo_holder *holder, struct mo_pages *pages)
{
	struct mo_record record = { .start_pfn = holder->pfn, .nr_pages = 1, .file = "" };

	holder->is_looked_for = true;
	if (pages)
		mo_pages_each(pages, holder->pfn, 1, take_kind, holder);
	if (mo_report_new(holder->ctx, "", NULL, &holder->report))
		holder->report = NULL;
	else if (mo_report_add_record(holder->report, &record))
		mo_owner_search_begin(holder->ctx, holder->report, &holder->search);
}

static void poll_search(struct mo_holder *holder)
{
	bool goes_on = mo_owner_search_poll(holder->search);

	if (goes_on && !mo_holder_owner(holder))
		return;
	mo_owner_search_end(holder->search);	/* one will do */
	holder->search = NULL;
}

void mo_holder_look(struct mo_holder *holder, struct mo_pages *pages, uint64_t pfn)
{
	uint64_t now_ms = mo_now_ms();

	if (pfn != holder->pfn) {
		forget(holder);
		holder->pfn = pfn;
		holder->since_ms = now_ms;
	}
	if (pfn != NO_PFN && !holder->is_looked_for && now_ms - holder->since_ms >= PATIENCE_MS)
		begin(holder, pages);
	if (holder->search)
		poll_search(holder);
}

const struct mo_owner *mo_holder_owner(const struct mo_holder *holder)
{
	const struct mo_record *record = holder->report ? mo_report_record(holder->report, 0) : NULL;

	return record ? mo_record_owner(record, 0) : NULL;
}

enum mo_kind mo_holder_kind(const struct mo_holder *holder)
{
	return holder->kind;
}
