/* Optimizers and learning-rate schedules (keras.optimizers). */
#ifndef CORNU_OPTIMIZERS_H
#define CORNU_OPTIMIZERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arguments of every optimizer. NaN and CN_NONE mean None. learning_rate takes a number; a schedule
 * goes into learning_rate_schedule. clipnorm bounds the norm of each gradient, global_clipnorm that
 * of all together, clipvalue each element; weight_decay takes that part, times the learning rate,
 * off each variable before its update. */
#define CN_OPTIMIZER_ARGS                                                                          \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    double learning_rate;                                                                          \
    cn_identifier learning_rate_schedule;                                                          \
    double weight_decay, clipnorm, global_clipnorm, clipvalue;                                     \
    bool use_ema;                                                                                  \
    double ema_momentum;                                                                           \
    int64_t ema_overwrite_frequency;                                                               \
    double loss_scale_factor;                                                                      \
    int64_t gradient_accumulation_steps;                                                           \
    double decay; /* of Keras before 2.11 and of legacy optimizers */                              \
    bool legacy   /* keras.optimizers.legacy: as before 2.11; what is made under an older Keras is \
                     so anyway */
#define CN__OPTIMIZER_DEFAULTS_REST                                                                \
    .clipnorm = CN_NONE_FLOAT, .global_clipnorm = CN_NONE_FLOAT, .clipvalue = CN_NONE_FLOAT,       \
    .ema_momentum = 0.99, .ema_overwrite_frequency = CN_NONE, .loss_scale_factor = CN_NONE_FLOAT,  \
    .gradient_accumulation_steps = CN_NONE
#define CN_OPTIMIZER_DEFAULTS .weight_decay = CN_NONE_FLOAT, CN__OPTIMIZER_DEFAULTS_REST

typedef struct cn_optimizer_args {
    CN_OPTIMIZER_ARGS;
    CN__END;
} cn_optimizer_args;

/* An optimizer: slots a variable, and one update written in ops; it is traced into the training
 * step and fused into one pass over the weight's memory. Members after `update` may be NULL or 0.
 */
typedef struct cn_optimizer_class {
    cn_class base;
    int n_slots;
    const char *const *slot_names; /* "momentum", "velocity": Keras 3's words; n_slots of them */
    /* Initial value of a slot; NULL: zeros. NaN: a copy of the variable. */
    double (*slot_initial)(const cn_optimizer *self, int slot);
    /* Which slots this configuration has (SGD without momentum has none); NULL: all. */
    bool (*has_slot)(const cn_optimizer *self, int slot);
    /* Scalars that all variables share (bias corrections), once a step: fills at most 8; NULL:
     * none. */
    int (*prepare)(cn_optimizer *self, cn_tensor *learning_rate, cn_tensor *step,
                   cn_tensor **shared);
    /* Assigns to the variable and its slots, in ops. `step` counts from 1 and is float32, as is the
     * learning rate. */
    int (*update)(cn_optimizer *self, cn_tensor *variable, cn_tensor *gradient,
                  cn_tensor *const *slots, cn_tensor *learning_rate, cn_tensor *step,
                  cn_tensor *const *shared);
    /* Checks the arguments at construction, with Keras's words. */
    int (*check)(cn_optimizer *self);
    /* The shape of a slot where it is not the variable's; a rank of -1: this variable has no such
     * slot. */
    int (*slot_shape)(const cn_optimizer *self, int slot, const cn_tensor *variable,
                      cn_shape *shape);
    /* The decay of one variable; NULL: weight_decay, for all. */
    double (*weight_decay)(const cn_optimizer *self, const cn_tensor *variable);
    /* tf.keras's names of the slots, new and legacy; NULL: slot_names. */
    const char *const *keras2_slot_names, *const *legacy_slot_names;
    /* In which order Keras made the slots: bit s says that slot s was made in one pass over the
     * variables with slot s - 1. */
    unsigned joined_slots, legacy_joined_slots;
    /* The name of a float32 scalar of the optimizer's own that begins with 1 (cn_optimizer_scalar).
     */
    const char *scalar_name;
} cn_optimizer_class;

