/* A linear head and the statistics of its logits on the matrix units of a processor, or by vectors (tiles.h): head.py compiles it.
 *
 * A block of 32 logits of 32 tokens is multiplied while the block before it is reduced, and never leaves the first cache. Its
 * lanes are tokens, so that no sum is ever taken across lanes and the weight's rows are read as they lie.
 * float32 goes there as whole numbers of three digits (digits.h).
 */
#include "tiles.h"
#include "digits.h"
#include "sums.h"

#define NONE -INFINITY /* a logit that counts for nothing */

/* Multiplies 32 rows of the weight, w [32][words], with 32 tokens, h [2][words][16], words of two bfloat16, into next
 * [32 logits][32 tokens]; meanwhile reduces z, the logits of the block before.
 */
INLINE void multiply(const uint32_t *w, const uint32_t *h, int64_t words, float *next, const float *z, Block *before) {
#ifdef BY_VECTORS /* which would do the one and the other in turn */
    reduce(before, z);
    multiply_rows(w, h, words, next);
#else
    int64_t c = 0;
    Tiles tiles;
    Sums one = begin(before, z, 0), two = begin(before, z, HALF);
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
    const uint32_t *w, const uint32_t *h, int64_t away, int64_t words, float *next, const float *z, Block *before
) {
    int64_t c = 0, done = 0;
    Tiles tiles;
    Sums one = begin(before, z, 0), two = begin(before, z, HALF);
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

typedef struct {
    int64_t row, rows, blocks, away; /* of tokens; between parts of h */
    uint32_t *h, *spare;             /* [parts][blocks][2][words][16]; [parts][32][words] */
    Block *state;                    /* [blocks] */
} Piece;

/* Fills h, and what is known of each block. */
static void prepare(const Task *task, Piece *piece) {
    int64_t width = task->width, words = task->words;
    uint32_t *h = piece->h, *spare = piece->spare;
    memset(spare, 0, task->parts * SIDE * words * 4);
    memset(piece->state, 0, piece->blocks * sizeof(Block));
    for (int64_t r = 0; r < piece->blocks * SIDE; r++) piece->state[r / SIDE].highest[r % SIDE] = -FLT_MAX; /* infinity less itself would be no number */
    for (int64_t r = 0; r < piece->blocks * SIDE; r += HALF, h += HALF * words) {
        int64_t left = piece->rows - r, count = left < 0 ? 0 : left < HALF ? left : HALF;
        if (task->parts == 1) pack((const uint32_t *)task->hidden + (piece->row + r) * words, count, words, h);
        else {
            const float *values = (const float *)task->hidden + (piece->row + r) * width;
            cut(values, count, width, task->frame, task->frame + width, spare, words, SIDE * words, piece->state[r / SIDE].worth + r % SIDE);
            for (int part = 0; part < DIGITS; part++) pack(spare + part * SIDE * words, count, words, h + part * piece->away);
        }
    }
    memset(spare, 0, task->parts * SIDE * words * 4);
}

/* Returns rows of the weight, 32 at most: where they lie, or cut, or with zeros behind the last, in spare. NULL: FAR. */
static const uint32_t *rows_of(const Task *task, const char *weight, int64_t rows, uint32_t *spare, float *worth) {
    int64_t width = task->width, words = task->words;
    if (task->parts == 1) return rows == SIDE ? (const uint32_t *)weight : memcpy(spare, weight, rows * words * 4);
    const float *frame = task->frame + 2 * width;
    float most = cut((const float *)weight, rows, width, frame, frame + width, spare, words, SIDE * words, worth);
    return most > FAR ? NULL : spare;
}

/* Multiplies 32 rows of the weight, w, by a block of tokens and adds their bias, into next; meanwhile reduces z. */
INLINE void logits(
    const Task *task, const Piece *piece, int64_t block, const uint32_t *w, const float *worth, const float *bias, int64_t columns,
    float *next, const float *z, Block *before
) {
    const uint32_t *h = piece->h + block * SIDE * task->words;
    if (task->parts == 1) multiply(w, h, task->words, next, z, before);
    else {
        multiply_digits(w, h, piece->away, task->words, next, z, before);
        join(next, worth, piece->state[block].worth);
    }
    for (int64_t i = 0; bias && i < columns * SIDE; i++) next[i] += bias[i / SIDE];
    for (int64_t i = columns * SIDE; i < SIDE * SIDE; i++) next[i] = NONE;
}

/* Finds the targets' logits as all others are found: by a dot product of its own a word would stand below those that are as likely, as
 * all of a padded vocabulary are, or words that were added with one value. */
static int aim(const Task *task, const Piece *piece, float *next, const float *z, Block *idle) {
    int64_t size = task->width * (task->parts == 1 ? 2 : 4);
    char *chosen = aligned_alloc(64, SIDE * size);
    int done = chosen ? DONE : NO_MEMORY;
    for (int64_t b = 0; done == DONE && b < piece->blocks; b++) {
        float worth[SIDE] = {0}, bias[SIDE] = {0};
        int64_t left = piece->rows - b * SIDE, count = left < SIDE ? left : SIDE;
        for (int64_t i = 0; i < SIDE; i++) {
            int64_t target = task->targets[piece->row + b * SIDE + (i < count ? i : 0)];
            memcpy(chosen + i * size, (const char *)task->weight + target * size, size);
            if (task->bias) bias[i] = task->bias[target];
        }
        const uint32_t *w = rows_of(task, chosen, SIDE, piece->spare, worth);
        if (w) logits(task, piece, b, w, worth, bias, SIDE, next, z, idle);
        else done = APART;
        for (int64_t i = 0; i < SIDE; i++) piece->state[b].own[i] = i < count ? next[i * SIDE + i] : INFINITY;
    }
    free(chosen);
    return done;
}

/* Multiplies all of the weight by a piece, and reduces. */
static int pass(const Task *task, const Piece *piece) {
    float both[2][SUMS * SIDE * SIDE] __attribute__((aligned(64))) = {{0}}, *z = both[0], *next = both[1], worth[SIDE] = {0};
    int64_t size = task->width * (task->parts == 1 ? 2 : 4);
    Block idle = {.highest = {0}}, *before = &idle;
    int done = aim(task, piece, next, z, &idle);
    for (int64_t v = 0; done == DONE && v < task->vocabulary; v += SIDE) {
        int64_t columns = task->vocabulary - v < SIDE ? task->vocabulary - v : SIDE;
        const uint32_t *w = rows_of(task, (const char *)task->weight + v * size, columns, piece->spare, worth);
        if (!w) return APART;
        for (int64_t b = 0; b < piece->blocks; b++) {
            logits(task, piece, b, w, worth, task->bias ? task->bias + v : NULL, columns, next, z, before);
            float *swapped = z;
            z = next, next = swapped, before = piece->state + b;
        }
    }
    if (done == DONE) reduce(before, z);
    return done;
}

/* Rows [row, row + rows) of a task, in one thread; their tokens stay in its second cache while the weight passes. */
static int part(const Task *task, int64_t row, int64_t rows) {
    int64_t blocks = (rows + SIDE - 1) / SIDE, away = blocks * SIDE * task->words;
    uint32_t *h = aligned_alloc(64, task->parts * away * 4), *spare = aligned_alloc(64, task->parts * SIDE * task->words * 4);
    Piece piece = {row, rows, blocks, away, h, spare, aligned_alloc(64, blocks * sizeof(Block))};
    int done = piece.state && h && spare ? DONE : NO_MEMORY;
    if (done) {
        prepare(task, &piece);
        configure();
        done = pass(task, &piece);
        release();
    }
    for (int64_t r = 0; done == DONE && r < rows; r++) {
        const Block *block = piece.state + r / SIDE;
        int64_t at = r % SIDE;
        float found[] = {block->highest[at], block->s0[at], LN2 * block->s1[at], LN2 * LN2 * block->s2[at], block->above[at], block->own[at]};
        memcpy(task->out + 6 * (row + r), found, sizeof found);
    }
    free(h), free(spare), free(piece.state);
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
        int found = part(&task, row, rows - row < each ? rows - row : each);
        if (found < done) done = found;
    }
    return done;
}
