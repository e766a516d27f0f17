/* Labels to one-hot rows, and rows to unit length (keras.utils.to_categorical,
 * keras.utils.normalize). */
#include "core/tensor.h"

#include <cornu/utils.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

const cn_to_categorical_args cn_to_categorical_defaults = {.size = sizeof(cn_to_categorical_args),
                                                           CN_TO_CATEGORICAL_DEFAULTS};
const cn_normalize_args cn_normalize_defaults = {.size = sizeof(cn_normalize_args),
                                                 CN_NORMALIZE_DEFAULTS};

/* The caller's arguments over the defaults; false and an error if they are no arguments. */
static bool take_arguments(void *out, size_t size, const void *args, const char *who)
{
    size_t given = args != NULL ? *(const size_t *)args : 0;
    if (args != NULL && given == 0) {
        cn__fail(CN_EVALUE, "%s: the size of the arguments is not set", who);
        return false;
    }
    if (args != NULL) {
        memcpy(out, args, given < size ? given : size);
    }
    return true;
}

/* A label as numpy's cast to int64 has it: cut towards zero. */
static int64_t label_at(const cn_tensor *y, const void *data, int64_t i)
{
    if (y->dtype == CN_INT64) {
        return ((const int64_t *)data)[i];
    }
    double value = cn__read(y->dtype, data, i);
    return value >= -9.2e18 && value <= 9.2e18 ? (int64_t)value : INT64_MIN;
}

cn_tensor *cn_to_categorical_with(const cn_tensor *y, const cn_to_categorical_args *args)
{
    cn_to_categorical_args a = cn_to_categorical_defaults;
    if (cn__pending() || !take_arguments(&a, sizeof a, args, "to_categorical")) {
        return NULL;
    }
    y = cn__check_tensor(y, "to_categorical");
    const void *data = y != NULL ? cn__data(y) : NULL;
    if (data == NULL) {
        return NULL;
    }
    int64_t n = cn__size(y), classes = a.num_classes;
    if (classes == 0) {
        if (n == 0) {
            cn__fail(CN_EVALUE,
                     "zero-size array to reduction operation maximum which has no identity");
            return NULL;
        }
        int64_t most = label_at(y, data, 0);
        for (int64_t i = 1; i < n; i++) {
            int64_t label = label_at(y, data, i);
            most = label > most ? label : most;
        }
        classes = most < INT64_MAX ? most + 1 : most;
    }
    if (classes < 0) {
        cn__fail(CN_EVALUE,
                 "to_categorical: negative dimensions are not allowed (num_classes is %" PRId64 ")",
                 classes);
        return NULL;
    }
    cn_shape shape = y->shape;
    if (shape.rank > 1 && shape.dim[shape.rank - 1] == 1) {
        shape.rank--;
    }
    if (shape.rank == CN_MAX_RANK) {
        cn__fail(CN_EVALUE, "to_categorical: a tensor has at most %d axes", CN_MAX_RANK);
        return NULL;
    }
    shape.dim[shape.rank++] = classes;
    cn_dtype dtype = a.dtype != CN_DTYPE_UNSET ? a.dtype : CN_FLOAT32;
    cn_tensor *out = cn_tensor_new(dtype, shape.rank, shape.dim, NULL);
    for (int64_t i = 0; out != NULL && i < n; i++) {
        int64_t label = label_at(y, data, i);
        if (label >= classes || label < -classes) {
            cn_free(out);
            cn__fail(CN_EINDEX, "index %" PRId64 " is out of bounds for axis 1 with size %" PRId64,
                     label, classes);
            return NULL;
        }
        cn__write(dtype, out->data, i * classes + (label < 0 ? label + classes : label), 1);
    }
    return out;
}

/* The norm of n elements that are `step` apart, as numpy.linalg.norm defines it for a vector. */
static double vector_norm(const cn_tensor *x, const void *data, int64_t first, int64_t n,
                          int64_t step, double order)
{
    double sum = 0, extreme = isinf(order) && order < 0 ? INFINITY : 0;
    for (int64_t i = 0; i < n; i++) {
        double v = fabs(cn__read(x->dtype, data, first + i * step));
        if (isinf(order)) {
            /* Written so that a NaN stays. */
            extreme = isnan(v) || (order > 0 ? v > extreme : v < extreme) ? v : extreme;
        } else {
            sum += order == 2 ? v * v : order == 1 ? v : order == 0 ? v != 0 : pow(v, order);
        }
    }
    return isinf(order) ? extreme : order == 2 ? sqrt(sum) : order == 0 ? sum : pow(sum, 1 / order);
}

cn_tensor *cn_normalize_with(const cn_tensor *x, const cn_normalize_args *args)
{
    cn_normalize_args a = cn_normalize_defaults;
    if (cn__pending() || !take_arguments(&a, sizeof a, args, "normalize")) {
        return NULL;
    }
    x = cn__check_tensor(x, "normalize");
    const void *data = x != NULL ? cn__data(x) : NULL;
    int axis = data != NULL ? cn__axis(a.axis, x->shape.rank, "normalize") : -1;
    if (data == NULL || axis < 0) {
        return NULL;
    }
    cn_dtype dtype = cn__dtype_is_float(x->dtype) ? x->dtype : CN_FLOAT32;
    cn_tensor *out = cn__tensor_new(dtype, &x->shape);
    int64_t n = x->shape.dim[axis], step = 1, outer = 1;
    for (int i = 0; i < x->shape.rank; i++) {
        *(i < axis ? &outer : &step) *= i == axis ? 1 : x->shape.dim[i];
    }
    for (int64_t i = 0; out != NULL && i < outer * step; i++) {
        int64_t first = i / step * n * step + i % step;
        double norm = vector_norm(x, data, first, n, step, a.order);
        for (int64_t k = 0; k < n; k++) {
            int64_t at = first + k * step;
            cn__write(dtype, out->data, at, cn__read(x->dtype, data, at) / (norm == 0 ? 1 : norm));
        }
    }
    return out;
}
