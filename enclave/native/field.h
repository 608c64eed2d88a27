/*
 * Field operations that are the same text for every back end: bytes, canonical form, comparison, powers. Values are
 * vectors of LANES independent elements; results of comparisons are masks, all ones or zero per lane, never branches.
 */
static const uint64_t LOW51 = (UINT64_C(1) << 51) - 1;

INLINE fe fe_mul_carry(fe a, fe b) { return fe_carry(fe_mul(a, b, 0)); }
INLINE fe fe_square_carry(fe a) { return fe_carry(fe_square(a, 0)); }
INLINE fe fe_carry_sum(raw a, raw b) { return fe_carry(fe_sum(a, b)); }
INLINE fe fe_carry_difference(raw biased, raw b) { return fe_carry(fe_difference(biased, b)); }
INLINE fe fe_scale_add(raw z, fe a) { return fe_scale(z, a, 121665); }
INLINE fe fe_add(fe a, fe b) { return fe_carry_sum(fe_raw(a, 0), fe_raw(b, 0)); }
INLINE fe fe_sub(fe a, fe b) { return fe_carry_difference(fe_raw(a, 1), fe_raw(b, 0)); }

/* The same element in every lane; limbs below 2^51. */
INLINE fe fe_constant(uint64_t l0, uint64_t l1, uint64_t l2, uint64_t l3, uint64_t l4) {
  const wv zero = {0};
  const wv limbs[5] = {zero + l0, zero + l1, zero + l2, zero + l3, zero + l4};
  return fe_from_reduced(limbs);
}
INLINE fe fe_small(uint64_t value) { return fe_constant(value, 0, 0, 0, 0); }

/* word[w][lane], little endian words of LANES records of 32 bytes with bit 255 clear. */
INLINE fe fe_from_words(uint64_t word[4][LANES]) {
  wv w[4];
  memcpy(w, word, sizeof w);
  const wv limbs[5] = {w[0] & LOW51, ((w[0] >> 51) | (w[1] << 13)) & LOW51, ((w[1] >> 38) | (w[2] << 26)) & LOW51,
                       ((w[2] >> 25) | (w[3] << 39)) & LOW51, w[3] >> 12};
  return fe_from_reduced(limbs);
}

/*
 * The integer of six words, least significant first, modulo p (RFC 9380 section 5.2, 48 bytes). Limbs 5..7 fold by 19,
 * so limbs stay below 20 * 2^51.
 */
INLINE fe fe_from_wide(const wv w[6]) {
  const wv high[3] = {(w[3] >> 63) | ((w[4] << 1) & LOW51), ((w[4] >> 50) | (w[5] << 14)) & LOW51, w[5] >> 37};
  wv limbs[5] = {w[0] & LOW51, ((w[0] >> 51) | (w[1] << 13)) & LOW51, ((w[1] >> 38) | (w[2] << 26)) & LOW51,
                 ((w[2] >> 25) | (w[3] << 39)) & LOW51, (w[3] >> 12) & LOW51};
  for (int i = 0; i < 3; i++) limbs[i] += (high[i] << 4) + (high[i] << 1) + high[i];
  return fe_from_limbs(limbs);
}

/*
 * Limbs whose sum modulo 2^255 is the canonical value. What limb 4 holds above 51 bits, at most 2^3, is folded; as
 * the other limbs are at most 2^54, that leaves a value below 2^255 + 2^208 < 2 p. From it p is subtracted if it is at
 * least p, that is, if value + 19 reaches 2^255: 19 is added, and 2^255 is left to the caller.
 */
INLINE void fe_almost_canonical(wv l[5], fe a) {
  fe_to_limbs(l, a);
  const wv c = l[4] >> 51;
  l[4] &= LOW51;
  l[0] += (c << 4) + (c << 1) + c;
  wv q = (l[0] + 19) >> 51;
  for (int i = 1; i < 5; i++) q = (l[i] + q) >> 51;
  l[0] += (q << 4) + (q << 1) + q;
}

