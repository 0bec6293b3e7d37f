// SPDX-License-Identifier: GPL-2.0-only
/* Names that become other words: in texts, paths, and the tables of SMBIOS. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "private.h"

static void assert_text(struct mo_redactor *redactor, enum mo_text_kind kind, const char *text, const char *expected)
{
	char *redacted = mo_redact_text(redactor, kind, text);

	assert_string_equal(redacted, expected);
	free(redacted);
}

static void assert_path(struct mo_redactor *redactor, const char *path, const char *expected)
{
	char *redacted = mo_redact_path(redactor, path);

	assert_string_equal(redacted, expected);
	free(redacted);
}

static void assert_name(struct mo_redactor *redactor, const char *name, const char *expected)
{
	char *redacted = mo_redact_name(redactor, name);

	assert_string_equal(redacted, expected);
	free(redacted);
}

static int setup(void **state)
{
	*state = mo_redactor_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	mo_redactor_free(*state);
	return 0;
}

static void test_words_and_numbers_stay(void **state)
{
	static const char *const texts[] = {
		"", "\n", "memory32: Offline failed.",
		"page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f0679e00 pfn:0x100000",
		"ACPI: PNP0C80:00", "Linux version 6.1.0-18-amd64", "migrating pfn 118001 failed ret:-16",
		"/sys/kernel/mm", "dax0.0 virtio0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_text(*state, MO_TEXT_FREE, texts[i], texts[i]);
}

static void test_other_words_go(void **state)
{
	assert_text(*state, MO_TEXT_FREE, "name:\"kunde.page\" memory", "name:\"name1\" memory");
	assert_text(*state, MO_TEXT_FREE, "Kunde-4711, kunde.page;memory-kunde", "name2, name1;name3");
	assert_text(*state, MO_TEXT_FREE, "k\xc3\xb6nig \xff", "name4 name5");
	assert_text(*state, MO_TEXT_FREE, "c0ffee 1a2b3c 64f", "name6 name7 name8");
	assert_text(*state, MO_TEXT_FREE, "/srv/4711/memory.kunde", "/name9/name10/name11");
	assert_text(*state, MO_TEXT_FREE, "comm:kunde.page", "comm:name1");
}

/* What an option means, and so what its value gives away, is known of few. */
static void test_values_of_other_words_go(void **state)
{
	assert_text(*state, MO_TEXT_FREE, "hugepages=12 kunde=4711 quiet", "hugepages=12 name1 quiet");
	assert_text(*state, MO_TEXT_FREE, "kunde=\"47 11\"\nquiet", "name2 11\"\nquiet");
}

static void test_one_name_one_word(void **state)
{
	assert_name(*state, "kunde", "name1");
	assert_name(*state, "other", "name2");
	assert_name(*state, "kunde", "name1");
	assert_name(*state, "(kunde)", "(name1)");
	assert_text(*state, MO_TEXT_FREE, "process 12 (kunde).", "process 12 (name1).");
	assert_path(*state, "/a/kunde", "/name3/name1");
	assert_name(*state, "memory", "name4");	/* a name is a name, whatever it is */
	assert_name(*state, "4711", "name5");
	assert_name(*state, "", "");
	assert_name(*state, " -- ", " -- ");
	assert_name(*state, "a b\n", "name6\n");
}

static void test_nobody_sees_what_it_was(void **state)
{
	struct mo_redactor *other = mo_redactor_new();

	assert_name(*state, "kunde", "name1");
	assert_name(other, "nobody", "name1");
	mo_redactor_free(other);
}

static void test_paths(void **state)
{
	assert_path(*state, "/usr/lib/libc.so (deleted)", "/name1/name2/name3 (deleted)");
	assert_path(*state, "/memfd:kunde (deleted)", "/memfd:name4 (deleted)");
	assert_path(*state, "[heap]", "[heap]");
	assert_path(*state, "[anon:kunde]", "[anon:name4]");
	assert_path(*state, "", "");
	assert_path(*state, "/", "/");
	assert_path(*state, "//kunde/", "//name4/");
	assert_path(*state, "/x y/\xff\n", "/name5/name6\n");
}

static void test_lines(void **state)
{
	assert_text(*state, MO_TEXT_KNOWN, "CONFIG_NUMA=y\nCONFIG_KUNDE=y\n# CONFIG_CMA is not set\n",
		    "CONFIG_NUMA=y\n# CONFIG_CMA is not set\n");
	assert_text(*state, MO_TEXT_IOMEM, "dead0000-deadffff : kunde\n  fee00000-fee00fff : Local APIC\n",
		    "dead0000-deadffff : name1\n  fee00000-fee00fff : Local APIC\n");
	assert_text(*state, MO_TEXT_KERNEL, "kunde\n", "kunde\n");
}

static void test_without_a_redactor_all_stays(void **state)
{
	(void)state;
	assert_text(NULL, MO_TEXT_KNOWN, "CONFIG_KUNDE=y\n", "CONFIG_KUNDE=y\n");
	assert_path(NULL, "/kunde", "/kunde");
	assert_name(NULL, "kunde", "kunde");
}

/* ---- SMBIOS: a table of 27 bytes, whose strings 2 and 3 are serial number and asset tag ---- */

#define TABLE_BYTES 0x1b

static char *new_table(const char *strings, size_t len)
{
	char *table = calloc(1, TABLE_BYTES + len);

	table[0] = 17;
	table[1] = TABLE_BYTES;
	table[0x10] = 1;
	table[0x18] = 2;
	table[0x19] = 3;
	memcpy(table + TABLE_BYTES, strings, len);
	return table;
}

static void test_serial_numbers(void **state)
{
	static const char strings[] = "DIMM_A2\0" "4711\0" "kunde\0" "M393\0";
	static const char expected[] = "DIMM_A2\0name1\0name2\0M393\0";
	size_t len = TABLE_BYTES + sizeof(strings);
	char *table = new_table(strings, sizeof(strings));

	assert_int_equal(mo_dmi_redact(*state, &table, &len), 0);
	assert_int_equal(len, TABLE_BYTES + sizeof(expected));
	assert_memory_equal(table + TABLE_BYTES, expected, sizeof(expected));
	free(table);
}

static void test_tables_that_are_none(void **state)
{
	static const char strings[] = { 'D', '\0', '4', '7' };
	size_t len = TABLE_BYTES + sizeof(strings);
	char *table = new_table(strings, sizeof(strings));

	assert_int_equal(mo_dmi_redact(*state, &table, &len), -EBADMSG);	/* a string without an end */
	len = 3;
	assert_int_equal(mo_dmi_redact(*state, &table, &len), -EBADMSG);
	len = TABLE_BYTES - 1;
	assert_int_equal(mo_dmi_redact(*state, &table, &len), -EBADMSG);
	len = TABLE_BYTES;
	assert_int_equal(mo_dmi_redact(*state, &table, &len), 0);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words_and_numbers_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_words_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_of_other_words_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_name_one_word, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_sees_what_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test(test_without_a_redactor_all_stays),
		cmocka_unit_test_setup_teardown(test_serial_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_that_are_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
