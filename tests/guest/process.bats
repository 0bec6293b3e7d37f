#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology four-nodes --disk 256m --swap 256m --append secretmem.enable=1
# kernels: 6.12
# soak-kernels: 6.1 debug
# Processes are moved from node to node.
load common
load core

process=$build/tests/guest/process
victim=$build/tests/guest/victim
cgroup=/sys/fs/cgroup/victim
move_all=1
fallback=2

setup_file() {
	take_swap
	[ ! -e /proc/sys/kernel/numa_balancing ] || echo 0 > /proc/sys/kernel/numa_balancing	# it moves pages, too
	enable_cpusets
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	load_core
}

teardown_file() {
	umount /mnt
	unload_core
	give_swap_back
}

setup() {
	oom_kills=$(vmstat_of oom_kill)
	mkdir $cgroup
	echo 0-3 > $cgroup/cpuset.mems
}

teardown() {
	exec 7>&-
	kill_children
	swapoff -a
	rmdir $cgroup
	nothing_isolated
	no_oom_kill
}

# Sets victim_pid; its answers are in $said.
start_victim() {	# ARG...
	said=$BATS_TEST_TMPDIR/victim
	rm -f "$said" "$said.in"
	mkfifo "$said.in"
	"$victim" "$@" < "$said.in" > "$said" 2>&1 3>&- &
	victim_pid=$!
	exec 7> "$said.in"
	await "$said" $victim_pid ready
}

ask() {	# LINE
	local nr

	nr=$(wc -l < "$said")
	echo "$1" >&7
	until [ "$(wc -l < "$said")" -gt "$nr" ]; do
		kill -0 $victim_pid
		pause 0.02
	done
	tail -n 1 "$said"
}

is_at() {	# NODE:PAGES...
	local where

	where=$(ask where)
	echo "it is at $where" >&2
	[ "$where" = "$* " ]
}

# Its memory on a node, by what the kernel says.
on_node() {	# PID NODE
	awk -v node="N$2=" '{ for (i = 1; i <= NF; i++) if (index($i, node) == 1) n += substr($i, length(node) + 1) }
		END { print n + 0 }' "/proc/$1/numa_maps"
}

move() {	# PID FROM TO [KEY=N]...
	"$process" "$@" > "$BATS_TEST_TMPDIR/answer" || :
	cat "$BATS_TEST_TMPDIR/answer" >&2
	head -n 1 "$BATS_TEST_TMPDIR/answer"
}

value() { sed -n "1s/.*\b$1=\([^ ]*\).*/\1/p" "$BATS_TEST_TMPDIR/answer"; }
records() { grep -c ^pfn= "$BATS_TEST_TMPDIR/answer"; }
fails() { [ "$(move "${@:2}")" = "$1" ]; }	# ERRNO ARG...

# What is left of the node goes to somebody else; sets filler.
fill_node() {	# NODE
	local free_kb owner=$pid

	free_kb=$(awk '/MemFree/ { print $4 }' "/sys/devices/system/node/node$1/meminfo")
	start_work ready --node "$1" --anon $((free_kb - 3072))k --mlock --threads 0
	filler=$pid
	pid=$owner
}

@test "the layout is kept, each page moves once, and no other" {
	start_victim layout 0,1,2 600
	[[ "$(move $victim_pid 0,1,2 1,2,3)" == "ok reason=0 "*" kept=0 "* ]]
	is_at 1:600 2:600 3:600
	[ "$(value moved)" -ge 1800 ]
	[ "$(value moved)" -le 2400 ]
	[ "$(value records)" = 0 ]
	move $victim_pid 1,2,3 0,1,2
	is_at 0:600 1:600 2:600
	[ "$(ask verify)" = good ]
}

@test "where the sets differ in number a node of both keeps its pages, and the rest wraps around" {
	start_victim layout 0,1,2 300
	move $victim_pid 0,1,2 0,3
	is_at 0:300 3:300 0:300
	move $victim_pid 0,3 1,2,3
	is_at 1:300 3:300 1:300
	[[ "$(move $victim_pid 1 1)" == "ok reason=0 moved=0 "* ]]
	is_at 1:300 3:300 1:300
	[ "$(ask verify)" = good ]
}

@test "a range of addresses, and nothing beside it" {
	start_victim layout 1 1000
	read -r _ addr _ < <(grep area "$said")
	[[ "$(move $victim_pid 1 2 start=$((addr)) "end=$((addr + 500 * 4096))")" == "ok reason=0 moved=500 "* ]]
	is_at 1:500 2:500
	[ "$(ask verify)" = good ]
}

