/* Conversion of blocks of elements between storage and the types that reference kernels compute in.
 */
#include "kernels/reference/block.h"

cn__class cn__class_of(cn_dtype dtype)
{
    switch (dtype) {
    case CN_FLOAT64: return CN__CLASS_F64;
    case CN_INT8:
    case CN_INT16:
    case CN_INT32:
    case CN_INT64: return CN__CLASS_I64;
    case CN_UINT8:
    case CN_UINT16:
    case CN_UINT32:
    case CN_UINT64:
    case CN_BOOL: return CN__CLASS_U64;
    default: return CN__CLASS_F32;
    }
}

size_t cn__class_size(cn__class class)
{
    return class == CN__CLASS_F32 ? sizeof(float) : sizeof(double);
}

bool cn__class_direct(cn__class class, cn_dtype dtype)
{
    switch (class) {
    case CN__CLASS_F32: return dtype == CN_FLOAT32;
    case CN__CLASS_F64: return dtype == CN_FLOAT64;
    case CN__CLASS_I64: return dtype == CN_INT64;
    default: return dtype == CN_UINT64;
    }
}

#define PLAIN(x) (x)
#define TO_BOOL(x) ((x) != 0)
#define FROM_F16(x) cn__half_to_float(x)
#define TO_F16(x) cn__float_to_half((float)(x))
#define FROM_B16(x) cn__bfloat16_to_float(x)
#define TO_B16(x) cn__float_to_bfloat16((float)(x))

/* XX(dtype, storage, from storage, to storage) */
#define FLOATS(XX)                                                                                 \
    XX(CN_FLOAT32, float, PLAIN, PLAIN)                                                            \
    XX(CN_FLOAT64, double, PLAIN, PLAIN)                                                           \
    XX(CN_FLOAT16, uint16_t, FROM_F16, TO_F16)                                                     \
    XX(CN_BFLOAT16, uint16_t, FROM_B16, TO_B16)
#define SIGNED(XX)                                                                                 \
    XX(CN_INT8, int8_t, PLAIN, PLAIN)                                                              \
    XX(CN_INT16, int16_t, PLAIN, PLAIN)                                                            \
    XX(CN_INT32, int32_t, PLAIN, PLAIN)                                                            \
    XX(CN_INT64, int64_t, PLAIN, PLAIN)
#define UNSIGNED(XX)                                                                               \
    XX(CN_UINT8, uint8_t, PLAIN, PLAIN)                                                            \
    XX(CN_UINT16, uint16_t, PLAIN, PLAIN)                                                          \
    XX(CN_UINT32, uint32_t, PLAIN, PLAIN)                                                          \
    XX(CN_UINT64, uint64_t, PLAIN, PLAIN)                                                          \
    XX(CN_BOOL, uint8_t, TO_BOOL, TO_BOOL)

#define GATHER_CASE(D, S, FROM, TO)                                                                \
    case D: {                                                                                      \
        const S *from = (const S *)data + index;                                                   \
        if (stride == 1)                                                                           \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = FROM(from[i]);                                                             \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = FROM(from[i * stride]);                                                    \
        break;                                                                                     \
    }

#define SCATTER_CASE(D, S, FROM, TO)                                                               \
    case D: {                                                                                      \
        S *to = (S *)data + index;                                                                 \
        if (stride == 1)                                                                           \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = (S)TO(from[i]);                                                            \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * stride] = (S)TO(from[i]);                                                   \
        break;                                                                                     \
    }

/* XX(class, C type, the dtypes that it is read from, the dtypes that it is written to) */
#define CLASSES(XX)                                                                                \
    XX(F32, float, FLOATS, FLOATS)                                                                 \
    XX(F64, double, ALL, FLOATS)                                                                   \
    XX(I64, int64_t, SIGNED, SIGNED)                                                               \
    XX(U64, uint64_t, UNSIGNED, UNSIGNED)
#define ALL(XX) FLOATS(XX) SIGNED(XX) UNSIGNED(XX)

#define DEFINE(CLASS, C, SOURCES, TARGETS)                                                         \
    static void gather_##CLASS(cn_dtype dtype, const void *data, int64_t index, int64_t stride,    \
                               int64_t n, C *to)                                                   \
    {                                                                                              \
        switch (dtype) {                                                                           \
            SOURCES(GATHER_CASE)                                                                   \
        default: break;                                                                            \
        }                                                                                          \
    }                                                                                              \
    static void scatter_##CLASS(cn_dtype dtype, const C *from, void *data, int64_t index,          \
                                int64_t stride, int64_t n)                                         \
    {                                                                                              \
        switch (dtype) {                                                                           \
            TARGETS(SCATTER_CASE)                                                                  \
        default: break;                                                                            \
        }                                                                                          \
    }
CLASSES(DEFINE)

void cn__block_gather(cn__class class, cn_dtype dtype, const void *data, int64_t index,
                      int64_t stride, int64_t n, void *buffer)
{
    switch (class) {
#define XX(CLASS, C, SOURCES, TARGETS)                                                             \
    case CN__CLASS_##CLASS: gather_##CLASS(dtype, data, index, stride, n, buffer); break;
        CLASSES(XX)
#undef XX
    default: break;
    }
}

void cn__block_scatter(cn__class class, cn_dtype dtype, const void *buffer, void *data,
                       int64_t index, int64_t stride, int64_t n)
{
    switch (class) {
#define XX(CLASS, C, SOURCES, TARGETS)                                                             \
    case CN__CLASS_##CLASS: scatter_##CLASS(dtype, buffer, data, index, stride, n); break;
        CLASSES(XX)
#undef XX
    default: break;
    }
}

const void *cn__block_load(cn__class class, cn_dtype dtype, const void *data, int64_t index,
                           int64_t n, void *buffer)
{
    if (cn__class_direct(class, dtype))
        return (const char *)data + (size_t)index * cn__class_size(class);
    cn__block_gather(class, dtype, data, index, 1, n, buffer);
    return buffer;
}

void *cn__block_target(cn__class class, cn_dtype dtype, void *data, int64_t index, void *buffer)
{
    if (cn__class_direct(class, dtype))
        return (char *)data + (size_t)index * cn__class_size(class);
    return buffer;
}

void cn__block_store(cn__class class, cn_dtype dtype, const void *buffer, void *data, int64_t index,
                     int64_t n)
{
    if (!cn__class_direct(class, dtype))
        cn__block_scatter(class, dtype, buffer, data, index, 1, n);
}

int64_t cn__arg_size(const cn__arg *arg)
{
    int64_t size = 1;
    for (int i = 0; i < arg->shape.rank; i++)
        size *= arg->shape.dim[i];
    return size;
}

int64_t cn__block_units(const cn__call *call)
{
    return (cn__arg_size(&call->out[0]) + CN__UNIT_ELEMENTS - 1) / CN__UNIT_ELEMENTS;
}

int cn__no_dtype(const cn__call *call, cn_dtype dtype)
{
    return cn__fail(CN_ETYPE, "`%s` is not defined for the dtype %s.", call->op->name,
                    cn_dtype_name(dtype));
}
