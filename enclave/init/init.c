/*
 * The first process of the enclave, and the relay beside Node, which knows no AF_VSOCK.
 *
 *   init [--lifeline] FROM TO [FROM TO ...] [-- [NAME=VALUE ...] COMMAND [ARGUMENT ...]]
 *
 * FROM is vsock:PORT or unix:PATH, TO is vsock:CID:PORT or unix:PATH. The command serves one run and ends; it is
 * started again for the next one. Three uses of one binary:
 *   - as process 1 of the image: arguments from ARGUMENTS (measured), mounts, heartbeat to the parent, reaping;
 *   - as the command of another vendor's process 1: the same arguments on the command line;
 *   - on the parent instance without a command: unix sockets in front of vsock (--lifeline: ends with its stdin).
 * There is no shell, and nothing that decides security is read from the kernel's command line.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/reboot.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS "/etc/dpca-init"
#define MODULE_LIST "/modules/list"
/* Of the command, which needs no more than /dev/nsm (0666) and its own sockets. */
#define APP_UID 1000
#define HEARTBEAT_PORT 9000
#define HEARTBEAT_BYTE 0xb7
/* The parent of a Nitro enclave; emulators have 2 there and say so with parent_cid= on the kernel's command line. */
#define PARENT_CID 3
#define CONNECT_SECONDS 5
#define MAX_ARGUMENTS 64
/* A run that ended leaves with 0. Failures in a row, each waited for twice as long; then the enclave ends. */
#define RESTART_MS 100
#define MAX_FAILURES 5

static int is_first;

/* Fail closed: an enclave that cannot do its work does not stay. */
__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fputs("dpca-init: ", stderr);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  if (is_first) {
    sync();
    reboot(LINUX_REBOOT_CMD_RESTART);
  }
  _exit(1);
}

static void mount_at(const char *type, const char *path, unsigned long flags) {
  mkdir(path, 0755);
  if (mount(type, path, type, flags, NULL) != 0 && errno != EBUSY) die("mount %s: %s", path, strerror(errno));
}

/* The text of a small file, or NULL without it; good until the second next call. */
static char *read_small(const char *path) {
  static char text[2][8192];
  static int next;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  char *out = text[next++ % 2];
  ssize_t n = 0, got;
  while (n < (ssize_t)sizeof text[0] - 1 && (got = read(fd, out + n, sizeof text[0] - 1 - (size_t)n)) > 0) n += got;
  close(fd);
  if (n == (ssize_t)sizeof text[0] - 1) die("%s is too long", path);
  out[n] = '\0';
  return out;
}

/* Stock kernels have vsock in modules; the project's own kernel has none and no list. */
static void load_modules(void) {
  char *rest = read_small(MODULE_LIST);
  for (char *name; rest != NULL && (name = strsep(&rest, "\n")) != NULL;) {
    char path[256];
    if (*name == '\0') continue;
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) die("%s: %s", path, strerror(errno));
    close(fd);
  }
}

static unsigned parent_cid(void) {
  unsigned cid = PARENT_CID;
  char *rest = read_small("/proc/cmdline");
  for (char *word; rest != NULL && (word = strsep(&rest, " \n")) != NULL;) {
    if (strncmp(word, "parent_cid=", 11) == 0) cid = (unsigned)strtoul(word + 11, NULL, 10); /* the last one wins */
  }
  return cid;
}

/* The parent waits for one byte on this port, and takes an enclave without it for one that did not boot. */
static void heartbeat(void) {
  struct sockaddr_vm parent = {.svm_family = AF_VSOCK, .svm_cid = parent_cid(), .svm_port = HEARTBEAT_PORT};
  struct timeval limit = {.tv_sec = CONNECT_SECONDS};
  unsigned char byte = HEARTBEAT_BYTE;
  int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("no vsock: %s", strerror(errno));
  setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&parent, sizeof parent) != 0) die("heartbeat: %s", strerror(errno));
  if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1 || byte != HEARTBEAT_BYTE) {
    die("heartbeat: not answered");
  }
  close(fd);
}

