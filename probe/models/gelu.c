/* GELU of bfloat16 in one pass (1606.08415), for processors that multiply it: activation.py compiles and calls it.
 *
 * Reciprocals of 14 bits are enough, since results have eight. The branch is the sign's: what is small keeps its digits.
 */
#include "tiles.h"

/* x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)) */
INLINE __m512 tanh_form(__m512 x) {
    __m512 one = _mm512_set1_ps(1), bent = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(0.044715f), one);
    __m512 w = two_to(_mm512_mul_ps(_mm512_mul_ps(_mm512_abs_ps(x), bent), _mm512_set1_ps(-1.5957691216f * LOG2E)));
    __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mul_ps(_mm512_mul_ps(x, _mm512_mask_mov_ps(one, below, w)), _mm512_rcp14_ps(_mm512_add_ps(one, w)));
}

/* x Phi(x): the normal tail by Abramowitz and Stegun's 7.1.26, 1.5e-7 of error in erf. */
INLINE __m512 whole(__m512 x) {
    __m512 one = _mm512_set1_ps(1), z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.707106781f));
    __m512 t = _mm512_rcp14_ps(_mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), one)), p = _mm512_set1_ps(0.5f * 1.061405429f);
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.5f * 1.453152027f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.5f * 1.421413741f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.5f * 0.284496736f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.5f * 0.254829592f));
    __m512 tail = _mm512_mul_ps(_mm512_mul_ps(p, t), two_to(_mm512_mul_ps(_mm512_mul_ps(z, z), _mm512_set1_ps(-LOG2E))));
    __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mul_ps(x, _mm512_mask_mov_ps(_mm512_sub_ps(one, tail), below, tail));
}

/* x, y: bfloat16 [count]; tanh: the form that GPT-2's family has. */
void gelu(const uint16_t *x, uint16_t *y, int64_t count, int tanh, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i += HALF) {
        __mmask16 there = count - i >= HALF ? 0xffff : (1u << (count - i)) - 1;
        __m512 value = wide(x + i, there);
        _mm256_mask_storeu_epi16(y + i, there, (__m256i)_mm512_cvtneps_pbh(tanh ? tanh_form(value) : whole(value)));
    }
}
