/* A linear head and the statistics of its logits on the matrix units of a processor (Intel's AMX): amx.py compiles it.
 *
 * A block of 32 logits of 32 tokens is multiplied while the block before it is reduced, and never leaves the first cache. Its
 * lanes are tokens, so that no sum is ever taken across lanes and the weight's rows are read as they lie.
 * float32 is cut into three bfloat16 that add up to it; of their nine products the six that float32 can hold are taken.
 */
#include "tiles.h"

enum { PARTS = 3, PIECE = 1 << 19 }; /* PIECE: bfloat16 values that the second cache keeps */
#define NONE -1e30f /* a logit that counts for nothing */

/* What is known of 32 tokens so far: sums over t = log2(e) (z - highest), as in streaming.py; limit: about the target's logit,
 * which tells the rank; own: itself, rounded as the highest is, so that the likeliest word's is the highest exactly. */
typedef struct { float highest[SIDE], s0[SIDE], s1[SIDE], s2[SIDE], above[SIDE], limit[SIDE], own[SIDE]; int32_t place[SIDE]; } Block;
typedef struct { __m512 s0, s1, s2, above, highest, limit; } Sums; /* of half a block of tokens over 32 logits each */

INLINE void add(Sums *sums, const float *z) {
    __m512 value = _mm512_load_ps(z), one = _mm512_set1_ps(1);
    __mmask16 higher = _mm512_cmp_ps_mask(value, sums->limit, _CMP_GT_OQ);
    __m512 t = _mm512_mul_ps(_mm512_sub_ps(value, sums->highest), _mm512_set1_ps(LOG2E)), w = two_to(t), wt = _mm512_mul_ps(w, t);
    sums->above = _mm512_mask_add_ps(sums->above, higher, sums->above, one);
    sums->s0 = _mm512_add_ps(sums->s0, w);
    sums->s1 = _mm512_add_ps(sums->s1, wt);
    sums->s2 = _mm512_fmadd_ps(wt, t, sums->s2);
}

/* Takes the targets' logits that are among these; none is above itself, whatever its rounding. */
static void take_own(Block *block, const float *z, int half, int64_t first) {
    for (int r = half; r < half + HALF; r++) {
        int64_t c = block->place[r] - first;
        if (c < 0 || c >= SIDE) continue;
        block->own[r] = z[SIDE * c + r];
        if (block->own[r] > block->limit[r]) block->above[r] -= 1;
    }
}

/* Raises the highest logit to that of z [32 logits][32 tokens], rebases the sums to it, and begins those of z. */
INLINE Sums begin(Block *block, const float *z, int half, int64_t first) {
    __m512 before = _mm512_load_ps(block->highest + half), top = before, zero = _mm512_setzero_ps();
    for (int c = 0; c < SIDE; c++) top = _mm512_max_ps(_mm512_load_ps(z + SIDE * c + half), top);
    __m512 d = _mm512_mul_ps(_mm512_max_ps(_mm512_sub_ps(before, top), _mm512_set1_ps(-1e4f)), _mm512_set1_ps(LOG2E));
    __m512 scale = two_to(d);
    __m512 s0 = _mm512_load_ps(block->s0 + half), s1 = _mm512_load_ps(block->s1 + half), s2 = _mm512_load_ps(block->s2 + half);
    s2 = _mm512_fmadd_ps(_mm512_mul_ps(d, d), s0, _mm512_fmadd_ps(_mm512_add_ps(d, d), s1, s2));
    _mm512_store_ps(block->highest + half, top);
    _mm512_store_ps(block->s0 + half, _mm512_mul_ps(scale, s0));
    _mm512_store_ps(block->s1 + half, _mm512_mul_ps(scale, _mm512_fmadd_ps(d, s0, s1)));
    _mm512_store_ps(block->s2 + half, _mm512_mul_ps(scale, s2));
    __m512i place = _mm512_sub_epi32(_mm512_load_si512(block->place + half), _mm512_set1_epi32((int32_t)first));
    if (_mm512_cmplt_epu32_mask(place, _mm512_set1_epi32(SIDE))) take_own(block, z, half, first);
    return (Sums){zero, zero, zero, _mm512_load_ps(block->above + half), top, _mm512_load_ps(block->limit + half)};
}

INLINE void end(Block *block, int half, const Sums *sums) {
    _mm512_store_ps(block->s0 + half, _mm512_add_ps(_mm512_load_ps(block->s0 + half), sums->s0));
    _mm512_store_ps(block->s1 + half, _mm512_add_ps(_mm512_load_ps(block->s1 + half), sums->s1));
    _mm512_store_ps(block->s2 + half, _mm512_add_ps(_mm512_load_ps(block->s2 + half), sums->s2));
    _mm512_store_ps(block->above + half, sums->above);
}

