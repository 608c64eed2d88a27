/*
 * Runs the field functions of one back end on given limbs, for test/group/native-field.test.ts. Standard input: pairs
 * of elements (a, b) as ten int64 limbs, a multiple of LANES pairs, without any reduction before the functions.
 * Standard output, per pair: eight elements of five int64 limbs and the canonical a in five more.
 *   carry(a b), carry(a^2), carry(a b + a^2), carry(a b - a^2), carry(a^2 - a b), a^2 + 121665 b, a + b, a - b
 */
#include "../kernel.c"

#include <stdio.h>

enum { RESULTS = 8 };

static fe read_lanes(int64_t limbs[5][LANES]) {
  fe out;
#if defined(BACKEND_FMA)
  for (int i = 0; i < 5; i++) {
    for (int lane = 0; lane < LANES; lane++) out.v[i][lane] = (double)limbs[i][lane];
  }
#else
  memcpy(&out, limbs, sizeof out);
#endif
  return out;
}

static void write_lanes(int64_t limbs[5][LANES], fe a) {
#if defined(BACKEND_FMA)
  for (int i = 0; i < 5; i++) {
    for (int lane = 0; lane < LANES; lane++) limbs[i][lane] = (int64_t)a.v[i][lane];
  }
#else
  memcpy(limbs, &a, sizeof a);
#endif
}

int main(void) {
  int64_t pair[LANES][2][5], lanes[2][5][LANES], results[RESULTS + 1][5][LANES];
  while (fread(pair, sizeof pair, 1, stdin) == 1) {
    for (int lane = 0; lane < LANES; lane++) {
      for (int k = 0; k < 10; k++) lanes[k / 5][k % 5][lane] = pair[lane][k / 5][k % 5];
    }
    const fe a = read_lanes(lanes[0]), b = read_lanes(lanes[1]);
    const raw product = fe_mul(a, b, 0), square = fe_square(a, 0);
    const raw product_biased = fe_mul(a, b, 1), square_biased = fe_square(a, 1);
    write_lanes(results[0], fe_carry(product));
    write_lanes(results[1], fe_carry(square));
    write_lanes(results[2], fe_carry_sum(product_biased, square));
    write_lanes(results[3], fe_carry_difference(product_biased, square));
    write_lanes(results[4], fe_carry_difference(square_biased, product));
    write_lanes(results[5], fe_scale(square_biased, b, UINT64_C(486662) * 486662));
    write_lanes(results[6], fe_add(a, b));
    write_lanes(results[7], fe_sub(a, b));
    wv canonical[5];
    fe_canonical(canonical, a);
    memcpy(results[RESULTS], canonical, sizeof canonical);
    for (int lane = 0; lane < LANES; lane++) {
      for (int r = 0; r <= RESULTS; r++) {
        for (int i = 0; i < 5; i++) fwrite(&results[r][i][lane], sizeof(int64_t), 1, stdout);
      }
    }
  }
  return 0;
}