moves_whole() {	# KIND...
	local on_1

	start_work ready --node 1 --threads 0 "$@"
	on_1=$(on_node "$pid" 1)
	[ "$on_1" -ge 8 ]
	[[ "$(move "$pid" 1 2 flags=$move_all)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(on_node "$pid" 1)" = 0 ]
	[ "$(on_node "$pid" 2)" -ge "$on_1" ]
	end_work "$pid"
}

@test "memory of each kind" {
	moves_whole --anon 24m
	moves_whole --anon 24m --mlock
	moves_whole --partial 24m
	moves_whole --shm 24m
	moves_whole --mapped 16m:/mnt/mapped
	moves_whole --forked 8m --family 3
}

@test "huge pages stay whole" {
	moves_whole --thp 24m
	[ "$(value split)" = 0 ]
	echo 12 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
	moves_whole --hugetlb 8m
	moves_whole --hugetlb-shared 8m
	echo 0 > /proc/sys/vm/nr_hugepages
}

@test "pages that KSM merged" {
	echo 1 > /sys/kernel/mm/ksm/run
	moves_whole --ksm 8m
	echo 2 > /sys/kernel/mm/ksm/run
}

@test "under load of its own, with several workers" {
	start_work ready --node 1 --anon 96m --thp 32m --shm 32m --threads 2 --touchers 1
	for nodes in "1 2" "2 3" "3 1"; do
		# Two words.
		# shellcheck disable=SC2086
		move "$pid" $nodes workers=2 flags=$move_all deadline=20000
		[ "$(value moved)" -ge 35000 ]
	done
	end_work "$pid"
}

@test "what others use stays unless asked for, and is counted" {
	start_work ready --node 1 --forked 16m --family 2 --threads 0
	[[ "$(move "$pid" 1 2)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value shared)" -ge 4096 ]
	[ "$(value moved)" -lt 4096 ]
	move "$pid" 1 2 flags=$move_all
	[ "$(value shared)" = 0 ]
	[ "$(value moved)" -ge 4096 ]
	end_work "$pid"
}

@test "policies are left alone" {
	start_work ready --node 1 --anon 8m --bind 1 --threads 0
	before=$(awk '{ print $1, $2 }' "/proc/$pid/numa_maps")
	move "$pid" 1 2
	[ "$(on_node "$pid" 2)" -ge 2048 ]
	[ "$(awk '{ print $1, $2 }' "/proc/$pid/numa_maps")" = "$before" ]
	end_work "$pid"
}

@test "each wrong argument" {
	start_victim layout 1 16
	fails EINVAL $victim_pid - 1
	fails EINVAL $victim_pid 1 -
	fails EINVAL $victim_pid 1 9
	fails EINVAL $victim_pid 9 1
	fails EINVAL $victim_pid 1 1000
	fails EINVAL $victim_pid 1 2 words=65
	fails EINVAL $victim_pid 1 2 words=0
	fails EINVAL $victim_pid 1 2 records=65537
	fails EINVAL $victim_pid 1 2 flags=8
	fails EINVAL $victim_pid 1 2 start=1 end=4096
	fails EINVAL $victim_pid 1 2 start=4096 end=4097
	fails EINVAL $victim_pid 1 2 start=8192 end=4096
	fails EINVAL $victim_pid 1 2 start=4096
	fails EINVAL $victim_pid 1 2 start=4096 end=$((1 << 62))
	is_at 1:16
}

@test "whoever is not there, or has no memory" {
	fails ESRCH 4194304 0 1
	fails ESRCH -1 0 1
	fails EINVAL 2 0 1
	fails EBADF 0 0 1 flags=4
	fails EBADF 999 0 1 flags=4
	sh -c 'sleep 0 & exec sleep 1000' 3>&- &
	until dead=$(pgrep -P $! -r Z); do pause 0.02; done
	fails EINVAL "$dead" 0 1
}

@test "by its descriptor, and oneself" {
	start_victim layout 1 100
	[[ "$(move $victim_pid 1 2 pidfd=1)" == "ok reason=0 "* ]]
	is_at 2:100
	[[ "$(move 0 0,1 2,3)" == "ok reason=0 "* ]]
	[ "$(value moved)" -gt 0 ]
}

@test "numbers are those of the caller's pid namespace" {
	[ -e /proc/self/ns/pid ] || skip "this kernel has no pid namespaces"
	start_victim layout 1 100
	[ "$(unshare -pf --mount-proc "$process" $victim_pid 1 2)" = ESRCH ]
	is_at 1:100
	[[ "$(unshare -pf --mount-proc "$process" 1 0,1 2,3)" == "ok reason=0 "* ]]
	mkfifo "$BATS_TEST_TMPDIR/inner.in"
	unshare -pf --kill-child "$victim" layout 1 100 <> "$BATS_TEST_TMPDIR/inner.in" > "$BATS_TEST_TMPDIR/inner" 2>&1 3>&- &
	await "$BATS_TEST_TMPDIR/inner" $! ready
	inner=$(pgrep -P $!)
	move "$inner" 1 3
	[ "$(on_node "$inner" 3)" -ge 100 ]
}

@test "rights are those of the caller" {
	start_victim layout 1 100
	fails EPERM $victim_pid 1 2 uid=1000
	is_at 1:100
	exec 7>&-
	victim=setpriv
	start_victim --reuid=1000 --regid=1000 --clear-groups "$build/tests/guest/victim" layout 1 100
	fails EPERM $victim_pid 1 2 uid=1001
	fails EPERM $victim_pid 1 2 uid=1000 flags=$move_all
	[[ "$(move $victim_pid 1 2 uid=1000)" == "ok reason=0 "* ]]
	is_at 2:100
	echo 0-2 > $cgroup/cpuset.mems
	echo $victim_pid > $cgroup/cgroup.procs
	fails EPERM $victim_pid 2 3 uid=1000
	is_at 2:100
	[[ "$(move $victim_pid 2 3)" == "ok reason=0 "* ]]
	is_at 3:100
}

@test "a page that is held stays, and is told with its place" {
	start_work pinned pin --node 1
	pfn=$(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")
	addr=$(sed -n 's/.* addr=\(0x[0-9a-f]*\).*/\1/p' "$out")
	[[ "$(move "$pid" 1 2)" == "ok reason=1 "*" kept=1 "* ]]
	grep "^pfn=$pfn reason=1 .* addr=$addr pages=1 vma=" "$BATS_TEST_TMPDIR/answer"
	[ "$(records)" = 1 ]
	[[ "$(move "$pid" 1 2 deadline=400)" == "ok reason=1 "* ]]
	[ "$(value us)" -ge 350000 ]
	[ "$(value us)" -le 3000000 ]
	end_work "$pid"
}

@test "memory that nobody else may see has one record, and all the rest moves" {
	mkfifo "$BATS_TEST_TMPDIR/hold.in"
	"$build/tests/guest/hold" secret $((1 << 20)) <> "$BATS_TEST_TMPDIR/hold.in" > "$BATS_TEST_TMPDIR/hold" 3>&- &
	pid=$!
	await "$BATS_TEST_TMPDIR/hold" $pid held
	[[ "$(move $pid 0,1 2,3)" == "ok reason=6 "* ]]
	[ "$(records)" -le 2 ]
	grep "^pfn=0xffffffffffffffff reason=6 .* pages=256 " "$BATS_TEST_TMPDIR/answer"
}

@test "what is too large to be seen at once has one record all the same" {
	mkfifo "$BATS_TEST_TMPDIR/hold.in"
	"$build/tests/guest/hold" secret-ends $((3 << 30)) <> "$BATS_TEST_TMPDIR/hold.in" > "$BATS_TEST_TMPDIR/hold" 3>&- &
	pid=$!
	await "$BATS_TEST_TMPDIR/hold" $pid held
	[[ "$(move $pid 0,1 2,3)" == "ok reason=6 "* ]]
	[ "$(value kept)" = 512 ]
	[ "$(grep -c "^pfn=0xffffffffffffffff reason=6 .* pages=786432 " "$BATS_TEST_TMPDIR/answer")" -le 2 ]
	grep "^pfn=0xffffffffffffffff reason=6 .* pages=786432 " "$BATS_TEST_TMPDIR/answer"
}

@test "what is in swap stays there" {
	swapon "$swap_disk"
	echo $BASHPID > $cgroup/cgroup.procs
	start_victim layout 1 4000
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	echo 4M > $cgroup/memory.reclaim || :
	nr=$(($(awk '/VmSwap/ { print $2 }' /proc/$victim_pid/status) / 4))
	[ $nr -ge 500 ]
	[[ "$(move $victim_pid 1 2)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value swapped)" = $nr ]
	[ $(($(awk '/VmSwap/ { print $2 }' /proc/$victim_pid/status) / 4)) = $nr ]
	[ "$(ask verify)" = good ]
}

@test "a full node: it stops, tells, and breaks no huge page" {
	start_work ready --node 1 --anon 48m --thp 48m --threads 0
	fill_node 2
	[[ "$(move "$pid" 1 2)" == "ok reason=5 "* ]]
	[ "$(value kept)" -ge 20000 ]
	[ "$(value split)" -le 8 ]
	[ "$(records)" = 64 ]
	[ "$(on_node "$pid" 1)" -ge 20000 ]
	end_work "$filler"
	[[ "$(move "$pid" 1 2)" == "ok reason=0 "* ]]
	end_work "$pid"
}

@test "a full node, and swap that may be used" {
	swapon "$swap_disk"
	start_work ready --node 1 --anon 48m --threads 0
	fill_node 2
	[[ "$(move "$pid" 1 2 flags=$fallback)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value evicted)" -ge 8000 ]
	[ "$(on_node "$pid" 1)" -le "$(value shared)" ]	# the program's own file, which the filler runs, too
	end_work "$filler"
	end_work "$pid"
}

ended_by() {	# KEY=N REASON
	start_work ready --node 1 --anon 200m --threads 0
	[[ "$(move "$pid" 1 2 "$1")" == "ok reason=$2 "* ]]
	[ "$(value moved)" -lt 51200 ]
	[ "$(value kept)" -gt 0 ]
	[[ "$(move "$pid" 1 2)" == "ok reason=0 "* ]]
	end_work "$pid"
}

@test "a signal ends it, and the rest can be asked for again" {
	ended_by alarm=40 21
}

@test "the deadline ends it, and the rest can be asked for again" {
	ended_by deadline=40 19
}

@test "one that is killed leaves nothing behind" {
	start_work ready --node 1 --anon 200m --threads 1
	for delay in 0.02 0.1 0.2; do
		"$process" "$pid" 1 2 > "$BATS_TEST_TMPDIR/killed" 3>&- &
		killed=$!
		pause $delay
		kill -KILL $killed
		wait $killed || :
		nothing_isolated
		move "$pid" 2 1
	done
	end_work "$pid"
}

@test "progress can be seen meanwhile, and a second request is refused" {
	start_work ready --node 1 --anon 160m --threads 0
	move "$pid" 1 2 watch=1
	[ "$(value events)" -ge 2 ]
	move "$pid" 2 1 again=1
	grep "again: EALREADY" "$BATS_TEST_TMPDIR/answer"
	end_work "$pid"
}

@test "it becomes another program meanwhile" {
	for delay in 0.02 0.05 0.1; do
		start_victim exec 1 128
		"$process" $victim_pid 1 2 > "$BATS_TEST_TMPDIR/answer" 3>&- &
		mover=$!
		pause $delay
		echo >&7
		wait $mover
		cat "$BATS_TEST_TMPDIR/answer"
		until [ "$(grep -c ready "$said")" = 2 ]; do pause 0.02; done
		[ "$(ask verify)" = good ]
		exec 7>&-
		wait $victim_pid
	done
}

@test "it ends meanwhile" {
	for delay in 0.02 0.05 0.1; do
		start_victim exit 1 128
		"$process" $victim_pid 1 2 > "$BATS_TEST_TMPDIR/answer" 3>&- &
		mover=$!
		pause $delay
		echo >&7
		wait $victim_pid
		wait $mover || [[ "$(cat "$BATS_TEST_TMPDIR/answer")" =~ ^(ESRCH|EINVAL)$ ]]	# it was over before it was found
		cat "$BATS_TEST_TMPDIR/answer"
		[[ "$(cat "$BATS_TEST_TMPDIR/answer")" =~ ^(ok reason=0 .* kept=0 |ESRCH$|EINVAL$) ]]
		exec 7>&-
	done
}

@test "threads that fork, map, unmap, protect and write all the time lose nothing" {
	start_victim busy 1 64
	for _ in {1..5}; do
		move $victim_pid 1 2 flags=$move_all deadline=2000 workers=2
		move $victim_pid 2 1 flags=$move_all deadline=2000 workers=2
	done
	kill -TERM $victim_pid
	wait $victim_pid
}
