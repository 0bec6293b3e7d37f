// SPDX-License-Identifier: LGPL-2.1-or-later
/* A memory device of SMBIOS (type 17): a table, and then its strings, of which the table has the numbers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define LENGTH 0x01		/* where in the table each of these is */
#define SERIAL 0x18
#define ASSET 0x19

static bool names_one_machine(const char *table, unsigned int number)
{
	size_t len = (unsigned char)table[LENGTH];

	return (len > SERIAL && (unsigned char)table[SERIAL] == number) ||
	       (len > ASSET && (unsigned char)table[ASSET] == number);
}

static int put_strings(struct mo_redactor *redactor, FILE *out, const char *table, size_t len)
{
	const char *text = table + (unsigned char)table[LENGTH], *end = table + len;
	char *name;

	for (unsigned int number = 1; text < end && *text; number++, text += strlen(text) + 1) {
		if (!memchr(text, '\0', (size_t)(end - text)))
			return -EBADMSG;
		name = names_one_machine(table, number) ? mo_redact_name(redactor, text) : strdup(text);
		if (!name)
			return -ENOMEM;
		fwrite(name, 1, strlen(name) + 1, out);
		free(name);
	}
	fputc('\0', out);
	return 0;
}

int mo_dmi_redact(struct mo_redactor *redactor, char **table, size_t *len_bytes)
{
	char *result = NULL;
	size_t size;
	FILE *out;
	int err;

	if (*len_bytes < 4 || (unsigned char)(*table)[LENGTH] > *len_bytes)
		return -EBADMSG;
	out = open_memstream(&result, &size);
	if (!out)
		return -ENOMEM;
	fwrite(*table, 1, (unsigned char)(*table)[LENGTH], out);
	err = put_strings(redactor, out, *table, *len_bytes);
	if (fclose(out))
		err = -ENOMEM;
	if (err) {
		free(result);
		return err;
	}
	free(*table);
	*table = result;
	*len_bytes = size;
	return 0;
}
