/* Looking for uprobes that are not ours: BPF links by number, and tracefs' own list. */
#include "probes/foreign.h"

#include <stdio.h>

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <unistd.h>

#define LINK_UPROBE_MULTI 12u /* BPF_LINK_TYPE_UPROBE_MULTI, linux/bpf.h of kernel 6.6 */

static unsigned int links_count(void)
{
	unsigned int count = 0, id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		struct bpf_link_info link = { 0 };
		unsigned int size = sizeof(link);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &link, &size) == 0)
			count += link.type == LINK_UPROBE_MULTI;
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
