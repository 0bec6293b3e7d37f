#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lab: --topology two-dimms --memory 1G --disk 1g --swap 512m
# kernels: 6.12
# soak-kernels: 6.1 debug
# Migrate hooks of VMAs that map pages of a block which goes: of a driver that moves its own pages, and of one that refuses.
load common
load core
load session
load hooks

parameters=/sys/module/memoffline/parameters

setup_file() { core_setup_file; }

teardown_file() { core_teardown_file; }

setup() {
	core_setup
}

teardown() {
	core_teardown
	unload_driver hookmove
	unload_driver hookrefuse
	echo 10000 > $parameters/deadline_ms
	nothing_isolated
	no_oom_kill
}

# All of the process's memory lies in the block that goes.
fill_hooked() {	# DRIVER private|shared [fork]
	(echo offline > "$memory/memory$spare/state")
	start_hooked "$@"
	echo online_movable > "$memory/memory$spare/state"
	[ "$(pages_in_block)" = $nr_pages ]
}

load_driver() { insmod "$drivers/$1.ko" "${@:2}"; }	# DRIVER ARG...

kept_for() { jq --arg reason "$1" '[.records[] | select(.reason == $reason) | .nr_pages] | add // 0' "$said"; }	# REASON

# The report of the block: REFUSED pages say so, and name the process and where the page is in it.
report_says() {	# REFUSED
	local addr

	"$memoffline" report --json $block > "$said"
	jq -c '.records | group_by(.reason) | map([.[0].reason, (map(.nr_pages) | add)])' "$said"
	[ "$(kept_for vma-refused)" = "$1" ]
	addr=$(($(hooked_addr)))
	jq -e --argjson pid $hooked_pid --argjson first $addr --argjson last $((addr + nr_pages * 4096 - 1)) \
		'[.records[] | select(.reason == "vma-refused") | .owners[0]] |
			all(.pid == $pid and .comm == "hooked" and .addr >= $first and .addr <= $last)' "$said"
	[ "$(jq '[.records[] | select(.reason == "vma-refused") | range(.nr_pages) as $i | .owners[0].addr + $i * 4096] |
		unique | length' "$said")" = "$1" ]
}

# ---- a driver that moves its own pages ----

@test "pages that only their driver can move go through its hook, while they are written to" {
	load_driver hookmove
	fill_hooked hookmove shared
	try_offline $block
	[ "$status" = 0 ]
	[ "$(ask_hooked "where $block")" = "in-block=0 node0=$nr_pages node1=0" ]
	[ "$(driver_value hookmove moved)" = $nr_pages ]
	[ "$(driver_value hookmove calls)" = 1 ]
	end_hooked
}

@test "without its hook they stay, and are the kernel's to all that is known" {
	load_driver hookmove
	set_driver hookmove registered N
	echo 1500 > $parameters/deadline_ms
	fill_hooked hookmove shared
	try_offline $block
	[ "$status" != 0 ]
	[ "$(driver_value hookmove calls)" = 0 ]
	[ "$(pages_in_block)" = $nr_pages ]
	report_says 0
	[ "$(kept_for kernel)" = $nr_pages ]
	end_hooked
}

@test "a child that has them mapped, too, and others that come and go, see the same bytes" {
	load_driver hookmove sleep_ms=100
	fill_hooked hookmove shared fork
	echo "churn 30" >&"$hooked_fd"
	try_offline $block
	[ "$status" = 0 ]
	await "$BATS_TEST_TMPDIR/hooked.out" $hooked_pid churned
	[ "$(pages_in_block)" = 0 ]
	end_hooked
}

@test "processes that end while their hook is asked lose nothing of others" {
	load_driver hookmove sleep_ms=500
	fill_hooked hookmove shared
	(until [ "$(driver_value hookmove begun)" != 0 ]; do pause 0.02; done; kill -KILL $hooked_pid) 3>&- &
	try_offline $block
	[ "$status" = 0 ]
	[ "$(driver_value hookmove begun)" -ge 1 ]
	wait $hooked_pid || :
	unload_driver hookmove
}

@test "a driver that refuses keeps its pages, and each says so" {
	load_driver hookmove error=16
	fill_hooked hookmove shared
	try_offline $block
	[ "$status" != 0 ]
	[ "$elapsed_ms" -lt 5000 ]
	[ "$(state $block)" = online ]
	[ "$(driver_value hookmove moved)" = 0 ]
	report_says $nr_pages
	set_driver hookmove error 0
	try_offline $block
	[ "$status" = 0 ]
	end_hooked
}

# ---- pages that the kernel could move ----

@test "shared pages of a VMA that refuses stay, and go when it lets them" {
	load_driver hookrefuse
	fill_hooked hookrefuse shared
	start_trace
	try_offline $block
	[ "$status" != 0 ]
	[ "$elapsed_ms" -lt 5000 ]
	[ "$(pages_in_block)" = $nr_pages ]
	[ "$(driver_value hookrefuse calls)" = 1 ]
	report_says $nr_pages
	[ "$(trace_of end reason)" = vma-refused ]
	set_driver hookrefuse error 0
	try_offline $block
	[ "$status" = 0 ]
	[ "$(pages_in_block)" = 0 ]
	end_hooked
}

@test "anonymous pages of a VMA that refuses stay, and all else goes" {
	load_driver hookrefuse error=1
	fill_hooked hookrefuse private
	(echo offline > "$memory/memory$spare/state")
	start_work ready --node 1 --in-block $block --anon 20m --threads 1
	echo online_movable > "$memory/memory$spare/state"
	try_offline $block
	[ "$status" != 0 ]
	[ "$(pages_in_block)" = $nr_pages ]
	report_says $nr_pages
	[ "$(jq '.records | length' "$said")" -ge $nr_pages ]
	verify_work
	end_work "$pid"
	end_hooked
}

@test "a refusal holds for eviction to swap as well" {
	load_driver hookrefuse
	swapon "$swap_disk"
	echo only > $parameters/swap
	fill_hooked hookrefuse private
	try_offline $block
	echo fallback > $parameters/swap
	[ "$status" != 0 ]
	[ "$(pages_in_block)" = $nr_pages ]
	end_hooked
}

# ---- time ----

sleeping_offline() {
	try_offline $block
	[ "$status" != 0 ]
	[ "$(driver_value hookmove calls)" != "$(driver_value hookmove begun)" ]
}

@test "a hook that sleeps holds nobody beyond the deadline" {
	load_driver hookmove sleep_ms=6000
	fill_hooked hookmove shared
	echo 1000 > $parameters/deadline_ms
	within_ms 3500 sleeping_offline
	[ "$(state $block)" = online ]
	[ "$(ask_hooked verify)" = right ]
	set_driver hookmove sleep_ms 0
	echo 10000 > $parameters/deadline_ms
	try_offline $block
	[ "$status" = 0 ]
	end_hooked
}

@test "a signal ends the wait for a hook that sleeps" {
	load_driver hookmove sleep_ms=6000
	fill_hooked hookmove shared
	bash -c "echo offline > $memory/memory$block/state" 3>&- &
	writer=$!
	until [ "$(driver_value hookmove begun)" != 0 ]; do pause 0.02; done
	start_ms=$(now_ms)
	kill -INT $writer
	kill -KILL $writer
	wait $writer || :
	[ $(($(now_ms) - start_ms)) -lt 3000 ]
	[ "$(state $block)" = online ]
	end_hooked
}

# ---- registering ----

@test "another hook for the same operations is refused, and the first one stays" {
	run insmod "$drivers/hookrefuse.ko" twice=1
	[ "$status" -ne 0 ]
	[[ $output == *"File exists"* ]]
	[ ! -d /sys/module/hookrefuse ]
	load_driver hookrefuse
}

@test "unregistering waits for the call that runs, and a driver in use does not go" {
	load_driver hookmove sleep_ms=2000
	fill_hooked hookmove shared
	echo offline > "$memory/memory$block/state" 2>/dev/null 3>&- &
	writer=$!
	until [ "$(driver_value hookmove begun)" = 1 ]; do pause 0.02; done
	run rmmod hookmove
	[ "$status" -ne 0 ]
	[ "$(driver_value hookmove calls)" = 0 ]
	set_driver hookmove registered N
	[ "$(driver_value hookmove calls)" = 1 ]
	wait $writer || :
	end_hooked
	rmmod hookmove
}

@test "the module stays as long as a driver has a hook in it" {
	load_driver hookrefuse
	! rmmod memoffline
}

# ---- sessions ----

@test "a session asks the same hooks" {
	load_driver hookmove
	fill_hooked hookmove shared
	open_session a
	[[ "$(ask a "quarantine $block")" == ok* ]]
	set_driver hookmove error 13
	[[ "$(ask a evacuate)" == "ok reason=$VMA_REFUSED "* ]]
	[[ "$(ask a read)" == *"reason=$VMA_REFUSED pid=$hooked_pid "*"error=-13"* ]]
	set_driver hookmove error 0
	[[ "$(ask a evacuate)" == "ok reason=0 "* ]]
	[ "$(pages_in_block)" = 0 ]
	[[ "$(ask a "release $block")" == ok ]]
	end_session a
	end_hooked
}
