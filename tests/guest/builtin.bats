#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --append memoffline.deadline_ms=54321
# kernels: builtin
# The core as a part of the kernel: there from the start, its functions linked, not looked up.
load common
load core

setup_file() {
	[ -d /sys/module/memoffline ]
	load_core() { :; }
	core_setup_file
}

setup() {
	core_setup
}

teardown() {
	core_teardown
}

@test "it is there without being loaded, and takes its parameters from the command line" {
	[ ! -e /sys/module/memoffline/initstate ]
	[ "$(cat /sys/module/memoffline/parameters/deadline_ms)" = 54321 ]
	[ -c /dev/memoffline ]
	! insmod "$module"
}

@test "a plain write goes through it" {
	move_content 90 --anon 32m --thp 16m --shm 8m --threads 2
}

@test "a pinned page ends it in time" {
	start_work pinned pin --node 1 --block $block
	try_offline $block
	[ "$status" = 1 ]
	[ "$elapsed_ms" -lt 20000 ]
	[ "$(state $block)" = online ]
	nothing_isolated
	end_work "$pid"
}
