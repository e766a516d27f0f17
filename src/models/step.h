/* One step while it is being traced: its batch, its outputs, and the parts that a step of one's own
 * may use. */
#ifndef CN_MODELS_STEP_H
#define CN_MODELS_STEP_H

#include "models/training.h"

struct cn_step {
    cn_model *model;
    cn__phase phase;
    const cn__feed *feed;
    cn__trace *trace;
    cn_tensor *x[CN__MODEL_MAX_IO], *y[CN__MODEL_MAX_IO], *w[CN__MODEL_MAX_IO];
    cn_tensor *out[CN__MODEL_MAX_IO];
    int n_out;
};

/* Calls the model on the batch: fills out. */
int cn__step_forward(cn_step *step);
/* The total loss of what is in `out`, counted in the model's "loss". */
cn_tensor *cn__step_loss(cn_step *step);
/* One step of the model's optimizer on its trainable weights. */
int cn__step_minimize(cn_step *step, cn_tensor *loss);
/* Updates compile's metrics by what is in `out`. */
int cn__step_metrics(cn_step *step);
/* Runs the user's own step. */
int cn__step_custom(cn_step *step);

#endif
