#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology four-nodes --disk 256m --swap 256m --append secretmem.enable=1
# kernels: 6.12
# soak-kernels: 6.1
# The memory of processes goes from node to node, by the kernel alone and by the core. Nodes 1 to 3 have 512 MiB each.
load common

cgroups=/sys/fs/cgroup
crowd=$cgroups/crowd

setup_file() {
	enable_cpusets
	[ ! -e "$module" ] || load_core
	take_swap	# or a node that is full makes room by it
	echo 0 > /proc/sys/kernel/numa_balancing	# it brings pages to the processor that uses them
}

teardown_file() {
	[ ! -e /sys/module/memoffline ] || unload_core
	give_swap_back
}

setup() {
	json=$BATS_TEST_TMPDIR/json
	mkdir $crowd
}

teardown() {
	cat "$json" 2>/dev/null || :
	kill_children
	echo $BASHPID > $cgroups/cgroup.procs
	remove_cgroup $crowd
}

# Skips while the module can't move processes, or there is none.
needs() {	# ENGINE
	engine=$1
	[ "$engine" = core ] || return 0
	[ -e "$module" ] || skip "there is no module for $(uname -r)"
	run "$memoffline" migrate --engine core $$ 3 3
	[[ $output != *"can't move the memory of processes"* ]] || skip "the module can't move the memory of processes"
	[ "$status" = 0 ]
}

# Pages of a process there, but those of programs and libraries.
own_on_node() {	# PID NODE
	awk -v node="N$2=" '!/file=\/(usr|lib|bin)/ && !/file=.*guest.work / {
		n = 0; size = 4
		for (i = 1; i <= NF; i++) {
			if (index($i, node) == 1) n = substr($i, length(node) + 1)
			if (index($i, "kernelpagesize_kB=") == 1) size = substr($i, 19)
		}
		sum += n * size / 4 } END { print sum + 0 }' "/proc/$1/numa_maps"
}

migrate() { "$memoffline" migrate --engine "$engine" "$@"; }

# Sets status; the report is in $json.
migrate_json() {
	status=0
	migrate --json "$@" > "$json" || status=$?
}

value() { jq -r "$1" "$json"; }

# The largest anonymous mapping: "START END" in hexadecimal.
largest_mapping() {	# PID
	awk '$6 == "" { print $1 }' "/proc/$1/maps" | tr - ' ' | while read -r start end; do
		echo "$((16#$end - 16#$start)) $start $end"
	done | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# In the cgroup from its start.
start_in_crowd() {	# WORD-TO-AWAIT ARG...
	echo $BASHPID > $crowd/cgroup.procs
	start_work "$@"
	echo $BASHPID > $cgroups/cgroup.procs
}

fill_node() {	# NODE KIB-THAT-STAY-FREE
	local free_kb owner=$pid

	free_kb=$(awk '/MemFree/ { print $4 }' "/sys/devices/system/node/node$1/meminfo")
	start_work ready --node "$1" --anon $((free_kb - $2))k --mlock --threads 0
	filler=$pid pid=$owner
}

# ---- one process ----

all_kinds() {
	needs "$1"
	for node in 1 2; do
		echo 8 > /sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
	done
	start_work ready --node 1 --anon 32m --thp 16m --shm 8m --hugetlb 4m --threads 2
	before=$(own_on_node "$pid" 1)
	echo "# $before pages on node 1, $(own_on_node "$pid" 2) on node 2" >&3
	migrate_json "$pid" 1 2
	echo "# after it $(own_on_node "$pid" 1) and $(own_on_node "$pid" 2)" >&3
	[ "$status" = 0 ]
	[ "$(value .engine)" = "$engine" ]
	[ "$(value .status)" = done ]
	[ "$(value .kept_pages)" = 0 ]
	[ "$(value .moved_pages)" -ge $((56 * 256)) ]
	[ "$(own_on_node "$pid" 1)" -le 64 ]	# what it took meanwhile
	[ "$(own_on_node "$pid" 2)" -ge $((56 * 256)) ]
	end_work "$pid"
	for node in 1 2; do
		echo 0 > /sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
	done
}
@test "stock: memory of each kind moves while it is rewritten, and loses nothing" {
	all_kinds stock
}

@test "core: memory of each kind moves while it is rewritten, and loses nothing" {
	all_kinds core
}

one_range() {
	needs "$1"
	start_work ready --node 1 --anon 32m --threads 0
	read -r start end < <(largest_mapping "$pid")
	migrate_json --range "$start-$(printf %x $((16#$start + (16 << 20))))" "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(value .moved_pages)" = 4096 ]
	[ "$(own_on_node "$pid" 2)" = 4096 ]
	[ "$(own_on_node "$pid" 1)" -ge 4096 ]
	end_work "$pid"
}
@test "stock: of a range, each page of it and no other moves" {
	one_range stock
}

