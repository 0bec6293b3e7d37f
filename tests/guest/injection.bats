#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --disk 1g --swap 512m
# kernels: debug
# Allocations that fail, one after the other and at random: an attempt may fail by that, and loses nothing.
load common
load core

faults=/sys/kernel/debug

setup_file() {
	core_setup_file
}

teardown_file() {
	core_teardown_file
}

setup() {
	core_setup
	for kind in failslab fail_page_alloc; do
		echo 0 > $faults/$kind/verbose
		echo N > $faults/$kind/ignore-gfp-wait
		echo Y > $faults/$kind/task-filter
	done
	echo N > $faults/fail_page_alloc/ignore-gfp-highmem
	echo 0 > $faults/fail_page_alloc/min-order
}

teardown() {
	for kind in failslab fail_page_alloc; do echo 0 > $faults/$kind/probability; done
	core_teardown
}

back_online() {
	[ "$(state $block)" = online ] || echo online_movable > "$memory/memory$block/state"
}

@test "the first allocations of the writer fail, each once" {
	local n failed=0

	fill_block 90 --anon 4m --thp 4m --shm 4m --threads 0
	for n in {1..16}; do
		status=0
		said=$( (exec 9> "$memory/memory$block/state"; echo $n > /proc/self/fail-nth
			echo offline >&9) 2>&1 3>&-) || status=$?
		echo "allocation $n: status $status $said"
		failed=$((failed + (status != 0)))
		[[ $status = 0 || $said == *"Device or resource busy"* || $said == *"Cannot allocate memory"* ]]
		back_online
		nothing_isolated
	done
	echo "$failed attempts failed"
	[ "$failed" -ge 1 ]
	verify_work
	try_offline $block
	[ "$status" = 0 ]
	end_work "$pid"
	no_oom_kill
}

# Each worker, too. What fails is tried again, so that most attempts succeed.
@test "one allocation in twenty fails, of the writer and of the workers" {
	local i worker

	fill_block 90 --anon 16m --thp 8m --shm 8m --threads 1
	for worker in $(pgrep '^memoffline/'); do echo 1 > "/proc/$worker/make-it-fail"; done
	for kind in failslab fail_page_alloc; do
		echo 5 > $faults/$kind/probability
		echo -1 > $faults/$kind/times
	done
	for i in 1 2 3 4 5 6; do
		status=0
		said=$( (exec 9> "$memory/memory$block/state"; echo 1 > /proc/self/make-it-fail; echo offline >&9) 2>&1 3>&-) ||
			status=$?
		echo "attempt $i: status $status $said"
		[[ $status = 0 || $said == *"Device or resource busy"* || $said == *"Cannot allocate memory"* ]]
		nothing_isolated
		back_online
		verify_work
	done
	for kind in failslab fail_page_alloc; do echo 0 > $faults/$kind/probability; done
	try_offline $block
	[ "$status" = 0 ]
	end_work "$pid"
	no_oom_kill
}
