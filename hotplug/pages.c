// SPDX-License-Identifier: LGPL-2.1-or-later
/* Page frames: what each is, and what a range of them holds, from /proc/kpageflags, kpagecount and kpagecgroup. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#define CHUNK_PAGES 32768	/* a block of 128 MiB in one read */
#define KPF(bit) (1ULL << KPF_##bit)

struct mo_pages {
	struct mo_ctx *ctx;
	int flags_fd;
	int count_fd;		/* -1: the kernel does not say */
	int cgroup_fd;		/* the same */
	uint64_t head_flags;	/* of the compound page that was seen last */
	uint64_t head_end_pfn;	/* its tails follow without a gap up to here, as far as was read */
	uint64_t head_cgroup;	/* the same for mo_pages_each() */
	uint64_t flags[CHUNK_PAGES];
	uint64_t counts[CHUNK_PAGES];
	uint64_t cgroups[CHUNK_PAGES];
};

static const struct {
	const char *name;
	const char *key;
} kinds[MO_KIND_NR] = {
	[MO_KIND_FREE]		= { "free", "free" },
	[MO_KIND_ANON]		= { "anonymous", "anon" },
	[MO_KIND_THP]		= { "transparent huge pages", "thp" },
	[MO_KIND_CACHE]		= { "page cache", "cache" },
	[MO_KIND_SHMEM]		= { "shared memory", "shmem" },
	[MO_KIND_HUGETLB]	= { "huge pages (hugetlb)", "hugetlb" },
	[MO_KIND_SLAB]		= { "slab", "slab" },
	[MO_KIND_PGTABLE]	= { "page tables", "pgtable" },
	[MO_KIND_RESERVED]	= { "reserved", "reserved" },
	[MO_KIND_OFFLINE]	= { "offline", "offline" },
	[MO_KIND_POISONED]	= { "poisoned", "poisoned" },
	[MO_KIND_KERNEL]	= { "other kernel memory", "kernel" },
};

const char *mo_kind_name(enum mo_kind kind)
{
	return (unsigned int)kind < MO_KIND_NR ? kinds[kind].name : "unknown";
}

const char *mo_kind_key(enum mo_kind kind)
{
	return (unsigned int)kind < MO_KIND_NR ? kinds[kind].key : "unknown";
}

/*
 * The order decides. Poison and absence hide all else; a free page may keep stale bits; the kernel's own types come
 * before those of users, since their pages may be mapped (a driver's) or compound (a slab's) as well.
 *
 * KPF_THP says large folio, of any order on 6.12. Only anonymous ones count as THP: the user's word for the others is
 * page cache and shared memory. A page just allocated or taken for migration is off the LRU, hence the other signs.
 *
 * A page without any flag is an allocation of the kernel, or a free page on a per-cpu list: the kernel shows no
 * difference. It counts as in use; while a block goes offline these lists are empty.
 */
enum mo_kind mo_page_kind(uint64_t flags)
{
	if (flags & KPF(NOPAGE))
		return MO_KIND_OFFLINE;
	if (flags & KPF(HWPOISON))
		return MO_KIND_POISONED;
	if (flags & KPF(BUDDY))
		return MO_KIND_FREE;
	if (flags & KPF(OFFLINE))
		return MO_KIND_OFFLINE;
	if (flags & MO_KPF_RESERVED)
		return MO_KIND_RESERVED;
	if (flags & KPF(PGTABLE))
		return MO_KIND_PGTABLE;
	if (flags & KPF(SLAB))
		return MO_KIND_SLAB;
	if (flags & KPF(HUGE))
		return MO_KIND_HUGETLB;
	if (flags & KPF(ZERO_PAGE))
		return MO_KIND_KERNEL;
	if (flags & KPF(ANON))
		return flags & KPF(THP) ? MO_KIND_THP : MO_KIND_ANON;
	if (flags & KPF(SWAPCACHE))
		return MO_KIND_ANON;
	if (flags & KPF(SWAPBACKED))
		return MO_KIND_SHMEM;
	if (flags & (KPF(LRU) | KPF(UPTODATE) | KPF(THP)))
		return MO_KIND_CACHE;
	return MO_KIND_KERNEL;
}

bool mo_page_in_use(uint64_t flags)
{
	enum mo_kind kind = mo_page_kind(flags);

	return kind != MO_KIND_FREE && kind != MO_KIND_OFFLINE && kind != MO_KIND_POISONED;
}

static bool kind_movable(enum mo_kind kind)
{
	return kind == MO_KIND_ANON || kind == MO_KIND_THP || kind == MO_KIND_CACHE || kind == MO_KIND_SHMEM ||
	       kind == MO_KIND_HUGETLB;
}

