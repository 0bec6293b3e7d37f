// SPDX-License-Identifier: GPL-2.0-only
/* What moves to another node before the first block's turn, from recorded page tables; the move itself is the test's. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "machine.h"
#include "transaction.h"

#define BLOCK_PAGES 32768ULL
#define PRESENT (1ULL << 63)
#define SHARED (1ULL << 61)
#define PAGES_MAX 4096

/* Node 1 goes; node 2 is nearer to it than node 0, but has little room. */
#define NODES_MACHINE "blocks=0-7,online,Normal,0", "blocks=32-35,online,Movable,1", "blocks=40-41,online,Movable,2", \
	"node=0,0-1,1048576,524288,65536,10+30+30", "node=1,-,524288,262144,0,30+10+20", \
	"node=2,-,262144,24576,0,30+20+10"

/* What the process that moves was asked for: it is another one than the test's. */
static struct calls {
	size_t nr_calls, nr_pages;
	int pid, node;
	void *addrs[PAGES_MAX];
} *calls;

static int move_pages_of_test(int pid, unsigned long nr, void **addrs, const int *nodes, int *status, int flags)
{
	(void)flags;
	for (unsigned long i = 0; i < nr && calls->nr_pages < PAGES_MAX; i++) {
		calls->addrs[calls->nr_pages++] = addrs[i];
		status[i] = nodes[i];
	}
	calls->nr_calls++;
	calls->pid = pid;
	calls->node = nodes[0];
	return 0;
}

/* What the library takes from libnuma is ours. */
void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);

void *__wrap_dlsym(void *handle, const char *name)
{
	return strcmp(name, "numa_move_pages") ? __real_dlsym(handle, name) : (void *)move_pages_of_test;
}

static void put(struct machine *machine, const char *folder, const char *maps)
{
	char text[512];

	snprintf(text, sizeof(text), "file=proc/%s/maps,%s", folder, maps);
	ADD(machine, text);
}

static void map(const struct machine *machine, const char *folder, uint64_t addr, uint64_t entry)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/%s/pagemap", machine->dir, folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &entry, sizeof(entry), (off_t)(addr / 4096 * sizeof(entry))), sizeof(entry));
	close(fd);
}

static uint64_t pfn_of(uint64_t block, uint64_t i)
{
	return block * BLOCK_PAGES + i;
}

struct fixture {
	struct machine machine;
	struct mo_request request;
	struct mo_transaction txn;
};

static void begin(struct fixture *fixture, uint32_t first, size_t nr_blocks)
{
	struct mo_transaction *txn = &fixture->txn;

	memset(calls, 0, sizeof(*calls));
	if (!fixture->machine.memory)
		machine_read(&fixture->machine);
	fixture->request = (struct mo_request)MO_REQUEST_INIT;
	*txn = (struct mo_transaction){ .ctx = fixture->machine.ctx, .memory = fixture->machine.memory,
					.request = &fixture->request };
	assert_int_equal(mo_report_new(txn->ctx, "offline", "node1", &txn->report), 0);
	assert_int_equal(mo_transaction_alloc(txn, nr_blocks), 0);
	for (size_t i = 0; i < nr_blocks; i++)
		assert_int_equal(mo_transaction_fill(txn, i, first + (uint32_t)i, MO_VERDICT_LIKELY, 10), 0);
	mo_transaction_want(txn, nr_blocks);
}

static void end(struct fixture *fixture)
{
	mo_report_unref(fixture->txn.report);
	free(fixture->txn.items);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	OPEN(&fixture->machine, NODES_MACHINE);
	put(&fixture->machine, "50", "00010000-00020000 rw-p 00000000 00:00 0");
	map(&fixture->machine, "50", 0x10000, PRESENT | pfn_of(32, 1));
	map(&fixture->machine, "50", 0x11000, PRESENT | SHARED | pfn_of(32, 2));
	map(&fixture->machine, "50", 0x12000, pfn_of(32, 3));		/* swapped out */
	map(&fixture->machine, "50", 0x13000, PRESENT | pfn_of(33, 4));
	map(&fixture->machine, "50", 0x14000, PRESENT | pfn_of(34, 5));
	map(&fixture->machine, "50", 0x15000, PRESENT | pfn_of(3, 6));
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	machine_close(&fixture->machine);
	free(fixture);
	return 0;
}

static void anonymous_pages_of_wanted_blocks_move(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture, 32, 2);
	assert_int_equal(mo_move_ahead(&fixture->txn), 0);
	assert_int_equal(calls->nr_pages, 2);
	assert_int_equal(calls->pid, 50);
	assert_ptr_equal(calls->addrs[0], 0x10000);
	assert_ptr_equal(calls->addrs[1], 0x13000);
	assert_string_equal(mo_report_note(fixture->txn.report, 0),
			    "2 anonymous pages went to node 2 before the first block's turn");
	end(fixture);
}