static void boot(void) {
  mount_at("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC);
  int console = open("/dev/console", O_RDWR);
  for (int fd = 0; console >= 0 && fd < 3; fd++) dup2(console, fd);
  if (console > 2) close(console);
  mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  chmod("/tmp", 01777);
  chmod("/dev/shm", 01777);
  load_modules();
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) != 0) die("loopback: %s", strerror(errno));
  close(fd);
  heartbeat();
}

/* The folders of the command's sockets; what a killed command left in them would stand in the next one's way. */
static const char *socket_paths[MAX_ARGUMENTS];
static int n_socket_paths;

static void clean_sockets(void) {
  for (int i = 0; i < n_socket_paths; i++) {
    char folder[128];
    snprintf(folder, sizeof folder, "%s", socket_paths[i]);
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) {
      *slash = '\0';
      if (mkdir(folder, 0700) == 0 && is_first && chown(folder, APP_UID, APP_UID) != 0) die("%s: %s", folder, strerror(errno));
    }
    unlink(socket_paths[i]);
  }
}

static pid_t start(char **command) {
  clean_sockets();
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid != 0) return pid;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  if (is_first) {
    if (setgroups(0, NULL) != 0 || setgid(APP_UID) != 0 || setuid(APP_UID) != 0) _exit(126);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* no command without its relay; after setuid, which clears it */
  if (getppid() != parent) _exit(126);
  while (*command != NULL && strchr(*command, '=') != NULL) putenv(*command++);
  if (*command != NULL) execv(*command, command);
  fprintf(stderr, "dpca-init: %s: %s\n", *command == NULL ? "command" : *command, strerror(errno));
  _exit(127);
}

int main(int argc, char **argv) {
  static char *from_file[MAX_ARGUMENTS + 2];
  is_first = getpid() == 1;
  if (is_first) {
    boot();
    char *rest = read_small(ARGUMENTS);
    if (rest == NULL) die(ARGUMENTS " is missing");
    from_file[0] = argv[0];
    argc = 1;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
      if (*line == '\0') continue;
      if (argc > MAX_ARGUMENTS) die(ARGUMENTS " has too many lines");
      from_file[argc++] = line;
    }
    argv = from_file;
  }

  int at = 1;
  int lifeline = at < argc && strcmp(argv[at], "--lifeline") == 0;
  at += lifeline;
  for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
    struct endpoint from, to;
    if (at + 1 >= argc || parse_endpoint(argv[at], 1, &from) != 0 || parse_endpoint(argv[at + 1], 0, &to) != 0) {
      die("expected FROM TO, got %s", argv[at]);
    }
    if (relay_route(&from, &to) != 0) die("%s: %s", argv[at], strerror(errno));
    if (!to.is_vsock) socket_paths[n_socket_paths++] = argv[at + 1] + 5;
  }
  char **command = at + 1 < argc ? argv + at + 1 : NULL;
  if (command == NULL && (at < argc || at <= 1 + lifeline || is_first)) die("expected routes, and a command as process 1");

  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  struct pollfd watched[2] = {
      {.fd = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC), .events = POLLIN},
      {.fd = lifeline ? 0 : -1, .events = POLLIN},
  };
  if (watched[0].fd < 0) die("signalfd: %s", strerror(errno));
  if (!is_first) (void)!write(1, "ready\n", 6);

  pid_t app = 0;
  int failures = 0;
  int64_t start_at = 0;
  for (;;) {
    int64_t now = now_ms();
    if (command != NULL && app == 0 && now >= start_at) {
      app = start(command);
      if (app < 0) die("fork: %s", strerror(errno));
    }
    relay_turn(watched, 2, app == 0 && command != NULL ? start_at - now : -1);
    if (watched[0].revents & POLLIN) {
      struct signalfd_siginfo info;
      while (read(watched[0].fd, &info, sizeof info) > 0) continue;
    }
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (ended != app) continue;
      app = 0;
      failures = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : failures + 1;
      if (failures > 0) fprintf(stderr, "dpca-init: the command failed (status %d)\n", status);
      if (failures == MAX_FAILURES) die("the command failed %d times in a row", failures);
      start_at = now_ms() + ((int64_t)RESTART_MS << failures);
    }
    if (lifeline && watched[1].revents != 0) {
      char byte;
      if (read(0, &byte, 1) <= 0) return 0;
    }
  }
}
