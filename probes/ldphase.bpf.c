/* SPDX-License-Identifier: (MIT OR GPL-2.0)
 *
 * The phases of dlopen and dlclose, seen from the kernel: entries of ld.so's functions, system
 * calls and page faults of threads that are inside. No CO-RE relocation is in this object, so that
 * it loads on kernels without BTF; what needs one is in ldphase_core.bpf.c.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "probes/kdefs.h"
#include "probes/ldphase_maps.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile unsigned int flags;
const volatile unsigned long long pid_ns_dev,
	pid_ns_ino; /* 0 = pids are those of the first namespace */

unsigned int only_tgid; /* 0 = whoever is in `targets` */

static __always_inline u64 ids_now(void)
{
	struct bpf_pidns_info ids = { 0 };

	if (!pid_ns_ino)
		return bpf_get_current_pid_tgid();
	if (bpf_get_ns_current_pid_tgid(pid_ns_dev, pid_ns_ino, &ids, sizeof(ids)))
		return 0;
	return (u64)ids.tgid << 32 | ids.pid;
}

static __always_inline int is_target(u64 ids)
{
	u32 tgid = (u32)(ids >> 32);

	if (only_tgid)
		return tgid == only_tgid;
	return tgid && bpf_map_lookup_elem(&targets, &tgid) != 0;
}

