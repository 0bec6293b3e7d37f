// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files are written out where their pages can't move, or be evicted, while they are dirty. A work item begins it: the
 * storage, or the server, may never answer, and an evacuation has a deadline. What is under writeback is seen by the
 * next pass.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/workqueue.h>

#include "migrate.h"

static struct inode *file;	/* that is being begun; the work's, until it clears it */

static void write_out(struct work_struct *work)
{
	struct inode *inode = READ_ONCE(file);

	filemap_flush(inode->i_mapping);
	WRITE_ONCE(file, NULL);		/* who sets it next uses an inode of its own */
	iput(inode);
}

static DECLARE_WORK(writeout_work, write_out);

/* The lock keeps the folio in its file for as long as it takes to hold the file itself. */
static struct inode *hold_file_of(struct folio *folio)
{
	struct inode *inode = NULL;

	if (folio_test_swapbacked(folio) || !folio_test_dirty(folio) || !folio_trylock(folio))
		return NULL;
	if (folio->mapping)
		inode = igrab(folio->mapping->host);
	folio_unlock(folio);
	return inode;
}

void mo_writeout(struct folio *folio)
{
	struct inode *inode = READ_ONCE(file) ? NULL : hold_file_of(folio);

	if (!inode)
		return;
	if (cmpxchg(&file, NULL, inode))
		iput(inode);
	else
		queue_work(system_unbound_wq, &writeout_work);
}

void mo_writeout_exit(void)
{
	flush_work(&writeout_work);
}
