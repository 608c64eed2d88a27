/*
 * Arithmetic modulo p = 2^255 - 19 for one element, with 64 x 64 -> 128 bit products. Limb i has weight 2^(51 i).
 * No branch and no address depends on a value.
 *
 * Bounds. A raw is reduced: limb 1 below 2^51 + 2^13, the others below 2^51 + 2^3 (fe_mul, fe_square, fe_scale,
 * fe_raw). An fe is a raw, or a sum of two or three, of which one may be subtracted with 4 p added, so its limbs are
 * below 2^53 + 2^52 + 2^14 < 2^54.
 * Products of limbs below 2^54: a column is at most (1 + 4 * 19) 2^108 < 2^114.3, plus a carry below 2^63.3; 19 b is
 * below 2^58.3. The carry out of a column but the last is below 2^63.3, out of the last (five products without the
 * factor 19) below 2^59.4, and 19 times that below 2^63.7, so everything fits its 64 or 128 bits.
 * test/group/native-field.test.ts runs these functions on limbs at the bound against BigInt and checks the results.
 */
#define LANES 1
typedef uint64_t wv;
typedef unsigned __int128 u128;
typedef struct { uint64_t v[5]; } fe;
typedef fe raw;
typedef fe prepared;

#define SHA_ROR(x, n) (((x) >> (n)) | ((x) << (64 - (n))))
#define SHA_CH(e, f, g) (((e) & ((f) ^ (g))) ^ (g))
#define SHA_MAJ(a, b, c) (((a) & (b)) | ((c) & ((a) | (b))))

#define MASK51 ((UINT64_C(1) << 51) - 1)

/* Columns below 2^114.3 to a raw. */
INLINE raw carry_wide(u128 t0, u128 t1, u128 t2, u128 t3, u128 t4) {
  raw r;
  t1 += (uint64_t)(t0 >> 51);
  t2 += (uint64_t)(t1 >> 51);
  t3 += (uint64_t)(t2 >> 51);
  t4 += (uint64_t)(t3 >> 51);
  r.v[0] = ((uint64_t)t0 & MASK51) + 19 * (uint64_t)(t4 >> 51);
  r.v[1] = ((uint64_t)t1 & MASK51) + (r.v[0] >> 51);
  r.v[0] &= MASK51;
  r.v[2] = (uint64_t)t2 & MASK51;
  r.v[3] = (uint64_t)t3 & MASK51;
  r.v[4] = (uint64_t)t4 & MASK51;
  return r;
}

INLINE raw fe_mul(fe a, fe b, int biased) {
  (void)biased;
  const uint64_t *x = a.v, *y = b.v;
  const uint64_t y1 = 19 * y[1], y2 = 19 * y[2], y3 = 19 * y[3], y4 = 19 * y[4];
#define M(i, s) ((u128)x[i] * (s))
  return carry_wide(M(0, y[0]) + M(1, y4) + M(2, y3) + M(3, y2) + M(4, y1),
                    M(0, y[1]) + M(1, y[0]) + M(2, y4) + M(3, y3) + M(4, y2),
                    M(0, y[2]) + M(1, y[1]) + M(2, y[0]) + M(3, y4) + M(4, y3),
                    M(0, y[3]) + M(1, y[2]) + M(2, y[1]) + M(3, y[0]) + M(4, y4),
                    M(0, y[4]) + M(1, y[3]) + M(2, y[2]) + M(3, y[1]) + M(4, y[0]));
#undef M
}

INLINE prepared fe_prepare(fe b) { return b; }
INLINE raw fe_mul_prepared(fe a, prepared b, int biased) { return fe_mul(a, b, biased); }

INLINE raw fe_square(fe a, int biased) {
  (void)biased;
  const uint64_t *x = a.v;
  const uint64_t d0 = 2 * x[0], d1 = 2 * x[1], d2 = 38 * x[2], n3 = 19 * x[3], n4 = 19 * x[4], d4 = 2 * n4;
#define M(s, t) ((u128)(s) * (t))
  return carry_wide(M(x[0], x[0]) + M(d4, x[1]) + M(d2, x[3]), M(d0, x[1]) + M(d4, x[2]) + M(n3, x[3]),
                    M(d0, x[2]) + M(x[1], x[1]) + M(d4, x[3]), M(d0, x[3]) + M(d1, x[2]) + M(n4, x[4]),
                    M(d0, x[4]) + M(d1, x[3]) + M(x[2], x[2]));
#undef M
}

/* z + factor * a, for a z of limbs below 2^54 and a factor below 2^38 */
INLINE fe fe_scale(raw z, fe a, uint64_t factor) {
#define M(i) ((u128)a.v[i] * factor + z.v[i])
  return carry_wide(M(0), M(1), M(2), M(3), M(4));
#undef M
}

INLINE fe fe_carry(raw z) { return z; }

INLINE raw fe_sum(raw a, raw b) {
  for (int i = 0; i < 5; i++) a.v[i] += b.v[i];
  return a;
}

INLINE raw fe_difference(raw a, raw b) {
  a.v[0] += 4 * (MASK51 - 18) - b.v[0];
  for (int i = 1; i < 5; i++) a.v[i] += 4 * MASK51 - b.v[i];
  return a;
}

INLINE raw fe_raw(fe a, int biased) {
  (void)biased;
  return carry_wide(a.v[0], a.v[1], a.v[2], a.v[3], a.v[4]);
}

/* From limbs below 2^58. */
INLINE fe fe_from_limbs(const wv limbs[5]) {
  return carry_wide(limbs[0], limbs[1], limbs[2], limbs[3], limbs[4]);
}

INLINE fe fe_from_reduced(const wv limbs[5]) {
  fe out;
  memcpy(&out, limbs, sizeof out);
  return out;
}

/* To the same value modulo p with limbs in 0 .. 2^54. */
INLINE void fe_to_limbs(wv limbs[5], fe a) {
  for (int i = 0; i < 5; i++) limbs[i] = a.v[i];
}

/* mask is all ones (b) or zero (a). */
INLINE fe fe_choose(wv mask, fe a, fe b) {
  for (int i = 0; i < 5; i++) a.v[i] ^= mask & (a.v[i] ^ b.v[i]);
  return a;
}
