/* Intel's AMX: eight tiles of 16 rows of 64 bytes, named by constants. vectors.h has the same for processors without. */
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {} Tiles; /* the processor keeps them */

int by_vectors(void) { return 0; }
static int units_allowed(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; } /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */

static void configure(void) {
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } tiles = {.palette = 1};
    for (int i = 0; i < 8; i++) tiles.bytes[i] = 64, tiles.rows[i] = 16;
    _tile_loadconfig(&tiles);
}

#define release() _tile_release()
#define zero(tiles, sum) _tile_zero(sum)
#define load(tiles, tile, from, apart) _tile_loadd(tile, from, apart)
#define store(tiles, sum, to, apart) _tile_stored(sum, to, apart)
#define multiply_narrow(tiles, sum, left, right) _tile_dpbf16ps(sum, left, right)
#define multiply_bytes(tiles, sum, left, right) _tile_dpbssd(sum, left, right)
