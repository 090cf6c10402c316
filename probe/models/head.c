/* A linear head and the statistics of its logits on the matrix units of a processor, or by vectors (tiles.h): head.py compiles it.
 *
 * A block of 32 logits of 32 tokens is multiplied while the block before it is reduced, and never leaves the first cache. Its
 * lanes are tokens, so that no sum is ever taken across lanes and the weight's rows are read as they lie.
 * float32 goes there as whole numbers of three digits (digits.h).
 */
#include "tiles.h"
#include "digits.h"
#include "sums.h"

#define NONE -1e30f /* a logit that counts for nothing */

/* Multiplies 32 rows of the weight, w [32][words], with 32 tokens, h [2][words][16], words of two bfloat16, into next
 * [32 logits][32 tokens]; meanwhile reduces z, the logits from `first` on of the block before.
 */
INLINE void multiply(const uint32_t *w, const uint32_t *h, int64_t words, float *next, const float *z, Block *before, int64_t first) {
#ifdef BY_VECTORS /* which would do the one and the other in turn */
    reduce(before, z, first);
    multiply_rows(w, h, words, next);
#else
    int64_t c = 0;
    Tiles tiles;
    Sums one = begin(before, z, 0, first), two = begin(before, z, HALF, first);
    zero(&tiles, 0); zero(&tiles, 1); zero(&tiles, 2); zero(&tiles, 3);
    for (int64_t k = 0; k < words; k += HALF) {
        load(&tiles, 4, w + k, words * 4); load(&tiles, 5, w + HALF * words + k, words * 4);
        load(&tiles, 6, h + HALF * k, 64); load(&tiles, 7, h + HALF * words + HALF * k, 64);
        multiply_narrow(&tiles, 0, 4, 6); multiply_narrow(&tiles, 1, 4, 7);
        multiply_narrow(&tiles, 2, 5, 6); multiply_narrow(&tiles, 3, 5, 7);
        for (; c * words < SIDE * (k + HALF); c++) add(&one, z + SIDE * c), add(&two, z + SIDE * c + HALF);
    }
    end(before, 0, &one), end(before, HALF, &two);
    store(&tiles, 0, next, SIDE * 4); store(&tiles, 1, next + HALF, SIDE * 4);
    store(&tiles, 2, next + HALF * SIDE, SIDE * 4); store(&tiles, 3, next + HALF * SIDE + HALF, SIDE * 4);
#endif
}

/* The same with words of four digits, w [digits][32][words], h [digits][2][words][16], the digits of h `away`, into next
 * [SUMS][32 logits][32 tokens].
 */
INLINE void multiply_digits(
    const uint32_t *w, const uint32_t *h, int64_t away, int64_t words, float *next, const float *z, Block *before, int64_t first
) {
    int64_t c = 0, done = 0;
    Tiles tiles;
    Sums one = begin(before, z, 0, first), two = begin(before, z, HALF, first);
    for (int quarter = 0; quarter < 4; quarter++) {
        const uint32_t *a = w + quarter / 2 * HALF * words, *b = h + quarter % 2 * HALF * words;
        begin_digits(&tiles);
        for (int64_t k = 0; k < words; k += HALF) {
            step_digits(&tiles, a + k, SIDE * words, b + HALF * k, away, words);
            for (done += SIDE; c * words < done * HALF / 4; c++) add(&one, z + SIDE * c), add(&two, z + SIDE * c + HALF);
        }
        end_digits(&tiles, next + quarter / 2 * HALF * SIDE + quarter % 2 * HALF);
    }
    end(before, 0, &one), end(before, HALF, &two);
}

/* Joins the sums of digits' products to logits, in the place of the first. */
INLINE void join(float *sums, const float *of_logits, const float *of_tokens) {
    for (int at = 0; at < SIDE * SIDE; at += HALF) {
        __m512 value = _mm512_mul_ps(joined(sums + at), _mm512_load_ps(of_tokens + at % SIDE));
        _mm512_store_ps(sums + at, _mm512_mul_ps(value, _mm512_set1_ps(of_logits[at / SIDE])));
    }
}

typedef struct {
    const void *weight, *hidden; /* [vocabulary, width], [rows, width] */
    const float *bias;           /* [vocabulary], or NULL */
    const float *frame;          /* [4, width]: what is taken from hidden states and what they are multiplied with, the weight's */
    const int64_t *targets;      /* [rows] */
    float *out;                  /* [rows, 6]: highest, S0, S1, S2, rank, the target's logit */
    int64_t vocabulary, width, words; /* words: of a row, of each part */
    int parts;                        /* 1 for bfloat16, DIGITS for float32 */
} Task;

/* The target's logit by one dot product, for ranks; of float32 no less than its digits may give, or all words of equal rows, such
 * as a padded vocabulary's, would stand above each other. */
static float own(const Task *task, int64_t row) {
    int64_t width = task->width, target = task->targets[row];
    float sum = 0, size = 0;
    for (int64_t k = 0; k < width; k++) {
        union { float value; uint32_t bits; } a, b;
        if (task->parts == 1) {
            a.bits = (uint32_t)((const uint16_t *)task->hidden)[row * width + k] << 16;
            b.bits = (uint32_t)((const uint16_t *)task->weight)[target * width + k] << 16;
        } else {
            a.value = ((const float *)task->hidden)[row * width + k];
            b.value = ((const float *)task->weight)[target * width + k] - task->frame[2 * width + k];
        }
        sum += a.value * b.value, size += fabsf(a.value * b.value);
    }
    if (task->parts > 1) sum += 3e-7f * size;
    return task->bias ? sum + task->bias[target] : sum;
}

