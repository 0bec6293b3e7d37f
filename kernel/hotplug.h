/* SPDX-License-Identifier: GPL-2.0-only */
/* The sysfs offline path: what happened to each block, whoever wrote to it. */
#ifndef MEMOFFLINE_HOTPLUG_H
#define MEMOFFLINE_HOTPLUG_H

#include "report.h"

int mo_hotplug_init(void);
/* Comes before mo_dev_exit(), as mo_hotplug_init() after mo_dev_init(): uevents are sent until it returns. */
void mo_hotplug_exit(void);
/* Module parameters, as they stand now. */
unsigned int mo_hotplug_deadline_ms(void);
unsigned int mo_hotplug_stall_ms(void);
/* Isolation that failed before any notifier is seen: MEMOFFLINE_FEATURE_ISOLATION. */
bool mo_hotplug_sees_isolation(void);

/*
 * Hands the report of the last attempt on the block of PFN, or of the last of all for MEMOFFLINE_PFN_LAST, to USE, and
 * returns what that returns; -ENOENT: none is kept. An attempt that ended before the call is seen. The report is locked
 * meanwhile (a mutex: USE may sleep, but not for user space).
 */
int mo_hotplug_report(u64 pfn, int (*use)(const struct mo_report *report, void *data), void *data);

/*
 * mo_scan() of a range that nobody holds: blocks of it may go offline before or after, but their struct pages stay
 * for as long as it takes. Not from a memory notifier.
 */
void mo_hotplug_scan(u64 start_pfn, u64 nr_pages, int error, struct mo_report *report);

#endif
