/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws: TCP and UDP over raw NICs, the ReadWriteSocket API.
 *
 * A runtime (struct rws) owns devices and stack cores. A selector belongs to one application
 * thread and owns the sockets that thread creates. A socket's bytes flow through channels: one
 * that the application reads, one that it writes; a job stands for each direction and one, the
 * socket's context, for its life.
 *
 * Conventions
 *   - No call blocks unless its name says await, join, select or run_once. Where it cannot go on it returns
 *     -EAGAIN, and an event says when to try again.
 *   - Results are 0 or a count, or a negative errno value. A read of more than 0 bytes that returns
 *     0 is the end of the stream, and nothing else returns 0.
 *   - Handles (rws_socket_t, rws_channel_t, rws_job_t) are numbers that are never reused soon: a
 *     call with one that was disposed returns -EBADF, or does nothing where it returns void.
 *   - Threads: everything on a selector and its sockets belongs to the thread that created the
 *     selector; other threads get -EXDEV. The exceptions are rws_close, rws_dispose, rws_flush,
 *     rws_job_cancel and rws_selector_post, which any thread may call.
 *   - Times are nanoseconds, int64_t; a deadline is a point on the clock of rws_now(). One that has
 *     passed, such as all below 0, does not wait, as RWS_NOW.
 *   - The library never prints, exits or raises signals. After a fork the parent alone may use it.
 *
 * Names follow ktor's io.ktor.network.sockets in snake case.
 */
#ifndef RWS_H
#define RWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t rws_socket_t;
typedef uint64_t rws_channel_t;
typedef uint64_t rws_job_t;

#define RWS_NONE    ((uint64_t)0) /* no handle */
#define RWS_FOREVER INT64_MAX     /* deadline: wait without end */
#define RWS_NOW     ((int64_t)0)  /* deadline: do not wait */

/* ---- Runtime ---------------------------------------------------------------------------- */

struct rws;
struct rws_selector;

/* Text of the release, "MAJOR.MINOR.PATCH". */
const char *rws_version(void);

enum rws_placement {
	RWS_INLINE,  /* the application's threads are the stack cores: lowest latency */
	RWS_CHANNEL, /* stack cores are threads of their own, joined to selectors by rings */
};

enum rws_idle {
	RWS_IDLE_POLL,  /* a stack core with nothing to do keeps polling (default) */
	RWS_IDLE_YIELD, /* it yields its CPU between polls */
	RWS_IDLE_SLEEP, /* it sleeps until a frame, a request or a timer is due */
};

/* One network interface: a device and its addresses. */
struct rws_interface {
	const char *device;           /* DPDK devargs or PCI address, e.g. "net_tap0,iface=rws0" */
	const char *const *addresses; /* "10.0.0.2/24", "fd00::2/64"; prefix 1 to 32, to 128 */
	unsigned address_count;       /* at most one of IPv4, 4 of IPv6 */
	const char *const *gateways;  /* "10.0.0.1" (of its address's network), "fd00::1" */
	unsigned gateway_count;       /* one of each family at most */
	bool dhcp;                    /* IPv4 address and gateway from a DHCP server */
	bool slaac;                   /* IPv6 addresses from router advertisements */
	uint16_t mtu; /* bytes, 576 (1280 with IPv6) to 9000; 0: the device's, at most 1500 */
};

/* What rws_create takes; copied at the call. */
struct rws_config {
	size_t size; /* sizeof(struct rws_config), set by rws_config_init */
	const struct rws_interface *interfaces; /* devices and their addresses */
	unsigned interface_count;               /* 1 to 8 */
	const char *cores;            /* CPUs of the stack cores, "0", "0-1", "2,4"; NULL for "0" */
	enum rws_placement placement; /* where the application runs */
	enum rws_idle idle;           /* what a stack core does that has nothing to do */
	/*
	 * MB for packet buffers and rings in all: 144 at least, and 80 more for each stack core after
	 * the first; 0 for a default.
	 */
	unsigned memory_mb;
	bool hugepages; /* needed by most PCI devices, not by virtual ones */
	/*
	 * Sockets of each selector at most, and connections of each stack core, 65,536 of those at
	 * least: up to 16,777,215; 0 for 65,536. Memory is reserved for all of them, about 1.3 KB
	 * each, and used as they come; packet buffers and rings are not part of it.
	 */
	unsigned sockets;
	/*
	 * Bytes that the send buffer of a connection grows to by itself, where the socket's options
	 * do not set one; 0 for 4 MiB. All connections of a selector together grow by half of its
	 * packet buffers at most, and by nothing while half are in use or any of them waits for one.
	 */
	uint32_t send_buffer_max;
	/*
	 * Name servers for rws_tcp_connect_host, asked in this order: "10.0.0.1", "fd00::1", with a
	 * port where it is not 53: "[fd00::1]:5353". At most 3; none: those that DHCP and router
	 * advertisements name.
	 */
	const char *const *dns;
	unsigned dns_count; /* 0 to 3 */
};

/* Defaults: nothing but size set, all else zero. */
void rws_config_init(struct rws_config *config);

/* What went wrong in a set-up call, and what to do about it. */
struct rws_error {
	int code;       /* negative errno, 0 for none */
	char text[512]; /* a sentence for people */
};

