/* Helpers around data (keras.utils). */
#ifndef CORNU_UTILS_H
#define CORNU_UTILS_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_to_categorical_args {
    size_t size;
    int64_t num_classes; /* 0 (None): the largest label and one */
    cn_dtype dtype;      /* of the result: CN_FLOAT32 */
    CN__END;
} cn_to_categorical_args;
#define CN_TO_CATEGORICAL_DEFAULTS .dtype = CN_FLOAT32
CN_API extern const cn_to_categorical_args cn_to_categorical_defaults;
/* Labels to one-hot rows (keras.utils.to_categorical): y of shape (n,) or (n, 1) gives (n,
 * num_classes). Labels are cut to integers; a negative one counts from the end as in numpy.
 * CN_EINDEX for a label that is out of range. */
CN_API cn_tensor *cn_to_categorical_with(const cn_tensor *y, const cn_to_categorical_args *args);
#define cn__to_categorical(y, ...)                                                                 \
    CN__CALL1(cn_to_categorical_with, y, cn_to_categorical_args, CN_TO_CATEGORICAL_DEFAULTS,       \
              __VA_ARGS__)
#define cn_to_categorical(...) cn__to_categorical(__VA_ARGS__, .end_ = 0)

typedef struct cn_normalize_args {
    size_t size;
    int axis;     /* -1 */
    double order; /* 2: the norm, any p; INFINITY and -INFINITY are the largest and the smallest
                     magnitude */
    CN__END;
} cn_normalize_args;
#define CN_NORMALIZE_DEFAULTS .axis = -1, .order = 2
CN_API extern const cn_normalize_args cn_normalize_defaults;
/* x divided by its norm along an axis (keras.utils.normalize); what has norm 0 stays as it is.
 * Integers give float32. */
CN_API cn_tensor *cn_normalize_with(const cn_tensor *x, const cn_normalize_args *args);
#define cn__normalize(x, ...)                                                                      \
    CN__CALL1(cn_normalize_with, x, cn_normalize_args, CN_NORMALIZE_DEFAULTS, __VA_ARGS__)
#define cn_normalize(...) cn__normalize(__VA_ARGS__, .end_ = 0)

#ifdef __cplusplus
}
#endif
#endif
