/* Elements of any dtype as numbers: integers, doubles, and keys that order them. */
#include "kernels/reference/walk.h"

#include <math.h>
#include <string.h>

int64_t cn__load_integer(cn_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case CN_INT8: return ((const int8_t *)data)[i];
    case CN_INT16: return ((const int16_t *)data)[i];
    case CN_INT32: return ((const int32_t *)data)[i];
    case CN_INT64: return ((const int64_t *)data)[i];
    case CN_UINT16: return ((const uint16_t *)data)[i];
    case CN_UINT32: return ((const uint32_t *)data)[i];
    case CN_UINT64: return (int64_t)((const uint64_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

/* Keeps the low bits; a bool is whether the value is not 0. */
void cn__store_integer(cn_dtype dtype, void *out, int64_t i, int64_t value)
{
    switch (dtype) {
    case CN_INT8: ((int8_t *)out)[i] = (int8_t)value; break;
    case CN_INT16: ((int16_t *)out)[i] = (int16_t)value; break;
    case CN_INT32: ((int32_t *)out)[i] = (int32_t)value; break;
    case CN_INT64: ((int64_t *)out)[i] = value; break;
    case CN_UINT8: ((uint8_t *)out)[i] = (uint8_t)value; break;
    case CN_UINT16: ((uint16_t *)out)[i] = (uint16_t)value; break;
    case CN_UINT32: ((uint32_t *)out)[i] = (uint32_t)value; break;
    case CN_UINT64: ((uint64_t *)out)[i] = (uint64_t)value; break;
    case CN_BOOL: ((uint8_t *)out)[i] = value != 0; break;
    default: cn__write(dtype, out, i, (double)value); break;
    }
}

/* A double cut to an integer as cn__write does it: out of range saturates and NaN gives 0. */
static int64_t integer_of(double value)
{
    if (value >= -9223372036854775808.0 && value < 9223372036854775808.0) {
        return (int64_t)value;
    }
    return isnan(value) ? 0 : value < 0 ? INT64_MIN : INT64_MAX;
}

static uint64_t unsigned_of(double value)
{
    if (value >= 18446744073709551616.0) {
        return UINT64_MAX;
    }
    return value >= 9223372036854775808.0 ? (uint64_t)value : (uint64_t)integer_of(value);
}

void cn__store_doubles(cn_dtype dtype, void *out, int64_t at, int64_t n, const double *values)
{
#define STORE(type, expression)                                                                    \
    {                                                                                              \
        type *to = (type *)out + at;                                                               \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double v = values[i];                                                                  \
            to[i] = (type)(expression);                                                            \
        }                                                                                          \
        break;                                                                                     \
    }
    switch (dtype) {
    case CN_FLOAT32: STORE(float, v)
    case CN_FLOAT64: STORE(double, v)
    case CN_FLOAT16: STORE(uint16_t, cn__float_to_half((float)v))
    case CN_BFLOAT16: STORE(uint16_t, cn__float_to_bfloat16((float)v))
    case CN_INT8: STORE(int8_t, integer_of(v))
    case CN_INT16: STORE(int16_t, integer_of(v))
    case CN_INT32: STORE(int32_t, integer_of(v))
    case CN_INT64: STORE(int64_t, integer_of(v))
    case CN_UINT8: STORE(uint8_t, integer_of(v))
    case CN_UINT16: STORE(uint16_t, integer_of(v))
    case CN_UINT32: STORE(uint32_t, integer_of(v))
    case CN_UINT64: STORE(uint64_t, unsigned_of(v))
    default: STORE(uint8_t, v != 0)
    }
#undef STORE
}

void cn__load_doubles(cn_dtype dtype, const void *in, int64_t at, int64_t n, double *values)
{
#define LOAD(type, expression)                                                                     \
    {                                                                                              \
        const type *from = (const type *)in + at;                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            type v = from[i];                                                                      \
            values[i] = (double)(expression);                                                      \
        }                                                                                          \
        break;                                                                                     \
    }
    switch (dtype) {
    case CN_FLOAT32: LOAD(float, v)
    case CN_FLOAT64: LOAD(double, v)
    case CN_FLOAT16: LOAD(uint16_t, cn__half_to_float(v))
    case CN_BFLOAT16: LOAD(uint16_t, cn__bfloat16_to_float(v))
    case CN_INT8: LOAD(int8_t, v)
    case CN_INT16: LOAD(int16_t, v)
    case CN_INT32: LOAD(int32_t, v)
    case CN_INT64: LOAD(int64_t, v)
    case CN_UINT16: LOAD(uint16_t, v)
    case CN_UINT32: LOAD(uint32_t, v)
    case CN_UINT64: LOAD(uint64_t, v)
    default: LOAD(uint8_t, v)
    }
#undef LOAD
}

uint64_t cn__order_key(cn_dtype dtype, const void *data, int64_t i)
{
    const uint64_t top = UINT64_C(1) << 63;
    if (!cn__dtype_is_float(dtype)) {
        uint64_t bits = (uint64_t)cn__load_integer(dtype, data, i);
        return dtype == CN_UINT64 ? bits : bits ^ top;
    }
    double value;
    cn__load_doubles(dtype, data, i, 1, &value);
    if (isnan(value)) {
        return UINT64_MAX;
    }
    value = value == 0 ? 0 : value;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* Negative numbers are ordered by their complement, positive ones stand above them. */
    return bits & top ? ~bits : bits | top;
}