/*
 * Starts devices and stack cores. One runtime in the life of a process, as DPDK starts once: there
 * is no second one after rws_destroy, nor after a device or stack core could not be started. With
 * RWS_INLINE no stack core runs until selectors are created for it. Returns 0, or a negative errno
 * with *error filled (error may be NULL): -EINVAL bad configuration, -ENODEV no such device, -EPERM
 * or -EACCES missing privileges, -ENOMEM, -EADDRINUSE, -EALREADY there is or was one, -ENOTSUP.
 */
int rws_create(const struct rws_config *config, struct rws **out, struct rws_error *error);

/*
 * Stops stack cores and devices and frees everything. All selectors must be closed (-EBUSY else).
 * Returns how many packet buffers had not come back: 0 unless there is a leak. Of those that
 * net_af_xdp's driver keeps, up to 4,096 for each queue, nothing is said.
 */
int rws_destroy(struct rws *rws);

/* Number of stack cores. */
unsigned rws_core_count(const struct rws *rws);

/*
 * An interface as it is now, index from 0. Any thread; -ENOENT past the last one. Offloads are a
 * text such as "rx-checksum tx-checksum scatter", for people.
 */
struct rws_interface_info {
	char device[64];        /* as it was asked for, without its options */
	char driver[32];        /* DPDK's poll-mode driver */
	uint8_t mac[6];         /* Ethernet address */
	uint16_t mtu;           /* bytes */
	uint16_t queues;        /* receive queues in use; as many to send */
	bool link_up;           /* the cable is in, and the other end is there */
	bool gone;              /* the device was taken away, for good; its link is down */
	char offloads[128];     /* what the device does for the stack */
	unsigned address_count; /* of addresses */
	char addresses[8][64];  /* "10.0.0.2/24"; usable ones, not tentative */
	char gateway[64];       /* IPv4, empty without */
};
int rws_interface_info(struct rws *rws, unsigned index, struct rws_interface_info *info);

/*
 * Calls fn once for every counter: name as in docs/counters.md ("tcp.retransmits",
 * "drop.udp_queue_full"), summed over stack cores. Any thread. Returns how many.
 */
unsigned rws_counters(struct rws *rws,
	void (*fn)(void *user, const char *name, const char *text, uint64_t value), void *user);

/* ---- Addresses -------------------------------------------------------------------------- */

enum { RWS_IPV4 = 4, RWS_IPV6 = 6 };

/* Of one end of a connection or datagram. */
struct rws_address {
	uint8_t family; /* RWS_IPV4 or RWS_IPV6; 0: any address of either family */
	uint8_t scope;  /* IPv6 link-local: interface index + 1; 0 for none */
	uint16_t port;  /* host order */
	uint8_t ip[16]; /* network order, IPv4 in the first four bytes */
};

#define RWS_ADDRESS_TEXT 64

/* "10.0.0.2:80", "[fd00::2]:80", "*:80" or ":80" (any), "10.0.0.2" (port 0). 0 or -EINVAL. */
int rws_address_parse(const char *text, struct rws_address *address);

/* The inverse; returns text. */
const char *rws_address_format(const struct rws_address *address, char text[RWS_ADDRESS_TEXT]);

bool rws_address_equal(const struct rws_address *a, const struct rws_address *b);

/* ---- Selectors and waiting -------------------------------------------------------------- */

/*
 * Creates a selector for the calling thread. With RWS_INLINE the thread becomes stack core `core`
 * (0 to rws_core_count - 1, each once) and is pinned to its CPU; with RWS_CHANNEL the selector is
 * joined to all stack cores, and core is ignored. Returns 0, -EINVAL, -EBUSY (core taken), -ENOMEM,
 * -ENOSPC (there are 64), -EMFILE, -ENFILE.
 */
int rws_selector_create(struct rws *rws, unsigned core, struct rws_selector **out);

/*
 * Closes it: every wait returns -ECANCELED, sockets still alive are aborted (RST) and disposed.
 * Returns how many those were, or -EXDEV.
 */
int rws_selector_close(struct rws_selector *sel);

/* Monotonic time, ns, as of the last turn of the loop; it is what deadlines are compared with. */
int64_t rws_now(struct rws_selector *sel);

/* One turn of the loop without waiting; callbacks run from here. Returns 0 or -EXDEV, -EDEADLK. */
int rws_selector_run_once(struct rws_selector *sel);

enum {
	RWS_EV_READABLE = 1 << 0,     /* bytes, or a datagram, can be read */
	RWS_EV_WRITABLE = 1 << 1,     /* room to write, after a write returned -EAGAIN */
	RWS_EV_RX_EOF = 1 << 2,       /* the peer ended its direction; buffered bytes come first */
	RWS_EV_TX_DRAINED = 1 << 3,   /* all flushed bytes were handed to TCP */
	RWS_EV_TX_ACKED = 1 << 4,     /* all flushed bytes were acknowledged by the peer */
	RWS_EV_ACCEPTABLE = 1 << 5,   /* rws_accept has a connection */
	RWS_EV_CONNECTED = 1 << 6,    /* the connection stands */
	RWS_EV_JOB_DONE = 1 << 7,     /* handle is a job that ended; result as rws_job_result */
	RWS_EV_CONTEXT_DONE = 1 << 8, /* the socket's life ended; result as its context's */
	RWS_EV_ERROR = 1 << 9,        /* result is the cause */
};

