/*
 * Arithmetic modulo p = 2^255 - 19 for four elements at once, AVX2 and FMA. Limb i has weight 2^(51 i) and is a signed
 * integer held in a double. No branch and no address depends on a value. Needs round-to-nearest and no contraction.
 *
 * Let C1 = 1.5 * 2^103 and C2 = 1.5 * 2^52. For integers |a b| <= 2^102, hi = fma(a, b, C1) rounds a b to q 2^51, for
 * the ulp there is 2^51; s = (C1 + C2) - hi is exact, and lo = fma(a, b, s) = C2 + (a b - q 2^51) exactly, with
 * |a b - q 2^51| <= 2^50. In those binades the bit pattern of a double is an affine function of its value, so
 * bits(hi) - bits(C1) = q and bits(lo) - bits(C2) is the remainder. A column therefore adds bit patterns as 64-bit
 * integers (modulo 2^64), and starts at minus the constants that it will receive.
 *
 * Bounds. Every limb of an fe is at most FE = 2^50 + 2^9 in absolute value: fe_carry rounds to a remainder of at
 * most 2^50 and adds the neighbour's carry.
 * Products: FE^2 < 2^101, and 2 FE^2 <= 2^102 where fe_square doubles an operand. |q| <= FE^2 / 2^51 + 1/2 < 2^49 + 2^9,
 * twice that where doubled.
 * Columns: a product term gives at most 2^50 (lo) + 2^49 + 2^9 (hi of the column below) = 1.5 * 2^50 + .., a doubled
 * one at most 2 * 2^49 + 2^50 and stands for two terms; so column k of fe_mul and fe_square is below 7.6 * 2^50 and,
 * folded, below 20 * 7.6 * 2^50 < 2^57.3. Column 4 folds only the hi half of column 8: below (5 * 1.5 + 19 / 2) 2^50
 * < 17.1 * 2^50. Sums and differences of two raws and an element are below 2^58.3 and, in limb 4, 35.3 * 2^50, so
 * carries are below 2^7.4 and, out of limb 4, 18.2: limb 0 receives at most 19 * 19 < 2^9, the others less.
 * fe_scale adds at most 2^50 + 2^38 to a limb, 19 * 2^38 more to limb 0, and takes no more than one raw and an element.
 * test/group/native-field.test.ts runs these functions on limbs at the bound against BigInt and checks the results.
 */
#include <immintrin.h>

#define LANES 4
typedef __m256d vec;
typedef uint64_t wv __attribute__((vector_size(32)));
typedef struct { vec v[5]; } fe;
/* Column sums as integers modulo 2^64. */
typedef struct { wv v[5]; } raw;
typedef fe prepared;

#define SHA_ROR(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
#define SHA_CH(e, f, g) (((e) & ((f) ^ (g))) ^ (g))
#define SHA_MAJ(a, b, c) (((a) & (b)) | ((c) & ((a) | (b))))

#define SPLAT(x) ((wv)_mm256_set1_epi64x((long long)(x)))
#define C1_BITS UINT64_C(0x4668000000000000)
#define C2_BITS UINT64_C(0x4338000000000000)
#define C1 ((vec)SPLAT(C1_BITS))
#define C2 ((vec)SPLAT(C2_BITS))

/* lo_sum[k] and hi_sum[k + 1] of one product. */
#define TERM(k, x, y)                                               \
  do {                                                              \
    const vec hi_ = _mm256_fmadd_pd(x, y, C1);                      \
    const vec lo_ = _mm256_fmadd_pd(x, y, _mm256_sub_pd(c12, hi_)); \
    z[(k) + 1] += (wv)hi_;                                          \
    z[k] += (wv)lo_;                                                \
  } while (0)

/* Column k starts at minus its constants: it receives lo[k] lo halves and lo[k - 1] hi halves. */
INLINE void start_columns(wv z[10], const int lo[9]) {
  for (int k = 0; k < 10; k++) {
    const uint64_t los = k < 9 ? (uint64_t)lo[k] : 0, his = k > 0 ? (uint64_t)lo[k - 1] : 0;
    z[k] = SPLAT(0 - los * C2_BITS - his * C1_BITS);
  }
}

INLINE raw fold_columns(const wv z[10]) {
  raw out;
  for (int k = 0; k < 5; k++) out.v[k] = z[k] + (z[k + 5] << 4) + (z[k + 5] << 1) + z[k + 5];
  return out;
}

