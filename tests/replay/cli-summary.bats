#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What offline says of a transaction that did not do all: three lines. reports/pinned.json is such a one.
load cli

show_summary=${SHOW_SUMMARY:-$build/tests/replay/show-summary}

setup() {
	run_dir=$BATS_TEST_TMPDIR/run
	mkdir -p "$run_dir/reports"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$run_dir/reports/last.json"
}

# change FILTER: of jq, on the report
change() {
	jq "$1" "$BATS_TEST_DIRNAME/reports/pinned.json" >"$run_dir/reports/last.json"
}

partial='.status = "partial" | .errno = 0 | .error = "" | .freed_bytes = 402653184 | .blocks[].outcome = "done" |
	.blocks[1].outcome = "failed"'

summary() {
	run "$show_summary" "$run_dir"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "in part: how much went, what stays and whose it is, what to do" {
	change "$partial"
	summary
	[ "${#lines[@]}" -eq 3 ]
	[ "${lines[0]}" = "384M of 512M freed in 4.9 s: 3 blocks went; 1 failed" ]
	[[ ${lines[1]} == "  what stays: 88 pages from 0x108000, extra references, pid 1234 ("*"); 79 pages from "* ]]
	[[ ${lines[1]} == *"pid 1237 ("*"; 61 pages from "*"pid 1236 "*"; and 2 more" ]]
	[[ ${lines[2]} == "  what to do: Stop the process that is named, "*"try again. 'memoffline report' shows all." ]]
}

@test "what remedies freed, of what, and what may still be tried" {
	change "$partial"' | (.records[0, 1] | .reason) = "no-target" | .records[0].kind = "cache" | .records[1].cgroup = "/a" |
		.remedies = [{ remedy: "cache", object: "/srv/d\u001bb", asked_bytes: 4096, freed_bytes: 12582912, errno: 0, error: "" },
			{ remedy: "cache", object: "gone", asked_bytes: 4096, freed_bytes: 0, errno: 2, error: "ENOENT" },
			{ remedy: "slab", object: "dentry", asked_bytes: 4096, freed_bytes: null, errno: 0, error: "" },
			{ remedy: "later", object: "x", asked_bytes: 1, freed_bytes: 1, errno: 0, error: "" }]'
	summary
	[ "${#lines[@]}" -eq 6 ]
	[ "${lines[1]}" = '  remedy:     cache: /srv/d\x1bb: 12M freed' ]
	[[ ${lines[2]} == "  remedy:     cache: gone: nothing freed (no process uses it"*")" ]]
	[ "${lines[3]}" = "  remedy:     slab: dentry: as much as could be freed" ]
	[[ ${lines[5]} == *"'--remedy pageout,cgroup' may free some of it. 'memoffline report' shows all." ]]
}

@test "all rolled back: that is said first" {
	summary
	[ "${#lines[@]}" -eq 3 ]
	[ "${lines[0]}" = "Nothing of 512M freed in 4.9 s, all rolled back: 1 failed; 2 went and came back as before; 1 not tried" ]
	change '.blocks[2].outcome = "rollback-failed" | .freed_bytes = 134217728'
	summary
	[[ ${lines[0]} == "128M of 512M freed in 4.9 s, rolled back in part: 1 failed; "*"1 went and could not come back"* ]]
	[[ ${lines[2]} == *"bring back what is still offline with 'memoffline online'"* ]]
}

@test "by reason and owner, whatever the kind; the file where no process maps it" {
	change "$partial"' | .records |= [.[0], .[0], .[0]] | .records[1].kind = "anon" | .records[2].owners = [] |
		.records[2].nr_owners = 0'
	summary
	[[ ${lines[1]} == "  what stays: 80 pages from 0x108000, extra references, pid 1234 "*"; 40 pages from "*", /dev/shm/"* ]]
	[[ ${lines[1]} != *$'\x1b'* && ${lines[1]} != *more* ]]
}

@test "blocks of whose pages nothing is known stay by their reason" {
	change "$partial"' | .records = [] | .nr_pages_kept = 0 | .blocks[2].outcome = "failed" |
		(.blocks[1, 2] | .reason) = "notifier"'
	summary
	[ "${lines[1]}" = "  what stays: 2 blocks, vetoed" ]
	[[ ${lines[2]} == *"Look into \"dmesg\""* ]]
	change "$partial"' | .blocks[1].outcome = "not-tried" | .reason = "deadline" | .records = []'
	summary
	[ "${lines[1]}" = "  what stays: 1 block whose turn did not come: deadline" ]
	[[ ${lines[2]} == *--timeout* ]]
	change "$partial"' | .blocks[1].outcome = "not-tried" | .reason = "none" | .records = []'
	summary
	[ "${lines[1]}" = "  what stays: 1 block whose turn did not come" ]
	[ "${lines[2]}" = "  what to do: 'memoffline report' shows all." ]
}

@test "of an undo and of an online, by blocks" {
	change 'del(.wanted_bytes) | .action = "undo"'
	summary
	[ "${lines[0]}" = "2 of 4 blocks brought back in 4.9 s; 1 failed; 1 not tried" ]
	change 'del(.wanted_bytes) | .action = "online" | .blocks[2].outcome = "done" | .blocks[3].outcome = "done"'
	summary
	[ "${lines[0]}" = "2 of 4 blocks online in 4.9 s; 1 failed; 1 not tried" ]
}

@test "a terminal: as much of what stays as fits into its line, the first in any case" {
	change "$partial"
	for width in 40 80 100 120 160 300; do
		run on_terminal $width "$show_summary" "$run_dir"
		echo "$width: $output"
		[ "$(longest_line <<<"$output")" -le "$width" ]
		[[ $(tr -s '\r\n ' ' ' <<<"$output") == *" what stays: 88 pages"*"pid 1234"*"; and "[234]" more"* ]]
		[ "$width" -lt 80 ] || [ "$(grep -c "pages from" <<<"$output")" -eq 1 ]
	done
	[[ $(on_terminal 40 "$show_summary" "$run_dir" | tr -s '\r\n ' ' ') == *"; and 4 more"* ]]
	[[ $(on_terminal 300 "$show_summary" "$run_dir") == *"; and 2 more"* ]]
}
