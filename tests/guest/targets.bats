#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology four-nodes --cpus 1 --append memhp_default_state=online_movable
# Where pages go. Node 1 gets a DIMM of two blocks; the neighbours of node 1 are 0 and 2, node 3 is farther away.
load common

dimm=/sys/bus/acpi/devices/PNP0C80:00
cpuset=/sys/fs/cgroup/owner

setup_file() {
	host dimm-add near 256M 1
	until [ "$(cat $dimm/physical_node*/state 2>/dev/null | grep -c online)" = 2 ]; do pause 0.1; done
	echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control
	load_core
}

setup() {
	blocks=()
	for folder in $dimm/physical_node*; do folder=$(readlink -f "$folder"); blocks+=("${folder##*memory}"); done
	all_online_movable "${blocks[@]}"
	mkdir $cpuset
	echo 0-3 > $cpuset/cpuset.mems
}

teardown() {
	"$memoffline" report 2>&1 | head -n 20
	kill_children
	rmdir $cpuset
}

teardown_file() {
	unload_core
}

# Fills the DIMM from within the cpuset; sets pid.
start_owner() {	# ARG...
	echo $BASHPID > $cpuset/cgroup.procs
	start_work ready --node 1 --threads 0 "$@"
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	on_dimm=$(on_node 1)
	cat "$out"
}

# The rest of a node goes to somebody else.
fill_node() {	# NODE
	local free_kb owner=$pid

	free_kb=$(awk '/MemFree/ { print $4 }' "/sys/devices/system/node/node$1/meminfo")
	start_work ready --node "$1" --anon $((free_kb - 3072))k --mlock --threads 0
	pid=$owner
}

# Pages of the owner's memory there.
on_node() {	# NODE
	awk -v node="N$1=" '{ for (i = 1; i <= NF; i++) if (index($i, node) == 1) n += substr($i, length(node) + 1) }
		END { print n + 0 }' "/proc/$pid/numa_maps"
}

where() {
	local node

	for node in 0 1 2 3; do echo "node $node: $(on_node $node) pages, $(awk '/MemFree/ { print $4 }' \
		/sys/devices/system/node/node$node/meminfo) KiB free"; done
}

# Both blocks of the DIMM, by plain writes.
offline_dimm() {
	local block status=0

	where
	for block in "${blocks[@]}"; do
		echo offline > "$memory/memory$block/state" || status=$?
	done
	where
	return $status
}

notes() {
	local block

	for block in "${blocks[@]}"; do "$memoffline" report --json "$block" | jq -r '.notes[]'; done
}

@test "the own node first" {
	start_owner --anon 96m
	offline_dimm
	[ "$(on_node 1)" -ge $((on_dimm * 95 / 100)) ]
	end_work "$pid"
}

@test "memory that is bound goes to a node that its policy names, though others are nearer" {
	start_owner --anon 64m --bind 1,3
	fill_node 1
	offline_dimm
	[ "$(on_node 3)" -ge 14000 ]
	end_work "$pid"
}

@test "shared memory that is bound, too" {
	start_owner --shm 64m --bind 1,3
	fill_node 1
	offline_dimm
	[ "$(on_node 3)" -ge 14000 ]
	end_work "$pid"
}

@test "the owner's cpuset holds where it has room" {
	start_owner --anon 64m
	echo 1,3 > $cpuset/cpuset.mems
	fill_node 1
	offline_dimm
	[ "$(on_node 3)" -ge 14000 ]
	end_work "$pid"
}

@test "where the policy's nodes have no room it goes elsewhere, and is counted" {
	start_owner --anon 64m --bind 1
	fill_node 1
	offline_dimm
	[ $(($(on_node 0) + $(on_node 2) + $(on_node 3))) -ge 14000 ]
	notes | tee "$BATS_TEST_TMPDIR/notes"
	nr=$(awk '/memory policy or cpuset does not allow/ { n += $1 } END { print n + 0 }' "$BATS_TEST_TMPDIR/notes")
	[ "$nr" -ge 14000 ]
	end_work "$pid"
}

@test "huge pages of a pool go where their owner is bound, too" {
	local node pages

	for node in 0 1 2 3; do
		echo 16 > /sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
	done
	start_owner --hugetlb 16m --bind 1,3
	offline_dimm
	pages=$(on_node 3)
	end_work "$pid"
	for node in 0 1 2 3; do
		echo 0 > /sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
	done
	[ "$pages" = 8 ]
}
