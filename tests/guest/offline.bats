#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# kernels: 6.12
# soak-kernels: 6.1
# The main job and its faults: DIMM d1 is blocks 32-35, d2 is 36-39, both on node 1.
load common

setup() {
	all_online_movable 32 33 34 35 36 37 38 39
	rm -rf "$run_dir"
	json=$BATS_TEST_TMPDIR/report.json
}

teardown() {
	kill_children
}

# ---- success ----

@test "a DIMM full of live work goes offline, and the work loses nothing" {
	mkfs.ext4 -q "$LAB_DISK"
	mount "$LAB_DISK" /mnt
	"$memoffline" offline 36 37 38 39	# so that all of the work lies in the DIMM that goes
	start_work ready --node 1 --anon 64m --thp 32m --shm 48m --cache "48m:/mnt/file" --threads 2
	work_pid=$pid
	all_online_movable 36 37 38 39
	"$memoffline" offline --json PNP0C80:00 > "$json"
	[ "$(states 32 33 34 35)" = offline=4 ]
	[ "$(jq -r .status "$json")" = done ]
	[ "$(jq .freed_bytes "$json")" = 536870912 ]
	[ "$(jq .moved_pages "$json")" -gt 0 ]
	[ "$(jq '[.blocks[] | select(.outcome == "done")] | length' "$json")" = 4 ]
	end_work "$work_pid"
	umount /mnt
	"$memoffline" online --zone movable PNP0C80:00
	[ "$(states 32 33 34 35)" = online=4 ]
	[ "$(zone 32)" = Movable ]
}

@test "a block that is offline already is success, and said so" {
	"$memoffline" offline 33
	run "$memoffline" offline 33
	[ "$status" = 0 ]
	[[ $output == *"already offline"* ]]
	run "$memoffline" online --zone movable 33
	[ "$status" = 0 ]
	run "$memoffline" online --zone movable 33
	[ "$status" = 0 ]
	[[ $output == *"already online"* ]]
}

@test "--size takes the cheapest blocks of a node" {
	start_work ready --node 1 --anon 100m
	"$memoffline" offline --size 512m --node 1 --zone Movable --json > "$json"
	[ "$(jq .freed_bytes "$json")" = 536870912 ]
	end_work "$pid"
}

@test "each attempt is a line of the history, by which a plan tells how long it takes" {
	state=$BATS_TEST_TMPDIR/state
	run "$memoffline" plan --state-dir "$state" 38
	[[ $output == *"time:       not known: no attempt yet on this machine"* ]]
	for command in offline "online --zone movable" offline "online --zone movable"; do
		# Words, not one.
		# shellcheck disable=SC2086
		"$memoffline" $command --state-dir "$state" 38
	done
	[ "$(jq -r .action "$state/history.jsonl" | paste -sd ' ')" = "offline online offline online" ]
	[ "$(jq -r '.blocks[] | "\(.block) \(.outcome) \(.device)"' "$state/history.jsonl" | uniq)" = "38 done PNP0C80:01" ]
	run "$memoffline" plan --state-dir "$state" 38
	echo "$output"
	[[ $output == *"time:       "*" s, by the last 2 attempts on this machine (engine stock)"* ]]
	run "$memoffline" report --state-dir "$state" --history -n -r -o BLOCK,DONE,FAILED,ONLINE
	[ "$output" = "38 2 0 2" ]
}

# ---- a page that stays ----

@test "a pinned page: --timeout 5 returns within 6 s, names page, process and reason; all is as before" {
	start_work pinned pin --node 1 --block 34
	pin_pid=$pid
	pfn=$(grep -o 'pfn=0x[0-9a-f]*' "$out" | cut -d = -f 2)
	for attempt in 1 2 3; do	# a busy host stretches every second of its guest
		start_ms=$(now_ms)
		run "$memoffline" offline --timeout 5 32-35
		elapsed_ms=$(($(now_ms) - start_ms))
		echo "attempt $attempt, $elapsed_ms ms: $output"
		[ "$status" = 1 ]
		[ "$elapsed_ms" -ge 6000 ] || break
	done
	[ "$elapsed_ms" -lt 6000 ]
	[[ $output == *"$pfn"* ]]
	[[ $output == *"$pin_pid"*"(work)"* ]]
	[[ $output == *"extra references"* ]]
	[ "$(states 32 33 34 35)" = online=4 ]
	for block in 32 33 34 35; do [ "$(zone $block)" = Movable ]; done
	"$memoffline" report --json > "$json"
	[ "$(jq '.records[0].start_pfn' "$json")" = $((pfn)) ]
	[ "$(jq '.records[0].block' "$json")" = 34 ]
	[ "$(jq '.records[0].refs > .records[0].refs_expected' "$json")" = true ]
	[ "$(jq '.records[0].owners[0].pid' "$json")" = "$pin_pid" ]
	[ "$(jq -r '.records[0].owners[0].comm' "$json")" = work ]
	run "$memoffline" report 34
	[ "$status" = 0 ]
	[[ $output == *"$pfn"* ]]
	end_work "$pin_pid"
	"$memoffline" offline --timeout 30 32-35
}

