#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --disk 1g --swap 512m
# kernels: 6.12
# soak-kernels: 6.1 debug
# The core: content of each kind survives, bounds are kept, nothing is left behind. DIMM d1 is blocks 32-35, d2 36-39.
load common
load core

setup_file() {
	core_setup_file
}

teardown_file() {
	core_teardown_file
}

setup() {
	core_setup
}

teardown() {
	core_teardown
}

# ---- content ----

@test "private memory in base pages" {
	move_content 99 --anon 64m --threads 2
}

@test "transparent huge pages, whole and partly given back" {
	move_content 65 --thp 48m --partial 16m --threads 2	# 4 of 16 MiB are left
}

@test "equal pages that the kernel merged" {
	echo 1 > /sys/kernel/mm/ksm/run
	echo 10000 > /sys/kernel/mm/ksm/pages_to_scan
	echo 1 > /sys/kernel/mm/ksm/sleep_millisecs
	move_content 99 --ksm 16m --threads 2
	echo 2 > /sys/kernel/mm/ksm/run	# unmerge
	echo 0 > /sys/kernel/mm/ksm/run
}

@test "memory that 64 processes share until they write" {
	move_content 99 --forked 2m
}

@test "mlocked memory" {
	move_content 99 --anon 24m --shm 24m --mlock --threads 2
}

# The kernel locks the pages of a huge page again when it meets them on reclaim, not when it maps them.
@test "mlocked huge pages stay resident" {
	fill_block 99 --thp 32m --mlock
	try_offline $block
	[ "$status" = 0 ]
	verify_work
	[ "$(awk '/^VmLck/ { print $2 }' "/proc/$pid/status")" -ge 32768 ]
	[ "$(awk '/^Locked/ { n += $2 } END { print n }' "/proc/$pid/smaps")" -ge 32768 ]
	end_work "$pid"
	nothing_isolated
}

@test "shared memory and a mapped file, with several processes" {
	mount -t tmpfs tmpfs /mnt
	move_content 99 --shm 24m --mapped 16m:/mnt/mapped --cache 8m:/mnt/cache --family 3 --threads 2
}

# Free huge pages of the block are no targets, though their pool would give them away first.
@test "huge pages of the pool, private and shared, with free ones beside them" {
	(echo offline > "$memory/memory$spare/state")
	echo 24 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
	echo 16 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
	is_stock || start_trace
	start_work ready --node 1 --in-block $block --hugetlb 16m --hugetlb-shared 16m --threads 2
	grep 'pages=8192 on-node=8192 in-block=8192' "$out"
	echo online_movable > "$memory/memory$spare/state"
	try_offline $block
	[ "$status" = 0 ]
	is_stock || [ "$(trace_of end moved)" -lt 9000 ]
	verify_work
	end_work "$pid"
	[ "$(awk '/^HugePages_Rsvd|^HugePages_Surp/ { n += $2 } END { print n }' /proc/meminfo)" = 0 ]
	echo 0 > /proc/sys/vm/nr_hugepages
	nothing_isolated
}

@test "pages that are in the swap cache" {
	swapon "$swap_disk"
	move_content 99 --swap 16m
	swapoff -a
}

# ---- files ----

# Sums of all files, as whoever reads them sees them.
sums() { find /mnt -type f -exec sha256sum {} + | sort; }

# Nothing but us could write: no flusher, no commit in the next ten minutes.
no_flusher() {
	echo 0 > /proc/sys/vm/dirty_writeback_centisecs
	echo 90 > /proc/sys/vm/dirty_background_ratio
	echo 95 > /proc/sys/vm/dirty_ratio
}

# Dirty files that nobody writes out meanwhile; then live ones; bit for bit what they were, also after a remount.
move_files() {	# MOUNT-OPTIONS
	local written dirty before=$BATS_TEST_TMPDIR/before

	mount -o "$1" "$LAB_DISK" /mnt
	no_flusher
	fill_content 97 --cache 12m:/mnt/clean --dirty 12m:/mnt/dirty --mapped 6m:/mnt/mapped --dirty 4k:/mnt/small --threads 0
	sums > "$before"
	start_trace
	echo 1 > /proc/sys/vm/stat_refresh
	written=$(vmstat_of nr_written)
	dirty=$(vmstat_of nr_dirty)
	[ "$dirty" -ge $((4500 / scale)) ]	# 18 MiB
	try_offline $block
	echo 1 > /proc/sys/vm/stat_refresh
	echo "written: $written, then $(vmstat_of nr_written); dirty: $dirty, then $(vmstat_of nr_dirty)"
	[ "$status" = 0 ]
	[ "$(vmstat_of nr_written)" = "$written" ]
	near "$(vmstat_of nr_dirty)" "$dirty" 8
	is_stock || [ "$(trace_of end moved)" -gt $((7400 / scale)) ]
	verify_work
	sums | cmp - "$before"
	end_work "$pid"
	umount /mnt
	mount -o "$1" "$LAB_DISK" /mnt
	sums | cmp - "$before"
	all_online_movable $block
	nothing_isolated
	live_files "$1"
}