CN_API cn_optimizer *cn_optimizer_new(const cn_optimizer_class *cls, const void *args);
CN_API const void *cn_optimizer_arguments(const cn_optimizer *optimizer);
CN_API const char *cn_optimizer_name(const cn_optimizer *optimizer);
CN_API int cn_register_optimizer(const cn_optimizer_class *cls, const char *package);
/* An optimizer from a name ("adam"), JSON or object. */
CN_API cn_optimizer *cn_optimizer_get(cn_identifier identifier);
/* Makes the slots for these variables; later calls with the same variables do nothing. */
CN_API int cn_optimizer_build(cn_optimizer *optimizer, int n, cn_tensor *const *variables);
CN_API bool cn_optimizer_built(const cn_optimizer *optimizer);
/* One step: accumulation, clipping, decay, update, moving average, constraints, iterations + 1. A
 * NULL gradient leaves its variable; if all are NULL that is an error. */
CN_API int cn_optimizer_apply_gradients(cn_optimizer *optimizer, int n, cn_tensor *const *gradients,
                                        cn_tensor *const *variables);
/* Variables that weight_decay leaves alone: those given, and those with one of the names as a part
 * of theirs. Before build. */
CN_API int cn_optimizer_exclude_from_weight_decay(cn_optimizer *optimizer, int n_variables,
                                                  cn_tensor *const *variables, int n_names,
                                                  const char *const *names);
/* The learning rate as Keras shows it: the float32 value widened to double. With a schedule: its
 * present value. */
CN_API double cn_optimizer_learning_rate(const cn_optimizer *optimizer);
/* An error if the optimizer was made with a schedule, as in Keras. */
CN_API int cn_optimizer_set_learning_rate(cn_optimizer *optimizer, double learning_rate);
CN_API int64_t cn_optimizer_iterations(const cn_optimizer *optimizer);
/* The optimizer's own variables in the order of its Keras version: iterations[, learning_rate],
 * slots. Returns how many there are, fills at most `max`. */
CN_API int cn_optimizer_variables(const cn_optimizer *optimizer, cn_tensor **out, int max);
/* The scalar that a class asks for by scalar_name; NULL before build. */
CN_API cn_tensor *cn_optimizer_scalar(const cn_optimizer *optimizer);
/* Writes the moving averages into the variables, if use_ema (finalize_variable_values). */
CN_API int cn_optimizer_finalize(cn_optimizer *optimizer, int n, cn_tensor *const *variables);
/* loss times loss_scale_factor, if there is one (scale_loss). */
CN_API cn_tensor *cn_optimizer_scale_loss(const cn_optimizer *optimizer, cn_tensor *loss);

/* keras.optimizers.SGD: w -= lr g; with momentum m = momentum m - lr g, w += m, or by Nesterov w +=
 * momentum m - lr g. */
typedef struct cn_optimizer_sgd_args {
    CN_OPTIMIZER_ARGS;
    double momentum; /* 0 */
    bool nesterov;   /* false */
    CN__END;
} cn_optimizer_sgd_args;
#define CN_OPTIMIZER_SGD_DEFAULTS CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.01
CN_API extern const cn_optimizer_sgd_args cn_optimizer_sgd_defaults;
CN_API cn_optimizer *cn_optimizer_sgd_with(const cn_optimizer_sgd_args *args);
#define cn_optimizer_sgd(...)                                                                      \
    CN__CALL(cn_optimizer_sgd_with, cn_optimizer_sgd_args, CN_OPTIMIZER_SGD_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.RMSprop: v = rho v + (1 - rho) g^2, w -= lr g / sqrt(v + epsilon); centered
 * subtracts the squared mean of g from v. Before tf.keras 2.11 epsilon stood outside the root
 * unless there was momentum. */
typedef struct cn_optimizer_rmsprop_args {
    CN_OPTIMIZER_ARGS;
    double rho, momentum, epsilon; /* 0.9, 0, 1e-7 */
    bool centered;                 /* false */
    CN__END;
} cn_optimizer_rmsprop_args;
#define CN_OPTIMIZER_RMSPROP_DEFAULTS                                                              \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .rho = 0.9, .epsilon = 1e-7
CN_API extern const cn_optimizer_rmsprop_args cn_optimizer_rmsprop_defaults;
CN_API cn_optimizer *cn_optimizer_rmsprop_with(const cn_optimizer_rmsprop_args *args);
#define cn_optimizer_rmsprop(...)                                                                  \
    CN__CALL(cn_optimizer_rmsprop_with, cn_optimizer_rmsprop_args, CN_OPTIMIZER_RMSPROP_DEFAULTS,  \
             __VA_ARGS__)

/* keras.optimizers.Adam: m += (g - m)(1 - beta_1), v += (g^2 - v)(1 - beta_2),
 * w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon). */
typedef struct cn_optimizer_adam_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-7 */
    bool amsgrad;                   /* false */
    CN__END;
} cn_optimizer_adam_args;
#define CN_OPTIMIZER_ADAM_DEFAULTS                                                                 \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7
CN_API extern const cn_optimizer_adam_args cn_optimizer_adam_defaults;
CN_API cn_optimizer *cn_optimizer_adam_with(const cn_optimizer_adam_args *args);
#define cn_optimizer_adam(...)                                                                     \
    CN__CALL(cn_optimizer_adam_with, cn_optimizer_adam_args, CN_OPTIMIZER_ADAM_DEFAULTS,           \
             __VA_ARGS__)