/* x in -2^51 .. 2^51 as an integer to a double: exact in C2's binade. */
INLINE vec to_double(wv x) { return _mm256_sub_pd((vec)(x + C2_BITS), C2); }

/* Carries c = (z + 2^50) >> 51, arithmetic: the logical shift of a value made positive. */
INLINE fe fe_carry(raw z) {
  const uint64_t lift = UINT64_C(1) << 62, half = UINT64_C(1) << 50;
  wv c[5], r[5];
  fe out;
  for (int i = 0; i < 5; i++) {
    c[i] = ((z.v[i] + (half + lift)) >> 51) - (lift >> 51);
    r[i] = z.v[i] - (c[i] << 51);
  }
  r[0] += (c[4] << 4) + (c[4] << 1) + c[4];
  for (int i = 1; i < 5; i++) r[i] += c[i - 1];
  for (int i = 0; i < 5; i++) out.v[i] = to_double(r[i]);
  return out;
}

INLINE raw fe_mul(fe a, fe b, int biased) {
  (void)biased;
  static const int terms[9] = {1, 2, 3, 4, 5, 4, 3, 2, 1};
  const vec c12 = _mm256_add_pd(C1, C2);
  wv z[10];
  start_columns(z, terms);
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 5; j++) TERM(i + j, a.v[i], b.v[j]);
  }
  return fold_columns(z);
}

INLINE prepared fe_prepare(fe b) { return b; }
INLINE raw fe_mul_prepared(fe a, prepared b, int biased) { return fe_mul(a, b, biased); }

INLINE raw fe_square(fe a, int biased) {
  (void)biased;
  static const int terms[9] = {1, 1, 2, 2, 3, 2, 2, 1, 1};
  const vec c12 = _mm256_add_pd(C1, C2);
  wv z[10];
  start_columns(z, terms);
  for (int i = 0; i < 5; i++) {
    const vec twice = _mm256_add_pd(a.v[i], a.v[i]);
    TERM(2 * i, a.v[i], a.v[i]);
    for (int j = i + 1; j < 5; j++) TERM(i + j, twice, a.v[j]);
  }
  return fold_columns(z);
}

/* z + factor * a, carried, for a factor below 2^38. */
INLINE fe fe_scale(raw in, fe a, uint64_t factor) {
  const vec c12 = _mm256_add_pd(C1, C2), by = _mm256_set1_pd((double)factor);
  wv z[6];
  for (int k = 0; k < 6; k++) {
    z[k] = SPLAT(0 - (k < 5 ? C2_BITS : 0) - (k > 0 ? C1_BITS : 0));
    if (k < 5) z[k] += in.v[k];
  }
  for (int i = 0; i < 5; i++) TERM(i, a.v[i], by);
  z[0] += (z[5] << 4) + (z[5] << 1) + z[5];
  return fe_carry((raw){{z[0], z[1], z[2], z[3], z[4]}});
}

INLINE raw fe_sum(raw a, raw b) {
  for (int i = 0; i < 5; i++) a.v[i] += b.v[i];
  return a;
}

INLINE raw fe_difference(raw a, raw b) {
  for (int i = 0; i < 5; i++) a.v[i] -= b.v[i];
  return a;
}

INLINE raw fe_raw(fe a, int biased) {
  (void)biased;
  raw z;
  for (int i = 0; i < 5; i++) z.v[i] = (wv)_mm256_add_pd(a.v[i], C2) - C2_BITS;
  return z;
}

/* From non-negative limbs below 2^58. */
INLINE fe fe_from_limbs(const wv limbs[5]) {
  raw z;
  for (int i = 0; i < 5; i++) z.v[i] = limbs[i];
  return fe_carry(z);
}

INLINE fe fe_from_reduced(const wv limbs[5]) { return fe_from_limbs(limbs); }

/* To the same value modulo p with limbs in 0 .. 2^54: adds 2 p. */
INLINE void fe_to_limbs(wv limbs[5], fe a) {
  const raw z = fe_raw(a, 0);
  for (int i = 0; i < 5; i++) limbs[i] = z.v[i] + ((UINT64_C(1) << 52) - (i == 0 ? 38 : 2));
}

/* mask is all ones (b) or zero (a), per lane. */
INLINE fe fe_choose(wv mask, fe a, fe b) {
  for (int i = 0; i < 5; i++) a.v[i] = (vec)((wv)a.v[i] ^ (mask & ((wv)a.v[i] ^ (wv)b.v[i])));
  return a;
}
