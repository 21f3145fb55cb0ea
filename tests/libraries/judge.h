/*
 * Judges a loader on a real library: a child process opens it with dlopen, another with the loader,
 * and what they found must be the same: where every exported symbol is, what every slot that a
 * relocation filled refers to, and what constructors left in each word of the object's data.
 */
#ifndef SOLOAD_TESTS_LIBRARIES_JUDGE_H
#define SOLOAD_TESTS_LIBRARIES_JUDGE_H

#include <stdint.h>

enum judgement {
	JUDGED_SAME,
	JUDGED_DECLINED, /* dlopen does not take it, or does not survive it: nothing to compare */
	JUDGED_REFUSED,	 /* the loader says why not */
	JUDGED_DIFFERS,
	JUDGED_CRASHED,
	JUDGED_HUNG,
	JUDGEMENTS
};

struct verdict {
	enum judgement judgement;
	char reason[512];
	uint32_t symbols, slots; /* compared */
	uint32_t changed;	 /* words constructors changed under dlopen, compared as well */
};

const char *judgement_name(enum judgement judgement);

void library_judge(const char *path, const char *loader, struct verdict *ret_verdict);

#endif
