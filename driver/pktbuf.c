/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/pktbuf.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "driver/pktbuf_impl.h"

#define POOL_CACHE 256u

_Static_assert(PKTBUF_HEADROOM == RTE_PKTMBUF_HEADROOM,
	"some drivers (net_tap) put data at DPDK's own head room, whatever the mbuf says");
_Static_assert(sizeof(struct pbuf_custom) % RTE_MBUF_PRIV_ALIGN == 0,
	"the private area of an mbuf must be a multiple of its alignment");

struct pktpool {
	struct rte_mempool *mempool;
};

/* In the mempool, where a buffer finds it. */
struct pool_private {
	struct rte_pktmbuf_pool_private layout; /* first: DPDK's */
	_Atomic bool spare;                     /* a hint: relaxed */
};

static struct pool_private *private_of_pool(struct rte_mempool *mp)
{
	return rte_mempool_get_priv(mp);
}

struct rte_mempool *pktpool_mempool(const struct pktpool *pool)
{
	return pool->mempool;
}

static void *private_of(struct rte_mbuf *m)
{
	return m + 1;
}

static struct rte_mbuf *container_of_pbuf(const struct pbuf *p)
{
	return (struct rte_mbuf *)(uintptr_t)p - 1;
}

/* lwIP calls it with the last reference to one pbuf of a chain. */
static void pktbuf_release(struct pbuf *p)
{
	rte_pktmbuf_free_seg(container_of_pbuf(p));
}

static bool is_pktbuf(const struct pbuf *p)
{
	return (p->flags & PBUF_FLAG_IS_CUSTOM) != 0 &&
		((const struct pbuf_custom *)p)->custom_free_function == pktbuf_release;
}

/*
 * PBUF_POOL is lwIP's type for buffers whose bytes follow the struct: headers may be put in front
 * of the payload, and a packet that waits for ARP is queued, not copied.
 */
static struct pbuf *pbuf_in(struct rte_mbuf *m)
{
	struct pbuf_custom *pc = private_of(m);

	pc->custom_free_function = pktbuf_release;
	return pbuf_alloced_custom(
		PBUF_RAW, m->data_len, PBUF_POOL, pc, rte_pktmbuf_mtod(m, void *), m->data_len);
}

/* ---- pools ---- */

static int config_check(const struct pktpool_config *config, struct fault *fault)
{
	if (config->name == NULL || config->name[0] == '\0' ||
		strlen(config->name) >= PKTPOOL_NAME_SIZE)
		return fault_set(fault, -EINVAL, "a packet pool needs a name of 1 to %d characters",
			PKTPOOL_NAME_SIZE - 1);
	if (config->count == 0 || config->count > 1u << 24)
		return fault_set(fault, -EINVAL, "packet pool %s: %u buffers, not 1 to %u",
			config->name, config->count, 1u << 24);
	if (config->data_size > UINT16_MAX - PKTBUF_HEADROOM)
		return fault_set(fault, -EINVAL, "packet pool %s: buffers of %u bytes, at most %u",
			config->name, config->data_size, UINT16_MAX - PKTBUF_HEADROOM);
	return 0;
}

/* A mempool whose objects may cross pages leaves out where a device would find them. */
static void set_iova(struct rte_mempool *mp, void *opaque, void *object, unsigned index)
{
	struct rte_mempool_objhdr *header = RTE_PTR_SUB(object, sizeof(*header));
	(void)mp;
	(void)opaque;
	(void)index;

	header->iova = (uintptr_t)object;
}

/*
 * The mempool is made step by step, as rte_pktmbuf_pool_create does, for the sake of one flag:
 * IOVA is always VA here (driver/eal.c), so an object may cross a page, and without hugepages
 * that packs buffers twice as close. With them it gains nothing, and emulated devices (QEMU's
 * e1000e, vmxnet3) lose frames behind an IOMMU of which a buffer lies in two pages.
 */
static struct rte_mempool *mempool_create(const struct pktpool_config *config, size_t private_size)
{
	unsigned data = config->data_size != 0 ? config->data_size : PKTBUF_DATA_DEFAULT;
	struct rte_pktmbuf_pool_private layout = {
		.mbuf_data_room_size = (uint16_t)(PKTBUF_HEADROOM + data),
		.mbuf_priv_size = (uint16_t)private_size,
	};
	unsigned object =
		(unsigned)(sizeof(struct rte_mbuf) + private_size) + PKTBUF_HEADROOM + data;
	int node = config->numa_node < 0 ? SOCKET_ID_ANY : config->numa_node;
	unsigned cache = RTE_MIN(POOL_CACHE, config->count / 8);

