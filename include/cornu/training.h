/* Training and test steps of one's own: what keras.Model.train_step and test_step do, overridden.
 */
#ifndef CORNU_TRAINING_H
#define CORNU_TRAINING_H

#include <cornu/models.h>
#include <cornu/tape.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One batch, while a model's step is being traced: its tensors have no values. */
typedef struct cn_step cn_step;

/* What happens with a batch, in ops: tapes, cn_optimizer_apply_gradients, cn_metric_update. It is
 * called once for each kind of data and then run as a program, for fit and train_on_batch, or
 * evaluate and test_on_batch. 0 or a negative code. */
typedef int (*cn_step_body)(cn_model *model, cn_step *step, void *user);

/* Replaces the model's train_step; NULL: Keras's own again. The model must be compiled all the
 * same, with the optimizer that cn_step_minimize uses; it needs no loss if the step computes one.
 * `user` must outlive the model's training. */
CN_API int cn_model_set_train_step(cn_model *model, cn_step_body body, void *user);
/* Replaces test_step. */
CN_API int cn_model_set_test_step(cn_model *model, cn_step_body body, void *user);

/* The i-th input, target (NULL past the end) and sample weight (NULL: none was given) of the batch.
 */
CN_API cn_tensor *cn_step_x(const cn_step *step, int index);
CN_API cn_tensor *cn_step_y(const cn_step *step, int index);
CN_API cn_tensor *cn_step_sample_weight(const cn_step *step, int index);
/* Whether this is a training step. */
CN_API bool cn_step_training(const cn_step *step);
/* self(x, training): calls the model on the batch's inputs; output 0, others by cn_step_output. */
CN_API cn_tensor *cn_step_forward(cn_step *step);
CN_API cn_tensor *cn_step_output(const cn_step *step, int index);
/* compute_loss(x, y, y_pred, sample_weight): compile's loss of these outputs (a tensor or a
 * cn_list), with the losses that layers have added; a scalar, whose mean over the epoch is "loss".
 */
#define cn_step_compute_loss(step, y_pred) cn_step_compute_loss_of(step, CN__DATA(y_pred))
CN_API cn_tensor *cn_step_compute_loss_of(cn_step *step, cn_tensors y_pred);
/* optimizer.minimize(loss, self.trainable_variables). */
CN_API int cn_step_minimize(cn_step *step, cn_tensor *loss);
/* compute_metrics(x, y, y_pred, sample_weight): updates compile's metrics. */
#define cn_step_update_metrics(step, y_pred) cn_step_update_metrics_of(step, CN__DATA(y_pred))
CN_API int cn_step_update_metrics_of(cn_step *step, cn_tensors y_pred);
/* What the step returns to be logged, in this order; if it names nothing, "loss" and compile's
 * metrics are. A metric's result is over the epoch (it is reset at each one's start); a scalar is
 * that of the last batch. */
CN_API int cn_step_log_metric(cn_step *step, cn_metric *metric);
CN_API int cn_step_log(cn_step *step, const char *name, cn_tensor *value);

#ifdef __cplusplus
}
#endif
#endif
