/* Dtypes: sizes, names, conversion of single elements, half-width numbers. */
#include "core/tensor.h"

#include <math.h>
#include <string.h>

static const struct {
    size_t bytes;
    const char *name;
} dtypes[CN__DTYPE_COUNT] = {
#define XX(name, type, bytes, text) [CN_##name] = {bytes, text},
    CN_DTYPE_MAP(XX)
#undef XX
};

size_t cn_dtype_size(cn_dtype dtype)
{
    return (int)dtype > 0 && dtype < CN__DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

const char *cn_dtype_name(cn_dtype dtype)
{
    return (int)dtype > 0 && dtype < CN__DTYPE_COUNT ? dtypes[dtype].name : "unset";
}

cn_dtype cn_dtype_from_name(const char *name)
{
    if (cn__pending()) {
        return CN_DTYPE_UNSET;
    }
    for (int i = 1; name && i < CN__DTYPE_COUNT; i++) {
        if (!strcmp(name, dtypes[i].name)) {
            return (cn_dtype)i;
        }
    }
    cn__fail(CN_EVALUE, "Invalid dtype: %.64s", name ? name : "NULL");
    return CN_DTYPE_UNSET;
}

bool cn__dtype_is_float(cn_dtype dtype)
{
    return dtype >= CN_FLOAT32 && dtype <= CN_BFLOAT16;
}

bool cn__dtype_is_integer(cn_dtype dtype)
{
    return dtype >= CN_INT8 && dtype <= CN_UINT64;
}

float cn__bfloat16_to_float(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Rounds half to even; a NaN stays a (quiet) NaN. */
uint16_t cn__float_to_bfloat16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return (uint16_t)(bits >> 16 | 0x40);
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float cn__half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float magnitude;
    if (exponent == 31) {
        magnitude = fraction ? NAN : INFINITY;
    } else if (exponent) {
        magnitude = ldexpf((float)(fraction | 1024), exponent - 25);
    } else {
        magnitude = ldexpf((float)fraction, -24);
    }
    return half & 0x8000 ? -magnitude : magnitude;
}

uint16_t cn__float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float magnitude = fabsf(value);
    if (isnan(value)) {
        return sign | 0x7e00;
    }
    if (magnitude >= 65520) {
        return sign | 0x7c00;
    }
    if (magnitude < 6.103515625e-05f) {
        /* Subnormal: a multiple of 2^-24; the product is exact and nearbyintf rounds half to even.
         */
        return sign | (uint16_t)nearbyintf(magnitude * 16777216.0f);
    }
    int exponent;
    float fraction = frexpf(magnitude, &exponent);            /* in [0.5, 1) */
    uint32_t rounded = (uint32_t)nearbyintf(fraction * 2048); /* 1024 … 2048 */
    return sign | (uint16_t)(((uint32_t)(exponent + 13) << 10) + rounded);
}

double cn__read(cn_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case CN_FLOAT16: return cn__half_to_float(((const uint16_t *)data)[i]);
    case CN_BFLOAT16: return cn__bfloat16_to_float(((const uint16_t *)data)[i]);
#define CASE(D, type)                                                                              \
    case CN_##D: return (double)((const type *)data)[i]
        CASE(FLOAT32, float);
        CASE(FLOAT64, double);
        CASE(INT8, int8_t);
        CASE(INT16, int16_t);
        CASE(INT32, int32_t);
        CASE(INT64, int64_t);
        CASE(UINT8, uint8_t);
        CASE(UINT16, uint16_t);
        CASE(UINT32, uint32_t);
        CASE(UINT64, uint64_t);
        CASE(BOOL, uint8_t);
#undef CASE
    default: return NAN;
    }
}

/* A double cut to an integer: out of range saturates and NaN gives 0, where C leaves it undefined.
 */
static int64_t to_integer(double value)
{
    if (!(value > -9223372036854775808.0)) {
        return isnan(value) ? 0 : INT64_MIN;
    }
    return value >= 9223372036854775808.0 ? INT64_MAX : (int64_t)value;
}

void cn__write(cn_dtype dtype, void *data, int64_t i, double value)
{
    switch (dtype) {
    case CN_FLOAT32: ((float *)data)[i] = (float)value; break;
    case CN_FLOAT64: ((double *)data)[i] = value; break;
    case CN_FLOAT16: ((uint16_t *)data)[i] = cn__float_to_half((float)value); break;
    case CN_BFLOAT16: ((uint16_t *)data)[i] = cn__float_to_bfloat16((float)value); break;
    case CN_UINT64:
        ((uint64_t *)data)[i] = value >= 9223372036854775808.0 && value < 18446744073709551616.0
                                    ? (uint64_t)value
                                : value >= 18446744073709551616.0 ? UINT64_MAX
                                                                  : (uint64_t)to_integer(value);
        break;
    case CN_BOOL: ((uint8_t *)data)[i] = value != 0; break;
#define CASE(D, type)                                                                              \
    case CN_##D: ((type *)data)[i] = (type)to_integer(value); break
        CASE(INT8, int8_t);
        CASE(INT16, int16_t);
        CASE(INT32, int32_t);
        CASE(INT64, int64_t);
        CASE(UINT8, uint8_t);
        CASE(UINT16, uint16_t);
        CASE(UINT32, uint32_t);
#undef CASE
    default: break;
    }
}