/* keras.optimizers.AdamW: Adam with a weight_decay of 0.004. */
typedef struct cn_optimizer_adamw_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-7 */
    bool amsgrad;                   /* false */
    CN__END;
} cn_optimizer_adamw_args;
#define CN_OPTIMIZER_ADAMW_DEFAULTS                                                                \
    CN__OPTIMIZER_DEFAULTS_REST, .weight_decay = 0.004, .learning_rate = 0.001, .beta_1 = 0.9,     \
                                 .beta_2 = 0.999, .epsilon = 1e-7
CN_API extern const cn_optimizer_adamw_args cn_optimizer_adamw_defaults;
CN_API cn_optimizer *cn_optimizer_adamw_with(const cn_optimizer_adamw_args *args);
#define cn_optimizer_adamw(...)                                                                    \
    CN__CALL(cn_optimizer_adamw_with, cn_optimizer_adamw_args, CN_OPTIMIZER_ADAMW_DEFAULTS,        \
             __VA_ARGS__)

/* keras.optimizers.Adamax: m as in Adam, u = max(beta_2 u, |g|), w -= lr m / ((1 - beta_1^t)(u +
 * epsilon)). The learning rate is 0.001, in Keras 2.3 and before 0.002. */
typedef struct cn_optimizer_adamax_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-7 */
    CN__END;
} cn_optimizer_adamax_args;
#define CN_OPTIMIZER_ADAMAX_DEFAULTS                                                               \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = CN_NONE_FLOAT, .beta_1 = 0.9, .beta_2 = 0.999,         \
                           .epsilon = 1e-7
CN_API extern const cn_optimizer_adamax_args cn_optimizer_adamax_defaults;
CN_API cn_optimizer *cn_optimizer_adamax_with(const cn_optimizer_adamax_args *args);
#define cn_optimizer_adamax(...)                                                                   \
    CN__CALL(cn_optimizer_adamax_with, cn_optimizer_adamax_args, CN_OPTIMIZER_ADAMAX_DEFAULTS,     \
             __VA_ARGS__)

/* keras.optimizers.Nadam: Adam with Nesterov momentum. The learning rate is 0.001, in Keras 2.3 and
 * before 0.002; legacy ones have schedule_decay. */
typedef struct cn_optimizer_nadam_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-7 */
    double schedule_decay;          /* 0.004, of legacy optimizers only */
    CN__END;
} cn_optimizer_nadam_args;
#define CN_OPTIMIZER_NADAM_DEFAULTS                                                                \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = CN_NONE_FLOAT, .beta_1 = 0.9, .beta_2 = 0.999,         \
                           .epsilon = 1e-7, .schedule_decay = 0.004
CN_API extern const cn_optimizer_nadam_args cn_optimizer_nadam_defaults;
CN_API cn_optimizer *cn_optimizer_nadam_with(const cn_optimizer_nadam_args *args);
#define cn_optimizer_nadam(...)                                                                    \
    CN__CALL(cn_optimizer_nadam_with, cn_optimizer_nadam_args, CN_OPTIMIZER_NADAM_DEFAULTS,        \
             __VA_ARGS__)

/* keras.optimizers.Adagrad: a += g^2, w -= lr g / sqrt(a + epsilon). The learning rate is 0.001, in
 * Keras 2.3 and before 0.01 with an accumulator that begins with 0. */