static __always_inline struct ldphase_thread *thread_find(u64 ids)
{
	u32 tid = (u32)ids;

	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline struct ldphase_thread *thread_make(u64 ids)
{
	struct ldphase_thread *thread = thread_find(ids);
	struct ldphase_thread fresh = { .call = -1 };
	u32 tid = (u32)ids;

	if (thread)
		return thread;
	bpf_map_update_elem(&threads, &tid, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline int thread_inside(const struct ldphase_thread *thread)
{
	return thread && (thread->depth || thread->marked);
}

static __always_inline void event_fill(struct probe_event *event, u64 ids,
				       struct ldphase_thread *thread, u64 ts)
{
	event->ts = ts;
	event->pid = (u32)(ids >> 32);
	event->tid = (u32)ids;
	event->seq = thread->seq++;
}

static __always_inline struct probe_event *event_new(u64 ids, struct ldphase_thread *thread, u64 ts)
{
	struct probe_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		thread->seq++;
		drop_count();
		return 0;
	}
	event_fill(event, ids, thread, ts);
	event->value = 0;
	event->extra = 0;
	return event;
}

static __always_inline void event_done(struct probe_event *event, u32 kind, u32 what)
{
	event->kind = (unsigned short)kind;
	event->what = (unsigned short)what;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void thread_return(u64 ids, struct ldphase_thread *thread, u64 ts,
					  int jumped)
{
	u32 top = (thread->depth - 1) & (LDPHASE_NESTED - 1);
	struct probe_event *event;

	thread->depth--;
	thread->beyond = 0;
	event = event_new(ids, thread, ts);
	if (!event)
		return;
	event->extra = (u64)jumped;
	event_done(event, EVENT_RETURN, thread->step[top]);
}

/* A dlopen that fails leaves by longjmp: its frame is gone when the stack pointer is above it. */
static __always_inline void frames_settle(u64 ids, struct ldphase_thread *thread, u64 stack, u64 ts)
{
	for (int i = 0; i < LDPHASE_NESTED && thread->depth; i++) {
		if (thread->stack[(thread->depth - 1) & (LDPHASE_NESTED - 1)] > stack)
			break;
		thread_return(ids, thread, ts, 1);
	}
}

/* A name that does not fit loses its beginning: what tells one object from another is its end. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, char[LDPHASE_PATH_BYTES]);
} paths SEC(".maps");

static __always_inline void name_tail(char *ret_name, const char *name)
{
	u32 zero = 0;
	char *path = bpf_map_lookup_elem(&paths, &zero);
	long size = path ? bpf_probe_read_user_str(path, LDPHASE_PATH_BYTES, name) : 0;

	if (size <= EVENT_NAME_BYTES)
		return;
	bpf_probe_read_user_str(ret_name, EVENT_NAME_BYTES, name + size - EVENT_NAME_BYTES);
	ret_name[0] = ret_name[1] = ret_name[2] = '.';
}

static __always_inline void open_named(u64 ids, struct ldphase_thread *thread, u64 ts,
				       const void *name)
{
	struct probe_named_event *named = bpf_ringbuf_reserve(&events, sizeof(*named), 0);
	long size;

	if (!named) {
		thread->seq++;
		drop_count();
		return;
	}
	event_fill(&named->event, ids, thread, ts);
	named->event.value = (u64)name;
	named->event.extra = 0;
	named->event.kind = EVENT_STEP;
	named->event.what = STEP_OPEN;
	size = bpf_probe_read_user_str(named->name, sizeof(named->name), name);
	if (size < 0) {
		named->name[0] = '\0';
		named->event.extra = LDPHASE_UNNAMED;
	} else if (size == EVENT_NAME_BYTES) {
		name_tail(named->name, name);
	}
	bpf_ringbuf_submit(named, BPF_RB_NO_WAKEUP);
}

/* 0 when there is no room for one more: it is counted as dropped, and so is its return. */
static __always_inline int frame_enter(struct ldphase_thread *thread, u32 step, u64 stack)
{
	u32 top = thread->depth;

	if (top >= LDPHASE_NESTED) {
		thread->beyond++;
		drop_count();
		return 0;
	}
	/* The compiler knows now that the mask is not needed; the verifier does not. */
	asm volatile("" : "+r"(top));
	top &= LDPHASE_NESTED - 1;
	thread->stack[top] = stack;
	thread->step[top] = (unsigned short)step;
	thread->depth++;
	return 1;
}

SEC("uprobe")
int step_enter(struct pt_regs *ctx)
{
	u64 ts = bpf_ktime_get_ns(), ids = ids_now();
	u32 step = LDPHASE_STEP(bpf_get_attach_cookie(ctx));
	struct ldphase_thread *thread;
	struct probe_event *event;

	if (!is_target(ids))
		return 0;
	if (step == STEP_OPEN || step == STEP_CLOSE) {
		thread = thread_make(ids);
		if (!thread)
			return 0;
		if (thread->depth)
			frames_settle(ids, thread, REGS_STACK(ctx), ts);
		if (!frame_enter(thread, step, REGS_STACK(ctx)))
			return 0;
		if (step == STEP_OPEN && flags & LDPHASE_NAMES) {
			open_named(ids, thread, ts, (const void *)REGS_FIRST(ctx));
			return 0;
		}
	} else {
		thread = thread_find(ids);
		if (!thread || !thread->depth)
			return 0;
	}
	event = event_new(ids, thread, ts);
	if (event) {
		event->value = REGS_FIRST(ctx);
		event_done(event, EVENT_STEP, step);
	}
	return 0;
}

SEC("uretprobe")
int step_return(struct pt_regs *ctx)
{
	u64 ts = bpf_ktime_get_ns(), ids = ids_now();
	struct ldphase_thread *thread;

	if (!is_target(ids))
		return 0;
	thread = thread_find(ids);
	if (!thread || !thread->depth)
		return 0;
	if (thread->beyond)
		thread->beyond--;
	else
		thread_return(ids, thread, ts, 0);
	return 0;
}

/* Whether this prctl is a mark of soload's worker. */
static __always_inline int mark_take(u64 ids, const struct pt_regs *regs)
{
	u64 option = 0, mark = 0, ts = bpf_ktime_get_ns();
	struct ldphase_thread *thread;
	struct probe_event *event;

	bpf_probe_read_kernel(&option, sizeof(option), &REGS_FIRST(regs));
	if (option != LDPHASE_MARK)
		return 0;
	bpf_probe_read_kernel(&mark, sizeof(mark), &REGS_SECOND(regs));
	thread = thread_make(ids);
	if (!thread)
		return 1;
	for (int i = 0; i < LDPHASE_NESTED && thread->depth; i++) /* left by longjmp */
		thread_return(ids, thread, ts, 1);
	thread->marked = mark == LDPHASE_MARK_LOAD || mark == LDPHASE_MARK_RESUME;
	thread->call = -1;
	event = event_new(ids, thread, ts);
	if (event)
		event_done(event, EVENT_MARK, (u32)mark);
	return 1;
}

SEC("raw_tp/sys_enter")
int call_enter(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const void *)ctx->args[0];
	u64 ids = ids_now();
	int call = (int)ctx->args[1];
	struct ldphase_thread *thread;

	if (!is_target(ids))
		return 0;
	if (call == CALL_PRCTL && mark_take(ids, regs))
		return 0;
	thread = thread_find(ids);
	if (!thread_inside(thread))
		return 0;
	thread->call = -1;
	if (CALL_IS_PROBE(call))
		return 0;
	thread->call_ns = bpf_ktime_get_ns();
	if (thread->depth) {
		u64 stack = 0;

		bpf_probe_read_kernel(&stack, sizeof(stack), &REGS_STACK(regs));
		frames_settle(ids, thread, stack, thread->call_ns);
		if (!thread_inside(thread))
			return 0;
	}
	thread->call = call;
	return 0;
}

static __always_inline void fork_follow(u64 result)
{
	u32 child = (u32)result, one = 1;

	if ((long long)result > 0 && flags & LDPHASE_CHILDREN)
		bpf_map_update_elem(&targets, &child, &one, BPF_ANY);
}

SEC("raw_tp/sys_exit")
int call_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 ids = ids_now(), ts;
	struct ldphase_thread *thread;
	struct probe_event *event;

	if (!is_target(ids))
		return 0;
	if (flags & LDPHASE_CHILDREN) {
		const struct pt_regs *regs = (const void *)ctx->args[0];
		u64 number = 0;

#if defined(__TARGET_ARCH_x86)
		bpf_probe_read_kernel(&number, sizeof(number), &regs->orig_ax);
#else
		bpf_probe_read_kernel(&number, sizeof(number), &regs->regs[8]);
#endif
		if (CALL_IS_FORK(number))
			fork_follow(ctx->args[1]);
	}
	thread = thread_find(ids);
	if (!thread_inside(thread) || thread->call < 0)
		return 0;
	ts = bpf_ktime_get_ns();
	event = event_new(ids, thread, thread->call_ns);
	if (event) {
		event->value = ts - thread->call_ns;
		event->extra = ctx->args[1];
		event_done(event, EVENT_SYSCALL, (u32)thread->call);
	}
	thread->call = -1;
	return 0;
}

static __always_inline int fault_take(struct bpf_raw_tracepoint_args *ctx, u32 origin)
{
	const struct pt_regs *regs = (const void *)ctx->args[1];
	u64 ts = bpf_ktime_get_ns(), ids = ids_now();
	u64 ip = 0, stack = 0;
	struct ldphase_thread *thread;
	struct probe_event *event;

	if (!is_target(ids))
		return 0;
	thread = thread_find(ids);
	if (!thread_inside(thread))
		return 0;
	bpf_probe_read_kernel(&ip, sizeof(ip), &REGS_IP(regs));
	/* The stack pointer is the program's own, where it is not the kernel that touches. To fetch
	 * an instruction says nothing: the page that watched functions return through is fetched
	 * with the frame gone, and its return is about to be seen. */
	if (thread->depth && !origin && ip != ctx->args[0]) {
		bpf_probe_read_kernel(&stack, sizeof(stack), &REGS_STACK(regs));
		frames_settle(ids, thread, stack, ts);
		if (!thread_inside(thread))
			return 0;
	}
	event = event_new(ids, thread, ts);
	if (!event)
		return 0;
	event->value = ctx->args[0];
	event->extra = ip;
	event_done(event, EVENT_FAULT, ((u32)ctx->args[2] & 0x7fff) | origin);
	return 0;
}

SEC("raw_tp/page_fault_user")
int fault_user(struct bpf_raw_tracepoint_args *ctx)
{
	return fault_take(ctx, 0);
}

SEC("raw_tp/page_fault_kernel")
int fault_kernel(struct bpf_raw_tracepoint_args *ctx)
{
	return fault_take(ctx, EVENT_FAULT_KERNEL);
}
