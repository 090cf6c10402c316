/* float32 as whole numbers of 24 bits, three digits of eight each, whose products the matrix units add up exactly: head.c, linear.c.
 *
 * A row is divided by its largest value, and what is cut off is a 2^24th of that; so that the largest is not far above the
 * others, columns are spread first. Of the nine products of digits that of the two last is left out: it is a 2^32nd of the
 * first. After Ootomo, Ozaki and Yokota, "DGEMM on integer matrix multiplication unit" (2024).
 */
enum { DIGITS = 3, SUMS = 5, WIDE = 64 }; /* SUMS: of products of digits, by what they are worth; WIDE: digits of a tile's row */
#define LARGEST 8355000.0f /* less than 127 (1 + 2^8 + 2^16) by more than its rounding: digits are from -128 to 127 */
enum { NO_MEMORY, APART, DONE }; /* what is said of a product: APART, a row of the weight is FAR from the others */
enum { PIECE = 1 << 18 };        /* words that the second cache keeps */
#define FAR 256 /* spreads of its column: digits of a row with a value beyond leave its others too little */

INLINE __m512 framed(const float *values, const float *less, const float *times, int64_t k) {
    __m512 value = _mm512_loadu_ps(values + k);
    return _mm512_mul_ps(less ? _mm512_sub_ps(value, _mm512_loadu_ps(less + k)) : value, _mm512_loadu_ps(times + k));
}

/* Writes the digits of (values - less) * times, [width], the large ones first, `apart`, and 16 times what one of the smallest is
 * worth (joined): no number where one of the values is none, which whole numbers would hide. Returns the largest value.
 */
static float digits(
    const float *values, const float *less, const float *times, int64_t width, int8_t *out, int64_t apart, float *worth
) {
    __m512 most = _mm512_setzero_ps(), none = most;
    for (int64_t k = 0; k < width; k += HALF) { /* x - x is 0 but for NaN and infinities */
        __m512 value = framed(values, less, times, k);
        most = _mm512_max_ps(most, _mm512_abs_ps(value));
        none = _mm512_add_ps(none, _mm512_sub_ps(value, value));
    }
    float largest = _mm512_reduce_max_ps(most);
    *worth = _mm512_reduce_add_ps(none) == 0 ? 16 * largest / LARGEST : NAN;
    __m512 scale = _mm512_set1_ps(largest > 1e-30f ? LARGEST / largest : 0);
    for (int64_t k = 0; k < width; k += HALF, out += HALF) {
        __m512i rest = _mm512_cvtps_epi32(_mm512_mul_ps(framed(values, less, times, k), scale));
        for (int i = DIGITS - 1; i >= 0; i--) { /* the last eight bits as a signed number, then how many 256ths are left */
            _mm_storeu_si128((void *)(out + i * apart), _mm512_cvtepi32_epi8(rest));
            rest = _mm512_srai_epi32(_mm512_add_epi32(rest, _mm512_set1_epi32(128)), 8);
        }
    }
    return largest;
}

/* Does so with rows, [rows][width], into digits [DIGITS][..][words], those of a row beside those of the one before. Returns the
 * largest value of all.
 */
static float cut(
    const float *values, int64_t rows, int64_t width, const float *less, const float *times, uint32_t *out, int64_t words, int64_t apart,
    float *worth
) {
    float most = 0;
    for (int64_t r = 0; r < rows; r++) {
        float largest = digits(values + r * width, less, times, width, (int8_t *)(out + r * words), apart * 4, worth + r);
        if (largest > most) most = largest;
    }
    return most;
}

/* Transposes 16 rows of words, [16][words] -> [words][16]; those from `rows` on are zeros. */
static void pack(const uint32_t *from, int64_t rows, int64_t words, uint32_t *out) {
    __m512i lanes = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32((int)words));
    __mmask16 there = rows < HALF ? (__mmask16)((1 << rows) - 1) : 0xffff;
    for (int64_t k = 0; k < words; k++, out += HALF)
        _mm512_store_si512(out, _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), there, lanes, from + k, 4));
}

/* A quarter of a block, 16 rows times 16: all that it needs of one step stays in tiles, and its digits in the first cache. The
 * third and the fourth sum are worth the same: two, so that none waits for itself.
 */
INLINE void begin_digits(Tiles *tiles) {
    zero(tiles, 0); zero(tiles, 1); zero(tiles, 2); zero(tiles, 3); zero(tiles, 4);
}

/* Adds the products of a step's digits: a [16][words], its digits `apart`, b [words][16], its digits `away`. */
INLINE void step_digits(Tiles *tiles, const uint32_t *a, int64_t apart, const uint32_t *b, int64_t away, int64_t words) {
    int64_t row = words * 4;
    load(tiles, 5, a, row); load(tiles, 6, b, 64); multiply_bytes(tiles, 0, 5, 6);
    load(tiles, 7, a + apart, row); multiply_bytes(tiles, 1, 7, 6);
    load(tiles, 5, a + 2 * apart, row); multiply_bytes(tiles, 2, 5, 6);
    load(tiles, 6, b + away, 64); multiply_bytes(tiles, 4, 5, 6); multiply_bytes(tiles, 3, 7, 6);
    load(tiles, 5, a, row); multiply_bytes(tiles, 1, 5, 6);
    load(tiles, 6, b + 2 * away, 64); multiply_bytes(tiles, 2, 5, 6); multiply_bytes(tiles, 4, 7, 6);
}

/* Writes the sums of a quarter into those of a block, whole numbers [SUMS][32][32]. */
INLINE void end_digits(const Tiles *tiles, float *at) {
    enum { NEXT = SIDE * SIDE };
    store(tiles, 0, at, SIDE * 4); store(tiles, 1, at + NEXT, SIDE * 4); store(tiles, 2, at + 2 * NEXT, SIDE * 4);
    store(tiles, 3, at + 3 * NEXT, SIDE * 4); store(tiles, 4, at + 4 * NEXT, SIDE * 4);
}

/* Joins 16 sums of a block. */
INLINE __m512 joined(const float *here) {
    enum { NEXT = SIDE * SIDE };
    __m512 base = _mm512_set1_ps(256), value = _mm512_cvtepi32_ps(_mm512_load_si512(here));
    __m512i third = _mm512_add_epi32(_mm512_load_si512(here + 2 * NEXT), _mm512_load_si512(here + 3 * NEXT));
    value = _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(_mm512_load_si512(here + NEXT)));
    value = _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(third));
    return _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(_mm512_load_si512(here + 4 * NEXT)));
}