@test "no progress ends it before the deadline does" {
	start_work pinned pin --node 1 --block 33
	start_ms=$(now_ms)
	run "$memoffline" offline --stall 5 --timeout 60 33
	[ "$status" = 1 ]
	[ $(($(now_ms) - start_ms)) -lt 20000 ]
	[[ $output == *"no page"* ]]
	[ "$(state 33)" = online ]
	end_work "$pid"
}

@test "--partial keeps what went and exits with 64" {
	start_work pinned pin --node 1 --block 33
	run "$memoffline" offline --partial --stall 5 --timeout 60 32-35
	[ "$status" = 64 ]
	[ "$(states 32 34 35)" = offline=3 ]
	[ "$(state 33)" = online ]
	end_work "$pid"
}

@test "a size skips a block that fails and takes another one" {
	start_work pinned pin --node 1 --block 39
	run "$memoffline" offline --stall 5 --timeout 120 --size 128m --keep-order 39,38
	echo "$output"
	[ "$status" = 0 ]
	[ "$(state 39)" = online ]
	[ "$(state 38)" = offline ]
	end_work "$pid"
}

@test "kernel memory is refused before anything changes, with its reason" {
	# The block with most reserved pages that is in a zone.
	block=
	for dir in "$memory"/memory[0-9]*; do
		number=${dir##*memory}
		case $(zone "$number") in none | Movable) continue ;; esac
		if [ "$("$memoffline" show --json "$number" | jq '.content.reserved // 0')" -gt 0 ]; then
			block=$number
			break
		fi
	done
	[ -n "$block" ]
	run "$memoffline" offline "$block,35"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"reserved"* ]]
	[ "$(state "$block")" = online ]
	[ "$(state 35)" = online ]
}

@test "a block that spans zones is refused with its reason" {
	[ "$(zone 0)" = none ]
	run "$memoffline" offline 0
	[ "$status" = 1 ]
	[[ $output =~ zones|holes ]]
	run "$memoffline" offline --force --timeout 10 0
	[ "$status" = 1 ]
	[ "$(state 0)" = online ]
}

# ---- interruption ----

# Starts an offline that holds at a pinned page in 32 after the other BLOCKS went; sets cmd_pid.
held_options=()
start_held_offline() {	# BLOCK...
	start_work pinned pin --node 1 --block 32
	pin_pid=$pid
	start_offline_of_held "$@"
}

