/* Metrics (keras.metrics). */
#ifndef CORNU_METRICS_H
#define CORNU_METRICS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CN_METRIC_ARGS                                                                             \
    size_t size;                                                                                   \
    const char *name;                                                                              \
    const char *dtype
#define CN_METRIC_DEFAULTS .name = NULL

typedef struct cn_metric_args {
    CN_METRIC_ARGS;
    CN__END;
} cn_metric_args;

/* A metric: state in variables, an update and a result written in ops (they are traced into the training step). */
typedef struct cn_metric_class {
    cn_class base;
    int (*init)(cn_metric *self); /* adds the variables that do not depend on shapes */
    int (*build)(cn_metric *self, const cn_shape *y_true, const cn_shape *y_pred); /* those that do */
    int (*update)(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *sample_weight);
    cn_tensor *(*result)(cn_metric *self);
    int (*reset)(cn_metric *self); /* NULL: every variable to its initial value */
    /* A metric that is the mean of one value a sample (accuracies, losses as metrics): instead of the above. */
    cn_tensor *(*values)(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred);
    size_t state_bytes;
    void (*destroy)(void *state);
} cn_metric_class;

CN_API cn_metric *cn_metric_new(const cn_metric_class *cls, const void *args);
CN_API const void *cn_metric_arguments(const cn_metric *metric);
CN_API void *cn_metric_state(const cn_metric *metric);
CN_API int cn_register_metric(const cn_metric_class *cls, const char *package);
CN_API cn_metric *cn_metric_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user),
                                 void *user, const char *name);
CN_API cn_metric *cn_metric_get(cn_identifier identifier);
/* A float32 variable of the metric's, zero at reset (or `initial`). */
CN_API cn_tensor *cn_metric_add_variable(cn_metric *metric, const char *name, const cn_shape *shape,
                                         double initial);
CN_API cn_tensor *cn_metric_variable(const cn_metric *metric, int index);
CN_API int cn_metric_update(cn_metric *metric, cn_tensor *y_true, cn_tensor *y_pred,
                            cn_tensor *sample_weight);
CN_API cn_tensor *cn_metric_result(cn_metric *metric);
CN_API int cn_metric_reset(cn_metric *metric);
CN_API const char *cn_metric_name(const cn_metric *metric);

#ifdef __cplusplus
}
#endif
#endif