/* ---- reading ---- */

static int open_error(struct mo_ctx *ctx, int err)
{
	if (err == -EACCES || err == -EPERM)
		return mo_error(ctx, err, "can't read /proc/kpageflags: %s; page flags need root (CAP_SYS_ADMIN): run it as root",
				strerror(-err));
	if (err == -ENOENT && mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, err, "there is no /proc/kpageflags below %s: the recorded tree does not say what its blocks hold; record that file as well",
				mo_ctx_get_sysroot(ctx));
	if (err == -ENOENT)
		return mo_error(ctx, err, "there is no /proc/kpageflags: this kernel was built without CONFIG_PROC_PAGE_MONITOR, or /proc is not mounted; without it nobody can tell what a block holds");
	return mo_error(ctx, err, "can't open /proc/kpageflags: %s; is /proc mounted?", strerror(-err));
}

int mo_pages_open(struct mo_ctx *ctx, struct mo_pages **out)
{
	int flags_fd = mo_open(ctx, O_RDONLY, "/proc/kpageflags");
	struct mo_pages *pages;

	if (flags_fd < 0)
		return open_error(ctx, flags_fd);
	pages = calloc(1, sizeof(*pages));
	if (!pages) {
		close(flags_fd);
		return mo_error(ctx, -ENOMEM, "no memory to read page flags; free some and try again");
	}
	pages->ctx = mo_ctx_ref(ctx);
	pages->flags_fd = flags_fd;
	pages->count_fd = mo_open(ctx, O_RDONLY, "/proc/kpagecount");
	pages->cgroup_fd = mo_open(ctx, O_RDONLY, "/proc/kpagecgroup");
	*out = pages;
	return 0;
}

void mo_pages_close(struct mo_pages *pages)
{
	if (!pages)
		return;
	close(pages->flags_fd);
	if (pages->count_fd >= 0)
		close(pages->count_fd);
	if (pages->cgroup_fd >= 0)
		close(pages->cgroup_fd);
	mo_ctx_unref(pages->ctx);
	free(pages);
}

/* Entries read, fewer than NR only at the end of the file. */
static ssize_t read_entries(int fd, uint64_t *entries, uint64_t pfn, size_t nr)
{
	ssize_t n = mo_read_at(fd, entries, nr * sizeof(*entries), pfn * sizeof(*entries));

	return n < 0 ? n : n / (ssize_t)sizeof(*entries);
}

/* What 6.1 tells of the head only, 6.12 of each page: the state of a folio as a whole. */
#define FOLIO_FLAGS \
	(KPF(LOCKED) | KPF(REFERENCED) | KPF(UPTODATE) | KPF(DIRTY) | KPF(LRU) | KPF(ACTIVE) | KPF(SLAB) | \
	 KPF(WRITEBACK) | KPF(RECLAIM) | KPF(SWAPCACHE) | KPF(SWAPBACKED) | KPF(UNEVICTABLE) | MO_KPF_PRIVATE)

static void complete_tails(struct mo_pages *pages, uint64_t start_pfn, size_t nr)
{
	if (pages->head_end_pfn != start_pfn)
		pages->head_flags = 0;
	for (size_t i = 0; i < nr; i++) {
		if (pages->flags[i] & KPF(COMPOUND_TAIL))
			pages->flags[i] |= pages->head_flags & FOLIO_FLAGS;
		else
			pages->head_flags = pages->flags[i];
	}
	pages->head_end_pfn = start_pfn + nr;
}

/* Beyond the end of the file the kernel knows no page. */
static int read_flags(struct mo_pages *pages, uint64_t pfn, size_t nr)
{
	ssize_t n = read_entries(pages->flags_fd, pages->flags, pfn, nr);

	if (n < 0)
		return mo_error(pages->ctx, (int)n, "can't read the flags of page frame 0x%llx from /proc/kpageflags: %s; they need root (CAP_SYS_ADMIN)",
				(unsigned long long)pfn, strerror((int)-n));
	for (size_t i = (size_t)n; i < nr; i++)
		pages->flags[i] = KPF(NOPAGE);
	complete_tails(pages, pfn, nr);
	return 0;
}

/* Counts and cgroups are extra: zero when they can't be had. */
static void read_extra(int fd, uint64_t *entries, uint64_t pfn, size_t nr)
{
	ssize_t n = fd < 0 ? 0 : read_entries(fd, entries, pfn, nr);

	if (n < 0)
		n = 0;
	memset(entries + n, 0, (nr - (size_t)n) * sizeof(*entries));
}