/* Fills h [parts][blocks][2][words][16], and what is known of each block. */
static void prepare(const Task *task, int64_t row, int64_t rows, int64_t blocks, uint32_t *spare, uint32_t *h, Block *state) {
    int64_t width = task->width, words = task->words, away = blocks * SIDE * words;
    for (int64_t r = 0; r < blocks * SIDE; r++) {
        Block *block = state + r / SIDE;
        int64_t at = r % SIDE;
        block->highest[at] = -INFINITY, block->s0[at] = block->s1[at] = block->s2[at] = block->above[at] = block->worth[at] = 0;
        block->place[at] = r < rows ? (int32_t)task->targets[row + r] : -1;
        block->limit[at] = r < rows ? own(task, row + r) : INFINITY;
    }
    for (int64_t r = 0; r < blocks * SIDE; r += HALF, h += HALF * words) {
        int64_t count = rows - r < 0 ? 0 : rows - r < HALF ? rows - r : HALF;
        if (task->parts == 1) pack((const uint32_t *)task->hidden + (row + r) * words, count, words, h);
        else {
            const float *values = (const float *)task->hidden + (row + r) * width;
            cut(values, count, width, task->frame, task->frame + width, spare, words, SIDE * words, state[r / SIDE].worth + r % SIDE);
            for (int part = 0; part < DIGITS; part++) pack(spare + part * SIDE * words, count, words, h + part * away);
        }
    }
}

/* Returns 32 rows of the weight from `row` on: where they lie, or cut, or with zeros behind the last, in spare. NULL: FAR. */
static const uint32_t *rows_of(const Task *task, int64_t row, int64_t rows, uint32_t *spare, float *worth) {
    int64_t width = task->width, words = task->words;
    const uint32_t *w = (const uint32_t *)task->weight + row * words;
    if (task->parts == 1) return rows == SIDE ? w : memcpy(spare, w, rows * words * 4);
    const float *values = (const float *)task->weight + row * width, *frame = task->frame + 2 * width;
    float most = cut(values, rows, width, frame, frame + width, spare, words, SIDE * words, worth);
    return most > FAR ? NULL : spare;
}

/* Rows [row, row + rows) of a task, in one thread; their tokens stay in its second cache while the weight passes. */
static int piece(const Task *task, int64_t row, int64_t rows) {
    int64_t blocks = (rows + SIDE - 1) / SIDE, words = task->words, away = blocks * SIDE * words;
    Block idle = {.highest = {0}}, *before = &idle, *state = aligned_alloc(64, blocks * sizeof(Block));
    uint32_t *h = aligned_alloc(64, task->parts * away * 4), *spare = aligned_alloc(64, task->parts * SIDE * words * 4);
    float logits[2][SUMS * SIDE * SIDE] __attribute__((aligned(64))) = {{0}}, *z = logits[0], *next = logits[1], worth[SIDE] = {0};
    int64_t first = 0;
    int done = state && h && spare ? DONE : NO_MEMORY;
    if (done) {
        memset(idle.place, 255, sizeof idle.place);
        memset(spare, 0, task->parts * SIDE * words * 4);
        prepare(task, row, rows, blocks, spare, h, state);
        memset(spare, 0, task->parts * SIDE * words * 4);
        configure();
        for (int64_t v = 0; v < task->vocabulary; v += SIDE) {
            int64_t columns = task->vocabulary - v < SIDE ? task->vocabulary - v : SIDE;
            const uint32_t *w = rows_of(task, v, columns, spare, worth);
            if (!w) { done = APART; break; }
            for (int64_t b = 0; b < blocks; b++) {
                if (task->parts == 1) multiply(w, h + b * SIDE * words, words, next, z, before, first);
                else {
                    multiply_digits(w, h + b * SIDE * words, away, words, next, z, before, first);
                    join(next, worth, state[b].worth);
                }
                for (int64_t i = 0; task->bias && i < columns * SIDE; i++) next[i] += task->bias[v + i / SIDE];
                for (int64_t i = columns * SIDE; i < SIDE * SIDE; i++) next[i] = NONE;
                float *swapped = z;
                z = next, next = swapped, before = state + b, first = v;
            }
        }
        release();
        reduce(before, z, first);
        for (int64_t r = 0; r < rows; r++) {
            const Block *block = state + r / SIDE;
            int64_t at = r % SIDE;
            float found[] = {block->highest[at], block->s0[at], LN2 * block->s1[at], LN2 * LN2 * block->s2[at], block->above[at], block->own[at]};
            memcpy(task->out + 6 * (row + r), found, sizeof found);
        }
    }
    free(state), free(h), free(spare);
    return done;
}

/* Returns DONE or what keeps it from that. width: a multiple of 32. */
int head(
    const void *weight, const float *bias, const float *frame, int64_t vocabulary, int64_t width, int parts, const void *hidden, const int64_t *targets,
    int64_t rows, float *out, int threads
) {
    int64_t words = parts == 1 ? width / 2 : (width + WIDE - 1) / WIDE * HALF;
    Task task = {weight, hidden, bias, frame, targets, out, vocabulary, width, words, parts};
    int64_t each = ((rows + threads - 1) / threads + SIDE - 1) / SIDE * SIDE, most = PIECE / words / parts / SIDE * SIDE;
    int done = DONE;
    if (!rows) return done;
    if (most < SIDE) most = SIDE;
    if (each > most) each = most;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(min : done)
    for (int64_t row = 0; row < rows; row += each) {
        int found = piece(&task, row, rows - row < each ? rows - row : each);
        if (found < done) done = found;
    }
    return done;
}
