/* compile: which optimizer, losses and metrics train a model. */
#include "models/training.h"

#include "core/instance.h"

#include <string.h>

const cn_compile_args cn_compile_defaults = {.size = sizeof(cn_compile_args), CN_COMPILE_DEFAULTS};

static void forget_compile(cn_model *model)
{
    cn__unref(model->optimizer);
    model->optimizer = NULL;
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        cn__unref(model->losses[i]);
        model->losses[i] = NULL;
    }
    for (int i = 0; i < model->n_metrics; i++) {
        cn__model_metric *m = &model->metrics[i];
        cn__unref(m->metric);
        cn__free_mem(m->name);
        if (cn__identifier_kind(m->identifier)) {
            cn__unref((void *)(uintptr_t)m->identifier);
        } else {
            cn__free_mem((void *)(uintptr_t)m->identifier);
        }
    }
    memset(model->metrics, 0, sizeof model->metrics);
    model->n_metrics = model->n_losses = 0;
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        cn__unref(model->output_total[i]);
        cn__unref(model->output_count[i]);
        model->output_total[i] = model->output_count[i] = NULL;
    }
    for (int i = 0; i < model->n_names; i++) {
        cn__free_mem(model->names[i]);
        model->names[i] = NULL;
    }
    model->n_names = 0;
    cn__free_mem(model->compile_json);
    model->compile_json = NULL;
    model->compiled = model->has_run = false;
    cn__model_forget_programs(model);
}

void cn__model_forget_compile(cn_model *model)
{
    forget_compile(model);
}

static int add_metric(cn_model *model, cn_identifier identifier, int output, bool weighted)
{
    if (model->n_metrics == CN__MAX_METRICS) {
        return cn__fail(CN_EVALUE, "compile: expected at most %d metrics", CN__MAX_METRICS);
    }
    int kind = cn__identifier_kind(identifier);
    if (kind && kind != CN__METRIC && kind != CN__LOSS) {
        return cn__fail(CN_ETYPE, "compile: expected a metric, got a %s", cn__kind_name(kind));
    }
    cn__model_metric *m = &model->metrics[model->n_metrics];
    m->identifier = kind ? cn__ref((void *)(uintptr_t)identifier) : cn__strdup(identifier);
    if (!m->identifier) {
        return CN_ENOMEM;
    }
    m->output = output;
    m->weighted = weighted;
    model->n_metrics++;
    return 0;
}

/* The index of the output that entry i of a list is about. */
static int output_index(const cn_model *model, const cn_compile_args *args, int i)
{
    if (!args->output_names[0]) {
        return i;
    }
    for (int k = 0; args->output_names[i] && k < model->n_outputs; k++) {
        if (model->output_names[k] && !strcmp(model->output_names[k], args->output_names[i])) {
            return k;
        }
    }
    return cn__fail(CN_EKEY, "compile: the model \"%s\" has no output named \"%.64s\"",
                    model->layer.base.name, args->output_names[i] ? args->output_names[i] : "");
}

/* The metrics of one output: those of the list for all, then those of its own. */
static int set_metrics_of(cn_model *model, const cn_compile_args *args, int output, bool weighted)
{
    const cn_identifiers *all = weighted ? &args->weighted_metrics : &args->metrics;
    const cn_identifiers *of = weighted ? args->weighted_metrics_of : args->metrics_of;
    int code = 0;
    for (int i = 0; code == 0 && i < 32 && all->v[i]; i++) {
        code = add_metric(model, all->v[i], output, weighted);
    }
    for (int entry = 0; entry < 8; entry++) {
        if (!of[entry].v[0]) {
            continue;
        }
        int about = output_index(model, args, entry);
        if (about < 0) {
            return about;
        }
        for (int i = 0; code == 0 && about == output && i < 32 && of[entry].v[i]; i++) {
            code = add_metric(model, of[entry].v[i], output, weighted);
        }
    }
    return code;
}

/* Keras 3 has the weighted metrics of all outputs behind all others; before it each output had its
 * own behind its others. */
