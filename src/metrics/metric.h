/* The struct behind cn_metric, what metrics share, and the macros of their records. */
#ifndef CN_METRICS_METRIC_H
#define CN_METRICS_METRIC_H

#include "losses/loss.h"
#include <cornu/metrics.h>

struct cn_metric {
    cn__instance base; /* kind METRIC; base.class is a cn_metric_class */
    void *state;       /* class->state_bytes */
    cn_tensor **variables;
    double *initial; /* the value of each variable at reset */
    int n_variables;
    bool built;
    cn_loss *loss; /* whose values it averages; owned; or NULL */
    cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user);
    void *user;
};

static inline const cn_metric_class *cn__metric_class(const cn_metric *metric)
{
    return (const cn_metric_class *)metric->base.class;
}

/* The metric that a model makes of an identifier for an output of these shapes: "accuracy", "acc",
 * "crossentropy" and "ce" by shapes, or by the loss in Keras up to 2.3; a loss's name or object
 * becomes its mean; a string is the metric's name where Keras makes it so. One reference for the
 * caller, an object's own is shared. */
cn_metric *cn__metric_resolve(cn_identifier identifier, const cn_shape *y_true,
                              const cn_shape *y_pred, const cn_loss *loss, int keras);
/* 1: better when larger, -1: when smaller, 0: not known. */
int cn__metric_direction(const cn_metric *metric);
int cn__metric_rename(cn_metric *metric, const char *name);

/* The mean of values: variables, update with weights as the version reduces them, result. */
int cn__mean_init(cn_metric *self);
int cn__mean_update(cn_metric *self, cn_tensor *values, cn_tensor *sample_weight);
cn_tensor *cn__mean_result(cn_metric *self);
/* variable += value */
int cn__metric_add(cn_metric *self, int variable, cn_tensor *value);
/* A variable shaped like a list of `n`; n < 0: a scalar. */
int cn__metric_vector(cn_metric *self, const char *name, int64_t n);
/* How many numbers a list of floats has that was written without a count. */
int cn__floats_count(const cn_floats *f);

/* Values of the mean of a loss, and the init that makes the loss from the metric's arguments. */
cn_tensor *cn__loss_metric_values(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred);
int cn__loss_metric_init(cn_metric *self, const cn_loss_class *class, const void *args);

#define CN__METRIC_BASE(word, keras_name, other_names, T, default_args, table)                     \
    .base = {.size = sizeof(cn_metric_class),                                                      \
             .name = keras_name,                                                                   \
             .module = "keras.metrics",                                                            \
             .aliases = other_names,                                                               \
             .args_size = sizeof(T),                                                               \
             .defaults = &default_args,                                                            \
             .fields = table}
/* cn_metric_<word> with an argument struct of its own (fields in <word>_fields): defaults, record
 * and constructor. */
#define CN__METRIC_RECORD(word, keras_name, other_names, DEFAULTS, ...)                            \
    const cn_metric_##word##_args cn_metric_##word##_defaults = {                                  \
        .size = sizeof(cn_metric_##word##_args), DEFAULTS};                                        \
    const cn_metric_class cn__metric_##word = {                                                    \
        CN__METRIC_BASE(word, keras_name, other_names, cn_metric_##word##_args,                    \
                        cn_metric_##word##_defaults, word##_fields),                               \
        __VA_ARGS__};                                                                              \
    cn_metric *cn_metric_##word##_with(const cn_metric_##word##_args *args)                        \
    {                                                                                              \
        return cn_metric_new(&cn__metric_##word, args);                                            \
    }
/* The same for a metric without arguments of its own. */
#define CN__METRIC_PLAIN(word, keras_name, other_names, ...)                                       \
    const cn_metric_class cn__metric_##word = {                                                    \
        CN__METRIC_BASE(word, keras_name, other_names, cn_metric_args, cn_metric_defaults, NULL),  \
        __VA_ARGS__};                                                                              \
    cn_metric *cn_metric_##word##_with(const cn_metric_args *args)                                 \
    {                                                                                              \
        return cn_metric_new(&cn__metric_##word, args);                                            \
    }

#endif
