/* Steps of the user's own: what they see of a batch, and what they log. */
#include "models/step.h"

#include "ops/op.h"

#include <string.h>

enum { MAX_LOGS = 32 };

static void forget_logs(cn__own_step *own)
{
    for (int i = 0; i < own->n_logs; i++) {
        cn__free_mem(own->logs[i].name);
        cn__unref(own->logs[i].metric);
        cn__unref(own->logs[i].value);
    }
    own->n_logs = 0;
    memset(own->logs, 0, sizeof own->logs);
}

void cn__own_steps_free(cn_model *model)
{
    forget_logs(&model->steps[CN__TRAIN]);
    forget_logs(&model->steps[CN__TEST]);
}

static int set_step(cn_model *model, cn__phase phase, cn_step_body body, void *user,
                    const char *who)
{
    if (!cn__check_model(model, who)) {
        return cn_error_code();
    }
    cn__own_step *own = &model->steps[phase];
    forget_logs(own);
    own->body = body;
    own->user = user;
    cn__layer_changed(&model->layer);
    return 0;
}

int cn_model_set_train_step(cn_model *model, cn_step_body body, void *user)
{
    return set_step(model, CN__TRAIN, body, user, "cn_model_set_train_step");
}

int cn_model_set_test_step(cn_model *model, cn_step_body body, void *user)
{
    return set_step(model, CN__TEST, body, user, "cn_model_set_test_step");
}

int cn__step_custom(cn_step *step)
{
    cn_model *model = step->model;
    cn__own_step *own = &model->steps[step->phase];
    forget_logs(own);
    int code = own->body(model, step, own->user);
    cn__layer_clear_all_losses(&model->layer);
    if (code < 0 && !cn__pending()) {
        cn__fail(code, "Model \"%s\": its %s step failed with code %d", model->layer.base.name,
                 step->phase == CN__TRAIN ? "train" : "test", code);
    }
    return cn_error_code();
}

static cn_tensor *at(cn_tensor *const *list, int n, int index)
{
    return index >= 0 && index < n ? list[index] : NULL;
}

cn_tensor *cn_step_x(const cn_step *step, int index)
{
    return at(step->x, step->feed->n_x, index);
}

cn_tensor *cn_step_y(const cn_step *step, int index)
{
    return at(step->y, step->feed->n_y, index);
}

cn_tensor *cn_step_sample_weight(const cn_step *step, int index)
{
    return at(step->w, step->feed->n_y, index);
}

bool cn_step_training(const cn_step *step)
{
    return step->phase == CN__TRAIN;
}

cn_tensor *cn_step_forward(cn_step *step)
{
    return cn__pending() || cn__step_forward(step) < 0 ? NULL : step->out[0];
}

cn_tensor *cn_step_output(const cn_step *step, int index)
{
    return at(step->out, step->n_out, index);
}

/* The outputs that losses and metrics are about. */
static int take_outputs(cn_step *step, const cn_tensors *y_pred, const char *who)
{
    int n = 0;
    if (cn__pending()) {
        return CN_EPENDING;
    }
    for (; n < CN__MODEL_MAX_IO && y_pred->v[n]; n++) {
        if (cn__expect(y_pred->v[n], CN__TENSOR, who) < 0) {
            return cn_error_code();
        }
        step->out[n] = y_pred->v[n];
    }
    if (n == 0 || n > step->feed->n_y) {
        return cn__fail(CN_EVALUE, "%s: expected 1 to %d outputs, as many as targets, got %d", who,
                        step->feed->n_y, n);
    }
    step->n_out = n;
    return 0;
}

cn_tensor *cn_step_compute_loss_of(cn_step *step, cn_tensors y_pred)
{
    return take_outputs(step, &y_pred, "cn_step_compute_loss") < 0 ? NULL : cn__step_loss(step);
}

