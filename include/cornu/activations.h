/* Activations (keras.activations). */
#ifndef CORNU_ACTIVATIONS_H
#define CORNU_ACTIVATIONS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_activation cn_activation;

/* An activation: a function of one tensor, elementwise or along an axis, written in ops. */
typedef struct cn_activation_class {
    cn_class base;
    cn_tensor *(*call)(const cn_activation *self, cn_tensor *x);
} cn_activation_class;

CN_API cn_activation *cn_activation_new(const cn_activation_class *cls, const void *args);
CN_API const void *cn_activation_arguments(const cn_activation *activation);
/* Makes the class known to files and identifiers, under "package>name". */
CN_API int cn_register_activation(const cn_activation_class *cls, const char *package);
/* An activation from a function of (x, user); `name` stands for it in configs. */
CN_API cn_activation *cn_activation_from(cn_tensor *(*function)(cn_tensor *x, void *user),
                                         void *user, const char *name);
/* An activation from a name ("relu"), JSON or object (keras.activations.get); NULL is "linear". */
CN_API cn_activation *cn_activation_get(cn_identifier identifier);
/* activation(x): a tensor like x (half as long along the axis for glu). */
CN_API cn_tensor *cn_activation_call(const cn_activation *activation, cn_tensor *x);

/* Activations without arguments: cn_activation_sigmoid(). hard_sigmoid is clip(0.2 x + 0.5, 0, 1)
 * before Keras 3 and relu6(x + 3) / 6 since. */
typedef struct cn_activation_args {
    size_t size;
    CN__END;
} cn_activation_args;
CN_API cn_activation *cn_activation_linear(void);
CN_API cn_activation *cn_activation_sigmoid(void);
CN_API cn_activation *cn_activation_tanh(void);
CN_API cn_activation *cn_activation_exponential(void);
CN_API cn_activation *cn_activation_hard_sigmoid(void);
CN_API cn_activation *cn_activation_mish(void);
CN_API cn_activation *cn_activation_relu6(void);
CN_API cn_activation *cn_activation_selu(void);
CN_API cn_activation *cn_activation_silu(void);
CN_API cn_activation *cn_activation_softplus(void);
CN_API cn_activation *cn_activation_softsign(void);
CN_API cn_activation *cn_activation_hard_silu(void);
CN_API cn_activation *cn_activation_hard_tanh(void);
CN_API cn_activation *cn_activation_log_sigmoid(void);
CN_API cn_activation *cn_activation_sparse_plus(void);
CN_API cn_activation *cn_activation_sparse_sigmoid(void);
CN_API cn_activation *cn_activation_tanh_shrink(void);

/* max_value where x >= max_value (None: no limit), x where x >= threshold, else negative_slope (x -
 * threshold). */
typedef struct cn_activation_relu_args {
    size_t size;
    double negative_slope; /* 0 */
    double max_value;      /* None */
    double threshold;      /* 0 */
    CN__END;
} cn_activation_relu_args;
#define CN_ACTIVATION_RELU_DEFAULTS .max_value = CN_NONE_FLOAT
CN_API extern const cn_activation_relu_args cn_activation_relu_defaults;
CN_API cn_activation *cn_activation_relu_with(const cn_activation_relu_args *args);
#define cn_activation_relu(...)                                                                    \
    CN__CALL(cn_activation_relu_with, cn_activation_relu_args, CN_ACTIVATION_RELU_DEFAULTS,        \
             __VA_ARGS__)

/* x, or alpha (exp(x) - 1) where x < 0. */
typedef struct cn_activation_elu_args {
    size_t size;
    double alpha; /* 1 */
    CN__END;
} cn_activation_elu_args;
#define CN_ACTIVATION_ELU_DEFAULTS .alpha = 1
CN_API extern const cn_activation_elu_args cn_activation_elu_defaults;
CN_API cn_activation *cn_activation_elu_with(const cn_activation_elu_args *args);
#define cn_activation_elu(...)                                                                     \
    CN__CALL(cn_activation_elu_with, cn_activation_elu_args, CN_ACTIVATION_ELU_DEFAULTS,           \
             __VA_ARGS__)

