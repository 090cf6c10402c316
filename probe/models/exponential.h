/* What kernel.c, plain.c and pointwise.c share. */
#include <math.h>
#include <stdint.h>

/* e^x for x <= 88: split into 2^n and a remainder in [-ln 2 / 2, ln 2 / 2], Taylor series there; 2e-7 relative error. */
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { int32_t bits; float value; } power = {.bits = (int32_t)((uint32_t)((int32_t)n + 127) << 23)};
    return p * power.value;
}
