/* SPDX-License-Identifier: (MIT OR GPL-2.0)
 *
 * What ldphase can only see with the kernel's type information (BTF): time off the CPU inside a
 * load, and children at the moment they are forked. An object of its own, because one relocation
 * against BTF makes a whole object fail where there is none. Its maps are those of ldphase.bpf.c.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "probes/ldphase_maps.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct task_struct {
	int pid, tgid;
} __attribute__((preserve_access_index));

static __always_inline void off_emit(struct ldphase_thread *thread, u32 tgid, u32 tid, u64 now)
{
	struct probe_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	u32 seq = thread->seq++;

	if (!event) {
		drop_count();
		return;
	}
	event->ts = thread->off_ns;
	event->value = now - thread->off_ns;
	event->extra = 0;
	event->pid = tgid;
	event->tid = tid;
	event->seq = seq;
	event->kind = EVENT_OFFCPU;
	event->what = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

SEC("raw_tp/sched_switch")
int task_switch(struct bpf_raw_tracepoint_args *ctx)
{
	const struct task_struct *from = (const void *)ctx->args[1];
	const struct task_struct *to = (const void *)ctx->args[2];
	u32 left = (u32)BPF_CORE_READ(from, pid), came = (u32)BPF_CORE_READ(to, pid);
	struct ldphase_thread *thread = bpf_map_lookup_elem(&threads, &left);

	if (thread && (thread->depth || thread->marked))
		thread->off_ns = bpf_ktime_get_ns();
	thread = bpf_map_lookup_elem(&threads, &came);
	if (thread && thread->off_ns) {
		off_emit(thread, (u32)BPF_CORE_READ(to, tgid), came, bpf_ktime_get_ns());
		thread->off_ns = 0;
	}
	return 0;
}

SEC("raw_tp/sched_process_fork")
int task_fork(struct bpf_raw_tracepoint_args *ctx)
{
	const struct task_struct *parent = (const void *)ctx->args[0];
	const struct task_struct *child = (const void *)ctx->args[1];
	u32 from = (u32)BPF_CORE_READ(parent, tgid), to = (u32)BPF_CORE_READ(child, tgid), one = 1;

	if (from != to && bpf_map_lookup_elem(&targets, &from))
		bpf_map_update_elem(&targets, &to, &one, BPF_ANY);
	return 0;
}
