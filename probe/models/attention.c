/* Attention of many short texts in bfloat16 on a processor's matrix units, or by vectors, in one call: attention.py
 * compiles it.
 *
 * A job is a run of queries and the keys that they see: those of their own text up to themselves, or all of a prefix. Sixteen
 * queries at a time: their scores against all keys, the softmax of each row in float32, and the product with the values.
 */
#include "tiles.h"

typedef struct { const uint16_t *at; int64_t head, token; } Rows; /* bfloat16 [heads, tokens, width], strides in values */
typedef struct { int64_t query, queries, key, keys, causal; } Job;
typedef struct {
    Rows q, k, v;
    uint16_t *out; /* [tokens, heads, width] */
    float *total;  /* [tokens, heads]: the logarithm of each row's sum of exponentials, or NULL */
    int64_t heads, copies, width; /* copies: query heads of one key head */
    float scale;
} Task;
typedef struct { uint32_t *k, *v; float *scores, *sums; uint16_t *weights, *q; } Scratch;

static int64_t rounded(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

/* Keys as right operands, [keys / 16][width / 2][16] pairs; values so too, [keys / 32][width / 16][16 pairs of keys][16]. */
static void pack(const Task *task, const Job *job, int64_t head, Scratch *spare) {
    const uint16_t *k = task->k.at + head * task->k.head + job->key * task->k.token;
    const uint16_t *v = task->v.at + head * task->v.head + job->key * task->v.token;
    int64_t most = rounded(job->keys, SIDE);
    __m512i lanes = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(2 * task->k.token));
    uint32_t *out = spare->k;
    for (int64_t key = 0; key < most; key += HALF) {
        int64_t left = job->keys - key;
        __mmask16 there = left >= HALF ? 0xffff : left <= 0 ? 0 : (1u << left) - 1;
        for (int64_t pair = 0; pair < task->width / 2; pair++, out += HALF)
            _mm512_store_si512(out, _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), there, lanes, k + key * task->k.token + 2 * pair, 1));
    }
    for (int64_t key = 0; key < most; key += 2)
        for (int64_t d = 0; d < task->width; d += HALF) {
            __m256i none = _mm256_setzero_si256(), even = none, odd = none;
            if (key < job->keys) even = _mm256_loadu_si256((const void *)(v + key * task->v.token + d));
            if (key + 1 < job->keys) odd = _mm256_loadu_si256((const void *)(v + (key + 1) * task->v.token + d));
            __m512i both = _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
            _mm512_store_si512(spare->v + (key / SIDE * task->width + d) * HALF + key % SIDE / 2 * HALF, both);
        }
}

/* Softmax of a row of scores over its first `seen` keys, as bfloat16 with zeros up to `most`; returns its sum, *top its highest. */
static float soften(const float *scores, int64_t seen, int64_t most, float scale, uint16_t *weights, float *top) {
    __m512 high = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps(), by = _mm512_set1_ps(scale * LOG2E);
    for (int64_t i = 0; i < seen; i += HALF) {
        __mmask16 there = seen - i >= HALF ? 0xffff : (1u << (seen - i)) - 1;
        high = _mm512_mask_max_ps(high, there, high, _mm512_load_ps(scores + i));
    }
    *top = _mm512_reduce_max_ps(high), high = _mm512_set1_ps(*top);
    for (int64_t i = 0; i < most; i += HALF) {
        __mmask16 there = seen - i >= HALF ? 0xffff : seen <= i ? 0 : (1u << (seen - i)) - 1;
        __m512 weight = _mm512_maskz_mov_ps(there, two_to(_mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(scores + i), high), by)));
        sum = _mm512_add_ps(sum, weight);
        _mm256_store_si256((void *)(weights + i), (__m256i)_mm512_cvtneps_pbh(weight));
    }
    return _mm512_reduce_add_ps(sum);
}