typedef struct cn_optimizer_adagrad_args {
    CN_OPTIMIZER_ARGS;
    double initial_accumulator_value; /* 0.1 */
    double epsilon;                   /* 1e-7 */
    CN__END;
} cn_optimizer_adagrad_args;
#define CN_OPTIMIZER_ADAGRAD_DEFAULTS                                                              \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = CN_NONE_FLOAT,                                         \
                           .initial_accumulator_value = CN_NONE_FLOAT, .epsilon = 1e-7
CN_API extern const cn_optimizer_adagrad_args cn_optimizer_adagrad_defaults;
CN_API cn_optimizer *cn_optimizer_adagrad_with(const cn_optimizer_adagrad_args *args);
#define cn_optimizer_adagrad(...)                                                                  \
    CN__CALL(cn_optimizer_adagrad_with, cn_optimizer_adagrad_args, CN_OPTIMIZER_ADAGRAD_DEFAULTS,  \
             __VA_ARGS__)

/* keras.optimizers.Adadelta: a = rho a + (1 - rho) g^2, d = -sqrt(x + epsilon) / sqrt(a + epsilon)
 * g, x = rho x + (1 - rho) d^2, w += lr d. The learning rate is 0.001, in Keras 2.3 and before 1.
 */
typedef struct cn_optimizer_adadelta_args {
    CN_OPTIMIZER_ARGS;
    double rho, epsilon; /* 0.95, 1e-7 */
    CN__END;
} cn_optimizer_adadelta_args;
#define CN_OPTIMIZER_ADADELTA_DEFAULTS                                                             \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = CN_NONE_FLOAT, .rho = 0.95, .epsilon = 1e-7
CN_API extern const cn_optimizer_adadelta_args cn_optimizer_adadelta_defaults;
CN_API cn_optimizer *cn_optimizer_adadelta_with(const cn_optimizer_adadelta_args *args);
#define cn_optimizer_adadelta(...)                                                                 \
    CN__CALL(cn_optimizer_adadelta_with, cn_optimizer_adadelta_args,                               \
             CN_OPTIMIZER_ADADELTA_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.Ftrl: "follow the regularized leader", with n += g^2, z += g + 2 shrinkage w -
 * (n'^-p - n^-p) / lr w, w = (clip(z, -l1, l1) - z) / (n'^-p / lr + 2 (l2 + beta / (2 lr))), p =
 * learning_rate_power. */
typedef struct cn_optimizer_ftrl_args {
    CN_OPTIMIZER_ARGS;
    double learning_rate_power;                  /* -0.5 */
    double initial_accumulator_value;            /* 0.1 */
    double l1_regularization_strength;           /* 0 */
    double l2_regularization_strength;           /* 0 */
    double l2_shrinkage_regularization_strength; /* 0 */
    double beta;                                 /* 0 */
    CN__END;
} cn_optimizer_ftrl_args;
#define CN_OPTIMIZER_FTRL_DEFAULTS                                                                 \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .learning_rate_power = -0.5,                    \
                           .initial_accumulator_value = 0.1
CN_API extern const cn_optimizer_ftrl_args cn_optimizer_ftrl_defaults;
CN_API cn_optimizer *cn_optimizer_ftrl_with(const cn_optimizer_ftrl_args *args);
#define cn_optimizer_ftrl(...)                                                                     \
    CN__CALL(cn_optimizer_ftrl_with, cn_optimizer_ftrl_args, CN_OPTIMIZER_FTRL_DEFAULTS,           \
             __VA_ARGS__)

/* keras.optimizers.Lion: w -= lr sign(beta_1 m + (1 - beta_1) g), then m = beta_2 m + (1 - beta_2)
 * g. */
typedef struct cn_optimizer_lion_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2; /* 0.9, 0.99 */
    CN__END;
} cn_optimizer_lion_args;
#define CN_OPTIMIZER_LION_DEFAULTS                                                                 \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .beta_1 = 0.9, .beta_2 = 0.99
CN_API extern const cn_optimizer_lion_args cn_optimizer_lion_defaults;
CN_API cn_optimizer *cn_optimizer_lion_with(const cn_optimizer_lion_args *args);
#define cn_optimizer_lion(...)                                                                     \
    CN__CALL(cn_optimizer_lion_with, cn_optimizer_lion_args, CN_OPTIMIZER_LION_DEFAULTS,           \
             __VA_ARGS__)

