# SPDX-License-Identifier: GPL-2.0-only
# What tests of sessions share: each session is a program of its own, led by lines.
# shellcheck shell=bash disable=SC2034,SC2154
session=$build/tests/guest/session

# A session NAME: its process is in NAME_pid.
open_session() {	# NAME
	mkfifo "$BATS_TEST_TMPDIR/$1.in"
	"$session" < "$BATS_TEST_TMPDIR/$1.in" > "$BATS_TEST_TMPDIR/$1.out" 2>&1 3>&- &
	eval "$1_pid=$!"
	eval "exec {$1_fd}> '$BATS_TEST_TMPDIR/$1.in'"
	await "$BATS_TEST_TMPDIR/$1.out" $! open
}

answers_of() { tail -n "+$(($2 + 1))" "$BATS_TEST_TMPDIR/$1.out" | grep -v ^progress || :; }	# NAME LINES-BEFORE

# Gives it a line, and does not wait.
tell() {	# NAME LINE
	local fd

	eval "fd=\$$1_fd"
	wc -l < "$BATS_TEST_TMPDIR/$1.out" > "$BATS_TEST_TMPDIR/$1.told"
	echo "$2" >&"$fd"
}

# Its answer to the last line; false: there is none yet.
has_answered() { [ -n "$(answers_of "$1" "$(cat "$BATS_TEST_TMPDIR/$1.told")")" ]; }	# NAME

hear() {	# NAME
	local pid

	eval "pid=\$$1_pid"
	until has_answered "$1"; do
		kill -0 "$pid"
		pause 0.02
	done
	answers_of "$1" "$(cat "$BATS_TEST_TMPDIR/$1.told")" | tee "$BATS_TEST_TMPDIR/answer"
	echo "$1: $(cat "$BATS_TEST_TMPDIR/answer")" >&2
}

ask() {	# NAME LINE
	echo "$1, asked: $2" >&2
	tell "$1" "$2"
	hear "$1"
}

value() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" "$BATS_TEST_TMPDIR/answer" | tail -n 1; }

# By a signal: what was started since then holds its input open, too.
end_session() {	# NAME
	local pid

	eval "pid=\$$1_pid; exec {$1_fd}>&-"
	kill -KILL "$pid" 2>/dev/null || :	# it may have seen its end
	wait "$pid" || :
	rm "$BATS_TEST_TMPDIR/$1.in"
}

# Also what processors keep.
free_pages() { awk '/^ *nr_free_pages |^ *count: / { n += $2 } END { print n }' /proc/zoneinfo; }

# Pageblocks that are isolated, of which a block has 64.
isolated_pageblocks() {
	awk '/^Number of/ { on = /blocks type/ && $NF == "Isolate"; next } on && /^Node/ { n += $NF } END { print n + 0 }' \
		/proc/pagetypeinfo
}

nothing_quarantined() {
	[ "$(isolated_pageblocks)" = 0 ] || { cat /proc/pagetypeinfo; return 1; }
}

# The free pages of all zones as they are counted, and as they lie on the allocator's lists.
free_by_both() {
	echo 1 > /proc/sys/vm/stat_refresh
	awk '/^Node.* zone +[^ ]+ +[0-9]/ { for (i = 5; i <= NF; i++) listed += $i * 2 ^ (i - 5) }
		/^ *nr_free_pages / { counted += $2 }
		END { print counted + 0, listed + 0 }' /proc/buddyinfo /proc/zoneinfo
}

# Both agree when nothing is isolated and nobody is at it.
free_is_counted_right() {
	local counted=0 listed=1 i

	for i in {1..50}; do
		read -r counted listed < <(free_by_both)
		[ "$counted" != "$listed" ] || return 0
		pause 0.05
	done
	echo "$counted pages are counted as free, and $listed lie on the lists"
	return 1
}