# Read and written while they move, then synced by their owner alone.
live_files() {	# MOUNT-OPTIONS
	fill_content 97 --dirty 8m:/mnt/dirty --cache 8m:/mnt/clean --mapped 4m:/mnt/mapped --threads 2
	try_offline $block
	[ "$status" = 0 ]
	end_work "$pid"
	sums > "$BATS_TEST_TMPDIR/live"
	umount /mnt
	mount -o "$1" "$LAB_DISK" /mnt
	sums | cmp - "$BATS_TEST_TMPDIR/live"
	umount /mnt
	all_online_movable $block
	nothing_isolated
}

@test "files of ext2, clean and dirty" {
	not_in_debug "ext4 goes the same way there"
	mkfs.ext2 -q -F -b 1024 "$LAB_DISK" 200m	# four buffers a page
	move_files noatime
}

@test "files of ext4, clean and dirty" {
	mkfs.ext4 -q -F "$LAB_DISK"
	move_files noatime,commit=600
}

@test "files of ext4 with nothing allocated late, clean and dirty" {
	not_in_debug "ext4 goes the same way there"
	mkfs.ext4 -q -F -b 1024 "$LAB_DISK" 200m
	move_files noatime,commit=600,nodelalloc
}

@test "files of xfs, clean and dirty" {
	mkfs.xfs -q -f "$LAB_DISK"
	move_files noatime
}

# ---- bounds ----

start_pin() {
	start_work pinned pin --node 1 --block $block
	pin_pid=$pid
}

offline_by_chmem() {
	local start_ms

	start_ms=$(now_ms)
	status=0
	output=$(chmem -d -b $block 2>&1 3>&-) || status=$?
	elapsed_ms=$(($(now_ms) - start_ms))
	echo "chmem: status $status, $elapsed_ms ms $output"
}

@test "a pinned page: EBUSY within a second, by echo and by chmem" {
	needs_core
	start_pin
	within_ms 1000 try_offline $block
	[ "$status" = 1 ]
	[[ $output == *"Device or resource busy"* ]]
	[ "$(state $block)" = online ]
	within_ms 1000 offline_by_chmem
	[ "$status" != 0 ]
	[[ $output == *"Device or resource busy"* || $output == *"disable failed"* ]]
	[ "$(state $block)" = online ]
	nothing_isolated
	try_offline $spare
	[ "$status" = 0 ]
	end_work "$pin_pid"
	try_offline $block
	[ "$status" = 0 ]
}

# In a kernel that checks itself the programs of the test take seconds: from the guest's first answer to its last there.
try_eject() {
	local start_ms

	start_ms=$(now_ms)
	eject d1
	elapsed_ms=$(($(now_ms) - start_ms))
	echo "eject: $elapsed_ms ms, of which $eject_ms ms by the host's events, status $answer"
	[ "$LAB_KERNEL" != debug ] || elapsed_ms=$eject_ms
}

@test "a pinned page: an eject is answered, the block works on, another one goes at once" {
	needs_core
	start_pin
	within_ms 3000 try_eject	# the kernel tries each block twice, and brings back what went
	[ "$answer" = 130 ]	# device busy
	[ "$(state $block)" = online ]
	within_ms 1000 try_offline $spare
	[ "$status" = 0 ]
	end_work "$pin_pid"
	nothing_isolated
	make_movable $block $spare	# the kernel brings back what went as it likes
	move_content 99 --anon 8m
}

@test "SIGKILL of the writer at any moment: the block is online or offline, and nothing is lost" {
	fill_block 99 --anon 32m --shm 8m --thp 8m
	for delay in 0.01 0.04 0.08 0.12 0.18 0.25; do
		echo offline > "$memory/memory$block/state" 3>&- &
		writer=$!
		pause $delay
		kill -KILL $writer 2>/dev/null || :
		wait $writer || :
		echo "$delay s: $(state $block)"
		[[ $(state $block) == o* ]]
		nothing_isolated
		verify_work
		all_online_movable $block
	done
	end_work "$pid"
	no_oom_kill
}

# ---- no room ----

# Leaves so many MiB of node 0 to others.
fill_node0() {	# MIB ARG...
	local free_kb
	local left=$1

	shift
	free_kb=$(awk '/MemFree/ { print $4 }' /sys/devices/system/node/node0/meminfo)
	"$work" --node 0 --anon $(((free_kb / 1024 - left)))m --threads 0 "$@" < "$out.in" > "$out.filler" 2>&1 3>&- &
	filler=$!
	await "$out.filler" $filler ready
	awk '/MemFree/' /sys/devices/system/node/node*/meminfo
}

