/* Scores: the values of losses and metrics so far, with their names in Keras's order. */
#include "models/training.h"

#include "ops/op.h"

#include <stdio.h>
#include <string.h>

static void zero(cn_tensor *variable)
{
    if (variable) {
        memset(cn__data_write(variable), 0, cn__bytes(variable));
    }
}

int cn__model_reset_metrics(cn_model *model)
{
    zero(model->loss_total);
    zero(model->loss_count);
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        zero(model->output_total[i]);
        zero(model->output_count[i]);
    }
    int code = 0;
    for (int i = 0; code == 0 && i < model->n_metrics; i++) {
        code = model->metrics[i].metric ? cn_metric_reset(model->metrics[i].metric) : 0;
    }
    code = code < 0 ? code : cn__layer_reset_metrics(&model->layer);
    return code < 0 ? code : cn__own_reset(model);
}

bool cn__model_logs_outputs(const cn_model *model)
{
    int losses = 0;
    for (int i = 0; i < model->n_outputs && i < CN__MODEL_MAX_IO; i++) {
        losses += model->losses[i] != NULL;
    }
    return model->n_outputs > 1 && (losses > 1 || !cn__is_keras3(model->layer.base.keras));
}

static bool taken(const cn_model *model, const char *name)
{
    for (int i = 0; i < model->n_names; i++) {
        if (!strcmp(model->names[i], name)) {
            return true;
        }
    }
    return false;
}

static int add_name(cn_model *model, char *name)
{
    if (!name) {
        return CN_ENOMEM;
    }
    model->names[model->n_names++] = name;
    return 0;
}

static const char *output_name(const cn_model *model, int i, char *buffer, size_t size)
{
    if (model->output_names[i]) {
        return model->output_names[i];
    }
    char number[16];
    snprintf(number, sizeof number, "%d", i + 1);
    snprintf(buffer, size, "output_%s", number);
    return buffer;
}

enum { MAX_LAYER_METRICS = 32 };

/* What layers measure by themselves (add_metric) comes last. */
static int add_layer_names(cn_model *model)
{
    cn_metric *metrics[MAX_LAYER_METRICS];
    int n = cn__layer_metrics(&model->layer, metrics, MAX_LAYER_METRICS), code = n < 0 ? n : 0;
    for (int i = 0; code == 0 && i < n; i++) {
        if (model->n_names < 63) {
            code = add_name(model, cn__strdup(cn_metric_name(metrics[i])));
        }
    }
    return code;
}

/* Training in tf.keras puts the output's name into the metric itself, whose config has it from then
 * on: a model that is read goes on under the same names. */
static bool is_prefixed(const cn_model *model, const cn__model_metric *m, const char *name,
                        const char *output)
{
    size_t n = strlen(output);
    bool from_config = !cn__identifier_kind(m->identifier) && *(const char *)m->identifier == '{';
    return from_config && !cn__is_keras3(model->layer.base.keras) &&
           strncmp(name, output, n) == 0 && name[n] == '_';
}

/* loss, one loss an output if there are several, then the metrics; a name that is taken gets
 * "weighted_" or a number. */
static int add_names(cn_model *model)
{
    char buffer[64];
    int code = add_name(model, cn__strdup("loss"));
    for (int i = 0; code == 0 && cn__model_logs_outputs(model) && i < model->n_outputs; i++) {
        if (model->losses[i]) {
            code = add_name(model,
                            cn__printf("%s_loss", output_name(model, i, buffer, sizeof buffer)));
        }
    }
    for (int i = 0; code == 0 && i < model->n_metrics; i++) {
        cn__model_metric *m = &model->metrics[i];
        const char *base = m->metric ? cn_metric_name(m->metric) : "metric";
        const char *output = output_name(model, m->output, buffer, sizeof buffer);
        char *name = model->n_outputs > 1 && !is_prefixed(model, m, base, output)
                         ? cn__printf("%s_%s", output, base)
                         : cn__strdup(base);
        if (name && taken(model, name) && m->weighted) {
            char *longer = model->n_outputs > 1 ? cn__printf("%s_weighted_%s", output, base)
                                                : cn__printf("weighted_%s", base);
            cn__free_mem(name);
            name = longer;
        }
        for (int k = 1; name && taken(model, name); k++) {
            char *longer = cn__printf("%s_%d", base, k);
            cn__free_mem(name);
            name = longer;
        }
        code = add_name(model, name);
    }
    return code < 0 ? code : add_layer_names(model);
}

/* All of them or none: half a list would count as made. */
static int make_names(cn_model *model)
{
    int code = model->n_names ? 0 : add_names(model);
    for (; code < 0 && model->n_names; model->n_names--) {
        cn__free_mem(model->names[model->n_names - 1]);
        model->names[model->n_names - 1] = NULL;
    }
    return code;
}

const char *const *cn__model_names(cn_model *model)
{
    if (cn__own_names(model)) {
        return cn__own_names(model);
    }
    if (make_names(model) < 0) {
        return NULL;
    }
    model->names[model->n_names] = NULL;
    return (const char *const *)model->names;
}

static double mean_of(const cn_tensor *total, const cn_tensor *n)
{
    float t = *(const float *)cn__data(total), c = *(const float *)cn__data(n);
    return c != 0 ? (double)(t / c) : 0;
}

int cn__model_scores(cn_model *model, cn_scores *scores)
{
    memset(scores, 0, sizeof *scores);
    if (cn__own_names(model)) {
        return cn__own_scores(model, scores);
    }
    int code = make_names(model);
    if (code < 0) {
        return code;
    }
    model->has_run = true;
    int n = 0;
    scores->values[n++] = mean_of(model->loss_total, model->loss_count);
    for (int i = 0; cn__model_logs_outputs(model) && i < model->n_outputs; i++) {
        if (model->losses[i]) {
            scores->values[n++] = mean_of(model->output_total[i], model->output_count[i]);
        }
    }
    cn_scope scope = cn_scope_begin();
    for (int i = 0; code == 0 && i < model->n_metrics; i++) {
        cn_tensor *result =
            model->metrics[i].metric ? cn_metric_result(model->metrics[i].metric) : NULL;
        if (model->metrics[i].metric && !result) {
            code = cn_error_code();
        } else {
            scores->values[n++] = result ? cn_tensor_value(result) : 0;
        }
    }
    cn_metric *added[MAX_LAYER_METRICS];
    int n_added = cn__layer_metrics(&model->layer, added, MAX_LAYER_METRICS);
    for (int i = 0; code == 0 && i < n_added && n < model->n_names; i++) {
        cn_tensor *result = cn_metric_result(added[i]);
        scores->values[n++] = result ? cn_tensor_value(result) : 0;
    }
    code = code < 0 ? code : cn_error_code();
    cn_scope_end(scope);
    scores->n = code < 0 ? 0 : n;
    for (int i = 0; i < n; i++) {
        scores->names[i] = model->names[i];
    }
    return code;
}

const char *cn_model_metrics_name(const cn_model *model, int index)
{
    if (!cn__check_model(model, "cn_model_metrics_name") || index < 0) {
        return NULL;
    }
    if (cn__is_keras3(model->layer.base.keras)) {
        if (index == 0) {
            return model->compiled ? "loss" : NULL;
        }
        if (index == 1 && model->n_metrics) {
            return "compile_metrics";
        }
        int at = index - (model->n_metrics ? 1 : 0);
        return model->has_run && cn__model_logs_outputs(model) &&
                       at < model->n_names - model->n_metrics
                   ? model->names[at]
                   : NULL;
    }
    return model->has_run && index < model->n_names ? model->names[index] : NULL;
}
