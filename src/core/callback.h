/* The struct behind cn_callback, and the window through which callbacks see the model that is
 * trained. */
#ifndef CN_CORE_CALLBACK_H
#define CN_CORE_CALLBACK_H

#include "core/instance.h"
#include <cornu/callbacks.h>

/* What a callback may do with a model. The trainer fills one in, for `model`; functions return 0 or
 * an error. */
typedef struct cn__training_view {
    double (*learning_rate)(cn_model *model); /* the float32 value, widened */
    int (*set_learning_rate)(cn_model *model, double rate);
    /* The model's weights in Keras's order: returns how many there are, fills at most `max`. */
    int (*weights)(cn_model *model, cn_tensor **out, int max);
    void (*stop_training)(cn_model *model);
    /* Whether a metric is better when it is larger (1) or smaller (-1), by its name in the logs
     * without "val_"; 0: not known. */
    int (*direction)(cn_model *model, const char *metric);
} cn__training_view;

struct cn_callback {
    cn__instance base; /* kind CALLBACK; base.class is a cn_callback_class */
    void *state;       /* class->state_bytes */
    cn_model *model;   /* not owned; with `view`, set by the trainer while it calls hooks */
    const cn__training_view *view;
    cn_callback_params params;
};

static inline const cn_callback_class *cn__callback_class(const cn_callback *callback)
{
    return (const cn_callback_class *)callback->base.class;
}

#endif