static void each_process_moves_on_its_own_and_in_batches(void **state)
{
	struct fixture *fixture = *state;

	put(&fixture->machine, "51", "10000000-11000000 rw-p 00000000 00:00 0");
	for (uint64_t i = 0; i < 1100; i++)
		map(&fixture->machine, "51", 0x10000000 + i * 4096, PRESENT | pfn_of(35, i));
	begin(fixture, 32, 4);
	assert_int_equal(mo_move_ahead(&fixture->txn), 0);
	assert_int_equal(calls->nr_pages, 1103);
	assert_int_equal(calls->nr_calls, 3);
	end(fixture);
}

static void the_nearest_node_with_room_that_stays_is_the_target(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture, 32, 2);
	mo_move_ahead(&fixture->txn);
	assert_int_equal(calls->node, 2);
	end(fixture);
	begin(fixture, 32, 2);
	fixture->txn.items[1].block = 40;	/* of node 2 */
	mo_move_ahead(&fixture->txn);
	assert_int_equal(calls->node, 0);
	end(fixture);
}

/* Free memory of 24 MiB, of which 16 MiB, a part of the whole, stay free. */
static void no_more_moves_than_there_is_room_for(void **state)
{
	struct fixture *fixture = *state;

	put(&fixture->machine, "51", "10000000-11000000 rw-p 00000000 00:00 0");
	for (uint64_t i = 0; i < 3000; i++)
		map(&fixture->machine, "51", 0x10000000 + i * 4096, PRESENT | pfn_of(35, i));
	begin(fixture, 32, 4);
	assert_int_equal(mo_move_ahead(&fixture->txn), 0);
	assert_int_equal(calls->nr_pages, 2048);
	end(fixture);
}

static void assert_nothing_moves(struct fixture *fixture)
{
	assert_int_equal(mo_move_ahead(&fixture->txn), 0);
	assert_int_equal(calls->nr_calls, 0);
	assert_null(mo_report_note(fixture->txn.report, 0));
	end(fixture);
}

static void where_it_is_no_help_nothing_moves(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture, 32, 1);				/* one block */
	assert_nothing_moves(fixture);
	begin(fixture, 32, 2);
	fixture->txn.items[1].verdict = MO_VERDICT_NEVER;	/* one that can go */
	assert_nothing_moves(fixture);
	begin(fixture, 32, 2);
	fixture->txn.session = (struct mo_session *)fixture;	/* the core does it better */
	assert_nothing_moves(fixture);
	begin(fixture, 32, 3);
	fixture->txn.items[1].block = 40;
	fixture->txn.items[2].block = 0;		/* no node stays */
	assert_nothing_moves(fixture);
	mo_memory_unref(fixture->machine.memory);
	fixture->machine.memory = NULL;
	ADD(&fixture->machine, "node=0,0-1,1048576,32768,65536,10+30+30", "node=2,-,262144,8192,0,30+20+10");
	begin(fixture, 32, 2);				/* no room */
	assert_nothing_moves(fixture);
}

static void a_process_that_hangs_holds_up_a_share_of_the_time(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start_ms = mo_now_ms();

	ADD(&fixture->machine, "fifo=proc/60/maps");
	begin(fixture, 32, 2);
	fixture->txn.deadline_ms = start_ms + 4000;
	assert_int_equal(mo_move_ahead(&fixture->txn), 0);
	assert_in_range(mo_now_ms() - start_ms, 900, 3000);
	assert_int_equal(fixture->txn.ended_by, MO_REASON_NONE);
	end(fixture);
}

static void a_stop_ends_it(void **state)
{
	struct fixture *fixture = *state;
	int fds[2];

	ADD(&fixture->machine, "fifo=proc/60/maps");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "", 1), 1);
	begin(fixture, 32, 2);
	fixture->request.stop_fd = fds[0];
	assert_int_equal(mo_move_ahead(&fixture->txn), -EINTR);
	assert_int_equal(fixture->txn.ended_by, MO_REASON_INTERRUPTED);
	end(fixture);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(anonymous_pages_of_wanted_blocks_move),
		TEST(each_process_moves_on_its_own_and_in_batches),
		TEST(the_nearest_node_with_room_that_stays_is_the_target),
		TEST(no_more_moves_than_there_is_room_for),
		TEST(where_it_is_no_help_nothing_moves),
		TEST(a_process_that_hangs_holds_up_a_share_of_the_time),
		TEST(a_stop_ends_it),
	};

	calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(calls != MAP_FAILED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
