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
 * an h that lands in the column of another term is added to that term's operand.
 *
 * Bounds. Every limb of an fe is below FE = 2^51 + 2^13: fe_carry takes limbs below 2^58 and leaves at most
 *   (2^51 - 1) + 19 (2^7 - 1) in limb 0 and (2^51 - 1) + (2^7 - 1) elsewhere.
 * Prepared operands: l < 2^51, h <= 38 FE / 2^52 < 20; l + h and b_0 + h are below FE + 20 < 2^52.
 * A hi half is below (FE + 20) FE / 2^52 < 2^50 + 2^14 =: HALF, a lo half below 2^52.
 * fe_mul:    column 4 leaves five hi halves of weight 2 * 2^255, which fold by 38; summed as three and two, they are
 *            operands again (3 HALF < 2^52). Column 0 <= 7 lo; column 1 <= 5 lo + 2 (5 HALF + 2 * 38); the others
 *            <= 5 lo + 10 HALF. All are below 7.6 * 2^52 < 2^55.
 * fe_square: cross terms are summed once and doubled; 2 HALF < 2^52 is an operand again. Column 0 <= 2 (3 lo) + 2 lo;
 *            the others <= 2 (2 lo + 2 (2 HALF + 38) + 2 HALF + 38) + 2 lo. All are below 9.1 * 2^52 < 2^56.
 * fe_scale_add: limbs below 2^57.6 plus at most 2 * 2^52 + 2^19.
 * BIAS = 64 p has the limbs 2^57 - 1216 and 2^57 - 64, above every raw without it, so (biased - unbiased) is positive,
 * and sums of two raws of which at most one is biased stay below 2^57 + 2 * 2^56 = 2^58.
 * test/group/native-field.test.ts runs these functions on limbs at the bound against BigInt and checks the results.
 */
#include <immintrin.h>

#define LANES 8
typedef __m512i vec;
typedef uint64_t wv __attribute__((vector_size(64)));
typedef struct { vec v[5]; } fe;
/* Column sums before the carry. */
typedef struct { vec v[5]; } raw;
/* b, b_0 + h_4, l_1..l_4, and c_j = l_j + h_(j-1) for j = 2..4. */
typedef struct { vec b[5], b0h, l[5], c[5]; } prepared;

#define LO(acc, x, y) _mm512_madd52lo_epu64(acc, x, y)
#define HI(acc, x, y) _mm512_madd52hi_epu64(acc, x, y)
#define ADD(x, y) _mm512_add_epi64(x, y)
#define SET(x) _mm512_set1_epi64((long long)(x))
#define MASK51 SET((UINT64_C(1) << 51) - 1)
#define BIAS_0 ((UINT64_C(1) << 57) - 64 * 19)
#define BIAS_N ((UINT64_C(1) << 57) - 64)

#define SHA_ROR(x, n) ((wv)_mm512_ror_epi64((__m512i)(x), n))
#define SHA_CH(e, f, g) ((wv)_mm512_ternarylogic_epi64((__m512i)(e), (__m512i)(f), (__m512i)(g), 0xca))
#define SHA_MAJ(a, b, c) ((wv)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), 0xe8))

INLINE fe fe_carry(raw z) {
  vec c[5];
  fe out;
  for (int i = 0; i < 5; i++) {
    c[i] = _mm512_srli_epi64(z.v[i], 51);
    out.v[i] = _mm512_and_si512(z.v[i], MASK51);
  }
  out.v[0] = LO(out.v[0], c[4], SET(19));
  for (int i = 1; i < 5; i++) out.v[i] = ADD(out.v[i], c[i - 1]);
  return out;
}

INLINE prepared fe_prepare(fe b) {
  const vec zero = _mm512_setzero_si512(), n19 = SET(19), n38 = SET(38);
  prepared p;
  for (int i = 0; i < 5; i++) p.b[i] = b.v[i];
  for (int j = 1; j < 5; j++) p.l[j] = _mm512_and_si512(LO(zero, b.v[j], n19), MASK51);
  for (int j = 2; j < 5; j++) p.c[j] = HI(p.l[j], b.v[j - 1], n38);
  p.b0h = HI(b.v[0], b.v[4], n38);
  return p;
}

#define SUM5(OP, acc, x0, x1, x2, x3, x4) \
  OP(OP(OP(OP(OP(acc, a.v[0], x0), a.v[1], x1), a.v[2], x2), a.v[3], x3), a.v[4], x4)

/* a * b, plus BIAS if biased. */
INLINE raw fe_mul_prepared(fe a, prepared p, int biased) {
  const vec zero = _mm512_setzero_si512(), n38 = SET(38);
  const vec half = biased ? SET(BIAS_N / 2) : zero;
  raw z;
  const vec h5 = HI(HI(HI(zero, a.v[0], p.b[4]), a.v[1], p.b[3]), a.v[2], p.b[2]);
  const vec g5 = HI(HI(zero, a.v[3], p.b[1]), a.v[4], p.b0h);
  vec h1 = SUM5(HI, half, p.b[0], p.l[4], p.l[3], p.l[2], p.l[1]);
  vec h2 = SUM5(HI, half, p.b[1], p.b0h, p.c[4], p.c[3], p.c[2]);
  vec h3 = SUM5(HI, half, p.b[2], p.b[1], p.b0h, p.c[4], p.c[3]);
  vec h4 = SUM5(HI, half, p.b[3], p.b[2], p.b[1], p.b0h, p.c[4]);
  h1 = HI(HI(h1, h5, n38), g5, n38);
  z.v[0] = LO(LO(biased ? SET(BIAS_0) : zero, h5, n38), g5, n38);
  z.v[0] = SUM5(LO, z.v[0], p.b[0], p.l[4], p.l[3], p.l[2], p.l[1]);
  z.v[1] = SUM5(LO, ADD(h1, h1), p.b[1], p.b0h, p.c[4], p.c[3], p.c[2]);
  z.v[2] = SUM5(LO, ADD(h2, h2), p.b[2], p.b[1], p.b0h, p.c[4], p.c[3]);
  z.v[3] = SUM5(LO, ADD(h3, h3), p.b[3], p.b[2], p.b[1], p.b0h, p.c[4]);
  z.v[4] = SUM5(LO, ADD(h4, h4), p.b[4], p.b[3], p.b[2], p.b[1], p.b0h);
  return z;
}

