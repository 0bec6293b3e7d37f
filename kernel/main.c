// SPDX-License-Identifier: GPL-2.0-only
/* The order in which the parts begin and end. */
#include <linux/init.h>
#include <linux/module.h>

#include "compat/compat.h"
#include "dev.h"
#include "hotplug.h"
#include "migrate.h"

static int __init memoffline_init(void)
{
	int err;

	err = mo_compat_init();
	if (err)
		return err;
	err = mo_asking_init();
	if (err)
		return err;
	err = mo_crew_init();
	if (err)
		goto exit_asking;
	err = mo_dev_init();
	if (err)
		goto exit_crew;
	err = mo_hotplug_init();
	if (err)
		goto exit_dev;
	return 0;

exit_dev:
	mo_dev_exit();
exit_crew:
	mo_crew_exit();
	mo_writeout_exit();
exit_asking:
	mo_asking_exit();
	return err;
}

static void __exit memoffline_exit(void)
{
	mo_hotplug_exit();
	mo_dev_exit();
	mo_crew_exit();
	mo_writeout_exit();
	mo_asking_exit();
}

module_init(memoffline_init);
module_exit(memoffline_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Takes memory offline: evacuates blocks in bounded time and accounts for each page that stays");
MODULE_VERSION("0.1.0");
