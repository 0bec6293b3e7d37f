# SPDX-License-Identifier: GPL-2.0-only
# What tests of the core share: one block of node 1 is filled, taken offline by a plain write, and verified. The
# machine is two-dimms; only blocks 32 and 33 of node 1 stay online, so that what is taken on that node lies in them.
# shellcheck shell=bash disable=SC2034,SC2154,SC2206,SC2015
block=32
spare=33
trace=/sys/kernel/tracing/instances/core

# MEMOFFLINE_CORE=stock: the same content, moved by the kernel alone.
is_stock() { [ "${MEMOFFLINE_CORE-}" = stock ]; }
not_in_debug() { [ "$LAB_KERNEL" != debug ] || skip "$1"; }
needs_core() { ! is_stock || skip "the kernel alone does not do that"; }

core_setup_file() {
	local i

	for i in 34 35 36 37 38 39; do [ "$(state $i)" = offline ] || echo offline > "$memory/memory$i/state"; done
	take_swap
	is_stock || load_core
}

core_teardown_file() {
	[ ! -d /sys/module/memoffline ] || unload_core
	give_swap_back
}

core_setup() {
	is_stock || [ -d /sys/module/memoffline ] || load_core
	make_movable $block $spare
	said=$BATS_TEST_TMPDIR/said
	oom_kills=$(vmstat_of oom_kill)
}

core_teardown() {	# what it prints is shown of a test that failed
	if [ ! "${BATS_TEST_COMPLETED-}" ]; then
		[ ! -d $trace ] || tail -n 20 $trace/trace
		is_stock || "$memoffline" report 2>&1 | head -n 30
	fi
	kill_children
	! mountpoint -q /mnt || umount /mnt
	[ ! -d $trace ] || rmdir $trace
	swapoff -a
}

# Also those that are online in another zone.
make_movable() {	# BLOCK...
	local i

	for i in "$@"; do
		[ "$(state "$i")" != online ] || [ "$(zone "$i")" = Movable ] || echo offline > "$memory/memory$i/state"
	done
	all_online_movable "$@"
}

vmstat_of() { awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat; }
kpages() { echo $(($(awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo) / 4)); }

# Fills the block; sets pid and out. All but so many per cent must lie in it.
fill_block() {	# PERCENT ARG...
	local percent=$1 pages lie

	shift
	(echo offline > "$memory/memory$spare/state")
	start_work ready --node 1 --in-block $block --nice 10 "$@"
	echo online_movable > "$memory/memory$spare/state"
	read -r pages lie < <(sed -n 's/^ready .*pages=\([0-9]*\) .*in-block=\([0-9]*\)$/\1 \2/p' "$out")
	echo "$* : $lie of $pages pages lie in block $block"
	[ $((lie * 100)) -ge $((pages * percent)) ]
}

# The same with less of it for a kernel that checks itself, which takes four times as long.
scale=1
[ "${LAB_KERNEL-}" != debug ] || scale=2
fill_content() {	# PERCENT ARG...
	local arg args=()

	for arg; do
		[[ ! $arg =~ ^([0-9]+)m(:.*)?$ ]] || arg=$((BASH_REMATCH[1] / scale))m${BASH_REMATCH[2]}
		args+=("$arg")
	done
	fill_block "${args[@]}"
}

# Verifies all, while it goes on.
verify_work() {
	local before

	before=$(grep -c ^verified "$out") || :
	kill -USR1 "$pid"
	until [ "$(grep -c ^verified "$out")" -gt "$before" ]; do
		kill -0 "$pid" || { cat "$out"; return 1; }
		pause 0.02
	done
}

# Sets status, elapsed_ms and output.
try_offline() {	# BLOCK
	local start_ms

	start_ms=$(now_ms)
	status=0
	output=$( (echo offline > "$memory/memory$1/state") 2>&1 3>&-) || status=$?
	elapsed_ms=$(($(now_ms) - start_ms))
	echo "offline of block $1: status $status, $elapsed_ms ms $output"
}

# A busy host stretches every second of its guest: three attempts for a bound.
within_ms() {	# MS COMMAND...
	local bound=$1 i

	shift
	for i in 1 2 3; do
		"$@"
		[ "$elapsed_ms" -ge "$bound" ] || return 0
	done
	return 1
}

# How it ended in the core; only what was traced.
start_trace() {
	is_stock && return
	mkdir $trace
	echo 1 > $trace/events/memoffline/enable
}

trace_of() {	# EVENT FIELD
	sed -nE "s/.* memoffline_$1: .*\b$2=([^ ]*).*/\1/p" $trace/trace | tail -n 1
}

# What is counted has to be there again: lists, free memory, locked memory.
count() {
	echo 1 > /proc/sys/vm/stat_refresh
	lru=$(awk '/^nr_(in)?active_(anon|file) |^nr_unevictable / { n += $2 } END { print n }' /proc/vmstat)
	free=$(awk '/^ *nr_free_pages |^ *count: / { n += $2 } END { print n }' /proc/zoneinfo)	# and what processors keep
	mlocked=$(vmstat_of nr_mlock)
	unevictable=$(vmstat_of nr_unevictable)
}

near() {	# A B ROUNDING
	[ $(($1 - $2)) -le "$3" ] && [ $(($2 - $1)) -le "$3" ] || { echo "$1 is not $2"; return 1; }
}

nr_isolated() {
	echo 1 > /proc/sys/vm/stat_refresh
	awk '/^ *nr_isolated_(anon|file) / { n += $2 < 0 ? -$2 : $2 } END { print n }' /proc/vmstat /proc/zoneinfo
}

# Pages that were isolated are all back; also in each zone and node. The kernel's reclaim and compaction isolate some
# for a moment, too.
nothing_isolated() {
	local i

	for i in {1..100}; do
		[ "$(nr_isolated)" != 0 ] || return 0
		pause 0.05
	done
	grep nr_isolated /proc/vmstat
	return 1
}

no_oom_kill() {
	[ "$(vmstat_of oom_kill)" = "$oom_kills" ] && return
	dmesg | grep -A 25 'invoked oom-killer'
	return 1
}

majflt_of() { awk '{ print $12 }' "/proc/$1/stat"; }

# Fill, offline, verify, online, end: nothing is lost, and what is counted is as before.
move_content() {	# PERCENT ARG...
	local before faults

	fill_content "$@"
	start_trace
	count
	before=($lru $free $mlocked $unevictable)
	faults=$(majflt_of "$pid")
	try_offline $block
	[ "$status" = 0 ]
	verify_work
	[ "$(majflt_of "$pid")" = "$faults" ]
	[ "$(state $block)" = offline ]
	echo online_movable > "$memory/memory$block/state"
	nothing_isolated
	count
	echo "lists, free, mlocked, unevictable: ${before[*]}, then $lru $free $mlocked $unevictable"
	near $((lru + free)) $((before[0] + before[1])) 1500	# a huge page that is split gives back what nobody maps
	[ $((lru - before[0])) -le 600 ]
	[ "$mlocked" = "${before[2]}" ]
	near "$unevictable" "${before[3]}" 16
	end_work "$pid"
	no_oom_kill
	is_stock || [ "$(trace_of end moved)" -gt 0 ]
}
