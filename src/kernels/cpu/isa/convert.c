/* Casts between element types, to and from float32. */
#include "kernels/cpu/isa/kernels.h"

/* Simple loops: the compiler makes vectors of them. */
#define TO_F32(TYPE, EXPR)                                                                         \
    do {                                                                                           \
        const TYPE *s = src;                                                                       \
        for (int64_t i = begin; i < end; i++)                                                      \
            d[i] = EXPR;                                                                           \
    } while (0)

static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu, bits;
    float f;
    /* Moved to the place of a float's bits, the exponent is off by 2^112, subnormal numbers
     * included. */
    bits = rest << 13;
    memcpy(&f, &bits, sizeof f);
    f *= 0x1p112f;
    memcpy(&bits, &f, sizeof f);
    /* inf and NaN; a NaN becomes quiet, as in hardware. */
    uint32_t top = 0x7f800000u | (rest << 13) | (rest > 0x7c00u ? 0x400000u : 0u);
    bits = sign | (rest >= 0x7c00u ? top : bits);
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint16_t to_half(float x)
{
    uint32_t bits, out;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, mag = bits & 0x7fffffffu;
    /* Below 2^-14 adding 1/2 puts the half's last place where the float rounds. */
    float a, small;
    memcpy(&a, &mag, sizeof a);
    small = a + 0.5f;
    uint32_t sub;
    memcpy(&sub, &small, sizeof sub);
    sub -= 0x3f000000u;
    uint32_t normal = (mag - 0x38000000u + 0xfffu + (mag >> 13 & 1u)) >> 13;
    out = mag < 0x38800000u ? sub : normal;
    out = mag >= 0x477ff000u ? 0x7c00u : out; /* 65520 and above round to inf */
    out = mag > 0x7f800000u ? 0x7e00u | (mag >> 13 & 0x1ffu) : out;
    return (uint16_t)(sign | out);
}

static float from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t r = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)(x != x ? (bits >> 16 | 0x40u) : r);
}

/* Subnormal halves pass through float arithmetic above; hardware of the set is not asked for, so
 * that all sets agree. */

static int64_t to_whole(float x, float lo, float hi, int64_t least, int64_t most)
{
    return x != x ? 0 : x <= lo ? least : x >= hi ? most : (int64_t)x;
}

static int from_f32(const float *s, void *dst, cn__el type, int64_t begin, int64_t end)
{
#define FROM_F32(TYPE, EXPR)                                                                       \
    do {                                                                                           \
        TYPE *d = dst;                                                                             \
        for (int64_t i = begin; i < end; i++)                                                      \
            d[i] = (TYPE)(EXPR);                                                                   \
    } while (0)
    switch (type) {
    case CN__EL_F32:
        if (begin < end)
            memmove((float *)dst + begin, s + begin, (size_t)(end - begin) * sizeof *s);
        break;
    case CN__EL_F64: FROM_F32(double, s[i]); break;
    case CN__EL_F16: FROM_F32(uint16_t, to_half(s[i])); break;
    case CN__EL_BF16: FROM_F32(uint16_t, to_bf16(s[i])); break;
    case CN__EL_BOOL: FROM_F32(uint8_t, s[i] != 0.0f); break;
    case CN__EL_U8: FROM_F32(uint8_t, to_whole(s[i], 0.0f, 255.0f, 0, 255)); break;
    case CN__EL_I32:
        FROM_F32(int32_t, to_whole(s[i], -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX));
        break;
    case CN__EL_I64:
        FROM_F32(int64_t, to_whole(s[i], -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX));
        break;
    default: return -1;
    }
#undef FROM_F32
    return 0;
}

int CN__FN(convert)(const void *src, cn__el src_type, void *dst, cn__el dst_type, int64_t begin,
                    int64_t end)
{
    if (src_type == CN__EL_F32)
        return from_f32(src, dst, dst_type, begin, end);
    if (dst_type != CN__EL_F32)
        return -1;
    float *d = dst;
    switch (src_type) {
    case CN__EL_U8: TO_F32(uint8_t, (float)s[i]); break;
    case CN__EL_I32: TO_F32(int32_t, (float)s[i]); break;
    case CN__EL_I64: TO_F32(int64_t, (float)s[i]); break;
    case CN__EL_BOOL: TO_F32(uint8_t, s[i] != 0 ? 1.0f : 0.0f); break;
    case CN__EL_F64: TO_F32(double, (float)s[i]); break;
    case CN__EL_F16: TO_F32(uint16_t, from_half(s[i])); break;
    case CN__EL_BF16: TO_F32(uint16_t, from_bf16(s[i])); break;
    default: return -1;
    }
    return 0;
}