@test "core: of a range, each page of it and no other moves" {
	one_range core
}

overlapping_sets() {
	needs "$1"
	start_work ready --node 1 --anon 32m --threads 0
	read -r start end < <(largest_mapping "$pid")
	migrate_json --range "$start-$(printf %x $((16#$start + (16 << 20))))" "$pid" 1 2
	first=$(own_on_node "$pid" 1)
	migrate_json "$pid" 1-2 2-3
	[ "$status" = 0 ]
	echo "# on nodes 1 to 3: $(own_on_node "$pid" 1), $(own_on_node "$pid" 2), $(own_on_node "$pid" 3)" >&3
	[ "$(own_on_node "$pid" 1)" = 0 ]
	[ "$(own_on_node "$pid" 2)" = "$first" ]
	[ "$(own_on_node "$pid" 3)" = 4096 ]
	[ "$(value .moved_pages)" -lt $((4096 + first + 512)) ]	# none of them twice
	end_work "$pid"
}
@test "stock: the layout is kept where the sets overlap, and no page moves twice" {
	overlapping_sets stock
}

@test "core: the layout is kept where the sets overlap, and no page moves twice" {
	overlapping_sets core
}

shared_memory() {
	needs "$1"
	start_work ready --node 1 --shm 16m --family 2 --threads 0
	migrate_json "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(value .shared_pages)" -ge 4096 ]
	[ "$(own_on_node "$pid" 1)" -ge 4096 ]
	run migrate --quiet "$pid" 1 2
	[[ $output == *"shared:"*"--all takes them"* ]]
	migrate_json --all "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(value .shared_pages)" = 0 ]
	[ "$(own_on_node "$pid" 1)" = 0 ]
	end_work "$pid"
}
@test "stock: shared pages are left alone and counted, and --all moves them" {
	shared_memory stock
}

@test "core: shared pages are left alone and counted, and --all moves them" {
	shared_memory core
}

full_target() {
	needs "$1"
	start_work ready --node 1 --anon 64m --threads 1
	fill_node 3 16384
	migrate_json "$pid" 1 3
	[ "$status" = 64 ] || [ "$status" = 1 ]
	[ "$(value '.kept_by_reason["no-target"]')" -ge 8192 ]
	[ "$(value '.reasons["no-target"].remedy | length')" -gt 0 ]
	[ "$(value '[.records[] | select(.reason == "no-target") | .nr_pages] | add')" -ge 4096 ]	# a report has no more
	[ "$(($(own_on_node "$pid" 1) + $(own_on_node "$pid" 3)))" -ge 16384 ]	# swapped to by nobody
	run migrate "$pid" 1 3
	[[ $output == *"what stays: "*"no target memory"*"what to do: "* || $output == *"no page could move"*"no target memory"* ]]
	kill -KILL "$filler"
	end_work "$pid"
}
@test "stock: a target that is full ends it, and nothing is lost" {
	full_target stock
}

@test "core: a target that is full ends it, and nothing is lost" {
	full_target core
}

pinned_page() {
	needs "$1"
	start_work pinned pin --node 1
	addr=$(sed -n 's/.* addr=\(0x[0-9a-f]*\).*/\1/p' "$out")
	migrate_json "$pid" 1 2
	[ "$status" = 64 ] || [ "$status" = 1 ]
	[ "$(value '.records | length')" -ge 1 ]
	[ "$(value ".records[] | select(.owners[0].addr == $((addr))) | .owners[0].pid")" = "$pid" ]
	[ "$(value ".records[] | select(.owners[0].addr == $((addr))) | .nr_pages")" = 1 ]
	value ".records[] | select(.owners[0].addr == $((addr))) | .reason" | grep -qxE 'extra-refs|dma-pinned'
	run migrate -v "$pid" 1 2
	[[ $output == *"ADDRESS"*"$addr"* ]]
	end_work "$pid"
}
@test "stock: a pinned page is named with its address and the reason" {
	pinned_page stock
}