/* Multiplies 32 rows of the weight, w [parts][32][width], with 32 tokens, h [parts][2][width / 2][16] pairs, into next
 * [32 logits][32 tokens]; meanwhile reduces z, the logits from `first` on of the block before. */
INLINE void multiply(
    const uint16_t *w, int64_t apart, const uint32_t *h, int64_t away, int64_t width, int parts, float *next, const float *z,
    Block *before, int64_t first
) {
    int64_t most = width / STEP * (parts == 1 ? 1 : 2), done = 0, c = 0;
    Sums one = begin(before, z, 0, first), two = begin(before, z, HALF, first);
    _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
    for (int large = parts == 1; large < 2; large++) /* the small products first, or each would round the large sum again */
        for (int64_t k = 0; k < width; k += STEP) {
            for (int i = 0; i < (large ? 1 : parts); i++) {
                const uint16_t *a = w + i * apart + k;
                _tile_loadd(4, a, width * 2);
                _tile_loadd(5, a + HALF * width, width * 2);
                for (int j = !large && !i; i + j < (large ? 1 : parts); j++) { /* smaller ones are lost in float32 */
                    const uint32_t *b = h + j * away + HALF * k / 2;
                    _tile_loadd(6, b, 64);
                    _tile_loadd(7, b + HALF * width / 2, 64);
                    _tile_dpbf16ps(0, 4, 6);
                    _tile_dpbf16ps(1, 4, 7);
                    _tile_dpbf16ps(2, 5, 6);
                    _tile_dpbf16ps(3, 5, 7);
                }
            }
            for (done += SIDE; c * most < done; c++) add(&one, z + SIDE * c), add(&two, z + SIDE * c + HALF);
        }
    end(before, 0, &one), end(before, HALF, &two);
    _tile_stored(0, next, SIDE * 4); _tile_stored(1, next + HALF, SIDE * 4);
    _tile_stored(2, next + HALF * SIDE, SIDE * 4); _tile_stored(3, next + HALF * SIDE + HALF, SIDE * 4);
}

/* Cuts values into three bfloat16 each, the parts `apart`. */
static void cut(const float *values, int64_t count, uint16_t *out, int64_t apart) {
    for (int64_t i = 0; i < count; i++) {
        union { float value; uint32_t bits; } high = {.value = values[i]}, middle, low;
        high.bits &= 0xffff0000u;
        middle.value = values[i] - high.value, middle.bits &= 0xffff0000u;
        low.value = values[i] - high.value - middle.value;
        out[i] = high.bits >> 16, out[apart + i] = middle.bits >> 16, out[2 * apart + i] = low.bits >> 16;
    }
}

/* Transposes 16 rows of bfloat16 pairs, [16][pairs] -> [pairs][16]; those from `rows` on are zeros. */
static void pack(const uint16_t *from, int64_t rows, int64_t width, uint32_t *out) {
    for (int64_t pair = 0; pair < width / 2; pair++)
        for (int64_t r = 0; r < HALF; r++) {
            uint32_t both = 0;
            if (r < rows) memcpy(&both, from + r * width + 2 * pair, 4);
            *out++ = both;
        }
}

typedef struct {
    const void *weight, *hidden; /* [vocabulary, width], [rows, width] */
    const float *bias;           /* [vocabulary], or NULL */
    const int64_t *targets;      /* [rows] */
    float *out;                  /* [rows, 6]: highest, S0, S1, S2, rank, the target's logit */
    int64_t vocabulary, width;
    int parts; /* 1 for bfloat16, PARTS for float32 */
} Task;

/* The target's logit by one dot product, for ranks. */
static float own(const Task *task, int64_t row) {
    int64_t width = task->width, target = task->targets[row];
    float sum = 0;
    for (int64_t k = 0; k < width; k++) {
        union { float value; uint32_t bits; } a, b;
        if (task->parts == 1) {
            a.bits = (uint32_t)((const uint16_t *)task->hidden)[row * width + k] << 16;
            b.bits = (uint32_t)((const uint16_t *)task->weight)[target * width + k] << 16;
        } else {
            a.value = ((const float *)task->hidden)[row * width + k], b.value = ((const float *)task->weight)[target * width + k];
        }
        sum += a.value * b.value;
    }
    return task->bias ? sum + task->bias[target] : sum;
}

