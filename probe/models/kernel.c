/* A loop that torch would make of ten passes over memory: kernel.py compiles and calls it.
 *
 * NaN must come out as NaN, so the compiler may reorder sums but not assume finite numbers (compiled.py's flags).
 */
#include "exponential.h"

#define LEAST -1e4f /* e to that is 0, and 0 times it still a number: what is ruled out counts for nothing */

/* Folds a tile of logits [rows, columns] into each row's running highest, S0, S1, S2, rank and own logit (streaming.py), [rows, 6].
 * limits: about the targets' logits; place: a target's column in this tile (any other number where it lies elsewhere). */
void fold(const float *tile, int64_t rows, int64_t columns, const float *limits, const int64_t *place, float *state,
          int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *z = tile + row * columns, limit = limits[row];
        float *s = state + 6 * row, highest = s[0], above = 0;
#pragma omp simd reduction(max : highest) reduction(+ : above)
        for (int64_t c = 0; c < columns; c++) {
            highest = z[c] > highest ? z[c] : highest;
            above += z[c] > limit ? 1.0f : 0.0f;
        }
        if (place[row] >= 0 && place[row] < columns) {
            s[5] = z[place[row]];
            above -= s[5] > limit ? 1.0f : 0.0f;
        }
        int some = highest > -INFINITY; /* of the words so far is not ruled out */
        float base = some ? highest : 0, d = some && s[1] > 0 ? s[0] - highest : 0;
        d = d < LEAST ? LEAST : d;
        float scale = s[1] > 0 ? expf(d) : s[1];
        float s0 = 0, s1 = 0, s2 = 0;
#pragma omp simd reduction(+ : s0, s1, s2)
        for (int64_t c = 0; c < columns; c++) {
            float u = z[c] - base, weight;
            u = u < LEAST ? LEAST : u;
            weight = exponential(u);
            s0 += weight;
            s1 += weight * u;
            s2 += weight * u * u;
        }
        s[3] = scale * (s[3] + 2 * d * s[2] + d * d * s[1]) + s2;
        s[2] = scale * (s[2] + d * s[1]) + s1;
        s[1] = scale * s[1] + s0;
        s[0] = highest;
        s[4] += above;
    }
}