/* keras.optimizers.Adafactor: squared gradients of matrices kept as means of rows and columns;
 * steps relative to the size of the weights. */
typedef struct cn_optimizer_adafactor_args {
    CN_OPTIMIZER_ARGS;
    double beta_2_decay;         /* -0.8 */
    double epsilon_1, epsilon_2; /* 1e-30, 1e-3 */
    double clip_threshold;       /* 1 */
    bool relative_step;          /* true */
    CN__END;
} cn_optimizer_adafactor_args;
#define CN_OPTIMIZER_ADAFACTOR_DEFAULTS                                                            \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .beta_2_decay = -0.8, .epsilon_1 = 1e-30,       \
                           .epsilon_2 = 1e-3, .clip_threshold = 1, .relative_step = true
CN_API extern const cn_optimizer_adafactor_args cn_optimizer_adafactor_defaults;
CN_API cn_optimizer *cn_optimizer_adafactor_with(const cn_optimizer_adafactor_args *args);
#define cn_optimizer_adafactor(...)                                                                \
    CN__CALL(cn_optimizer_adafactor_with, cn_optimizer_adafactor_args,                             \
             CN_OPTIMIZER_ADAFACTOR_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.Lamb (Keras 3): Adam's corrected step r, scaled to the weights: w -= lr |w| /
 * |r| r. */
typedef struct cn_optimizer_lamb_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-7 */
    CN__END;
} cn_optimizer_lamb_args;
#define CN_OPTIMIZER_LAMB_DEFAULTS                                                                 \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.001, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7
CN_API extern const cn_optimizer_lamb_args cn_optimizer_lamb_defaults;
CN_API cn_optimizer *cn_optimizer_lamb_with(const cn_optimizer_lamb_args *args);
#define cn_optimizer_lamb(...)                                                                     \
    CN__CALL(cn_optimizer_lamb_with, cn_optimizer_lamb_args, CN_OPTIMIZER_LAMB_DEFAULTS,           \
             __VA_ARGS__)

/* keras.optimizers.Muon (Keras 3): matrices move by their momentum made orthogonal in ns_steps
 * Newton-Schulz steps; everything else, embeddings and what exclude_layers names (parts of names
 * between commas) by AdamW. */
typedef struct cn_optimizer_muon_args {
    CN_OPTIMIZER_ARGS;
    double adam_beta_1, adam_beta_2, adam_weight_decay; /* 0.9, 0.999, 0.004 */
    double epsilon;                                     /* 1e-7 */
    const char *exclude_layers;                         /* None */
    bool exclude_embeddings;                            /* true */
    double muon_a, muon_b, muon_c;                      /* 3.4445, -4.775, 2.0315 */
    double adam_lr_ratio, momentum;                     /* 1, 0.95 */
    int64_t ns_steps;                                   /* 5 */
    bool nesterov;                                      /* true */
    double rms_rate;                                    /* 0.2; NaN: None */
    CN__END;
} cn_optimizer_muon_args;
#define CN_OPTIMIZER_MUON_DEFAULTS                                                                 \
    CN__OPTIMIZER_DEFAULTS_REST,                                                                   \
        .weight_decay = 0.004, .learning_rate = 0.001, .adam_beta_1 = 0.9, .adam_beta_2 = 0.999,   \
        .adam_weight_decay = 0.004, .epsilon = 1e-7, .exclude_embeddings = true, .muon_a = 3.4445, \
        .muon_b = -4.775, .muon_c = 2.0315, .adam_lr_ratio = 1, .momentum = 0.95, .ns_steps = 5,   \
        .nesterov = true, .rms_rate = 0.2
CN_API extern const cn_optimizer_muon_args cn_optimizer_muon_defaults;
CN_API cn_optimizer *cn_optimizer_muon_with(const cn_optimizer_muon_args *args);
#define cn_optimizer_muon(...)                                                                     \
    CN__CALL(cn_optimizer_muon_with, cn_optimizer_muon_args, CN_OPTIMIZER_MUON_DEFAULTS,           \
             __VA_ARGS__)

