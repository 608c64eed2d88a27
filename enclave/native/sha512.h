/*
 * SHA-512 (FIPS 180-4 section 6.4) of LANES messages at once, and expand_message_xmd (RFC 9380 section 5.3.1) to 96
 * bytes. Each lane holds one word of one message. Time depends on the lengths of the messages only.
 */
typedef struct { wv h[8]; } sha_state;

/* Messages of one group, and what all of them share. */
typedef struct {
  const uint8_t *message[LANES];
  uint32_t length[LANES];
} sha_input;
typedef struct {
  /* State after Z_pad, one block of zeros. */
  sha_state start;
  /* 00 60 00 || DST' || 80: what follows a message; DST' = DST || its length in one byte. */
  uint8_t suffix[3 + DST_MAX + 1 + 1];
  size_t suffix_length;
  /* b_0 || i || DST' || padding: b_0 and i are put in later; 64 + 1 + 256 + 17 bytes fit three blocks. */
  uint64_t tail[3][16];
  size_t tail_blocks;
} expander;

static const uint64_t SHA_K[80] = {
    UINT64_C(0x428a2f98d728ae22), UINT64_C(0x7137449123ef65cd), UINT64_C(0xb5c0fbcfec4d3b2f), UINT64_C(0xe9b5dba58189dbbc),
    UINT64_C(0x3956c25bf348b538), UINT64_C(0x59f111f1b605d019), UINT64_C(0x923f82a4af194f9b), UINT64_C(0xab1c5ed5da6d8118),
    UINT64_C(0xd807aa98a3030242), UINT64_C(0x12835b0145706fbe), UINT64_C(0x243185be4ee4b28c), UINT64_C(0x550c7dc3d5ffb4e2),
    UINT64_C(0x72be5d74f27b896f), UINT64_C(0x80deb1fe3b1696b1), UINT64_C(0x9bdc06a725c71235), UINT64_C(0xc19bf174cf692694),
    UINT64_C(0xe49b69c19ef14ad2), UINT64_C(0xefbe4786384f25e3), UINT64_C(0x0fc19dc68b8cd5b5), UINT64_C(0x240ca1cc77ac9c65),
    UINT64_C(0x2de92c6f592b0275), UINT64_C(0x4a7484aa6ea6e483), UINT64_C(0x5cb0a9dcbd41fbd4), UINT64_C(0x76f988da831153b5),
    UINT64_C(0x983e5152ee66dfab), UINT64_C(0xa831c66d2db43210), UINT64_C(0xb00327c898fb213f), UINT64_C(0xbf597fc7beef0ee4),
    UINT64_C(0xc6e00bf33da88fc2), UINT64_C(0xd5a79147930aa725), UINT64_C(0x06ca6351e003826f), UINT64_C(0x142929670a0e6e70),
    UINT64_C(0x27b70a8546d22ffc), UINT64_C(0x2e1b21385c26c926), UINT64_C(0x4d2c6dfc5ac42aed), UINT64_C(0x53380d139d95b3df),
    UINT64_C(0x650a73548baf63de), UINT64_C(0x766a0abb3c77b2a8), UINT64_C(0x81c2c92e47edaee6), UINT64_C(0x92722c851482353b),
    UINT64_C(0xa2bfe8a14cf10364), UINT64_C(0xa81a664bbc423001), UINT64_C(0xc24b8b70d0f89791), UINT64_C(0xc76c51a30654be30),
    UINT64_C(0xd192e819d6ef5218), UINT64_C(0xd69906245565a910), UINT64_C(0xf40e35855771202a), UINT64_C(0x106aa07032bbd1b8),
    UINT64_C(0x19a4c116b8d2d0c8), UINT64_C(0x1e376c085141ab53), UINT64_C(0x2748774cdf8eeb99), UINT64_C(0x34b0bcb5e19b48a8),
    UINT64_C(0x391c0cb3c5c95a63), UINT64_C(0x4ed8aa4ae3418acb), UINT64_C(0x5b9cca4f7763e373), UINT64_C(0x682e6ff3d6b2b8a3),
    UINT64_C(0x748f82ee5defb2fc), UINT64_C(0x78a5636f43172f60), UINT64_C(0x84c87814a1f0ab72), UINT64_C(0x8cc702081a6439ec),
    UINT64_C(0x90befffa23631e28), UINT64_C(0xa4506cebde82bde9), UINT64_C(0xbef9a3f7b2c67915), UINT64_C(0xc67178f2e372532b),
    UINT64_C(0xca273eceea26619c), UINT64_C(0xd186b8c721c0c207), UINT64_C(0xeada7dd6cde0eb1e), UINT64_C(0xf57d4f7fee6ed178),
    UINT64_C(0x06f067aa72176fba), UINT64_C(0x0a637dc5a2c898a6), UINT64_C(0x113f9804bef90dae), UINT64_C(0x1b710b35131c471b),
    UINT64_C(0x28db77f523047d84), UINT64_C(0x32caab7b40c72493), UINT64_C(0x3c9ebe0a15c9bebc), UINT64_C(0x431d67c49c100d4c),
    UINT64_C(0x4cc5d4becb3e42b6), UINT64_C(0x597f299cfc657e2a), UINT64_C(0x5fcb6fab3ad6faec), UINT64_C(0x6c44198c4a475817),
};
static const uint64_t SHA_START[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1),
    UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f), UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

