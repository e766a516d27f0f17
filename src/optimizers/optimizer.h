/* The structs behind cn_optimizer and cn_schedule, and the macros of their records. */
#ifndef CN_OPTIMIZERS_OPTIMIZER_H
#define CN_OPTIMIZERS_OPTIMIZER_H

#include "core/instance.h"
#include <cornu/optimizers.h>

struct cn_schedule {
    cn__instance base; /* kind SCHEDULE; base.class is a cn_schedule_class */
};

struct cn_optimizer {
    cn__instance base;        /* kind OPTIMIZER; base.class is a cn_optimizer_class */
    bool legacy;              /* as tf.keras before 2.11 */
    bool constant_rate;       /* `decay` is not that of the learning rate (Nadam) */
    cn_tensor *iterations;    /* int64 scalar; owned, as all that follow */
    cn_tensor *learning_rate; /* float32 scalar; with a schedule the value of the last step */
    cn_schedule *schedule;    /* or NULL */
    cn_tensor *scalar;        /* of the class's own, or NULL */
    bool built;
    int64_t n_variables;
    cn_tensor **variables; /* that it was built for */
    cn_tensor **slots;    /* n_variables * class->n_slots; NULL where a variable has no such slot */
    cn_tensor **averages; /* n_variables if use_ema, else NULL */
    cn_tensor **accumulators; /* n_variables if gradients are accumulated, else NULL */
    cn_tensor **excluded;     /* from weight decay */
    int n_excluded;
    char **excluded_names; /* parts of names */
    int n_excluded_names;
};

static inline const cn_optimizer_class *cn__optimizer_class(const cn_optimizer *optimizer)
{
    return (const cn_optimizer_class *)optimizer->base.class;
}
/* The arguments that all have. */
static inline cn_optimizer_args *cn__optimizer_head(const cn_optimizer *optimizer)
{
    return optimizer->base.args;
}
/* The learning rate of the coming step as a float32 scalar, in ops. */
cn_tensor *cn__optimizer_rate(cn_optimizer *optimizer);
/* Sets the default of a learning rate that depends on the version: `old` for multi-backend Keras.
 */
void cn__optimizer_default_rate(cn_optimizer *optimizer, double rate, double old);
/* new = old + change, and so on: one assignment that fuses with what made `change`; 0 or an error.
 */
int cn__assign_add(cn_tensor *variable, cn_tensor *change);
int cn__assign_sub(cn_tensor *variable, cn_tensor *change);

/* cn_optimizer_<word>: defaults, record (its functions follow the defaults) and constructor. */
#define CN__OPTIMIZER_RECORD(word, keras_name, DEFAULTS, ...)                                      \
    const cn_optimizer_##word##_args cn_optimizer_##word##_defaults = {                            \
        .size = sizeof(cn_optimizer_##word##_args), DEFAULTS};                                     \
    const cn_optimizer_class cn__optimizer_##word = {                                              \
        .base = {.size = sizeof(cn_optimizer_class),                                               \
                 .name = keras_name,                                                               \
                 .module = "keras.optimizers",                                                     \
                 .args_size = sizeof(cn_optimizer_##word##_args),                                  \
                 .defaults = &cn_optimizer_##word##_defaults,                                      \
                 .fields = word##_fields},                                                         \
        __VA_ARGS__};                                                                              \
    cn_optimizer *cn_optimizer_##word##_with(const cn_optimizer_##word##_args *args)               \
    {                                                                                              \
        return cn_optimizer_new(&cn__optimizer_##word, args);                                      \
    }

#endif