/* max(0, x) + min(0, alpha (exp(x / alpha) - 1)). */
typedef struct cn_activation_celu_args {
    size_t size;
    double alpha; /* 1 */
    CN__END;
} cn_activation_celu_args;
#define CN_ACTIVATION_CELU_DEFAULTS .alpha = 1
CN_API extern const cn_activation_celu_args cn_activation_celu_defaults;
CN_API cn_activation *cn_activation_celu_with(const cn_activation_celu_args *args);
#define cn_activation_celu(...)                                                                    \
    CN__CALL(cn_activation_celu_with, cn_activation_celu_args, CN_ACTIVATION_CELU_DEFAULTS,        \
             __VA_ARGS__)

/* x Phi(x) by erf, or by tanh if approximate. */
typedef struct cn_activation_gelu_args {
    size_t size;
    bool approximate; /* false */
    CN__END;
} cn_activation_gelu_args;
#define CN_ACTIVATION_GELU_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_activation_gelu_args cn_activation_gelu_defaults;
CN_API cn_activation *cn_activation_gelu_with(const cn_activation_gelu_args *args);
#define cn_activation_gelu(...)                                                                    \
    CN__CALL(cn_activation_gelu_with, cn_activation_gelu_args, CN_ACTIVATION_GELU_DEFAULTS,        \
             __VA_ARGS__)

/* x, or negative_slope x where x < 0. */
typedef struct cn_activation_leaky_relu_args {
    size_t size;
    double negative_slope; /* 0.2 */
    CN__END;
} cn_activation_leaky_relu_args;
#define CN_ACTIVATION_LEAKY_RELU_DEFAULTS .negative_slope = 0.2
CN_API extern const cn_activation_leaky_relu_args cn_activation_leaky_relu_defaults;
CN_API cn_activation *cn_activation_leaky_relu_with(const cn_activation_leaky_relu_args *args);
#define cn_activation_leaky_relu(...)                                                              \
    CN__CALL(cn_activation_leaky_relu_with, cn_activation_leaky_relu_args,                         \
             CN_ACTIVATION_LEAKY_RELU_DEFAULTS, __VA_ARGS__)

/* exp(x) / sum(exp(x)) along the axis. */
typedef struct cn_activation_softmax_args {
    size_t size;
    int64_t axis; /* -1 */
    CN__END;
} cn_activation_softmax_args;
#define CN_ACTIVATION_SOFTMAX_DEFAULTS .axis = -1
CN_API extern const cn_activation_softmax_args cn_activation_softmax_defaults;
CN_API cn_activation *cn_activation_softmax_with(const cn_activation_softmax_args *args);
#define cn_activation_softmax(...)                                                                 \
    CN__CALL(cn_activation_softmax_with, cn_activation_softmax_args,                               \
             CN_ACTIVATION_SOFTMAX_DEFAULTS, __VA_ARGS__)

/* log(softmax(x)) along the axis. */
typedef struct cn_activation_log_softmax_args {
    size_t size;
    int64_t axis; /* -1 */
    CN__END;
} cn_activation_log_softmax_args;
#define CN_ACTIVATION_LOG_SOFTMAX_DEFAULTS .axis = -1
CN_API extern const cn_activation_log_softmax_args cn_activation_log_softmax_defaults;
CN_API cn_activation *cn_activation_log_softmax_with(const cn_activation_log_softmax_args *args);
#define cn_activation_log_softmax(...)                                                             \
    CN__CALL(cn_activation_log_softmax_with, cn_activation_log_softmax_args,                       \
             CN_ACTIVATION_LOG_SOFTMAX_DEFAULTS, __VA_ARGS__)

/* Sparse probabilities along the axis, as Keras 3 computes them; the op cn_sparsemax is the exact
 * projection on the simplex. */