/* 16 rounds; w becomes the words of the next 16 if `more` follow. */
INLINE void sha_rounds(wv s[8], wv w[16], const uint64_t k[16], int more) {
#define S(i) s[((i) - t) & 7]
#pragma GCC unroll 16
  for (int t = 0; t < 16; t++) {
    const wv e = S(4), a = S(0);
    const wv t1 =
        S(7) + (SHA_ROR(e, 14) ^ SHA_ROR(e, 18) ^ SHA_ROR(e, 41)) + SHA_CH(e, S(5), S(6)) + k[t] + w[t];
    S(3) += t1;
    S(7) = t1 + (SHA_ROR(a, 28) ^ SHA_ROR(a, 34) ^ SHA_ROR(a, 39)) + SHA_MAJ(a, S(1), S(2));
    if (!more) continue;
    const wv x = w[(t + 1) & 15], y = w[(t + 14) & 15];
    w[t] += (SHA_ROR(x, 1) ^ SHA_ROR(x, 8) ^ (x >> 7)) + w[(t + 9) & 15] +
            (SHA_ROR(y, 19) ^ SHA_ROR(y, 61) ^ (y >> 6));
  }
#undef S
}

INLINE void sha_compress(sha_state *state, const wv block[16]) {
  wv w[16], s[8];
  memcpy(w, block, sizeof w);
  memcpy(s, state->h, sizeof s);
  for (int r = 0; r < 64; r += 16) sha_rounds(s, w, SHA_K + r, 1);
  sha_rounds(s, w, SHA_K + 64, 0);
  for (int i = 0; i < 8; i++) state->h[i] += s[i];
}

/* Out of line: seven calls per group share one copy of the 80 rounds. */
static __attribute__((noinline)) void sha_block(sha_state *state, const wv block[16]) { sha_compress(state, block); }

INLINE uint64_t load_big_endian(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return __builtin_bswap64(word);
}

/* Copies the part of src[0..n), which stands at src_at of a stream, that falls into the 128 bytes at block_at. */
static void copy_into_block(uint8_t block[128], size_t block_at, const uint8_t *src, size_t src_at, size_t n) {
  const size_t from = src_at > block_at ? src_at : block_at;
  const size_t to = src_at + n < block_at + 128 ? src_at + n : block_at + 128;
  if (from < to) memcpy(block + (from - block_at), src + (from - src_at), to - from);
}

