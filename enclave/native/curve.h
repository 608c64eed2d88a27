/*
 * Curve25519, v^2 = u^3 + A u^2 + u with A = 486662: the ladder of RFC 7748 section 5 and the map of RFC 9380 sections
 * 6.7.1 and 8.5, without branches or addresses that depend on scalars, points or messages.
 */
#define CURVE_A UINT64_C(486662)
/* sqrt(-1) = 2^((p - 1) / 4), and 2^((p + 3) / 8) = sqrt(-1) + 1. */
#define SQRT_MINUS_1(plus)                                                                                \
  fe_constant(UINT64_C(0x61b274a0ea0b0) + (uint64_t)(plus), UINT64_C(0x0d5a5fc8f189d), UINT64_C(0x7ef5e9cbd0c60),  \
              UINT64_C(0x78595a6804c9e), UINT64_C(0x2b8324804fc1d))

/* A point u = x / z as the two values that ladder steps take: x + z and x - z. */
typedef struct { fe sum, difference; } spread;

INLINE spread spread_out(raw x_biased, raw z) {
  return (spread){fe_carry_sum(x_biased, z), fe_carry_difference(x_biased, z)};
}

/* Independent elements go through a computation step by step, because a chain of steps waits for itself. */
#define EACH(n) for (int j = 0; j < (n); j++)

/* 2 P as x and z, of n points: x = AA BB, z = E (AA + 121665 E); x biased. */
INLINE void curve_double(raw *x, raw *z, const spread *p, int n) {
  raw aa[POWERS], bb[POWERS];
  fe e[POWERS];
  EACH(n) {
    aa[j] = fe_square(p[j].sum, 1);
    bb[j] = fe_square(p[j].difference, 0);
  }
  EACH(n) {
    e[j] = fe_carry_difference(aa[j], bb[j]);
    x[j] = fe_mul(fe_carry(aa[j]), fe_carry(bb[j]), 1);
  }
  EACH(n) z[j] = fe_mul(e[j], fe_scale_add(aa[j], e[j]), 0);
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
  curve_double(&x, &z, &added, 1);
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
    curve_double(&x, &z, &r0, 1);
    r0 = spread_out(x, z);
  }
  *x_out = fe_carry(x);
  *z_out = fe_carry(z);
}

/*
 * A point of the map: u = -A m / d, where m = 1, or d - 1 for the second of the two candidates, and v = y or -y;
 * `second` and `negative` are masks.
 */
typedef struct { fe d, y; wv second, negative; } mapped;

/*
 * RFC 9380 section 6.7.1, map_to_curve_elligator2, of POWERS elements r. With d = 1 + 2 r^2 (not 0, as -1 is a square
 * and 2 is not) the candidates are -A / d and -A (d - 1) / d. g of the first is g1 = A (A^2 (d - 1) - d^2) / d^3 (not
 * 0, as -A / d is not and A^2 - 4 is not a square), of the second 2 r^2 g1.
 *
 * Let w = d^4 g1. Then y = g1^((p + 3) / 8) = w (w d^4)^((p - 5) / 8), for d^(2 p - 2) = 1, and y^2 = f g1 with a
 * fourth root of unity f = (w d^4)^((p - 5) / 4) w d^4. With i = sqrt(-1) and (1 + i)^2 = 2 i the root wanted is
 *   y for f = 1, i y for f = -1, of the first candidate;
 *   (1 + i) r y for f = -i, i (1 + i) r y = (i - 1) r y for f = i, of the second.
 * Bits 0 and 4 tell these apart: the canonical 1, -1, -i and i end in the bytes 01, ec, 3d and b0.
 */
