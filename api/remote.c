/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "api/selector.h"
#include "api/socket.h"

/*
 * A slot's word: generation << REMOTE_BITS | REMOTE_LISTED | REMOTE_*. Of the generation 25 bits
 * fit: an old request could only be taken for a new one if the slot had 2^24 owners while the
 * request waits, which is one turn of the loop.
 */
#define REMOTE_BITS   7u
#define REMOTE_MASK   ((1u << REMOTE_BITS) - 1)
#define REMOTE_LISTED (1u << (REMOTE_BITS - 1))

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

/*
 * The word is of another generation than the one meant. Requests for an older one are forgotten,
 * but a newer one's must stay, and then it is the caller who is late. Who filed them had found the
 * newer generation in the slot (acquire in slot_find) and released it with the word; the word was
 * loaded with acquire, so the slot shows that generation here, or one after it. If it still shows
 * the one meant, then the word is older.
 */
static bool is_late(const struct slot *slot, uint32_t generation)
{
	return atomic_load_explicit(&slot->generation, memory_order_relaxed) != generation;
}

/*
 * Acquire and release: pairs with itself, see is_late, and with the exchange in take_word, behind
 * which remote_next is the next pusher's.
 */
bool remote_add_bits(struct slot *slot, uint32_t generation, uint32_t bits)
{
	uint32_t meant = generation << REMOTE_BITS;
	uint32_t old = atomic_load_explicit(&slot->remote, memory_order_acquire);
	uint32_t wanted;

	do {
		bool is_same = (old & ~REMOTE_MASK) == meant;
		if (old != 0 && !is_same && is_late(slot, generation))
			return false;
		wanted = meant | (is_same ? old & REMOTE_MASK : 0) | bits | REMOTE_LISTED;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->remote, &old, wanted, memory_order_acq_rel, memory_order_acquire));
	return (old & REMOTE_LISTED) == 0;
}

/* Release: the owner's acquire exchange in remote_run sees the link. */
static void push(struct rws_selector *sel, struct slot *slot, uint32_t name)
{
	uint32_t head = atomic_load_explicit(&sel->remote, memory_order_relaxed);

	do {
		slot->remote_next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&sel->remote, &head, name, memory_order_release, memory_order_relaxed));
}

static struct slot_table *table_of(struct rws_selector *sel, uint64_t handle)
{
	switch (handle_kind(handle)) {
	case HANDLE_CHANNEL:
		return &sel->channels;
	case HANDLE_COPY:
		return &sel->copies;
	default:
		return &sel->socks;
	}
}

/* On the list slots go by their index, and the table it is of. */
#define NAME_CHANNEL (1u << 31)
#define NAME_COPY    (1u << 30)
#define NAME_TABLE   (NAME_CHANNEL | NAME_COPY)

static uint32_t name_of(uint64_t handle)
{
	uint32_t table = handle_kind(handle) == HANDLE_CHANNEL ? NAME_CHANNEL
		: handle_kind(handle) == HANDLE_COPY           ? NAME_COPY
							       : 0;

	return handle_index(handle) | table;
}

int remote_request(uint64_t handle, uint32_t bits)
{
	unsigned id = handle_selector(handle);
	struct rws_selector *sel = handle_enter(id);

	if (sel == NULL)
		return -EBADF;
	struct slot *slot = slot_find(table_of(sel, handle), handle);
	if (slot != NULL) {
		if (remote_add_bits(slot, handle_generation(handle), bits))
			push(sel, slot, name_of(handle));
		wake(sel);
	}
	handle_leave(id);
	return slot == NULL ? -EBADF : 0;
}

void remote_wake(unsigned id)
{
	struct rws_selector *sel = handle_enter(id);

	if (sel == NULL)
		return;
	wake(sel);
	handle_leave(id);
}

int rws_selector_post(struct rws_selector *sel, void (*fn)(void *user), void *user)
{
	struct remote_post post = {fn, user};
	unsigned id;

	if (fn == NULL)
		return -EINVAL;
	if (!handle_enter_selector(sel, &id))
		return -EBADF;
	int result = rte_ring_mp_enqueue_elem(sel->posts, &post, sizeof(post)) != 0 ? -EAGAIN : 0;
	if (result == 0)
		wake(sel);
	handle_leave(id);
	return result;
}

/* ---- The owner -------------------------------------------------------------------------- */

int remote_init(struct rws_selector *sel)
{
	atomic_init(&sel->remote, NO_SLOT);
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
	if ((bits & REMOTE_FLUSH) && s->kind != SOCK_LISTENER &&
		s->write_channel.role == CHANNEL_WRITE)
		channel_flush(&s->write_channel);
	if ((bits & REMOTE_CANCEL_WRITER) && s->writer_job.state == JOB_ACTIVE)
		sock_cancel_writer_job(s);
	if ((bits & REMOTE_CANCEL_READER) && s->reader_job.state == JOB_ACTIVE)
		sock_cancel_reader_job(s);
	if ((bits & REMOTE_CANCEL_CONTEXT) && s->context.state == JOB_ACTIVE)
		sock_abort(s, -ECANCELED, -ECANCELED);
	if (bits & REMOTE_CLOSE)
		sock_close(s, s->options->linger_ns);
	if (bits & REMOTE_DISPOSE)
		sock_dispose(s);
}

/*
 * What was asked of the slot's present generation, and its next on the list; it can be listed again
 * from here on.
 */
static uint32_t take_word(struct slot *slot, uint32_t *next)
{
	uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed);

	*next = slot->remote_next;
	uint32_t word = atomic_exchange_explicit(&slot->remote, 0, memory_order_acq_rel);
	return (word & ~REMOTE_MASK) == generation << REMOTE_BITS ? word & (REMOTE_LISTED - 1) : 0;
}

/* Does what was asked of one slot; returns the name of the next. */
static uint32_t run_slot(struct rws_selector *sel, uint32_t name)
{
	uint32_t table = name & NAME_TABLE;
	struct slot *slot = slot_at(table == NAME_CHANNEL ? &sel->channels
			: table == NAME_COPY              ? &sel->copies
							  : &sel->socks,
		name & ~NAME_TABLE);
	uint32_t bits = take_word(slot, &name);

	if (bits == 0)
		return name;
	if (table == NAME_CHANNEL)
		run_channel((struct own_channel *)slot, bits);
	else if (table == NAME_COPY)
		copy_cancel((struct copy *)slot);
	else
		run_sock((struct sock *)slot, bits);
	return name;
}

bool remote_run(struct rws_selector *sel)
{
	if (atomic_load_explicit(&sel->remote, memory_order_relaxed) == NO_SLOT)
		return false;
	uint32_t name = atomic_exchange_explicit(&sel->remote, NO_SLOT, memory_order_acquire);
	while (name != NO_SLOT)
		name = run_slot(sel, name);
	return true;
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
	return atomic_load(&sel->remote) != NO_SLOT;
}

bool remote_posts_waiting(const struct rws_selector *sel)
{
	return !rte_ring_empty(sel->posts);
}