@test "core: a pinned page is named with its address and the reason" {
	pinned_page core
}

policy_untouched() {
	needs "$1"
	start_work ready --node 1 --anon 16m --bind 1 --threads 0
	migrate_json "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(own_on_node "$pid" 2)" -ge 4096 ]
	grep -q 'bind:1 anon' "/proc/$pid/numa_maps"
	end_work "$pid"
}
@test "stock: policies stay as they are" {
	policy_untouched stock
}

@test "core: policies stay as they are" {
	policy_untouched core
}

swapped_memory() {
	needs "$1"
	swapon "$swap_disk"
	start_in_crowd ready --node 1 --anon 32m --threads 0
	until [ "$(awk '/VmSwap/ { print $2 }' "/proc/$pid/status")" -ge 8192 ]; do
		echo 8M > $crowd/memory.reclaim 2>/dev/null || :
	done
	swapped=$(awk '/VmSwap/ { print $2 / 4 }' "/proc/$pid/status")
	migrate_json "$pid" 1 2
	[ "$status" = 0 ]
	echo "# $swapped pages in swap, $(value .swapped_pages) said, $(value .moved_pages) moved" >&3
	[ "$(value .swapped_pages)" -ge $((swapped - 64)) ]
	[ "$(value .swapped_pages)" -le $((swapped + 64)) ]
	[ "$(awk '/VmSwap/ { print $2 / 4 }' "/proc/$pid/status")" -ge $((swapped - 64)) ]
	[ "$(own_on_node "$pid" 1)" = 0 ]
	end_work "$pid"
	swapoff -a
}
@test "stock: what is in swap stays there, and is said so" {
	swapped_memory stock
}

@test "core: what is in swap stays there, and is said so" {
	swapped_memory core
}

time_over() {
	needs "$1"
	start_work ready --node 1 --anon 128m --threads 1
	run migrate --timeout 0.001 "$pid" 1 2
	echo "$output"
	[ "$status" = 1 ] || [ "$status" = 64 ]
	[[ $output == *"time was over"* || $output == *"the timeout"* || $output == *"deadline: The time given for it was over"* ]]
	end_work "$pid"
}
@test "stock: the timeout ends it, and nothing is lost" {
	time_over stock
}

@test "core: the timeout ends it, and nothing is lost" {
	time_over core
}

free_on() { awk '/MemFree/ { print $4 }' "/sys/devices/system/node/node$1/meminfo"; }

# The signal comes as the first pages have moved. The kernel does not end what it has begun: then all may be gone.
told_to_stop() {
	local before mover

	needs "$1"
	start_work ready --node 1 --anon 400m --threads 0
	before=$(free_on 2)
	"$memoffline" migrate --engine "$engine" "$pid" 1 2 > "$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	mover=$!
	until [ "$(free_on 2)" -lt $((before - 8192)) ]; do kill -0 $mover; done
	kill -TERM $mover
	status=0
	wait $mover || status=$?
	cat "$BATS_TEST_TMPDIR/said"
	[ "$status" = 64 ] || [ "$status:$engine" = 1:stock ]
	grep -iE "interrupted|stopped" "$BATS_TEST_TMPDIR/said"
	[ "$engine" = stock ] || [ "$(own_on_node "$pid" 1)" -gt 0 ]
	migrate_json "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(own_on_node "$pid" 1)" = 0 ]
	end_work "$pid"
}
@test "stock: a signal ends it, and the rest can be asked for again" {
	told_to_stop stock
}

@test "core: a signal ends it, and the rest can be asked for again" {
	told_to_stop core
}

