#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --disk 1g --swap 512m
# kernels: 6.12 6.1
# soak: takes minutes, for each remedy waits till a block stands still
# Remedies: what keeps block 32 is freed by each, and nothing else. Blocks 32 and 33 alone of node 1 are used.
load common
load core

bats_require_minimum_version 1.5.0
remedy=$build/tests/guest/remedy
cgroup=/sys/fs/cgroup/held

setup_file() {
	enable_cpusets
	core_setup_file
	insmod "${module%/*}/tests/stuckfs.ko"
	insmod "${module%/*}/tests/emptyslab.ko"
}

teardown_file() {
	rmmod emptyslab stuckfs
	core_teardown_file
}

setup() {
	export MEMOFFLINE_MODULE=$module
	[ -d /sys/module/memoffline ] || load_core
	make_movable $block
	take_room
	rm -rf "$run_dir"
	json=$BATS_TEST_TMPDIR/report.json
}

teardown() {
	kill_children
	! mountpoint -q /mnt || umount /mnt
	for i in {36..37}; do [ "$(state $i)" = offline ] || echo offline > "$memory/memory$i/state"; done
	[ ! -d $cgroup ] || remove_cgroup $cgroup
}

field() { jq -r "$1" "$json"; }
kib_in_cache() { fincore -nbo RES "$1"; }

# Sets pid and out; what is touched from here on lies in the block.
hold_file() {	# map|open FILE
	out=$(mktemp)
	mkfifo "$out.in"
	numactl -m 1 "$remedy" "$@" < "$out.in" > "$out" 2>&1 3>&- &
	pid=$!
	exec 8<>"$out.in"
	await "$out" "$pid" "pid="
}

# From here on the node has room elsewhere, so that no allocation there reclaims what lies in the block.
give_room() {
	[ "$(state $spare)" = online ] || echo online_movable > "$memory/memory$spare/state"
}

take_room() {
	[ "$(state $spare)" = offline ] || echo offline > "$memory/memory$spare/state"
}

# Tries the block; sets status, and json. The kernel names a few pages in 5 s, which counts from the last attempt on.
try() {	# OPTION...
	run --separate-stderr "$memoffline" offline --json --stall 8 --timeout 60 $block "$@"
	echo "$output" > "$json"
	jq -c '{ engine, status, reason, nr_pages_kept, remedies, notes, first: .records[0] }' "$json"
	echo "$stderr"
}

# One stays, one goes, and the report says what of which object went.
freed_by() {	# REMEDY OBJECT ENGINE
	try --engine "$3"
	[ "$status" = 1 ]
	[ "$(field '.remedies | length')" = 0 ]
	try --engine "$3" --remedy "$1"
	[ "$status" = 0 ]
	[ "$(state $block)" = offline ]
	[ "$(field .engine)" = "$3" ]
	[ "$(field '[.remedies[].remedy] | unique | .[]')" = "$1" ]
	[ "$(field '[.remedies[].object] | unique | .[]')" = "$2" ]
	[ "$(field '[.remedies[].freed_bytes] | add')" -ge $((16 << 20)) ]
	[ "$(field '.records | length')" = 0 ]
	[ "$(field .nr_pages_kept)" = 0 ]
	[ "$(field '.blocks[0] | .reason + .detail')" = none ]
	echo online_movable > "$memory/memory$block/state"
	take_room
}

# ---- cache ----

@test "cache: a file whose pages can't move is dropped, and no other; both engines" {
	mount -t stuckfs none /mnt
	for engine in core stock; do
		hold_file open /mnt/file
		numactl -m 1 cat /mnt/file > /dev/null
		numactl -m 0 cat /mnt/other > /dev/null
		give_room
		freed_by cache /mnt/file $engine
		[ "$(kib_in_cache /mnt/other)" = $((32 << 20)) ]
		kill_children
	done
}

# ---- pageout ----

@test "pageout: pages that a process maps are paged out there; both engines" {
	mount -t stuckfs none /mnt
	for engine in core stock; do
		hold_file map /mnt/file
		give_room
		freed_by pageout "pid $pid (remedy)" $engine
		kill_children
	done
}

# ---- slab ----

@test "slab: empty slabs that a cache keeps go when it is shrunk" {
	echo online_kernel > "$memory/memory36/state"
	echo 1 > /sys/module/emptyslab/parameters/fill
	"$memoffline" show --json 36 | jq -c .content
	[ "$("$memoffline" show --json 36 | jq .content.slab)" -ge 8 ]
	run "$memoffline" offline --engine stock --remedy slab 36	# it does not know the name
	echo "$output"
	[ "$status" = 1 ]
	"$memoffline" report --json > "$json"
	[[ $(field '.notes[]') == *"the remedy slab left out"* ]]
	run "$memoffline" offline --engine core --remedy none 36
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"--remedy slab"* ]]
	"$memoffline" offline --engine core --remedy slab --json 36 > "$json"
	cat "$json"
	[ "$(state 36)" = offline ]
	[ "$(field '.remedies[0] | .remedy, .object' | paste -sd ' ')" = "slab mo_emptyslab" ]
	[ "$(field '.remedies[0].freed_bytes')" -gt 0 ]
}

# ---- cgroup ----

@test "cgroup: what is charged to a cgroup is reclaimed from it; both engines" {
	mount -t stuckfs none /mnt
	mkdir $cgroup
	for engine in core stock; do
		echo $BASHPID > $cgroup/cgroup.procs
		numactl -m 1 cat /mnt/file > /dev/null
		echo $BASHPID > /sys/fs/cgroup/cgroup.procs
		give_room
		freed_by cgroup /held $engine
	done
}

# ---- all ----

@test "the ladder goes no further than it must, and each step is told" {
	mount -t stuckfs none /mnt
	hold_file open /mnt/file
	numactl -m 1 cat /mnt/file > /dev/null
	give_room
	run "$memoffline" offline --remedy all $block
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"remedy:     cache: /mnt/file: 32M freed"* ]]
	[[ $output != *pageout:* && $output != *cgroup:* ]]
}

@test "what is pinned stays whatever is tried, and nothing is tried on it" {
	start_work pinned pin --node 1 --block $block
	try --engine core --remedy all
	[ "$status" = 1 ]
	[ "$(field '.remedies | length')" = 0 ]
	[ "$(field '.records[0].reason')" = extra-refs ]
	[ "$(state $block)" = online ]
	end_work "$pid"
}
