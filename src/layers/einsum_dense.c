/* EinsumDense: activation(einsum(equation, x, kernel) + bias) by one matrix product. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

#include <string.h>

typedef cn_einsum_dense_args args_t;

static const cn_field fields[] = {
    CN_FIELD_FLAGS(args_t, INTS, output_shape, CN_FIELD_EMPTY),
    CN_FIELD(args_t, STRING, equation),
    CN_FIELD(args_t, ACTIVATION, activation),
    CN_FIELD(args_t, STRING, bias_axes),
    CN_FIELD(args_t, INITIALIZER, kernel_initializer),
    CN_FIELD(args_t, INITIALIZER, bias_initializer),
    CN_FIELD(args_t, REGULARIZER, kernel_regularizer),
    CN_FIELD(args_t, REGULARIZER, bias_regularizer),
    CN_FIELD(args_t, REGULARIZER, activity_regularizer),
    CN_FIELD(args_t, CONSTRAINT, kernel_constraint),
    CN_FIELD(args_t, CONSTRAINT, bias_constraint),
    CN_FIELD_FLAGS(args_t, STRING, quantization_config, CN_FIELD_KERAS3 | CN_FIELD_SINCE(313)),
    {0},
};

/* The axes of one operand by their letters; those that "..." stands for are 1, 2, …. */
typedef struct letters {
    int n;
    char v[CN_MAX_RANK + 1]; /* ends with 0 */
    int dots;                /* where "..." stood, or -1 */
} letters;

/* The equation, and the shapes that it gives for an input. */
typedef struct plan {
    letters in, kernel, out;
    cn_shape in_shape, kernel_shape, out_shape, bias_shape;
    bool open[CN_MAX_RANK]; /* lengths that .output_shape leaves to the input */
} plan;

static int bad_equation(const char *equation)
{
    return cn__fail(CN_EVALUE,
                    "Invalid einsum equation '%s'. Equations must be in the form [X],[Y]->[Z], "
                    "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]....",
                    equation ? equation : "None");
}

/* Reads letters up to one of `stops`; NULL if there is something else. */
static const char *read_letters(const char *at, const char *stops, bool dots, letters *l)
{
    *l = (letters){.dots = -1};
    for (; *at && !strchr(stops, *at); at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (dots && l->dots < 0 && strncmp(at, "...", 3) == 0) {
            l->dots = l->n;
            at += 2;
        } else if (letter && l->n < CN_MAX_RANK && !strchr(l->v, *at)) {
            l->v[l->n++] = *at;
        } else {
            return NULL;
        }
    }
    return at;
}

static int parse(const char *equation, plan *p)
{
    const char *at = equation ? read_letters(equation, ",", true, &p->in) : NULL;
    at = at && *at == ',' ? read_letters(at + 1, "-", false, &p->kernel) : NULL;
    at = at && at[0] == '-' && at[1] == '>' ? read_letters(at + 2, "", true, &p->out) : NULL;
    bool ends = p->in.dots < 0 || p->in.dots == 0 || p->in.dots == p->in.n;
    bool same = at && (p->in.dots < 0) == (p->out.dots < 0) && ends &&
                (p->in.dots < 0 || (p->in.dots == 0 && p->out.dots == 0) ||
                 (p->in.dots == p->in.n && p->out.dots == p->out.n));
    return same && p->kernel.n && p->out.n ? 0 : bad_equation(equation);
}

/* Puts letters for the axes that "..." stands for. */
static int expand(letters *l, int elided)
{
    if (l->dots < 0 || elided == 0) {
        return 0;
    }
    if (l->n + elided > CN_MAX_RANK) {
        return cn__fail(CN_EVALUE, "EinsumDense: more than %d axes", CN_MAX_RANK);
    }
    memmove(l->v + l->dots + elided, l->v + l->dots, (size_t)(l->n - l->dots) + 1);
    for (int i = 0; i < elided; i++) {
        l->v[l->dots + i] = (char)(i + 1);
    }
    l->n += elided;
    return 0;
}