/* What rws_selector_select tells, and callbacks get. */
struct rws_event {
	uint64_t handle; /* socket, or job for RWS_EV_JOB_DONE */
	uint32_t bits;   /* RWS_EV_* */
	int32_t result;  /* 0 or negative errno */
	uint64_t avail;  /* bytes that can be read; for a bound UDP socket, datagrams */
	void *user;      /* of rws_set_user, when the event was told */
};

/*
 * The main way to wait: runs the loop until there are events or the deadline passes, and returns
 * how many of at most max it wrote; 0 at the deadline. Events are edges, merged per socket: one
 * that was told is told again only after a call returned -EAGAIN. Sockets with a callback (rws_on)
 * for an event do not show it here. -EXDEV; -EDEADLK from a callback; -EINTR when a signal or
 * rws_selector_post interrupted the sleep with nothing to tell. With RWS_IDLE_SLEEP only there is a
 * sleep for signals to interrupt, and one that comes while the loop runs does not.
 *
 * One socket may have up to four entries: its own, one of each of its two jobs, and CONTEXT_DONE in
 * the end; jobs of rws_copy_to come behind those of all sockets. All are written before the first is
 * looked at: when a socket is disposed at one of them, those behind it still have its handle, which
 * is bad by then, and the user that it had. Whoever frees with the socket what user points to asks
 * rws_user(handle) instead, which is NULL then.
 */
int rws_selector_select(
	struct rws_selector *sel, struct rws_event *events, unsigned max, int64_t deadline);

/*
 * A descriptor for epoll or poll that is readable when the selector has something to do, which
 * includes a limit of time that has passed; armed only while the loop is not running, from the
 * next end of rws_selector_select, rws_selector_run_once or an await on. What the owner's own calls
 * leave to do after that does not make it readable: call rws_selector_select with RWS_NOW until it
 * returns 0, and sleep then. It is not for reading: a turn of the loop makes it unreadable again.
 * Owner: the selector. -ENOTSUP with RWS_INLINE; -EMFILE, -ENFILE, -ENOMEM.
 */
int rws_selector_eventfd(struct rws_selector *sel);

/*
 * Runs fn(user) in the selector's loop, once, unless the selector closes before. Any thread. 0,
 * -EAGAIN when 1,024 wait already, -EBADF when there is no such selector, also of one that was
 * closed; but a later one may have its address.
 */
int rws_selector_post(struct rws_selector *sel, void (*fn)(void *user), void *user);

/*
 * Runs the loop until one of the bits is true of the socket, channel or job, and returns the bits
 * that are. Levels, not edges: true at once when already so; an error of a UDP socket until its
 * event was taken. -ETIMEDOUT at the deadline, without any effect on the handle; the cause when it
 * failed meanwhile; -EBUSY when another await for the same bit is under way on it; -EDEADLK from a
 * callback; -ECANCELED when the selector closes; -EINVAL when none of the bits can ever be true of
 * such a handle: UDP has no RWS_EV_RX_EOF, and without a peer nothing that comes of connections,
 * channels and jobs.
 */
int rws_await(uint64_t handle, uint32_t bits, int64_t deadline);

/*
 * Calls fn from the loop for each of the bits, never from within an API call. One callback a bit;
 * NULL removes it. handle is a socket, or any job or channel that is a part of it, which means the
 * socket; RWS_EV_JOB_DONE is told of both jobs. -EBUSY when one of the bits has a callback, -EINVAL
 * for other bits or none, -EBADF also of channels of the caller's and jobs of rws_copy_to, -ENOMEM.
 */
typedef void rws_callback(void *user, const struct rws_event *event);
int rws_on(uint64_t handle, uint32_t bits, rws_callback *fn, void *user);

/* ---- Sockets ---------------------------------------------------------------------------- */

/*
 * Options, all zero for the defaults in brackets; copied at the call. Which kinds of socket have
 * one is said before the colon: connections and listeners (TCP), connections that are opened
 * (connect), listeners, UDP; without a word all do. An option that the socket's kind does not have
 * is refused with -ENOPROTOOPT, a negative time with -EINVAL. What a listener cannot use itself it
 * keeps for the connections it accepts. Times of TCP's own are rounded up to milliseconds, at most
 * 1,000,000 s.
 */
