/* Calling the hooks of callbacks, and the view through which they see the model. */
#include "models/loop.h"

#include "ops/op.h"

#include <string.h>

static double view_rate(cn_model *model)
{
    return cn_optimizer_learning_rate(model->optimizer);
}

static int view_set_rate(cn_model *model, double rate)
{
    return cn_optimizer_set_learning_rate(model->optimizer, rate);
}

static int view_weights(cn_model *model, cn_tensor **out, int max)
{
    return cn_layer_weights(&model->layer, out, max);
}

static void view_stop(cn_model *model)
{
    model->stop_training = true;
}

/* Keras 3 asks the metric itself; losses and errors get better downwards, accuracies and areas
 * upwards. */
static int view_direction(cn_model *model, const char *metric)
{
    static const char *const up[] = {"acc",         "accuracy",    "auc",     "precision",
                                     "recall",      "f1_score",    "fbeta",   "iou",
                                     "r2",          "top_k",       "true_",   "cosine_similarity",
                                     "specificity", "sensitivity", "pearson", "concordance"};
    size_t n = strlen(metric);
    if (!strcmp(metric, "loss") || (n > 5 && !strcmp(metric + n - 5, "_loss"))) {
        return -1;
    }
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        if (strstr(metric, up[i])) {
            return 1;
        }
    }
    for (int i = 0; i < model->n_names; i++) {
        if (!strcmp(model->names[i], metric)) {
            return -1;
        }
    }
    return 0;
}

static const cn__training_view view = {.learning_rate = view_rate,
                                       .set_learning_rate = view_set_rate,
                                       .weights = view_weights,
                                       .stop_training = view_stop,
                                       .direction = view_direction};

int cn__hooks_begin(cn__hooks *hooks, cn_model *model, const cn_callbacks *callbacks,
                    cn_callback_params params)
{
    *hooks = (cn__hooks){.model = model};
    for (int i = 0; i < 32 && callbacks->v[i]; i++) {
        int code = cn__expect(callbacks->v[i], CN__CALLBACK, "callbacks");
        if (code < 0) {
            return code;
        }
        hooks->list[hooks->n++] = callbacks->v[i];
    }
    for (int i = 0; i < hooks->n; i++) {
        hooks->list[i]->model = model;
        hooks->list[i]->view = &view;
        hooks->list[i]->params = params;
    }
    return 0;
}

void cn__hooks_end(cn__hooks *hooks)
{
    for (int i = 0; i < hooks->n; i++) {
        hooks->list[i]->model = NULL;
        hooks->list[i]->view = NULL;
    }
}

typedef int plain_hook(cn_callback *self, cn_logs *logs);
typedef int numbered_hook(cn_callback *self, int64_t number, cn_logs *logs);

static int call_hook(cn__hooks *hooks, size_t hook, bool numbered, int64_t number, cn_logs *logs)
{
    int code = 0;
    for (int i = 0; code == 0 && i < hooks->n; i++) {
        const char *record = (const char *)cn__callback_class(hooks->list[i]) + hook;
        cn_scope scope = {0};
        if (numbered) {
            numbered_hook *function;
            memcpy(&function, record, sizeof function);
            if (function) {
                scope = cn_scope_begin();
                code = function(hooks->list[i], number, logs);
            }
        } else {
            plain_hook *function;
            memcpy(&function, record, sizeof function);
            if (function) {
                scope = cn_scope_begin();
                code = function(hooks->list[i], logs);
            }
        }
        if (scope.id) {
            cn_scope_end(scope);
        }
        code = code < 0 ? code : cn_error_code();
    }
    return code;
}

int cn__hooks_call(cn__hooks *hooks, size_t hook, cn_logs *logs)
{
    return call_hook(hooks, hook, false, 0, logs);
}

int cn__hooks_call_at(cn__hooks *hooks, size_t hook, int64_t number, cn_logs *logs)
{
    return call_hook(hooks, hook, true, number, logs);
}

bool cn__hooks_have(const cn__hooks *hooks, size_t hook)
{
    for (int i = 0; i < hooks->n; i++) {
        plain_hook *function;
        memcpy(&function, (const char *)cn__callback_class(hooks->list[i]) + hook, sizeof function);
        if (function) {
            return true;
        }
    }
    return false;
}

static int fill_from_model(cn_logs *logs, void *user)
{
    cn_model *model = user;
    cn_scores scores;
    int code = cn__model_scores(model, &scores);
    for (int i = 0; code == 0 && i < scores.n; i++) {
        code = cn_logs_set(logs, scores.names[i], scores.values[i]);
    }
    if (code == 0 && cn__is_keras3(model->layer.base.keras)) {
        cn__logs_sort(logs, 0);
    }
    return code;
}

void cn__logs_of_model(cn_logs *logs, cn_model *model)
{
    cn__logs_reset(logs, fill_from_model, model);
}

int cn__verbosity(int verbose)
{
    return verbose < 0 ? 1 : verbose;
}