from_a_cpuset() {
	needs "$1"
	start_work ready --node 1 --anon 8m --threads 0
	echo 1 > $crowd/cpuset.mems
	echo $BASHPID > $crowd/cgroup.procs
	migrate_json --workers 1 "$pid" 1 2	# the threads of the module are in the root cpuset
	echo $BASHPID > $cgroups/cgroup.procs
	[ "$status" = 0 ]
	[ "$(own_on_node "$pid" 1)" = 0 ]
	[ "$(own_on_node "$pid" 2)" -ge 2048 ]
	end_work "$pid"
}
@test "stock: the cpuset of who asks does not limit where pages go" {
	from_a_cpuset stock
}

@test "core: the cpuset of who asks does not limit where pages go" {
	from_a_cpuset core
}

other_namespace() {
	needs "$1"
	out=$BATS_TEST_TMPDIR/inner
	mkfifo "$out.in"
	unshare --pid --fork --mount-proc --kill-child "$work" --node 1 --anon 16m --threads 1 > "$out" 2>&1 3>&- <> "$out.in" &
	outer=$!
	await "$out" "$outer" ready
	pid=$(pgrep -P "$outer" -x work)
	[ "$(awk '/NSpid/ { print $3 }' "/proc/$pid/status")" = 1 ]
	migrate_json "$pid" 1 2
	[ "$status" = 0 ]
	[ "$(own_on_node "$pid" 2)" -ge 4096 ]
	# From within, by the number that it has there.
	nsenter --target "$pid" --pid --mount "$memoffline" migrate --engine "$engine" --json 1 2 3 > "$json"
	[ "$(value .processes[0].pid)" = 1 ]
	[ "$(own_on_node "$pid" 3)" -ge 4096 ]
	kill -TERM "$pid"
	wait "$outer"
}
@test "stock: a process in another pid namespace, seen from without and from within" {
	other_namespace stock
}

@test "core: a process in another pid namespace, seen from without and from within" {
	other_namespace core
}

# ---- several ----

newcomer() {
	needs "$1"
	for i in 1 2 3 4; do
		start_in_crowd ready --node 1 --anon 8m --threads 0
		pids[i]=$pid
	done
	mkfifo "$BATS_TEST_TMPDIR/err"
	"$memoffline" migrate --engine "$engine" --json --cgroup $crowd 1 2 > "$json" 2> "$BATS_TEST_TMPDIR/err" &
	command=$!	# not a shell's
	exec 7< "$BATS_TEST_TMPDIR/err"
	read -r line <&7
	[[ $line == "pid "*": done"* ]]
	kill -STOP $command
	start_in_crowd ready --node 1 --anon 8m --threads 0
	pids[5]=$pid
	kill -CONT $command
	cat <&7
	wait $command
	[ "$(value '.processes | length')" = 5 ]
	for pid in "${pids[@]}"; do
		[ "$(own_on_node "$pid" 1)" = 0 ]
		[ "$(own_on_node "$pid" 2)" -ge 2048 ]
		end_work "$pid"
	done
}

forks() {
	needs "$1"
	# Each process leaves another and goes, a hundred generations long.
	cat > "$BATS_TEST_TMPDIR/generation" <<-'END'
		[ "$1" = 0 ] || bash "$0" $(($1 - 1)) &
		read -rt 0.05 <> <(:)
	END
	(
		echo $BASHPID > $crowd/cgroup.procs
		for i in 1 2 3 4; do bash "$BATS_TEST_TMPDIR/generation" 25 3>&- & done
	)
	migrate_json --cgroup crowd 0 2
	cat $crowd/cgroup.procs
	[ "$status" = 0 ] || [ "$status" = 64 ]
	[ "$(value '.processes | length')" -ge 4 ]
	[ "$(value '[.processes[].pid] | length')" = "$(value '[.processes[].pid] | unique | length')" ]
}
@test "stock: a process that appears in the cgroup in mid-run moves as well" {
	newcomer stock
}

@test "core: a process that appears in the cgroup in mid-run moves as well" {
	newcomer core
}

@test "stock: processes that fork and exit all the time come to an end" {
	forks stock
}

@test "core: processes that fork and exit all the time come to an end" {
	forks core
}

