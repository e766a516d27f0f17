/* Optimizers and learning-rate schedules (keras.optimizers). */
#ifndef CORNU_OPTIMIZERS_H
#define CORNU_OPTIMIZERS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arguments of every optimizer. NaN and CN_NONE mean None. learning_rate takes a number; a schedule goes into
 * learning_rate_schedule. */
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
    double decay /* of Keras before 2.11 and of legacy optimizers */
#define CN_OPTIMIZER_DEFAULTS                                                                      \
    .weight_decay = CN_NONE_FLOAT, .clipnorm = CN_NONE_FLOAT, .global_clipnorm = CN_NONE_FLOAT,    \
    .clipvalue = CN_NONE_FLOAT, .ema_momentum = 0.99, .ema_overwrite_frequency = CN_NONE,          \
    .loss_scale_factor = CN_NONE_FLOAT, .gradient_accumulation_steps = CN_NONE

typedef struct cn_optimizer_args {
    CN_OPTIMIZER_ARGS;
    CN__END;
} cn_optimizer_args;

/* An optimizer: slots a variable, and one update written in ops; it is traced into the training step and fused into one pass over
 * the weight's memory. */
typedef struct cn_optimizer_class {
    cn_class base;
    int n_slots;
    const char *const *slot_names; /* "momentum", "velocity": Keras 3's words; n_slots of them */
    /* Initial value of a slot; NULL: zeros. */
    double (*slot_initial)(const cn_optimizer *self, int slot);
    /* Which slots this configuration has (SGD without momentum has none); NULL: all. */
    bool (*has_slot)(const cn_optimizer *self, int slot);
    /* Scalars that all variables share (bias corrections), once a step: fills at most 8; NULL: none. */
    int (*prepare)(cn_optimizer *self, cn_tensor *learning_rate, cn_tensor *step, cn_tensor **shared);
    /* Assigns to the variable and its slots, in ops. `step` counts from 1 and is float32, as is the learning rate. */
    int (*update)(cn_optimizer *self, cn_tensor *variable, cn_tensor *gradient, cn_tensor *const *slots,
                  cn_tensor *learning_rate, cn_tensor *step, cn_tensor *const *shared);
} cn_optimizer_class;

CN_API cn_optimizer *cn_optimizer_new(const cn_optimizer_class *cls, const void *args);
CN_API const void *cn_optimizer_arguments(const cn_optimizer *optimizer);
CN_API int cn_register_optimizer(const cn_optimizer_class *cls, const char *package);
CN_API cn_optimizer *cn_optimizer_get(cn_identifier identifier);
/* Makes the slots for these variables. */
CN_API int cn_optimizer_build(cn_optimizer *optimizer, int n, cn_tensor *const *variables);
/* One step: clipping, decay, update, moving average, constraints, iterations + 1. A NULL gradient leaves its variable. */
CN_API int cn_optimizer_apply_gradients(cn_optimizer *optimizer, int n, cn_tensor *const *gradients,
                                        cn_tensor *const *variables);
/* The learning rate as Keras shows it: the float32 value widened to double. */
CN_API double cn_optimizer_learning_rate(const cn_optimizer *optimizer);
CN_API int cn_optimizer_set_learning_rate(cn_optimizer *optimizer, double learning_rate);
CN_API int64_t cn_optimizer_iterations(const cn_optimizer *optimizer);
/* The optimizer's own variables in the order of its Keras version: iterations[, learning_rate], slots. Returns how many. */
CN_API int cn_optimizer_variables(const cn_optimizer *optimizer, cn_tensor **out, int max);
/* Writes the moving averages into the variables, if use_ema (finalize_variable_values). */
CN_API int cn_optimizer_finalize(cn_optimizer *optimizer, int n, cn_tensor *const *variables);

/* The learning rate at `step` (an integer scalar tensor), float32. */
typedef struct cn_schedule_class {
    cn_class base;
    cn_tensor *(*call)(const cn_schedule *self, cn_tensor *step);
} cn_schedule_class;
CN_API cn_schedule *cn_schedule_new(const cn_schedule_class *cls, const void *args);
CN_API const void *cn_schedule_arguments(const cn_schedule *schedule);
CN_API int cn_register_schedule(const cn_schedule_class *cls, const char *package);
CN_API cn_tensor *cn_schedule_call(const cn_schedule *schedule, cn_tensor *step);

#ifdef __cplusplus
}
#endif
#endif