static int64_t length_of(const letters *l, const cn_shape *shape, char letter)
{
    const char *at = letter ? strchr(l->v, letter) : NULL;
    return at ? shape->dim[at - l->v] : -2;
}

/* The output's lengths: the batch's, what "..." stands for, and .output_shape for the rest. */
static int output_lengths(const args_t *args, plan *p)
{
    int given = cn__ints_count(&args->output_shape), next = 0;
    int first = p->out.dots == 0 && p->out.v[0] < 'A' ? -1 : 0; /* the batch's, if it is named */
    p->out_shape.rank = p->out.n;
    for (int i = 0; i < p->out.n; i++) {
        int64_t known = length_of(&p->in, &p->in_shape, p->out.v[i]);
        int64_t *length = &p->out_shape.dim[i];
        *length = known;
        if (i == first || p->out.v[i] < 'A') {
            continue;
        }
        int64_t want = next < given ? args->output_shape.v[next++] : CN_NONE;
        if (want != CN_NONE && known >= 0 && want != known) {
            char a[256], b[256];
            return cn__fail(CN_EVALUE,
                            "Input shape and output shape do not match at shared dimension '%c'. "
                            "Input shape is %s, and output shape is %s.",
                            p->out.v[i], cn__shape_text(&p->in_shape, a, sizeof a),
                            cn__ints_text(&args->output_shape, b, sizeof b));
        }
        *length = want != CN_NONE ? want : known;
        p->open[i] = want == CN_NONE;
        if (*length == -2) {
            return cn__fail(CN_EVALUE,
                            "EinsumDense: `output_shape` must say the length of '%c' in '%s'",
                            p->out.v[i], args->equation);
        }
    }
    return 0;
}

/* From the first of its axes to the output's last, with 1 for those that are not its. */
static int bias_lengths(const args_t *args, plan *p)
{
    int first = p->out.n;
    for (const char *at = args->bias_axes; *at; at++) {
        const char *place = strchr(p->out.v, *at);
        if (!place || *at < 'A') {
            return cn__fail(CN_EVALUE,
                            "Bias dimension '%c' was requested, but is not part of the output "
                            "spec '%s'",
                            *at, args->equation);
        }
        first = place - p->out.v < first ? (int)(place - p->out.v) : first;
    }
    p->bias_shape.rank = p->out.n - first;
    for (int i = first; i < p->out.n; i++) {
        p->bias_shape.dim[i - first] =
            strchr(args->bias_axes, p->out.v[i]) ? p->out_shape.dim[i] : 1;
    }
    return 0;
}

static int make_plan(const cn_layer *self, const cn_shape *input, plan *p)
{
    const args_t *args = cn_layer_arguments(self);
    *p = (plan){.in_shape = *input};
    int code = parse(args->equation, p), elided = code < 0 ? 0 : input->rank - p->in.n;
    if (code == 0 && (elided < 0 || (elided && p->in.dots < 0))) {
        char text[256];
        return cn__fail(CN_EVALUE,
                        "EinsumDense: the equation '%s' does not fit an input of shape %s",
                        args->equation, cn__shape_text(input, text, sizeof text));
    }
    code = code < 0 ? code : expand(&p->in, elided);
    code = code < 0 ? code : expand(&p->out, elided);
    code = code < 0 ? code : output_lengths(args, p);
    p->kernel_shape.rank = p->kernel.n;
    for (int i = 0; code == 0 && i < p->kernel.n; i++) {
        int64_t length = length_of(&p->in, &p->in_shape, p->kernel.v[i]);
        length = length == -2 ? length_of(&p->out, &p->out_shape, p->kernel.v[i]) : length;
        if (length == -2) {
            return cn__fail(CN_EVALUE,
                            "Weight dimension '%c' did not have a match in either the input spec "
                            "or the output spec of '%s'. For this layer, the weight must be fully "
                            "specified.",
                            p->kernel.v[i], args->equation);
        }
        p->kernel_shape.dim[i] = length;
    }
    for (int i = 0; code == 0 && i < p->out.n; i++) {
        if (!strchr(p->in.v, p->out.v[i]) && !strchr(p->kernel.v, p->out.v[i])) {
            return cn__fail(CN_EVALUE,
                            "Dimension '%c' was specified in the output but has no corresponding "
                            "dim in the input or weight spec of '%s'",
                            p->out.v[i], args->equation);
        }
    }
    return code == 0 && args->bias_axes && *args->bias_axes ? bias_lengths(args, p) : code;
}

