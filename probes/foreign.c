/* Looking for uprobes that are not ours: BPF links by number, and tracefs' own list. A perf event
 * on a function that neither names, without a BPF program, is not to be found from outside. */
#include "probes/foreign.h"

#include <stdio.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* linux/bpf.h of kernel 6.6: enum bpf_link_type, enum bpf_perf_event_type. */
#define LINK_PERF_EVENT 7u
#define LINK_UPROBE_MULTI 12u
#define PERF_UPROBE 1u
#define PERF_URETPROBE 2u

/* The beginning of struct bpf_link_info, as that kernel writes it. */
struct link_facts {
	uint32_t type, id, program, padding;
	uint32_t perf_type, rest[15]; /* of a perf event; an older kernel leaves it 0 */
};

static bool is_uprobe(const struct link_facts *link)
{
	return link->type == LINK_UPROBE_MULTI ||
	       (link->type == LINK_PERF_EVENT &&
		(link->perf_type == PERF_UPROBE || link->perf_type == PERF_URETPROBE));
}

static unsigned int links_count(void)
{
	unsigned int count = 0, id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		struct link_facts link = { 0 };
		unsigned int size = sizeof(link);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &link, &size) == 0)
			count += is_uprobe(&link);
		close(fd);
	}
	return count;
}
#else
static unsigned int links_count(void)
{
	return 0;
}
#endif

unsigned int foreign_probes(void)
{
	FILE *file = fopen("/sys/kernel/tracing/uprobe_events", "re");
	unsigned int count = links_count();
	int c;

	while (file && (c = fgetc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}
