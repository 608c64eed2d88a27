/*
 * The kernel under valgrind with its secrets marked as undefined: memcheck then reports every branch and every address
 * that depends on them (the method of ctgrind). For the back ends that valgrind can run, scalar and AVX2.
 *
 *   constant-time          runs both functions; memcheck must report nothing
 *   constant-time branch   branches on a secret; memcheck must report it, or the check would prove nothing
 *   constant-time index    uses a secret as an index; likewise
 */
#include <valgrind/memcheck.h>
#define DECLASSIFY(variable) VALGRIND_MAKE_MEM_DEFINED(&(variable), sizeof(variable))
#include "../kernel.c"

#include <stdio.h>

enum { POINTS = 150, MESSAGES = 20, MESSAGE_BYTES = 200 };

int main(int argc, char **argv) {
  static uint8_t points[POINTS * RECORD_BYTES], text[MESSAGES * MESSAGE_BYTES], out[POINTS * RECORD_BYTES];
  static const uint8_t table[256] = {1, 2, 3};
  const uint8_t *messages[MESSAGES];
  uint32_t lengths[MESSAGES];
  uint8_t scalar[RECORD_BYTES];
  const uint8_t dst[] = "constant-time";
  for (size_t i = 0; i < sizeof points; i++) points[i] = (uint8_t)(i % RECORD_BYTES == 31 ? 9 : 131 * i + (i >> 5));
  for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(7 * i);
  for (int i = 0; i < MESSAGES; i++) {
    messages[i] = text + MESSAGE_BYTES * i;
    lengths[i] = (uint32_t)(10 * i); /* lengths are not secret */
  }
  for (int i = 0; i < RECORD_BYTES; i++) scalar[i] = (uint8_t)(37 * i + 8);
  scalar[0] &= 0xf8;
  scalar[31] = (scalar[31] & 0x3f) | 0x40;
  VALGRIND_MAKE_MEM_UNDEFINED(scalar, sizeof scalar);
  VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof text);
  if (argc > 1 && strcmp(argv[1], "branch") == 0) {
    if (scalar[5] & 1) puts("odd");
    return 0;
  }
  if (argc > 1 && strcmp(argv[1], "index") == 0) {
    *(volatile uint8_t *)out = table[scalar[5]];
    return 0;
  }
  /* the products stay undefined, as they derive from the scalar; they are only written */
  int good = BACKEND.multiply(out, points, POINTS, scalar);
  good &= BACKEND.hash(out, messages, lengths, MESSAGES, dst, sizeof dst - 1);
  puts(good ? "done" : "failed");
  return good ? 0 : 1;
}
