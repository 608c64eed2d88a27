/*
 * A relay of byte streams between AF_VSOCK and unix sockets: one poll loop, bounded buffers, a fixed number of
 * connections. It carries sealed frames and the own host's messages and looks at none of them.
 */
#ifndef DPCA_RELAY_H
#define DPCA_RELAY_H

#include <poll.h>
#include <stdint.h>

/* vsock:PORT (listening, any CID), vsock:CID:PORT (connecting), unix:PATH (both). */
struct endpoint {
  int is_vsock;
  unsigned cid, port;
  char path[108];
};

/* 0, or -1 when `text` is no endpoint; `listening` says on which side of a route it stands. */
int parse_endpoint(const char *text, int listening, struct endpoint *out);

/* Listens on `from`; every connection there gets one to `to`. 0, or -1 with errno. */
int relay_route(const struct endpoint *from, const struct endpoint *to);

/*
 * Waits for at most `timeout_ms` (-1: for ever) and carries what can be carried. `watched` are descriptors of the
 * caller, which looks at their revents afterwards.
 */
void relay_turn(struct pollfd *watched, int n_watched, int64_t timeout_ms);

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

#endif
