/* float32 as whole numbers of 24 bits, three digits of eight each, whose products the matrix units add up exactly: amx.c.
 *
 * A row is divided by its largest value, and what is cut off is a 2^24th of that; so that the largest is not far above the
 * others, amx.py centres and spreads the weight's columns. Of the nine products of digits that of the two last is left out:
 * it is a 2^32nd of the first. After Ootomo, Ozaki and Yokota, "DGEMM on integer matrix multiplication unit" (2024).
 */
enum { DIGITS = 3, SUMS = 5, WIDE = 64 }; /* SUMS: of products of digits, by what they are worth; WIDE: digits of a tile's row */
#define LARGEST 8355000.0f /* less than 127 (1 + 2^8 + 2^16) by more than its rounding: digits are from -128 to 127 */

/* Writes the digits of (values - less) * times, [width], the large ones first, `apart`, and 16 times what one of the smallest is
 * worth (join): no number where one of the values is none, which whole numbers would hide. Returns the largest value. */
static float digits(
    const float *values, const float *less, const float *times, int64_t width, int8_t *out, int64_t apart, float *worth
) {
    __m512 most = _mm512_setzero_ps(), none = most;
    for (int64_t k = 0; k < width; k += HALF) { /* x - x is 0 but for NaN and infinities */
        __m512 value = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(values + k), _mm512_loadu_ps(less + k)), _mm512_loadu_ps(times + k));
        most = _mm512_max_ps(most, _mm512_abs_ps(value));
        none = _mm512_add_ps(none, _mm512_sub_ps(value, value));
    }
    float largest = _mm512_reduce_max_ps(most);
    *worth = _mm512_reduce_add_ps(none) == 0 ? 16 * largest / LARGEST : NAN;
    __m512 scale = _mm512_set1_ps(largest > 1e-30f ? LARGEST / largest : 0);
    for (int64_t k = 0; k < width; k += HALF, out += HALF) {
        __m512 value = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(values + k), _mm512_loadu_ps(less + k)), _mm512_loadu_ps(times + k));
        __m512i rest = _mm512_cvtps_epi32(_mm512_mul_ps(value, scale));
        for (int i = DIGITS - 1; i >= 0; i--) { /* the last eight bits as a signed number, then how many 256ths are left */
            _mm_storeu_si128((void *)(out + i * apart), _mm512_cvtepi32_epi8(rest));
            rest = _mm512_srai_epi32(_mm512_add_epi32(rest, _mm512_set1_epi32(128)), 8);
        }
    }
    return largest;
}

/* Joins the sums of digits' products, whole numbers [SUMS][32 logits][32 tokens], to logits, in the place of the first. The third
 * and the fourth are worth the same: two, so that none waits for itself.
 */
INLINE void join(float *sums, const float *of_logits, const float *of_tokens) {
    enum { NEXT = SIDE * SIDE };
    __m512 base = _mm512_set1_ps(256);
    for (int at = 0; at < NEXT; at += HALF) {
        const float *here = sums + at;
        __m512i third = _mm512_add_epi32(_mm512_load_si512(here + 2 * NEXT), _mm512_load_si512(here + 3 * NEXT));
        __m512 value = _mm512_cvtepi32_ps(_mm512_load_si512(here));
        value = _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(_mm512_load_si512(here + NEXT)));
        value = _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(third));
        value = _mm512_fmadd_ps(value, base, _mm512_cvtepi32_ps(_mm512_load_si512(here + 4 * NEXT)));
        value = _mm512_mul_ps(_mm512_mul_ps(value, _mm512_load_ps(of_tokens + at % SIDE)), _mm512_set1_ps(of_logits[at / SIDE]));
        _mm512_store_ps(sums + at, value);
    }
}
