/*
 * Arithmetic modulo p = 2^255 - 19 for eight elements at once, AVX-512 IFMA. Limb i of an element has weight 2^(51 i);
 * a vector holds the same limb of eight elements. No branch and no address depends on a value.
 *
 * vpmadd52 multiplies the low 52 bits of its operands and adds bits 0-51 ("lo") or 52-103 ("hi") of the product to a
 * 64-bit lane. In radix 2^51 a hi half has weight 2 in the next column, so the hi halves of a column are summed first,
 * doubled once, and become the start value of its lo halves.
 *
 * Columns 5 to 8 of a product fold into columns 0 to 3 by 2^255 = 19. Folding after the multiplication would cost five
 * operations per column, so one operand is prepared instead: 19 b_j = l_j + 2^51 h_j with l_j = 19 b_j mod 2^51, and
 * an h that lands in the column of another term is added to that term's operand. The hi halves of column 4, of weight
 * 2 * 2^255, are summed and multiplied by 38.
 *
 * An fe has a limb 0 below FE_0 = 2^51 + 2^44. Of its limbs 1 to 4 the low 52 bits count and the others are anything:
 * they only ever become operands of vpmadd52, which ignores those bits, and fe_raw and fe_to_limbs clear them. So a
 * carry masks only where its ring is broken: it starts at limbs 0 and 2, which are cut to 51 bits, and runs from there
 * through limbs that keep 52 bits; what is above bit 52 of limb i is 2 units of limb i + 1, above limb 4 it is 38.
 *
 * Bounds, in units of W = 2^52; hi and lo halves are below W.
 * Prepared operands: l < W / 2, h <= 37; l + h and b_0 + h are below FE_0 + 38 < W.
 * fe_mul:    column 0 <= 5 lo + 38 (5 hi) = 195 W, the others <= 5 lo + 2 (5 hi) = 15 W.
 * fe_square: cross terms are summed once and doubled. 2 l = 38 a mod W is an operand as it is. h_3 and h_4 are at most
 *            37, and so are their hi halves. Column 0 <= 38 (2 (2 hi) + hi + 37) + 3 lo < 195 W; column 4
 *            <= 2 (2 (2 hi) + hi + 2 lo) + 2 lo = 16 W; columns 1 to 3 have fewer terms.
 * BIAS = 456 p has the limbs 228 W - 8664 and 228 W - 456, above every raw without it, so (biased - unbiased) is
 * positive, and sums of two raws, of which at most one is biased, and an element stay below (2 * 195 + 229) W < 2^62.
 * Its shares are integers: 456 is a multiple of 4 and of 76.
 * fe_carry, of limbs below 2^62: what leaves a limb is below 2^11, so limb 2 becomes at most 2^51 + 2^12 and limb 0 at
 * most 2^51 + 38 * 2^11 < FE_0; sums with limbs 1, 3 and 4 stay below 2^63.
 * fe_scale, of limbs below 2^62, breaks the ring at limb 0 only. A product with the factor has a hi half below 2^38, so
 * what leaves a limb is below 2^11 + 2^38 and limb 0 becomes at most 2^51 + 38 (2^11 + 2^38) < FE_0.
 * test/group/native-field.test.ts runs these functions on limbs at the bound against BigInt and checks the results.
 */
#include <immintrin.h>

#define LANES 8
typedef __m512i vec;
typedef uint64_t wv __attribute__((vector_size(64)));
/* Limb 0, and limbs 1 to 4 modulo 2^52. */
typedef struct { vec v[5]; } fe;
/* Column sums before the carry. */
typedef struct { vec v[5]; } raw;
/* b, b_0 + h_4, l_1..l_4, and c_j = l_j + h_(j-1) for j = 2..4. */
typedef struct { vec b[5], b0h, l[5], c[5]; } prepared;

#define LO(acc, x, y) _mm512_madd52lo_epu64(acc, x, y)
#define HI(acc, x, y) _mm512_madd52hi_epu64(acc, x, y)
#define ADD(x, y) _mm512_add_epi64(x, y)
#define AND(x, y) _mm512_and_si512(x, y)
#define SHR(x, n) _mm512_srli_epi64(x, n)
#define SET(x) _mm512_set1_epi64((long long)(x))
#define MASK51 SET((UINT64_C(1) << 51) - 1)
#define MASK52 SET((UINT64_C(1) << 52) - 1)
#define BIAS_0 (456 * ((UINT64_C(1) << 51) - 19))
#define BIAS_N (456 * ((UINT64_C(1) << 51) - 1))

