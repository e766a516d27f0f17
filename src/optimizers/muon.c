/* Muon: matrices move by momentum made orthogonal, everything else by Adam. */
#include "optimizers/optimizer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { MOMENTUM, VELOCITY };

/* Whether `name` contains the word of `length` characters. */
static bool contains(const char *name, const char *word, size_t length)
{
    size_t n = strlen(name);
    for (size_t i = 0; length && i + length <= n; i++) {
        if (strncmp(name + i, word, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_embedding(const char *name)
{
    static const char word[] = "embedding";
    for (; *name; name++) {
        size_t i = 0;
        while (word[i] && tolower((unsigned char)name[i]) == word[i]) {
            i++;
        }
        if (!word[i]) {
            return true;
        }
    }
    return false;
}

static bool by_adam(const cn_optimizer *self, const cn_tensor *variable)
{
    const cn_optimizer_muon_args *a = self->base.args;
    const char *name = variable->variable->name ? variable->variable->name : "";
    if (variable->shape.rank != 2 || (a->exclude_embeddings && is_embedding(name))) {
        return true;
    }
    for (const char *word = a->exclude_layers; word && *word;) {
        size_t length = strcspn(word, ",");
        if (contains(name, word, length)) {
            return true;
        }
        word += length + (word[length] == ',');
    }
    return false;
}

static int slot_shape(const cn_optimizer *self, int slot, const cn_tensor *variable,
                      cn_shape *shape)
{
    *shape = variable->shape;
    if (slot == VELOCITY && !by_adam(self, variable)) {
        shape->rank = -1;
    }
    return 0;
}

static double weight_decay(const cn_optimizer *self, const cn_tensor *variable)
{
    const cn_optimizer_muon_args *a = self->base.args;
    return by_adam(self, variable) ? a->adam_weight_decay : a->weight_decay;
}

/* shared[0]: Adam's step size */
static int prepare(cn_optimizer *self, cn_tensor *rate, cn_tensor *step, cn_tensor **shared)
{
    const cn_optimizer_muon_args *a = self->base.args;
    cn_tensor *power_1 = cn_power(cn_scalar(a->adam_beta_1, CN_FLOAT32), step);
    cn_tensor *power_2 = cn_power(cn_scalar(a->adam_beta_2, CN_FLOAT32), step);
    cn_tensor *scaled = cn_multiply(rate, a->adam_lr_ratio);
    shared[0] = cn_divide(cn_multiply(scaled, cn_sqrt(cn_subtract(1.0, power_2))),
                          cn_subtract(1.0, power_1));
    return shared[0] ? 0 : cn_error_code();
}

static int update_adam(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                       cn_tensor *alpha)
{
    const cn_optimizer_muon_args *a = self->base.args;
    cn_tensor *m = slots[MOMENTUM], *v = slots[VELOCITY];
    m = cn_add(m, cn_multiply(cn_subtract(g, m), 1 - a->adam_beta_1));
    v = cn_add(v, cn_multiply(cn_subtract(cn_square(g), v), 1 - a->adam_beta_2));
    int code = (cn_assign)(slots[MOMENTUM], m);
    code = code < 0 ? code : (cn_assign)(slots[VELOCITY], v);
    if (code < 0) {
        return code;
    }
    return cn__assign_sub(w, cn_divide(cn_multiply(m, alpha), cn_add(cn_sqrt(v), a->epsilon)));
}

/* The nearest orthogonal matrix, by a quintic iteration: x = a x + (b A + c A^2) x with A = x x'.
 */
static cn_tensor *orthogonal(const cn_optimizer_muon_args *a, cn_tensor *x)
{
    bool tall = x && x->shape.dim[0] > x->shape.dim[1];
    x = tall ? cn_transpose_axes(x, 0, NULL) : x;
    cn_tensor *norm = cn_sqrt(cn_sum_axes(cn_square(x), -1, NULL, false));
    x = cn_divide(x, cn_add(norm, 1e-7));
    for (int64_t i = 0; x && i < a->ns_steps; i++) {
        cn_tensor *square = cn_matmul_t(x, x, false, true);
        cn_tensor *mix = cn_add(cn_multiply(a->muon_b, square),
                                cn_matmul(cn_multiply(a->muon_c, square), square));
        x = cn_add(cn_multiply(a->muon_a, x), cn_matmul(mix, x));
    }
    return tall ? cn_transpose_axes(x, 0, NULL) : x;
}

static int update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                  cn_tensor *rate, cn_tensor *step, cn_tensor *const *shared)
{
    const cn_optimizer_muon_args *a = self->base.args;
    (void)step;
    if (slots[VELOCITY]) {
        return update_adam(self, w, g, slots, shared[0]);
    }
    cn_tensor *m = slots[MOMENTUM];
    cn_tensor *next = cn_add(m, cn_add(g, cn_multiply(m, a->momentum - 1)));
    int code = (cn_assign)(m, next);
    if (code < 0) {
        return code;
    }
    cn_tensor *x = a->nesterov ? cn_add(g, cn_multiply(a->momentum, next)) : next;
    cn_tensor *move = cn_multiply(rate, orthogonal(a, x));
    if (!isnan(a->rms_rate)) {
        int64_t rows = w->shape.dim[0], columns = w->shape.dim[1];
        double size = sqrt((double)(rows > columns ? rows : columns));
        move = cn_multiply(cn_multiply(move, size), a->rms_rate);
    }
    return cn__assign_sub(w, move);
}

#define T cn_optimizer_muon_args
static const cn_field muon_fields[] = {
    CN_FIELD(T, DOUBLE, adam_beta_1),
    CN_FIELD(T, DOUBLE, adam_beta_2),
    CN_FIELD(T, DOUBLE, epsilon),
    /* A list in Keras, which the optimizers' read_key and write_config turn into words between
     * commas and back. */
    {"exclude_layers", CN_FIELD_CUSTOM, 0, CN_FIELD_UNSAVED, NULL},
    {"exclude_layers_text", CN_FIELD_STRING, offsetof(T, exclude_layers), CN_FIELD_UNSAVED, NULL},
    CN_FIELD(T, DOUBLE, muon_a),
    CN_FIELD(T, DOUBLE, muon_b),
    CN_FIELD(T, DOUBLE, muon_c),
    CN_FIELD(T, DOUBLE, adam_lr_ratio),
    CN_FIELD(T, DOUBLE, momentum),
    CN_FIELD(T, INT64, ns_steps),
    CN_FIELD(T, BOOL, nesterov),
    CN_FIELD(T, BOOL, exclude_embeddings),
    CN_FIELD(T, DOUBLE, adam_weight_decay),
    CN_FIELD(T, DOUBLE, rms_rate),
    {0}};
static const char *const names[] = {"momentum", "velocity"};

CN__OPTIMIZER_RECORD(muon, "Muon", CN_OPTIMIZER_MUON_DEFAULTS, .n_slots = 2, .slot_names = names,
                     .joined_slots = 1 << VELOCITY, .slot_shape = slot_shape,
                     .weight_decay = weight_decay, .prepare = prepare, .update = update)
