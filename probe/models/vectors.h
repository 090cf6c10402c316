/* What the matrix units do, by vectors: for processors whose AVX-512 multiplies bfloat16 at twice the rate of float32 (AMD's), and to
 * run what is written for the units where there are none. Left and right operands are read when they are multiplied, not before.
 */
#define BY_VECTORS

typedef struct {
    __m512i sums[5][HALF];
    const char *at[8];
    int64_t apart[8]; /* bytes from one row to the next */
} Tiles;

int by_vectors(void) { return 1; }
static int units_allowed(void) { return 1; }
static void configure(void) {}
static void release(void) {}

INLINE void zero(Tiles *tiles, int sum) {
    for (int r = 0; r < HALF; r++) tiles->sums[sum][r] = _mm512_setzero_si512();
}

INLINE void load(Tiles *tiles, int tile, const void *from, int64_t apart) { tiles->at[tile] = from, tiles->apart[tile] = apart; }

INLINE void store(const Tiles *tiles, int sum, void *to, int64_t apart) {
    for (int r = 0; r < HALF; r++) _mm512_storeu_si512((char *)to + r * apart, tiles->sums[sum][r]);
}

INLINE __m512i four(const char *row, int64_t k) {
    int32_t bytes;
    memcpy(&bytes, row + 4 * k, 4);
    return _mm512_set1_epi32(bytes);
}

/* sums += left right, in float32: left [16][32], right [16 pairs of rows][16 columns], bfloat16. */
INLINE void multiply_narrow(Tiles *tiles, int sum, int left, int right) {
    __m512i *sums = tiles->sums[sum];
    const char *a = tiles->at[left], *b = tiles->at[right];
    int64_t apart = tiles->apart[left];
    __m512 found[HALF];
    for (int r = 0; r < HALF; r++) found[r] = (__m512)sums[r];
    for (int64_t k = 0; k < HALF; k++) {
        __m512bh column = (__m512bh)_mm512_loadu_si512(b + k * tiles->apart[right]);
#pragma GCC unroll 16
        for (int r = 0; r < HALF; r++) found[r] = _mm512_dpbf16_ps(found[r], (__m512bh)four(a + r * apart, k), column);
    }
    for (int r = 0; r < HALF; r++) sums[r] = (__m512i)found[r];
}

/* The same with bytes, [16][64] and [16 fours of rows][16 columns], in whole numbers. Vectors take a left operand without sign: 128 is
 * added to it, and what that makes of the right one taken away. */
INLINE void multiply_bytes(Tiles *tiles, int sum, int left, int right) {
    __m512i *sums = tiles->sums[sum], found[HALF], more = _mm512_setzero_si512(), half = _mm512_set1_epi8((char)128);
    const char *a = tiles->at[left], *b = tiles->at[right];
    int64_t apart = tiles->apart[left];
    for (int r = 0; r < HALF; r++) found[r] = sums[r];
    for (int64_t k = 0; k < HALF; k++) {
        __m512i column = _mm512_loadu_si512(b + k * tiles->apart[right]);
        more = _mm512_dpbusd_epi32(more, half, column);
#pragma GCC unroll 16
        for (int r = 0; r < HALF; r++) found[r] = _mm512_dpbusd_epi32(found[r], _mm512_xor_si512(four(a + r * apart, k), half), column);
    }
    for (int r = 0; r < HALF; r++) sums[r] = _mm512_sub_epi32(found[r], more);
}

/* Multiplies 32 rows, w [32][words], with 32 tokens, h [2][words][16], words of two bfloat16, into out [32 rows][32 tokens]: eight
 * rows at a time, whose sums stay in registers. */
INLINE void multiply_rows(const uint32_t *w, const uint32_t *h, int64_t words, float *out) {
    enum { ROWS = 8 };
    for (int first = 0; first < SIDE; first += ROWS) {
        __m512 one[ROWS], two[ROWS];
        for (int r = 0; r < ROWS; r++) one[r] = two[r] = _mm512_setzero_ps();
        for (int64_t k = 0; k < words; k++) {
            __m512bh left = (__m512bh)_mm512_load_si512(h + HALF * k), right = (__m512bh)_mm512_load_si512(h + HALF * (words + k));
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                __m512bh pair = (__m512bh)four((const char *)(w + (first + r) * words), k);
                one[r] = _mm512_dpbf16_ps(one[r], pair, left), two[r] = _mm512_dpbf16_ps(two[r], pair, right);
            }
        }
        for (int r = 0; r < ROWS; r++, out += SIDE) _mm512_store_ps(out, one[r]), _mm512_store_ps(out + HALF, two[r]);
    }
}
