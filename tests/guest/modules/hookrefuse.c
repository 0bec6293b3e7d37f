// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device whose memory is that of a file in memory, or, in private mappings, anonymous memory: the kernel could move
 * it. Its hook refuses, or, with error=0, lets it.
 *
 *	insmod hookrefuse.ko [error=ERRNO] [twice=1]
 *
 * Each open file of /dev/hookrefuse has memory of its own.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "include/linux/memoffline-vma.h"

#define LEN_BYTES	(32UL << 20)

static unsigned int error = EPERM;
module_param(error, uint, 0644);
MODULE_PARM_DESC(error, "What the hook refuses with, as a positive number; 0: it does not");
static bool twice;
module_param(twice, bool, 0444);
MODULE_PARM_DESC(twice, "Register the hook another time; loading fails with what that answers");
static atomic_t calls = ATOMIC_INIT(0);
module_param_named(calls, calls.counter, int, 0444);
MODULE_PARM_DESC(calls, "Calls of the hook");

/* A page that was read may have been moved, before it was locked. */
static vm_fault_t fault(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	struct page *page;

	if (vmf->pgoff >= LEN_BYTES >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	for (;;) {
		page = shmem_read_mapping_page(mapping, vmf->pgoff);
		if (IS_ERR(page))
			return vmf_error(PTR_ERR(page));
		lock_page(page);
		if (folio_mapping(page_folio(page)) == mapping)
			break;
		unlock_page(page);
		put_page(page);
	}
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct vm_ops = { .fault = fault };

static int refuse(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to, unsigned int flags)
{
	mmap_assert_locked(vma->vm_mm);
	atomic_inc(&calls);
	return -(int)READ_ONCE(error);
}

/* The reverse map of a page leads to the file in memory, where our VMAs have to be found. */
static int open(struct inode *inode, struct file *file)
{
	struct file *memory = shmem_file_setup("hookrefuse", LEN_BYTES, VM_NORESERVE);

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	file->private_data = memory;
	file->f_mapping = memory->f_mapping;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	fput(file->private_data);
	return 0;
}

static int map(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vm_ops;
	return 0;
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.mmap = map,
};

static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "hookrefuse", .fops = &file_ops };

static int __init hookrefuse_init(void)
{
	int err = memoffline_register_vma_migrate(&vm_ops, refuse, THIS_MODULE);

	if (err)
		return err;
	if (twice)
		err = memoffline_register_vma_migrate(&vm_ops, refuse, THIS_MODULE);
	if (!err)
		err = misc_register(&device);
	if (err)
		memoffline_unregister_vma_migrate(&vm_ops);
	return err;
}
module_init(hookrefuse_init);

static void __exit hookrefuse_exit(void)
{
	misc_deregister(&device);
	memoffline_unregister_vma_migrate(&vm_ops);
}
module_exit(hookrefuse_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory that the kernel could move, and whose hook refuses");
