/* Running the steps of functional models again, and looking through them. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_layer.h"
#include "models/plan.h"
#include "ops/op.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STEP_INPUTS = CN__MAX_INPUTS + 8 };

static int run_call(const cn__step *s, cn_tensor **in, bool training, cn_tensor **out)
{
    if (cn__is_op_layer(s->call->layer)) {
        int n = cn__op_layer_call(s->call->layer, s->n_in, in, out);
        return n < 0 ? n : 0;
    }
    cn_tensor *more[CN__MAX_OUTPUTS] = {0};
    int n_outputs = 1;
    cn_call_args args = s->call->args;
    args.size = sizeof args;
    args.training =
        s->call->fixed_training ? s->call->fixed_training > 0 : args.training || training;
    args.outputs = more;
    args.max_outputs = CN__MAX_OUTPUTS;
    args.n_outputs = &n_outputs;
    for (int i = 0; i < s->n_states; i++) {
        args.initial_states[i] = in[s->n_in + i];
    }
    out[0] = cn_layer_call_with(s->call->layer, s->n_in, in, &args);
    for (int i = 1; i < s->n_out; i++) {
        out[i] = more[i - 1];
    }
    if (out[0] && n_outputs != s->n_out) {
        return cn__fail(CN_EVALUE,
                        "Layer \"%s\" gives %d outputs, and gave %d when the model was made",
                        s->call->layer->base.name, n_outputs, s->n_out);
    }
    return out[0] ? 0 : cn_error_code();
}

static int run_step(const struct cn__model_plan *plan, const cn__step *s, cn_tensor **values,
                    bool training)
{
    cn_tensor *in[MAX_STEP_INPUTS], **out = values + s->first_out;
    if (s->n_in + s->n_states > MAX_STEP_INPUTS) {
        return cn__fail(CN_EVALUE, "An op of the model has more than %d inputs", MAX_STEP_INPUTS);
    }
    for (int i = 0; i < s->n_in + s->n_states; i++) {
        int64_t slot = plan->in[s->first_in + i];
        in[i] = slot < 0 ? plan->constants[-1 - slot] : values[slot];
    }
    if (s->call) {
        return run_call(s, in, training, out);
    }
    out[0] = cn__apply(s->node->op, &s->node->attrs, s->n_in, in, s->n_out > 1 ? out + 1 : NULL);
    return out[0] ? 0 : cn_error_code();
}

static int run_plan(const cn_model *model, cn_tensor *const *inputs, bool training,
                    cn_tensor **outputs)
{
    const struct cn__model_plan *plan = model->plan;
    cn_tensor **values = cn__calloc((size_t)plan->n_slots + 1, sizeof *values);
    if (!values) {
        return CN_ENOMEM;
    }
    memcpy(values, inputs, (size_t)model->n_inputs * sizeof *values);
    int code = 0;
    for (int64_t i = 0; code == 0 && i < plan->n_steps; i++) {
        code = run_step(plan, &plan->steps[i], values, training);
    }
    for (int i = 0; code == 0 && i < model->n_outputs; i++) {
        outputs[i] = values[plan->output_slots[i]];
    }
    cn__free_mem(values);
    return code;
}

static int run_layer(cn_model *model, cn_tensor *const *inputs, int n, bool training,
                     cn_tensor **outputs)
{
    int n_outputs = 1;
    cn_call_args args = {.size = sizeof args,
                         .training = training,
                         .outputs = outputs + 1,
                         .max_outputs = CN__MAX_OUTPUTS - 1,
                         .n_outputs = &n_outputs};
    outputs[0] = cn__layer_class(&model->layer)->call(&model->layer, inputs, n, &args);
    return outputs[0] && !cn__pending() ? 0 : cn_error_code();
}

int cn__model_replay(cn_model *model, cn_tensor *const *inputs, int n_inputs, bool training,
                     cn_tensor **outputs)
{
    cn_tensor *conformed[CN__MODEL_MAX_IO];
    if (!model->plan) {
        return run_layer(model, inputs, n_inputs, training, outputs);
    }
    int code = cn__model_conform(model, inputs, n_inputs, conformed);
    return code == 0 ? run_plan(model, conformed, training, outputs) : code;
}

/* A tensor's number grows with the time at which it was made. */
static int compare_calls(const void *a, const void *b)
{
    const cn__layer_call *x = *(cn__layer_call *const *)a, *y = *(cn__layer_call *const *)b;
    return x->out_id[0] < y->out_id[0] ? -1 : x->out_id[0] > y->out_id[0];
}

int cn__model_calls(const cn_model *model, cn__layer_call **out, int max)
{
    int n = 0;
    if (model->plan) {
        for (int64_t i = 0; i < model->plan->n_steps; i++) {
            cn__layer_call *call = model->plan->steps[i].call;
            if (call && n < max) {
                out[n] = call;
            }
            n += call != NULL;
        }
    } else if (model->graph) {
        for (cn__layer_call *call = cn__history(model->outputs[0]); call && call->n_in == 1;
             call = cn__history(call->in[0])) {
            if (n < max) {
                out[n] = call;
            }
            n++;
        }
    }
    if (n && n <= max) {
        qsort(out, (size_t)n, sizeof *out, compare_calls);
    }
    return n;
}

bool cn__plan_has_ops(const cn_model *model, const char **name)
{
    for (int64_t i = 0; model->plan && i < model->plan->n_steps; i++) {
        if (model->plan->steps[i].node) {
            *name = model->plan->steps[i].node->op->name;
            return true;
        }
    }
    return false;
}

/* A chain, in which every depth has one step (or input) with one input, and no layer is called
 * twice. */
bool cn__plan_is_chain(const cn_model *model)
{
    const struct cn__model_plan *plan = model->plan;
    if (!plan || model->n_inputs > 1 || model->n_outputs > 1) {
        return false;
    }
    for (int64_t i = 0; i < plan->n_steps; i++) {
        const cn__step *s = &plan->steps[i];
        int inputs = 0;
        for (int k = 0; k < s->n_in + s->n_states; k++) {
            inputs += plan->in[s->first_in + k] >= 0;
        }
        if (s->depth != plan->n_steps - 1 - i || inputs > 1) {
            return false;
        }
        for (int64_t k = 0; s->call && k < i; k++) {
            if (plan->steps[k].call && plan->steps[k].call->layer == s->call->layer) {
                return false;
            }
        }
    }
    return true;
}
