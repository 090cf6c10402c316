/* What a model's body does between its products, each in one pass over memory: pointwise.py compiles and calls it.
 *
 * Values are float32 or bfloat16 (narrow), which is widened when it is read, and rounded where models round it.
 */
#include "exponential.h"

#define INLINE static inline __attribute__((always_inline)) /* so that each kind of values has loops of its own */
enum { SPAN = 4096 };                                       /* values of a piece of work */

INLINE float at(const void *values, int64_t i, int narrow) {
    if (!narrow) return ((const float *)values)[i];
    union { uint32_t bits; float value; } wide = {.bits = (uint32_t)((const uint16_t *)values)[i] << 16};
    return wide.value;
}

/* Rounds to the nearest, of two to the even one. What is no number stays none: all were widened, so its lower half is empty. */
INLINE float settled(float value, int narrow) {
    union { float value; uint32_t bits; } wide = {.value = value};
    wide.bits = (wide.bits + 0x7fff + (wide.bits >> 16 & 1)) & 0xffff0000;
    return narrow ? wide.value : value;
}

INLINE void put(void *values, int64_t i, float value, int narrow) {
    union { float value; uint32_t bits; } wide = {.value = settled(value, narrow)};
    if (narrow) ((uint16_t *)values)[i] = wide.bits >> 16;
    else ((float *)values)[i] = value;
}

INLINE void norm_row(const void *x, const void *weight, void *y, int64_t begin, int64_t width, float least, int narrow) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; i++) sum += at(x, begin + i, narrow) * at(x, begin + i, narrow);
    float scale = 1 / sqrtf(sum / width + least);
#pragma omp simd
    for (int64_t i = 0; i < width; i++) put(y, begin + i, at(weight, i, narrow) * settled(at(x, begin + i, narrow) * scale, narrow), narrow);
}

/* RMSNorm (1910.07467): rows of x over the root of their mean square, times weight [width]. */
void norm(const void *x, const void *weight, void *y, int64_t rows, int64_t width, float least, int narrow, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++)
        if (narrow) norm_row(x, weight, y, row * width, width, least, 1);
        else norm_row(x, weight, y, row * width, width, least, 0);
}

INLINE void gate_span(const void *x, const void *by, void *y, int64_t begin, int64_t end, int narrow) {
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        float value = at(x, i, narrow), half = value < -174 ? 87 : -0.5f * value, root = exponential(half); /* its square may be infinite */
        put(y, i, settled(value / (1 + root * root), narrow) * at(by, i, narrow), narrow);
    }
}

/* SwiGLU's product (2002.05202): x sigmoid(x) times `by`. */
void gate(const void *x, const void *by, void *y, int64_t count, int narrow, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t begin = 0; begin < count; begin += SPAN) {
        int64_t end = count - begin < SPAN ? count : begin + SPAN;
        if (narrow) gate_span(x, by, y, begin, end, 1);
        else gate_span(x, by, y, begin, end, 0);
    }
}

/* GELU's tanh form (1606.08415) of float32, as x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)); gelu.c has that of bfloat16. */
void gelu(const float *x, float *y, int64_t count, int threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        float inner = -1.5957691216f * x[i] * (1.0f + 0.044715f * x[i] * x[i]);
        inner = inner > 87.0f ? 87.0f : inner;
        y[i] = x[i] / (1.0f + exponential(inner));
    }
}

INLINE void rotate_head(
    const void *x, int64_t from, const void *cosine, const void *sine, int64_t angle, void *y, int64_t to, int64_t width, int64_t half,
    int narrow
) {
#pragma omp simd
    for (int64_t d = 0; d < half; d++) {
        float one = at(x, from + d, narrow), other = at(x, from + half + d, narrow);
        put(y, to + d, one * at(cosine, angle + d, narrow) - other * at(sine, angle + d, narrow), narrow);
        put(y, to + half + d, other * at(cosine, angle + half + d, narrow) + one * at(sine, angle + half + d, narrow), narrow);
    }
    for (int64_t d = 2 * half; d < width; d++) put(y, to + d, at(x, from + d, narrow), narrow);
}

/* Rotates pairs of values (d, d + half) of each head by its token's angles, 2104.09864; what lies behind them is copied.
 * x: [heads, tokens, width] with strides; cosine, sine: [tokens, 2 half]; y: [heads, tokens, width]. */
void rotate(
    const void *x, int64_t by_head, int64_t by_token, const void *cosine, const void *sine, int64_t heads, int64_t tokens, int64_t width,
    int64_t half, void *y, int narrow, int threads
) {
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2)
    for (int64_t head = 0; head < heads; head++)
        for (int64_t token = 0; token < tokens; token++) {
            int64_t from = head * by_head + token * by_token, to = (head * tokens + token) * width, angle = token * 2 * half;
            if (narrow) rotate_head(x, from, cosine, sine, angle, y, to, width, half, 1);
            else rotate_head(x, from, cosine, sine, angle, y, to, width, half, 0);
        }
}
