#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# memoffline report --history and --prometheus, on a recorded machine with a history.
load cli

setup() {
	machine
	state=$tree/var/lib/memoffline
	mkdir -p "$state"
	# What went, what failed, and a block of a module that is gone by now.
	attempt '{}' '{ block: 32, outcome: "done", pages_before: 1000, elapsed_ms: 100 }' \
		'{ block: 33, outcome: "done", pages_before: 3000, elapsed_ms: 100 }'
	attempt '{ status: "failed", errno: 16, start_time_s: 1795233700, freed_bytes: 0 }' \
		'{ block: 32, outcome: "rolled-back", elapsed_ms: 5 }' \
		'{ block: 33, outcome: "failed", errno: 16, reason: "dma-pin", elapsed_ms: 900 }'
	attempt '{ status: "partial", engine: "stock", start_time_s: 1795233800, freed_bytes: 16777216 }' \
		'{ block: 33, outcome: "failed", errno: 16, reason: "extra-refs" }' \
		'{ block: 99, outcome: "done", elapsed_ms: 2500, device: "PNP0C80:09" }'
	attempt '{ action: "online", start_time_s: 1795233900, freed_bytes: 0 }' '{ block: 32, outcome: "done" }'
	attempt '{ action: "drain", start_time_s: 1795234000, freed_bytes: 0, block_bytes: 0 }'
}

