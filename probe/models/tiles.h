/* What head.c, linear.c and attention.c share: a processor's matrix units as eight tiles, and powers of two. */
#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, HALF = 16, STEP = 32 }; /* STEP: bfloat16 values of a tile's row */
#define LOG2E 1.44269504f
#define LN2 0.693147181f
#define INLINE static inline __attribute__((always_inline))

#if defined(__AMX_BF16__) && defined(__AMX_INT8__)
#include "units.h"
#else
#include "vectors.h"
#endif

/* True where the system lets this process use them. */
int allowed(void) { return units_allowed(); }

/* 2^t for t <= 0: a polynomial of t's fraction, 8e-8 relative error, and exactly 1 for 0, as the likeliest word has it: what
 * is nearly certain is told from what is certain by the others' sum alone. */
INLINE __m512 two_to(__m512 t) {
    __m512 f = _mm512_reduce_ps(t, 1), p = _mm512_set1_ps(1.867130302e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.017029676e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.579991374e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.401644499e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931513118e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, t);
}

/* Sixteen bfloat16, zeros where none is. */
INLINE __m512 wide(const uint16_t *values, __mmask16 there) {
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, values)), 16);
}
