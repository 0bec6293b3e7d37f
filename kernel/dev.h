/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/memoffline. */
#ifndef MEMOFFLINE_DEV_H
#define MEMOFFLINE_DEV_H

struct kobject;

int mo_dev_init(void);
void mo_dev_exit(void);
/* For uevents; NULL before init and after exit. */
struct kobject *mo_dev_kobject(void);

#endif
