/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: an attempt on a block, or on a process, its passes, and each page of a block that stayed. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM memoffline

#if !defined(MEMOFFLINE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MEMOFFLINE_TRACE_H

#include <linux/tracepoint.h>

#include "include/uapi/linux/memoffline.h"
#include "names.h"
#include "report.h"

/* Tools that read the trace elsewhere need the numbers of the words. */
#undef EM
#undef EMe
#define EM(value, word)		TRACE_DEFINE_ENUM(value);
#define EMe(value, word)	TRACE_DEFINE_ENUM(value);
MO_REASON_NAMES(EM, EMe)
MO_KIND_NAMES(EM, EMe)
#undef EM
#undef EMe
#define EM(value, word)		{ value, word },
#define EMe(value, word)	{ value, word }

TRACE_EVENT(memoffline_begin,
	TP_PROTO(u64 start_pfn, u64 nr_pages, unsigned int deadline_ms, unsigned int stall_ms),
	TP_ARGS(start_pfn, nr_pages, deadline_ms, stall_ms),
	TP_STRUCT__entry(
		__field(u64, start_pfn)
		__field(u64, nr_pages)
		__field(unsigned int, deadline_ms)
		__field(unsigned int, stall_ms)
	),
	TP_fast_assign(
		__entry->start_pfn = start_pfn;
		__entry->nr_pages = nr_pages;
		__entry->deadline_ms = deadline_ms;
		__entry->stall_ms = stall_ms;
	),
	TP_printk("start_pfn=0x%llx nr_pages=%llu deadline_ms=%u stall_ms=%u",
		  __entry->start_pfn, __entry->nr_pages, __entry->deadline_ms, __entry->stall_ms)
);

TRACE_EVENT(memoffline_eject,
	TP_PROTO(u64 start_pfn, const char *device, const char *turn),
	TP_ARGS(start_pfn, device, turn),
	TP_STRUCT__entry(
		__field(u64, start_pfn)
		__array(char, device, MEMOFFLINE_NAME_LEN)
		__array(char, turn, 8)
	),
	TP_fast_assign(
		__entry->start_pfn = start_pfn;
		strscpy(__entry->device, device, sizeof(__entry->device));
		strscpy(__entry->turn, turn, sizeof(__entry->turn));
	),
	TP_printk("start_pfn=0x%llx device=%s turn=%s", __entry->start_pfn, __entry->device, __entry->turn)
);

TRACE_EVENT(memoffline_pass,
	TP_PROTO(u64 start_pfn, unsigned int nr_pass, u64 nr_left, u64 nr_progress),
	TP_ARGS(start_pfn, nr_pass, nr_left, nr_progress),
	TP_STRUCT__entry(
		__field(u64, start_pfn)
		__field(u64, nr_left)
		__field(u64, nr_progress)
		__field(unsigned int, nr_pass)
	),
	TP_fast_assign(
		__entry->start_pfn = start_pfn;
		__entry->nr_left = nr_left;
		__entry->nr_progress = nr_progress;
		__entry->nr_pass = nr_pass;
	),
	TP_printk("start_pfn=0x%llx pass=%u left=%llu moved=%llu",
		  __entry->start_pfn, __entry->nr_pass, __entry->nr_left, __entry->nr_progress)
);

TRACE_EVENT(memoffline_kept,
	TP_PROTO(const struct memoffline_record *record),
	TP_ARGS(record),
	TP_STRUCT__entry(
		__field(u64, pfn)
		__field(u32, order)
		__field(u32, kind)
		__field(u32, reason)
		__field(s32, refs)
		__field(s32, refs_expected)
	),
	TP_fast_assign(
		__entry->pfn = record->pfn;
		__entry->order = record->order;
		__entry->kind = record->kind;
		__entry->reason = record->reason;
		__entry->refs = record->refs;
		__entry->refs_expected = record->refs_expected;
	),
	TP_printk("pfn=0x%llx order=%u kind=%s reason=%s refs=%d expected=%d",
		  __entry->pfn, __entry->order, __print_symbolic(__entry->kind, MO_KIND_NAMES(EM, EMe)),
		  __print_symbolic(__entry->reason, MO_REASON_NAMES(EM, EMe)), __entry->refs, __entry->refs_expected)
);