start_offline_of_held() {	# BLOCK..., with $held_options
	"$memoffline" offline --keep-order --timeout 120 --stall 0 "${held_options[@]}" "$@" 32 > "$BATS_TEST_TMPDIR/out" \
		2> "$BATS_TEST_TMPDIR/err" 3>&- &
	cmd_pid=$!
	while [ "$(state 32)" != going-offline ]; do
		kill -0 "$cmd_pid"
		pause 0.05
	done
	[ "$(states "$@")" = offline=$# ]
}

# With every other movable block gone, a plain "online" would put a block into zone Normal.
interrupt_rolls_back() {	# SIGNAL
	start_held_offline 39 38 37 36 35 34 33
	kill "-$1" "$cmd_pid"
	status=0
	wait "$cmd_pid" || status=$?
	cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
	[ "$status" = 1 ]
	grep -qi 'roll' "$BATS_TEST_TMPDIR/err"
	[ "$(states 32 33 34 35 36 37 38 39)" = online=8 ]
	for block in 32 33 34 35 36 37 38 39; do [ "$(zone $block)" = Movable ]; done
	[ ! -e "$run_dir/journal" ]
	end_work "$pin_pid"
}

@test "SIGINT in mid-offline rolls back and says so" {
	interrupt_rolls_back INT
}

@test "SIGTERM in mid-offline rolls back and says so" {
	interrupt_rolls_back TERM
}

@test "SIGQUIT in mid-offline rolls back and says so" {
	interrupt_rolls_back QUIT
}

@test "SIGKILL in mid-offline: the next command says so, --undo takes it back" {
	start_held_offline 35 34 33
	kill -KILL "$cmd_pid"
	wait "$cmd_pid" || :
	end_work "$pin_pid"
	[ "$(states 33 34 35)" = offline=3 ]
	run "$memoffline" offline 36
	[ "$status" = 1 ]
	[[ $output == *"--resume"*"--undo"* ]]
	[ "$(state 36)" = online ]
	run "$memoffline" offline --undo
	echo "$output"
	[ "$status" = 0 ]
	[ "$(states 32 33 34 35)" = online=4 ]
	for block in 32 33 34 35; do [ "$(zone $block)" = Movable ]; done
	run "$memoffline" offline --undo
	[ "$status" = 1 ]
	[[ $output == *"nothing to"* ]]
}

@test "SIGKILL in mid-offline: --resume finishes it" {
	start_held_offline 35 34 33
	kill -KILL "$cmd_pid"
	wait "$cmd_pid" || :
	end_work "$pin_pid"
	# The worker died with it: the block that was going is online again by itself.
	"$memoffline" offline --resume --timeout 60
	[ "$(states 32 33 34 35)" = offline=4 ]
	[ ! -e "$run_dir/journal" ]
	"$memoffline" online --zone movable 32-35
}

@test "a kill leaves neither tracing nor dynamic debug switched on after the next run" {
	start_held_offline 35 34 33
	kill -KILL "$cmd_pid"
	wait "$cmd_pid" || :
	end_work "$pin_pid"
	"$memoffline" offline --undo
	"$memoffline" offline 36
	[ -z "$(ls /sys/kernel/tracing/instances)" ]
	run grep -c 'offline_pages =p' /proc/dynamic_debug/control
	[ "$output" = 0 ]
}

# ---- others at work ----

@test "two commands at once: the second says who holds the lock; with --wait it waits" {
	start_held_offline 35 34 33
	run "$memoffline" offline 36
	[ "$status" = 1 ]
	[[ $output == *"$cmd_pid"* ]]
	[ "$(state 36)" = online ]
	"$memoffline" offline --wait --timeout 60 36 3>&- &
	waiter=$!
	kill -INT "$cmd_pid"
	wait "$cmd_pid" || :
	wait "$waiter"
	[ "$(state 36)" = offline ]
	end_work "$pin_pid"
}

@test "somebody else holds the kernel's hotplug lock: the deadline holds, and it says so" {
	start_work pinned pin --node 1 --block 32
	echo offline > "$memory/memory32/state" 3>&- &	# the stock kernel: spins till it is killed
	spinner=$!
	while [ "$(state 32)" != going-offline ]; do pause 0.05; done
	start_ms=$(now_ms)
	run "$memoffline" offline --timeout 3 36
	elapsed_ms=$(($(now_ms) - start_ms))
	echo "$elapsed_ms ms: $output"
	[ "$status" = 1 ]
	[ "$elapsed_ms" -lt 5000 ]
	[[ $output == *"lock"* ]]
	# A block that is going offline is read without waiting, and shown as it is.
	[ "$("$memoffline" show --json 32 | jq -r .state)" = going-offline ]
	kill -KILL "$spinner"
	wait "$spinner" || :
	end_work "$pid"
}

@test "a block that vanishes meanwhile is no failure, and is said" {
	mkdir -p "$run_dir"
	exec 6<>"$run_dir/lock"
	flock 6
	"$memoffline" offline --wait --timeout 60 --json 36-39 > "$json" 2> "$BATS_TEST_TMPDIR/err" 6>&- 3>&- &
	cmd_pid=$!
	# It has its plan and waits for the lock as soon as a second process of that name exists.
	while [ "$(pgrep -c -x memoffline)" -lt 2 ]; do kill -0 "$cmd_pid"; pause 0.05; done
	host device_del d2
	host wait-event DEVICE_DELETED --timeout 60
	exec 6>&-
	wait "$cmd_pid"
	cat "$json"
	[ "$(jq '[.blocks[] | select(.outcome == "vanished")] | length' "$json")" = 4 ]
	jq -r '.notes[]' "$json" | grep -q 'removed by somebody else'
	host dimm-add d3 512M 1
	while [ "$(states 36 37 38 39 2>/dev/null)" != online=4 ]; do pause 0.1; done
}

# ---- room and rights ----

@test "a full run directory is found out before anything changes" {
	mkdir -p "$run_dir"
	mount -t tmpfs -o size=4k tmpfs "$run_dir"
	head -c 4096 /dev/zero > "$run_dir/ballast"
	run "$memoffline" offline 36
	umount "$run_dir"
	[ "$status" = 1 ]
	[[ $output == *"No space left"* ]]
	[[ $output == *"nothing was changed"* ]]
	[ "$(state 36)" = online ]
}

@test "without root nothing changes, and it says what to do" {
	run setpriv --reuid=65534 --clear-groups "$memoffline" offline 36
	[ "$status" = 1 ]
	[[ $output == *"root"* ]]
	[ "$(state 36)" = online ]
	run setpriv --reuid=65534 --clear-groups "$memoffline" list
	[ "$status" = 0 ]
}

@test "a read-only sysfs is named" {
	run unshare -m bash -c "mount -o remount,bind,ro /sys && exec '$memoffline' offline 36"
	[ "$status" = 1 ]
	[[ $output == *"read-only"* ]]
}

@test "a pool of huge pages that shrank is told of" {
	echo 40 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
	before=$(cat /proc/sys/vm/nr_hugepages)
	[ "$before" -gt 0 ]
	run "$memoffline" offline --timeout 60 32-39
	echo "$output"
	[ "$status" = 0 ]
	after=$(cat /proc/sys/vm/nr_hugepages)
	[ "$after" -lt "$before" ]
	[[ $output == *"huge pages shrank from $before to $after"* ]]
	echo 0 > /proc/sys/vm/nr_hugepages
}

pool_of() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/nr_hugepages"; }

@test "--keep-hugetlb: huge pages that go with their blocks are made anew on the node that stays" {
	echo 20 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
	echo 3 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
	[ "$(pool_of 1)" = 20 ]
	run "$memoffline" plan node1
	echo "$output"
	[[ $output == *"shrink by up to 40 of 46 MiB"*"--keep-hugetlb"* ]]
	run "$memoffline" offline --timeout 60 --keep-hugetlb 32-39
	echo "$output"
	[ "$status" = 0 ]
	[ "$(pool_of 0)" = 23 ]
	"$memoffline" report | tr -s ' \n' ' ' | grep -q "20 of 23 huge pages of 2048 KiB went with the blocks, and 20 were made anew"
	echo 0 > /proc/sys/vm/nr_hugepages
}

@test "--keep-hugetlb: after a rollback the pools are as they were" {
	echo 3 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
	echo 20 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
	start_work pinned pin --node 1 --block 33
	run "$memoffline" offline --timeout 20 --stall 3 --engine stock --keep-order --keep-hugetlb 39,38,37,36,35,34,32,33
	echo "$output"
	[ "$status" = 1 ]
	[ "$(pool_of 0) $(pool_of 1)" = "3 20" ]
	end_work "$pid"
	echo 0 > /proc/sys/vm/nr_hugepages
}

@test "--keep-hugetlb: a command that is killed has promised it: --resume and --undo keep that" {
	for end in --resume --undo; do
		start_work pinned pin --node 1 --block 32
		pin_pid=$pid
		# More than one block holds: some go before the command is killed.
		echo 3 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
		echo 70 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
		[ "$(pool_of 0) $(pool_of 1)" = "3 70" ]
		held_options=(--keep-hugetlb)
		start_offline_of_held 39 38 37 36 35 34 33
		kill -KILL "$cmd_pid"
		wait "$cmd_pid" || :
		end_work "$pin_pid"
		[ "$(pool_of 1)" -lt 70 ]
		"$memoffline" offline "$end" --timeout 60
		[ "$(($(pool_of 0) + $(pool_of 1)))" = 73 ]
		[ $end = --resume ] || [ "$(pool_of 1)" = 70 ]
		"$memoffline" online --zone movable 32-39
		echo 0 > /proc/sys/vm/nr_hugepages
	done
}

@test "poisoned pages are warned of, since the block may not come back" {
	[ -e "$memory/soft_offline_page" ]
	echo $((37 * 128 * 1024 * 1024 + 4096)) > "$memory/soft_offline_page" || skip "the kernel does not soft-offline that page"
	run "$memoffline" plan 37
	[ "$status" = 0 ]
	[[ $output == *"poisoned"* ]]
	modprobe hwpoison-inject
	echo $((37 * 128 * 256 + 1)) > /sys/kernel/debug/hwpoison/unpoison-pfn
	run "$memoffline" plan 37
	[[ $output != *"poisoned"* ]]
}