static int set_metrics(cn_model *model, const cn_compile_args *args)
{
    int outputs = model->n_outputs > 0 ? model->n_outputs : 1, code = 0;
    bool three = cn__is_keras3(model->layer.base.keras);
    for (int i = 0; code == 0 && i < 2 * outputs; i++) {
        code = set_metrics_of(model, args, three ? i % outputs : i / 2,
                              three ? i >= outputs : i % 2 == 1);
    }
    return code;
}

static int set_losses(cn_model *model, const cn_compile_args *args)
{
    int given = 0;
    while (given < 32 && args->loss.v[given]) {
        given++;
    }
    int outputs = model->n_outputs > 0 ? model->n_outputs : 1;
    model->n_losses = given;
    if (given > 1 && model->n_outputs && given != outputs) {
        return cn__fail(
            CN_EVALUE,
            "For a model with multiple outputs, when providing the `loss` argument as a "
            "list, it should have as many entries as the model has outputs. Received %d "
            "losses for %d outputs.",
            given, outputs);
    }
    if (args->loss_weights.n > 0 && args->loss_weights.n != outputs && model->n_outputs) {
        return cn__fail(CN_EVALUE,
                        "When providing the `loss_weights` argument as a list, it should "
                        "have as many entries as the model has outputs.");
    }
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        model->loss_weights[i] = 1;
    }
    for (int i = 0; i < 32; i++) {
        if (args->loss_weights.v[i] != 0 || i < args->loss_weights.n) {
            int about = output_index(model, args, i);
            if (about < 0 || about >= CN__MODEL_MAX_IO) {
                return about < 0 ? about : CN_EVALUE;
            }
            model->loss_weights[about] = args->loss_weights.v[i];
            model->loss_weights_given = true;
        }
    }
    for (int i = 0; i < given; i++) {
        int about = given == 1 && !args->output_names[0] ? 0 : output_index(model, args, i);
        if (about < 0) {
            return about;
        }
        if (!cn__identifier_kind(args->loss.v[i]) && !strcmp(args->loss.v[i], "None")) {
            continue;
        }
        model->losses[about] = cn__resolve(CN__LOSS, args->loss.v[i], "loss");
        if (!model->losses[about]) {
            return cn_error_code();
        }
    }
    /* One loss for all outputs; a subclassed model's outputs are counted when it is first called.
     */
    for (int i = 1; given == 1 && !args->output_names[0] && i < outputs; i++) {
        model->losses[i] = cn__ref(model->losses[0]);
    }
    return 0;
}

static int compile(cn_model *model, const cn_compile_args *args)
{
    cn_optimizer *optimizer = cn__resolve(CN__OPTIMIZER, args->optimizer, "optimizer");
    if (!optimizer) {
        return cn__pending() ? cn_error_code()
                             : cn__fail(CN_EVALUE, "compile: expected an optimizer, got None");
    }
    model->optimizer = optimizer;
    int code = set_losses(model, args);
    code = code < 0 ? code : set_metrics(model, args);
    if (code < 0) {
        cn__saved_error saved = cn__error_save();
        forget_compile(model);
        cn__error_restore(saved);
        return code;
    }
    model->compiled = true;
    return 0;
}

int cn_model_compile_with(cn_model *model, const cn_compile_args *given)
{
    if (!cn__check_model(model, "compile")) {
        return cn_error_code();
    }
    if (!given || !given->size || given->size > sizeof *given) {
        return cn__fail(CN_EVALUE, "compile: the arguments' size is not set");
    }
    cn_compile_args args = cn_compile_defaults;
    memcpy(&args, given, given->size);
    forget_compile(model);
    /* What compile makes from names follows the Keras of the model, which may be that of a file. */
    int outer = cn__set_keras_version(model->layer.base.keras);
    int code = compile(model, &args);
    cn__set_keras_version(outer);
    return code;
}

cn_optimizer *cn_model_optimizer(const cn_model *model)
{
    return cn__check_model(model, "cn_model_optimizer") ? model->optimizer : NULL;
}

void cn_model_stop_training(cn_model *model)
{
    if (cn__check_model(model, "cn_model_stop_training")) {
        model->stop_training = true;
    }
}

bool cn_model_stops_training(const cn_model *model)
{
    return cn__check_model(model, "cn_model_stops_training") && model->stop_training;
}
