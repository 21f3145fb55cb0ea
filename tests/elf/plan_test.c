/*
 * Plans: answers are given again to tables that ask the same and to no others, they end with the
 * libraries they were true for, and their number and memory are bounded whatever is loaded.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "loaders/elf/plan.h"
#include "loaders/elf/symbols.h"
#include "tests/built.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ASKED 100 /* relocations with names, enough for every object here */

static struct file_bytes file;
static unsigned char *copy;
static struct elf_file elf, changed;
static struct elf_scope scope = { .id = 1 }, other_scope = { .id = 2 };

static int object_open(void **state)
{
	struct err err = { "" };

	(void)state;
	file = built_bytes("objects/gen_16k.so");
	copy = malloc(file.size);
	return copy ? elf_file_check(&elf, file.bytes, file.size, &err) : -1;
}

static int object_close(void **state)
{
	(void)state;
	elf_imports_begin();
	elf_plans_forget();
	elf_imports_end();
	free(copy);
	file_unload(&file);
	return 0;
}

/* No plans, and a fresh copy of the object, for the test to change. */
static int begin(void **state)
{
	struct err err = { "" };

	(void)state;
	memcpy(copy, file.bytes, file.size);
	elf_imports_begin();
	elf_plans_forget();
	return elf_file_check(&changed, copy, file.size, &err);
}

static int end(void **state)
{
	(void)state;
	elf_imports_end();
	return 0;
}

static size_t symbols_count(void)
{
	return elf_symbol_count(&elf);
}

/* The same byte of the copy as this one of the object. */
static unsigned char *in_copy(const void *byte)
{
	return copy + ((const unsigned char *)byte - (const unsigned char *)file.bytes);
}

static void what_asks_the_same_is_answered(void **state)
{
	struct elf_plan *plan = elf_plan_make(&elf, &scope, symbols_count(), ASKED);
	const elf_sym *symbol = &elf.dynamic.symbols[symbols_count() - 1];

	(void)state;
	assert_non_null(plan);
	assert_false(plan->answers[1].known);
	plan->answers[1] = (struct elf_answer){ .address = 42, .known = true };
	assert_ptr_equal(elf_plan_find(&elf, &scope), plan);
	assert_ptr_equal(elf_plan_find(&changed, &scope), plan);
	/* Another value, another size, other code: the names are what matters. */
	*in_copy(&symbol->st_value) ^= 0x10;
	*in_copy(&symbol->st_size) ^= 0x10;
	assert_ptr_equal(elf_plan_find(&changed, &scope), plan);
	assert_int_equal(elf_plan_find(&changed, &scope)->answers[1].address, 42);
}

/* One byte of what the answers depend on, at a time. */
static void what_asks_otherwise_is_not(void **state)
{
	const elf_sym *symbol = &elf.dynamic.symbols[1];
	const struct elf_dynamic *dynamic = &elf.dynamic;
	const void *const bytes[] = {
		&symbol->st_name,
		&symbol->st_info,
		&symbol->st_other,
		&symbol->st_shndx,
		dynamic->strings + symbol->st_name,
		dynamic->strings + dynamic->string_bytes - 2,
		&dynamic->versions[1],
		dynamic->version_needs + 6,
	};

	(void)state;
	assert_non_null(dynamic->versions);
	assert_non_null(dynamic->version_needs);
	assert_non_null(elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		*in_copy(bytes[i]) ^= 1;
		if (elf_plan_find(&changed, &scope))
			fail_msg("byte %zu may be anything", i);
		*in_copy(bytes[i]) ^= 1;
		assert_non_null(elf_plan_find(&changed, &scope));
	}
	assert_null(elf_plan_find(&elf, &other_scope));
	changed.dynamic.symbolic = true;
	assert_null(elf_plan_find(&changed, &scope));
}

/* Fewer symbols than the plan has answers for: nothing may be read behind them. */
static void a_shorter_table_is_another(void **state)
{
	(void)state;
	assert_non_null(elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	changed.dynamic.symbol_max = symbols_count() - 1;
	assert_null(elf_plan_find(&changed, &scope));
	changed.dynamic.symbol_max = elf.dynamic.symbol_max;
	changed.dynamic.version_need_bytes = 1;
	assert_null(elf_plan_find(&changed, &scope));
}

/* Made for an object without versions: one that has them asks otherwise, and the other way round.
 */
static void no_table_is_not_any_table(void **state)
{
	(void)state;
	changed.dynamic.version_needs = NULL;
	changed.dynamic.version_need_bytes = 0;
	assert_non_null(elf_plan_make(&changed, &scope, symbols_count(), ASKED));
	assert_null(elf_plan_find(&elf, &scope));
	assert_non_null(elf_plan_find(&changed, &scope));
	elf_plans_forget();
	assert_non_null(elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	assert_null(elf_plan_find(&changed, &scope));
}

/* Who had a plan before the lock was let go of has it still, unless this says otherwise. */
static void moves_are_told(void **state)
{
	uint64_t stamp = 0;

	(void)state;
	assert_true(elf_plans_moved(&stamp));
	assert_false(elf_plans_moved(&stamp));
	assert_non_null(elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	assert_true(elf_plans_moved(&stamp));
	assert_non_null(elf_plan_find(&elf, &scope));
	assert_false(elf_plans_moved(&stamp));
	elf_plans_forget();
	assert_true(elf_plans_moved(&stamp));
}

static void what_is_not_worth_it_is_not_kept(void **state)
{
	(void)state;
	assert_null(elf_plan_make(&elf, &scope, symbols_count(), 1));
	assert_null(elf_plan_make(&elf, &scope, elf.dynamic.symbol_max * 100, ASKED));
	*in_copy(elf.dynamic.version_needs) ^= 0xff;
	assert_null(elf_plan_make(&changed, &scope, symbols_count(), ASKED));
}

/* Thousands of objects that come once: a plan in use stays, and of the loads of others at most one
 * in four makes one once there are 64, so that what never comes again costs little. */
static void plans_are_bounded(void **state)
{
	struct elf_plan *kept;
	size_t made = 0;

	(void)state;
	assert_non_null(kept = elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	for (uint32_t i = 2; i < 5000; i++) {
		struct elf_scope one = { .id = i };

		elf_plans_load();
		made += elf_plan_make(&elf, &one, symbols_count(), ASKED) != NULL;
		assert_ptr_equal(elf_plan_find(&elf, &scope), kept);
	}
	assert_in_range(made, 63, 64 + 5000 / 4);
}

static void libraries_that_come_end_them(void **state)
{
	void *handle;

	(void)state;
	assert_non_null(elf_plan_make(&elf, &scope, symbols_count(), ASKED));
	elf_imports_end();
	handle = dlopen("libutil.so.1", RTLD_NOW);
	elf_imports_begin();
	if (!handle)
		skip();
	assert_null(elf_plan_find(&elf, &scope));
	dlclose(handle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_asks_the_same_is_answered, begin, end),
		cmocka_unit_test_setup_teardown(what_asks_otherwise_is_not, begin, end),
		cmocka_unit_test_setup_teardown(a_shorter_table_is_another, begin, end),
		cmocka_unit_test_setup_teardown(no_table_is_not_any_table, begin, end),
		cmocka_unit_test_setup_teardown(moves_are_told, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_worth_it_is_not_kept, begin, end),
		cmocka_unit_test_setup_teardown(plans_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(libraries_that_come_end_them, begin, end),
	};

	return cmocka_run_group_tests_name("plan", tests, object_open, object_close);
}
