/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "api/selector.h"
#include "api/socket.h"

struct remote_post {
	void (*fn)(void *user);
	void *user;
};

/* ---- Other threads ---------------------------------------------------------------------- */

/*
 * Pairs with selector_idle: what was asked for is stored before the fence, `sleeping` is loaded
 * behind it; the selector stores `sleeping` and then looks once more.
 */
static void wake(struct rws_selector *sel)
{
	const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&sel->wake.sleeping, memory_order_relaxed))
		return;
	/* Fails only when the counter is full: then it is readable anyway. */
	ssize_t ignored = write(sel->wake.fd, &one, sizeof(one));
	(void)ignored;
}

/* Adds the bits to those for the same generation; those for one that is gone are forgotten. */
static void add_bits(struct slot *slot, uint32_t generation, uint32_t bits)
{
	uint64_t old = atomic_load_explicit(&slot->remote, memory_order_relaxed);
	uint64_t wanted;

	do {
		uint32_t kept = (uint32_t)(old >> 32) == generation ? (uint32_t)old : 0;
		wanted = (uint64_t)generation << 32 | kept | bits;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->remote, &old, wanted, memory_order_release, memory_order_relaxed));
}

/* Release: the owner's acquire exchange in remote_run sees the link and the bits. */
static void push(struct rws_selector *sel, struct slot *slot)
{
	if (atomic_exchange_explicit(&slot->remote_listed, true, memory_order_acq_rel))
		return;
	struct slot *head = atomic_load_explicit(&sel->remote, memory_order_relaxed);
	do {
		slot->remote_next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&sel->remote, &head, slot, memory_order_release, memory_order_relaxed));
}

static struct slot_table *table_of(struct rws_selector *sel, uint64_t handle)
{
	return handle_kind(handle) == HANDLE_CHANNEL ? &sel->channels : &sel->socks;
}

int remote_request(uint64_t handle, uint32_t bits)
{
	unsigned id = handle_selector(handle);
	struct rws_selector *sel = handle_enter(id);

	if (sel == NULL)
		return -EBADF;
	struct slot *slot = slot_find(table_of(sel, handle), handle);
	if (slot != NULL) {
		add_bits(slot, handle_generation(handle), bits);
		push(sel, slot);
		wake(sel);
	}
	handle_leave(id);
	return slot == NULL ? -EBADF : 0;
}

int rws_selector_post(struct rws_selector *sel, void (*fn)(void *user), void *user)
{
	struct remote_post post = {fn, user};

	if (fn == NULL)
		return -EINVAL;
	if (rte_ring_mp_enqueue_elem(sel->posts, &post, sizeof(post)) != 0)
		return -EAGAIN;
	wake(sel);
	return 0;
}

/* ---- The owner -------------------------------------------------------------------------- */

int remote_init(struct rws_selector *sel)
{
	ssize_t size = rte_ring_get_memsize_elem(sizeof(struct remote_post), 2 * REMOTE_POSTS);

	sel->posts = aligned_alloc(RTE_CACHE_LINE_SIZE, (size_t)size);
	if (sel->posts == NULL)
		return -ENOMEM;
	return rte_ring_init(sel->posts, "posts", REMOTE_POSTS, RING_F_EXACT_SZ | RING_F_SC_DEQ);
}

void remote_fini(struct rws_selector *sel)
{
	free(sel->posts);
}

static void run_channel(struct own_channel *own, uint32_t bits)
{
	if (bits & REMOTE_FLUSH)
		channel_flush(&own->channel);
}

static void run_sock(struct sock *s, uint32_t bits)
{
	if ((bits & REMOTE_FLUSH) && s->write_channel.sel != NULL)
		channel_flush(&s->write_channel);
	if ((bits & REMOTE_CANCEL_WRITER) && s->writer_job.state == JOB_ACTIVE)
		sock_cancel_writer_job(s);
	if ((bits & REMOTE_CANCEL_READER) && s->reader_job.state == JOB_ACTIVE)
		sock_abort(s, -ECANCELED, -ECANCELED);
	if ((bits & REMOTE_CANCEL_CONTEXT) && s->context.state == JOB_ACTIVE)
		sock_abort(s, -ECANCELED, -ECANCELED);
	if (bits & REMOTE_CLOSE)
		sock_close(s, s->options.linger_ns);
	if (bits & REMOTE_DISPOSE)
		sock_dispose(s);
}

static bool is_in(const struct slot_table *table, const struct slot *slot)
{
	const char *at = (const char *)slot;

	return at >= table->memory && at < table->memory + table->capacity * table->element;
}

static void run_slot(struct rws_selector *sel, struct slot *slot)
{
	/* Listed again from here on; what comes after the exchange below finds it unlisted. */
	atomic_store_explicit(&slot->remote_listed, false, memory_order_seq_cst);
	uint64_t word = atomic_exchange_explicit(&slot->remote, 0, memory_order_acq_rel);
	uint32_t generation = (uint32_t)(word >> 32);

	if (word == 0 ||
		generation != atomic_load_explicit(&slot->generation, memory_order_relaxed))
		return;
	if (is_in(&sel->channels, slot))
		run_channel((struct own_channel *)slot, (uint32_t)word);
	else
		run_sock((struct sock *)slot, (uint32_t)word);
}

static bool run_slots(struct rws_selector *sel)
{
	struct slot *slot = NULL;

	if (atomic_load_explicit(&sel->remote, memory_order_relaxed) != NULL)
		slot = atomic_exchange_explicit(&sel->remote, NULL, memory_order_acquire);
	bool any = slot != NULL;
	while (slot != NULL) {
		struct slot *next = slot->remote_next;
		run_slot(sel, slot);
		slot = next;
	}
	return any;
}

bool remote_run(struct rws_selector *sel)
{
	return run_slots(sel);
}

void remote_run_posts(struct rws_selector *sel)
{
	struct remote_post post;

	/* Those that are there now: one that posts itself again does not keep us here. */
	unsigned n = rte_ring_count(sel->posts);
	while (n-- > 0 && rte_ring_sc_dequeue_elem(sel->posts, &post, sizeof(post)) == 0) {
		sel->interrupted = true;
		post.fn(post.user);
	}
}

bool remote_waiting(const struct rws_selector *sel)
{
	return atomic_load(&sel->remote) != NULL || !rte_ring_empty(sel->posts);
}
