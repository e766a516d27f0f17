/* Random tensors (keras.random): reproducible from a seed, the same for any number of threads. */
#ifndef CORNU_RANDOM_H
#define CORNU_RANDOM_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What all functions here share:
 * .shape  the lengths, `{2, 3}` (lengths that end in 0 are written with cn_tuple); none: a scalar
 * .like   instead of a shape, a tensor whose shape it is; it may be symbolic, with a batch that is
 * not known yet .dtype  CN_FLOAT32, or another float .seed   a number that always gives the same
 * draw; CN_NONE (default): a fresh one from cn_set_random_seed's sequence .counter  an int64
 * scalar, 0 by default: the number of the draw. A traced function is recorded once and run often,
 * so it takes this from outside to draw anew each time. */

typedef struct cn_random_uniform_args {
    size_t size;
    cn_ints shape;
    cn_tensor *like;
    double minval, maxval; /* 0, 1: the numbers lie in [minval, maxval) */
    cn_dtype dtype;
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_uniform_args;
#define CN_RANDOM_UNIFORM_DEFAULTS .maxval = 1, .dtype = CN_FLOAT32, .seed = CN_NONE
CN_API extern const cn_random_uniform_args cn_random_uniform_defaults;
/* Evenly distributed numbers, with the 24 bits of a float32's mantissa. */
CN_API cn_tensor *cn_random_uniform_with(const cn_random_uniform_args *args);
#define cn_random_uniform(...)                                                                     \
    CN__CALL(cn_random_uniform_with, cn_random_uniform_args, CN_RANDOM_UNIFORM_DEFAULTS,           \
             __VA_ARGS__)

typedef struct cn_random_normal_args {
    size_t size;
    cn_ints shape;
    cn_tensor *like;
    double mean, stddev; /* 0, 1 */
    cn_dtype dtype;
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_normal_args;
#define CN_RANDOM_NORMAL_DEFAULTS .stddev = 1, .dtype = CN_FLOAT32, .seed = CN_NONE
CN_API extern const cn_random_normal_args cn_random_normal_defaults;
CN_API cn_tensor *cn_random_normal_with(const cn_random_normal_args *args);
#define cn_random_normal(...)                                                                      \
    CN__CALL(cn_random_normal_with, cn_random_normal_args, CN_RANDOM_NORMAL_DEFAULTS, __VA_ARGS__)
/* Normal numbers drawn again until they are within two deviations of the mean. */
CN_API cn_tensor *cn_random_truncated_normal_with(const cn_random_normal_args *args);
#define cn_random_truncated_normal(...)                                                            \
    CN__CALL(cn_random_truncated_normal_with, cn_random_normal_args, CN_RANDOM_NORMAL_DEFAULTS,    \
             __VA_ARGS__)

typedef struct cn_random_randint_args {
    size_t size;
    cn_ints shape;
    cn_tensor *like;
    int64_t minval, maxval; /* both wanted: the numbers lie in [minval, maxval) */
    cn_dtype dtype;         /* CN_INT32 */
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_randint_args;
#define CN_RANDOM_RANDINT_DEFAULTS .dtype = CN_INT32, .seed = CN_NONE
CN_API extern const cn_random_randint_args cn_random_randint_defaults;
/* Whole numbers. CN_EVALUE if there is none between minval and maxval. */
CN_API cn_tensor *cn_random_randint_with(const cn_random_randint_args *args);
#define cn_random_randint(...)                                                                     \
    CN__CALL(cn_random_randint_with, cn_random_randint_args, CN_RANDOM_RANDINT_DEFAULTS,           \
             __VA_ARGS__)

typedef struct cn_random_bernoulli_args {
    size_t size;
    cn_ints shape;
    cn_tensor *like;
    double p; /* 0.5: the probability of a 1 */
    cn_dtype dtype;
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_bernoulli_args;
#define CN_RANDOM_BERNOULLI_DEFAULTS .p = 0.5, .dtype = CN_FLOAT32, .seed = CN_NONE
CN_API extern const cn_random_bernoulli_args cn_random_bernoulli_defaults;
/* Ones and zeros (keras.random.binomial with one trial). */
CN_API cn_tensor *cn_random_bernoulli_with(const cn_random_bernoulli_args *args);
#define cn_random_bernoulli(...)                                                                   \
    CN__CALL(cn_random_bernoulli_with, cn_random_bernoulli_args, CN_RANDOM_BERNOULLI_DEFAULTS,     \
             __VA_ARGS__)

typedef struct cn_random_shuffle_args {
    size_t size;
    int axis; /* 0 */
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_shuffle_args;
#define CN_RANDOM_SHUFFLE_DEFAULTS .seed = CN_NONE
CN_API extern const cn_random_shuffle_args cn_random_shuffle_defaults;
/* x with the positions of one axis in a random order. */
CN_API cn_tensor *cn_random_shuffle_with(cn_tensor *x, const cn_random_shuffle_args *args);
#define cn_random_shuffle(...) cn__random_shuffle(__VA_ARGS__, .end_ = 0)
#define cn__random_shuffle(x, ...)                                                                 \
    CN__CALL1(cn_random_shuffle_with, x, cn_random_shuffle_args, CN_RANDOM_SHUFFLE_DEFAULTS,       \
              __VA_ARGS__)

typedef struct cn_random_dropout_args {
    size_t size;
    cn_ints noise_shape; /* x's shape, or 1 where all elements of an axis share their fate; CN_NONE
                            is x's length */
    int64_t seed;
    cn_tensor *counter;
    CN__END;
} cn_random_dropout_args;
#define CN_RANDOM_DROPOUT_DEFAULTS .seed = CN_NONE
CN_API extern const cn_random_dropout_args cn_random_dropout_defaults;
/* Elements of x become 0 with probability `rate`, the others grow by 1 / (1 - rate).
 * Differentiable. CN_EVALUE unless 0 <= rate <= 1. */
CN_API cn_tensor *cn_random_dropout_with(cn_tensor *x, double rate,
                                         const cn_random_dropout_args *args);
#define cn_random_dropout(...) cn__random_dropout(__VA_ARGS__, .end_ = 0)
#define cn__random_dropout(x, rate, ...)                                                           \
    CN__CALL2(cn_random_dropout_with, x, rate, cn_random_dropout_args, CN_RANDOM_DROPOUT_DEFAULTS, \
              __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
