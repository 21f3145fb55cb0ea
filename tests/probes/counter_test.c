/*
 * Reading a hardware counter from user space, on pages and hardware made up for it: index, offset,
 * width with its sign, the time since the page was written, and a page that changes meanwhile.
 */
#include "probes/counter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TICKS 1000u

static struct perf_event_mmap_page page;
static uint64_t raw;
static uint32_t asked;
static unsigned int reads, changes;

/* As long as there are changes left, the kernel writes the page while it is being read. */
static uint64_t hardware_read(uint32_t index)
{
	asked = index;
	reads++;
	if (changes) {
		changes--;
		page.lock++;
		page.offset += 1000;
	}
	return raw;
}

static uint64_t hardware_ticks(void)
{
	return TICKS;
}

static const struct counter_hardware hardware = { hardware_read, hardware_ticks };

static int page_reset(void **state)
{
	(void)state;
	page = (struct perf_event_mmap_page){
		.cap_user_rdpmc = 1,
		.index = 1,
		.pmc_width = 48,
		.time_enabled = 500,
		.time_running = 300,
	};
	raw = reads = changes = 0;
	return 0;
}

static struct counter_value value_read(void)
{
	struct counter_value value;

	assert_int_equal(counter_page_read(&page, &hardware, &value), 0);
	return value;
}

static void offset_and_hardware_add_up(void **state)
{
	(void)state;
	page.index = 33; /* the counter of cycles on aarch64 is 31 + 1; any number goes through */
	page.offset = 10000;
	raw = 77;
	assert_int_equal(value_read().count, 10077);
	assert_int_equal(asked, 32);
}

/* The kernel starts a counter below zero, so that it overflows after a period. */
static void the_highest_bit_is_a_sign(void **state)
{
	(void)state;
	page.offset = INT64_C(1) << 47;
	raw = (UINT64_C(1) << 48) - 5;
	assert_int_equal(value_read().count, (UINT64_C(1) << 47) - 5);
	raw = (UINT64_C(1) << 47) - 1; /* positive */
	assert_int_equal(value_read().count, (UINT64_C(1) << 48) - 1);
	page.pmc_width = 32;
	page.offset = 100;
	raw = UINT32_MAX;
	assert_int_equal(value_read().count, 99);
	raw = UINT64_C(7) << 32 | 1; /* bits above the width are none of the count */
	assert_int_equal(value_read().count, 101);
	page.pmc_width = 64;
	raw = UINT64_C(1) << 63;
	assert_true(value_read().count == (UINT64_C(1) << 63) + 100);
}

static void nothing_is_read_that_is_not_counted(void **state)
{
	struct counter_value value = { 1, 2, 3 };

	(void)state;
	page.index = 0; /* multiplexed away */
	assert_int_equal(counter_page_read(&page, &hardware, &value), -EAGAIN);
	page.index = 1;
	page.cap_user_rdpmc = 0;
	assert_int_equal(counter_page_read(&page, &hardware, &value), -EAGAIN);
	assert_int_equal(reads, 0);
	assert_int_equal(value.count, 1);
}

/* Both times go on by what passed since the kernel wrote them: their difference is what the
 * counter was away for. */
static void times_go_on(void **state)
{
	struct counter_value value;

	(void)state;
	value = value_read();
	assert_int_equal(value.enabled_ns, 500);
	assert_int_equal(value.running_ns, 300);
	page.cap_user_time = 1;
	page.time_shift = 4;
	page.time_mult = 24; /* 1.5 ns a tick */
	page.time_offset = 50;
	value = value_read();
	assert_int_equal(value.enabled_ns, 500 + 50 + 1500);
	assert_int_equal(value.running_ns, 300 + 50 + 1500);
	page.cap_user_time_short = 1; /* a clock of 8 bits that has wrapped since */
	page.time_cycles = 990;
	page.time_mask = 0xff;
	assert_int_equal(value_read().enabled_ns, 500 + 50 + 1500);
	page.time_cycles = 1020; /* 1000 - 1020 is 236 of 256 ticks on */
	assert_int_equal(value_read().enabled_ns, 500 + 50 + (1020 + 236) * 3 / 2);
}

static void a_page_that_changes_is_read_again(void **state)
{
	(void)state;
	changes = 3;
	raw = 1;
	assert_int_equal(value_read().count, 3001);
	assert_int_equal(reads, 4);
}

static void no_page_is_no_count(void **state)
{
	struct counter_page none = { NULL };

	(void)state;
	counter_map(&none, -1);
	assert_null(none.page);
	counter_unmap(&none);
	assert_null(none.page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(offset_and_hardware_add_up, page_reset),
		cmocka_unit_test_setup(the_highest_bit_is_a_sign, page_reset),
		cmocka_unit_test_setup(nothing_is_read_that_is_not_counted, page_reset),
		cmocka_unit_test_setup(times_go_on, page_reset),
		cmocka_unit_test_setup(a_page_that_changes_is_read_again, page_reset),
		cmocka_unit_test(no_page_is_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
