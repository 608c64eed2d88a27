/*
 * Curve25519, v^2 = u^3 + A u^2 + u with A = 486662: the ladder of RFC 7748 section 5 and the map of RFC 9380 sections
 * 6.7.1 and 8.5, without branches or addresses that depend on scalars, points or messages.
 */
#define CURVE_A 486662
/* sqrt(-1) = 2^((p - 1) / 4), and 2^((p + 3) / 8) = sqrt(-1) + 1. */
#define SQRT_MINUS_1(plus)                                                                                \
  fe_constant(UINT64_C(0x61b274a0ea0b0) + (plus), UINT64_C(0x0d5a5fc8f189d), UINT64_C(0x7ef5e9cbd0c60),  \
              UINT64_C(0x78595a6804c9e), UINT64_C(0x2b8324804fc1d))
/* -A = p - A */
#define MINUS_A fe_constant(LOW51 - 18 - CURVE_A, LOW51, LOW51, LOW51, LOW51)

/* A point u = x / z as the two values that ladder steps take: x + z and x - z. */
typedef struct { fe sum, difference; } spread;

INLINE spread spread_out(raw x_biased, raw z) {
  return (spread){fe_carry_sum(x_biased, z), fe_carry_difference(x_biased, z)};
}

/* 2 P as x and z: x = AA BB, z = E (AA + 121665 E); x biased. */
INLINE void curve_double(raw *x, raw *z, spread p) {
  const raw aa_raw = fe_square(p.sum, 1), bb_raw = fe_square(p.difference, 0);
  const fe e = fe_carry_difference(aa_raw, bb_raw);
  const fe t = fe_scale_add(aa_raw, e);
  *x = fe_mul(fe_carry(aa_raw), fe_carry(bb_raw), 1);
  *z = fe_mul(e, t, 0);
}

/*
 * 2 C, and P + Q for points whose difference is x1 / 1; the order of P and Q does not matter. The two are computed side
 * by side, step by step, for a processor looks ahead less far than one of them is long.
 */
INLINE void curve_step(spread *twice, spread *sum, spread c, spread p, spread q, const prepared *x1) {
  const raw da = fe_mul(q.difference, p.sum, 1), cb = fe_mul(q.sum, p.difference, 0);
  const raw aa_raw = fe_square(c.sum, 1), bb_raw = fe_square(c.difference, 0);
  const fe plus = fe_carry_sum(da, cb), minus = fe_carry_difference(da, cb);
  const fe e = fe_carry_difference(aa_raw, bb_raw);
  const raw minus2 = fe_square(minus, 0), sum_x = fe_square(plus, 1);
  const fe t = fe_scale_add(aa_raw, e);
  const raw x = fe_mul(fe_carry(aa_raw), fe_carry(bb_raw), 1);
  const raw sum_z = fe_mul_prepared(fe_carry(minus2), *x1, 0);
  const raw z = fe_mul(e, t, 0);
  *twice = spread_out(x, z);
  *sum = spread_out(sum_x, sum_z);
}

INLINE spread spread_choose(wv mask, spread p, spread q) {
  return (spread){fe_choose(mask, p.sum, q.sum), fe_choose(mask, p.difference, q.difference)};
}

/* A mask for all lanes from a secret bit; the compiler must not learn that there are only two values. */
INLINE wv mask_of(uint64_t bit) {
  const wv zero = {0};
  __asm__("" : "+r"(bit));
  return zero - bit;
}

/*
 * x / z = [scalar] u for a clamped scalar, that is, bit 254 set, bits 255 and 0..2 clear. The pair (R0, R1) of the
 * ladder is kept as (doubled, added): after a step with bit b, `doubled` is R_b and `added` the other. So instead of
 * swapping twice, a step chooses which of the two it doubles, and their sum needs no choice.
 */
static __attribute__((noinline)) void curve_ladder(fe *x_out, fe *z_out, fe u, const uint8_t *scalar) {
  const fe one = fe_small(1);
  const prepared x1 = fe_prepare(u);
  raw x, z;
  spread added = {fe_add(u, one), fe_sub(u, one)}; /* after bit 254: R0 = P, R1 = 2 P */
  curve_double(&x, &z, added);
  spread doubled = spread_out(x, z);
  uint64_t previous = 1;
  for (int i = 253; i >= 3; i--) {
    const uint64_t bit = (scalar[i >> 3] >> (i & 7)) & 1;
    const spread chosen = spread_choose(mask_of(bit ^ previous), doubled, added);
    previous = bit;
    curve_step(&doubled, &added, chosen, doubled, added, &x1);
  }
  spread r0 = spread_choose(mask_of(previous), doubled, added);
  for (int i = 2; i >= 0; i--) {
    curve_double(&x, &z, r0);
    r0 = spread_out(x, z);
  }
  *x_out = fe_carry(x);
  *z_out = fe_carry(z);
}

