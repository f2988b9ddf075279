/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/http_path.h"
#include "apps/http_range.h"
#include "apps/http_types.h"

#define BYTES_MAX       (UINT64_C(1) << 40)
#define INDEX           "/index.html"
#define PATH_MAX_LENGTH (REQUEST_URL_MAX + sizeof(INDEX))

/* What a route needs. */
struct visit {
	const struct httpd_server *server;
	const struct httpd_request *request;
	struct httpd_response *response;
	char path[PATH_MAX_LENGTH]; /* decoded */
};

/* ---- The request as such ----------------------------------------------------------------- */

static bool is_reading(const struct httpd_request *request)
{
	return request->parser.method == HTTP_GET || request->parser.method == HTTP_HEAD;
}

static bool is_upload(const struct httpd_request *request)
{
	return request->parser.method == HTTP_PUT || request->parser.method == HTTP_POST;
}

/* Methods that clients do send and that some servers have, but no route here. */
static bool is_elsewhere(const struct httpd_request *request)
{
	return request->parser.method == HTTP_DELETE || request->parser.method == HTTP_OPTIONS ||
		request->parser.method == HTTP_PATCH;
}

/* RFC 9112 3.2: exactly one Host, whose value may be a host's or empty; 1.0 knows of none. */
static bool has_host(const struct httpd_request *request)
{
	if (request->hosts == 0)
		return request->parser.http_minor == 0;
	return request->hosts == 1 && strpbrk(request->headers.host, " \t\"#/<>?@\\^`{|}") == NULL;
}

/* 0, or the status that refuses it whatever it asks for. */
static int check_request(const struct httpd_request *request)
{
	const struct request_headers *headers = &request->headers;

	if (request->parser.http_major != 1)
		return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
	if (!is_reading(request) && !is_upload(request) && !is_elsewhere(request))
		return HTTP_STATUS_NOT_IMPLEMENTED;
	if (!has_host(request))
		return HTTP_STATUS_BAD_REQUEST;
	/* RFC 9112 6.1: a coding that is not known. */
	if (headers->transfer_encoding[0] != '\0' &&
		strcasecmp(headers->transfer_encoding, "chunked") != 0)
		return HTTP_STATUS_NOT_IMPLEMENTED;
	if (headers->expect[0] != '\0' && strcasecmp(headers->expect, "100-continue") != 0)
		return HTTP_STATUS_EXPECTATION_FAILED;
	return 0;
}

static int decode_path(const struct httpd_request *request, char path[PATH_MAX_LENGTH])
{
	struct http_parser_url url;
	const char *text = "/";
	size_t n = 1;

	http_parser_url_init(&url);
	if (http_parser_parse_url(request->url, request->url_length, 0, &url) != 0)
		return -EINVAL;
	if ((url.field_set & 1 << UF_PATH) != 0) {
		text = request->url + url.field_data[UF_PATH].off;
		n = url.field_data[UF_PATH].len;
	}
	return http_path_decode(text, n, path, REQUEST_URL_MAX);
}

/* ---- Parts and versions of a body -------------------------------------------------------- */

/* RFC 9110 14.2: only GET, and with If-Range only when the peer's part is of this very version. */
static void apply_range(struct visit *visit)
{
	const struct request_headers *headers = &visit->request->headers;
	struct httpd_response *response = visit->response;
	uint64_t first, count;

	response->ranges = true;
	response->total = response->body.left;
	if (visit->request->parser.method != HTTP_GET ||
		(headers->if_range[0] != '\0' && strcmp(headers->if_range, response->etag) != 0))
		return;
	switch (http_range_parse(headers->range, response->total, &first, &count)) {
	case HTTP_RANGE_NONE:
		return;
	case HTTP_RANGE_PART:
		response->status = HTTP_STATUS_PARTIAL_CONTENT;
		response->body.offset = first;
		response->body.left = count;
		return;
	case HTTP_RANGE_OUTSIDE:
		httpd_response_error(response, HTTP_STATUS_RANGE_NOT_SATISFIABLE);
		return;
	}
}

/* RFC 9110 13.1.2, 13.1.3, 13.2.2: If-None-Match rules out If-Modified-Since. */
static bool is_unchanged(const struct visit *visit)
{
	const struct request_headers *headers = &visit->request->headers;

	if (headers->if_none_match[0] != '\0')
		return strcmp(headers->if_none_match, "*") == 0 ||
			strstr(headers->if_none_match, visit->response->etag) != NULL;
	return visit->response->modified != 0 &&
		visit->response->modified <= httpd_date_parse(headers->if_modified_since);
}

/* ---- Files ------------------------------------------------------------------------------- */

static int open_status(int result)
{
	switch (result) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
		return HTTP_STATUS_NOT_FOUND;
	case -EACCES:
	case -EPERM:
	case -ELOOP:
	case -EXDEV: /* the way leads out of the root */
	case -ENXIO: /* a FIFO or socket */
		return HTTP_STATUS_FORBIDDEN;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return HTTP_STATUS_SERVICE_UNAVAILABLE;
	default:
		return HTTP_STATUS_INTERNAL_SERVER_ERROR;
	}
}

