/* What amx.c and attention.c share: a processor's matrix units as eight tiles, and powers of two. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIDE = 32, HALF = 16, STEP = 32 }; /* STEP: bfloat16 values of a tile's row */
#define LOG2E 1.44269504f
#define LN2 0.693147181f
#define INLINE static inline __attribute__((always_inline))

/* True where the system lets this process use the units. */
int allowed(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; } /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */

static void configure(void) { /* eight tiles of 16 rows of 64 bytes */
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } tiles = {.palette = 1};
    for (int i = 0; i < 8; i++) tiles.bytes[i] = 64, tiles.rows[i] = 16;
    _tile_loadconfig(&tiles);
}

/* 2^t for t <= 0: a polynomial of t's fraction, 8e-8 relative error. */
INLINE __m512 two_to(__m512 t) {
    __m512 f = _mm512_reduce_ps(t, 1), p = _mm512_set1_ps(1.876232946e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(8.992584030e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.582360446e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.401545299e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931529682e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.999999269e-1f));
    return _mm512_scalef_ps(p, t);
}
