/*
 * See relay.h. What a stream's end means: neither vsock nor the emulators carry a half-close, so the end of either
 * side ends both, after what is buffered was handed over.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A run needs two connections; the rest is retries of the own host. Further ones wait in the backlog. */
#define MAX_CONNECTIONS 32
#define MAX_ROUTES 8
/* In each direction; a sender faster than its receiver is held back by it. */
#define BUFFER_BYTES 65536
/* The other side may be starting: a run has ended and the next process is not listening yet. */
#define DIAL_DEADLINE_MS 20000
#define DIAL_RETRY_MS 50
/* What a receiver that has stopped reading gets to take the rest. */
#define FLUSH_DEADLINE_MS 5000

struct buffer {
  size_t start, end;
  unsigned char bytes[BUFFER_BYTES];
};

/* Side 0 was accepted, side 1 is dialled. */
struct connection {
  int used, connected, ending;
  int fd[2];
  const struct endpoint *to;
  int64_t retry_at, deadline; /* of dialling, or of flushing */
  struct buffer towards[2];
};

static struct {
  int fd;
  struct endpoint to;
} routes[MAX_ROUTES];
static int n_routes;
static struct connection connections[MAX_CONNECTIONS];

int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A decimal number below 2^32 - 1 (which means "any"), ended by `end`; returns what follows it, or NULL. */
static const char *parse_number(const char *text, char end, unsigned *out) {
  char *rest;
  if (*text < '0' || *text > '9') return NULL;
  errno = 0;
  unsigned long value = strtoul(text, &rest, 10);
  if (errno != 0 || value >= 0xffffffffUL || *rest != end) return NULL;
  *out = (unsigned)value;
  return end == '\0' ? rest : rest + 1;
}

int parse_endpoint(const char *text, int listening, struct endpoint *out) {
  memset(out, 0, sizeof *out);
  if (strncmp(text, "unix:", 5) == 0) {
    size_t length = strlen(text + 5);
    if (length == 0 || length >= sizeof out->path) return -1;
    memcpy(out->path, text + 5, length);
    return 0;
  }
  if (strncmp(text, "vsock:", 6) != 0) return -1;
  out->is_vsock = 1;
  out->cid = VMADDR_CID_ANY;
  text += 6;
  if (!listening) text = parse_number(text, ':', &out->cid);
  return text != NULL && parse_number(text, '\0', &out->port) != NULL ? 0 : -1;
}

union address {
  struct sockaddr any;
  struct sockaddr_vm vm;
  struct sockaddr_un un;
};

static socklen_t address_of(const struct endpoint *at, union address *out) {
  memset(out, 0, sizeof *out);
  if (at->is_vsock) {
    out->vm.svm_family = AF_VSOCK;
    out->vm.svm_cid = at->cid;
    out->vm.svm_port = at->port;
    return sizeof out->vm;
  }
  out->un.sun_family = AF_UNIX;
  memcpy(out->un.sun_path, at->path, sizeof at->path);
  return sizeof out->un;
}