# attempt WHAT-IS-SPECIAL BLOCK...: a line of the history
attempt() {
	jq -nc "{ schema: 1, action: \"offline\", engine: \"core\", target: \"x\", status: \"done\", errno: 0, error: \"\", reason: \"none\",
		start_time_s: 1795233661, elapsed_ms: 1000, end_time_ms: 1795233662000, moved_pages: 4000, freed_bytes: 33554432,
		wanted_bytes: 0, nr_pages_kept: 0, kernel: \"6.12\", page_bytes: 4096, block_bytes: 16777216, move_bytes: 16777216, max_mib_s: 0, nr_blocks: 0,
		nr_processes: 0 } + $1 + { blocks: [$(IFS=,; echo "${*:2}")] | map({ errno: 0, error: \"\", reason: \"none\", zone: \"Movable\",
		pages_before: 0, pages_left: 0, elapsed_ms: 0, device: \"PNP0C80:00\" } + .) }" >>"$state/history.jsonl"
}

history() {
	run "$memoffline" report -s "$tree" --history "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

prometheus() {
	run --separate-stderr "$memoffline" report -s "$tree" --prometheus "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

bats_require_minimum_version 1.5.0

# The grammar of the text format, and the conventions for names, as far as they can be seen in it.
check_metrics() {
	awk '
	function bad(why) { print FILENAME ":" FNR ": " why ": " $0; failed = 1 }
	/^# HELP / {
		if ($3 in helped) bad("the family comes twice")
		if ($3 !~ /^memoffline_[a-z0-9_]+$/) bad("not a name of ours")
		if (NF < 5) bad("no text")
		helped[family = $3] = 1
		next
	}
	/^# TYPE / {
		if ($3 != family || $3 in type) bad("not below its HELP")
		if ($4 !~ /^(counter|gauge)$/) bad("no type")
		if (($4 == "counter") != ($3 ~ /_total$/)) bad("_total is for counters")
		if ($3 ~ /_(ms|us|millis[a-z]*|kb|kib|mb|mib|pages)(_|$)/) bad("not a base unit")
		type[$3] = $4
		next
	}
	{
		if (!match($0, /^[a-z0-9_]+/) || substr($0, 1, RLENGTH) != family || !(family in type)) bad("not of the family above")
		rest = substr($0, RLENGTH + 1)
		while (match(rest, /^[{,][a-z_]+="([^"\\\n]|\\["\\n])*"/)) rest = substr(rest, RLENGTH + 1)
		if (rest ~ /^}/) rest = substr(rest, 2)
		if (rest !~ /^ [0-9]+(\.[0-9]+)?$/) bad("labels or value")
		key = $0
		sub(/ [^ ]*$/, "", key)
		if (key in seen) bad("comes twice")
		seen[key] = 1
	}
	END { exit failed }' "$1"
	! command -v promtool >/dev/null || promtool check metrics <"$1"
}

metric() { sed -nE "s/^memoffline_$1 //p" <<<"$output"; }

@test "each block: successes, failures, best, mean and worst time, the last reason" {
	# The 800 ms in which both were emptied are shared out by pages.
	history
	[[ ${lines[0]} == "BLOCK DEVICE "*" DONE FAILED BACK "*" BEST "*" MEAN "*" WORST REASON "*" LAST"* ]]
	[[ $(tr -s ' ' <<<"${lines[1]}") == " 32 PNP0C80:00 1 0 1 300 ms 300 ms 300 ms "* ]]
	[[ $(tr -s ' ' <<<"${lines[2]}") == " 33 PNP0C80:00 1 2 0 700 ms 700 ms 700 ms extra references "* ]]
	[[ $(tr -s ' ' <<<"${lines[3]}") == " 99 PNP0C80:09 1 0 0 2.5 s 2.5 s 2.5 s "* ]]
	attempt '{ elapsed_ms: 100 }' '{ block: 32, outcome: "done", pages_before: 1000, elapsed_ms: 100 }'
	history 32 -n
	[[ $(tr -s ' ' <<<"${lines[0]}") == " 32 PNP0C80:00 2 0 1 100 ms 200 ms 300 ms "* ]]
}

@test "a line of totals" {
	history
	[[ ${lines[-1]} == "Attempts since "*": 3 of offline (1 done, 1 in part, 1 failed), 1 of online (1 done), "*"1 of drain (1 done); 48M went offline, 78.1M moved." ]]
	history -q
	[[ $output != *Attempts* ]]
}

@test "of a target, also of what is gone" {
	history -n -r -o BLOCK PNP0C80:00
	[ "$output" = $'32\n33' ]
	history -n -r -o BLOCK PNP0C80:09
	[ "$output" = 99 ]
	history -n -r -o BLOCK 33-99
	[ "$output" = $'33\n99' ]
	history -n -r -o BLOCK node1
	[ "$output" = $'32\n33' ]
	history 35
	[ "${lines[0]}" = "No attempt on a block of it yet." ]
	run "$memoffline" report -s "$tree" --history node7
	[ "$status" -eq 1 ]
}

@test "columns, pairs and raw: words and numbers for programs" {
	history -P -o block,reason,best,last,online 33
	[ "$output" = 'BLOCK="33" REASON="extra-refs" BEST="700" LAST="1795233800" ONLINE="0"' ]
	history -r --output-all 32
	[[ ${lines[0]} == *" ONLINE ONLINE-FAILED" && ${lines[1]} == "32 PNP0C80:00 1 0 1 300 300 300 "*" 1795233900 1 0" ]]
}

@test "JSON has blocks and totals" {
	json=$("$memoffline" report -s "$tree" --history --json)
	[ "$(jq -c '[.blocks[] | [.block, .nr_done, .nr_failed, .nr_back, .mean_ms, .reason]]' <<<"$json")" = \
		'[[32,1,0,1,300,"none"],[33,1,2,0,700,"extra-refs"],[99,1,0,0,2500,"none"]]' ]
	[ "$(jq -c '[.totals[] | select(.action == "offline") | [.engine, .status, .nr_attempts]] | sort' <<<"$json")" = \
		'[["core","done",1],["core","failed",1],["stock","partial",1]]' ]
	[ "$(jq -c '[.since_s, .nr_skipped]' <<<"$json")" = '[1795233661,0]' ]
}

@test "where there is none, that is said" {
	rm -r "$state"
	history
	[ "$output" = "No attempt yet on this machine." ]
	[ "$("$memoffline" report -s "$tree" --history --json | jq -c '[.blocks, .totals, .since_s]')" = '[[],[],null]' ]
	prometheus
	check_metrics <(echo "$output")
}

@test "what can't be read of it is left out, and counted" {
	printf 'nonsense\n{"schema":1,"action":' >>"$state/history.jsonl"
	history
	[ "${lines[-1]}" = "2 lines of the history can't be read, and are left out." ]
	[[ ${lines[1]} == *" 32 "* ]]
	prometheus
	[ "$(metric history_skipped_lines)" = 2 ]
}

@test "names in it are escaped" {
	attempt '{}' '{ block: 5, outcome: "done", device: "a\"b\\c\n\u001b[2J\u009b" }'
	history 5
	[[ $output == *'a"b\c\x0a\x1b[2J'* && $output != *$'\x1b'* ]]
	prometheus
	[[ $output == *'{device="a\"b\\c\n'* ]]
	check_metrics <(echo "$output")
}

@test "metrics: the grammar, the names, the sums" {
	prometheus
	check_metrics <(echo "$output")
	[ "$(metric 'attempts_total\{action="offline",engine="core",status="done"\}')" = 1 ]
	[ "$(metric 'attempt_seconds_total\{action="offline",engine="core",status="failed"\}')" = 1.000 ]
	[ "$(metric 'moved_bytes_total\{action="drain",engine="core",status="done"\}')" = 16384000 ]
	[ "$(metric 'freed_bytes_total\{action="offline",engine="stock",status="partial"\}')" = 16777216 ]
	[ "$(metric 'last_attempt_timestamp_seconds\{action="offline",engine="core",status="failed"\}')" = 1795233700 ]
	[ "$(metric 'blocks_total\{action="offline",engine="core",outcome="done"\}')" = 2 ]
	[ "$(metric 'blocks_total\{action="offline",engine="stock",outcome="failed"\}')" = 1 ]
	[ "$(metric 'failed_blocks_total\{action="offline",engine="core",reason="dma-pin"\}')" = 1 ]
	[ "$(metric 'device_done_blocks\{device="PNP0C80:00"\}')" = 2 ]
	[ "$(metric 'device_failed_blocks\{device="PNP0C80:00"\}')" = 2 ]
	[ "$(metric 'move_bytes_per_second\{engine="core"\}')" -gt 1000000 ]
}

@test "metrics into a file: replaced at once, readable to others, left alone when that fails" {
	file=$BATS_TEST_TMPDIR/out/memoffline.prom
	mkdir "$BATS_TEST_TMPDIR/out"
	(umask 077 && "$memoffline" report -s "$tree" --prometheus="$file")
	[ "$(stat -c %a "$file")" = 644 ]
	before=$(stat -c %i "$file")
	"$memoffline" report -s "$tree" --prometheus="$file"
	[ "$(stat -c %i "$file")" != "$before" ]
	[ "$(ls "$BATS_TEST_TMPDIR/out")" = memoffline.prom ]
	check_metrics "$file"
	# A limit on the length of files is as good as a full disk.
	sum=$(sha256sum "$file")
	run bash -c "trap '' XFSZ; ulimit -f 1; '$memoffline' report -s '$tree' --prometheus='$file'"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == "memoffline: can't write $file: "*"; nothing there was changed" ]]
	[ "$sum" = "$(sha256sum "$file")" ]
	[ "$(ls "$BATS_TEST_TMPDIR/out")" = memoffline.prom ]
}