static int check(cn_layer *self)
{
    plan p;
    return parse(((const args_t *)cn_layer_arguments(self))->equation, &p);
}

static int output_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                        int max_outputs)
{
    plan p;
    (void)n_inputs;
    (void)max_outputs;
    int code = make_plan(self, &inputs[0], &p);
    outputs[0] = p.out_shape;
    /* Keras says None there, although it could know. */
    for (int i = 0; i < p.out.n; i++) {
        outputs[0].dim[i] = p.open[i] ? -1 : p.out_shape.dim[i];
    }
    return code;
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const args_t *args = cn_layer_arguments(self);
    plan p;
    (void)n_inputs;
    int code = make_plan(self, &inputs[0], &p);
    if (code < 0) {
        return code;
    }
    cn_layer_add_weight(self, .name = "kernel", .shape_of = &p.kernel_shape,
                        .initializer = args->kernel_initializer,
                        .regularizer = args->kernel_regularizer,
                        .constraint = args->kernel_constraint);
    if (args->bias_axes && *args->bias_axes) {
        cn_layer_add_weight(
            self, .name = "bias", .shape_of = &p.bias_shape, .initializer = args->bias_initializer,
            .regularizer = args->bias_regularizer, .constraint = args->bias_constraint);
    }
    return cn__pending() ? cn_error_code() : 0;
}

/* A tensor whose axes have letters. */
typedef struct operand {
    cn_tensor *t;
    letters l;
} operand;

/* Sums over the axes whose letters are in neither other list. */
static void sum_out(operand *o, const char *other, const char *another)
{
    int64_t axes[CN_MAX_RANK];
    letters kept = {.dots = -1};
    int n = 0;
    for (int i = 0; i < o->l.n; i++) {
        if (strchr(other, o->l.v[i]) || strchr(another, o->l.v[i])) {
            kept.v[kept.n++] = o->l.v[i];
        } else {
            axes[n++] = i;
        }
    }
    if (n && o->t) {
        o->t = cn_sum_axes(o->t, n, axes, false);
        o->l = kept;
    }
}

/* Brings the axes into the order of the letters. */
static void arrange(operand *o, const letters *order)
{
    int64_t axes[CN_MAX_RANK];
    bool moved = false;
    for (int i = 0; i < order->n; i++) {
        axes[i] = strchr(o->l.v, order->v[i]) - o->l.v;
        moved = moved || axes[i] != i;
    }
    if (moved && o->t) {
        o->t = cn_transpose_axes(o->t, order->n, axes);
    }
    o->l = *order;
}

static void append(letters *l, const letters *more)
{
    for (int i = 0; i < more->n; i++) {
        l->v[l->n++] = more->v[i];
    }
}

/* Reshapes to lengths of which one may be unknown. */
static cn_tensor *reshape(cn_tensor *t, int rank, int64_t *lengths)
{
    int unknown = 0;
    for (int i = 0; i < rank; i++) {
        unknown += lengths[i] < 0;
        lengths[i] = lengths[i] < 0 ? -1 : lengths[i];
    }
    if (unknown > 1) {
        cn__fail(CN_EVALUE, "EinsumDense: more than one length is not known");
        return NULL;
    }
    return t ? cn_reshape_to(t, rank, lengths) : NULL;
}

/* The product of the lengths of some axes; -1 if one is not known. */
static int64_t product(const operand *o, int from, int n)
{
    int64_t size = 1;
    for (int i = from; i < from + n; i++) {
        if (o->t->shape.dim[i] < 0 || !cn__mul_size(size, o->t->shape.dim[i], &size)) {
            return -1;
        }
    }
    return size;
}