	struct rte_mempool *mp = rte_mempool_create_empty(config->name, config->count, object,
		cache, sizeof(struct pool_private), node,
		rte_eal_has_hugepages() ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (mp == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(mp, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto fail;
	rte_pktmbuf_pool_init(mp, &layout);
	atomic_init(&private_of_pool(mp)->spare, true);
	int populated = rte_mempool_populate_default(mp);
	if (populated < 0) {
		rte_errno = -populated;
		goto fail;
	}
	rte_mempool_obj_iter(mp, set_iova, NULL);
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
fail:
	rte_mempool_free(mp);
	return NULL;
}

struct rte_mempool *pktbuf_mempool_create(const struct pktpool_config *config, struct fault *fault)
{
	int err = config_check(config, fault);
	if (err != 0) {
		rte_errno = -err;
		return NULL;
	}

	struct rte_mempool *mp = mempool_create(config, sizeof(struct pbuf_custom));
	if (mp == NULL) {
		int cause = rte_errno != 0 ? rte_errno : ENOMEM;
		const char *remedy =
			cause == EEXIST ? "the name is taken" : "give the stack more memory";
		fault_set(fault, -cause, "no memory for packet pool %s of %u buffers (%s): %s",
			config->name, config->count, rte_strerror(cause), remedy);
		rte_errno = cause;
	}
	return mp;
}

int pktpool_create(const struct pktpool_config *config, struct pktpool **pool, struct fault *fault)
{
	struct pktpool *made = rte_zmalloc("pktpool", sizeof(*made), 0);
	if (made == NULL)
		return fault_set(fault, -ENOMEM, "no memory for packet pool %s", config->name);

	made->mempool = pktbuf_mempool_create(config, fault);
	if (made->mempool == NULL) {
		int cause = rte_errno;
		rte_free(made);
		return -cause;
	}
	*pool = made;
	return 0;
}

unsigned pktpool_free(struct pktpool *pool)
{
	if (pool == NULL)
		return 0;

	unsigned missing = pktpool_in_use(pool);
	rte_mempool_free(pool->mempool);
	rte_free(pool);
	return missing;
}

unsigned pktpool_in_use(const struct pktpool *pool)
{
	return rte_mempool_in_use_count(pool->mempool);
}

unsigned pktpool_left(const struct pktpool *pool)
{
	struct rte_mempool *mp = pool->mempool;
	const struct rte_mempool_cache *cache = rte_mempool_default_cache(mp, rte_lcore_id());
	return rte_mempool_get_ops(mp->ops_index)->get_count(mp) + (cache != NULL ? cache->len : 0);
}

unsigned pktpool_size(const struct pktpool *pool)
{
	return pool->mempool->size;
}

void pktpool_set_spare(struct pktpool *pool, bool spare)
{
	atomic_store_explicit(&private_of_pool(pool->mempool)->spare, spare, memory_order_relaxed);
}

static bool is_spare(struct rte_mempool *mp)
{
	return atomic_load_explicit(&private_of_pool(mp)->spare, memory_order_relaxed);
}

bool pktpool_is_spare(const struct pktpool *pool)
{
	return is_spare(pool->mempool);
}

bool pktbuf_is_spare(const struct pbuf *p)
{
	return is_pktbuf(p) && is_spare(container_of_pbuf(p)->pool);
}

/* ---- buffers ---- */

struct pbuf *pktbuf_alloc(struct pktpool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool->mempool);
	return m != NULL ? pbuf_in(m) : NULL;
}

unsigned pktbuf_alloc_bulk(struct pktpool *pool, struct pbuf **out, unsigned n)
{
	struct rte_mbuf *m[32];
	unsigned taken = 0;

	while (taken < n) {
		unsigned part = RTE_MIN(n - taken, (unsigned)RTE_DIM(m));
		if (rte_pktmbuf_alloc_bulk(pool->mempool, m, part) != 0)
			break;
		for (unsigned i = 0; i < part; i++)
			out[taken++] = pbuf_in(m[i]);
	}
	/* A bulk is all or nothing: the rest may still be there one by one. */
	while (taken < n && (out[taken] = pktbuf_alloc(pool)) != NULL)
		taken++;
	return taken;
}

unsigned pktbuf_room(const struct pbuf *p)
{
	const struct rte_mbuf *m = pktbuf_mbuf(p);
	if (m == NULL || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) > 1)
		return 0;

	const char *end = (const char *)m->buf_addr + m->buf_len;
	return (unsigned)(end - ((const char *)p->payload + p->len));
}

static bool segment_is_sound(const struct rte_mbuf *m)
{
	return m->priv_size >= sizeof(struct pbuf_custom) &&
		(uint32_t)m->data_off + m->data_len <= m->buf_len;
}

static bool chain_is_sound(const struct rte_mbuf *m)
{
	uint32_t length = 0, claimed = m->pkt_len;
	unsigned segments = 0, most = m->nb_segs;

	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		if (!segment_is_sound(s) || ++segments > most)
			return false;
		length += s->data_len;
	}
	return segments == most && length == claimed && length <= UINT16_MAX;
}

