/* Traces planned for the shapes that they are run on. */
#include "models/traced.h"

#include <string.h>

static void drop(cn__traced *t, int i)
{
    cn__unref(t->programs[i]);
    cn__free_mem(t->shapes[i]);
    t->programs[i] = NULL;
    t->shapes[i] = NULL;
}

void cn__traced_clear(cn__traced *t)
{
    for (int i = 0; i < t->n; i++) {
        drop(t, i);
    }
    cn__unref(t->trace);
    memset(t, 0, sizeof *t);
}

static bool same_shapes(const cn_shape *shapes, int n, cn_tensor *const *in)
{
    for (int i = 0; i < n; i++) {
        if (!cn__shape_equal(&shapes[i], &in[i]->shape)) {
            return false;
        }
    }
    return true;
}

/* The rows of the first input whose first length is None; -1 if there is none. */
static int64_t rows_of(const cn__trace *trace, cn_tensor *const *in)
{
    for (int i = 0; i < trace->n_inputs; i++) {
        const cn_shape *shape = &trace->inputs[i]->shape;
        if (shape->rank > 0 && shape->dim[0] == -1) {
            return in[i]->shape.dim[0];
        }
    }
    return -1;
}

/* Plans for these inputs, in a free place or that of the program that has not been run for longest.
 */
static cn__program *plan(cn__traced *t, cn_tensor *const *in)
{
    int n = t->trace->n_inputs, at = 0;
    cn_shape *shapes = cn__calloc((size_t)n + 1, sizeof *shapes);
    if (!shapes) {
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        shapes[i] = in[i]->shape;
    }
    cn__program *program = cn__program_new(t->trace, rows_of(t->trace, in), shapes);
    if (!program) {
        cn__free_mem(shapes);
        return NULL;
    }
    for (int i = 1; i < t->n; i++) {
        at = t->used[i] < t->used[at] ? i : at;
    }
    if (t->n < CN__TRACED_PROGRAMS) {
        at = t->n++;
    } else {
        drop(t, at);
    }
    t->programs[at] = program;
    t->shapes[at] = shapes;
    t->used[at] = ++t->clock;
    return program;
}

static cn__program *program_for(cn__traced *t, cn_tensor *const *in)
{
    for (int i = 0; i < t->n; i++) {
        if (same_shapes(t->shapes[i], t->trace->n_inputs, in)) {
            t->used[i] = ++t->clock;
            return t->programs[i];
        }
    }
    return plan(t, in);
}

int cn__traced_run(cn__traced *t, cn_tensor *const *in, cn_tensor **out)
{
    cn__source sources[CN__TRACED_INPUTS];
    void *room[CN__TRACED_INPUTS] = {0};
    if (t->trace->n_inputs > CN__TRACED_INPUTS || t->trace->n_outputs > CN__TRACED_INPUTS) {
        return cn__fail(CN_EVALUE, "At most %d inputs and outputs are possible", CN__TRACED_INPUTS);
    }
    cn__program *program = program_for(t, in);
    if (!program) {
        return cn_error_code();
    }
    for (int i = 0; i < t->trace->n_inputs; i++) {
        sources[i] = (cn__source){.data = cn__data(in[i]), .dtype = in[i]->dtype};
    }
    int code = 0, n = t->trace->n_outputs;
    for (int i = 0; i < n; i++) {
        out[i] = NULL;
    }
    for (int i = 0; code == 0 && i < n; i++) {
        const cn__value *value = &program->values[program->outputs[i]];
        out[i] = cn__tensor_new(value->dtype, &value->shape);
        room[i] = out[i] ? out[i]->data : NULL;
        code = out[i] ? 0 : cn_error_code();
    }
    code = code < 0 ? code : cn__program_run(program, sources, room);
    for (int i = 0; code < 0 && i < n; i++) {
        cn_free(out[i]);
        out[i] = NULL;
    }
    return code;
}
