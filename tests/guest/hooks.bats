#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --disk 1g --swap 512m
# kernels: 6.12
# soak-kernels: 6.1 debug
# Migrate hooks of VMAs of a process whose memory moves from node to node.
load common
load core
load hooks

caller=$build/tests/guest/hooks-caller

setup_file() { core_setup_file; }

teardown_file() { core_teardown_file; }

setup() {
	core_setup
}

teardown() {
	core_teardown
	unload_driver hookmove
	unload_driver hookrefuse
	nothing_isolated
	no_oom_kill
}

load_driver() { insmod "$drivers/$1.ko" "${@:2}"; }	# DRIVER ARG...

# Moves the process; its answer is in $said.
migrate() {	# ARG...
	"$caller" "$hooked_pid" 1 0 "$@" | tee "$said"
	grep -q ^ok "$said"
}

value_of() { sed -n "1s/.*\b$1=\([0-9]*\).*/\1/p" "$said"; }

@test "pages that only their driver can move go through its hook, while they are written to" {
	load_driver hookmove
	start_hooked hookmove shared
	migrate
	[ "$(value_of reason)" = 0 ]
	[ "$(driver_value hookmove calls)" -ge 1 ]
	[ "$(driver_value hookmove moved)" = $nr_pages ]
	[ "$(pages_on_node 1)" = 0 ]
	end_hooked
}

@test "a VMA whose hook refuses is exempt, and is told with the hook's error" {
	load_driver hookrefuse error=13
	for kind in private shared; do
		start_hooked hookrefuse $kind
		migrate all
		[ "$(value_of reason)" = $VMA_REFUSED ]
		[ "$(value_of kept)" = $nr_pages ]
		grep -q "reason=$VMA_REFUSED error=-13 addr=$(hooked_addr)" "$said"
		[ "$(pages_on_node 1)" = $nr_pages ]
		end_hooked
		rm "$BATS_TEST_TMPDIR/hooked.in"
	done
}

@test "what a hook lets go moves as all else" {
	load_driver hookrefuse error=0
	start_hooked hookrefuse shared
	migrate all
	[ "$(driver_value hookrefuse calls)" -ge 1 ]
	[ "$(pages_on_node 1)" = 0 ]
	end_hooked
}

@test "a hook that is unregistered meanwhile is waited for, and asked no more" {
	load_driver hookmove sleep_ms=2000
	start_hooked hookmove shared
	migrate > /dev/null 3>&- &
	until [ "$(driver_value hookmove begun)" = 1 ]; do pause 0.02; done
	run rmmod hookmove
	[ "$status" -ne 0 ]
	set_driver hookmove registered N
	[ "$(driver_value hookmove calls)" = "$(driver_value hookmove begun)" ]
	wait $!
	calls=$(driver_value hookmove calls)
	migrate || :
	[ "$(driver_value hookmove calls)" = "$calls" ]
	end_hooked
}
