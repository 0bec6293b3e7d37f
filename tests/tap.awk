# SPDX-License-Identifier: GPL-2.0-only
# Reads the TAP of one program. Prints each failure with its diagnostics, and at last "= PASSED FAILED SKIPPED".
# A program that died, lost tests, or failed without saying which one, has failed once more.
# Variables: name, status (the program's exit status).

function fail(text)
{
	failed++
	print "not ok - " name ": " text
}

/^1\.\.[0-9]+/ {
	plans++
	planned += substr($1, 4)
	if ($1 == "1..0" && tolower($0) ~ /skip/)
		skipped++
	next
}

/^ok( |$)/ {
	seen++
	showing = 0
	if (tolower($0) ~ /# *(skip|todo)/)
		skipped++
	else
		passed++
	next
}

/^not ok/ {
	seen++
	showing = tolower($0) !~ /# *todo/
	if (showing) {
		failed++
		print $0 "  (" name ")"
	} else {
		skipped++
	}
	next
}

showing && /^#/ {
	print
	next
}

/^#/ { next }

{
	other[nr_other++] = $0
}

END {
	reported = failed
	if (!plans)
		fail("ended without a plan, with status " status)
	else if (seen != planned)
		fail("ended with status " status " after " seen + 0 " of " planned " tests")
	else if (!planned && !skipped)
		fail("has no tests")
	else if (status && !failed)
		fail("all tests passed, but it ended with status " status)
	if (failed)
		for (i = nr_other > 60 ? nr_other - 60 : 0; i < nr_other; i++)
			print "# " other[i]
	print "= " passed + 0, failed + 0, skipped + 0
}
