/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multicast groups with several stack cores. Which datagram goes to which cores, api/steer.h says;
 * here is who is a member.
 *
 * Called from the stacks when they join and leave, and from core_run_once; calls stack/dgram.h.
 *
 * Theory of operation
 * -------------------
 * Only core 0 speaks IGMP and MLD. Each other core keeps a list of the groups that sockets of its
 * own joined, a slot for each, and core 0 is a member for it of what stands there. The list is
 * written by its core under a sequence lock, as struct runtime_interface's `known` is; behind it
 * rws.groups_changed tells core 0 to look, which remembers in `held` what it found last.
 */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "api/core_internal.h"
#include "stack/dgram.h"

/* ---- A core's own list ------------------------------------------------------------------ */

static bool same_group(const struct core_group *a, const struct core_group *b)
{
	return a->used == b->used &&
		(!a->used || (a->interface == b->interface && ip_addr_eq(&a->group, &b->group)));
}

/* The slot with that group, or a free one; CORE_GROUPS: none. */
static unsigned find_slot(const struct core *core, const struct core_group *group)
{
	unsigned i = 0;

	while (i < CORE_GROUPS && !same_group(&core->groups.slot[i], group))
		i++;
	return i;
}

static void write_slot(struct core *core, unsigned i, const struct core_group *group)
{
	struct core_groups *groups = &core->groups;

	sequence_write_begin(&groups->lock);
	groups->slot[i] = *group;
	sequence_write_end(&groups->lock);
	atomic_fetch_add_explicit(&core->rws->groups_changed, 1, memory_order_release);
	core_wake(core->rws->cores[0]);
}

int core_claim_group(void *steering, struct nif *nif, const ip_addr_t *group)
{
	struct core *core = container_of(steering, struct core, steering);
	const struct core_group none = {0};
	const struct core_group joined = {
		.group = *group, .interface = core_interface_of(core, nif), .used = true};
	unsigned i = find_slot(core, &none);

	if (i == CORE_GROUPS)
		return -ENOBUFS;
	write_slot(core, i, &joined);
	return 0;
}

void core_release_group(void *steering, struct nif *nif, const ip_addr_t *group)
{
	struct core *core = container_of(steering, struct core, steering);
	const struct core_group none = {0};
	const struct core_group joined = {
		.group = *group, .interface = core_interface_of(core, nif), .used = true};
	unsigned i = find_slot(core, &joined);

	if (i < CORE_GROUPS)
		write_slot(core, i, &none);
}

/* ---- Core 0 ----------------------------------------------------------------------------- */

static void read_slots(struct core_groups *groups, struct core_group slot[CORE_GROUPS])
{
	uint32_t count;

	do {
		count = sequence_read_begin(&groups->lock);
		memcpy(slot, groups->slot, sizeof(groups->slot));
	} while (sequence_read_failed(&groups->lock, count));
}

/* False: no memory. */
static bool follow_slot(struct core *core, struct core_group *held, const struct core_group *now)
{
	if (same_group(held, now))
		return true;
	if (held->used)
		dgram_release_group(core->ports[held->interface].nif, &held->group);
	held->used = false;
	if (!now->used)
		return true;
	if (dgram_hold_group(core->ports[now->interface].nif, &now->group) != 0)
		return false;
	*held = *now;
	return true;
}

static bool follow_core(struct core *core, struct core *other)
{
	struct core_group now[CORE_GROUPS];
	bool all = true;

	read_slots(&other->groups, now);
	for (unsigned i = 0; i < CORE_GROUPS; i++)
		all &= follow_slot(core, &other->held[i], &now[i]);
	return all;
}

/* The acquire load pairs with the addition in write_slot. */
static uint32_t changes(const struct core *core)
{
	return atomic_load_explicit(&core->rws->groups_changed, memory_order_acquire);
}

bool core_groups_changed(const struct core *core)
{
	return changes(core) != core->groups_seen;
}

void core_follow_groups(struct core *core)
{
	uint32_t changed = changes(core);
	bool all = true;

	if (changed == core->groups_seen)
		return;
	for (unsigned c = 1; c < core->rws->core_count; c++)
		all &= follow_core(core, core->rws->cores[c]);
	if (all) /* else in the next turn again */
		core->groups_seen = changed;
}

void core_forget_groups(struct core *core)
{
	for (unsigned c = 1; c < core->rws->core_count; c++)
		if (core->rws->cores[c] != NULL)
			memset(core->rws->cores[c]->held, 0, sizeof(core->rws->cores[c]->held));
	core->groups_seen = changes(core) - 1;
}
