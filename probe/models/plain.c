/* Attention of many short texts in float32, in one call: attention.py compiles it for any processor.
 *
 * A job is a run of queries and the keys that they see, as in attention.c. Eight queries against sixteen keys at a time, then
 * their weights against sixteen values of each key: what is added up stays in registers.
 */
#include "exponential.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8, LANES = 16 };
typedef float Lanes __attribute__((vector_size(64))); /* the compiler has as many registers of it as the processor gives */
typedef struct { const float *at; int64_t head, token; } Part; /* float32 [heads, tokens, width], strides in values */
typedef struct { int64_t query, queries, key, keys, causal; } Job;
typedef struct {
    Part q, k, v;
    float *out;   /* [tokens, heads, width] */
    float *total; /* [tokens, heads]: the logarithm of each row's sum of exponentials, or NULL */
    int64_t heads, width;
    float scale;
} Task;

static int64_t rounded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

/* Keys with their tokens as lanes: [keys / 16][width][16]. */
static void pack(const Part *part, int64_t head, const Job *job, int64_t width, float *out) {
    const float *from = part->at + head * part->head + job->key * part->token;
    for (int64_t key = 0; key < job->keys; key += LANES, out += LANES * width) {
        const float *lines[LANES];
        for (int64_t lane = 0; lane < LANES; lane++) /* behind the last stands it again: nobody looks there */
            lines[lane] = from + (key + lane < job->keys ? key + lane : job->keys - 1) * part->token;
        for (int64_t d = 0; d < width; d += 4)
            for (int64_t lane = 0; lane < LANES; lane++)
                for (int64_t i = 0; i < 4; i++) out[(d + i) * LANES + lane] = lines[lane][d + i];
    }
}

static Lanes loaded(const float *from) {
    Lanes found;
    memcpy(&found, from, sizeof found);
    return found;
}

/* scores [ROWS][stride] of q [ROWS][width] against the first `last` keys. */
static void multiply(const float *q, const float *keys, int64_t last, int64_t width, float *scores, int64_t stride) {
    for (int64_t key = 0; key < last; key += LANES, keys += LANES * width) {
        Lanes sums[ROWS] = {{0}};
        for (int64_t d = 0; d < width; d++) {
            Lanes those = loaded(keys + d * LANES);
            for (int r = 0; r < ROWS; r++) sums[r] += q[r * width + d] * those;
        }
        for (int r = 0; r < ROWS; r++) memcpy(scores + r * stride + key, sums + r, sizeof *sums);
    }
}

/* Softmax of a row of scores over its first `seen` keys, zeros up to `most`; returns its sum, *top its highest. */
static float soften(float *scores, int64_t seen, int64_t most, float scale, float *top) {
    float high = -INFINITY, sum = 0;
#pragma omp simd reduction(max : high)
    for (int64_t i = 0; i < seen; i++) high = scores[i] > high ? scores[i] : high;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < seen; i++) {
        scores[i] = exponential(scale * (scores[i] - high));
        sum += scores[i];
    }
    for (int64_t i = seen; i < most; i++) scores[i] = 0;
    *top = high;
    return sum;
}

/* Rows of q from `first` on, ROWS of them; of those that there are not, the last one's again. */
static void block(const Task *task, const Job *job, int64_t head, int64_t shared, int64_t first, const float *keys, float *scores) {
    int64_t left = job->queries - first, rows = left < ROWS ? left : ROWS, row = job->query + first, width = task->width;
    int64_t last = job->causal && first + rows < job->keys ? first + rows : job->keys, stride = rounded(job->keys);
    const float *q = task->q.at + head * task->q.head + row * task->q.token;
    const float *v = task->v.at + shared * task->v.head + job->key * task->v.token;
    float padded[ROWS * width], sum[ROWS], top;
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t d = 0; d < width; d++) padded[r * width + d] = q[(r < rows ? r : rows - 1) * task->q.token + d];
    multiply(padded, keys, last, width, scores, stride);
    for (int64_t r = 0; r < ROWS; r++) {
        int64_t at = r < rows ? r : rows - 1, seen = job->causal && first + at + 1 < job->keys ? first + at + 1 : job->keys;
        sum[r] = soften(scores + r * stride, seen, last, task->scale, &top);
        if (task->total) task->total[(row + at) * task->heads + head] = task->scale * top + logf(sum[r]);
    }
    for (int64_t d = 0; d < width; d += LANES) {
        Lanes sums[ROWS] = {{0}};
        for (int64_t key = 0; key < last; key++) {
            Lanes those = loaded(v + key * task->v.token + d);
            for (int r = 0; r < ROWS; r++) sums[r] += scores[r * stride + key] * those;
        }
        for (int64_t r = 0; r < rows; r++) {
            sums[r] /= sum[r];
            memcpy(task->out + ((row + r) * task->heads + head) * width + d, sums + r, sizeof *sums);
        }
    }
}

/* Returns 0 where there is no memory. strides: of q, k, v by head and token, 6; jobs: [count][5]; width: a multiple of 16. */
int attend(
    const float *q, const float *k, const float *v, const int64_t *strides, const int64_t *jobs, int64_t count, int64_t heads,
    int64_t copies, int64_t width, float scale, float *out, float *total, int threads
) {
    Task task = {{q, strides[0], strides[1]}, {k, strides[2], strides[3]}, {v, strides[4], strides[5]}, out, total, heads, width, scale};
    int64_t keys = 0;
    int done = 1;
    for (int64_t i = 0; i < count; i++) keys = ((const Job *)jobs)[i].keys > keys ? ((const Job *)jobs)[i].keys : keys;
#pragma omp parallel num_threads(threads) reduction(&& : done)
    {
        float *packed = aligned_alloc(64, rounded(keys) * (width + ROWS) * sizeof(float)), *scores = packed + rounded(keys) * width;
        done = packed != NULL;
#pragma omp for schedule(dynamic, 1) collapse(2)
        for (int64_t i = 0; i < count; i++)
            for (int64_t head = 0; head < heads; head++) {
                const Job *job = (const Job *)jobs + i;
                if (done) pack(&task.k, head / copies, job, width, packed);
                for (int64_t first = 0; done && first < job->queries; first += ROWS)
                    block(&task, job, head, head / copies, first, packed, scores);
            }
        free(packed);
    }
    return done;
}