struct rws_options {
	uint8_t type_of_service; /* IPv4 ToS, IPv6 traffic class [0]; TCP fills in ECN's two bits */
	uint8_t ttl;             /* time to live, hop limit [64] */
	bool reuse_address;      /* bind although old connections linger on the address */
	bool reuse_port;         /* several sockets, one a core, on one address */
	bool delay;              /* TCP: Nagle's algorithm; off by default, as in ktor */
	bool keep_alive;         /* TCP: probe idle peers (RFC 9293 3.8.4) */
	bool broadcast;          /* UDP: may send to broadcast addresses */
	bool rst_drop;           /* TCP: a reset discards bytes received before it [deliver them] */
	uint16_t backlog;        /* listeners: connections waiting for accept [511] */
	/*
	 * Bytes written and not yet acknowledged [1 MiB, TCP: growing]. TCP takes fewer while the
	 * other connections of the selector hold many of its packet buffers, down to two of 2 KiB.
	 */
	uint32_t send_buffer;
	/*
	 * Bytes received and not yet read [1 MiB, TCP: growing]. TCP has 11,680 to 8 MiB, UDP 131,014
	 * at least, so that any datagram fits; less or more becomes that. Up to 255 more may come by
	 * TCP for who waits for what makes it full.
	 */
	uint32_t receive_buffer;
	int64_t linger_ns;        /* how long close may take to send what is buffered [30 s] */
	bool linger_zero;         /* TCP: close sends RST at once */
	struct rws_address local; /* connect: local end [any] */
	int64_t keep_idle_ns;     /* TCP, with keep_alive: silence before the first probe [2 h] */
	int64_t keep_interval_ns; /* TCP, with keep_alive: time between probes [75 s] */
	uint32_t keep_count;      /* TCP: probes without an answer that end it, 1 to 255 [9] */
	/*
	 * TCP: how long sent bytes may stay unacknowledged before the connection ends with
	 * -ETIMEDOUT, the user timeout of RFC 9293 3.8.3, which RFC 5482 is about; it is not told to
	 * the peer [0: about 15 minutes, R2]. It bounds the handshake as well.
	 */
	int64_t user_timeout_ns;
	/*
	 * TCP: how long one direction may wait with nothing happening before its channel fails with
	 * -ETIMEDOUT, and its job; the other direction goes on, and the socket closes when both are
	 * over [0: for ever]. Reading waits while RWS_EV_READABLE is still to be told (from the
	 * opening of the channel or an -EAGAIN on), during an await, and for a job that moves bytes
	 * on to another socket; bytes that arrive end or renew it. Writing waits after an -EAGAIN,
	 * during an await, and while a closed channel is not sent; acknowledgements renew it, but
	 * not of single bytes, which probes of a closed window carry. Bytes received before stay
	 * readable; after an expired write rws_close resets, so that the peer sees the truncation.
	 */
	int64_t socket_timeout_ns;
	/* connect: how long until it fails with -ETIMEDOUT [0: TCP's own patience, 3 minutes] */
	int64_t connect_timeout_ns;
	uint8_t multicast_ttl;  /* UDP: time to live, hop limit of what goes to groups [1] */
	bool no_multicast_loop; /* UDP: what goes to a group is not for members on this host */
};

/*
 * What is in effect: defaults filled in, values clamped and rounded, buffers as they have grown;
 * also what an accepted socket inherited. 0, -EBADF, -EXDEV.
 */
int rws_get_options(rws_socket_t s, struct rws_options *options);

/*
 * Changes what may change while a socket lives: all but reuse_address, reuse_port, receive_buffer,
 * local and connect_timeout_ns, which must be as rws_get_options tells them, or as they were asked
 * for. Of a listener: for connections that come from now on. Waits until the stack answered (at most
 * one turn of its loop). 0, or without any effect -ENOPROTOOPT, -EINVAL, -ESHUTDOWN (closed or
 * dead), -ENOTCONN (still connecting by name), -EOPNOTSUPP (TLS: set them before it begins),
 * -ENOBUFS, -ENOMEM, -EBADF, -EXDEV.
 */
int rws_set_options(rws_socket_t s, const struct rws_options *options);

/*
 * Starts a connection; ends with RWS_EV_CONNECTED, or RWS_EV_ERROR and the context's result:
 * -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH (no route, the link is down, or we have no
 * IPv6 address that may be used yet: that takes a second from the link's coming up, RFC 4862 5.4, see
 * rws_interface_info), -EINVAL (our own address, or a subnet's broadcast address), -EPROTO (somebody
 * on the way could not read our header), of options->local -EADDRNOTAVAIL and -EADDRINUSE. options
 * may be NULL. Fails at once with -EINVAL, -EAFNOSUPPORT, -ENOBUFS, -ENOPROTOOPT, -EXDEV.
 */
int rws_tcp_connect(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_options *options, rws_socket_t *s);

/*
 * The same by name: "example.org:80", or an address as text, "10.0.0.1:80" or "[fd00::1]:80", which
 * is connected to as it is. Asks the name servers (struct rws_config, or those that the network
 * named) for the name's IPv6 and IPv4 addresses, at most 8 each, and tries them in the order and
 * with the delays of RFC 8305: families take turns, IPv6 first where the runtime has an IPv6 address
 * of the destination's kind (local, RFC 4193, or not; of RFC 6724 no more than that), a new attempt
 * when the ones before failed or 250 ms after the last. The first that stands is the socket's
 * connection; the others are given up. With options->local only addresses of its family.
 *
 * Ends as rws_tcp_connect, with the cause of the last attempt; or, without an address to try: -ENXIO
 * the name does not exist or has no addresses, -EREMOTEIO every server failed or refused to answer,
 * -ETIMEDOUT none answered: each is asked twice within 3 s. Nothing is remembered from one call to
 * the next, there is no fallback to TCP for an answer that does not fit into a datagram. The socket
 * may be closed or disposed at any time.
 *
 * Fails at once with -EINVAL (neither an address nor a name of RFC 1123 with a port from 1 on),
 * -EDESTADDRREQ (no name server is known), -ENOBUFS (also: 1,024 are under way in the selector),
 * -EXDEV. Each search has one socket of the selector's.
 */
int rws_tcp_connect_host(struct rws_selector *sel, const char *host,
	const struct rws_options *options, rws_socket_t *s);

/*
 * Listens; local NULL is any address and port. Port 0 picks one, see rws_local_address. Waits until
 * the stack answered (at most one turn of its loop): 0, -EADDRINUSE, -EADDRNOTAVAIL, -EAFNOSUPPORT,
 * -EINVAL, -ENOBUFS, -ENOMEM, -ENOPROTOOPT, -EXDEV.
 */
