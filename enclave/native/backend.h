/*
 * What every back end offers to addon.c: batches of 32-byte records and nothing else. Back ends are the same text
 * (kernel.c) over three field headers, each compiled with the instructions of its name only.
 */
#ifndef DPCA_BACKEND_H
#define DPCA_BACKEND_H
#include <stddef.h>
#include <stdint.h>

enum { RECORD_BYTES = 32, DST_MAX = 255 };

typedef struct {
  const char *name;
  /*
   * out[i] = X25519(scalar, points[i]) for n records. The caller has checked the scalar (clamped) and the points
   * (canonical, not of low order). Returns 0 if an output would be the neutral element, which those checks exclude;
   * out is then of no use.
   */
  int (*multiply)(uint8_t *out, const uint8_t *points, size_t n, const uint8_t *scalar);
  /*
   * out[i] = curve25519_XMD:SHA-512_ELL2_RO_ of the message at starts[i] of lengths[i] bytes, for n records. Returns 0
   * if one is the neutral element (probability below 2^-249 each).
   */
  int (*hash)(uint8_t *out, const uint8_t *const *messages, const uint32_t *lengths, size_t n, const uint8_t *dst,
              size_t dst_length);
} backend;

/* Most records of one call of hash. */
enum { HASH_BATCH = 256 };

extern const backend backend_ifma, backend_fma, backend_scalar;
#endif
