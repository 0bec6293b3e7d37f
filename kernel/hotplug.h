/* SPDX-License-Identifier: GPL-2.0-only */
/* The sysfs offline path: what happened to each block, whoever wrote to it. */
#ifndef MEMOFFLINE_HOTPLUG_H
#define MEMOFFLINE_HOTPLUG_H

#include "report.h"

int mo_hotplug_init(void);
void mo_hotplug_exit(void);
/* Module parameters, as they stand now. */
unsigned int mo_hotplug_deadline_ms(void);
unsigned int mo_hotplug_stall_ms(void);

/*
 * Hands the report of the last attempt on the block of PFN, or of the last of all for MEMOFFLINE_PFN_LAST, to USE, and
 * returns what that returns; -ENOENT: none is kept. The report is locked meanwhile (a mutex: USE may sleep).
 */
int mo_hotplug_report(u64 pfn, int (*use)(const struct mo_report *report, void *data), void *data);

#endif