/* keras.optimizers.ScheduleFreeAdamW (Keras 3): AdamW without a schedule, by averaging its
 * iterates. */
typedef struct cn_optimizer_schedule_free_adamw_args {
    CN_OPTIMIZER_ARGS;
    double beta_1, beta_2, epsilon; /* 0.9, 0.999, 1e-8 */
    int64_t warmup_steps;           /* 0 */
    CN__END;
} cn_optimizer_schedule_free_adamw_args;
#define CN_OPTIMIZER_SCHEDULE_FREE_ADAMW_DEFAULTS                                                  \
    CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.0025, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-8
CN_API extern const cn_optimizer_schedule_free_adamw_args cn_optimizer_schedule_free_adamw_defaults;
CN_API cn_optimizer *cn_optimizer_schedule_free_adamw_with(
    const cn_optimizer_schedule_free_adamw_args *args);
#define cn_optimizer_schedule_free_adamw(...)                                                      \
    CN__CALL(cn_optimizer_schedule_free_adamw_with, cn_optimizer_schedule_free_adamw_args,         \
             CN_OPTIMIZER_SCHEDULE_FREE_ADAMW_DEFAULTS, __VA_ARGS__)

/* The learning rate at `step` (an integer scalar tensor), float32. */
typedef struct cn_schedule_class {
    cn_class base;
    cn_tensor *(*call)(const cn_schedule *self, cn_tensor *step);
    /* Checks the arguments at construction; may be NULL. */
    int (*check)(cn_schedule *self);
} cn_schedule_class;
CN_API cn_schedule *cn_schedule_new(const cn_schedule_class *cls, const void *args);
CN_API const void *cn_schedule_arguments(const cn_schedule *schedule);
CN_API int cn_register_schedule(const cn_schedule_class *cls, const char *package);
CN_API cn_tensor *cn_schedule_call(const cn_schedule *schedule, cn_tensor *step);
/* The same as a number. */
CN_API double cn_schedule_value(const cn_schedule *schedule, int64_t step);

/* keras.optimizers.schedules.ExponentialDecay: initial_learning_rate decay_rate^(step /
 * decay_steps), the exponent cut to an integer if staircase. The first three arguments have no
 * default. */
typedef struct cn_schedule_exponential_decay_args {
    size_t size;
    double initial_learning_rate;
    int64_t decay_steps;
    double decay_rate;
    bool staircase;   /* false */
    const char *name; /* None */
    CN__END;
} cn_schedule_exponential_decay_args;
#define CN_SCHEDULE_EXPONENTIAL_DECAY_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_schedule_exponential_decay_args cn_schedule_exponential_decay_defaults;
CN_API cn_schedule *cn_schedule_exponential_decay_with(
    const cn_schedule_exponential_decay_args *args);