/* A point as u = n / d, and v. */
typedef struct { fe n, d, v; } affine;

/* The one of y and y sqrt(-1) whose square times gxd is gx, if one is; else y sqrt(-1). */
INLINE fe choose_root(fe y, fe gx, fe gxd) {
  const wv is_root = fe_equal(fe_mul_carry(fe_square_carry(y), gxd), gx);
  return fe_choose(is_root, fe_mul_carry(y, SQRT_MINUS_1(0)), y);
}

/* RFC 9380 appendix G.2.1, map_to_curve_elligator2_curve25519, of POWERS elements; with the RFC's step numbers. */
static void map_to_curve(affine out[POWERS], const fe r[POWERS]) {
  const fe minus_a = MINUS_A;
  fe t1[POWERS], gxd[POWERS], gx1[POWERS], t3[POWERS], power[POWERS], y[POWERS];
  for (int j = 0; j < POWERS; j++) {
    const raw square = fe_square(r[j], 0);
    t1[j] = fe_carry_sum(square, square);                              /* 1, 2 */
    out[j].d = fe_add(t1[j], fe_small(1));                             /* 3: not 0, as -1 is a square and 2 is not */
    const fe d2 = fe_square_carry(out[j].d);                           /* 5 */
    gxd[j] = fe_mul_carry(d2, out[j].d);                               /* 6 */
    const fe a2t = fe_mul_carry(fe_mul_carry(t1[j], fe_small(CURVE_A)), minus_a);
    gx1[j] = fe_mul_carry(fe_add(a2t, d2), minus_a);                   /* 7-10 */
    const fe gxd2 = fe_square_carry(gxd[j]);                           /* 11 */
    t3[j] = fe_mul_carry(fe_mul_carry(gxd2, gxd[j]), gx1[j]);          /* 13, 14 */
    power[j] = fe_mul_carry(fe_square_carry(gxd2), t3[j]);             /* 12, 15 */
  }
  fe_power_p58(y, power);                                              /* 16 */
  for (int j = 0; j < POWERS; j++) {
    const fe y11 = fe_mul_carry(y[j], t3[j]);                          /* 17 */
    const fe y21 = fe_mul_carry(fe_mul_carry(y11, r[j]), SQRT_MINUS_1(1)); /* 24, 25 */
    const fe gx2 = fe_mul_carry(gx1[j], t1[j]);                        /* 27 */
    const fe y1 = choose_root(y11, gx1[j], gxd[j]);                    /* 18-22 */
    const fe y2 = choose_root(y21, gx2, gxd[j]);                       /* 26, 28-31 */
    const wv e3 = fe_equal(fe_mul_carry(fe_square_carry(y1), gxd[j]), gx1[j]); /* 32-34 */
    out[j].n = fe_choose(e3, fe_mul_carry(t1[j], minus_a), minus_a);   /* 4, 23, 35 */
    const fe root = fe_choose(e3, y2, y1);                             /* 36 */
    out[j].v = fe_choose(e3 ^ fe_is_odd(root), root, fe_sub(fe_small(0), root)); /* 37, 38 */
  }
}

/*
 * u(8 (P + Q)) as x / z. The sum is the chord law with denominators cleared: with D = d1 d2 and M = n2 d1 - n1 d2,
 * x = (v2 - v1)^2 D^3 - M^2 (A D + n1 d2 + n2 d1) and z = M^2 D. Equal points (probability below 2^-250) give z = 0.
 */
static void add_and_clear(fe *x_out, fe *z_out, const affine *p, const affine *q) {
  const fe qp = fe_mul_carry(q->n, p->d), pq = fe_mul_carry(p->n, q->d), d = fe_mul_carry(p->d, q->d);
  const fe m2 = fe_square_carry(fe_sub(qp, pq));
  const fe slope = fe_mul_carry(fe_square_carry(fe_sub(q->v, p->v)), fe_mul_carry(fe_square_carry(d), d));
  const fe us = fe_add(fe_add(qp, pq), fe_mul_carry(d, fe_small(CURVE_A)));
  raw x = fe_raw(fe_sub(slope, fe_mul_carry(m2, us)), 1), z = fe_mul(m2, d, 0);
  for (int i = 0; i < 3; i++) curve_double(&x, &z, spread_out(x, z));
  *x_out = fe_carry(x);
  *z_out = fe_carry(z);
}
