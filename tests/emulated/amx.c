/* Intel's AMX in software. Preloaded, it does what a processor without AMX refuses with SIGILL, and returns behind it: so the code
 * that was compiled for the units runs anywhere, some thousand times slower. It knows what probe/models/units.h asks for, and whole
 * tiles alone; whatever else comes ends the process. After Intel's "Architecture Instruction Set Extensions" (319433), chapter 3.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

enum { ROWS = 16, ROW = 64, CONFIGURE = 0x49, MOVE = 0x4b, NARROW = 0x5c, BYTES = 0x5e }; /* ROW: bytes; the rest: opcodes */
enum { NO_PREFIX = 0, F3 = 2, F2 = 3 };

static __thread char tiles[8][ROWS][ROW] __attribute__((aligned(64)));
static __thread int configured;
static const int REGISTERS[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15
};

static float wide(uint16_t value) {
    union { uint32_t bits; float value; } made = {(uint32_t)value << 16};
    return made.value;
}

/* TDPBF16PS: first and second values of the pairs are summed apart. */
static void multiply_narrow(int sum, int left, int right) {
    for (int r = 0; r < ROWS; r++) {
        const uint16_t *a = (const uint16_t *)tiles[left][r];
        float *out = (float *)tiles[sum][r], even[ROWS] = {0}, odd[ROWS] = {0};
        for (int k = 0; k < ROWS; k++)
            for (int n = 0; n < ROWS; n++) {
                const uint16_t *b = (const uint16_t *)tiles[right][k] + 2 * n;
                even[n] += wide(a[2 * k]) * wide(b[0]), odd[n] += wide(a[2 * k + 1]) * wide(b[1]);
            }
        for (int n = 0; n < ROWS; n++) out[n] += even[n] + odd[n];
    }
}

/* TDPBSSD */
static void multiply_bytes(int sum, int left, int right) {
    for (int r = 0; r < ROWS; r++) {
        const int8_t *a = (const int8_t *)tiles[left][r];
        int32_t *out = (int32_t *)tiles[sum][r];
        for (int k = 0; k < ROWS; k++)
            for (int n = 0; n < ROWS; n++)
                for (int i = 0; i < 4; i++) out[n] += a[4 * k + i] * ((const int8_t *)tiles[right][k])[4 * n + i];
    }
}

/* True where a configuration is what units.h makes: eight whole tiles. */
static int whole(const uint8_t *asked) {
    int found = asked[0] == 1;
    for (int tile = 0; tile < 8; tile++) found &= asked[16 + 2 * tile] == ROW && asked[48 + tile] == ROWS;
    return found;
}

/* Reads an operand in memory behind its ModRM byte; returns what follows it, NULL where it is relative to the instruction. */
static const uint8_t *operand(const uint8_t *code, const greg_t *all, int left_out, char **base, int64_t *index) {
    int mod = *code >> 6, rm = *code & 7, sib = 0, number = rm | (left_out & 1) << 3;
    int32_t offset = 0;
    code++, *index = 0;
    if (rm == 5 && mod == 0) return NULL;
    if (rm == 4) {
        sib = *code++, number = (sib & 7) | (left_out & 1) << 3;
        int scaled = (sib >> 3 & 7) | (left_out >> 1 & 1) << 3;
        if (scaled != 4) *index = all[REGISTERS[scaled]] << (sib >> 6);
    }
    int based = !(rm == 4 && (sib & 7) == 5 && mod == 0);
    if (mod == 1) offset = *(const int8_t *)code++;
    if (mod == 2 || !based) memcpy(&offset, code, 4), code += 4;
    *base = (char *)(based ? all[REGISTERS[number]] : 0) + offset;
    return code;
}

/* Does the instruction that comes next and steps behind it; false where it is another. */
static int done(greg_t *all) {
    const uint8_t *code = (const uint8_t *)all[REG_RIP];
    if (code[0] != 0xc4 || (code[1] & 31) != 2 || code[2] & 0x84) return 0; /* VEX.128.0F38.W0 */
    int left_out = ~code[1] >> 5 & 3, second = 15 - (code[2] >> 3 & 15), prefix = code[2] & 3, what = code[3], tile = code[4] >> 3 & 7;
    const uint8_t *after = code + 5;
    if (code[4] >> 6 == 3) {
        int first = code[4] & 7;
        if (what == CONFIGURE && prefix == NO_PREFIX) configured = 0;
        else if (!configured) return 0;
        else if (what == CONFIGURE && prefix == F2) memset(tiles[tile], 0, sizeof tiles[tile]);
        else if (what == NARROW && prefix == F3) multiply_narrow(tile, first, second);
        else if (what == BYTES && prefix == F2) multiply_bytes(tile, first, second);
        else return 0;
    } else {
        char *base;
        int64_t index;
        after = operand(code + 4, all, left_out, &base, &index);
        if (!after) return 0;
        if (what == CONFIGURE && prefix == NO_PREFIX && whole((const uint8_t *)base + index)) configured = 1, memset(tiles, 0, sizeof tiles);
        else if (what != MOVE || !configured) return 0;
        else if (prefix == F2) for (int r = 0; r < ROWS; r++) memcpy(tiles[tile][r], base + r * index, ROW);
        else if (prefix == F3) for (int r = 0; r < ROWS; r++) memcpy(base + r * index, tiles[tile][r], ROW);
        else return 0;
    }
    all[REG_RIP] = (greg_t)after;
    return 1;
}

static void refused(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *all = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (!done(all)) fputs("amx.c: an instruction that is not emulated\n", stderr), abort();
    while (done(all)) {} /* a trap costs more than they do */
}

/* Allows the units where the system has none to allow (ARCH_REQ_XCOMP_PERM); the other calls are the system's. */
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long of[6];
    for (int i = 0; i < 6; i++) of[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_arch_prctl && of[0] == 0x1023) return 0;
    long (*systems)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return systems(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, NULL);
}
