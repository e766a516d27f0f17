/* Losses (keras.losses). */
#ifndef CORNU_LOSSES_H
#define CORNU_LOSSES_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arguments of every loss. reduction: "sum_over_batch_size" (which "auto", the default, means),
 * "mean", "sum", "mean_with_sample_weight" or "none" (as is NULL). name: that of the loss function.
 * dtype: "float32". */
#define CN_LOSS_ARGS                                                                               \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    const char *reduction;                                                                         \
    const char *dtype
#define CN_LOSS_DEFAULTS .reduction = "auto"

typedef struct cn_loss_args {
    CN_LOSS_ARGS;
    CN__END;
} cn_loss_args;
/* Of every loss that has no arguments of its own. */
CN_API extern const cn_loss_args cn_loss_defaults;

/* One loss a sample: y_true and y_pred (batch, …, n) give (batch, …); reduction and weights are
 * done for it. */
typedef struct cn_loss_class {
    cn_class base;
    cn_tensor *(*call)(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred);
} cn_loss_class;

CN_API cn_loss *cn_loss_new(const cn_loss_class *cls, const void *args);
CN_API const void *cn_loss_arguments(const cn_loss *loss);
CN_API const char *cn_loss_name(const cn_loss *loss);
CN_API int cn_register_loss(const cn_loss_class *cls, const char *package);
/* A loss from a function of (y_true, y_pred, user), which gives one value a sample. */
CN_API cn_loss *cn_loss_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred,
                                                    void *user),
                             void *user, const char *name);
/* The reduced value: loss(y_true, y_pred, sample_weight); sample_weight may be NULL. A mask on
 * y_pred (set by layers) counts. A number for sample_weight is cn_scalar(0.5, CN_FLOAT32). */
CN_API cn_tensor *cn_loss_call(cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred,
                               cn_tensor *sample_weight);
/* The function form, one value a sample, before weights and reduction
 * (keras.losses.mean_squared_error(y_true, y_pred)). */
CN_API cn_tensor *cn_loss_values(const cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred);
/* A loss from a name ("mse"), JSON or object. */
CN_API cn_loss *cn_loss_get(cn_identifier identifier);

/* keras.losses.BinaryCrossentropy: mean over `axis` of -(y log p + (1 - y) log(1 - p)), p clipped
 * to [1e-7, 1 - 1e-7]. If y_pred is what sigmoid gave, the loss goes back to the logits, where
 * nothing is clipped. y is smoothed to y (1 - s) + s / 2. */
