// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's emulation: how many instructions each virtual processor executed between two marks of the guest,
 * by where they are. A mark is the instruction `nopl 0x4d4f46XX(%rax)`, see tests/bench/measure.c: XX 2 begins, 3 ends.
 *
 *	gcc -shared -fPIC -O2 -o count.so count.c
 *	qemu-system-x86_64 -accel tcg -plugin ./count.so,out=FILE ...
 *
 * An end writes to FILE:
 *	SAMPLE number
 *	address count-of-processor-0 count-of-processor-1 ...	for each piece of code that ran
 *	END number total-of-processor-0 ...
 *
 * Debian ships no header of the plugin interface (version 1), so the dozen functions needed are declared here.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
};
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*vcpu_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, vcpu_cb cb, enum qemu_plugin_cb_flags flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_cb cb, enum qemu_plugin_cb_flags flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORTED __attribute__((visibility("default")))
extern int qemu_plugin_version;
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

#define MAX_VCPUS 8
#define TABLE_BITS 20
#define TABLE_SIZE (1u << TABLE_BITS)
#define MARK_BEGIN 2
#define MARK_END 3

/* A piece of code: the same address may be translated again with another length. */
struct code {
	uint64_t addr;
	uint32_t nr_insns;		/* 0: this slot is free */
};

static struct code table[TABLE_SIZE];
static uint64_t *counts[MAX_VCPUS];	/* each written by its own processor; one for each slot */
static unsigned int nr_codes, nr_vcpus, nr_samples;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;

static size_t find(uint64_t addr, uint32_t nr_insns)
{
	size_t slot = ((addr ^ (uint64_t)nr_insns << 48) * 0x9e3779b97f4a7c15ULL) >> (64 - TABLE_BITS);

	for (;; slot = (slot + 1) % TABLE_SIZE) {
		if (table[slot].addr == addr && table[slot].nr_insns == nr_insns)
			return slot;
		if (table[slot].nr_insns)
			continue;
		if (++nr_codes > TABLE_SIZE - TABLE_SIZE / 8) {
			fputs("count: more pieces of code than the table holds\n", stderr);
			exit(1);
		}
		table[slot] = (struct code){ addr, nr_insns };
		return slot;
	}
}

static void begin(void)
{
	for (unsigned int i = 0; i < nr_vcpus; i++)
		memset(counts[i], 0, TABLE_SIZE * sizeof(*counts[i]));
}

static void print_code(size_t slot, uint64_t *totals)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < nr_vcpus; i++)
		sum += counts[i][slot];
	if (!sum)
		return;
	fprintf(out, "%" PRIx64, table[slot].addr);
	for (unsigned int i = 0; i < nr_vcpus; i++) {
		fprintf(out, " %" PRIu64, counts[i][slot]);
		totals[i] += counts[i][slot];
	}
	fputc('\n', out);
}

static void end(void)
{
	uint64_t totals[MAX_VCPUS] = { 0 };

	fprintf(out, "SAMPLE %u\n", nr_samples);
	for (size_t slot = 0; slot < TABLE_SIZE; slot++)
		print_code(slot, totals);
	fprintf(out, "END %u", nr_samples++);
	for (unsigned int i = 0; i < nr_vcpus; i++)
		fprintf(out, " %" PRIu64, totals[i]);
	fputc('\n', out);
	fflush(out);
}

static void mark(unsigned int vcpu, void *data)
{
	(void)vcpu;
	pthread_mutex_lock(&lock);
	if ((uintptr_t)data == MARK_BEGIN)
		begin();
	if ((uintptr_t)data == MARK_END)
		end();
	pthread_mutex_unlock(&lock);
}

static void executed(unsigned int vcpu, void *data)
{
	size_t slot = (size_t)(uintptr_t)data;

	if (vcpu < MAX_VCPUS)
		counts[vcpu][slot] += table[slot].nr_insns;
}

/* Programs come and go, each at addresses of its own: they are told as one, at address 0. */
static bool is_kernel(uint64_t addr)
{
	return addr >> 63;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t head[] = { 0x0f, 0x1f, 0x80 }, tail[] = { 0x46, 0x4f, 0x4d };
	size_t nr = qemu_plugin_tb_n_insns(tb), slot;

	(void)id;
	pthread_mutex_lock(&lock);
	slot = find(is_kernel(qemu_plugin_tb_vaddr(tb)) ? qemu_plugin_tb_vaddr(tb) : 0, (uint32_t)nr);
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)slot);
	for (size_t i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *bytes;

		if (qemu_plugin_insn_size(insn) != 7)
			continue;
		bytes = qemu_plugin_insn_data(insn);
		if (!memcmp(bytes, head, sizeof(head)) && !memcmp(bytes + 4, tail, sizeof(tail)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)bytes[3]);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	if (!out || !info->system_emulation || info->system.smp_vcpus > MAX_VCPUS) {
		fputs("count: needs out=FILE, a whole machine, and at most 8 processors\n", stderr);
		return -1;
	}
	nr_vcpus = (unsigned int)info->system.smp_vcpus;
	for (unsigned int i = 0; i < nr_vcpus; i++) {
		counts[i] = calloc(TABLE_SIZE, sizeof(*counts[i]));
		if (!counts[i])
			return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