/* Sixteen queries of a job from `first` on, or what is left of them. */
static void block(const Task *task, const Job *job, int64_t head, int64_t first, Scratch *spare) {
    int64_t width = task->width, rows = job->queries - first < HALF ? job->queries - first : HALF, row = job->query + first;
    int64_t last = job->causal && first + rows < job->keys ? first + rows : job->keys, most = rounded(last, SIDE), stride = rounded(job->keys, SIDE);
    const uint16_t *q = task->q.at + head * task->q.head + row * task->q.token;
    int64_t step = task->q.token;
    float top[HALF], sum[HALF];
    Tiles tiles;
    if (rows < HALF) {
        memset(spare->q, 0, HALF * width * 2);
        for (int64_t r = 0; r < rows; r++) memcpy(spare->q + r * width, q + r * step, width * 2);
        q = spare->q, step = width;
    }
    for (int64_t key = 0; key < most; key += SIDE) {
        zero(&tiles, 0); zero(&tiles, 1);
        for (int64_t d = 0; d < width; d += STEP) {
            load(&tiles, 4, q + d, step * 2);
            load(&tiles, 5, spare->k + key * width / 2 + d * HALF / 2, 64);
            load(&tiles, 6, spare->k + (key + HALF) * width / 2 + d * HALF / 2, 64);
            multiply_narrow(&tiles, 0, 4, 5);
            multiply_narrow(&tiles, 1, 4, 6);
        }
        store(&tiles, 0, spare->scores + key, stride * 4);
        store(&tiles, 1, spare->scores + key + HALF, stride * 4);
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t seen = job->causal && first + r + 1 < job->keys ? first + r + 1 : job->keys;
        sum[r] = soften(spare->scores + r * stride, seen, most, task->scale, spare->weights + r * stride, top + r);
        if (task->total) task->total[(row + r) * task->heads + head] = task->scale * top[r] + logf(sum[r]);
    }
    for (int64_t d = 0; d < width; d += SIDE) {
        zero(&tiles, 2); zero(&tiles, 3);
        for (int64_t key = 0; key < most; key += STEP) {
            load(&tiles, 4, spare->weights + key, stride * 2);
            load(&tiles, 5, spare->v + (key / SIDE * width + d) * HALF, 64);
            load(&tiles, 6, spare->v + (key / SIDE * width + d + HALF) * HALF, 64);
            multiply_narrow(&tiles, 2, 4, 5);
            multiply_narrow(&tiles, 3, 4, 6);
        }
        store(&tiles, 2, spare->sums + d, width * 4);
        store(&tiles, 3, spare->sums + d + HALF, width * 4);
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t d = 0; d < width; d += HALF) {
            __m512 mean = _mm512_div_ps(_mm512_load_ps(spare->sums + r * width + d), _mm512_set1_ps(sum[r]));
            _mm256_storeu_si256((void *)(task->out + ((row + r) * task->heads + head) * width + d), (__m256i)_mm512_cvtneps_pbh(mean));
        }
}

/* Returns 0 where there is no memory. strides: of q, k, v by head and token, 6; jobs: [count][5]; width: a multiple of 32. */
int attend(
    const uint16_t *q, const uint16_t *k, const uint16_t *v, const int64_t *strides, const int64_t *jobs, int64_t count, int64_t heads,
    int64_t copies, int64_t width, float scale, uint16_t *out, float *total, int threads
) {
    Task task = {{q, strides[0], strides[1]}, {k, strides[2], strides[3]}, {v, strides[4], strides[5]}, out, total, heads, copies, width, scale};
    int64_t keys = 0;
    int done = 1;
    for (int64_t i = 0; i < count; i++) keys = ((const Job *)jobs)[i].keys > keys ? ((const Job *)jobs)[i].keys : keys;
    keys = rounded(keys, SIDE);
#pragma omp parallel num_threads(threads) reduction(&& : done)
    {
        int64_t each = keys * width * 2;
        char *all = aligned_alloc(64, 2 * each + keys * HALF * 6 + HALF * width * 6);
        float *scores = (float *)(all + 2 * each), *sums = scores + HALF * keys;
        uint16_t *weights = (uint16_t *)(sums + HALF * width);
        Scratch spare = {(uint32_t *)all, (uint32_t *)(all + each), scores, sums, weights, weights + HALF * keys};
        done = all != NULL;
        configure();
#pragma omp for schedule(dynamic, 1) collapse(2)
        for (int64_t i = 0; i < count; i++)
            for (int64_t head = 0; head < heads; head++) {
                const Job *job = (const Job *)jobs + i;
                if (done) pack(&task, job, head / copies, &spare);
                for (int64_t first = 0; done && first < job->queries; first += HALF) block(&task, job, head, first, &spare);
            }
        release();
        free(all);
    }
    return done;
}