static void expander_init(expander *x, const uint8_t *dst, size_t dst_length) {
  const uint8_t suffix_start[3] = {0, 96, 0};
  uint8_t bytes[3 * 128] = {0};
  const wv zero = {0};
  wv zeros[16];
  memcpy(x->suffix, suffix_start, 3);
  memcpy(x->suffix + 3, dst, dst_length);
  x->suffix[3 + dst_length] = (uint8_t)dst_length;
  x->suffix[4 + dst_length] = 0x80;
  x->suffix_length = 5 + dst_length;
  /* the suffix without 00 60 00, after b_0 and i */
  memcpy(bytes + 65, x->suffix + 3, dst_length + 2);
  x->tail_blocks = (64 + 1 + dst_length + 1 + 17 + 127) / 128;
  const size_t bits = 8 * (64 + 1 + dst_length + 1);
  bytes[128 * x->tail_blocks - 2] = (uint8_t)(bits >> 8);
  bytes[128 * x->tail_blocks - 1] = (uint8_t)bits;
  for (int i = 0; i < 3 * 16; i++) x->tail[i / 16][i % 16] = load_big_endian(bytes + 8 * i);
  for (int i = 0; i < 16; i++) zeros[i] = zero;
  for (int i = 0; i < 8; i++) x->start.h[i] = zero + SHA_START[i];
  sha_block(&x->start, zeros);
}

/* Blocks of b_0 after Z_pad: message, suffix with its 80, and 16 bytes of length. */
INLINE size_t expander_blocks(const expander *x, uint32_t length) {
  return (length + x->suffix_length + 16 + 127) / 128;
}

/* b_0 of every lane; lanes that end early keep their state. */
static void expand_first(sha_state *state, const expander *x, const sha_input *in) {
  size_t blocks[LANES], most = 0;
  for (int lane = 0; lane < LANES; lane++) {
    blocks[lane] = expander_blocks(x, in->length[lane]);
    if (blocks[lane] > most) most = blocks[lane];
  }
  *state = x->start;
  for (size_t j = 0; j < most; j++) {
    uint64_t words[16][LANES], active_words[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      uint8_t block[128] = {0};
      copy_into_block(block, 128 * j, in->message[lane], 0, in->length[lane]);
      copy_into_block(block, 128 * j, x->suffix, in->length[lane], x->suffix_length);
      active_words[lane] = 0 - (uint64_t)(j < blocks[lane]);
      for (int w = 0; w < 16; w++) words[w][lane] = load_big_endian(block + 8 * w);
      if (j + 1 == blocks[lane]) {
        words[15][lane] = 8 * (128 + (uint64_t)in->length[lane] + x->suffix_length - 1);
      }
    }
    wv w[16], active;
    memcpy(w, words, sizeof w);
    memcpy(&active, active_words, sizeof active);
    sha_state next = *state;
    sha_block(&next, w);
    for (int i = 0; i < 8; i++) state->h[i] ^= active & (state->h[i] ^ next.h[i]);
  }
}

/* SHA-512(first || i || DST') */
static sha_state expand_next(const expander *x, const sha_state *first, uint64_t i) {
  const wv zero = {0};
  sha_state state;
  for (int k = 0; k < 8; k++) state.h[k] = zero + SHA_START[k];
  for (size_t j = 0; j < x->tail_blocks; j++) {
    wv w[16];
    for (int k = 0; k < 16; k++) w[k] = zero + x->tail[j][k];
    if (j == 0) {
      for (int k = 0; k < 8; k++) w[k] = first->h[k];
      w[8] |= zero + (i << 56);
    }
    sha_block(&state, w);
  }
  return state;
}

/* b_1 || b_2: out[0..7] and out[8..15], of which the first twelve words are the 96 bytes. */
static void expand_message(wv out[16], const expander *x, const sha_input *in) {
  sha_state b0, b;
  expand_first(&b0, x, in);
  b = expand_next(x, &b0, 1);
  memcpy(out, b.h, sizeof b.h);
  for (int i = 0; i < 8; i++) b0.h[i] ^= b.h[i];
  b = expand_next(x, &b0, 2);
  memcpy(out + 8, b.h, sizeof b.h);
}
