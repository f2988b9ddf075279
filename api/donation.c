/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/donation.h"

#include <errno.h>

#include "api/channel.h"
#include "api/remote.h"
#include "api/selector.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

/* Bytes in one buffer: what mbufs and pbufs can say, and two of them fit into one message. */
#define PIECE_MAX 16384u

/* Bytes in one donation: half of the selector's buffers, so that it finds as many some time. */
#define DONATION_MAX ((size_t)SELECTOR_BUFFERS / 2 * PIECE_MAX)

struct donation {
	struct pktbuf_loan loan; /* first member */
	struct rws *rws;
	unsigned selector; /* id */
	struct donation *next;
	struct pbuf *memory; /* that this lies in */
	rws_free_fn *fn;     /* NULL: it was not taken after all */
	void *user, *data;
};

_Static_assert(sizeof(struct donation) <= PKTBUF_DATA_DEFAULT, "one lies in one buffer");

/* ---- The end ---------------------------------------------------------------------------- */

/* Any thread. Release: pairs with the acquire exchange of take_all. */
static void over(struct pktbuf_loan *loan)
{
	struct donation *donation = (struct donation *)loan;
	_Atomic(struct donation *) *list = &donation->rws->donations[donation->selector];
	struct donation *head = atomic_load_explicit(list, memory_order_relaxed);
	unsigned selector = donation->selector;

	do
		donation->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		list, &head, donation, memory_order_release, memory_order_relaxed));
	remote_wake(selector);
}

/* In the order in which they came. */
static struct donation *take_all(struct rws *rws, unsigned selector)
{
	struct donation *from =
		atomic_exchange_explicit(&rws->donations[selector], NULL, memory_order_acquire);
	struct donation *to = NULL;

	while (from != NULL) {
		struct donation *next = from->next;
		from->next = to;
		to = from;
		from = next;
	}
	return to;
}

static void tell_all(struct donation *first)
{
	while (first != NULL) {
		struct donation donation = *first;
		pbuf_free(donation.memory);
		if (donation.fn != NULL)
			donation.fn(donation.user, donation.data);
		first = donation.next;
	}
}

bool donations_waiting(const struct rws_selector *sel)
{
	return atomic_load(&sel->rws->donations[sel->id]) != NULL;
}

void donations_run(struct rws_selector *sel)
{
	tell_all(take_all(sel->rws, sel->id));
}

void donations_finish(struct rws *rws)
{
	for (unsigned id = 0; id < RUNTIME_SELECTORS_MAX; id++)
		tell_all(take_all(rws, id));
}

/* ---- Giving ----------------------------------------------------------------------------- */

static struct donation *make_donation(struct channel *ch, void *data)
{
	struct rws_selector *sel = channel_selector(ch);
	struct pbuf *memory = channel_buffer_held(ch);

	if (memory == NULL)
		return NULL;
	sock_drop_buffer(channel_sink(ch), memory); /* nobody acknowledges it */
	struct donation *donation = memory->payload;
	*donation = (struct donation){
		.rws = sel->rws,
		.selector = sel->id,
		.memory = memory,
		.data = data,
	};
	pktbuf_loan_begin(&donation->loan, over);
	return donation;
}

/* Buffers that refer to all n bytes; false: there are not enough. */
static bool cut(struct channel *ch, struct donation *donation, size_t n, struct segments *pieces)
{
	char *bytes = donation->data;

	while (n > 0) {
		size_t piece = n < PIECE_MAX ? n : PIECE_MAX;
		struct pbuf *p = channel_buffer_held(ch);
		if (p == NULL) {
			channel_free(ch, pieces);
			return false;
		}
		pktbuf_lend(&donation->loan, p, bytes, (uint16_t)piece);
		segments_push(pieces, p);
		bytes += piece;
		n -= piece;
	}
	return true;
}

static void append(struct channel *ch, struct segments *pieces, size_t n)
{
	while (!segments_empty(pieces))
		segments_push(&ch->list, segments_pop(pieces));
	ch->unflushed += (uint32_t)n;
	ch->total_written += n;
	channel_flush_if_due(ch);
}

int rws_write_buf(rws_channel_t handle, void *data, size_t n, rws_free_fn *fn, void *user)
{
	struct channel *ch;
	struct segments pieces = {0};
	int state = channel_stream_writer_of(handle, &ch);

	if (state == 0 && (n == 0 || fn == NULL || n > channel_capacity(ch) || n > DONATION_MAX))
		return -EINVAL;
	if (state != 0)
		return state;
	if (channel_room(ch) < n)
		return channel_full(ch);
	if (!channel_may_hold(ch, (n + PIECE_MAX - 1) / PIECE_MAX))
		return channel_short(ch);
	struct donation *donation = make_donation(ch, data);
	if (donation == NULL)
		return channel_full(ch);
	bool taken = cut(ch, donation, n, &pieces);
	if (taken) {
		donation->fn = fn;
		donation->user = user;
		append(ch, &pieces, n);
	}
	pktbuf_loan_end(&donation->loan);
	return taken ? 0 : channel_short(ch);
}