INLINE raw fe_mul(fe a, fe b, int biased) { return fe_mul_prepared(a, fe_prepare(b), biased); }

/* a * a, plus BIAS if biased. h is the doubly counted part of a column's hi halves, then the column itself. */
INLINE raw fe_square(fe a, int biased) {
  const vec zero = _mm512_setzero_si512(), n19 = SET(19), n38 = SET(38);
  const vec a0 = a.v[0], a1 = a.v[1], a2 = a.v[2], a3 = a.v[3], a4 = a.v[4];
  const vec l3 = _mm512_and_si512(LO(zero, a3, n19), MASK51);
  const vec l4 = _mm512_and_si512(LO(zero, a4, n19), MASK51);
  const vec h3 = HI(zero, a3, n38), h4 = HI(zero, a4, n38);
  const vec c4 = HI(l4, a3, n38), e0 = HI(a0, a4, n38);
  const vec quarter = biased ? SET(BIAS_N / 4) : zero;
  const vec cross5 = HI(HI(zero, a0, a4), a1, a3), diagonal5 = HI(HI(zero, a2, a2), a4, h4);
  vec h;
  raw z;
  h = LO(LO(LO(biased ? SET(BIAS_0 / 2) : zero, cross5, n38), a1, l4), a2, l3);
  z.v[0] = LO(LO(ADD(h, h), diagonal5, n38), a0, a0);
  h = HI(HI(HI(quarter, cross5, n38), a1, l4), a2, l3);
  h = LO(LO(HI(HI(ADD(h, h), diagonal5, n38), a0, a0), a1, e0), a2, c4);
  z.v[1] = LO(ADD(h, h), a3, l3);
  h = HI(HI(quarter, a1, e0), a2, c4);
  h = LO(LO(HI(ADD(h, h), a3, l3), a2, e0), a3, l4);
  z.v[2] = LO(LO(ADD(h, h), a1, a1), a3, h3);
  h = HI(HI(quarter, a2, e0), a3, l4);
  h = LO(LO(HI(HI(ADD(h, h), a1, a1), a3, h3), a3, e0), a1, a2);
  z.v[3] = LO(ADD(h, h), a4, l4);
  h = HI(HI(quarter, a3, e0), a1, a2);
  h = LO(LO(HI(ADD(h, h), a4, l4), a0, a4), a1, a3);
  z.v[4] = LO(LO(ADD(h, h), a2, a2), a4, h4);
  return z;
}

/* z + 121665 a, carried. */
INLINE fe fe_scale_add(raw z, fe a) {
  const vec a24 = SET(121665);
  const vec top = HI(_mm512_setzero_si512(), a.v[4], a24);
  for (int i = 0; i < 5; i++) z.v[i] = LO(z.v[i], a.v[i], a24);
  for (int i = 0; i < 4; i++) z.v[i + 1] = HI(HI(z.v[i + 1], a.v[i], a24), a.v[i], a24);
  z.v[0] = LO(z.v[0], top, SET(38));
  return fe_carry(z);
}

INLINE fe fe_carry_sum(raw a, raw b) {
  for (int i = 0; i < 5; i++) a.v[i] = ADD(a.v[i], b.v[i]);
  return fe_carry(a);
}

/* biased - b */
INLINE fe fe_carry_difference(raw biased, raw b) {
  for (int i = 0; i < 5; i++) biased.v[i] = _mm512_sub_epi64(biased.v[i], b.v[i]);
  return fe_carry(biased);
}

INLINE raw fe_raw(fe a, int biased) {
  raw z;
  for (int i = 0; i < 5; i++) z.v[i] = biased ? ADD(a.v[i], SET(i == 0 ? BIAS_0 : BIAS_N)) : a.v[i];
  return z;
}

/* From non-negative limbs below 2^58. */
INLINE fe fe_from_limbs(const wv limbs[5]) {
  raw z;
  for (int i = 0; i < 5; i++) z.v[i] = (vec)limbs[i];
  return fe_carry(z);
}

/* To the same value modulo p with limbs in 0 .. 2^54. */
INLINE void fe_to_limbs(wv limbs[5], fe a) {
  for (int i = 0; i < 5; i++) limbs[i] = (wv)a.v[i];
}

/* mask is all ones (b) or zero (a), per lane. */
INLINE fe fe_choose(wv mask, fe a, fe b) {
  fe out;
  for (int i = 0; i < 5; i++) out.v[i] = _mm512_ternarylogic_epi64((vec)mask, b.v[i], a.v[i], 0xca);
  return out;
}
