// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file system whose page cache can be dropped at any time, but never migrated: "file" and "other", of 32 MiB each.
 *
 *	insmod stuckfs.ko; mount -t stuckfs none /mnt
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/pagemap.h>

#define FILE_BYTES (32 << 20)

static int fill_folio(struct file *file, struct folio *folio)
{
	folio_zero_range(folio, 0, folio_size(folio));
	folio_mark_uptodate(folio);
	folio_unlock(folio);
	return 0;
}

static int refuse(struct address_space *mapping, struct folio *dst, struct folio *src, enum migrate_mode mode)
{
	return -EAGAIN;
}

static const struct address_space_operations stuck_aops = { .read_folio = fill_folio, .migrate_folio = refuse };

static int add_file(struct super_block *sb, const char *name)
{
	struct inode *inode = new_inode(sb);
	struct dentry *dentry;

	if (!inode)
		return -ENOMEM;
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFREG | 0444;
	inode->i_size = FILE_BYTES;
	inode->i_fop = &generic_ro_fops;
	inode->i_mapping->a_ops = &stuck_aops;
	dentry = d_alloc_name(sb->s_root, name);
	if (!dentry) {
		iput(inode);
		return -ENOMEM;
	}
	d_add(dentry, inode);
	return 0;
}

static const struct super_operations stuck_ops = { .statfs = simple_statfs, .drop_inode = generic_delete_inode };

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct inode *root;
	int err;

	sb->s_op = &stuck_ops;
	sb->s_magic = 0x73746b66;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	err = super_setup_bdi(sb);	/* without a device the kernel ignores advice on files */
	if (err)
		return err;
	root = new_inode(sb);
	if (!root)
		return -ENOMEM;
	root->i_ino = get_next_ino();
	root->i_mode = S_IFDIR | 0755;
	root->i_op = &simple_dir_inode_operations;
	root->i_fop = &simple_dir_operations;
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;
	err = add_file(sb, "file");
	return err ? err : add_file(sb, "other");
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, fill_super);
}

static const struct fs_context_operations stuck_context = { .get_tree = get_tree };

static int init_context(struct fs_context *fc)
{
	fc->ops = &stuck_context;
	return 0;
}

static struct file_system_type stuck_type = {
	.owner = THIS_MODULE,
	.name = "stuckfs",
	.init_fs_context = init_context,
	.kill_sb = kill_litter_super,
};

static int __init stuckfs_init(void)
{
	return register_filesystem(&stuck_type);
}
module_init(stuckfs_init);

static void __exit stuckfs_exit(void)
{
	unregister_filesystem(&stuck_type);
}
module_exit(stuckfs_exit);

MODULE_DESCRIPTION("Page cache that can't be migrated");
MODULE_LICENSE("GPL");
