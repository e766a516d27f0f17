/* Regularizers (keras.regularizers): penalties on weights or outputs that are added to the loss. */
#ifndef CORNU_REGULARIZERS_H
#define CORNU_REGULARIZERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_regularizer cn_regularizer;

/* A regularizer: a scalar from a tensor, written in ops. */
typedef struct cn_regularizer_class {
    cn_class base;
    cn_tensor *(*call)(const cn_regularizer *self, cn_tensor *x);
} cn_regularizer_class;

CN_API cn_regularizer *cn_regularizer_new(const cn_regularizer_class *cls, const void *args);
CN_API const void *cn_regularizer_arguments(const cn_regularizer *regularizer);
/* Makes the class known to files and identifiers, under "package>name". */
CN_API int cn_register_regularizer(const cn_regularizer_class *cls, const char *package);
/* A regularizer from a function of (x, user). */
CN_API cn_regularizer *cn_regularizer_from(cn_tensor *(*function)(cn_tensor *x, void *user),
                                           void *user, const char *name);
/* A regularizer from a name ("l2": 0.01), JSON or object (keras.regularizers.get). */
CN_API cn_regularizer *cn_regularizer_get(cn_identifier identifier);
/* regularizer(x): a scalar. */
CN_API cn_tensor *cn_regularizer_call(const cn_regularizer *regularizer, cn_tensor *x);

/* l1 sum(|x|). */
typedef struct cn_regularizer_l1_args {
    size_t size;
    double l1; /* 0.01 */
    CN__END;
} cn_regularizer_l1_args;
#define CN_REGULARIZER_L1_DEFAULTS .l1 = 0.01
CN_API extern const cn_regularizer_l1_args cn_regularizer_l1_defaults;
CN_API cn_regularizer *cn_regularizer_l1_with(const cn_regularizer_l1_args *args);
#define cn_regularizer_l1(...)                                                                     \
    CN__CALL(cn_regularizer_l1_with, cn_regularizer_l1_args, CN_REGULARIZER_L1_DEFAULTS,           \
             __VA_ARGS__)

/* l2 sum(x^2). */
typedef struct cn_regularizer_l2_args {
    size_t size;
    double l2; /* 0.01 */
    CN__END;
} cn_regularizer_l2_args;
#define CN_REGULARIZER_L2_DEFAULTS .l2 = 0.01
CN_API extern const cn_regularizer_l2_args cn_regularizer_l2_defaults;
CN_API cn_regularizer *cn_regularizer_l2_with(const cn_regularizer_l2_args *args);
#define cn_regularizer_l2(...)                                                                     \
    CN__CALL(cn_regularizer_l2_with, cn_regularizer_l2_args, CN_REGULARIZER_L2_DEFAULTS,           \
             __VA_ARGS__)

/* l1 sum(|x|) + l2 sum(x^2). The name "l1_l2" stands for 0.01 and 0.01. */
typedef struct cn_regularizer_l1_l2_args {
    size_t size;
    double l1, l2; /* 0, 0 */
    CN__END;
} cn_regularizer_l1_l2_args;
#define CN_REGULARIZER_L1_L2_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_regularizer_l1_l2_args cn_regularizer_l1_l2_defaults;
CN_API cn_regularizer *cn_regularizer_l1_l2_with(const cn_regularizer_l1_l2_args *args);
#define cn_regularizer_l1_l2(...)                                                                  \
    CN__CALL(cn_regularizer_l1_l2_with, cn_regularizer_l1_l2_args, CN_REGULARIZER_L1_L2_DEFAULTS,  \
             __VA_ARGS__)

/* Of a matrix: factor times the mean of |cos| between different rows, or columns; mode "rows" or
 * "columns". */
typedef struct cn_regularizer_orthogonal_args {
    size_t size;
    double factor;    /* 0.01 */
    const char *mode; /* "rows" */
    CN__END;
} cn_regularizer_orthogonal_args;
#define CN_REGULARIZER_ORTHOGONAL_DEFAULTS .factor = 0.01, .mode = "rows"
CN_API extern const cn_regularizer_orthogonal_args cn_regularizer_orthogonal_defaults;
CN_API cn_regularizer *cn_regularizer_orthogonal_with(const cn_regularizer_orthogonal_args *args);
#define cn_regularizer_orthogonal(...)                                                             \
    CN__CALL(cn_regularizer_orthogonal_with, cn_regularizer_orthogonal_args,                       \
             CN_REGULARIZER_ORTHOGONAL_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