/* Opens the file, or the index.html of a folder. Its name goes to visit->path. */
static int open_file(struct visit *visit, struct stat *status)
{
	int root = visit->server->options->root_fd;
	int fd = http_path_open(root, visit->path);
	size_t length = strlen(visit->path);

	if (fd < 0)
		return fd;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	close(fd);
	if (!S_ISDIR(status->st_mode))
		return -EACCES;
	memcpy(visit->path + length, INDEX, sizeof(INDEX));
	fd = http_path_open(root, visit->path);
	if (fd >= 0 && (fstat(fd, status) < 0 || !S_ISREG(status->st_mode))) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

static void describe_file(struct visit *visit, int fd, const struct stat *status)
{
	struct httpd_response *response = visit->response;

	response->status = HTTP_STATUS_OK;
	response->type = http_type(visit->path);
	httpd_response_modified(response, status->st_mtim.tv_sec);
	snprintf(response->etag, sizeof(response->etag), "\"%llx.%lx-%llx\"",
		(unsigned long long)status->st_mtim.tv_sec, (unsigned long)status->st_mtim.tv_nsec,
		(unsigned long long)status->st_size);
	response->body =
		(struct httpd_body){.kind = BODY_FILE, .fd = fd, .left = (uint64_t)status->st_size};
}

static void visit_file(struct visit *visit)
{
	struct stat status = {0};
	int fd = open_file(visit, &status);

	if (fd < 0) {
		httpd_response_error(visit->response, open_status(fd));
		return;
	}
	describe_file(visit, fd, &status);
	if (is_unchanged(visit)) {
		httpd_body_close(&visit->response->body);
		visit->response->status = HTTP_STATUS_NOT_MODIFIED;
		return;
	}
	apply_range(visit);
}

/* ---- The rest ---------------------------------------------------------------------------- */

static void visit_bytes(struct visit *visit)
{
	const char *digits = visit->path + strlen("/bytes/");
	char *end = NULL;
	uint64_t n = strtoull(digits, &end, 10);

	if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || n > BYTES_MAX) {
		httpd_response_error(visit->response, HTTP_STATUS_BAD_REQUEST);
		return;
	}
	visit->response->status = HTTP_STATUS_OK;
	visit->response->type = "application/octet-stream";
	visit->response->body = (struct httpd_body){.kind = BODY_PATTERN, .left = n};
	apply_range(visit);
}

static void print_counter(void *user, const char *name, const char *text, uint64_t value)
{
	fprintf(user, "%s %" PRIu64 "\n", name, value);
}

static void visit_stats(struct visit *visit)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out != NULL) {
		rws_counters(visit->server->thread->app->rws, print_counter, out);
		fclose(out);
	}
	visit->response->status = HTTP_STATUS_OK;
	httpd_response_text(visit->response, "text/plain; charset=utf-8", text);
}

/* Answered by httpd_connection.c once it was read, unless it is too long from the start. */
static void visit_upload(struct visit *visit)
{
	const http_parser *parser = &visit->request->parser;

	if ((parser->flags & F_CONTENTLENGTH) != 0 && parser->content_length != UINT64_MAX &&
		parser->content_length > visit->server->options->max_body)
		httpd_response_error(visit->response, HTTP_STATUS_PAYLOAD_TOO_LARGE);
}

static const struct {
	const char *path;
	bool is_prefix;
	bool (*allows)(const struct httpd_request *request);
	const char *allowed;
	void (*visit)(struct visit *visit);
} routes[] = {
	{"/upload", false, is_upload, "PUT, POST", visit_upload},
	{"/stats", false, is_reading, "GET, HEAD", visit_stats},
	{"/bytes/", true, is_reading, "GET, HEAD", visit_bytes},
	{"/", true, is_reading, "GET, HEAD", visit_file},
};

static bool is_route(unsigned i, const char *path)
{
	if (routes[i].is_prefix)
		return strncmp(path, routes[i].path, strlen(routes[i].path)) == 0;
	return strcmp(path, routes[i].path) == 0;
}

static void follow_route(struct visit *visit)
{
	unsigned i = 0;

	while (!is_route(i, visit->path))
		i++; /* the last takes every path */
	if (routes[i].allows(visit->request)) {
		routes[i].visit(visit);
		return;
	}
	visit->response->allow = routes[i].allowed;
	httpd_response_error(visit->response, HTTP_STATUS_METHOD_NOT_ALLOWED);
}

void httpd_route(const struct httpd_server *server, const struct httpd_request *request,
	struct httpd_response *response)
{
	struct visit visit = {.server = server, .request = request, .response = response};
	int status = check_request(request);

	*response = (struct httpd_response){.body.kind = BODY_NONE};
	if (status == 0 && (decode_path(request, visit.path) < 1 || visit.path[0] != '/'))
		status = HTTP_STATUS_BAD_REQUEST;
	if (status != 0)
		httpd_response_error(response, status);
	else
		follow_route(&visit);
}
