#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --append memhp_default_state=online_movable
# kernels: 6.12
# soak-kernels: 6.1
# The command takes several blocks offline with the core: all are emptied at once. Blocks 32-39 are a DIMM on the only node.
bats_require_minimum_version 1.5.0
load common

blocks="32 33 34 35 36 37 38 39"

setup_file() {
	load_core
}

teardown_file() {
	unload_core
}

setup() {
	# Words, not lines.
	# shellcheck disable=SC2086
	all_online_movable $blocks
}

teardown() {
	kill_children
}

# Pages in use in the DIMM, which is all of ZONE_MOVABLE.
resident() {
	awk '/^Node/ { here = $4 == "Movable" } here && $1 == "managed" { n += $2 } here && $1 == "nr_free_pages" { n -= $2 }
		END { print n }' /proc/zoneinfo
}
field() { jq -r "$1" <<< "$output"; }

@test "a whole DIMM: each page moves once, and its owner's memory is what it was" {
	start_work ready --anon 400m --threads 2
	before=$(resident)
	run --separate-stderr "$memoffline" offline --json PNP0C80:00
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	[ "$(states $blocks)" = offline=8 ]
	[ "$(field .engine)" = core ]
	[ "$before" -ge 102400 ]
	[ "$(field .moved_pages)" -le $((before * 102 / 100)) ]
	end_work "$pid"
}

@test "a pinned page in one of eight: nothing goes, or with --partial seven do" {
	start_work pinned pin --block 34
	run --separate-stderr "$memoffline" offline --json --timeout 20 PNP0C80:00
	echo "$output $stderr"
	[ "$status" -eq 1 ]
	[ "$(states $blocks)" = online=8 ]
	[ "$(field '.records[0].owners[0].pid')" = "$pid" ]
	run --separate-stderr "$memoffline" offline --json --partial --timeout 20 PNP0C80:00
	echo "$output $stderr"
	[ "$status" -eq 64 ]
	[ "$(state 34)" = online ]
	[ "$(states $blocks)" = "offline=7 online=1" ]
	end_work "$pid"
}

@test "a rate is kept, and the deadline of a part leaves time for what is empty" {
	start_work ready --anon 200m --threads 0
	start_ms=$(now_ms)
	"$memoffline" offline --max-rate 100m PNP0C80:00
	[ $(($(now_ms) - start_ms)) -ge 1700 ]
	[ "$(states $blocks)" = offline=8 ]
	end_work "$pid"
}

@test "terms that only the core can keep are refused without it" {
	run "$memoffline" offline --engine stock --max-rate 100m 32
	[ "$status" -eq 1 ]
	[[ $output == *"with the module memoffline alone"* ]]
	run "$memoffline" offline --to 7 32
	[ "$status" -eq 1 ]
	[[ $output == *"node 7: it does not exist"* ]]
	run "$memoffline" offline --to x 32
	[ "$status" -eq 2 ]
	[[ $output == *"no list of nodes"* ]]
	[ "$(states $blocks)" = online=8 ]
}

@test "Ctrl-C in the evacuation: all is as it was" {
	start_work ready --anon 200m --threads 0
	"$memoffline" offline --max-rate 20m PNP0C80:00 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	command=$!
	until [ "$(awk '/^pgmigrate_success/ { print $2 }' /proc/vmstat)" -gt "${moved:=$(awk '/^pgmigrate_success/ { print $2 }' /proc/vmstat)}" ]; do
		kill -0 $command
		pause 0.02
	done
	kill -INT $command
	wait $command || status=$?
	cat "$BATS_TEST_TMPDIR/out"
	grep -q "stopped on request; every block is as it was" "$BATS_TEST_TMPDIR/out"
	[ "$(states $blocks)" = online=8 ]
	(echo offline > "$memory/memory39/state")
	end_work "$pid"
}
