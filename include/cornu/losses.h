/* Losses (keras.losses). */
#ifndef CORNU_LOSSES_H
#define CORNU_LOSSES_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arguments of every loss: reduction "sum_over_batch_size", "sum", "mean", "mean_with_sample_weight" or "none". */
#define CN_LOSS_ARGS                                                                               \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    const char *reduction;                                                                         \
    const char *dtype
#define CN_LOSS_DEFAULTS .reduction = "sum_over_batch_size"

typedef struct cn_loss_args {
    CN_LOSS_ARGS;
    CN__END;
} cn_loss_args;

/* One loss a sample: y_true and y_pred (batch, …, n) give (batch, …); reduction and weights are done for it. */
typedef struct cn_loss_class {
    cn_class base;
    cn_tensor *(*call)(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred);
} cn_loss_class;

CN_API cn_loss *cn_loss_new(const cn_loss_class *cls, const void *args);
CN_API const void *cn_loss_arguments(const cn_loss *loss);
CN_API int cn_register_loss(const cn_loss_class *cls, const char *package);
/* A loss from a function of (y_true, y_pred, user). */
CN_API cn_loss *cn_loss_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user),
                             void *user, const char *name);
/* The reduced value: loss(y_true, y_pred, sample_weight); sample_weight may be NULL. */
CN_API cn_tensor *cn_loss_call(cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred,
                               cn_tensor *sample_weight);
/* A loss from a name, JSON or object. */
CN_API cn_loss *cn_loss_get(cn_identifier identifier);

#ifdef __cplusplus
}
#endif
#endif
