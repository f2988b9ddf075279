/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs packet scripts against the stack in virtual time.
 *
 *   tcp_script [--case NAME] FILE...
 *
 * Each case of each file runs over IPv4 and IPv6, in a process of its own, so that a failed check
 * or a crash ends only that case. A failed case prints file, line, what came, and the last
 * segments. Exit status: 0 when all cases passed, 1 when one failed, 2 when a file is no script.
 *
 * docs/packet_scripts.md has the format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/verbs.h"

struct totals {
	unsigned passed, failed;
};

/* All of a case; does not return. */
static void run_case(const struct script *script, const struct script_block *test, bool ipv6)
{
	static struct world world;
	world_init(&world, script, test, ipv6);
	for (size_t i = 0; i < test->line_count; i++)
		verbs_run(&world, &test->lines[i]);
	if (world.first != NULL)
		world_fail(&world, "a segment came that no line speaks of");
	world_close(&world);
	_exit(0);
}

static bool passes(const struct script *script, const struct script_block *test, bool ipv6)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		dup2(STDOUT_FILENO, STDERR_FILENO); /* cmocka's failures */
		run_case(script, test, ipv6);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("tcp_script");
		exit(2);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return WEXITSTATUS(status) == 0;
	printf("FAIL %s:%u: %s (%s): ended with %s %d\n", script->path, test->number, test->name,
		ipv6 ? "ipv6" : "ipv4", WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

static void run_script(const struct script *script, const char *only, struct totals *totals)
{
	for (size_t i = 0; i < script->block_count; i++) {
		const struct script_block *test = &script->blocks[i];
		if (!test->is_case || (only != NULL && strcmp(only, test->name) != 0))
			continue;
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			if (ipv6 ? test->only_ipv4 : test->only_ipv6)
				continue;
			if (passes(script, test, ipv6))
				totals->passed++;
			else
				totals->failed++;
		}
	}
}

int main(int argc, char **argv)
{
	struct totals totals = {0};
	const char *only = NULL;
	int at = 1;
	if (argc > 2 && strcmp(argv[1], "--case") == 0) {
		only = argv[2];
		at = 3;
	}
	if (at >= argc) {
		fprintf(stderr, "usage: tcp_script [--case NAME] FILE...\n");
		return 2;
	}
	for (; at < argc; at++) {
		struct script script;
		if (!script_load(&script, argv[at]))
			return 2;
		run_script(&script, only, &totals);
		script_free(&script);
	}
	printf("%u passed, %u failed\n", totals.passed, totals.failed);
	return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
