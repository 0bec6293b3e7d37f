// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's header as a kernel without CONFIG_MIGRATION sees it: everything is declared, and says that it can't.
 * Loading it checks that, and then fails with EAGAIN; with EINVAL when something else was answered.
 */
#include <linux/module.h>
#include <linux/nodemask.h>

#undef CONFIG_MIGRATION
#include "include/linux/memoffline-vma.h"
#include "migrate.h"

static int __init stubs_init(void)
{
	struct mo_batch batch = { .lru = LIST_HEAD_INIT(batch.lru), .kernel_ops = LIST_HEAD_INIT(batch.kernel_ops) };
	struct mo_evacuation evacuation = {};
	struct mo_process process = {};
	unsigned long pfn = 0;

	if (mo_isolate(&pfn, 1, 1, &batch) != -ENOSYS || mo_migrate(&batch, NULL) != -ENOSYS)
		return -EINVAL;
	if (mo_putback(&batch) || mo_evacuate(&evacuation) != -ENOSYS || pfn)
		return -EINVAL;
	if (mo_process_open(&process) != -ENOSYS || mo_process_migrate(&process) != -ENOSYS)
		return -EINVAL;
	if (mo_crew_init() || mo_crew_size())
		return -EINVAL;
	if (mo_vma_migrate(NULL, NULL, NULL, 0) != -ENOSYS ||
	    memoffline_register_vma_migrate(NULL, NULL, THIS_MODULE) != -ENOSYS)
		return -EINVAL;
	memoffline_unregister_vma_migrate(NULL);
	mo_scan(0, 1, 0, MEMOFFLINE_REASON_NONE, NULL);
	mo_crew_exit();
	return -EAGAIN;
}
module_init(stubs_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The core's header without CONFIG_MIGRATION");