int rws_tcp_bind(struct rws_selector *sel, const struct rws_address *local,
	const struct rws_options *options, rws_socket_t *server);

/*
 * Takes an established connection; it inherits the listener's options. -EAGAIN when there is none,
 * -ECANCELED after close, -EINVAL for what is no listener. A peer that is gone by then is skipped.
 * The burst form returns how many of at most n it wrote.
 */
int rws_accept(rws_socket_t server, rws_socket_t *s);
int rws_accept_burst(rws_socket_t server, rws_socket_t *s, unsigned n);

/* UDP: bound, and connected (local may be NULL for both). Waits and errors as rws_tcp_bind. */
int rws_udp_bind(struct rws_selector *sel, const struct rws_address *local,
	const struct rws_options *options, rws_socket_t *s);
int rws_udp_connect(struct rws_selector *sel, const struct rws_address *remote,
	const struct rws_address *local, const struct rws_options *options, rws_socket_t *s);

#define RWS_DATAGRAM_MAX 65507u

/* One datagram, to send or to be filled. */
struct rws_datagram {
	void *data;      /* send: payload; receive: caller's buffer */
	size_t length;   /* send: bytes, 0 is a datagram too; receive: bytes stored in data */
	size_t capacity; /* receive: size of the buffer */
	bool truncated;  /* receive: the datagram was longer than the buffer */
	/* send: destination, family 0 for the connected peer; receive: who sent it */
	struct rws_address address;
	/*
	 * receive: where it was sent to, an address of this host's, a group's or a broadcast one,
	 * with the socket's port. send: where it comes from; family 0, or one that it can only be
	 * sent to, leaves that to routing; port 0 or the socket's. So what was received, with its
	 * addresses as they are, goes back from the address that was asked (RFC 1122 4.1.3.5).
	 */
	struct rws_address local;
};

/*
 * Sends one datagram, copied. -EAGAIN when the send buffer is full, -EMSGSIZE, -EACCES, -EISCONN,
 * -EDESTADDRREQ, -EAFNOSUPPORT (local and destination differ in family), -EINVAL (no destination,
 * local port of another), -EADDRNOTAVAIL (local is not the connected socket's), -ESHUTDOWN after
 * close. What only the stack core knows is an RWS_EV_ERROR that follows, and the datagram is not
 * sent: -EADDRNOTAVAIL for a local address that is not ours, or not yet, not the one the socket is
 * bound to, or of another link than the destination; -EACCES for a subnet's broadcast address;
 * -ENETUNREACH as with rws_tcp_connect; -ENOBUFS for want of memory, or while the link is down. The
 * burst form returns how many were taken; an error only when the first was refused.
 */
int rws_send(rws_socket_t s, const struct rws_datagram *datagram);
int rws_send_burst(rws_socket_t s, const struct rws_datagram *datagrams, unsigned n);

/*
 * Receives one datagram; -EAGAIN, -ECANCELED after close, -EBUSY where a channel reads them. The
 * burst form returns how many.
 */
int rws_receive(rws_socket_t s, struct rws_datagram *datagram);
int rws_receive_burst(rws_socket_t s, struct rws_datagram *datagrams, unsigned n);

/* Datagrams lost so far because the receive buffer was full. */
uint64_t rws_receive_dropped(rws_socket_t s);

/*
 * Joins a multicast group (224.0.0.0/4, ff00::/8) on an interface, by its index as in
 * rws_interface_info, or leaves it; RWS_ALL_INTERFACES: on all of them. A member gets what is sent to
 * the group and to its port, on whichever stack core it lives; IGMP and MLD tell the network of the
 * first and the last one. To send to a group takes no membership. Closing leaves all. Waits until the
 * stack answered. 0; -EINVAL (not a group, no such interface, not a UDP socket), -EADDRINUSE (joined
 * already), -EADDRNOTAVAIL (leaves what it never joined), -ENOBUFS (more than 32 of the socket, or
 * different ones of a stack core other than the first than 256), -ESHUTDOWN, -EBADF, -EXDEV.
 */
#define RWS_ALL_INTERFACES UINT32_MAX
int rws_multicast_join(rws_socket_t s, const struct rws_address *group, uint32_t interface);
int rws_multicast_leave(rws_socket_t s, const struct rws_address *group, uint32_t interface);

/*
 * Opens the socket's read or write channel; each once in its life, -EALREADY after, without any
 * effect. -ESHUTDOWN on a closed socket. With auto_flush each write is sent without rws_flush.
 *
 * A connected UDP socket has them, too (-ENOTCONN for others). What is written between two flushes
 * is one datagram; a write that would make it longer than RWS_DATAGRAM_MAX is refused with -EMSGSIZE
 * and takes nothing. A write of 0 bytes begins a datagram that may stay empty. A reading call gets
 * bytes of one datagram only, see rws_read_boundary, and one that meets an empty datagram takes
 * that and returns -ENOMSG; 0 is the end as ever. Datagrams come either this way or by rws_receive:
 * who comes second gets -EBUSY. rws_send may be used beside the write channel. Closing the write
 * channel tells the peer nothing, with a cause it drops what was not sent. Calls for lines, for
 * buffers that are kept or donated, and rws_copy_to are -EOPNOTSUPP.
 */
int rws_open_read_channel(rws_socket_t s, rws_channel_t *ch);
int rws_open_write_channel(rws_socket_t s, bool auto_flush, rws_channel_t *ch);