new_mems() {
	needs "$1"
	echo 1 > $crowd/cpuset.mems
	start_in_crowd ready --anon 16m --threads 1
	[ "$(own_on_node "$pid" 1)" -ge 4096 ]
	migrate_json --cgroup /crowd --set-mems 1 2
	[ "$status" = 0 ]
	[ "$(cat $crowd/cpuset.mems)" = 2 ]
	[ "$(own_on_node "$pid" 1)" = 0 ]
	[ "$(own_on_node "$pid" 2)" -ge 4096 ]
	end_work "$pid"
}
@test "stock: --set-mems writes the nodes of the cgroup and completes what the kernel left" {
	new_mems stock
}

@test "core: --set-mems writes the nodes of the cgroup and completes what the kernel left" {
	new_mems core
}

drained() {
	needs "$1"
	echo 3 > $crowd/cpuset.mems
	start_work ready --node 3 --anon 8m --threads 0
	small=$pid
	start_work ready --node 3 --anon 32m --threads 1
	large=$pid
	start_work ready --node 3 --anon 16m --bind 3 --threads 0
	bound=$pid
	start_in_crowd ready --anon 4m --threads 0
	caged=$pid
	echo "# $(for pid in $small $large $bound $caged; do own_on_node "$pid" 3; done | paste -sd ' ')" >&3
	status=0
	"$memoffline" drain --engine "$engine" --json 3 --to 1-2 > "$json" 2> "$BATS_TEST_TMPDIR/err" || status=$?
	cat "$BATS_TEST_TMPDIR/err"
	# All warnings stand before the first line of progress.
	warned=$(grep -n "warning: .*pid $bound (work).*bind:3" "$BATS_TEST_TMPDIR/err" | cut -d : -f 1)
	caged_at=$(grep -n "warning: the cpuset of pid $caged " "$BATS_TEST_TMPDIR/err" | cut -d : -f 1)
	begun=$(grep -n 'pid .*: done\|pid .*: failed' "$BATS_TEST_TMPDIR/err" | head -n 1 | cut -d : -f 1)
	[ "$warned" -lt "$begun" ]
	[ "$caged_at" -lt "$begun" ]
	# The largest first.
	[ "$(value "[.processes[].pid] | [index($large), index($bound), index($small)] | . == sort")" = true ]
	for pid in $small $large $bound; do [ "$(own_on_node "$pid" 3)" -le 64 ]; done
	[ "$(value .action)" = drain ]
	for pid in $small $large $bound $caged; do end_work "$pid"; done
}
@test "stock: drain warns first, then takes the largest first, and empties the node" {
	drained stock
}

@test "core: drain warns first, then takes the largest first, and empties the node" {
	drained core
}

overflow() {
	needs "$1"
	start_work ready --node 3 --anon 64m --threads 0
	owner=$pid
	near=$(tr ' ' '\n' < /sys/devices/system/node/node3/distance | awk '{ print $1, NR - 1 }' | grep -v ' 3$' | sort -n |
		head -n 1 | cut -d ' ' -f 2)
	room_kib=24576
	[ "$engine" = stock ] || room_kib=49152	# the core leaves more to others
	fill_node "$near" $room_kib
	status=0
	"$memoffline" drain --engine "$engine" --json 3 > "$json" 2>/dev/null || status=$?
	[ "$status" = 0 ]
	[ "$(own_on_node "$owner" 3)" = 0 ]
	[ "$(own_on_node "$owner" "$near")" -ge 1024 ]
	[ "$(own_on_node "$owner" "$near")" -le 8192 ]
	kill -KILL "$filler"
	end_work "$owner"
}
@test "stock: what finds no room on the nearest node goes to the next" {
	overflow stock
}

@test "core: what finds no room on the nearest node goes to the next" {
	overflow core
}

# ---- what can't be ----