#define SHA_ROR(x, n) ((wv)_mm512_ror_epi64((__m512i)(x), n))
#define SHA_CH(e, f, g) ((wv)_mm512_ternarylogic_epi64((__m512i)(e), (__m512i)(f), (__m512i)(g), 0xca))
#define SHA_MAJ(a, b, c) ((wv)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), 0xe8))

INLINE fe fe_carry(raw z) {
  const vec n2 = SET(2);
  fe out;
  out.v[1] = ADD(z.v[1], SHR(z.v[0], 51));
  out.v[2] = LO(AND(z.v[2], MASK51), SHR(out.v[1], 52), n2);
  out.v[3] = ADD(z.v[3], SHR(z.v[2], 51));
  out.v[4] = LO(z.v[4], SHR(out.v[3], 52), n2);
  out.v[0] = LO(AND(z.v[0], MASK51), SHR(out.v[4], 52), SET(38));
  return out;
}

INLINE prepared fe_prepare(fe b) {
  const vec zero = _mm512_setzero_si512(), n19 = SET(19), n38 = SET(38);
  prepared p;
  for (int i = 0; i < 5; i++) p.b[i] = b.v[i];
  for (int j = 1; j < 5; j++) p.l[j] = AND(LO(zero, b.v[j], n19), MASK51);
  for (int j = 2; j < 5; j++) p.c[j] = HI(p.l[j], b.v[j - 1], n38);
  p.b0h = HI(b.v[0], b.v[4], n38);
  return p;
}

/* 38 x, below 2^64: three operations in one instruction; of a 38 that it sees a compiler makes more shifts and sums. */
INLINE vec times_38(vec x) {
  vec n38 = SET(38);
  __asm__("" : "+v"(n38));
  return _mm512_mullo_epi64(x, n38);
}

#define SUM5(OP, acc, x0, x1, x2, x3, x4) \
  OP(OP(OP(OP(OP(acc, a.v[0], x0), a.v[1], x1), a.v[2], x2), a.v[3], x3), a.v[4], x4)

/* a * b, plus BIAS if biased. */
INLINE raw fe_mul_prepared(fe a, prepared p, int biased) {
  const vec zero = _mm512_setzero_si512();
  const vec half = biased ? SET(BIAS_N / 2) : zero;
  raw z;
  /* in the order of which gcc 12 makes the fastest code, a hundredth faster than from column 0 on */
  const vec h1 = SUM5(HI, half, p.b[0], p.l[4], p.l[3], p.l[2], p.l[1]);
  const vec h2 = SUM5(HI, half, p.b[1], p.b0h, p.c[4], p.c[3], p.c[2]);
  const vec h4 = SUM5(HI, half, p.b[3], p.b[2], p.b[1], p.b0h, p.c[4]);
  const vec h3 = SUM5(HI, half, p.b[2], p.b[1], p.b0h, p.c[4], p.c[3]);
  z.v[1] = SUM5(LO, ADD(h1, h1), p.b[1], p.b0h, p.c[4], p.c[3], p.c[2]);
  z.v[2] = SUM5(LO, ADD(h2, h2), p.b[2], p.b[1], p.b0h, p.c[4], p.c[3]);
  const vec h5 = SUM5(HI, biased ? SET(BIAS_0 / 38) : zero, p.b[4], p.b[3], p.b[2], p.b[1], p.b0h);
  z.v[4] = SUM5(LO, ADD(h4, h4), p.b[4], p.b[3], p.b[2], p.b[1], p.b0h);
  z.v[3] = SUM5(LO, ADD(h3, h3), p.b[3], p.b[2], p.b[1], p.b0h, p.c[4]);
  /* added, not built upon: the multiplication by 38 takes long */
  z.v[0] = ADD(SUM5(LO, zero, p.b[0], p.l[4], p.l[3], p.l[2], p.l[1]), times_38(h5));
  return z;
}

INLINE raw fe_mul(fe a, fe b, int biased) { return fe_mul_prepared(a, fe_prepare(b), biased); }

/*
 * a * a, plus BIAS if biased. h is the doubly counted part of a column's hi halves, then the column itself; terms with
 * m_j = 2 l_j need no doubling.
 */