/* Both, or none: in to read from, out to write to (without auto flush). */
int rws_connection(rws_socket_t s, rws_channel_t *in, rws_channel_t *out);

/*
 * The same with a channel of the caller's. attach_for_reading moves received bytes into ch, and
 * its job writes the channel (hence writer job); attach_for_writing sends what is written to ch.
 * A channel may be attached once for each, also to two sockets, or twice to one: received bytes go
 * on in their buffers then, and the window of the one follows the other; ch holds no more than the
 * receive buffer of the socket that it is attached to for reading. ch stays the caller's, who
 * disposes it when its jobs are done. -EALREADY, -ESHUTDOWN (ch fails with it), -EBUSY (rws_copy_to
 * has it), -EINVAL (ch is a socket's own, of another selector, or s a listener), its cause when ch
 * has failed, -ENOMEM, -EBADF, -EXDEV. job may be NULL. A channel between
 * a UDP socket and another one is -EOPNOTSUPP; what was written to ch before, flushed, is the first
 * datagram (-EMSGSIZE; -EBUSY before rws_written), and for reading ch must be empty (-EINVAL).
 */
int rws_attach_for_reading(rws_socket_t s, rws_channel_t ch, rws_job_t *writer_job);
int rws_attach_for_writing(rws_socket_t s, rws_channel_t ch, rws_job_t *reader_job);

/* The job that stands for the socket's life; RWS_NONE for a bad handle. */
rws_job_t rws_socket_context(rws_socket_t s);

/* The context has completed; not merely that close was called. True for a bad handle. */
bool rws_is_closed(rws_socket_t s);

/* Runs the loop until then; the context's result, or -ETIMEDOUT at the deadline. */
int rws_await_closed(rws_socket_t s, int64_t deadline);

/*
 * Closes gracefully: flushes and sends what was written, then FIN; unread bytes are discarded, but
 * for those of a stream that came to its end, which stay readable until the socket is disposed.
 * Idempotent. With nothing open it is complete on return. Any thread. 0 or -EBADF.
 */
int rws_close(rws_socket_t s);

/*
 * The same with a bound of its own, after which come RST and -ETIMEDOUT; and of TCP the context
 * completes only when the peer has acknowledged our FIN. -EINVAL when ns is below 0.
 */
int rws_close_linger(rws_socket_t s, int64_t ns);

/* RST now; the context's result is cause (negative errno, else -ECONNABORTED). */
int rws_abort(rws_socket_t s, int cause);

/*
 * Closes if that was not done and forgets the handle once the context is complete; it is -EBADF
 * from here on, as are its channels and jobs. Any thread.
 */
void rws_dispose(rws_socket_t s);

/* -EINVAL not bound, -ENOTCONN not connected (yet). Valid until dispose. */
int rws_local_address(rws_socket_t s, struct rws_address *address);
int rws_remote_address(rws_socket_t s, struct rws_address *address);

/* A pointer of the application's, which comes with each event. 0, -EBADF, -EXDEV. */
int rws_set_user(rws_socket_t s, void *user);

/*
 * That of a socket, or of the one that a job is of; of a job of rws_copy_to what its event carries.
 * NULL for a bad handle, such as any of a socket that was disposed.
 */
void *rws_user(uint64_t handle);

/* ---- Jobs ------------------------------------------------------------------------------- */

/*
 * Ends that direction: a writer job's channel fails with -ECANCELED, sending goes on; a reader
 * job's unsent bytes are dropped and the peer gets RST, as with the context, which is the whole
 * socket; for rws_copy_to see there. Any thread. 0 or -EBADF.
 */
int rws_job_cancel(rws_job_t job);

/* Runs the loop until it completed: 0, or -ETIMEDOUT, -EBADF, -EDEADLK. */
int rws_job_join(rws_job_t job, int64_t deadline);

bool rws_job_is_active(rws_job_t job);
bool rws_job_is_completed(rws_job_t job);
bool rws_job_is_cancelled(rws_job_t job);

/* 0 well, the cause as negative errno, -EINPROGRESS while active, -EBADF. */
int rws_job_result(rws_job_t job);

/* The channel it moves bytes of; RWS_NONE for a socket's context. */
rws_channel_t rws_job_channel(rws_job_t job);

/* Calls fn once from the loop when it completes, also when it already has. -EBUSY: has one. */
int rws_job_on_completion(
	rws_job_t job, void (*fn)(void *user, rws_job_t job, int result), void *user);

/* ---- Byte channels ---------------------------------------------------------------------- */

/*
 * A channel of the application's own: what is written to it can be read from it. capacity in
 * bytes, 0 for 1 MiB, more than 2 GiB is 2 GiB. To be attached to sockets, or as a pipe within the
 * thread. 0, -ENOBUFS when there are as many as sockets may be (struct rws_config), or 16,384 if
 * that is more, -EXDEV. Freed by rws_channel_dispose or with the selector, and by nothing else: not
 * with the sockets that it is attached to.
 */
int rws_channel_create(
	struct rws_selector *sel, size_t capacity, bool auto_flush, rws_channel_t *ch);

/*
 * Frees it at once, with what is in it; the handle is bad from here on. Jobs that still move its
 * bytes end as with rws_channel_close and -ECANCELED: a socket that has not got all of them to send
 * resets. After they are done it harms none.
 */
void rws_channel_dispose(rws_channel_t ch);