/* The canonical value's bits 0 to 50; bits above them are anything. */
INLINE wv fe_low(fe a) {
  wv l[5];
  fe_almost_canonical(l, a);
  return l[0];
}

/* The canonical limbs. */
INLINE void fe_canonical(wv l[5], fe a) {
  fe_almost_canonical(l, a);
  for (int i = 0; i < 4; i++) {
    l[i + 1] += l[i] >> 51;
    l[i] &= LOW51;
  }
  l[4] &= LOW51;
}

INLINE void fe_to_words(uint64_t word[4][LANES], fe a) {
  wv l[5];
  fe_canonical(l, a);
  const wv w[4] = {l[0] | (l[1] << 51), (l[1] >> 13) | (l[2] << 38), (l[2] >> 26) | (l[3] << 25),
                   (l[3] >> 39) | (l[4] << 12)};
  memcpy(word, w, sizeof w);
}

/* All ones where a is 0 modulo p. */
INLINE wv fe_is_zero(fe a) {
  wv l[5];
  fe_canonical(l, a);
  const wv any = l[0] | l[1] | l[2] | l[3] | l[4];
  return ((any | (0 - any)) >> 63) - 1;
}

/* z[j] = z[j]^(2^times) for n independent elements, interleaved because one chain of squarings waits for itself. */
INLINE void fe_square_times(fe *z, int n, int times) {
  for (int i = 0; i < times; i++) {
    for (int j = 0; j < n; j++) z[j] = fe_square_carry(z[j]);
  }
}

/* z[j] = x[j]^(2^250 - 1) and z11[j] = x[j]^11, by the usual chain of 249 squarings and 11 multiplications. */
INLINE void fe_power_250(fe *z, fe *z11, const fe *x, int n) {
  fe t[POWERS], z5[POWERS], z10[POWERS], z50[POWERS];
  for (int j = 0; j < n; j++) {
    const fe z2 = fe_square_carry(x[j]);
    const fe z9 = fe_mul_carry(fe_square_carry(fe_square_carry(z2)), x[j]);
    z11[j] = fe_mul_carry(z9, z2);
    z5[j] = fe_mul_carry(fe_square_carry(z11[j]), z9); /* 2^5 - 1 */
  }
#define CLIMB(to, from, times, by)                     \
  memcpy(t, from, (size_t)n * sizeof(fe));             \
  fe_square_times(t, n, times);                        \
  for (int j = 0; j < n; j++) to[j] = fe_mul_carry(t[j], by[j])
  CLIMB(z10, z5, 5, z5);    /* 2^10 - 1 */
  CLIMB(z, z10, 10, z10);   /* 2^20 - 1 */
  CLIMB(z, z, 20, z);       /* 2^40 - 1 */
  CLIMB(z50, z, 10, z10);   /* 2^50 - 1 */
  CLIMB(z, z50, 50, z50);   /* 2^100 - 1 */
  CLIMB(z, z, 100, z);      /* 2^200 - 1 */
  CLIMB(z, z, 50, z50);     /* 2^250 - 1 */
#undef CLIMB
}

/* x^(p - 2) = x^(2^255 - 21): the inverse, and 0 for 0. */
static fe fe_invert(fe x) {
  fe z, z11;
  fe_power_250(&z, &z11, &x, 1);
  fe_square_times(&z, 1, 5);
  return fe_mul_carry(z, z11);
}

/* out[j] = x[j]^((p - 5) / 8) = x[j]^(2^252 - 3) */
static void fe_power_p58(fe *out, const fe *x) {
  fe z11[POWERS];
  fe_power_250(out, z11, x, POWERS);
  fe_square_times(out, POWERS, 2);
  for (int j = 0; j < POWERS; j++) out[j] = fe_mul_carry(out[j], x[j]);
}