static void map_to_curve(mapped out[POWERS], const fe r[POWERS]) {
  const raw zero = fe_raw(fe_small(0), 0), one = fe_raw(fe_small(1), 0);
  const raw minus_a2 = fe_raw(fe_constant(LOW51 - 18 - CURVE_A * CURVE_A, LOW51, LOW51, LOW51, LOW51), 1);
  fe w[POWERS], base[POWERS], power[POWERS];
  EACH(POWERS) {
    const raw square = fe_square(r[j], 0);
    out[j].d = fe_carry_sum(square, fe_sum(square, one));
  }
  EACH(POWERS) {
    const raw d2 = fe_square(out[j].d, 0);
    const fe g = fe_scale(fe_difference(minus_a2, d2), out[j].d, CURVE_A * CURVE_A);
    base[j] = fe_square_carry(fe_carry(d2));
    w[j] = fe_scale(zero, g, CURVE_A);
  }
  EACH(POWERS) w[j] = fe_mul_carry(w[j], out[j].d);
  EACH(POWERS) base[j] = fe_mul_carry(w[j], base[j]);
  fe_power_p58(power, base);
  EACH(POWERS) {
    out[j].y = fe_mul_carry(power[j], w[j]);
    power[j] = fe_square_carry(power[j]);
  }
  EACH(POWERS) power[j] = fe_mul_carry(power[j], base[j]);
  EACH(POWERS) {
    const wv f = fe_low(power[j]), odd = 0 - (f & 1);
    out[j].second = 0 - ((f >> 4) & 1);
    const fe first_factor = fe_choose(odd, SQRT_MINUS_1(0), fe_small(1));
    const fe second_factor = fe_choose(odd, SQRT_MINUS_1(-1), SQRT_MINUS_1(1));
    base[j] = fe_choose(out[j].second, first_factor, second_factor);
    out[j].y = fe_mul_carry(out[j].y, fe_choose(out[j].second, fe_small(1), r[j]));
  }
  EACH(POWERS) out[j].y = fe_mul_carry(out[j].y, base[j]);
  /* v is odd for the first candidate, even for the second */
  EACH(POWERS) out[j].negative = ~out[j].second ^ (0 - (fe_low(out[j].y) & 1));
}

/*
 * u(8 (P + Q)) as x / z. The sum is the chord law with denominators cleared: with D = d1 d2, m1 = m_P d2, m2 = m_Q d1
 * and M = A (m2 - m1), x = (v2 - v1)^2 D^3 + M^2 A (m1 + m2 - D) and z = M^2 D. As m_P d2 is d2 or D - d2, it takes no
 * multiplication. Equal points (probability below 2^-250) give z = 0.
 */
static void add_and_clear(fe *x_out, fe *z_out, const mapped point[POWERS]) {
  enum { PAIRS = POWERS / 2 };
  const raw zero = fe_raw(fe_small(0), 0);
  fe d[PAIRS], v[PAIRS], square[PAIRS], sum[PAIRS];
  raw x[PAIRS], z[PAIRS];
  EACH(PAIRS) {
    const mapped *p = &point[2 * j], *q = p + 1;
    d[j] = fe_mul_carry(p->d, q->d);
    v[j] = fe_choose(p->negative ^ q->negative, fe_sub(q->y, p->y), fe_add(q->y, p->y));
  }
  EACH(PAIRS) {
    const mapped *p = &point[2 * j], *q = p + 1;
    const fe m1 = fe_choose(p->second, q->d, fe_sub(d[j], q->d));
    const fe m2 = fe_choose(q->second, p->d, fe_sub(d[j], p->d));
    v[j] = fe_mul_carry(v[j], d[j]);
    square[j] = fe_square_carry(fe_sub(m2, m1));
    sum[j] = fe_carry_difference(fe_sum(fe_raw(m1, 1), fe_raw(m2, 0)), fe_raw(d[j], 0));
  }
  EACH(PAIRS) {
    v[j] = fe_square_carry(v[j]);
    square[j] = fe_scale(zero, square[j], CURVE_A * CURVE_A);
  }
  EACH(PAIRS) {
    z[j] = fe_mul(square[j], d[j], 0);
    x[j] = fe_raw(fe_scale(fe_mul(v[j], d[j], 0), fe_mul_carry(sum[j], square[j]), CURVE_A), 1);
  }
  for (int i = 0; i < 3; i++) {
    spread p[PAIRS];
    EACH(PAIRS) p[j] = spread_out(x[j], z[j]);
    curve_double(x, z, p, PAIRS);
  }
  EACH(PAIRS) {
    x_out[j] = fe_carry(x[j]);
    z_out[j] = fe_carry(z[j]);
  }
}