int cn_step_minimize(cn_step *step, cn_tensor *loss)
{
    if (!cn__check_tensor(loss, "cn_step_minimize")) {
        return cn_error_code();
    }
    if (step->phase != CN__TRAIN) {
        return cn__fail(CN_ESTATE, "cn_step_minimize: a test step trains nothing");
    }
    return cn__step_minimize(step, loss);
}

int cn_step_update_metrics_of(cn_step *step, cn_tensors y_pred)
{
    int code = take_outputs(step, &y_pred, "cn_step_update_metrics");
    return code < 0 ? code : cn__step_metrics(step);
}

static struct cn__own_log *add_log(cn_step *step, const char *name)
{
    cn__own_step *own = &step->model->steps[step->phase];
    for (int i = 0; i < own->n_logs; i++) {
        if (strcmp(own->logs[i].name, name) == 0) {
            cn__fail(CN_EVALUE, "cn_step_log: \"%.64s\" is logged twice", name);
            return NULL;
        }
    }
    if (own->n_logs == MAX_LOGS) {
        cn__fail(CN_EVALUE, "cn_step_log: at most %d values can be logged", MAX_LOGS);
        return NULL;
    }
    struct cn__own_log *log = &own->logs[own->n_logs];
    log->name = cn__strdup(name);
    if (!log->name) {
        return NULL;
    }
    own->names[own->n_logs++] = log->name;
    own->names[own->n_logs] = NULL;
    return log;
}

int cn_step_log_metric(cn_step *step, cn_metric *metric)
{
    int code = cn__pending() ? CN_EPENDING : cn__expect(metric, CN__METRIC, "cn_step_log_metric");
    struct cn__own_log *log = code < 0 ? NULL : add_log(step, cn_metric_name(metric));
    if (log) {
        log->metric = cn__ref(metric);
    }
    return code < 0 ? code : cn_error_code();
}

int cn_step_log(cn_step *step, const char *name, cn_tensor *value)
{
    if (!cn__check_tensor(value, "cn_step_log")) {
        return cn_error_code();
    }
    if (!name) {
        return cn__fail(CN_EVALUE, "cn_step_log: expected a name, got NULL");
    }
    if (value->shape.rank) {
        char text[256];
        return cn__fail(CN_EVALUE, "cn_step_log: \"%.64s\" must be a scalar, got shape %s", name,
                        cn__shape_text(&value->shape, text, sizeof text));
    }
    struct cn__own_log *log = add_log(step, name);
    if (!log) {
        return cn_error_code();
    }
    log->value = cn__variable_new(name, CN_FLOAT32, &(cn_shape){0}, false);
    if (!log->value) {
        return CN_ENOMEM;
    }
    *(float *)(void *)log->value->data = 0;
    return (cn_assign)(log->value, value);
}

int cn__own_reset(cn_model *model)
{
    int code = 0;
    for (int phase = CN__TRAIN; phase <= CN__TEST; phase++) {
        const cn__own_step *own = &model->steps[phase];
        for (int i = 0; code == 0 && i < own->n_logs; i++) {
            code = own->logs[i].metric ? cn_metric_reset(own->logs[i].metric) : 0;
        }
    }
    return code;
}

const char *const *cn__own_names(const cn_model *model)
{
    const cn__own_step *own =
        model->scored_phase < CN__PREDICT ? &model->steps[model->scored_phase] : NULL;
    return own && own->n_logs ? own->names : NULL;
}

int cn__own_scores(const cn_model *model, cn_scores *scores)
{
    const cn__own_step *own = &model->steps[model->scored_phase];
    cn_scope scope = cn_scope_begin();
    for (int i = 0; !cn__pending() && i < own->n_logs; i++) {
        const cn_tensor *value =
            own->logs[i].metric ? cn_metric_result(own->logs[i].metric) : own->logs[i].value;
        scores->names[i] = own->logs[i].name;
        scores->values[i] = value ? cn_tensor_value(value) : 0;
    }
    cn_scope_end(scope);
    scores->n = cn__pending() ? 0 : own->n_logs;
    return cn_error_code();
}
