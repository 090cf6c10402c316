/* Running sums over the vocabulary of 32 tokens, whose lanes they are: head.c. streaming.py has the formulas. */
#define LEAST -1e4f /* e to that is 0, and 0 times it still a number */

/* What is known of 32 tokens so far: sums over t = log2(e) (z - highest), as in streaming.py; own: the targets' logits; worth: of
 * digits (digits.h). */
typedef struct { float highest[SIDE], s0[SIDE], s1[SIDE], s2[SIDE], above[SIDE], own[SIDE], worth[SIDE]; } Block;
typedef struct { __m512 s0, s1, s2, above, highest, own; } Sums; /* of half a block of tokens over 32 logits each */

INLINE void add(Sums *sums, const float *z) {
    __m512 value = _mm512_load_ps(z), one = _mm512_set1_ps(1);
    __mmask16 higher = _mm512_cmp_ps_mask(value, sums->own, _CMP_GT_OQ);
    __m512 u = _mm512_max_ps(_mm512_set1_ps(LEAST), _mm512_sub_ps(value, sums->highest)); /* what is no number stays none */
    __m512 t = _mm512_mul_ps(u, _mm512_set1_ps(LOG2E)), w = two_to(t), wt = _mm512_mul_ps(w, t);
    sums->above = _mm512_mask_add_ps(sums->above, higher, sums->above, one);
    sums->s0 = _mm512_add_ps(sums->s0, w);
    sums->s1 = _mm512_add_ps(sums->s1, wt);
    sums->s2 = _mm512_fmadd_ps(wt, t, sums->s2);
}

/* Raises the highest logit to that of z [32 logits][32 tokens], rebases the sums to it, and begins those of z. */
INLINE Sums begin(Block *block, const float *z, int half) {
    __m512 before = _mm512_load_ps(block->highest + half), top = before, zero = _mm512_setzero_ps();
    for (int c = 0; c < SIDE; c++) top = _mm512_max_ps(_mm512_load_ps(z + SIDE * c + half), top);
    __m512 d = _mm512_mul_ps(_mm512_max_ps(_mm512_sub_ps(before, top), _mm512_set1_ps(LEAST)), _mm512_set1_ps(LOG2E));
    __m512 scale = two_to(d);
    __m512 s0 = _mm512_load_ps(block->s0 + half), s1 = _mm512_load_ps(block->s1 + half), s2 = _mm512_load_ps(block->s2 + half);
    s2 = _mm512_fmadd_ps(_mm512_mul_ps(d, d), s0, _mm512_fmadd_ps(_mm512_add_ps(d, d), s1, s2));
    _mm512_store_ps(block->highest + half, top);
    _mm512_store_ps(block->s0 + half, _mm512_mul_ps(scale, s0));
    _mm512_store_ps(block->s1 + half, _mm512_mul_ps(scale, _mm512_fmadd_ps(d, s0, s1)));
    _mm512_store_ps(block->s2 + half, _mm512_mul_ps(scale, s2));
    return (Sums){zero, zero, zero, _mm512_load_ps(block->above + half), top, _mm512_load_ps(block->own + half)};
}

INLINE void end(Block *block, int half, const Sums *sums) {
    _mm512_store_ps(block->s0 + half, _mm512_add_ps(_mm512_load_ps(block->s0 + half), sums->s0));
    _mm512_store_ps(block->s1 + half, _mm512_add_ps(_mm512_load_ps(block->s1 + half), sums->s1));
    _mm512_store_ps(block->s2 + half, _mm512_add_ps(_mm512_load_ps(block->s2 + half), sums->s2));
    _mm512_store_ps(block->above + half, sums->above);
}

/* All of it with 32 logits of 32 tokens, z. */
INLINE void reduce(Block *block, const float *z) {
    Sums one = begin(block, z, 0), two = begin(block, z, HALF);
    for (int c = 0; c < SIDE; c++) add(&one, z + SIDE * c), add(&two, z + SIDE * c + HALF);
    end(block, 0, &one), end(block, HALF, &two);
}
