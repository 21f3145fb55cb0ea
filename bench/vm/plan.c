/* Words, each with its NUL; the first empty one ends the settings. */
#include "bench/vm/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void word_print(const char *word, FILE *out)
{
	fwrite(word, 1, strlen(word) + 1, out);
}

void plan_print(const char *const *settings, char *const *command, FILE *out)
{
	for (; settings && *settings; settings++)
		word_print(*settings, out);
	word_print("", out);
	for (; *command; command++)
		word_print(*command, out);
}

int plan_take(char *bytes, size_t size, struct plan *ret_plan, struct err *err)
{
	char **words, **command = NULL;
	size_t count = 0;

	if (size == 0 || bytes[size - 1] != '\0')
		return err_set(err, EINVAL, "the plan is cut short");
	words = calloc(size + 1, sizeof(words[0])); /* no more words than bytes */
	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	for (char *at = bytes; at < bytes + size; at += strlen(at) + 1) {
		if (*at || command)
			words[count] = at;
		else
			command = &words[count + 1];
		count++;
	}
	if (!command || !*command || !**command) {
		free(words);
		return err_set(err, EINVAL, "the plan names no command");
	}
	*ret_plan = (struct plan){ words, command };
	return 0;
}