static size_t chunk_len(uint64_t pfn, uint64_t end_pfn)
{
	return end_pfn - pfn < CHUNK_PAGES ? (size_t)(end_pfn - pfn) : CHUNK_PAGES;
}

/* ---- what is in a range ---- */

/* NR pages with these flags, the first of them PFN. */
static void count_alike(struct mo_content *content, uint64_t flags, uint64_t nr, uint64_t pfn)
{
	enum mo_kind kind = mo_page_kind(flags);

	if (nr && (!content->nr_pages[kind] || pfn < content->first_pfn[kind]))
		content->first_pfn[kind] = pfn;
	content->nr_pages[kind] += nr;
	content->held_offline_pages += kind == MO_KIND_OFFLINE && !(flags & KPF(NOPAGE)) ? nr : 0;
	content->free_hugetlb_pages += kind == MO_KIND_HUGETLB && !(flags & KPF(MMAP)) ? nr : 0;
	if (!mo_page_in_use(flags))
		return;
	content->move_pages += nr;
	content->mapped_pages += flags & KPF(MMAP) ? nr : 0;
	content->dirty_pages += flags & KPF(DIRTY) ? nr : 0;
	content->writeback_pages += flags & KPF(WRITEBACK) ? nr : 0;
	content->unevictable_pages += flags & KPF(UNEVICTABLE) ? nr : 0;
	content->locked_pages += flags & KPF(LOCKED) ? nr : 0;
	content->unmovable_pages += kind_movable(kind) ? 0 : nr;
	content->flagless_pages += flags ? 0 : nr;
}

/* A block has few different flags, each of them thousands of times: what they mean is found out once for many. */
static void count_pages(struct mo_content *content, const uint64_t *flags, uint64_t pfn, size_t nr)
{
	struct { uint64_t flags, nr, pfn; } seen[64] = { 0 }, *slot;

	for (size_t i = 0; i < nr; i++) {
		slot = &seen[(flags[i] * 0x9e3779b97f4a7c15) >> 58];
		if (slot->flags != flags[i]) {
			count_alike(content, slot->flags, slot->nr, slot->pfn);
			slot->flags = flags[i];
			slot->nr = 0;
		}
		if (!slot->nr++)
			slot->pfn = pfn + i;
	}
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		count_alike(content, seen[i].flags, seen[i].nr, seen[i].pfn);
}

/* 6.1 charges the head of a compound page alone. */
static uint64_t cgroup_of(struct mo_pages *pages, size_t i)
{
	if (!(pages->flags[i] & KPF(COMPOUND_TAIL)))
		pages->head_cgroup = pages->cgroups[i];
	return pages->cgroups[i] ? pages->cgroups[i] : pages->head_cgroup;
}

#define CHARGES_MAX 64	/* cgroups that are counted for a range; where there are more, the smallest is forgotten */

struct charges {
	size_t nr;
	struct mo_charge of[CHARGES_MAX];
};

static void charge(struct charges *charges, uint64_t cgroup_inode, uint64_t nr_pages)
{
	struct mo_charge *least = charges->of;
	size_t i;

	for (i = 0; i < charges->nr && charges->of[i].cgroup_inode != cgroup_inode; i++)
		if (charges->of[i].nr_pages < least->nr_pages)
			least = &charges->of[i];
	if (i == CHARGES_MAX)
		*least = (struct mo_charge){ 0 };
	else
		least = &charges->of[i];
	charges->nr += i == charges->nr && i < CHARGES_MAX;
	least->cgroup_inode = cgroup_inode;
	least->nr_pages += nr_pages;
}

/* Neighbours are mostly of one cgroup. */
static void charge_pages(struct mo_pages *pages, uint64_t pfn, size_t nr, struct charges *charges)
{
	uint64_t inode, last = 0, nr_alike = 0;

	read_extra(pages->cgroup_fd, pages->cgroups, pfn, nr);
	for (size_t i = 0; i < nr; i++) {
		inode = cgroup_of(pages, i);
		if (!inode || !mo_page_in_use(pages->flags[i]))
			continue;
		if (inode != last && nr_alike)
			charge(charges, last, nr_alike);
		nr_alike = inode == last ? nr_alike + 1 : 1;
		last = inode;
	}
	if (nr_alike)
		charge(charges, last, nr_alike);
}

/* CHARGES may be NULL. */
static int read_content(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content,
			struct charges *charges)
{
	uint64_t end_pfn = start_pfn + nr_pages;
	size_t nr;
	int err;