INLINE raw fe_square(fe a, int biased) {
  const vec zero = _mm512_setzero_si512(), n38 = SET(38), halve = SET(UINT64_C(1) << 51);
  const vec a0 = a.v[0], a1 = a.v[1], a2 = a.v[2], a3 = a.v[3], a4 = a.v[4];
  const vec m3 = LO(zero, a3, n38), m4 = LO(zero, a4, n38);
  const vec l3 = HI(zero, m3, halve), l4 = HI(zero, m4, halve);
  const vec h3 = HI(zero, a3, n38), h4 = HI(zero, a4, n38);
  const vec c4 = ADD(l4, h3), e0 = ADD(a0, h4);
  const vec half = biased ? SET(BIAS_N / 2) : zero, quarter = biased ? SET(BIAS_N / 4) : zero;
  vec h;
  raw z;
  h = HI(HI(biased ? SET(BIAS_0 / 76) : zero, a0, a4), a1, a3);
  h = HI(HI(ADD(h, h), a2, a2), a4, h4);
  z.v[0] = LO(LO(LO(times_38(h), a0, a0), a1, m4), a2, m3);
  h = HI(HI(HI(half, a0, a0), a1, m4), a2, m3);
  h = LO(LO(h, a1, e0), a2, c4);
  z.v[1] = LO(ADD(h, h), a3, l3);
  h = HI(HI(quarter, a1, e0), a2, c4);
  h = LO(HI(ADD(h, h), a3, l3), a2, e0);
  z.v[2] = LO(LO(LO(ADD(h, h), a1, a1), a3, h3), a3, m4);
  h = HI(quarter, a2, e0);
  h = HI(HI(HI(ADD(h, h), a1, a1), a3, h3), a3, m4);
  h = LO(LO(h, a3, e0), a1, a2);
  z.v[3] = LO(ADD(h, h), a4, l4);
  h = HI(HI(quarter, a3, e0), a1, a2);
  h = LO(LO(HI(ADD(h, h), a4, l4), a0, a4), a1, a3);
  z.v[4] = LO(LO(ADD(h, h), a2, a2), a4, h4);
  return z;
}

/* z + factor * a, carried, for a factor below 2^38; hi halves join what leaves their limb. */
INLINE fe fe_scale(raw z, fe a, uint64_t factor) {
  const vec by = SET(factor), n2 = SET(2);
  fe out;
  for (int i = 0; i < 5; i++) out.v[i] = LO(z.v[i], a.v[i], by);
  out.v[1] = ADD(HI(HI(out.v[1], a.v[0], by), a.v[0], by), SHR(out.v[0], 51));
  for (int i = 2; i < 5; i++) out.v[i] = LO(out.v[i], HI(SHR(out.v[i - 1], 52), a.v[i - 1], by), n2);
  out.v[0] = LO(AND(out.v[0], MASK51), HI(SHR(out.v[4], 52), a.v[4], by), SET(38));
  return out;
}

INLINE raw fe_sum(raw a, raw b) {
  for (int i = 0; i < 5; i++) a.v[i] = ADD(a.v[i], b.v[i]);
  return a;
}

/* biased - b */
INLINE raw fe_difference(raw biased, raw b) {
  for (int i = 0; i < 5; i++) biased.v[i] = _mm512_sub_epi64(biased.v[i], b.v[i]);
  return biased;
}

INLINE raw fe_raw(fe a, int biased) {
  raw z;
  for (int i = 0; i < 5; i++) {
    z.v[i] = AND(a.v[i], MASK52);
    if (biased) z.v[i] = ADD(z.v[i], SET(i == 0 ? BIAS_0 : BIAS_N));
  }
  return z;
}

/* From non-negative limbs below 2^62. */
INLINE fe fe_from_limbs(const wv limbs[5]) {
  raw z;
  for (int i = 0; i < 5; i++) z.v[i] = (vec)limbs[i];
  return fe_carry(z);
}

/* From limbs below 2^51. */
INLINE fe fe_from_reduced(const wv limbs[5]) {
  fe out;
  for (int i = 0; i < 5; i++) out.v[i] = (vec)limbs[i];
  return out;
}

/* To the same value modulo p with limbs in 0 .. 2^54. */
INLINE void fe_to_limbs(wv limbs[5], fe a) {
  for (int i = 0; i < 5; i++) limbs[i] = (wv)AND(a.v[i], MASK52);
}

/* mask is all ones (b) or zero (a), per lane. */
INLINE fe fe_choose(wv mask, fe a, fe b) {
  fe out;
  for (int i = 0; i < 5; i++) out.v[i] = _mm512_ternarylogic_epi64((vec)mask, b.v[i], a.v[i], 0xca);
  return out;
}