/*
 * Reads what there is, at most n bytes. 0 at the end of the stream (or for n = 0), -EAGAIN while
 * empty, the cause once failed. readv scatters over vectors.
 */
ssize_t rws_read_available(rws_channel_t ch, void *buf, size_t n);
ssize_t rws_readv(rws_channel_t ch, const struct iovec *iov, int count);

/*
 * Reads all n bytes over as many calls as it takes: *got, 0 before the first, tells how far it
 * is. 0 when complete, -EAGAIN, -ENODATA at a premature end (the *got bytes are in buf), or the cause.
 */
int rws_read_fully(rws_channel_t ch, void *buf, size_t n, size_t *got);

/* Flag of rws_read_utf8_line: a CR without LF ends a line as well. */
#define RWS_LINE_LONE_CR 1u

/*
 * Reads one line, which LF or CRLF ends: its text goes to buf, without what ends it and without a
 * zero behind it, and *length is how many bytes that are; the bytes are not checked to be UTF-8.
 * Returns 1, also for an empty line and for a last one that nothing ends; 0 at the end of the
 * stream. -EAGAIN while it is not complete, and then nothing is consumed and *length is how much is
 * there; READABLE tells of more bytes, and the wait for them is
 * rws_await_content(ch, rws_available_for_read(ch) + 1, deadline). -EMSGSIZE, and nothing is
 * consumed, when the text is longer than limit, cap or the channel; *length is how long at least.
 * The cause when the stream failed within the line: what is there stays readable. -EINVAL for
 * unknown flags.
 */
int rws_read_utf8_line(
	rws_channel_t ch, char *buf, size_t cap, size_t limit, unsigned flags, size_t *length);

/*
 * Of a connected UDP socket's channel: 1 when the bytes read so far are whole datagrams, 0 when
 * there is more of the last one. -EOPNOTSUPP for streams. rws_read_fully returns -ENODATA when a
 * datagram ends before n bytes, as do rws_request and rws_peek_to for bytes beyond it.
 */
int rws_read_boundary(rws_channel_t ch);

/* Drops at most max bytes of what there is; returns as rws_read_available. */
ssize_t rws_discard(rws_channel_t ch, size_t max);

/* Copies up to n bytes from offset off without consuming; how many, or as rws_read_available. */
ssize_t rws_peek_to(rws_channel_t ch, size_t off, void *buf, size_t n);

/*
 * Bytes that the application keeps, in the buffers in which they came: freed with rws_buf_free, at
 * the latest when their selector closes. NULL is an empty one. They are of one thread, the
 * selector's.
 */
struct rws_buf;

/* Flag of rws_read_detach: the receive window does not grow before the buf is freed. */
#define RWS_BUF_HOLDS_WINDOW 1u

/*
 * Takes what there is, at most max bytes, out of the channel into *buf, as a rule without a copy;
 * returns as rws_read_available, and *buf is NULL unless that is > 0. The receive window grows at
 * once, or with RWS_BUF_HOLDS_WINDOW when the buf is freed; until then its socket keeps its
 * resources, also when it is disposed. -ENOBUFS when too much is kept already (1,024 buffers of a
 * socket, 4,096 of a selector, of about a segment each): free some, or read by copying.
 */
ssize_t rws_read_detach(rws_channel_t ch, size_t max, unsigned flags, struct rws_buf **buf);

/*
 * The same with exactly n bytes: 0; -EAGAIN while there are fewer, -ENODATA when the stream ended
 * with fewer, which stay readable; the cause; -ENOBUFS; -EINVAL when n exceeds the capacity.
 */
int rws_read_packet(rws_channel_t ch, size_t n, struct rws_buf **buf);

/*
 * Takes all up to the end of the stream, or to limit bytes, over as many calls as it takes: *buf,
 * NULL before the first, has what came so far. 0 when complete, -EAGAIN, or the cause (*buf has
 * what came before it). -ENOBUFS as above: go on with another buf (NULL). -EINVAL for a buf that
 * came from another channel.
 */
int rws_read_remaining(rws_channel_t ch, size_t limit, struct rws_buf **buf);

size_t rws_buf_length(const struct rws_buf *buf);

/* Describes its bytes from `skip` on in at most n vectors; how many. They hold until it is freed. */
int rws_buf_view(const struct rws_buf *buf, size_t skip, struct iovec *iov, int n);

/* 0, or -EXDEV. */
int rws_buf_free(struct rws_buf *buf);

/*
 * Borrows received bytes without a copy: skips `skip` bytes and describes what follows in at most
 * n vectors; returns how many. They may hold fewer than at_least bytes, where n is too small for
 * the buffers that these lie in. The views hold until rws_consumed passes them or the channel is
 * cancelled. -EAGAIN when fewer than at_least bytes are there, 0 at the end of the stream, or the
 * cause; -EINVAL for n below 1.
 */
int rws_request(rws_channel_t ch, size_t skip, size_t at_least, struct iovec *iov, int n);

/* Done with the first n bytes; the receive window grows by them. -EINVAL when n is too large. */
int rws_consumed(rws_channel_t ch, size_t n);

/*
 * Runs the loop until min bytes, at least one, can be read: 1; 0 when the stream ends with fewer,
 * which stay readable; -ETIMEDOUT, the cause, -EINVAL (more than the capacity), -EDEADLK, -EBUSY.
 */
int rws_await_content(rws_channel_t ch, size_t min, int64_t deadline);