/* Fills h [parts][blocks][2][width / 2][16] pairs, and what is known of each block. */
static void prepare(const Task *task, int64_t row, int64_t rows, int64_t blocks, uint16_t *spare, uint32_t *h, Block *state) {
    int64_t width = task->width, away = blocks * SIDE * width / 2;
    for (int64_t r = 0; r < blocks * SIDE; r++) {
        Block *block = state + r / SIDE;
        int64_t at = r % SIDE;
        block->highest[at] = -INFINITY, block->s0[at] = block->s1[at] = block->s2[at] = block->above[at] = 0;
        block->place[at] = r < rows ? (int32_t)task->targets[row + r] : -1;
        block->limit[at] = r < rows ? own(task, row + r) : INFINITY;
    }
    for (int64_t r = 0; r < blocks * SIDE; r += HALF, h += HALF * width / 2) {
        int64_t count = rows - r < 0 ? 0 : rows - r < HALF ? rows - r : HALF;
        if (task->parts > 1) cut((const float *)task->hidden + (row + r) * width, count * width, spare, SIDE * width);
        for (int part = 0; part < task->parts; part++)
            pack(task->parts > 1 ? spare + part * SIDE * width : (const uint16_t *)task->hidden + (row + r) * width, count, width, h + part * away);
    }
}

/* Returns 32 rows of the weight from `row` on: where they lie, or cut, or with zeros behind the last, in spare. */
static const uint16_t *rows_of(const Task *task, int64_t row, int64_t rows, uint16_t *spare) {
    int64_t width = task->width;
    if (task->parts > 1) {
        cut((const float *)task->weight + row * width, rows * width, spare, SIDE * width);
        return spare;
    }
    const uint16_t *w = (const uint16_t *)task->weight + row * width;
    return rows == SIDE ? w : memcpy(spare, w, rows * width * 2);
}

/* Rows [row, row + rows) of a task, in one thread; their tokens stay in its second cache while the weight passes. */
static int piece(const Task *task, int64_t row, int64_t rows) {
    int64_t blocks = (rows + SIDE - 1) / SIDE, width = task->width, away = blocks * SIDE * width / 2;
    Block idle = {.highest = {0}}, *before = &idle, *state = aligned_alloc(64, blocks * sizeof(Block));
    uint32_t *h = aligned_alloc(64, task->parts * away * 4);
    uint16_t *spare = aligned_alloc(64, PARTS * SIDE * width * 2);
    float logits[2][SIDE * SIDE] __attribute__((aligned(64))) = {{0}}, *z = logits[0], *next = logits[1];
    int64_t first = 0;
    if (state && h && spare) {
        memset(idle.place, 255, sizeof idle.place);
        prepare(task, row, rows, blocks, spare, h, state);
        memset(spare, 0, PARTS * SIDE * width * 2);
        configure();
        for (int64_t v = 0; v < task->vocabulary; v += SIDE) {
            int64_t columns = task->vocabulary - v < SIDE ? task->vocabulary - v : SIDE;
            const uint16_t *w = rows_of(task, v, columns, spare);
            for (int64_t b = 0; b < blocks; b++) {
                multiply(w, SIDE * width, h + b * SIDE * width / 2, away, width, task->parts, next, z, before, first);
                for (int64_t i = 0; task->bias && i < columns * SIDE; i++) next[i] += task->bias[v + i / SIDE];
                for (int64_t i = columns * SIDE; i < SIDE * SIDE; i++) next[i] = NONE;
                float *swapped = z;
                z = next, next = swapped, before = state + b, first = v;
            }
        }
        _tile_release();
        Sums one = begin(before, z, 0, first), two = begin(before, z, HALF, first);
        for (int c = 0; c < SIDE; c++) add(&one, z + SIDE * c), add(&two, z + SIDE * c + HALF);
        end(before, 0, &one), end(before, HALF, &two);
        for (int64_t r = 0; r < rows; r++) {
            const Block *block = state + r / SIDE;
            int64_t at = r % SIDE;
            float found[] = {block->highest[at], block->s0[at], LN2 * block->s1[at], LN2 * LN2 * block->s2[at], block->above[at], block->own[at]};
            memcpy(task->out + 6 * (row + r), found, sizeof found);
        }
    }
    int done = state && h && spare;
    free(state), free(h), free(spare);
    return done;
}

/* Returns 0 where there is no memory. width: a multiple of 32. */
int head(
    const void *weight, const float *bias, int64_t vocabulary, int64_t width, int parts, const void *hidden, const int64_t *targets,
    int64_t rows, float *out, int threads
) {
    Task task = {weight, hidden, bias, targets, out, vocabulary, width, parts};
    int64_t each = ((rows + threads - 1) / threads + SIDE - 1) / SIDE * SIDE, most = PIECE / width / parts / SIDE * SIDE;
    int done = 1;
    if (most < SIDE) most = SIDE;
    if (each > most) each = most;
#pragma omp parallel for num_threads(threads) schedule(static, 1) reduction(&& : done)
    for (int64_t row = 0; row < rows; row += each) done = piece(&task, row, rows - row < each ? rows - row : each) && done;
    return done;
}
