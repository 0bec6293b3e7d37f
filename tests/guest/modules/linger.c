// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps whoever takes a block offline, or brings it online, waiting inside of the kernel, with the locks of memory
 * hotplug held, until the parameter changes or he is killed. A test then knows where he is.
 *
 *	insmod linger.ko; echo 35 > /sys/module/linger/parameters/offline
 */
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(changed);

static int set_block(const char *text, const struct kernel_param *param)
{
	int err = param_set_long(text, param);

	wake_up_all(&changed);
	return err;
}

static const struct kernel_param_ops block_ops = { .set = set_block, .get = param_get_long };

static long offline = -1;
module_param_cb(offline, &block_ops, &offline, 0644);
MODULE_PARM_DESC(offline, "Number of the block that does not go offline for now; -1: none");
static long online = -1;
module_param_cb(online, &block_ops, &online, 0644);
MODULE_PARM_DESC(online, "Number of the block that does not come online for now; -1: none");

static int linger(const long *param, const struct memory_notify *arg)
{
	long block = PFN_PHYS(arg->start_pfn) / memory_block_size_bytes();

	return notifier_from_errno(wait_event_killable(changed, READ_ONCE(*param) != block));
}

static int mind(struct notifier_block *nb, unsigned long action, void *arg)
{
	switch (action) {
	case MEM_GOING_OFFLINE: return linger(&offline, arg);
	case MEM_GOING_ONLINE: return linger(&online, arg);
	default: return NOTIFY_OK;
	}
}

static struct notifier_block notifier = { .notifier_call = mind };

static int __init linger_init(void)
{
	return register_memory_notifier(&notifier);
}
module_init(linger_init);

static void __exit linger_exit(void)
{
	unregister_memory_notifier(&notifier);
}
module_exit(linger_exit);

MODULE_DESCRIPTION("Keeps memory hotplug waiting at a block");
MODULE_LICENSE("GPL");
