// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migrate hooks that VMAs may have, by their operations. See include/linux/memoffline-vma.h for the contract.
 *
 * Who calls a hook holds it by a reference, and its module by one of the module's: the module can't go meanwhile, and
 * unregistering waits for the reference.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/compat.h"
#include "include/linux/memoffline-vma.h"
#include "migrate.h"

struct hook {
	struct list_head link;		/* in hooks */
	const struct vm_operations_struct *vm_ops;
	memoffline_vma_migrate_t *fn;
	struct module *owner;
	refcount_t users;		/* running calls, and being registered */
	struct completion unused;
	struct rcu_head rcu;
};

static DEFINE_SPINLOCK(hooks_lock);	/* the writers' */
static LIST_HEAD(hooks);
static unsigned int nr_hooks;

bool mo_vma_has_hooks(void)
{
	return READ_ONCE(nr_hooks);
}

/* Under RCU, or the lock. */
static struct hook *find_hook(const struct vm_operations_struct *vm_ops)
{
	struct hook *hook;

	list_for_each_entry_rcu(hook, &hooks, link, lockdep_is_held(&hooks_lock))
		if (hook->vm_ops == vm_ops)
			return hook;
	return NULL;
}

static void put_hook(struct hook *hook)
{
	if (refcount_dec_and_test(&hook->users))
		complete(&hook->unused);
}

/* NULL: there is none, or its module is going. */
static struct hook *get_hook(const struct vm_operations_struct *vm_ops)
{
	struct hook *hook;

	rcu_read_lock();
	hook = find_hook(vm_ops);
	if (hook && !refcount_inc_not_zero(&hook->users))
		hook = NULL;
	rcu_read_unlock();
	if (!hook || try_module_get(hook->owner))
		return hook;
	put_hook(hook);
	return NULL;
}

bool mo_vma_is_hooked(const struct vm_area_struct *vma)
{
	bool is_hooked;

	if (!mo_vma_has_hooks() || !vma->vm_ops)
		return false;
	rcu_read_lock();
	is_hooked = find_hook(vma->vm_ops);
	rcu_read_unlock();
	return is_hooked;
}

int mo_vma_migrate(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to, unsigned int flags)
{
	struct hook *hook;
	int err;

	if (!mo_vma_has_hooks() || !vma->vm_ops)
		return 0;
	hook = get_hook(vma->vm_ops);
	if (!hook)
		return 0;
	mmap_assert_locked(vma->vm_mm);
	err = hook->fn(vma, from, to, flags);
	module_put(hook->owner);
	put_hook(hook);
	return err > 0 ? -EINVAL : err;	/* whatever that means: rather leave it alone */
}

static int add_hook(struct hook *hook)
{
	int err = 0;

	spin_lock(&hooks_lock);
	if (find_hook(hook->vm_ops)) {
		err = -EEXIST;
	} else {
		list_add_tail_rcu(&hook->link, &hooks);
		WRITE_ONCE(nr_hooks, nr_hooks + 1);
	}
	spin_unlock(&hooks_lock);
	return err;
}

int memoffline_register_vma_migrate(const struct vm_operations_struct *vm_ops, memoffline_vma_migrate_t *fn,
				    struct module *owner)
{
	struct hook *hook;
	int err;

	if (!vm_ops || !fn)
		return -EINVAL;
	if (!mo_can_find_mappings())
		return -EOPNOTSUPP;
	hook = kzalloc(sizeof(*hook), GFP_KERNEL);
	if (!hook)
		return -ENOMEM;
	hook->vm_ops = vm_ops;
	hook->fn = fn;
	hook->owner = owner;
	refcount_set(&hook->users, 1);
	init_completion(&hook->unused);
	err = add_hook(hook);
	if (err)
		kfree(hook);
	return err;
}
EXPORT_SYMBOL_GPL(memoffline_register_vma_migrate);

void memoffline_unregister_vma_migrate(const struct vm_operations_struct *vm_ops)
{
	struct hook *hook;

	spin_lock(&hooks_lock);
	hook = find_hook(vm_ops);
	if (hook) {
		list_del_rcu(&hook->link);
		WRITE_ONCE(nr_hooks, nr_hooks - 1);
	}
	spin_unlock(&hooks_lock);
	if (!hook)
		return;
	put_hook(hook);
	wait_for_completion(&hook->unused);
	kfree_rcu(hook, rcu);
}
EXPORT_SYMBOL_GPL(memoffline_unregister_vma_migrate);