struct pbuf *pktbuf_from_mbuf(struct rte_mbuf *m)
{
	if (!chain_is_sound(m)) {
		rte_pktmbuf_free(m);
		return NULL;
	}

	uint16_t left = (uint16_t)m->pkt_len;
	struct pbuf *head = NULL;
	struct pbuf **link = &head;
	for (struct rte_mbuf *s = m, *next; s != NULL; s = next) {
		/* Each segment becomes a buffer of its own: the pbufs hold the chain together. */
		next = s->next;
		s->next = NULL;
		s->nb_segs = 1;
		struct pbuf *p = pbuf_in(s);
		p->tot_len = left;
		left = (uint16_t)(left - p->len);
		*link = p;
		link = &p->next;
	}
	return head;
}

/* ---- memory outside of all pools ---- */

_Static_assert(sizeof(struct rte_mbuf_ext_shared_info) <= 3 * sizeof(uint64_t),
	"struct pktbuf_loan has room for DPDK's account");

static struct rte_mbuf_ext_shared_info *shared_of(struct pktbuf_loan *loan)
{
	return (struct rte_mbuf_ext_shared_info *)loan->shared;
}

static void loan_is_over(void *bytes, void *opaque)
{
	struct pktbuf_loan *loan = opaque;
	(void)bytes;

	loan->over(loan);
}

void pktbuf_loan_begin(struct pktbuf_loan *loan, void (*over)(struct pktbuf_loan *loan))
{
	struct rte_mbuf_ext_shared_info *shared = shared_of(loan);

	loan->over = over;
	shared->free_cb = loan_is_over;
	shared->fcb_opaque = loan;
	rte_mbuf_ext_refcnt_set(shared, 1);
}

void pktbuf_loan_end(struct pktbuf_loan *loan)
{
	if (rte_mbuf_ext_refcnt_update(shared_of(loan), -1) == 0)
		loan->over(loan);
}

/* IOVA is VA here; whether a device reaches the memory is for driver/dpdk_tx_build.c. */
void pktbuf_lend(struct pktbuf_loan *loan, struct pbuf *p, void *bytes, uint16_t n)
{
	struct rte_mbuf *m = container_of_pbuf(p);

	rte_mbuf_ext_refcnt_update(shared_of(loan), 1);
	rte_pktmbuf_attach_extbuf(m, bytes, (uintptr_t)bytes, n, shared_of(loan));
	p->payload = bytes;
	p->len = p->tot_len = n;
}

/* ---- from pbuf to buffer ---- */

static bool bytes_lie_in(const struct rte_mbuf *m, const struct pbuf *p)
{
	uintptr_t first = (uintptr_t)m->buf_addr;
	uintptr_t bytes = (uintptr_t)p->payload;

	return bytes >= first && bytes - first <= m->buf_len &&
		p->len <= m->buf_len - (bytes - first);
}

struct rte_mbuf *pktbuf_mbuf(const struct pbuf *p)
{
	if (!is_pktbuf(p))
		return NULL;
	struct rte_mbuf *m = container_of_pbuf(p);
	return bytes_lie_in(m, p) ? m : NULL;
}