static int new_socket(const struct endpoint *at) {
  return socket(at->is_vsock ? AF_VSOCK : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int relay_route(const struct endpoint *from, const struct endpoint *to) {
  union address address;
  socklen_t length = address_of(from, &address);
  if (n_routes == MAX_ROUTES) {
    errno = ENOSPC;
    return -1;
  }
  int fd = new_socket(from);
  if (fd < 0) return -1;
  mode_t mask = umask(0177); /* for its own user only */
  int bound = bind(fd, &address.any, length);
  umask(mask);
  if (bound != 0 || listen(fd, MAX_CONNECTIONS) != 0) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  routes[n_routes].fd = fd;
  routes[n_routes].to = *to;
  n_routes++;
  return 0;
}

static size_t pending(const struct buffer *b) { return b->end - b->start; }

static void drop(struct connection *c) {
  for (int side = 0; side < 2; side++) {
    if (c->fd[side] >= 0) close(c->fd[side]);
  }
  c->used = 0;
}

/* One side is over: the other gets what is left, then both are closed. */
static void finish(struct connection *c, int64_t now) {
  if (c->ending) return;
  c->ending = 1;
  c->deadline = now + FLUSH_DEADLINE_MS;
}

static void dial(struct connection *c, int64_t now) {
  union address address;
  socklen_t length = address_of(c->to, &address);
  c->fd[1] = new_socket(c->to);
  if (c->fd[1] >= 0 && connect(c->fd[1], &address.any, length) == 0) {
    c->connected = 1;
    return;
  }
  if (c->fd[1] >= 0 && errno == EINPROGRESS) return; /* POLLOUT will say */
  if (c->fd[1] >= 0) close(c->fd[1]);
  c->fd[1] = -1;
  c->retry_at = now + DIAL_RETRY_MS;
}

static void dialled(struct connection *c, int64_t now) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(c->fd[1], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0) {
    c->connected = 1;
    return;
  }
  close(c->fd[1]);
  c->fd[1] = -1;
  c->retry_at = now + DIAL_RETRY_MS;
}

static void accept_one(int route, int64_t now) {
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    struct connection *c = &connections[i];
    if (c->used) continue;
    int fd = accept4(routes[route].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    c->used = 1;
    c->connected = c->ending = 0;
    c->fd[0] = fd;
    c->to = &routes[route].to;
    c->deadline = now + DIAL_DEADLINE_MS;
    for (int side = 0; side < 2; side++) c->towards[side].start = c->towards[side].end = 0;
    dial(c, now);
    return;
  }
}

static void read_from(struct connection *c, int side, int64_t now) {
  struct buffer *b = &c->towards[1 - side];
  if (b->start > 0) {
    memmove(b->bytes, b->bytes + b->start, pending(b));
    b->end -= b->start;
    b->start = 0;
  }
  ssize_t n = recv(c->fd[side], b->bytes + b->end, BUFFER_BYTES - b->end, 0);
  if (n > 0) {
    b->end += (size_t)n;
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    finish(c, now);
  }
}

static void write_to(struct connection *c, int side, int64_t now) {
  struct buffer *b = &c->towards[side];
  ssize_t n = send(c->fd[side], b->bytes + b->start, pending(b), MSG_NOSIGNAL);
  if (n >= 0) {
    b->start += (size_t)n;
  } else if (errno != EAGAIN && errno != EINTR) {
    b->start = b->end; /* nobody is there to take it */
    finish(c, now);
  }
}

/* What to wait for on one side; a side with nothing to wait for is left out, or its hang-up would spin the loop. */
static void watch(const struct connection *c, int side, struct pollfd *out) {
  out->fd = -1;
  out->events = out->revents = 0;
  if (!c->used) return;
  if (c->connected) {
    if (!c->ending && pending(&c->towards[1 - side]) < BUFFER_BYTES) out->events |= POLLIN;
    if (pending(&c->towards[side]) > 0) out->events |= POLLOUT;
    if (out->events != 0) out->fd = c->fd[side];
  } else {
    if (side == 1) out->events = POLLOUT;
    out->fd = c->fd[side]; /* on side 0 for its hang-up only */
  }
}

static void serve(struct connection *c, const struct pollfd *seen, int64_t now) {
  if (!c->connected) {
    if (seen[0].revents & (POLLHUP | POLLERR)) return drop(c);
    if (seen[1].revents != 0) dialled(c, now);
    if (!c->connected && c->fd[1] < 0 && now >= c->retry_at) dial(c, now);
    if (!c->connected && now >= c->deadline) drop(c);
    return;
  }
  for (int side = 0; side < 2; side++) {
    if (seen[side].revents & (POLLOUT | POLLERR | POLLHUP) && pending(&c->towards[side]) > 0) {
      write_to(c, side, now);
    }
    if (seen[side].events & POLLIN && seen[side].revents & (POLLIN | POLLERR | POLLHUP)) {
      read_from(c, side, now);
    }
  }
  if (!c->ending) return;
  if (now >= c->deadline || (pending(&c->towards[0]) == 0 && pending(&c->towards[1]) == 0)) drop(c);
}

/* When some connection has to be looked at although nothing happens on it. */
static int64_t wait_ms(int64_t timeout_ms, int64_t now) {
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    const struct connection *c = &connections[i];
    if (!c->used || (c->connected && !c->ending)) continue;
    int64_t at = !c->connected && c->fd[1] < 0 && c->retry_at < c->deadline ? c->retry_at : c->deadline;
    int64_t left = at > now ? at - now : 0;
    if (timeout_ms < 0 || left < timeout_ms) timeout_ms = left;
  }
  return timeout_ms;
}

void relay_turn(struct pollfd *watched, int n_watched, int64_t timeout_ms) {
  struct pollfd all[2 * MAX_CONNECTIONS + MAX_ROUTES + 8];
  if (n_watched > 8) abort();
  int free_slots = 0;
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    free_slots += !connections[i].used;
    for (int side = 0; side < 2; side++) watch(&connections[i], side, &all[2 * i + side]);
  }
  struct pollfd *listening = all + 2 * MAX_CONNECTIONS;
  for (int i = 0; i < n_routes; i++) {
    listening[i] = (struct pollfd){.fd = free_slots > 0 ? routes[i].fd : -1, .events = POLLIN};
  }
  struct pollfd *callers = listening + n_routes;
  memcpy(callers, watched, (size_t)n_watched * sizeof *watched);
  int n = 2 * MAX_CONNECTIONS + n_routes + n_watched;
  if (poll(all, (nfds_t)n, (int)wait_ms(timeout_ms, now_ms())) < 0) {
    if (errno != EINTR) abort();
    for (int i = 0; i < n; i++) all[i].revents = 0;
  }
  memcpy(watched, callers, (size_t)n_watched * sizeof *watched);
  int64_t now = now_ms();
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    if (connections[i].used) serve(&connections[i], &all[2 * i], now);
  }
  for (int i = 0; i < n_routes; i++) {
    if (listening[i].revents & POLLIN) accept_one(i, now);
  }
}
