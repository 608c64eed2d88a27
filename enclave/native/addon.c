/*
 * The N-API surface of the native kernel, compiled without vector instructions: it checks everything that comes from
 * JavaScript, chooses a back end that this processor has, and keeps no state, so that any number of threads may load
 * and call it. Memory may be shared between threads; each argument is read once.
 *
 *   names(): string[]                                        back ends of this processor, fastest first
 *   multiply(name, scalar, points, from, to, out)            records from..to - 1 of points into the same places of out
 *   hash(name, dst, messages, offsets, from, to, out)        message i is messages[offsets[i] .. offsets[i + 1])
 *
 * Errors carry a code of src/errors.ts: ERR_MATCH_POINT, ERR_KERNEL_SCALAR, ERR_INTERNAL. Points are checked for the
 * whole range before any arithmetic, because one of low order would spoil a whole batch inversion
 * (docs/specification.md section 8.5).
 */
#define NAPI_VERSION 8
#include <node_api.h>

#include <string.h>

#include "backend.h"

#if defined(__x86_64__)
static const backend *const BACKENDS[] = {&backend_ifma, &backend_fma, &backend_scalar};
#else
static const backend *const BACKENDS[] = {&backend_scalar};
#endif
enum { BACKEND_COUNT = sizeof BACKENDS / sizeof BACKENDS[0], NAME_BYTES = 32, MAX_ARGUMENTS = 7 };

typedef struct {
  uint8_t *data;
  size_t length;
} bytes;

static int supported(const backend *b) {
#if defined(__x86_64__)
  __builtin_cpu_init(); /* also checks that the system saves the wide registers */
  if (b == &backend_ifma) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
  }
  if (b == &backend_fma) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return b == &backend_scalar;
}

static napi_value fail(napi_env env, const char *code, const char *message) {
  napi_throw_error(env, code, message);
  return NULL;
}
static napi_value misuse(napi_env env, const char *message) { return fail(env, "ERR_INTERNAL", message); }

/* A typed array of exactly this type; length in elements. */
static int read_array(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, size_t *length) {
  bool is_array;
  napi_typedarray_type type;
  return napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
         napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) == napi_ok && type == wanted &&
         (*data != NULL || *length == 0);
}

static int read_bytes(napi_env env, napi_value value, bytes *out) {
  return read_array(env, value, napi_uint8_array, (void **)&out->data, &out->length);
}

/* A non-negative integer below 2^32; not a number that only rounds to one. */
static int read_count(napi_env env, napi_value value, size_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return 0;
  if (!(number >= 0 && number <= 4294967295.0)) return 0;
  *out = (size_t)number;
  return (double)*out == number;
}

/* One of the supported back ends by name, or NULL. */
static const backend *read_backend(napi_env env, napi_value value) {
  char name[NAME_BYTES];
  size_t length;
  if (napi_get_value_string_utf8(env, value, name, sizeof name, &length) != napi_ok) return NULL;
  for (int i = 0; i < BACKEND_COUNT; i++) {
    const char *own = BACKENDS[i]->name;
    if (length == strlen(own) && memcmp(name, own, length) == 0 && supported(BACKENDS[i])) return BACKENDS[i];
  }
  return NULL;
}

static int is_clamped(const uint8_t *scalar) { return (scalar[0] & 7) == 0 && scalar[31] >> 6 == 1; }

/* Canonical, bit 255 clear, and none of the five low-order values 0, 1, p - 1 and the two of order 8. */
static int is_acceptable(const uint8_t *point) {
  static const uint64_t LOW_ORDER[4][4] = {
      {0, 0, 0, 0},
      {1, 0, 0, 0},
      {UINT64_C(0xaeb8413b7c7aebe0), UINT64_C(0x6ac49ff1fae35616), UINT64_C(0xfdb1329ceb8d09da),
       UINT64_C(0x00b8495f16056286)},
      {UINT64_C(0x248c50a3bc959c5f), UINT64_C(0x5bef839c55b1d0b1), UINT64_C(0x868e1c58c45c4404),
       UINT64_C(0x57119fd0dd4e22d8)},
  };
  uint64_t w[4];
  memcpy(w, point, sizeof w);
  const uint64_t top = UINT64_MAX >> 1;
  if (w[3] > top) return 0;
  /* p - 1 = 2^255 - 20 is of low order, what is above it is not canonical */
  if (w[3] == top && w[2] == UINT64_MAX && w[1] == UINT64_MAX && w[0] >= UINT64_MAX - 19) return 0;
  for (int i = 0; i < 4; i++) {
    if (memcmp(w, LOW_ORDER[i], sizeof w) == 0) return 0;
  }
  return 1;
}

