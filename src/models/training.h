/* What fit, evaluate and predict share: data, programs of a model's steps, scores. */
#ifndef CN_MODELS_TRAINING_H
#define CN_MODELS_TRAINING_H

#include "metrics/metric.h"
#include "models/model.h"

/* Checked data of one call: inputs, targets, weights, all with the same number of rows. */
typedef struct cn__feed {
    int n_x, n_y;
    cn_tensor *x[CN__MODEL_MAX_IO], *y[CN__MODEL_MAX_IO], *w[CN__MODEL_MAX_IO];
    int64_t rows;
} cn__feed;

/* Checks counts and lengths with Keras's words; y may be empty for predict. Weights: one for all
 * outputs or one each. Class weights are turned into weights of rows. Tensors belong to the current
 * scope. */
int cn__feed_make(cn__feed *feed, cn_model *model, cn__phase phase, const cn_tensors *x,
                  const cn_tensors *y, const cn_tensors *weights, const cn_floats *class_weight);
/* Makes weights of layers, metrics and optimizer that are missing, and the trace of the phase for
 * data like this. */
int cn__model_prepare(cn_model *model, cn__phase phase, const cn__feed *feed);
/* Runs the phase on rows [row0, row0 + rows) of the feed, or on index[0 … rows - 1]. outputs[i]:
 * where output i goes. */
int cn__model_step(cn_model *model, cn__phase phase, const cn__feed *feed, int64_t row0,
                   int64_t rows, const int64_t *index, void *const *outputs);
int cn__model_reset_metrics(cn_model *model);
/* Scores so far, in the order of the model's Keras version (loss first; Keras 3 history sorts by
 * name itself). */
int cn__model_scores(cn_model *model, cn_scores *scores);
/* The names of the scores, ended by NULL; known once a phase has been prepared. NULL and an error
 * on failure. */
const char *const *cn__model_names(cn_model *model);
void cn__model_forget_compile(cn_model *model);
/* The plan of a phase for a number of rows, made at its first use; the model keeps the last
 * sixteen. */
cn__program *cn__model_program(cn_model *model, cn__phase phase, int64_t rows);
/* A call begins to use the model: CN_ESTATE if another thread trains it, or does anything with it
 * that is to be trained. A thread that trains may do anything with its model, from a callback. */
int cn__model_enter(cn_model *model, cn__phase phase, const char *who);
void cn__model_leave(cn_model *model, cn__phase phase);
/* The plan of a phase for data like these and a number of rows, prepared first where needed; the
 * caller's own reference. Safe beside other threads that predict. */
cn__program *cn__model_acquire(cn_model *model, cn__phase phase, const cn__feed *feed,
                               int64_t rows);
/* Around what makes or looks up a model's traces and programs; may be taken again by the thread
 * that has it. */
void cn__model_lock(const cn_model *model);
void cn__model_unlock(const cn_model *model);
/* Whether each output's loss has a log of its own: there are several outputs, and for Keras 3 more
 * than one of them has a loss. */
bool cn__model_logs_outputs(const cn_model *model);
/* CN_EVALUE for a batch size below 1, or for no steps at all. */
int cn__check_batch_size(int64_t batch);
int cn__check_steps(const char *name, int64_t steps);
/* CN_ESTATE with Keras's words if the model is not compiled. */
int cn__check_compiled(const cn_model *model);

/* What steps of the user's own log: forgetting it, resetting its metrics, its names in the phase at
 * hand (NULL: nothing is logged) and values. */
void cn__own_steps_free(cn_model *model);
int cn__own_reset(cn_model *model);
const char *const *cn__own_names(const cn_model *model);
int cn__own_scores(const cn_model *model, cn_scores *scores);

#endif