TRACE_EVENT(memoffline_end,
	TP_PROTO(const struct mo_report *report),
	TP_ARGS(report),
	TP_STRUCT__entry(
		__field(u64, start_pfn)
		__field(u64, nr_pages)
		__field(u64, nr_moved)
		__field(u64, nr_evicted)
		__field(u64, nr_kept)
		__field(u64, nr_split)
		__field(u64, nr_policy_violated)
		__field(u64, elapsed_ns)
		__field(int, error)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->start_pfn = report->start_pfn;
		__entry->nr_pages = report->nr_pages;
		__entry->nr_moved = report->nr_moved;
		__entry->nr_evicted = report->nr_evicted;
		__entry->nr_kept = report->nr_kept;
		__entry->nr_split = report->nr_split;
		__entry->nr_policy_violated = report->nr_policy_violated;
		__entry->elapsed_ns = report->elapsed_ns;
		__entry->error = report->error;
		__entry->reason = report->reason;
	),
	TP_printk("start_pfn=0x%llx nr_pages=%llu error=%d reason=%s moved=%llu evicted=%llu kept=%llu split=%llu policy_violated=%llu elapsed_ns=%llu",
		  __entry->start_pfn, __entry->nr_pages, __entry->error,
		  __print_symbolic(__entry->reason, MO_REASON_NAMES(EM, EMe)),
		  __entry->nr_moved, __entry->nr_evicted, __entry->nr_kept, __entry->nr_split,
		  __entry->nr_policy_violated, __entry->elapsed_ns)
);

TRACE_EVENT(memoffline_process_begin,
	TP_PROTO(int pid, u64 start_addr, u64 end_addr, unsigned int nr_steps, unsigned int deadline_ms),
	TP_ARGS(pid, start_addr, end_addr, nr_steps, deadline_ms),
	TP_STRUCT__entry(
		__field(u64, start_addr)
		__field(u64, end_addr)
		__field(int, pid)
		__field(unsigned int, nr_steps)
		__field(unsigned int, deadline_ms)
	),
	TP_fast_assign(
		__entry->start_addr = start_addr;
		__entry->end_addr = end_addr;
		__entry->pid = pid;
		__entry->nr_steps = nr_steps;
		__entry->deadline_ms = deadline_ms;
	),
	TP_printk("pid=%d addr=0x%llx-0x%llx steps=%u deadline_ms=%u",
		  __entry->pid, __entry->start_addr, __entry->end_addr, __entry->nr_steps, __entry->deadline_ms)
);

TRACE_EVENT(memoffline_process_pass,
	TP_PROTO(int from, int to, unsigned int nr_pass, u64 nr_left, u64 nr_progress),
	TP_ARGS(from, to, nr_pass, nr_left, nr_progress),
	TP_STRUCT__entry(
		__field(u64, nr_left)
		__field(u64, nr_progress)
		__field(int, from)
		__field(int, to)
		__field(unsigned int, nr_pass)
	),
	TP_fast_assign(
		__entry->nr_left = nr_left;
		__entry->nr_progress = nr_progress;
		__entry->from = from;
		__entry->to = to;
		__entry->nr_pass = nr_pass;
	),
	TP_printk("from=%d to=%d pass=%u left=%llu moved=%llu",
		  __entry->from, __entry->to, __entry->nr_pass, __entry->nr_left, __entry->nr_progress)
);

TRACE_EVENT(memoffline_process_end,
	TP_PROTO(int pid, const struct mo_report *report),
	TP_ARGS(pid, report),
	TP_STRUCT__entry(
		__field(u64, nr_moved)
		__field(u64, nr_evicted)
		__field(u64, nr_kept)
		__field(u64, nr_split)
		__field(int, pid)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->nr_moved = report->nr_moved;
		__entry->nr_evicted = report->nr_evicted;
		__entry->nr_kept = report->nr_kept;
		__entry->nr_split = report->nr_split;
		__entry->pid = pid;
		__entry->reason = report->reason;
	),
	TP_printk("pid=%d reason=%s moved=%llu evicted=%llu kept=%llu split=%llu",
		  __entry->pid, __print_symbolic(__entry->reason, MO_REASON_NAMES(EM, EMe)),
		  __entry->nr_moved, __entry->nr_evicted, __entry->nr_kept, __entry->nr_split)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
