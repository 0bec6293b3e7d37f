#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# kernels: 6.12
# soak-kernels: 6.1
# Kills, limits and other commands at bad moments: nothing is lost, whatever happens when.
load common

setup() {
	all_online_movable 32 33 34 35 36
	rm -rf "$run_dir"
	said=$BATS_TEST_TMPDIR/said
}

teardown() {
	kill_children
}

# Starts an offline that holds at a pinned page in 32 after 33 went; sets cmd_pid and pin_pid.
start_held_offline() {	# BLOCK...
	start_work pinned pin --node 1 --block 32
	pin_pid=$pid
	"$memoffline" offline --keep-order --stall 0 "$@" 32 > /dev/null 2>&1 3>&- &
	cmd_pid=$!
	await_going 32
}

await_going() {	# BLOCK
	while [ "$(state "$1")" != going-offline ]; do pause 0.05; done
}

# Who blocks in flock(2) stands in /proc/locks with an arrow.
await_waiter() {	# PID
	while ! grep -q -- '-> FLOCK' /proc/locks; do
		kill -0 "$1"
		pause 0.05
	done
}

@test "SIGKILL of a command while another waits: the other one sees what was left behind" {
	start_work pinned pin --node 1 --block 32
	pin_pid=$pid
	exec 7>&8	# its input stays open, too
	start_work pinned pin --node 1 --block 36
	echo offline > "$memory/memory36/state" 3>&- &	# holds the hotplug lock, so that nothing has changed yet
	spinner=$!
	await_going 36
	"$memoffline" offline --keep-order --stall 0 33 32 > /dev/null 2>&1 3>&- &
	cmd_pid=$!
	while [ ! -e "$run_dir/journal" ]; do pause 0.05; done
	"$memoffline" offline --wait --timeout 60 35 > "$said" 2>&1 3>&- &
	waiter=$!
	await_waiter "$waiter"
	kill -KILL "$spinner"
	await_going 32
	[ "$(state 33)" = offline ]
	kill -KILL "$cmd_pid"
	status=0
	wait "$waiter" || status=$?
	cat "$said"
	[ "$status" = 1 ]
	grep -q -- --undo "$said"
	[ "$(state 35)" = online ]
	end_work "$pin_pid" || :
	exec 7>&-
	"$memoffline" offline --undo
	[ "$(states 32 33)" = online=2 ]
}

@test "a command that waited works on the blocks as they are by then" {
	start_held_offline 33
	"$memoffline" offline --wait --timeout 60 33 > "$said" 2>&1 3>&- &
	waiter=$!
	await_waiter "$waiter"
	kill -INT "$cmd_pid"	# 33 comes back
	wait "$waiter"
	cat "$said"
	[ "$(states 32 33)" = "offline=1 online=1" ]
	[ "$(state 33)" = offline ]
	end_work "$pin_pid" || :
}

@test "--undo waits for a block that is still going offline, and switches off what was on" {
	start_held_offline
	while [ -z "$(ls /sys/kernel/tracing/instances)" ]; do pause 0.05; done
	kill -KILL "$cmd_pid"
	wait "$cmd_pid" || :
	echo offline > "$memory/memory32/state" 3>&- &	# as a worker that no signal reaches
	spinner=$!
	await_going 32
	"$memoffline" offline --undo > "$said" 2>&1 3>&- &
	undo_pid=$!
	await "$said" "$undo_pid" "rolling back"
	[ -e "$run_dir/journal" ]
	kill -KILL "$spinner"
	wait "$undo_pid"
	cat "$said"
	[ "$(state 32)" = online ]
	[ "$(zone 32)" = Movable ]
	[ ! -e "$run_dir/journal" ]
	[ -z "$(ls /sys/kernel/tracing/instances)" ]
	grep -q "]offline_pages =_ .*failed due to" /proc/dynamic_debug/control
	end_work "$pin_pid" || :
}

# The signal comes when the kernel looks at signals no more, or a moment before that.
@test "SIGINT at any moment: all went, or all is as before" {
	for i in {1..6}; do
		all_online_movable 32 33 34 35
		"$memoffline" offline -q 32-35 > "$said" 2>&1 3>&- &
		cmd_pid=$!
		state=online
		while [ "$state" = online ]; do read -r state < "$memory/memory$((33 + i % 3))/state"; done
		kill -INT "$cmd_pid" || :
		status=0
		wait "$cmd_pid" || status=$?
		echo "$i of 6: status $status, $(states 32 33 34 35)"
		cat "$said"
		case $status in
		0) [ "$(states 32 33 34 35)" = offline=4 ] ;;
		*) [ "$(states 32 33 34 35)" = online=4 ] ;;
		esac
		[ ! -e "$run_dir/journal" ]
	done
}

@test "without any standard stream it does its work, and writes its messages nowhere else" {
	"$memoffline" offline 36 <&- >&- 2>&- || :	# its result could not be written
	cat "$run_dir/lock"
	[ "$(state 36)" = offline ]
	grep -qx "[0-9]* offline 36" "$run_dir/lock"
}

@test "a deadline that passes between two blocks is told as one" {
	for timeout in 0.03 0.05 0.07 0.09 0.11 0.13 0.15; do
		all_online_movable 32 33 34 35
		run "$memoffline" offline --timeout $timeout 32-35
		echo "$timeout s, status $status: $output"
		[ "$status" = 0 ] && continue
		[[ $output == *"deadline"* && $output != *"memory0 "* ]]
		[ "$(states 32 33 34 35)" = online=4 ]
	done
}