	pages->head_cgroup = 0;
	for (uint64_t pfn = start_pfn; pfn < end_pfn; pfn += nr) {
		nr = chunk_len(pfn, end_pfn);
		err = read_flags(pages, pfn, nr);
		if (err)
			return err;
		count_pages(content, pages->flags, pfn, nr);
		if (charges)
			charge_pages(pages, pfn, nr, charges);
	}
	return 0;
}

int mo_pages_content(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content)
{
	struct mo_content counted = { 0 };
	int err = read_content(pages, start_pfn, nr_pages, &counted, NULL);

	if (!err)
		*content = counted;
	return err;
}

bool mo_pages_have_cgroups(const struct mo_pages *pages)
{
	return pages->cgroup_fd >= 0;
}

int mo_pages_content_charged(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content,
			     struct mo_charge *most)
{
	struct mo_content counted = { 0 };
	struct charges charges = { .nr = 0 };
	int err = read_content(pages, start_pfn, nr_pages, &counted, &charges);

	if (err)
		return err;
	*content = counted;
	*most = (struct mo_charge){ 0 };
	for (size_t i = 0; i < charges.nr; i++)
		if (charges.of[i].nr_pages > most->nr_pages)
			*most = charges.of[i];
	return 0;
}

/* Pages beyond the end of the file are none. */
static uint64_t flags_of(const struct mo_pages *pages, uint64_t pfn)
{
	uint64_t flags;

	return read_entries(pages->flags_fd, &flags, pfn, 1) == 1 ? flags : KPF(NOPAGE);
}

bool mo_pages_are_joined(struct mo_pages *pages, uint64_t pfn)
{
	return flags_of(pages, pfn) & KPF(COMPOUND_TAIL);
}

struct gigantic {
	uint64_t run;	/* pages of the one that is being seen */
	uint64_t nr;
};

static int count_gigantic(void *data, const struct mo_page *page)
{
	struct gigantic *gigantic = data;

	if (!(page->flags & KPF(COMPOUND_TAIL)))
		gigantic->run = 0;
	if (!(page->flags & KPF(HUGE)) || !(page->flags & KPF(MMAP)))
		return 0;
	gigantic->nr += ++gigantic->run == MO_BUDDY_PAGES_MAX + 1;
	return 0;
}

uint64_t mo_pages_gigantic(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages)
{
	struct gigantic gigantic = { 0 };

	mo_pages_each(pages, start_pfn, nr_pages, count_gigantic, &gigantic);
	return gigantic.nr;
}

int mo_content_read(struct mo_ctx *ctx, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content)
{
	struct mo_pages *pages;
	int err = mo_pages_open(ctx, &pages);

	if (err)
		return err;
	err = mo_pages_content(pages, start_pfn, nr_pages, content);
	mo_pages_close(pages);
	return err;
}

int mo_pages_left(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, uint64_t *left, uint64_t *first_pfn)
{
	uint64_t end_pfn = start_pfn + nr_pages, found = 0, first = NO_PFN;
	size_t nr;
	int err;

	for (uint64_t pfn = start_pfn; pfn < end_pfn; pfn += nr) {
		nr = chunk_len(pfn, end_pfn);
		err = read_flags(pages, pfn, nr);
		if (err)
			return err;
		for (size_t i = 0; i < nr; i++) {
			if (!mo_page_in_use(pages->flags[i]))
				continue;
			if (!found++)
				first = pfn + i;
		}
	}
	*left = found;
	*first_pfn = first;
	return 0;
}

static int each_in_chunk(struct mo_pages *pages, uint64_t pfn, size_t nr, mo_page_fn *fn, void *data)
{
	bool extra = false;
	struct mo_page page;
	int err;

	for (size_t i = 0; i < nr; i++) {
		if (!mo_page_in_use(pages->flags[i]))
			continue;
		if (!extra) {
			read_extra(pages->count_fd, pages->counts + i, pfn + i, nr - i);
			read_extra(pages->cgroup_fd, pages->cgroups + i, pfn + i, nr - i);
			extra = true;
		}
		page = (struct mo_page){ pfn + i, pages->flags[i], pages->counts[i], cgroup_of(pages, i) };
		err = fn(data, &page);
		if (err)
			return err;
	}
	return 0;
}

int mo_pages_each(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, mo_page_fn *fn, void *data)
{
	uint64_t end_pfn = start_pfn + nr_pages;
	size_t nr;
	int err;

	pages->head_cgroup = 0;
	for (uint64_t pfn = start_pfn; pfn < end_pfn; pfn += nr) {
		nr = chunk_len(pfn, end_pfn);
		err = read_flags(pages, pfn, nr);
		if (!err)
			err = each_in_chunk(pages, pfn, nr, fn, data);
		if (err)
			return err;
	}
	return 0;
}
