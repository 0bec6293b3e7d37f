#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline report: reports/pinned.json is an offline of four blocks, one of which stayed.
load cli

setup() {
	run_dir=$BATS_TEST_TMPDIR/run
	mkdir -p "$run_dir/reports"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$run_dir/reports/last.json"
	cp "$BATS_TEST_DIRNAME/reports/pinned.json" "$run_dir/reports/memory33.json"
}

report() {
	run "$memoffline" report --run-dir "$run_dir" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "what was done, to what, when, how it ended" {
	report
	[[ ${lines[0]} == "offline of PNP0C80:00, "*", engine stock: failed, Device or resource busy after 4.9 s" ]]
	[[ $output == *"blocks:     0 of 4 offline; 1 failed; 2 went and came back as before; 1 not tried"* ]]
}

@test "each reason once, with what to do about it" {
	report
	[ "$(grep -c "why: *extra references: " <<<"$output")" -eq 1 ]
	[ "$(grep -c "why: *under writeback: " <<<"$output")" -eq 1 ]
	[ "$(grep -c "what to do: " <<<"$output")" -eq 2 ]
}

@test "remedies: the first few, and all with -v; those that may help" {
	jq '.records[0].reason = "no-target" | .remedies = [range(7) | { remedy: "cgroup", object: "/a/\(.)", asked_bytes: 4096,
		freed_bytes: 4096, errno: 0, error: "" }]' "$run_dir/reports/memory33.json" > "$run_dir/reports/last.json"
	report
	[ "$(grep -c "remedy: *cgroup: /a/[0-4]: 4K freed" <<<"$output")" -eq 5 ]
	[[ $output == *"and 2 more; 'memoffline report -v' shows all"* ]]
	[[ $output == *"what to do: 'memoffline offline --remedy pageout' may free some of it."* ]]
	report -v
	[ "$(grep -c "remedy: *cgroup: /a/[0-6]: 4K freed" <<<"$output")" -eq 7 ]
	report 33
	[[ $output != *remedy:* && $output != *--remedy* ]]
}

@test "pages grouped by reason and owner, biggest first" {
	report
	[[ $output == *"Pages that stayed: 285"* ]]
	groups=$(sed -n '/^PAGES REASON/,$p' <<<"$output" | sed 1d)
	[ "$(awk '{ print $1 }' <<<"$groups" | tr '\n' ' ')" = "88 79 61 56 1 " ]
	[[ $groups == *"pid 1235 ("*") and 1 more, [heap]"* ]]
	[[ $(tail -1 <<<"$groups") == *"under writeback"*"/file.log"* ]]
}

@test "each page with -v, and each block" {
	report -v
	[ "$(grep -c '^ *0x[0-9a-f]* ' <<<"$output")" -eq 30 ]
	[ "$(grep -c '^ *3[2-5] \(failed\|rolled-back\|not-tried\)' <<<"$output")" -eq 4 ]
	[[ $output == *"3 (2 explained)"* ]]
}

@test "a block that came back to another zone: which, and what to do" {
	sed -i '0,/"outcome": *"rolled-back"/s//"outcome":"other-zone"/; 0,/"detail": *""/s//"detail":"it is in zone Normal now"/' \
		"$run_dir/reports/last.json"
	report
	[[ $output == *"1 went and came back as before; 1 went and came back to another zone; 1 not tried"* ]]
	[[ $(tr -s ' \n' ' ' <<<"$output") == *"what to do: to have a block in its zone, take it offline again"*"--zone ZONE"* ]]
	[[ $output == *" other-zone "* ]]
}

@test "of an undo, what came back" {
	sed -i 's/"action": *"offline"/"action":"undo"/' "$run_dir/reports/last.json"
	report
	[[ $output == *"blocks:     2 of 4 brought back; 1 failed; 1 not tried"* ]]
}

@test "of a block; by either name" {
	report 33
	[[ $output == *PNP0C80:00* ]]
	report memory33
	run "$memoffline" report --run-dir "$run_dir" 34
	[ "$status" -eq 1 ]
}

@test "names of processes and files are escaped" {
	report
	[[ $output == *'(vms\x1b[31mplice)'* && $output == *'/dev/shm/\x1b[2Jevil\x0a'* && $output != *$'\x1b'* ]]
}

@test "JSON, as it was kept" {
	report --json
	[ "$(jq -S . <<<"$output")" = "$(jq -S . "$BATS_TEST_DIRNAME/reports/pinned.json")" ]
}

@test "a report of old has no paths of cgroups; one of now names who is charged for what nobody maps" {
	jq 'del(.records[].cgroup)' "$BATS_TEST_DIRNAME/reports/pinned.json" >"$run_dir/reports/last.json"
	report
	[ "$("$memoffline" report --run-dir "$run_dir" --json | jq -r '[.records[].cgroup] | unique[]')" = "" ]
	jq '.records = [.records[0] | .owners = [] | .nr_owners = 0 | .file = "" | .cgroup = "/a\u001bb"]' \
		"$BATS_TEST_DIRNAME/reports/pinned.json" >"$run_dir/reports/last.json"
	report
	[[ $output == *'cgroup /a\x1bb'* && $output != *$'\x1b'* ]]
}

@test "a damaged report is an error" {
	for text in "" "{" "[]" "nonsense" "$(head -c 1000 "$run_dir/reports/memory33.json")"; do
		printf '%s' "$text" >"$run_dir/reports/last.json"
		run "$memoffline" report --run-dir "$run_dir"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == "memoffline: "* ]]
	done
}

@test "success is told in a line or two" {
	jq '.status = "done" | .errno = 0 | .error = "" | .reason = "none" | .records = [] | .nr_pages_kept = 0 |
	    .freed_bytes = 402653184 | .notes = [] | .blocks[].outcome = "done" | .blocks[].reason = "none" |
	    .blocks[0].outcome = "was-so"' "$BATS_TEST_DIRNAME/reports/pinned.json" >"$run_dir/reports/last.json"
	report
	[ "${#lines[@]}" -eq 3 ]
	[ "${lines[1]}" = "384M in 3 blocks offline in 4.9 s, 47,001 pages moved." ]
	[ "${lines[2]}" = "1 block was already offline." ]
	jq '.blocks[].outcome = "was-so" | .freed_bytes = 0' "$run_dir/reports/last.json" >"$run_dir/reports/memory33.json"
	report 33
	[ "${lines[1]}" = "Nothing to do: 4 blocks are already offline." ]
}

@test "what was taken back is told" {
	jq '.status = "done" | .errno = 0 | .error = "" | .reason = "none" | .records = [] | .nr_pages_kept = 0 | .notes = [] |
	    .blocks[].reason = "none" | .blocks[].outcome = "rolled-back"' "$BATS_TEST_DIRNAME/reports/pinned.json" \
		>"$run_dir/reports/last.json"
	report
	[ "${lines[1]}" = "4 blocks are back as before." ]
}