@test "metrics into what is no file: a link leads to the file, a pipe and a device stay what they are" {
	mkdir "$BATS_TEST_TMPDIR/there"
	file=$BATS_TEST_TMPDIR/there/memoffline.prom
	echo old >"$file"
	chmod 600 "$file"
	ln -s there/memoffline.prom "$BATS_TEST_TMPDIR/link.prom"
	"$memoffline" report -s "$tree" --prometheus="$BATS_TEST_TMPDIR/link.prom"
	[ -L "$BATS_TEST_TMPDIR/link.prom" ]
	check_metrics "$file"
	[ "$(stat -c %a "$file")" = 644 ]
	# As /dev/stdout leads to what is open.
	ln -s /dev/fd/1 "$BATS_TEST_TMPDIR/stdout"
	"$memoffline" report -s "$tree" --prometheus="$BATS_TEST_TMPDIR/stdout" | cat >"$BATS_TEST_TMPDIR/printed"
	[ -L "$BATS_TEST_TMPDIR/stdout" ]
	cmp "$BATS_TEST_TMPDIR/printed" <("$memoffline" report -s "$tree" --prometheus)
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	cat "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/read" &
	"$memoffline" report -s "$tree" --prometheus="$BATS_TEST_TMPDIR/pipe"
	wait $!
	[ -p "$BATS_TEST_TMPDIR/pipe" ]
	cmp "$BATS_TEST_TMPDIR/read" "$BATS_TEST_TMPDIR/printed"
}

@test "options that do not go together" {
	usage_error report --prometheus --json
	usage_error report --prometheus --history
	usage_error report --prometheus 32
	usage_error report --prometheus -r
	usage_error report -o BLOCK
	usage_error report --history --json -n
	usage_error report --history -o COLOUR
	usage_error report --history 32 33
}

@test "it fits the terminal, and says what it leaves out" {
	for width in 20 40 60; do
		run on_terminal "$width" "$memoffline report -s $tree --history"
		echo "$output"
		[ "$(longest_line <<<"${output//$'\r'/}")" -le "$width" ]
		[[ ${output//[$'\r\n']/ } == *"No room for"* ]]
	done
}

@test "nothing is written below a sysroot" {
	before=$(find "$tree" -printf '%p %T@ %s\n' | sort)
	history
	prometheus
	[ "$before" = "$(find "$tree" -printf '%p %T@ %s\n' | sort)" ]
}