/*
 * Writes what there is room for, at most n bytes; returns how many, at least 1 for n > 0. -EAGAIN
 * when full, or out of buffers; -ESHUTDOWN after close, or the cause. Without auto flush bytes wait
 * for rws_flush, a full buffer, or close.
 */
ssize_t rws_write_available(rws_channel_t ch, const void *buf, size_t n);
ssize_t rws_writev(rws_channel_t ch, const struct iovec *iov, int count);

/* Writes all n bytes over as many calls as it takes, as rws_read_fully reads. */
int rws_write_fully(rws_channel_t ch, const void *buf, size_t n, size_t *done);

/*
 * Writes all n bytes, or nothing, without a copy: the memory is sent from where it is, and must not
 * change until free_fn(user, data) is called. That happens once, from the selector's loop: when the
 * peer has acknowledged all of it, or when it was dropped with its channel or connection. If the
 * selector closes before, it happens from rws_selector_close, from the loop of a later selector, or
 * from rws_destroy. For anything but 0 the memory stays the caller's: -EAGAIN while there is not
 * room for n bytes, -ESHUTDOWN, the cause, -EINVAL when n is 0 or exceeds the capacity or 64 MiB.
 * A device that does not reach all of the process's memory (all but net_tap and net_af_packet) gets
 * a copy made of each segment (tx.copied_bytes); worth the while from a few KiB on.
 */
typedef void rws_free_fn(void *user, void *data);
int rws_write_buf(rws_channel_t ch, void *data, size_t n, rws_free_fn *free_fn, void *user);

/*
 * Writes all bytes of a buf, or nothing, in their buffers; 0, and the buf is freed. For anything
 * else it stays the caller's: -EAGAIN while there is not room for all of it, -ESHUTDOWN, the cause,
 * -EINVAL when it is longer than the capacity or of another selector.
 */
int rws_write_packet(rws_channel_t ch, struct rws_buf *buf);

/*
 * Lends room to write into, without a copy: at least min bytes in all, in at most n vectors;
 * returns how many. The grant ends with rws_written or the next write. -EAGAIN, -ESHUTDOWN, the cause,
 * -EINVAL when min exceeds the capacity.
 */
int rws_write_request(rws_channel_t ch, size_t min, struct iovec *iov, int n);

/* The first n bytes of the grant were written; the rest is given back. -EINVAL for too many. */
int rws_written(rws_channel_t ch, size_t n);

/* Runs the loop until min bytes can be written; returns as rws_await_content. */
int rws_await_free_space(rws_channel_t ch, size_t min, int64_t deadline);

/*
 * Makes written bytes visible to the reader, or sends them. 0, also when closed; -EBADF. Any thread:
 * on the owner's it is done on return; on another one it was asked for, and the owner is woken for
 * a turn of the loop that does it. That covers all that was written before the call. Nothing happens
 * when the channel is disposed first.
 */
int rws_flush(rws_channel_t ch);

/*
 * Ends the channel: err = 0 after the bytes in it (the peer gets them, then FIN); a negative errno
 * drops them, wakes both sides with the cause, and cancels what is attached (the peer gets RST).
 * 1 the first time, 0 after; -EINVAL for err above 0, -EBADF, -EXDEV.
 */
int rws_channel_close(rws_channel_t ch, int err);

/* The reader gives up: as rws_channel_close with err, -ECANCELED for 0. */
int rws_channel_cancel(rws_channel_t ch, int err);

/* Flag of rws_copy_to: dst is closed at the end. */
#define RWS_COPY_CLOSE 1u

/*
 * Copies what comes through src to dst, as a job, until the stream ends or limit bytes went on
 * (UINT64_MAX for no limit); from the loop, as fast as dst takes it, and as a rule by handing on
 * the buffers: the receive window of a socket behind src follows what dst takes. Meanwhile nobody
 * else may read src or write to dst (-EBUSY). What was moved is flushed; dst stays open, or is
 * closed with RWS_COPY_CLOSE. Whatever else ends it is the job's result and, unless dst is closed
 * already, closes dst with it (a socket behind it gets RST): the cause of src, -ECANCELED after
 * rws_job_cancel or when the socket of src is closed. -ESHUTDOWN or its cause when dst is closed;
 * src stays as it is.
 *
 * The job's handle (job may be NULL) is good until src is copied from again or disposed; its
 * RWS_EV_JOB_DONE carries the user pointer of the socket behind src, or else of that behind dst.
 *
 * Fails with -EINVAL when src and dst are the same or other copies lead from dst to src, when they
 * are not of one selector, or for unknown flags; -EBUSY when either is attached to a socket for
 * that or copied already; -ESHUTDOWN or the cause when dst is closed; -ENOBUFS, -EBADF, -EXDEV.
 */
int rws_copy_to(
	rws_channel_t src, rws_channel_t dst, uint64_t limit, unsigned flags, rws_job_t *job);

size_t rws_available_for_read(rws_channel_t ch);
size_t rws_available_for_write(rws_channel_t ch);
bool rws_is_closed_for_read(rws_channel_t ch);  /* closed and drained, or failed */
bool rws_is_closed_for_write(rws_channel_t ch); /* closed at all */
int rws_closed_cause(rws_channel_t ch);         /* 0 when open or closed normally */
uint64_t rws_total_bytes_read(rws_channel_t ch);
uint64_t rws_total_bytes_written(rws_channel_t ch);

#ifdef __cplusplus
}
#endif

#endif
