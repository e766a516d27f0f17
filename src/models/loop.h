/* The loops around steps: hooks of callbacks, logs, bars. */
#ifndef CN_MODELS_LOOP_H
#define CN_MODELS_LOOP_H

#include "core/callback.h"
#include "models/training.h"
#include "utils/logs.h"
#include "utils/progress.h"

/* The callbacks of one call, bound to the model while it lasts. */
typedef struct cn__hooks {
    cn_callback *list[33];
    int n;
    cn_model *model;
} cn__hooks;

int cn__hooks_begin(cn__hooks *hooks, cn_model *model, const cn_callbacks *callbacks,
                    cn_callback_params params);
void cn__hooks_end(cn__hooks *hooks);

/* Which hook of the record, by its offset. */
#define CN__HOOK(name) offsetof(cn_callback_class, name)
/* Calls the hook of every callback in order, each in a scope of its own; 0 or the first error. */
int cn__hooks_call(cn__hooks *hooks, size_t hook, cn_logs *logs);
int cn__hooks_call_at(cn__hooks *hooks, size_t hook, int64_t number, cn_logs *logs);
/* Whether any callback has it. */
bool cn__hooks_have(const cn__hooks *hooks, size_t hook);

/* The model's scores so far, sorted by name where the model is of Keras 3. Made when first read. */
void cn__logs_of_model(cn_logs *logs, cn_model *model);

/* Runs the test phase over the feed; its scores end up in `logs`. `bar` may be NULL. */
int cn__evaluate_loop(cn_model *model, const cn__feed *feed, int64_t batch, int64_t steps,
                      cn__hooks *hooks, cn__progress *bar, cn_logs *logs);
int cn__predict_loop(cn_model *model, const cn__feed *feed, int64_t batch, int64_t rows,
                     const cn_predict_args *args, cn_tensor **results, int *n);
/* verbose "auto" is 1. */
int cn__verbosity(int verbose);

#endif
