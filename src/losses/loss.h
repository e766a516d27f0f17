/* The struct behind cn_loss, and what losses and metrics share: ranks that are made to match,
 * counts, safe division. */
#ifndef CN_LOSSES_LOSS_H
#define CN_LOSSES_LOSS_H

#include "core/instance.h"
#include <cornu/losses.h>

struct cn_loss {
    cn__instance base; /* kind LOSS; base.class is a cn_loss_class */
    cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user); /* of cn_loss_from */
    void *user;
};

/* cn_loss_<word> with an argument struct of its own: defaults, record and constructor. */
#define CN__LOSS_RECORD(word, keras_name, other_names, DEFAULTS)                                   \
    const cn_loss_##word##_args cn_loss_##word##_defaults = {                                      \
        .size = sizeof(cn_loss_##word##_args), DEFAULTS};                                          \
    const cn_loss_class cn__loss_##word = {.base = {.size = sizeof(cn_loss_class),                 \
                                                    .name = keras_name,                            \
                                                    .module = "keras.losses",                      \
                                                    .aliases = other_names,                        \
                                                    .args_size = sizeof(cn_loss_##word##_args),    \
                                                    .defaults = &cn_loss_##word##_defaults,        \
                                                    .fields = word##_fields},                      \
                                           .call = word};                                          \
    cn_loss *cn_loss_##word##_with(const cn_loss_##word##_args *args)                              \
    {                                                                                              \
        return cn_loss_new(&cn__loss_##word, args);                                                \
    }

/* The same for a loss without arguments of its own. */
#define CN__LOSS_PLAIN(word, keras_name, other_names)                                              \
    const cn_loss_class cn__loss_##word = {.base = {.size = sizeof(cn_loss_class),                 \
                                                    .name = keras_name,                            \
                                                    .module = "keras.losses",                      \
                                                    .aliases = other_names,                        \
                                                    .args_size = sizeof(cn_loss_args),             \
                                                    .defaults = &cn_loss_defaults},                \
                                           .call = word};                                          \
    cn_loss *cn_loss_##word##_with(const cn_loss_args *args)                                       \
    {                                                                                              \
        return cn_loss_new(&cn__loss_##word, args);                                                \
    }

/* One value a sample, with y_true and y_pred made to match; a mask that the loss made is on the
 * result. */
cn_tensor *cn__loss_values(const cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred);
/* What a model does before it calls a loss or metric (tf.keras's match_dtype_and_rank): targets and
 * weights of rank 1 beside an output of rank 2 get a last axis. `sample_weight` may point to NULL.
 */
int cn__loss_match(cn_tensor **y_true, cn_tensor *y_pred, cn_tensor **sample_weight);
/* Whether accuracy and cross-entropy of these shapes are binary or sparse (Keras's
 * is_binary_or_sparse_categorical). */
void cn__target_kind(const cn_shape *y_true, const cn_shape *y_pred, bool *binary, bool *sparse);
/* cn_loss_get, with "crossentropy" and "ce" chosen by the shapes. One reference for the caller. */
cn_loss *cn__loss_resolve(cn_identifier identifier, const cn_shape *y_true, const cn_shape *y_pred);

/* Makes ranks that differ by one the same, as Keras 3 (squeeze_or_expand_to_same_rank) or tf.keras
 * do. 0 or an error. */
int cn__match_ranks(cn_tensor **a, cn_tensor **b, bool expand_rank_1);
int cn__match_targets_keras2(cn_tensor **y_true, cn_tensor **y_pred);
int cn__match_weights_keras2(cn_tensor *values, cn_tensor **weights);
/* Merges a mask into sample weights. `scaled`: entries that count are weighted total / valid, so
 * that a mean over all is one over those. Either of mask and weights may be NULL; so may the
 * result. 0 or an error. */
int cn__apply_mask(cn_tensor **weights, cn_tensor *mask, cn_dtype dtype, bool scaled, int keras);

/* The number of elements as a float scalar, whatever the batch. */
cn_tensor *cn__count(cn_tensor *x);
/* a / b, 0 where b is 0. */
cn_tensor *cn__divide_no_nan(cn_tensor *a, cn_tensor *b);
cn_tensor *cn__last_mean(cn_tensor *x);
cn_tensor *cn__last_sum(cn_tensor *x);
/* A float32 constant: hyper-parameters are rounded to float32 before they are used. */
cn_tensor *cn__constant(double value);
/* y_true in y_pred's dtype. */
cn_tensor *cn__like(cn_tensor *y_true, const cn_tensor *y_pred);
/* The length of an axis of y_pred as a number, or a scalar counted when the program runs. */
cn_tensor *cn__length(cn_tensor *x, int64_t axis);

#endif
