#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology dimm --cpus 1 --append memhp_default_state=online_movable
# The kernel alone: anonymous memory of several blocks goes to another node before the first block's turn.
load common

setup() {
	json=$BATS_TEST_TMPDIR/json
	all_online_movable 32 33 34 35
	[ "$(ls -d /sys/devices/system/node/node1/memory3[2-5] | wc -l)" = 4 ]
}

teardown() {
	cat "$json" || :
	kill_children
}

# How many pages the report says went beforehand.
ahead() {
	jq '[.notes[] | capture("^(?<n>[0-9]+) anonymous pages went to node 0 ").n | tonumber] | add // 0' "$json"
}

@test "what is anonymous goes beforehand, each page once, and loses nothing" {
	start_work ready --node 1 --anon 160m --shm 32m --threads 0
	resident=$("$memoffline" plan PNP0C80:00 --json | jq '.move_bytes / 4096')
	"$memoffline" offline --engine stock --timeout 60 --json PNP0C80:00 > "$json"
	[ "$(states 32 33 34 35)" = offline=4 ]
	[ "$(jq -r .engine "$json")" = stock ]
	echo "# $(ahead) of $resident pages went beforehand, $(jq .moved_pages "$json") moved in all" >&3
	[ "$(ahead)" -ge $((156 * 256)) ]
	[ "$(ahead)" -le "$resident" ]
	[ $(($(jq .moved_pages "$json") * 100)) -le $((resident * 110)) ]
	end_work "$pid"
}

@test "while it is rewritten, in huge pages and shared by a family, too" {
	start_work ready --node 1 --anon 64m --thp 64m --forked 32m --family 4 --threads 2
	"$memoffline" offline --engine stock --timeout 120 --json PNP0C80:00 > "$json"
	[ "$(states 32 33 34 35)" = offline=4 ]
	[ "$(ahead)" -gt 0 ]
	end_work "$pid"
}

@test "a single block is left to the kernel" {
	start_work ready --node 1 --anon 64m --threads 0
	"$memoffline" offline --engine stock --timeout 60 --json 34 > "$json"
	[ "$(state 34)" = offline ]
	[ "$(ahead)" = 0 ]
	end_work "$pid"
}

@test "a page that can't move keeps its block, whatever went beforehand, and all comes back" {
	start_work ready --node 1 --anon 64m --threads 0
	work_pid=$pid
	start_work pinned pin --node 1 --block 33	# the last one, whose input stays open
	run "$memoffline" offline --engine stock --stall 3 --timeout 60 32-35
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"of 512M freed"*"what stays: 1 page from"*"pid $pid (work)"* ]]
	[ "$(states 32 33 34 35)" = online=4 ]
	"$memoffline" report --json > "$json"
	[ "$(ahead)" -gt 0 ]
	end_work "$pid"
	end_work "$work_pid"
}

@test "a process that is stopped does not hold it up" {
	start_work ready --node 1 --anon 64m --threads 0
	kill -STOP "$pid"
	"$memoffline" offline --engine stock --timeout 60 --json PNP0C80:00 > "$json"
	[ "$(states 32 33 34 35)" = offline=4 ]
	kill -CONT "$pid"
	end_work "$pid"
}
