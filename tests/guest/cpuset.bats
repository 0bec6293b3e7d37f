#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-nodes --cpus 1 --append memhp_default_state=online_movable
# kernels: 6.12
# soak-kernels: 6.1
# The kernel takes the targets from the writer's cpuset: from a narrow one, an offline would never end.
load common

dimm=/sys/bus/acpi/devices/PNP0C80:00

setup() {
	local block
	[ -e "$dimm/physical_node3" ] || host dimm-add narrow 512M 1
	until [ "$(cat "$dimm"/physical_node*/state | wc -l)" = 4 ]; do pause 0.1; done
	for block in "$dimm"/physical_node*/state; do
		[ "$(cat "$block")" = online ] || echo online_movable > "$block"
	done
	grep -qw cpuset /sys/fs/cgroup/cgroup.controllers
	echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/narrow
	echo 1 > /sys/fs/cgroup/narrow/cpuset.mems
}

teardown() {
	kill_children
	rmdir /sys/fs/cgroup/narrow
	echo -cpuset > /sys/fs/cgroup/cgroup.subtree_control
}

# Runs a command in the cpuset of node 1 alone.
narrowly() {
	bash -c 'echo $$ > /sys/fs/cgroup/narrow/cgroup.procs && exec "$@"' - "$@"
}

@test "offline works from a cpuset that holds only the node that goes" {
	start_work ready --node 1 --anon 1250m --threads 0	# without its DIMM the node has no room for it
	[ "$(narrowly awk '/Mems_allowed_list/ { print $2 }' /proc/self/status)" = 1 ]
	narrowly "$memoffline" offline --timeout 40 --stall 0 PNP0C80:00
	[ "$(cat "$dimm"/physical_node*/state | sort -u)" = offline ]
	end_work "$pid"
}

@test "where the root cpuset can't be entered, it says so beforehand" {
	run narrowly unshare -m bash -c "mount -o remount,bind,ro /sys/fs/cgroup && exec '$memoffline' plan PNP0C80:00"
	[ "$status" = 0 ]
	[[ $output == *"cpuset"* ]]
}
