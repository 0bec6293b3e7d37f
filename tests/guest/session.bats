#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --append memhp_default_state=online_movable
# kernels: 6.12
# soak-kernels: 6.1 debug
# Sessions of the device: ranges are quarantined, evacuated and released. Blocks 32-39 are a DIMM on the only node.
load common
load core
load session

setup_file() {
	load_core
}

teardown_file() {
	unload_core
}

setup() {
	all_online_movable 32 33 34 35 36 37 38 39
	oom_kills=$(vmstat_of oom_kill)
}

teardown() {
	kill_children
	nothing_isolated
	nothing_quarantined
	free_is_counted_right
}

@test "nothing is allocated from what is quarantined, and free memory is less by that" {
	open_session a
	before=$(free_pages)
	[[ "$(ask a "quarantine 32 8")" == ok* ]]
	[ $((before - $(free_pages))) -gt 200000 ]
	start_work ready --anon 300m --threads 0 --in-block 36
	grep in-block=0 "$out"
	[[ "$(ask a "release 32 8")" == ok ]]
	near "$(free_pages)" $((before - 77000)) 8000
	end_work "$pid"
}

@test "all of a device is evacuated at once, each page moves once, and each block goes" {
	start_work ready --anon 400m --threads 2
	open_session a
	[[ "$(ask a "quarantine 32 8")" == ok* ]]
	used=$(value used)
	[[ "$(ask a evacuate)" == "ok reason=0 "*" kept=0 "* ]]
	[ "$(value moved)" -le $((used * 102 / 100 + 64)) ]
	[ "$(value moved)" -ge 90000 ]
	for block in 32 33 34 35 36 37 38 39; do
		[[ "$(ask a "release $block")" == ok ]]
		(echo offline > "$memory/memory$block/state")
	done
	verify_work
	end_work "$pid"
	no_oom_kill
}

@test "progress can be seen meanwhile, and a limit of the rate holds" {
	start_work ready --anon 160m --threads 0
	open_session a
	ask a "quarantine 32 8"
	ask a watch
	ask a "evacuate rate=100 deadline=30000"
	[ "$(value us)" -ge 1400000 ]
	grep -c ^progress "$BATS_TEST_TMPDIR/a.out"
	[ "$(grep -c ^progress "$BATS_TEST_TMPDIR/a.out")" -ge 10 ]
	end_work "$pid"
}

@test "a page that stays is told, and a second try moves it once it is let go" {
	start_work pinned pin --block 34
	pin_pid=$pid
	pfn=$(sed -n 's/.* pfn=\(0x[0-9a-f]*\).*/\1/p' "$out")
	open_session a
	ask a "quarantine 32 8"
	[[ "$(ask a evacuate)" == "ok reason=1 "*" kept=1 "* ]]
	[[ "$(ask a read)" == *"pfn=$pfn reason=1 pid=$pin_pid"* ]]
	end_work "$pin_pid"
	[[ "$(ask a evacuate)" == "ok reason=0 "* ]]
}

@test "two sessions never share a range, and a range that is refused is left whole" {
	open_session a
	open_session b
	[[ "$(ask a "quarantine 34 2")" == ok* ]]
	[[ "$(ask b "quarantine 32 8")" == "EBUSY pid=$a_pid "* ]]
	[[ "$(ask b "release 34 1")" == ENOENT ]]
	[[ "$(ask b "quarantine 32 2")" == ok* ]]
	(echo offline > "$memory/memory36/state")
	[[ "$(ask b "quarantine 34 4")" == EBUSY* ]]
	[[ "$(ask b "quarantine 36 1")" == ENODEV* ]]
	[[ "$(ask b "quarantine 0 1")" == "EBUSY pid=0 "* ]]
	! (echo offline > "$memory/memory34/state") 2>/dev/null
	(echo offline > "$memory/memory37/state")
}

@test "what a killed session held is usual memory again, in each phase" {
	start_work ready --anon 200m --threads 1
	before=$(free_pages)
	for delay in 0.05 0.2 0.5; do
		open_session "a${delay#0.}"
		name=a${delay#0.}
		ask "$name" "quarantine 32 8"
		eval "echo 'evacuate rate=60' >&\$${name}_fd"
		pause $delay
		eval "kill -KILL \$${name}_pid"
		eval "wait \$${name}_pid" || :
		near "$(free_pages)" "$before" 4000
		nothing_isolated
		verify_work
	done
	(echo offline > "$memory/memory39/state")
	end_work "$pid"
}

@test "a plain offline of another block does not wait for a session's evacuation" {
	start_work ready --anon 160m --threads 0
	open_session a
	ask a "quarantine 32 4"
	echo "evacuate rate=20 deadline=20000" >&"$a_fd"
	start_ms=$(now_ms)
	(echo offline > "$memory/memory39/state")
	echo "$(($(now_ms) - start_ms)) ms"
	[ $(($(now_ms) - start_ms)) -lt 3000 ]
	kill -KILL "$a_pid"
	end_work "$pid"
}

@test "the module stays as long as a session is open" {
	open_session a
	! rmmod memoffline
}
