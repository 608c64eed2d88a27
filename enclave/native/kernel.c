/*
 * One back end: batches over the field chosen by BACKEND_IFMA, BACKEND_FMA or BACKEND_SCALAR (build.mjs). X25519
 * (RFC 7748 section 5) and curve25519_XMD:SHA-512_ELL2_RO_ (RFC 9380 section 8.5). Secret inputs: scalars and messages.
 * No state outside the stack, so any number of threads may call.
 */
#include "backend.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "this kernel is for little-endian machines"
#endif

/* The constant-time check (check/constant-time.c) says here which facts about secrets may decide a branch. */
#ifndef DECLASSIFY
#define DECLASSIFY(variable)
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(BACKEND_IFMA)
#include "field-ifma.h"
#define BACKEND backend_ifma
#define BACKEND_NAME "native-ifma"
enum { GROUPS = 32, POWERS = 4 };
#elif defined(BACKEND_FMA)
#include "field-fma.h"
#define BACKEND backend_fma
#define BACKEND_NAME "native-fma"
enum { GROUPS = 64, POWERS = 2 };
#else
#include "field-scalar.h"
#define BACKEND backend_scalar
#define BACKEND_NAME "native-scalar"
enum { GROUPS = 256, POWERS = 2 };
#endif

#include "field.h"
#include "sha512.h"
#include "curve.h"

/* Records that share one inversion per lane. */
enum { BATCH = GROUPS * LANES };
_Static_assert((int)BATCH == (int)HASH_BATCH, "a batch of hashes is a batch");

typedef struct { fe x[GROUPS], z[GROUPS], before[GROUPS]; } fractions;

/* Overwrites what derives from a secret; the barrier keeps the compiler from dropping it. */
static void wipe(void *memory, size_t n) {
  memset(memory, 0, n);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

/*
 * Writes x / z of `count` records, canonical, with one inversion per lane (Montgomery's trick). Record i goes to place
 * order[i], or i if order is null. A z of 0 would spoil every record of its lane: returns 0 then.
 */
static int divide(uint8_t *out, fractions *f, size_t count, const uint8_t *order) {
  const size_t groups = (count + LANES - 1) / LANES;
  fe product = fe_small(1);
  for (size_t g = 0; g < groups; g++) {
    f->before[g] = product;
    product = fe_mul_carry(product, f->z[g]);
  }
  uint64_t zero[LANES], any = 0;
  const wv is_zero = fe_is_zero(product);
  memcpy(zero, &is_zero, sizeof zero);
  for (int lane = 0; lane < LANES; lane++) any |= zero[lane];
  DECLASSIFY(any); /* no accepted input has a lane of 0 */
  if (any != 0) return 0;
  fe inverse = fe_invert(product);
  for (size_t g = groups; g-- > 0;) {
    uint64_t word[4][LANES];
    fe_to_words(word, fe_mul_carry(fe_mul_carry(inverse, f->before[g]), f->x[g]));
    inverse = fe_mul_carry(inverse, f->z[g]);
    for (size_t lane = 0; lane < LANES && g * LANES + lane < count; lane++) {
      const size_t i = g * LANES + lane, place = order == NULL ? i : order[i];
      for (int w = 0; w < 4; w++) memcpy(out + RECORD_BYTES * place + 8 * w, &word[w][lane], 8);
    }
  }
  return 1;
}

static int multiply(uint8_t *out, const uint8_t *points, size_t n, const uint8_t *scalar) {
  fractions f;
  int good = 1;
  for (size_t start = 0; start < n && good; start += BATCH) {
    const size_t count = n - start < BATCH ? n - start : BATCH;
    for (size_t g = 0; g * LANES < count; g++) {
      uint64_t word[4][LANES];
      for (size_t lane = 0; lane < LANES; lane++) {
        /* lanes without a record repeat the group's first */
        const size_t i = g * LANES + (g * LANES + lane < count ? lane : 0);
        for (int w = 0; w < 4; w++) memcpy(&word[w][lane], points + RECORD_BYTES * (start + i) + 8 * w, 8);
      }
      curve_ladder(&f.x[g], &f.z[g], fe_from_words(word), scalar);
    }
    good = divide(out + RECORD_BYTES * start, &f, count, NULL);
  }
  wipe(&f, sizeof f);
  return good;
}

/* Puts messages with equally many blocks side by side, so that no lane waits for another. */
static void order_by_blocks(uint8_t *order, const expander *x, const uint32_t *lengths, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const size_t blocks = expander_blocks(x, lengths[i]);
    size_t at = i;
    for (; at > 0 && expander_blocks(x, lengths[order[at - 1]]) > blocks; at--) order[at] = order[at - 1];
    order[at] = (uint8_t)i;
  }
}

static int hash(uint8_t *out, const uint8_t *const *messages, const uint32_t *lengths, size_t n, const uint8_t *dst,
                size_t dst_length) {
  fractions f;
  expander x;
  uint8_t order[BATCH];
  expander_init(&x, dst, dst_length);
  order_by_blocks(order, &x, lengths, n);
  for (size_t g = 0; g * LANES < n; g += POWERS / 2) {
    fe r[POWERS];
    mapped point[POWERS];
    for (int j = 0; j < POWERS; j += 2) {
      sha_input in;
      wv words[16], reversed[6];
      for (size_t lane = 0; lane < LANES; lane++) {
        const size_t at = (g + (size_t)j / 2) * LANES + lane;
        const size_t i = order[at < n ? at : g * LANES];
        in.message[lane] = messages[i];
        in.length[lane] = lengths[i];
      }
      expand_message(words, &x, &in);
      for (int k = 0; k < 2; k++) {
        for (int w = 0; w < 6; w++) reversed[w] = words[6 * k + 5 - w];
        r[j + k] = fe_from_wide(reversed);
      }
    }
    map_to_curve(point, r);
    add_and_clear(&f.x[g], &f.z[g], point);
  }
  const int good = divide(out, &f, n, order);
  wipe(&f, sizeof f);
  return good;
}

const backend BACKEND = {BACKEND_NAME, multiply, hash};
