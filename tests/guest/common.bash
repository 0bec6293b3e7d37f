# SPDX-License-Identifier: GPL-2.0-only
# What the guest tests share.
# shellcheck shell=bash disable=SC2034
build=${MEMOFFLINE_BUILD:-$PWD}
memoffline=$build/tools/memoffline
work=$build/tests/guest/work
memory=/sys/devices/system/memory
run_dir=/run/memoffline

# The module for this kernel, as tests/guest/build-module makes it.
module=$build/modules/$(uname -r)/memoffline.ko
module_path() { echo "$module"; }
load_core() { insmod "$module" "$@"; }
unload_core() { rmmod memoffline; }

# For what has no event to wait for. One pipe for all pauses: bash at times waits for ever for the process behind <(:).
exec {pause_fd}<> <(:)
pause() { read -rt "$1" -u "$pause_fd" || :; }	# SECONDS

# Until COMMAND succeeds. After a minute it is taken for a hang.
await_that() {	# COMMAND...
	local end=$((SECONDS + 60))

	until "$@"; do
		((SECONDS < end)) || { echo "after a minute still not so: $*" >&2; return 1; }
		pause 0.02
	done
}

# Awaits a word in the output of a background process.
await() {	# FILE PID WORD
	until grep -q "$3" "$1" 2>/dev/null; do
		kill -0 "$2" 2>/dev/null || grep -q "$3" "$1" || { cat "$1" >&2; return 1; }
		pause 0.02
	done
}

# Starts `work` with ARGs; sets pid, and out to the file of its output.
start_work() {	# WORD-TO-AWAIT ARG...
	local word=$1
	shift
	out=$(mktemp)
	mkfifo "$out.in"
	"$work" "$@" < "$out.in" >> "$out" 2>&1 3>&- &
	pid=$!
	exec 8<>"$out.in"	# its input stays open
	await "$out" "$pid" "$word"
}

# Ends it; fails when its content is not what it was.
end_work() {	# PID
	kill -TERM "$1" 2>/dev/null
	wait "$1"
}

# Asks for an eject of the DIMM as the host does. Sets answer, the status that the firmware is told in the end, after
# "in progress" (132); and eject_ms, from one to the other.
eject() {	# DIMM
	local event begin_us="" end_us

	host clear-events
	host device_del "$1"
	answer=132
	while [ "$answer" = 132 ]; do
		event=$(host wait-event ACPI_DEVICE_OST "info.device=$1" info.source=3 --timeout 60)
		answer=$(jq .data.info.status <<<"$event")
		end_us=$(jq '.timestamp | .seconds * 1000000 + .microseconds' <<<"$event")
		: "${begin_us:=$end_us}"
	done
	eject_ms=$(((end_us - begin_us) / 1000))
}

all_blocks() { find $memory -maxdepth 1 -name 'memory[0-9]*' -printf '%f\n' | tr -dc '0-9\n' | sort -n; }
state() { cat "$memory/memory$1/state"; }
zone() { head -n 1 "$memory/memory$1/valid_zones"; }
states() {
	local i
	for i in "$@"; do state "$i"; done | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd ' '
}

# All blocks as the tests expect them at the start, whatever the last one left.
all_online_movable() {
	local i
	for i in "$@"; do
		[ "$(state "$i")" = online ] || echo online_movable > "$memory/memory$i/state"
		[ "$(zone "$i")" = Movable ]
	done
}

kill_children() {
	local children
	children=$(jobs -p)
	# shellcheck disable=SC2086
	[ -z "$children" ] || kill -KILL $children 2>/dev/null || :
	wait
}

now_ms() {
	local now=${EPOCHREALTIME/./}
	echo "${now%???}"
}

# For a whole file of tests: swap space is off until a test wants $swap_disk. The next file in the same guest has it
# back.
take_swap() {
	swap_disk=$(awk 'NR == 2 { print $1 }' /proc/swaps)
	export swap_disk
	[ ! "$swap_disk" ] || swapoff -a
}

give_swap_back() {
	[ ! "$swap_disk" ] || grep -q "^$swap_disk " /proc/swaps || swapon "$swap_disk"
}

remove_cgroup() {	# FOLDER
	local i

	for ((i = 0; i < 200; i++)); do
		! rmdir "$1" 2>/dev/null || return 0
		pause 0.05	# who was killed leaves it a moment later
	done
	echo "still in the cgroup: $(cat "$1/cgroup.procs")"
	return 1
}

# The kernel patches its own code when there is a first cpuset, and again after the last. An emulator whose processors
# run it meanwhile may meet a breakpoint that nobody knows of any more: so one is kept from the first file on.
enable_cpusets() {
	echo "+cpuset +memory" > /sys/fs/cgroup/cgroup.subtree_control
	mkdir -p /sys/fs/cgroup/kept
}
