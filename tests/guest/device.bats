#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --cpus 1 --disk 256m
# /dev/memoffline: one errno for each mistake, and nothing is written then. Block 0 holds memory of the firmware, 34 is on node 1.
load common

bats_require_minimum_version 1.5.0
ioctl=$build/tests/guest/ioctl

setup() {
	load_core
}

offline_by_echo() { echo offline > "$memory/memory$1/state"; }

teardown() {
	kill_children
	exec 7>&-
	[ ! -d /sys/module/memoffline ] || unload_core
}

@test "a request of every wrong size" {
	"$ioctl" sizes
}

@test "unknown flags" {
	"$ioctl" flags
}

@test "numbers that are no request" {
	"$ioctl" numbers
}

@test "requests at bad addresses" {
	"$ioctl" addresses
}

@test "empty, unaligned, overflowing and absent ranges" {
	"$ioctl" ranges
}

@test "answers: all that is to be written is, and nothing else" {
	"$ioctl" answers
}

@test "a signal that has a handler does not end a scan" {
	"$ioctl" signals
}

@test "records at bad addresses" {
	all_online_movable 34
	start_work pinned pin --block 34
	run ! offline_by_echo 34
	"$ioctl" records "$(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")"
	end_work "$pid"
}

@test "a scan that is killed ends at once" {
	"$ioctl" scan-for-ever > "$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	await "$BATS_TEST_TMPDIR/out" "$pid" scanning
	start_ms=$(now_ms)
	kill -KILL "$pid"
	wait "$pid" || [ $? = 137 ]
	echo "$(($(now_ms) - start_ms)) ms"
	[ $(($(now_ms) - start_ms)) -lt 1000 ]
}

@test "the device is root's alone" {
	[ "$(stat -c '%a %u %g %F' /dev/memoffline)" = "600 0 0 character special file" ]
	run setpriv --reuid nobody --clear-groups "$ioctl" open
	[ "$output" = EACCES ]
}

@test "without CAP_SYS_ADMIN it can't be opened" {
	"$ioctl" open
	run setpriv --bounding-set -sys_admin "$ioctl" open
	[ "$output" = EPERM ]
	run setpriv --bounding-set -all,+sys_admin "$ioctl" open
	[ "$status" = 0 ]
}

@test "root of a user namespace is not root" {
	run unshare --user --map-root-user "$ioctl" open
	[ "$output" = EPERM ]
}

@test "as long as it is open the module stays" {
	exec 7<> /dev/memoffline
	run rmmod memoffline
	[ "$status" != 0 ]
	[[ $output == *"in use"* ]]
	exec 7>&-
	unload_core
	[ ! -e /dev/memoffline ]
}
