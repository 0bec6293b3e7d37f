/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migrate hooks: a driver whose VMAs hold pages that only it can move, or that have to be prepared for it, registers a
 * function for them. memoffline.ko calls it before it moves memory that such a VMA maps, of a process or out of a range
 * that goes offline.
 *
 * A driver in the kernel's tree depends on MEMOFFLINE. One that is built out of tree defines CONFIG_MEMOFFLINE_MODULE
 * and names the Module.symvers of memoffline.ko in KBUILD_EXTRA_SYMBOLS. Without either, and without CONFIG_MIGRATION,
 * there are stubs: registering answers -ENOSYS.
 */
#ifndef _LINUX_MEMOFFLINE_VMA_H
#define _LINUX_MEMOFFLINE_VMA_H

#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/nodemask.h>

struct module;

/**
 * typedef memoffline_vma_migrate_t - moves, or prepares, what a VMA maps
 * @vma: the VMA. Its mm is locked for reading, and stays so: the function neither lets go of that lock nor takes it for
 *	writing. No other lock is held that a fault, an allocation or reclaim may want. Faults go on meanwhile.
 * @from: nodes whose memory goes. It may be a part of it, as a block that goes offline: that part is isolated, so that
 *	nothing is allocated from it.
 * @to: nodes to move to, never empty. It may contain nodes of @from, where there is no other node or not all of a node
 *	goes.
 * @flags: MPOL_MF_MOVE: only pages that this mm alone uses; MPOL_MF_MOVE_ALL: also those that others share. Where a
 *	process moves, its VMAs alone are asked: with MPOL_MF_MOVE_ALL they answer for others that map the same pages.
 *
 * May sleep. What it waits for counts as time of whoever migrates: when an evacuation's deadline passes meanwhile, or a
 * signal comes, it ends without the answer, and nothing of what the VMA maps is touched; without a deadline it waits.
 * MEMOFFLINE_MIGRATE_PROCESS waits for the function in any case: its deadline and signals count between two calls.
 * The function is called again for what is still there, several calls may run at the same time, also for one VMA, and
 * unregistering waits for all of them. It must not unregister itself, nor take part in CPU or memory hotplug, nor flip
 * static keys: an offline may be waiting for it.
 *
 * Pages without a mapping that the kernel's reverse map knows, as those of VM_PFNMAP, are its business alone: it moves
 * them and frees the old ones. Pages on the LRU lists can be left to the caller.
 *
 * Return: 0: regular migration goes on with what it left; a negative errno: nothing that this VMA maps is migrated, and
 * a record of each such page says MEMOFFLINE_REASON_VMA_REFUSED and that errno.
 */
typedef int memoffline_vma_migrate_t(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to,
				      unsigned int flags);

#if defined(CONFIG_MIGRATION) && IS_REACHABLE(CONFIG_MEMOFFLINE)

/**
 * memoffline_register_vma_migrate - have a function called for all VMAs with these operations
 * @vm_ops: of the VMAs, the key; neither copied nor looked into
 * @fn: the function
 * @owner: THIS_MODULE. It is held while the function runs; when it is being unloaded its hook counts as not there.
 *
 * Migration that begins from now on honours it. May sleep.
 *
 * Return: 0; -EEXIST: these operations have a function already; -EINVAL: an argument is NULL (but @owner may be, where
 * all is built in); -ENOMEM; -EOPNOTSUPP: the running kernel lacks what is needed to find such VMAs. Then nothing has
 * changed.
 */
int memoffline_register_vma_migrate(const struct vm_operations_struct *vm_ops, memoffline_vma_migrate_t *fn,
				    struct module *owner);

/**
 * memoffline_unregister_vma_migrate - undo memoffline_register_vma_migrate()
 * @vm_ops: the key; without a function registered for it nothing happens
 *
 * Waits for calls that are running; afterwards there are none. May sleep. Not with an mmap lock, nor with any lock that
 * the function takes.
 */
void memoffline_unregister_vma_migrate(const struct vm_operations_struct *vm_ops);

#else

static inline int memoffline_register_vma_migrate(const struct vm_operations_struct *vm_ops,
						  memoffline_vma_migrate_t *fn, struct module *owner)
{
	return -ENOSYS;
}

static inline void memoffline_unregister_vma_migrate(const struct vm_operations_struct *vm_ops) { }

#endif

#endif
