#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --append kmemleak=on --append pci=noacpi
# kernels: debug
# soak: this search makes everything several times slower; ACPI would give up its table of interrupts (30 s), hence noacpi
# Whatever the core allocated is given back: the kernel's own search for leaks finds nothing.
load common
load core

leaks=/sys/kernel/debug/kmemleak

setup_file() {
	core_setup_file
}

setup() {
	core_setup
}

teardown() {
	core_teardown
}

# The records of what was allocated by a module that is gone by now: its functions have no names any more.
without_name() {
	awk '/^unreferenced object/ { if (is_ours) print record; record = ""; is_ours = 0 }
		{ record = record $0 "\n" } / 0x[0-9a-f]+$| \[memoffline\]/ { is_ours = 1 }
		END { if (is_ours) print record }' $leaks
}

@test "after attempts that succeed and that fail, nothing of ours is left" {
	local i

	for i in 1 2; do echo scan > $leaks; done
	echo clear > $leaks
	fill_block 90 --anon 16m --thp 8m --shm 8m
	try_offline $block
	[ "$status" = 0 ]
	echo online_movable > "$memory/memory$block/state"
	end_work "$pid"
	start_work pinned pin --node 1 --block $block
	try_offline $block
	[ "$status" = 1 ]
	"$memoffline" report $block > /dev/null
	end_work "$pid"
	try_offline $block
	[ "$status" = 0 ]
	echo online_movable > "$memory/memory$block/state"
	unload_core
	for i in 1 2; do echo scan > $leaks; done	# what is new is told by the second
	without_name
	[ -z "$(without_name)" ]
}