typedef struct cn_activation_sparsemax_args {
    size_t size;
    int64_t axis; /* -1 */
    CN__END;
} cn_activation_sparsemax_args;
#define CN_ACTIVATION_SPARSEMAX_DEFAULTS .axis = -1
CN_API extern const cn_activation_sparsemax_args cn_activation_sparsemax_defaults;
CN_API cn_activation *cn_activation_sparsemax_with(const cn_activation_sparsemax_args *args);
#define cn_activation_sparsemax(...)                                                               \
    CN__CALL(cn_activation_sparsemax_with, cn_activation_sparsemax_args,                           \
             CN_ACTIVATION_SPARSEMAX_DEFAULTS, __VA_ARGS__)

/* a sigmoid(b) of the halves a, b along the axis. */
typedef struct cn_activation_glu_args {
    size_t size;
    int64_t axis; /* -1 */
    CN__END;
} cn_activation_glu_args;
#define CN_ACTIVATION_GLU_DEFAULTS .axis = -1
CN_API extern const cn_activation_glu_args cn_activation_glu_defaults;
CN_API cn_activation *cn_activation_glu_with(const cn_activation_glu_args *args);
#define cn_activation_glu(...)                                                                     \
    CN__CALL(cn_activation_glu_with, cn_activation_glu_args, CN_ACTIVATION_GLU_DEFAULTS,           \
             __VA_ARGS__)

/* x where |x| > threshold, else 0. */
typedef struct cn_activation_hard_shrink_args {
    size_t size;
    double threshold; /* 0.5 */
    CN__END;
} cn_activation_hard_shrink_args;
#define CN_ACTIVATION_HARD_SHRINK_DEFAULTS .threshold = 0.5
CN_API extern const cn_activation_hard_shrink_args cn_activation_hard_shrink_defaults;
CN_API cn_activation *cn_activation_hard_shrink_with(const cn_activation_hard_shrink_args *args);
#define cn_activation_hard_shrink(...)                                                             \
    CN__CALL(cn_activation_hard_shrink_with, cn_activation_hard_shrink_args,                       \
             CN_ACTIVATION_HARD_SHRINK_DEFAULTS, __VA_ARGS__)

/* x moved by threshold towards 0, and 0 nearer to it. */
typedef struct cn_activation_soft_shrink_args {
    size_t size;
    double threshold; /* 0.5 */
    CN__END;
} cn_activation_soft_shrink_args;
#define CN_ACTIVATION_SOFT_SHRINK_DEFAULTS .threshold = 0.5
CN_API extern const cn_activation_soft_shrink_args cn_activation_soft_shrink_defaults;
CN_API cn_activation *cn_activation_soft_shrink_with(const cn_activation_soft_shrink_args *args);
#define cn_activation_soft_shrink(...)                                                             \
    CN__CALL(cn_activation_soft_shrink_with, cn_activation_soft_shrink_args,                       \
             CN_ACTIVATION_SOFT_SHRINK_DEFAULTS, __VA_ARGS__)

/* (x + sqrt(x^2 + b)) / 2. */
typedef struct cn_activation_squareplus_args {
    size_t size;
    double b; /* 4 */
    CN__END;
} cn_activation_squareplus_args;
#define CN_ACTIVATION_SQUAREPLUS_DEFAULTS .b = 4
CN_API extern const cn_activation_squareplus_args cn_activation_squareplus_defaults;
CN_API cn_activation *cn_activation_squareplus_with(const cn_activation_squareplus_args *args);
#define cn_activation_squareplus(...)                                                              \
    CN__CALL(cn_activation_squareplus_with, cn_activation_squareplus_args,                         \
             CN_ACTIVATION_SQUAREPLUS_DEFAULTS, __VA_ARGS__)

/* x where x > threshold, else default_value. */
typedef struct cn_activation_threshold_args {
    size_t size;
    double threshold;     /* 0 */
    double default_value; /* 0 */
    CN__END;
} cn_activation_threshold_args;
#define CN_ACTIVATION_THRESHOLD_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_activation_threshold_args cn_activation_threshold_defaults;
CN_API cn_activation *cn_activation_threshold_with(const cn_activation_threshold_args *args);
#define cn_activation_threshold(...)                                                               \
    CN__CALL(cn_activation_threshold_with, cn_activation_threshold_args,                           \
             CN_ACTIVATION_THRESHOLD_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