refused() {
	needs "$1"
	run migrate 4194000 1 2
	[ "$status" = 1 ]
	[[ $output == *"there is no process 4194000"* ]]
	run migrate 2 1 2
	[ "$status" = 1 ]
	[[ $output == *"thread of the kernel"* ]]
	bash -c 'sleep 0.5 & echo $!; exec sleep inf' > "$BATS_TEST_TMPDIR/zombie" 3>&- &
	until [ -s "$BATS_TEST_TMPDIR/zombie" ]; do pause 0.05; done
	zombie=$(cat "$BATS_TEST_TMPDIR/zombie")	# whom nobody waits for
	until grep -q '^State:.*Z' "/proc/$zombie/status"; do [ -e "/proc/$zombie" ]; pause 0.05; done
	run migrate "$zombie" 1 2
	[ "$status" = 1 ]
	[[ $output == *"exiting"* ]]
	run migrate $$ 1 9
	[ "$status" = 1 ]
	[[ $output == *"node 9 does not exist"*"0-3"* ]]
	run migrate $$ 1 2-1
	[ "$status" = 1 ]
	[[ $output == *"is no list of nodes"* ]]
	run migrate --range 0-1000 $$ 1 2
	[ "$status" = 1 ]
	[[ $output == *"nothing mapped"* ]]
	run migrate --range ffff800000000000-ffff800000001000 $$ 1 2
	[ "$status" = 1 ]
	[[ $output == *"nothing mapped"* ]]
	run migrate --cgroup /nowhere 1 2
	[ "$status" = 1 ]
	[[ $output == *"there is no cgroup '/nowhere'"* ]]
}
@test "stock: what can't be moved is refused with the reason" {
	refused stock
}

@test "core: what can't be moved is refused with the reason" {
	refused core
}

@test "without permission nothing moves, and with it everybody may move his own" {
	engine=stock
	start_work ready --node 1 --anon 4m --threads 0
	run setpriv --reuid 65534 --clear-groups "$memoffline" migrate --engine stock "$pid" 1 2
	[ "$status" = 1 ]
	[[ $output == *"no permission to move the memory of process $pid (work)"*"run it as root"* ]]
	end_work "$pid"
	out=$BATS_TEST_TMPDIR/own
	mkfifo "$out.in"
	setpriv --reuid 65534 --clear-groups "$work" --node 1 --anon 4m --threads 0 > "$out" 2>&1 3>&- <> "$out.in" &
	pid=$!
	await "$out" "$pid" ready
	setpriv --reuid 65534 --clear-groups "$memoffline" migrate --json "$pid" 1 2 > "$json"
	[ "$(value .engine)" = stock ]
	[ "$(own_on_node "$pid" 2)" -ge 1024 ]
	run setpriv --reuid 65534 --clear-groups "$memoffline" migrate --engine stock --all "$pid" 2 1
	[ "$status" = 1 ]
	[[ $output == *"CAP_SYS_NICE"* ]]
	end_work "$pid"
}

@test "stock: what the cpuset of a process does not allow is refused, to root as well, and not taken for shared" {
	engine=stock
	echo 1 > $crowd/cpuset.mems
	start_in_crowd ready --anon 16m --threads 0
	before=$(own_on_node "$pid" 1)
	read -r start end < <(largest_mapping "$pid")
	run migrate --range "$start-$end" "$pid" 1 2
	[ "$status" = 1 ]
	[[ $output == *"the cpuset of process $pid (work) allows nodes 1 alone, and its memory was to go to 2"* ]]
	run migrate --all --range "$start-$end" "$pid" 1 2
	[ "$status" = 1 ]
	[[ $output == *"allows nodes 1 alone"* ]]
	[ "$(own_on_node "$pid" 1)" -ge "$before" ]
	end_work "$pid"
}

@test "the id of a thread is its process's, where that is allowed" {
	engine=stock
	start_work ready --node 1 --anon 4m --threads 1
	thread=$(ls "/proc/$pid/task" | grep -vx "$pid" | head -n 1)
	run migrate "$thread" 1 2
	[ "$status" = 1 ]
	[[ $output == *"$thread is a thread of process $pid"*"--threads"* ]]
	migrate_json --threads "$thread" 1 2
	[ "$(value .processes[0].pid)" = "$pid" ]
	[ "$(own_on_node "$pid" 2)" -ge 1024 ]
	end_work "$pid"
}

@test "swap takes the core" {
	engine=stock
	run migrate --swap fallback $$ 1 2
	[ "$status" = 1 ]
	[[ $output == *"with the module memoffline alone"*"modprobe memoffline"* ]]
}