/* What is done with each letter of the product. */
typedef struct roles {
    letters shared;  /* of input, kernel and output */
    letters rows;    /* of input and output */
    letters inner;   /* of input and kernel: summed over */
    letters columns; /* of kernel and output */
} roles;

static roles sort_letters(const operand *x, const operand *w, const letters *out)
{
    roles r = {{0}, {0}, {0}, {0}};
    for (int i = 0; i < x->l.n; i++) {
        char c = x->l.v[i];
        letters *to = !strchr(w->l.v, c) ? &r.rows : strchr(out->v, c) ? &r.shared : &r.inner;
        to->v[to->n++] = c;
    }
    for (int i = 0; i < w->l.n; i++) {
        if (!strchr(x->l.v, w->l.v[i])) {
            r.columns.v[r.columns.n++] = w->l.v[i];
        }
    }
    return r;
}

/* einsum by one product: (shared, rows, inner)·(shared, inner, columns). Without shared axes the
 * rows keep their own axes, several of which may have unknown lengths. */
static cn_tensor *contract(operand x, operand w, const letters *out)
{
    roles r = sort_letters(&x, &w, out);
    letters x_order = {0}, w_order = {0}, y_order = {0};
    append(&x_order, &r.shared);
    append(&x_order, &r.rows);
    y_order = x_order;
    append(&x_order, &r.inner);
    append(&w_order, &r.shared);
    append(&w_order, &r.inner);
    append(&w_order, &r.columns);
    append(&y_order, &r.columns);
    arrange(&x, &x_order);
    arrange(&w, &w_order);
    if (!x.t || !w.t) {
        return NULL;
    }
    int s = r.shared.n, f = r.rows.n, c = r.inner.n, g = r.columns.n;
    int64_t lengths[2 * CN_MAX_RANK], final[2 * CN_MAX_RANK];
    for (int i = 0; i < s + f; i++) {
        lengths[i] = final[i] = x.t->shape.dim[i];
    }
    for (int i = 0; i < g; i++) {
        final[s + f + i] = w.t->shape.dim[s + c + i];
    }
    int64_t shared = product(&w, 0, s), inner = product(&w, s, c), columns = product(&w, s + c, g);
    if (s) {
        int64_t rows = product(&x, s, f), three[3] = {shared, rows, inner};
        x.t = reshape(x.t, 3, three);
    } else if (c != 1) {
        lengths[f] = inner;
        x.t = reshape(x.t, f + 1, lengths);
    }
    int64_t three[3] = {shared, inner, columns};
    if (s || c != 1 || g != 1) {
        w.t = s ? reshape(w.t, 3, three) : reshape(w.t, 2, three + 1);
    }
    operand y = {.t = x.t && w.t ? cn_matmul(x.t, w.t) : NULL, .l = y_order};
    if (s || g != 1) {
        y.t = reshape(y.t, s + f + g, final);
    }
    arrange(&y, out);
    return y.t;
}

static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    const args_t *args = cn_layer_arguments(self);
    plan p;
    (void)n_inputs;
    (void)call_args;
    if (make_plan(self, &inputs[0]->shape, &p) < 0) {
        return NULL;
    }
    operand x = {cn__compute_cast(self, inputs[0]), p.in};
    operand w = {cn__compute_cast(self, self->weights[0]), p.kernel};
    sum_out(&x, p.kernel.v, p.out.v);
    sum_out(&w, p.in.v, p.out.v);
    cn_tensor *y = x.t && w.t ? contract(x, w, &p.out) : NULL;
    if (y && self->n_weights > 1) {
        y = cn_add(y, cn__compute_cast(self, self->weights[1]));
    }
    return cn__activate(args->activation, y, self->base.keras);
}

CN__LAYER_CLASS(einsum_dense, einsum_dense, "EinsumDense", NULL, fields, CN_EINSUM_DENSE_DEFAULTS,
                .build = build, .call = call, .compute_output_shape = output_shape, .min_rank = 1,
                .check = check)