#define cn_schedule_exponential_decay(...)                                                         \
    CN__CALL(cn_schedule_exponential_decay_with, cn_schedule_exponential_decay_args,               \
             CN_SCHEDULE_EXPONENTIAL_DECAY_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.schedules.InverseTimeDecay: initial_learning_rate / (1 + decay_rate step /
 * decay_steps), with staircase as above. */
typedef struct cn_schedule_inverse_time_decay_args {
    size_t size;
    double initial_learning_rate;
    int64_t decay_steps;
    double decay_rate;
    bool staircase;   /* false */
    const char *name; /* None */
    CN__END;
} cn_schedule_inverse_time_decay_args;
#define CN_SCHEDULE_INVERSE_TIME_DECAY_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_schedule_inverse_time_decay_args cn_schedule_inverse_time_decay_defaults;
CN_API cn_schedule *cn_schedule_inverse_time_decay_with(
    const cn_schedule_inverse_time_decay_args *args);
#define cn_schedule_inverse_time_decay(...)                                                        \
    CN__CALL(cn_schedule_inverse_time_decay_with, cn_schedule_inverse_time_decay_args,             \
             CN_SCHEDULE_INVERSE_TIME_DECAY_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.schedules.PiecewiseConstantDecay: values.v[i] while step <= boundaries.v[i], the
 * last one after that; one value more than boundaries. `.boundaries = {{1000, 2000}, 2}, .values =
 * {{0.1, 0.01, 0.001}, 3}`. */
typedef struct cn_schedule_piecewise_constant_decay_args {
    size_t size;
    cn_floats boundaries;
    cn_floats values;
    const char *name; /* None */
    CN__END;
} cn_schedule_piecewise_constant_decay_args;
#define CN_SCHEDULE_PIECEWISE_CONSTANT_DECAY_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_schedule_piecewise_constant_decay_args
    cn_schedule_piecewise_constant_decay_defaults;
CN_API cn_schedule *cn_schedule_piecewise_constant_decay_with(
    const cn_schedule_piecewise_constant_decay_args *args);
#define cn_schedule_piecewise_constant_decay(...)                                                  \
    CN__CALL(cn_schedule_piecewise_constant_decay_with, cn_schedule_piecewise_constant_decay_args, \
             CN_SCHEDULE_PIECEWISE_CONSTANT_DECAY_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.schedules.PolynomialDecay: (initial - end)(1 - step / decay_steps)^power + end;
 * after decay_steps it stays, or with cycle decay_steps is stretched to the next multiple. */
typedef struct cn_schedule_polynomial_decay_args {
    size_t size;
    double initial_learning_rate;
    int64_t decay_steps;
    double end_learning_rate; /* 1e-4 */
    double power;             /* 1 */
    bool cycle;               /* false */
    const char *name;         /* None */
    CN__END;
} cn_schedule_polynomial_decay_args;
#define CN_SCHEDULE_POLYNOMIAL_DECAY_DEFAULTS .end_learning_rate = 1e-4, .power = 1
CN_API extern const cn_schedule_polynomial_decay_args cn_schedule_polynomial_decay_defaults;
CN_API cn_schedule *cn_schedule_polynomial_decay_with(
    const cn_schedule_polynomial_decay_args *args);
#define cn_schedule_polynomial_decay(...)                                                          \
    CN__CALL(cn_schedule_polynomial_decay_with, cn_schedule_polynomial_decay_args,                 \
             CN_SCHEDULE_POLYNOMIAL_DECAY_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.schedules.CosineDecay: initial_learning_rate ((1 - alpha) (1 + cos(pi step /
 * decay_steps)) / 2 + alpha); with a warmup_target, first a line from the initial rate to it in
 * warmup_steps. */
typedef struct cn_schedule_cosine_decay_args {
    size_t size;
    double initial_learning_rate;
    int64_t decay_steps;
    double alpha;         /* 0 */
    double warmup_target; /* None */
    int64_t warmup_steps; /* 0 */
    const char *name;     /* None */
    CN__END;
} cn_schedule_cosine_decay_args;
#define CN_SCHEDULE_COSINE_DECAY_DEFAULTS .warmup_target = CN_NONE_FLOAT
CN_API extern const cn_schedule_cosine_decay_args cn_schedule_cosine_decay_defaults;
CN_API cn_schedule *cn_schedule_cosine_decay_with(const cn_schedule_cosine_decay_args *args);
#define cn_schedule_cosine_decay(...)                                                              \
    CN__CALL(cn_schedule_cosine_decay_with, cn_schedule_cosine_decay_args,                         \
             CN_SCHEDULE_COSINE_DECAY_DEFAULTS, __VA_ARGS__)

/* keras.optimizers.schedules.CosineDecayRestarts: cosine decay that starts again, each time over
 * t_mul as many steps and from m_mul of the rate. */
typedef struct cn_schedule_cosine_decay_restarts_args {
    size_t size;
    double initial_learning_rate;
    int64_t first_decay_steps;
    double t_mul, m_mul, alpha; /* 2, 1, 0 */
    const char *name;           /* None */
    CN__END;
} cn_schedule_cosine_decay_restarts_args;
#define CN_SCHEDULE_COSINE_DECAY_RESTARTS_DEFAULTS .t_mul = 2, .m_mul = 1
CN_API extern const cn_schedule_cosine_decay_restarts_args
    cn_schedule_cosine_decay_restarts_defaults;
CN_API cn_schedule *cn_schedule_cosine_decay_restarts_with(
    const cn_schedule_cosine_decay_restarts_args *args);
#define cn_schedule_cosine_decay_restarts(...)                                                     \
    CN__CALL(cn_schedule_cosine_decay_restarts_with, cn_schedule_cosine_decay_restarts_args,       \
             CN_SCHEDULE_COSINE_DECAY_RESTARTS_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
