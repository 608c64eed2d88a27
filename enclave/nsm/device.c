/*
 * The one system call that Node cannot make: call(fd, request) -> Promise<ArrayBuffer>, an ioctl on /dev/nsm.
 * It runs off the event loop, because the driver waits for up to 120 seconds. Requests and answers are opaque here.
 * The number is _IOWR(0x0A, 0, 32 bytes), from the driver (drivers/misc/nsm.c, in mainline since Linux 6.8).
 */
#define NAPI_VERSION 8
#include <errno.h>
#include <node_api.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_REQUEST_BYTES 0x1000
#define MAX_RESPONSE_BYTES 0x3000 /* a shorter buffer is filled without a word */

struct message {
  uint64_t request, request_length, response, response_length;
};
#define NSM_IOCTL _IOWR(0x0A, 0, struct message)

struct call {
  napi_async_work work;
  napi_deferred deferred;
  int fd, failure;
  struct message message;
  unsigned char request[MAX_REQUEST_BYTES], response[MAX_RESPONSE_BYTES];
};

static void run(napi_env env, void *data) {
  struct call *call = data;
  (void)env;
  call->failure = ioctl(call->fd, NSM_IOCTL, &call->message) == 0 ? 0 : errno;
  if (call->failure == 0 && call->message.response_length > MAX_RESPONSE_BYTES) call->failure = EMSGSIZE;
}

static void settle(napi_env env, napi_status status, void *data) {
  struct call *call = data;
  napi_value value, text;
  void *bytes;
  if (status != napi_ok && call->failure == 0) call->failure = ECANCELED;
  if (call->failure == 0) {
    size_t length = (size_t)call->message.response_length;
    napi_create_arraybuffer(env, length, &bytes, &value);
    if (length > 0) memcpy(bytes, call->response, length);
    napi_resolve_deferred(env, call->deferred, value);
  } else {
    napi_create_string_utf8(env, strerror(call->failure), NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, NULL, text, &value);
    napi_reject_deferred(env, call->deferred, value);
  }
  napi_delete_async_work(env, call->work);
  explicit_bzero(call, sizeof *call); /* randomness passes through here */
  free(call);
}

static napi_value start(napi_env env, napi_callback_info info) {
  size_t argc = 2, length;
  napi_value argv[2], name, promise;
  napi_typedarray_type type;
  void *bytes;
  int32_t fd;
  if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc != 2 ||
      napi_get_value_int32(env, argv[0], &fd) != napi_ok ||
      napi_get_typedarray_info(env, argv[1], &type, &length, &bytes, NULL, NULL) != napi_ok ||
      type != napi_uint8_array || length > MAX_REQUEST_BYTES) {
    napi_throw_type_error(env, NULL, "expected a descriptor and a request of at most 4096 bytes");
    return NULL;
  }
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL) {
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  memcpy(call->request, bytes, length);
  call->fd = fd;
  call->message = (struct message){(uintptr_t)call->request, length, (uintptr_t)call->response, MAX_RESPONSE_BYTES};
  napi_create_promise(env, &call->deferred, &promise);
  napi_create_string_utf8(env, "nsm", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run, settle, call, &call->work);
  napi_queue_async_work(env, call->work);
  return promise;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "call", NAPI_AUTO_LENGTH, start, NULL, &function);
  napi_set_named_property(env, exports, "call", function);
  return exports;
}
