#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Progress: one line redrawn on a terminal of any width, a line for each step elsewhere.
load cli

show_progress=${SHOW_PROGRESS:-$build/tests/replay/show-progress}

# drawn WIDTH [ARG...]: what is drawn, one state a line
drawn() {
	on_terminal "$1" "$show_progress" "${@:2}" | tr '\r' '\n' | sed 's/\x1b\[K//g' | grep .
}

@test "elsewhere: a line for each block, on standard error" {
	run "$show_progress"
	echo "$output"
	[ "${#lines[@]}" -eq 5 ]
	[ "${lines[1]}" = "memory35: done, 1 of 4 (2.0 s)" ]
	[ "${lines[4]}" = "memory32: done, 4 of 4 (8.0 s)" ]
	[ -z "$("$show_progress" 2>/dev/null)" ]
	[[ $output != *$'\x1b'* && $output != *$'\r'* ]]
}

@test "elsewhere: a failure and the way back" {
	run "$show_progress" fail
	echo "$output"
	[ "${lines[4]}" = "memory32: failed, Device or resource busy (8.0 s)" ]
	[ "${lines[5]}" = "memory33: rolling back" ]
	[ "${#lines[@]}" -eq 8 ]
}

@test "a terminal that knows no escape sequences gets lines, too" {
	output=$(TERM=dumb on_terminal 80 "$show_progress")
	[[ $output != *$'\x1b'* && $output == *"memory35: done"* ]]
}

@test "one line, redrawn, never wider than the terminal, and taken away at the end" {
	for width in 20 21 40 79 80 120 300; do
		run drawn $width
		[ "${#lines[@]}" -ge 30 ]
		for line in "${lines[@]}"; do
			[ "${#line}" -lt "$width" ] || { echo "$width: $line"; false; }
			[[ $line =~ ^\[[#-]+\]\ [0-4]/4 ]]
		done
		[[ "$(on_terminal $width "$show_progress")" == *$'\r\x1b[K' ]]
		[ "$(on_terminal $width "$show_progress" | tr -cd '\n' | wc -c)" -eq 0 ]
	done
}

@test "what matters most stays when it gets narrow" {
	[[ "$(drawn 120)" == *"] 2/4 stuck at pfn 0x123456789 "*" left eta "*"/s "*" pages to go memory"* ]]
	[[ "$(drawn 40)" == *"left"* && "$(drawn 40)" == *"stuck at pfn"* ]]
	[[ "$(drawn 20)" != *stuck* ]]
}

@test "what holds it up: the process, escaped, before the page; else what the page is" {
	[[ "$(drawn 120 held)" == *"] 2/4 stuck on pid 4711 (qemu\x1b[31m-kvm) 128M left"*" pfn 0x123456789 "* ]]
	[[ "$(drawn 60 held)" == *"stuck on pid 4711 (qemu"*") 128M left"* ]]
	[[ "$(drawn 40 held)" == *"stuck on pid 4711 "*" left"* && "$(drawn 40 held)" != *qemu* ]]
	[[ "$(drawn 80 slab)" == *"stuck at pfn 0x123456789 (slab)"*" left"* ]]
	[[ "$(drawn 40 slab)" == *"stuck at pfn 0x123456789"* && "$(drawn 40 slab)" != *slab* ]]
	for width in 20 30 40 80 300; do
		[ "$(drawn $width held | wc -L)" -lt "$width" ]
	done
	[ "$("$show_progress" held 2>&1)" = "$("$show_progress" 2>&1)" ]
}

@test "the bar grows to the end" {
	[[ "$(drawn 80 | head -1)" =~ ^\[-+\]\ 0/4 ]]
	[[ "$(drawn 80 | tail -1)" =~ ^\[#+\]\ 4/4 ]]
}

@test "the way back is told once" {
	[ "$(on_terminal 80 "$show_progress" fail | grep -c 'a block failed: rolling back')" -eq 1 ]
}

@test "the way back is shown by its blocks: no pages, no time" {
	run drawn 120 fail
	back=$(grep '] .*rolling back' <<<"$output")
	[ "$(wc -l <<<"$back")" -eq 3 ]
	[[ $back != *left* && $back != *stuck* && $back != *eta* && $back != */s* ]]
}
