/* Linear layers of float32 on a processor's matrix units, as whole numbers of three digits (digits.h): linear.py compiles it.
 *
 * Rows of the input are the units' left operand as they lie, 32 at a time; the weight is cut and packed once a call, and each 32 of
 * its rows stay in the first cache while the input passes. A block is multiplied while the block before it is joined and written.
 */
#include "tiles.h"
#include "digits.h"

typedef struct {
    const float *weight, *bias, *spread, *x; /* [outs, width], [outs] or NULL, [2, width], [rows, width] */
    float *out;                              /* [rows, outs] */
    int64_t outs, width, words, rows;
    uint32_t *packed; /* [outs / 32][digits][2][words][16] */
    float *worth;     /* [outs], of digits */
} Task;

/* Where a block of sums goes once it is joined. */
typedef struct { float *sums, *out; const float *of_rows, *of_outs, *bias; int64_t rows, outs, apart; } Block;

/* Joins 16 sums of a block and writes them; place: of 64. */
INLINE void put(const Block *block, int place) {
    int row = place / 2, first = place % 2 * HALF;
    int64_t left = block->outs - first;
    if (row >= block->rows || left <= 0) return;
    __mmask16 there = left >= HALF ? 0xffff : (__mmask16)((1 << left) - 1);
    __m512 value = _mm512_mul_ps(joined(block->sums + SIDE * row + first), _mm512_set1_ps(block->of_rows[row]));
    __m512 worth = _mm512_maskz_loadu_ps(there, block->of_outs + first);
    __m512 bias = block->bias ? _mm512_maskz_loadu_ps(there, block->bias + first) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(block->out + row * block->apart + first, there, _mm512_fmadd_ps(value, worth, bias));
}

/* Multiplies 32 rows of the input, a [digits][32][words], with 32 of the weight, b [digits][2][words][16], into sums; meanwhile
 * joins the block before. */
INLINE void multiply(const uint32_t *a, int64_t apart, const uint32_t *b, int64_t words, float *sums, const Block *before) {
    int64_t done = 0, c = 0;
    Tiles tiles;
    for (int quarter = 0; quarter < 4; quarter++) {
        const uint32_t *left = a + quarter / 2 * HALF * words, *right = b + quarter % 2 * HALF * words;
        begin_digits(&tiles);
        for (int64_t k = 0; k < words; k += HALF) {
            step_digits(&tiles, left + k, apart, right + HALF * k, SIDE * words, words);
            for (done += 64; c * words < done * HALF / 4; c++) put(before, (int)c);
        }
        end_digits(&tiles, sums + quarter / 2 * HALF * SIDE + quarter % 2 * HALF);
    }
}

/* Cuts and packs 32 rows of the weight. */
static int prepare(const Task *task, int64_t first, uint32_t *spare) {
    int64_t words = task->words, count = task->outs - first < SIDE ? task->outs - first : SIDE;
    uint32_t *out = task->packed + first * DIGITS * words;
    memset(spare, 0, DIGITS * SIDE * words * 4);
    const float *values = task->weight + first * task->width, *times = task->spread + task->width;
    float most = cut(values, count, task->width, NULL, times, spare, words, SIDE * words, task->worth + first);
    if (most > FAR) return APART;
    for (int half = 0; half < DIGITS * 2; half++) pack(spare + half * HALF * words, HALF, words, out + half * HALF * words);
    return DONE;
}

/* Rows [row, row + rows) of the input against all of the weight. */
static int piece(const Task *task, int64_t row, int64_t rows) {
    int64_t blocks = (rows + SIDE - 1) / SIDE, words = task->words, apart = blocks * SIDE * words;
    uint32_t *a = aligned_alloc(64, DIGITS * apart * 4);
    float *worth = aligned_alloc(64, blocks * SIDE * 4);
    float sums[2][SUMS * SIDE * SIDE] __attribute__((aligned(64)));
    int done = a && worth ? DONE : NO_MEMORY;
    if (done) {
        Block before = {.rows = 0}, next;
        int turn = 0;
        memset(a, 0, DIGITS * apart * 4);
        cut(task->x + row * task->width, rows, task->width, NULL, task->spread, a, words, apart, worth);
        configure();
        for (int64_t v = 0; v < task->outs; v += SIDE)
            for (int64_t b = 0; b < blocks; b++, turn ^= 1) {
                int64_t place = row + b * SIDE;
                multiply(a + b * SIDE * words, apart, task->packed + v * DIGITS * words, words, sums[turn], &before);
                next = (Block){sums[turn], task->out + place * task->outs + v, worth + b * SIDE, task->worth + v,
                               task->bias ? task->bias + v : NULL, rows - b * SIDE, task->outs - v, task->outs};
                before = next;
            }
        release();
        for (int c = 0; c < 2 * SIDE; c++) put(&before, c);
    }
    free(a), free(worth);
    return done;
}

/* Returns DONE or what keeps it from that. */
int linear(
    const float *weight, const float *bias, const float *spread, int64_t outs, int64_t width, const float *x, int64_t rows, float *out,
    int threads
) {
    int64_t words = (width + WIDE - 1) / WIDE * HALF, most = PIECE / words / DIGITS / SIDE * SIDE, padded = (outs + SIDE - 1) / SIDE * SIDE;
    Task task = {weight, bias, spread, x, out, outs, width, words, rows, NULL, NULL};
    if (!rows || !outs) return DONE;
    int64_t each = ((rows + threads - 1) / threads + SIDE - 1) / SIDE * SIDE;
    if (most < SIDE) most = SIDE;
    if (each > most) each = most;
    task.packed = aligned_alloc(64, padded * DIGITS * words * 4), task.worth = aligned_alloc(64, padded * 4);
    int done = task.packed && task.worth ? DONE : NO_MEMORY;
    if (done) {
#pragma omp parallel num_threads(threads) reduction(min : done)
        {
            uint32_t *spare = aligned_alloc(64, DIGITS * SIDE * words * 4);
            if (!spare) done = NO_MEMORY;
#pragma omp for schedule(static)
            for (int64_t first = 0; first < outs; first += SIDE) {
                int found = spare ? prepare(&task, first, spare) : NO_MEMORY;
                if (found < done) done = found;
            }
            free(spare);
        }
    }
    if (done == DONE) {
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(min : done)
        for (int64_t row = 0; row < rows; row += each) {
            int found = piece(&task, row, rows - row < each ? rows - row : each);
            if (found < done) done = found;
        }
    }
    free(task.packed), free(task.worth);
    return done;
}
