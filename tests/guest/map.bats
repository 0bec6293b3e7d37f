#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology one-node-dimm --append memhp_default_state=online_movable
# kernels: 6.12
# soak-kernels: 6.1
# The picture of a live machine: what blocks hold, whose it is, and what --watch shows while one goes. Blocks 32-39 are a DIMM.
bats_require_minimum_version 1.5.0
load common

blocks="32 33 34 35 36 37 38 39"

setup() {
	# Words, not lines.
	# shellcheck disable=SC2086
	all_online_movable $blocks
	export TMUX_TMPDIR=$BATS_TEST_TMPDIR
}

teardown() {
	echo $$ >/sys/fs/cgroup/cgroup.procs
	tmux kill-server 2>/dev/null || :
	kill_children
	rmdir /sys/fs/cgroup/mapped 2>/dev/null || :
}

field() { jq -r "$1" <<< "$output"; }

# see PATTERN: waits for the screen of the terminal
see() {
	local end=$((SECONDS + 60))

	# shellcheck disable=SC2053 # a pattern
	until [[ $(tmux capture-pane -p) == $1 ]]; do
		((SECONDS < end)) || { tmux capture-pane -p; return 1; }
		pause 0.1
	done
}

@test "what the blocks hold, and the cgroup that owns most of it" {
	grep -qw memory /sys/fs/cgroup/cgroup.controllers
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/mapped
	echo $BASHPID >/sys/fs/cgroup/mapped/cgroup.procs
	start_work ready --anon 300m --threads 1
	run --separate-stderr "$memoffline" map --json --by owner
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ "$(field .problem)" = "" ]
	[ "$(field '[.blocks[].content | add] | unique | join(" ")')" = 32768 ]
	[ "$(field '[.blocks[] | select(.zone == "Movable") | .content | .anon + .thp] | add')" -ge $((250 * 256)) ]
	[ "$(field '[.blocks[] | select(.cgroup == "/mapped") | .cgroup_pages] | add')" -ge $((250 * 256)) ]
	run --separate-stderr "$memoffline" map --by owner
	[[ $output == *"  /mapped: "* ]]
	end_work "$pid"
}

@test "a block that goes offline is watched till it came back" {
	start_work pinned pin --block 34
	tmux -f /dev/null new-session -d -x 100 -y 30 "TERM=screen-256color LC_ALL=C.UTF-8 $memoffline map --watch --by movability"
	see '*q quit  b by movability*'
	"$memoffline" offline --engine stock --timeout 8 34 >/dev/null 2>&1 &
	see '*\[*\]*memory34 is going offline: *left*'
	wait $! || :
	[ "$(state 34)" = online ]
	see '*q quit  b by movability*'
	end_work "$pid"
	"$memoffline" offline 35
	see '*PNP0C80:00*, 1 offline*//////*'
	tmux send-keys q
}