@test "targets are full, no swap space: an error in time, no OOM kill, and all is as before" {
	needs_core
	fill_block 99 --anon 100m --threads 0
	(echo offline > "$memory/memory$spare/state")
	fill_node0 120 --mlock
	try_offline $block
	[ "$status" = 1 ]
	[[ $output == *"Device or resource busy"* || $output == *"Cannot allocate memory"* ]]
	[ "$elapsed_ms" -lt 30000 ]
	[ "$(state $block)" = online ]
	nothing_isolated
	no_oom_kill
	verify_work
	kill -KILL $filler
	wait $filler || :
	try_offline $block
	[ "$status" = 0 ]
	end_work "$pid"
	no_oom_kill
}

@test "targets are full, and there is swap space: what finds no room is evicted" {
	needs_core
	swapon "$swap_disk"
	fill_block 99 --anon 100m --threads 0
	(echo offline > "$memory/memory$spare/state")
	fill_node0 120 --mlock
	try_offline $block
	[ "$status" = 0 ]
	no_oom_kill
	nothing_isolated
	kill -KILL $filler
	wait $filler || :
	end_work "$pid"
	no_oom_kill
}

# ---- other people's faults ----

inject=/sys/kernel/debug/notifier-error-inject/memory/actions/MEM_GOING_OFFLINE/error

# A veto of somebody who is asked before us, or after.
veto() {	# PRIORITY
	modprobe memory-notifier-error-inject priority="$1"
	fill_block 99 --anon 16m --thp 8m
	for error in 12 16; do
		echo -$error > $inject
		try_offline $block
		echo 0 > $inject
		[ "$status" = 1 ]
		case $error in
		12) [[ $output == *"Cannot allocate memory"* ]] ;;
		16) [[ $output == *"Device or resource busy"* ]] ;;
		esac
		[ "$(state $block)" = online ]
		nothing_isolated
	done
	verify_work
	try_offline $block
	modprobe -r memory-notifier-error-inject
	[ "$status" = 0 ]
	end_work "$pid"
}

@test "another notifier vetoes before ours is asked" {
	veto 0
}

@test "another notifier vetoes after ours has moved all" {
	veto -2000
}

@test "to name the owners of very many mappings has an end" {
	needs_core
	fill_block 90 --forked 60m --family 64 --threads 0
	parameters=/sys/module/memoffline/parameters
	echo 65536 > $parameters/records
	echo 1 > $parameters/deadline_ms
	try_offline $block
	echo 1024 > $parameters/records
	echo 10000 > $parameters/deadline_ms
	[ "$status" != 0 ]
	[ "$elapsed_ms" -lt $((2000 * scale)) ]
	"$memoffline" report --json $block > "$said"
	jq -c '[.records[].nr_owners] | group_by(.) | map([.[0], length])' "$said"
	jq -e '.records | any(.nr_owners == 65) and .[-1].nr_owners == 0' "$said"
	"$memoffline" report $block | grep 'not looked for'
	end_work "$pid"
}

# ---- the module ----

@test "a request to unload in mid-offline waits for its end" {
	needs_core
	start_pin
	parameters=/sys/module/memoffline/parameters
	echo 20000 > $parameters/deadline_ms
	echo 20000 > $parameters/stall_ms
	echo offline > "$memory/memory$block/state" 2> "$said" 3>&- &
	writer=$!
	while [ "$(state $block)" != going-offline ]; do kill -0 $writer; pause 0.02; done
	rmmod memoffline 3>&- &
	unload=$!
	until [ "$(cut -d ' ' -f 3 /proc/$unload/stat 2>/dev/null)" = D ] || [ ! -d /proc/$unload ]; do
		pause 0.02
	done
	echo "the block is $(state $block), rmmod is in state $(cut -d ' ' -f 3 /proc/$unload/stat 2>/dev/null)"
	kill -KILL $writer 2>/dev/null || :
	wait $writer || :
	wait $unload
	[ ! -d /sys/module/memoffline ]
	[ "$(state $block)" = online ]
	nothing_isolated
	end_work "$pin_pid"
}

@test "load, offline, online, unload, many times" {
	needs_core
	unload_core
	for ((i = 0; i < ${MEMOFFLINE_ROUNDS:-$((8 / scale))}; i++)); do
		load_core
		try_offline $block
		[ "$status" = 0 ]
		echo online_movable > "$memory/memory$block/state"
		unload_core
	done
	nothing_isolated
	[ "$(zone $block)" = Movable ]
}