static napi_value names(napi_env env, napi_callback_info info) {
  napi_value list, name;
  uint32_t n = 0;
  (void)info;
  if (napi_create_array(env, &list) != napi_ok) return misuse(env, "expected room for a list");
  for (int i = 0; i < BACKEND_COUNT; i++) {
    if (!supported(BACKENDS[i])) continue;
    if (napi_create_string_utf8(env, BACKENDS[i]->name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_set_element(env, list, n++, name) != napi_ok) {
      return misuse(env, "expected room for a name");
    }
  }
  return list;
}

/* Arguments, exactly `wanted` of them. */
static int read_arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *arguments) {
  size_t given = MAX_ARGUMENTS;
  return napi_get_cb_info(env, info, &given, arguments, NULL, NULL) == napi_ok && given == wanted;
}

static napi_value multiply(napi_env env, napi_callback_info info) {
  napi_value a[MAX_ARGUMENTS];
  bytes scalar, points, out;
  size_t from, to;
  if (!read_arguments(env, info, 6, a)) return misuse(env, "multiply: expected 6 arguments");
  const backend *b = read_backend(env, a[0]);
  if (b == NULL) return misuse(env, "multiply: expected a back end of this processor");
  if (!read_bytes(env, a[1], &scalar) || !read_bytes(env, a[2], &points) || !read_bytes(env, a[5], &out)) {
    return misuse(env, "multiply: expected Uint8Arrays");
  }
  if (!read_count(env, a[3], &from) || !read_count(env, a[4], &to)) {
    return misuse(env, "multiply: expected a range of integers");
  }
  if (points.length % RECORD_BYTES != 0 || out.length != points.length || from > to ||
      to > points.length / RECORD_BYTES) {
    return misuse(env, "multiply: expected a range within equally many points and results");
  }
  uint8_t key[RECORD_BYTES];
  if (scalar.length != sizeof key) return fail(env, "ERR_KERNEL_SCALAR", "expected a scalar of 32 bytes");
  memcpy(key, scalar.data, sizeof key);
  if (!is_clamped(key)) return fail(env, "ERR_KERNEL_SCALAR", "expected a clamped X25519 scalar");
  for (size_t i = from; i < to; i++) {
    if (!is_acceptable(points.data + RECORD_BYTES * i)) {
      return fail(env, "ERR_MATCH_POINT", "expected canonical elements of large order, got another value");
    }
  }
  const int good = from == to || b->multiply(out.data + RECORD_BYTES * from, points.data + RECORD_BYTES * from,
                                             to - from, key);
  for (volatile uint8_t *k = key; k < key + sizeof key; k++) *k = 0;
  return good ? NULL : misuse(env, "multiply: a product is the neutral element");
}

static napi_value hash(napi_env env, napi_callback_info info) {
  napi_value a[MAX_ARGUMENTS];
  bytes dst, messages, out;
  uint32_t *offsets;
  size_t offset_count, from, to;
  if (!read_arguments(env, info, 7, a)) return misuse(env, "hash: expected 7 arguments");
  const backend *b = read_backend(env, a[0]);
  if (b == NULL) return misuse(env, "hash: expected a back end of this processor");
  if (!read_bytes(env, a[1], &dst) || !read_bytes(env, a[2], &messages) || !read_bytes(env, a[6], &out) ||
      !read_array(env, a[3], napi_uint32_array, (void **)&offsets, &offset_count)) {
    return misuse(env, "hash: expected Uint8Arrays and a Uint32Array");
  }
  if (!read_count(env, a[4], &from) || !read_count(env, a[5], &to)) {
    return misuse(env, "hash: expected a range of integers");
  }
  if (dst.length == 0 || dst.length > DST_MAX) return misuse(env, "hash: expected a DST of 1 to 255 bytes");
  if (offset_count == 0 || out.length != RECORD_BYTES * (offset_count - 1) || from > to || to > offset_count - 1) {
    return misuse(env, "hash: expected a range within equally many messages and results");
  }
  uint8_t tag[DST_MAX];
  memcpy(tag, dst.data, dst.length);
  while (from < to) {
    const uint8_t *message[HASH_BATCH];
    uint32_t length[HASH_BATCH], start = offsets[from];
    const size_t n = to - from < HASH_BATCH ? to - from : HASH_BATCH;
    for (size_t i = 0; i < n; i++) {
      const uint32_t end = ((const volatile uint32_t *)offsets)[from + i + 1];
      if (end < start || end > messages.length) return misuse(env, "hash: expected ascending offsets");
      message[i] = messages.data + start;
      length[i] = end - start;
      start = end;
    }
    if (!b->hash(out.data + RECORD_BYTES * from, message, length, n, tag, dst.length)) {
      return misuse(env, "hash: a message hashed to the neutral element");
    }
    from += n;
  }
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"names", NULL, names, NULL, NULL, NULL, napi_enumerable, NULL},
      {"multiply", NULL, multiply, NULL, NULL, NULL, napi_enumerable, NULL},
      {"hash", NULL, hash, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok) return NULL;
  return exports;
}
