/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/apps/cmocka_all.h"

#define DEV "--dev", "net_tap0,iface=rws0"

struct own {
	uint64_t port;
	const char *root;
	const char *output;
	bool loud;
};

static const struct option_row rows[] = {
	{.name = "port",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 65535,
		.offset = offsetof(struct own, port),
		.text = "a port"},
	{.name = "root",
		.argument = "DIR",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct own, root),
		.text = "a folder"},
	{.name = "output",
		.letter = 'o',
		.argument = "FILE",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct own, output),
		.text = "a file"},
	{.name = "loud",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct own, loud),
		.text = "say more"},
};

static struct own own;
static struct options options;
static const char *operand;

static int parse(const char *const *arguments)
{
	const struct option_spec spec = {
		.program = "test",
		.summary = "a test",
		.operand = operand,
		.rows = rows,
		.row_count = 4,
		.own = &own,
	};
	char *argv[64] = {(char *)(uintptr_t)"test"};
	int argc = 1;

	own = (struct own){.port = 80, .root = "."};
	options = (struct options){.placement = OPTIONS_INLINE};
	for (; arguments[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
	return options_parse(&spec, argc, argv, &options);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

/* Refused, and the text names what was wrong and what to do. */
#define REFUSED(word, advice, ...)                                                                \
	do {                                                                                      \
		assert_int_equal(PARSE(__VA_ARGS__), -EINVAL);                                    \
		if (strstr(options.error, word) == NULL || strstr(options.error, advice) == NULL) \
			fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", options.error, word,    \
				advice);                                                          \
	} while (0)

static void defaults_given_least_are_kept(void **state)
{
	assert_int_equal(PARSE(DEV, "--addr", "10.0.0.2/24"), 0);
	assert_int_equal(options.interface_count, 1);
	assert_string_equal(options.interfaces[0].device, "net_tap0,iface=rws0");
	assert_string_equal(options.interfaces[0].addresses[0], "10.0.0.2/24");
	assert_int_equal(options.placement, OPTIONS_INLINE);
	assert_int_equal(options.idle, OPTIONS_POLL);
	assert_null(options.cores);
	assert_int_equal(options.interfaces[0].mtu, 0);
	assert_int_equal(own.port, 80);
	assert_string_equal(own.root, ".");
}

static void every_option_given_is_stored(void **state)
{
	assert_int_equal(
		PARSE(DEV, "--addr", "10.0.0.2/24", "--addr", "fd00::2/64", "--gateway", "10.0.0.1",
			"--gateway", "fd00::1", "--dhcp", "--slaac", "--mtu", "9000", "--cores",
			"0-1,4", "--placement", "channel", "--idle", "sleep", "--memory", "256",
			"--hugepages", "--quiet", "--stats", "--port", "8080", "--root=/srv", "-o",
			"file", "--loud", "--dns", "10.0.0.1", "--dns", "fd00::1"),
		0);
	assert_int_equal(options.dns_count, 2);
	assert_string_equal(options.dns[1], "fd00::1");
	assert_int_equal(options.interfaces[0].address_count, 2);
	assert_int_equal(options.interfaces[0].gateway_count, 2);
	assert_string_equal(options.interfaces[0].gateways[1], "fd00::1");
	assert_true(options.interfaces[0].dhcp);
	assert_true(options.interfaces[0].slaac);
	assert_int_equal(options.interfaces[0].mtu, 9000);
	assert_string_equal(options.cores, "0-1,4");
	assert_int_equal(options.placement, OPTIONS_CHANNEL);
	assert_int_equal(options.idle, OPTIONS_SLEEP);
	assert_int_equal(options.memory_mb, 256);
	assert_true(options.hugepages);
	assert_true(options.quiet);
	assert_true(options.stats);
	assert_int_equal(own.port, 8080);
	assert_string_equal(own.root, "/srv");
	assert_string_equal(own.output, "file");
	assert_true(own.loud);
}

static void option_with_a_letter_has_two_names(void **state)
{
	assert_int_equal(PARSE(DEV, "--dhcp", "--output", "file"), 0);
	assert_string_equal(own.output, "file");
	assert_int_equal(PARSE(DEV, "--dhcp", "--output=-"), 0);
	assert_string_equal(own.output, "-");
	assert_int_equal(PARSE(DEV, "--dhcp", "-o=file"), 0);
	assert_string_equal(own.output, "file");
	REFUSED("--output is given twice", "once", DEV, "--dhcp", "-o", "a", "--output", "b");
	REFUSED("--output", "FILE is missing", DEV, "--dhcp", "-o");
	REFUSED("unknown option --o", "--help", DEV, "--dhcp", "--o", "file");
	REFUSED("unknown option -ofile", "--help", DEV, "--dhcp", "-ofile");
	REFUSED("unknown option -p", "--help", DEV, "--dhcp", "-p", "80");
}

static void interface_options_belong_to_the_device_before_them(void **state)
{
	assert_int_equal(PARSE("--mtu", "1400", "--dev", "net_tap0", "--addr", "10.0.0.2/24",
				 "--dev", "net_tap1", "--addr", "10.1.0.2/24", "--mtu", "9000",
				 "--gateway", "10.1.0.1"),
		0);
	assert_int_equal(options.interface_count, 2);
	assert_int_equal(options.interfaces[0].mtu, 1400);
	assert_string_equal(options.interfaces[0].addresses[0], "10.0.0.2/24");
	assert_int_equal(options.interfaces[0].gateway_count, 0);
	assert_int_equal(options.interfaces[1].mtu, 9000);
	assert_string_equal(options.interfaces[1].addresses[0], "10.1.0.2/24");
	assert_string_equal(options.interfaces[1].gateways[0], "10.1.0.1");
}

static void device_missing_is_refused(void **state)
{
	REFUSED("--dev is missing", "net_tap0", "--addr", "10.0.0.2/24");
	REFUSED("DEVARGS", "--dev", "--dev");
	REFUSED("empty", "DEVARGS", "--dev", "");
	REFUSED("--dev is missing", "net_tap0", "--port", "80");
}

static void device_twice_is_refused(void **state)
{
	REFUSED("twice", "once", "--dev", "net_tap0", "--dhcp", "--dev", "net_tap0", "--dhcp");
}

static void interface_without_address_is_refused(void **state)
{
	REFUSED("has no address", "--dhcp", "--dev", "net_tap0");
	REFUSED("net_tap1 has no address", "--addr", "--dev", "net_tap0", "--dhcp", "--dev",
		"net_tap1");
	assert_int_equal(PARSE("--dev", "net_tap0", "--dhcp"), 0);
	assert_int_equal(PARSE("--dev", "net_tap0", "--slaac"), 0);
}

static void address_without_prefix_is_refused(void **state)
{
	REFUSED("prefix length is missing", "10.0.0.2/24", DEV, "--addr", "10.0.0.2");
	REFUSED("prefix length is missing", "fd00::2/64", DEV, "--addr", "fd00::2");
}

static void address_with_bad_prefix_is_refused(void **state)
{
	REFUSED("/33", "1 to 32", DEV, "--addr", "10.0.0.2/33");
	REFUSED("/0", "1 to 32", DEV, "--addr", "10.0.0.2/0");
	REFUSED("/129", "1 to 128", DEV, "--addr", "fd00::2/129");
	REFUSED("/", "1 to 32", DEV, "--addr", "10.0.0.2/");
	REFUSED("/-1", "1 to 32", DEV, "--addr", "10.0.0.2/-1");
	REFUSED("/ 24", "1 to 32", DEV, "--addr", "10.0.0.2/ 24");
	REFUSED("/24x", "1 to 32", DEV, "--addr", "10.0.0.2/24x");
	REFUSED("/99999999999999999999", "1 to 32", DEV, "--addr", "10.0.0.2/99999999999999999999");
}

static void address_that_is_none_is_refused(void **state)
{
	REFUSED("not an IP address", "10.0.0.2/24", DEV, "--addr", "10.0.0/24");
	REFUSED("not an IP address", "fd00::2/64", DEV, "--addr", "example.org/24");
	REFUSED("not an IP address", "fd00::2/64", DEV, "--addr", "/24");
	REFUSED("not an IP address", "10.0.0.2/24", DEV, "--addr", "10.0.0.256/24");
}

static void address_no_station_can_have_is_refused(void **state)
{
	REFUSED("224.0.0.1", "unicast", DEV, "--addr", "224.0.0.1/24");
	REFUSED("127.0.0.1", "unicast", DEV, "--addr", "127.0.0.1/8");
	REFUSED("0.0.0.0", "unicast", DEV, "--addr", "0.0.0.0/8");
	REFUSED("255.255.255.255", "unicast", DEV, "--addr", "255.255.255.255/32");
	REFUSED("ff02::1", "unicast", DEV, "--addr", "ff02::1/64");
	REFUSED("::1", "unicast", DEV, "--addr", "::1/128");
	REFUSED("::ffff:10.0.0.1", "unicast", DEV, "--addr", "::ffff:10.0.0.1/96");
	REFUSED("::", "unicast", DEV, "--addr", "::/64");
}

static void address_twice_or_too_many_is_refused(void **state)
{
	REFUSED("twice", "once", DEV, "--addr", "10.0.0.2/24", "--addr", "10.0.0.2/24");
	REFUSED("10.0.0.9/24", "at most 8", DEV, "--addr", "10.0.0.1/24", "--addr", "10.0.0.2/24",
		"--addr", "10.0.0.3/24", "--addr", "10.0.0.4/24", "--addr", "10.0.0.5/24", "--addr",
		"10.0.0.6/24", "--addr", "10.0.0.7/24", "--addr", "10.0.0.8/24", "--addr",
		"10.0.0.9/24");
}

static void gateway_bad_is_refused(void **state)
{
	REFUSED("--gateway 10.0.0.1/24", "10.0.0.1", DEV, "--dhcp", "--gateway", "10.0.0.1/24");
	REFUSED("--gateway router", "fd00::1", DEV, "--dhcp", "--gateway", "router");
	REFUSED("has 10.0.0.1 already", "one of each family", DEV, "--dhcp", "--gateway",
		"10.0.0.1", "--gateway", "10.0.0.3");
}

static void name_server_bad_is_refused(void **state)
{
	REFUSED("--dns server", "fd00::1", DEV, "--dhcp", "--dns", "server");
	REFUSED("--dns 224.0.0.1", "10.0.0.1", DEV, "--dhcp", "--dns", "224.0.0.1");
	REFUSED("10.0.0.4", "at most 3", DEV, "--dhcp", "--dns", "10.0.0.1", "--dns", "10.0.0.2",
		"--dns", "10.0.0.3", "--dns", "10.0.0.4");
}

static void mtu_out_of_range_is_refused(void **state)
{
	REFUSED("--mtu 575", "576 to 9000", DEV, "--dhcp", "--mtu", "575");
	REFUSED("--mtu 9001", "576 to 9000", DEV, "--dhcp", "--mtu", "9001");
	REFUSED("--mtu big", "576 to 9000", DEV, "--dhcp", "--mtu", "big");
	REFUSED("twice", "once", DEV, "--dhcp", "--mtu", "1500", "--mtu", "1500");
}

static void mtu_below_1280_with_ipv6_is_refused(void **state)
{
	REFUSED("IPv6", "1280", DEV, "--addr", "fd00::2/64", "--mtu", "1279");
	REFUSED("IPv6", "1280", DEV, "--slaac", "--mtu", "576");
	assert_int_equal(PARSE(DEV, "--addr", "fd00::2/64", "--mtu", "1280"), 0);
	assert_int_equal(PARSE(DEV, "--addr", "10.0.0.2/24", "--mtu", "576"), 0);
}

static void cores_that_are_no_list_are_refused(void **state)
{
	static const char *const bad[] = {"a", "0,", ",0", "1-0", "0-", "-1", "0,0", "0-2,1",
		"1024", "0 1", "99999999999999999999"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSED(bad[i], "0-1", DEV, "--dhcp", "--cores", bad[i]);
	assert_int_equal(PARSE(DEV, "--dhcp", "--cores", "3,1,5-7"), 0);
}

static void choice_unknown_is_refused(void **state)
{
	REFUSED("--placement thread", "inline|channel", DEV, "--dhcp", "--placement", "thread");
	REFUSED("--idle nap", "poll|yield|sleep", DEV, "--dhcp", "--idle", "nap");
}

static void number_bad_is_refused(void **state)
{
	REFUSED("--port 0", "1 to 65535", DEV, "--dhcp", "--port", "0");
	REFUSED("--port 65536", "1 to 65535", DEV, "--dhcp", "--port", "65536");
	REFUSED("--port -1", "1 to 65535", DEV, "--dhcp", "--port", "-1");
	REFUSED("--port 80x", "1 to 65535", DEV, "--dhcp", "--port", "80x");
	REFUSED("--port +8", "1 to 65535", DEV, "--dhcp", "--port", "+8");
	REFUSED("--memory 143", "144", DEV, "--dhcp", "--memory", "143");
	REFUSED("--memory 0", "MB", DEV, "--dhcp", "--memory", "0");
	REFUSED("--memory 99999999999999999999", "MB", DEV, "--dhcp", "--memory",
		"99999999999999999999");
}

static void option_unknown_or_twice_is_refused(void **state)
{
	REFUSED("--prot", "--help", DEV, "--dhcp", "--prot", "80");
	REFUSED("--port80", "--help", DEV, "--dhcp", "--port80");
	REFUSED("-x", "--help", DEV, "--dhcp", "-x");
	REFUSED("--port is given twice", "once", DEV, "--dhcp", "--port", "1", "--port", "2");
	REFUSED("--cores is given twice", "once", DEV, "--dhcp", "--cores", "1", "--cores=2");
}

static void value_where_none_belongs_is_refused(void **state)
{
	REFUSED("--quiet takes no value", "=yes", DEV, "--dhcp", "--quiet=yes");
	REFUSED("yes is not an option", "--help", DEV, "--dhcp", "--quiet", "yes");
	REFUSED("--port", "missing", DEV, "--dhcp", "--port");
	REFUSED("--root", "DIR is missing", DEV, "--dhcp", "--root", "--port", "80");
	REFUSED("--dev", "missing", "--dev", "--addr", "10.0.0.2/24");
	assert_int_equal(PARSE(DEV, "--dhcp", "--root=--port"), 0);
	assert_string_equal(own.root, "--port");
}

static void operand_is_asked_for_and_taken_once(void **state)
{
	operand = "URL";
	REFUSED("URL is missing", "--help", DEV, "--dhcp");
	REFUSED("one URL", "two", DEV, "--dhcp", "a", "b");
	assert_int_equal(PARSE(DEV, "a", "--dhcp"), 0);
	assert_string_equal(options.operand, "a");
	operand = NULL;
}

static void help_and_version_need_nothing_else(void **state)
{
	assert_int_equal(PARSE("--help"), 0);
	assert_true(options.help);
	assert_int_equal(PARSE("--version"), 0);
	assert_true(options.version);
}

static void help_names_every_option_of_the_tables(void **state)
{
	static const char *const names[] = {"--port", "--root", "-o, --output FILE", "--dev",
		"--addr", "--gateway", "--dhcp", "--slaac", "--mtu", "--cores", "--placement",
		"--idle", "--memory", "--hugepages", "--quiet", "--stats", "--help", "--version"};
	const struct option_spec spec = {
		.program = "test", .summary = "a test", .rows = rows, .row_count = 4, .own = &own};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_print_help(out, &spec);
	fclose(out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr(text, names[i]));
	assert_null(strstr(text, "--man")); /* for the build */
	free(text);
}

/* The page of a program with the rows, to be freed. */
static char *manual_page(const struct option_row *its_rows, unsigned count, const char *notes)
{
	const struct option_spec spec = {.program = "rws-test",
		.summary = "a test",
		.operand = "URL",
		.notes = notes,
		.rows = its_rows,
		.row_count = count,
		.own = &own};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_print_man(out, &spec, "1.2.3");
	fclose(out);
	return text;
}

static void manual_page_has_every_option_of_the_tables(void **state)
{
	static const char *const parts[] = {".TH \"rws\\-test\" 1 \"\" \"rws 1.2.3\"",
		".SH NAME\nrws\\-test \\- a test\n", "\\fIURL\\fR\n",
		"\n.TP\n\\fB\\-\\-port\\fR \\fIN\\fR\n",
		"\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR\n", "\n\\fB\\-\\-loud\\fR\n",
		"\n\\fB\\-\\-placement\\fR \\fIinline|channel\\fR\n", "; 576 to 9000 bytes",
		".SH \"EXIT STATUS\""};
	char *text = manual_page(rows, 4, NULL);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strstr(text, parts[i]) == NULL)
			fail_msg("no \"%s\" in %s", parts[i], text);
	}
	assert_null(strstr(text, "\\-man"));
	assert_null(strstr(text, "  ")); /* the indentation of --help */
	free(text);
}

static void manual_page_escapes_what_would_be_a_request(void **state)
{
	static const struct option_row row = {
		.name = "x", .kind = OPTION_FLAG, .text = "a-b \\ c\n          d"};
	char *text = manual_page(&row, 1, ".first\n\n  'x'  y\n'last");

	assert_non_null(strstr(text, "\na\\-b \\e c d\n"));
	assert_non_null(strstr(text, ".nf\n\\&.first\n.sp\n  'x'  y\n\\&'last\n.fi\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_given_least_are_kept),
		cmocka_unit_test(every_option_given_is_stored),
		cmocka_unit_test(option_with_a_letter_has_two_names),
		cmocka_unit_test(interface_options_belong_to_the_device_before_them),
		cmocka_unit_test(device_missing_is_refused),
		cmocka_unit_test(device_twice_is_refused),
		cmocka_unit_test(interface_without_address_is_refused),
		cmocka_unit_test(address_without_prefix_is_refused),
		cmocka_unit_test(address_with_bad_prefix_is_refused),
		cmocka_unit_test(address_that_is_none_is_refused),
		cmocka_unit_test(address_no_station_can_have_is_refused),
		cmocka_unit_test(address_twice_or_too_many_is_refused),
		cmocka_unit_test(gateway_bad_is_refused),
		cmocka_unit_test(name_server_bad_is_refused),
		cmocka_unit_test(mtu_out_of_range_is_refused),
		cmocka_unit_test(mtu_below_1280_with_ipv6_is_refused),
		cmocka_unit_test(cores_that_are_no_list_are_refused),
		cmocka_unit_test(choice_unknown_is_refused),
		cmocka_unit_test(number_bad_is_refused),
		cmocka_unit_test(option_unknown_or_twice_is_refused),
		cmocka_unit_test(value_where_none_belongs_is_refused),
		cmocka_unit_test(operand_is_asked_for_and_taken_once),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(help_names_every_option_of_the_tables),
		cmocka_unit_test(manual_page_has_every_option_of_the_tables),
		cmocka_unit_test(manual_page_escapes_what_would_be_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