typedef struct cn_loss_binary_crossentropy_args {
    CN_LOSS_ARGS;
    bool from_logits;       /* false */
    double label_smoothing; /* 0 */
    int64_t axis;           /* -1 */
    CN__END;
} cn_loss_binary_crossentropy_args;
#define CN_LOSS_BINARY_CROSSENTROPY_DEFAULTS CN_LOSS_DEFAULTS, .axis = -1
CN_API extern const cn_loss_binary_crossentropy_args cn_loss_binary_crossentropy_defaults;
CN_API cn_loss *cn_loss_binary_crossentropy_with(const cn_loss_binary_crossentropy_args *args);
#define cn_loss_binary_crossentropy(...)                                                           \
    CN__CALL(cn_loss_binary_crossentropy_with, cn_loss_binary_crossentropy_args,                   \
             CN_LOSS_BINARY_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.CategoricalCrossentropy: -sum over `axis` of y log(p / sum p), clipped as above, or
 * from the logits of a softmax. y_true one-hot, of y_pred's shape; it is smoothed to y (1 - s) + s
 * / classes. */
typedef struct cn_loss_categorical_crossentropy_args {
    CN_LOSS_ARGS;
    bool from_logits;       /* false */
    double label_smoothing; /* 0 */
    int64_t axis;           /* -1 */
    CN__END;
} cn_loss_categorical_crossentropy_args;
#define CN_LOSS_CATEGORICAL_CROSSENTROPY_DEFAULTS CN_LOSS_DEFAULTS, .axis = -1
CN_API extern const cn_loss_categorical_crossentropy_args cn_loss_categorical_crossentropy_defaults;
CN_API cn_loss *cn_loss_categorical_crossentropy_with(
    const cn_loss_categorical_crossentropy_args *args);
#define cn_loss_categorical_crossentropy(...)                                                      \
    CN__CALL(cn_loss_categorical_crossentropy_with, cn_loss_categorical_crossentropy_args,         \
             CN_LOSS_CATEGORICAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.SparseCategoricalCrossentropy: the same for class numbers, y_true (batch, …) or
 * (batch, …, 1). A label outside [0, classes) is an error, but one that equals ignore_class counts
 * for nothing. */
typedef struct cn_loss_sparse_categorical_crossentropy_args {
    CN_LOSS_ARGS;
    bool from_logits;     /* false */
    int64_t ignore_class; /* None */
    int64_t axis;         /* -1 */
    CN__END;
} cn_loss_sparse_categorical_crossentropy_args;
#define CN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS                                           \
    CN_LOSS_DEFAULTS, .ignore_class = CN_NONE, .axis = -1
CN_API extern const cn_loss_sparse_categorical_crossentropy_args
    cn_loss_sparse_categorical_crossentropy_defaults;
CN_API cn_loss *cn_loss_sparse_categorical_crossentropy_with(
    const cn_loss_sparse_categorical_crossentropy_args *args);
#define cn_loss_sparse_categorical_crossentropy(...)                                               \
    CN__CALL(cn_loss_sparse_categorical_crossentropy_with,                                         \
             cn_loss_sparse_categorical_crossentropy_args,                                         \
             CN_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.BinaryFocalCrossentropy: (1 - p_t)^gamma times the binary cross-entropy, weighted by
 * alpha (classes of ones) and 1 - alpha if apply_class_balancing. */
typedef struct cn_loss_binary_focal_crossentropy_args {
    CN_LOSS_ARGS;
    bool apply_class_balancing; /* false */
    double alpha, gamma;        /* 0.25, 2 */
    bool from_logits;           /* false */
    double label_smoothing;     /* 0 */
    int64_t axis;               /* -1 */
    CN__END;
} cn_loss_binary_focal_crossentropy_args;
#define CN_LOSS_BINARY_FOCAL_CROSSENTROPY_DEFAULTS                                                 \
    CN_LOSS_DEFAULTS, .alpha = 0.25, .gamma = 2, .axis = -1
CN_API extern const cn_loss_binary_focal_crossentropy_args
    cn_loss_binary_focal_crossentropy_defaults;
CN_API cn_loss *cn_loss_binary_focal_crossentropy_with(
    const cn_loss_binary_focal_crossentropy_args *args);
#define cn_loss_binary_focal_crossentropy(...)                                                     \
    CN__CALL(cn_loss_binary_focal_crossentropy_with, cn_loss_binary_focal_crossentropy_args,       \
             CN_LOSS_BINARY_FOCAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.CategoricalFocalCrossentropy: sum over `axis` of alpha (1 - p)^gamma (-y log p). */
typedef struct cn_loss_categorical_focal_crossentropy_args {
    CN_LOSS_ARGS;
    double alpha, gamma;    /* 0.25, 2 */
    bool from_logits;       /* false */
    double label_smoothing; /* 0 */
    int64_t axis;           /* -1 */
    CN__END;
} cn_loss_categorical_focal_crossentropy_args;
#define CN_LOSS_CATEGORICAL_FOCAL_CROSSENTROPY_DEFAULTS                                            \
    CN_LOSS_DEFAULTS, .alpha = 0.25, .gamma = 2, .axis = -1
CN_API extern const cn_loss_categorical_focal_crossentropy_args
    cn_loss_categorical_focal_crossentropy_defaults;
CN_API cn_loss *cn_loss_categorical_focal_crossentropy_with(
    const cn_loss_categorical_focal_crossentropy_args *args);
#define cn_loss_categorical_focal_crossentropy(...)                                                \
    CN__CALL(cn_loss_categorical_focal_crossentropy_with,                                          \
             cn_loss_categorical_focal_crossentropy_args,                                          \
             CN_LOSS_CATEGORICAL_FOCAL_CROSSENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.CategoricalGeneralizedCrossEntropy (Keras 3): (1 - p^q) / q of the right class;
 * y_true are class numbers. */
typedef struct cn_loss_categorical_generalized_cross_entropy_args {
    CN_LOSS_ARGS;
    double q; /* 0.5; between 0 and 1 */
    CN__END;
} cn_loss_categorical_generalized_cross_entropy_args;
#define CN_LOSS_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_DEFAULTS CN_LOSS_DEFAULTS, .q = 0.5
CN_API extern const cn_loss_categorical_generalized_cross_entropy_args
    cn_loss_categorical_generalized_cross_entropy_defaults;
CN_API cn_loss *cn_loss_categorical_generalized_cross_entropy_with(
    const cn_loss_categorical_generalized_cross_entropy_args *args);
#define cn_loss_categorical_generalized_cross_entropy(...)                                         \
    CN__CALL(cn_loss_categorical_generalized_cross_entropy_with,                                   \
             cn_loss_categorical_generalized_cross_entropy_args,                                   \
             CN_LOSS_CATEGORICAL_GENERALIZED_CROSS_ENTROPY_DEFAULTS, __VA_ARGS__)

/* keras.losses.MeanSquaredError: mean((y - p)^2). */
CN_API cn_loss *cn_loss_mean_squared_error_with(const cn_loss_args *args);
#define cn_loss_mean_squared_error(...)                                                            \
    CN__CALL(cn_loss_mean_squared_error_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.MeanAbsoluteError: mean(|y - p|). */
CN_API cn_loss *cn_loss_mean_absolute_error_with(const cn_loss_args *args);
#define cn_loss_mean_absolute_error(...)                                                           \
    CN__CALL(cn_loss_mean_absolute_error_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.MeanAbsolutePercentageError: 100 mean(|y - p| / max(|y|, 1e-7)). */
CN_API cn_loss *cn_loss_mean_absolute_percentage_error_with(const cn_loss_args *args);
#define cn_loss_mean_absolute_percentage_error(...)                                                \
    CN__CALL(cn_loss_mean_absolute_percentage_error_with, cn_loss_args, CN_LOSS_DEFAULTS,          \
             __VA_ARGS__)
/* keras.losses.MeanSquaredLogarithmicError: mean((log(max(y, 1e-7) + 1) - log(max(p, 1e-7) +
 * 1))^2). */
CN_API cn_loss *cn_loss_mean_squared_logarithmic_error_with(const cn_loss_args *args);
#define cn_loss_mean_squared_logarithmic_error(...)                                                \
    CN__CALL(cn_loss_mean_squared_logarithmic_error_with, cn_loss_args, CN_LOSS_DEFAULTS,          \
             __VA_ARGS__)
/* keras.losses.LogCosh: mean(log(cosh(p - y))). */
CN_API cn_loss *cn_loss_log_cosh_with(const cn_loss_args *args);
#define cn_loss_log_cosh(...)                                                                      \
    CN__CALL(cn_loss_log_cosh_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)

/* keras.losses.Huber: mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2. */
typedef struct cn_loss_huber_args {
    CN_LOSS_ARGS;
    double delta; /* 1 */
    CN__END;
} cn_loss_huber_args;
#define CN_LOSS_HUBER_DEFAULTS CN_LOSS_DEFAULTS, .delta = 1
CN_API extern const cn_loss_huber_args cn_loss_huber_defaults;
CN_API cn_loss *cn_loss_huber_with(const cn_loss_huber_args *args);
#define cn_loss_huber(...)                                                                         \
    CN__CALL(cn_loss_huber_with, cn_loss_huber_args, CN_LOSS_HUBER_DEFAULTS, __VA_ARGS__)

/* keras.losses.Hinge: mean(max(1 - y p, 0)); labels 0 and 1 are read as -1 and 1 if there are no
 * others. */
CN_API cn_loss *cn_loss_hinge_with(const cn_loss_args *args);
#define cn_loss_hinge(...) CN__CALL(cn_loss_hinge_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.SquaredHinge: mean(max(1 - y p, 0)^2), with labels as in Hinge. */
CN_API cn_loss *cn_loss_squared_hinge_with(const cn_loss_args *args);
#define cn_loss_squared_hinge(...)                                                                 \
    CN__CALL(cn_loss_squared_hinge_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.CategoricalHinge: max(0, max((1 - y) p) - sum(y p) + 1). */
CN_API cn_loss *cn_loss_categorical_hinge_with(const cn_loss_args *args);
#define cn_loss_categorical_hinge(...)                                                             \
    CN__CALL(cn_loss_categorical_hinge_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.KLDivergence: sum(y log(y / p)), both clipped to [1e-7, 1]. */
CN_API cn_loss *cn_loss_kl_divergence_with(const cn_loss_args *args);
#define cn_loss_kl_divergence(...)                                                                 \
    CN__CALL(cn_loss_kl_divergence_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)
/* keras.losses.Poisson: mean(p - y log(p + 1e-7)). */
CN_API cn_loss *cn_loss_poisson_with(const cn_loss_args *args);
#define cn_loss_poisson(...)                                                                       \
    CN__CALL(cn_loss_poisson_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)

/* keras.losses.CosineSimilarity: -sum over `axis` of the products of y and p, each divided by its
 * norm. */
typedef struct cn_loss_cosine_similarity_args {
    CN_LOSS_ARGS;
    int64_t axis; /* -1 */
    CN__END;
} cn_loss_cosine_similarity_args;
#define CN_LOSS_COSINE_SIMILARITY_DEFAULTS CN_LOSS_DEFAULTS, .axis = -1
CN_API extern const cn_loss_cosine_similarity_args cn_loss_cosine_similarity_defaults;
CN_API cn_loss *cn_loss_cosine_similarity_with(const cn_loss_cosine_similarity_args *args);
#define cn_loss_cosine_similarity(...)                                                             \
    CN__CALL(cn_loss_cosine_similarity_with, cn_loss_cosine_similarity_args,                       \
             CN_LOSS_COSINE_SIMILARITY_DEFAULTS, __VA_ARGS__)

/* keras.losses.Dice (Keras 3): 1 - 2 sum(y p) / (sum y + sum p + 1e-7) over `axis`; all axes by
 * default. */
typedef struct cn_loss_dice_args {
    CN_LOSS_ARGS;
    cn_ints axis; /* None: all */
    CN__END;
} cn_loss_dice_args;
#define CN_LOSS_DICE_DEFAULTS CN_LOSS_DEFAULTS, .axis = {{CN_NONE}, 1}
CN_API extern const cn_loss_dice_args cn_loss_dice_defaults;
CN_API cn_loss *cn_loss_dice_with(const cn_loss_dice_args *args);
#define cn_loss_dice(...)                                                                          \
    CN__CALL(cn_loss_dice_with, cn_loss_dice_args, CN_LOSS_DICE_DEFAULTS, __VA_ARGS__)

/* keras.losses.Tversky (Keras 3): 1 - t / (t + alpha fp + beta fn + 1e-7), t = sum(y p), fp =
 * sum((1 - p) y), fn = sum(p (1 - y)). */
typedef struct cn_loss_tversky_args {
    CN_LOSS_ARGS;
    double alpha, beta; /* 0.5, 0.5 */
    cn_ints axis;       /* None: all */
    CN__END;
} cn_loss_tversky_args;
#define CN_LOSS_TVERSKY_DEFAULTS CN_LOSS_DEFAULTS, .alpha = 0.5, .beta = 0.5, .axis = {{CN_NONE}, 1}
CN_API extern const cn_loss_tversky_args cn_loss_tversky_defaults;
CN_API cn_loss *cn_loss_tversky_with(const cn_loss_tversky_args *args);
#define cn_loss_tversky(...)                                                                       \
    CN__CALL(cn_loss_tversky_with, cn_loss_tversky_args, CN_LOSS_TVERSKY_DEFAULTS, __VA_ARGS__)

/* keras.losses.Circle (Keras 3): circle loss of the pairs within a batch of normalised embeddings;
 * y_true are class numbers. */
typedef struct cn_loss_circle_args {
    CN_LOSS_ARGS;
    double gamma, margin; /* 80, 0.4 */
    bool remove_diagonal; /* true */
    CN__END;
} cn_loss_circle_args;
#define CN_LOSS_CIRCLE_DEFAULTS                                                                    \
    CN_LOSS_DEFAULTS, .gamma = 80, .margin = 0.4, .remove_diagonal = true
CN_API extern const cn_loss_circle_args cn_loss_circle_defaults;
CN_API cn_loss *cn_loss_circle_with(const cn_loss_circle_args *args);
#define cn_loss_circle(...)                                                                        \
    CN__CALL(cn_loss_circle_with, cn_loss_circle_args, CN_LOSS_CIRCLE_DEFAULTS, __VA_ARGS__)

/* keras.losses.CTC (Keras 3): -log of the probability of a label sequence, over all its alignments
 * with the frames. y_true (batch, labels) are class numbers, padded with 0; y_pred (batch, frames,
 * classes) are logits, of which class 0 is the blank. */
CN_API cn_loss *cn_loss_ctc_with(const cn_loss_args *args);
#define cn_loss_ctc(...) CN__CALL(cn_loss_ctc_with, cn_loss_args, CN_LOSS_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
