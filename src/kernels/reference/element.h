/* One element as a double, inlined, for loops whose dtype is a constant. */
#ifndef CN_KERNELS_REFERENCE_ELEMENT_H
#define CN_KERNELS_REFERENCE_ELEMENT_H

#include "core/tensor.h"

#ifdef __GNUC__
#define CN__INLINE static inline __attribute__((always_inline))
#else
#define CN__INLINE static inline
#endif

CN__INLINE double cn__get(cn_dtype dtype, const void *data, int64_t i)
{
    if (dtype == CN_FLOAT32) {
        return ((const float *)data)[i];
    }
    if (dtype == CN_FLOAT64) {
        return ((const double *)data)[i];
    }
    return cn__read(dtype, data, i);
}

CN__INLINE void cn__put(cn_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == CN_FLOAT32) {
        ((float *)data)[i] = (float)value;
    } else if (dtype == CN_FLOAT64) {
        ((double *)data)[i] = value;
    } else {
        cn__write(dtype, data, i, value);
    }
}

/* Calls `function(dtype, …)` with the common dtypes as constants. */
#define CN__FOR_DTYPE(dtype, function, ...)                                                        \
    switch (dtype) {                                                                               \
    case CN_FLOAT32: function(CN_FLOAT32, __VA_ARGS__); break;                                     \
    case CN_FLOAT64: function(CN_FLOAT64, __VA_ARGS__); break;                                     \
    default: function(dtype, __VA_ARGS__); break;                                                  \
    }

#endif
