/* The data of a call: checked lists of tensors, weights of rows. */
#include "models/training.h"

#include "ops/op.h"

#include <inttypes.h>
#include <string.h>

cn_tensors cn__data_one(cn_tensor *t)
{
    return (cn_tensors){{t}};
}

cn_tensors cn__data_many(cn_tensors list)
{
    return list;
}

static int count(const cn_tensors *list)
{
    int n = 0;
    while (list && n < CN__MODEL_MAX_IO && list->v[n]) {
        n++;
    }
    return n;
}

static int check_rows(const cn_tensor *t, const char *what, int index)
{
    int code = cn__expect(t, CN__TENSOR, what);
    if (code < 0) {
        return code;
    }
    if (!t->storage) {
        return cn__fail(CN_ESTATE, "%s %d is a symbolic tensor: data are needed here", what, index);
    }
    if (t->shape.rank < 1) {
        return cn__fail(CN_EVALUE, "%s %d: expected rows along axis 0, got a tensor of shape ()",
                        what, index);
    }
    return 0;
}

/* A list's lengths are those of the others; else Keras's list of all of them. */
static int check_lengths(cn__feed *feed, const cn_model *model, const cn_tensors *const *lists)
{
    static const char *const labels[] = {"x", "y", "sample_weight"};
    bool three = cn__is_keras3(model->layer.base.keras), same = true;
    cn__text text = {0};
    for (int part = 0; part < 3; part++) {
        int n = count(lists[part]);
        for (int i = 0; i < n; i++) {
            int64_t rows = lists[part]->v[i]->shape.dim[0];
            feed->rows = feed->rows < 0 ? rows : feed->rows;
            same = same && rows == feed->rows;
            if (i == 0) {
                cn__text_add(&text, three ? "'%s' sizes: " : "  %s sizes: ", labels[part]);
            }
            cn__text_add(&text, "%" PRId64 "%s", rows, i + 1 < n ? ", " : "\n");
        }
    }
    char *sizes = cn__text_take(&text);
    if (sizes && !same) {
        const char *words = "Make sure all arrays contain the same number of samples.";
        if (three) {
            cn__fail(CN_EVALUE, "Data cardinality is ambiguous. %s%s", words, sizes);
        } else {
            cn__fail(CN_EVALUE, "Data cardinality is ambiguous:\n%s%s", sizes, words);
        }
    }
    cn__free_mem(sizes);
    return sizes && same ? 0 : cn_error_code();
}

/* Targets for every output that has a loss, and none that no output would be compared with; a step
 * of the user's own takes what it likes. */
static int check_targets(const cn__feed *feed, const cn_model *model, cn__phase phase)
{
    if (model->graph && !model->steps[phase].body && feed->n_y > model->n_outputs) {
        return cn__fail(CN_EVALUE,
                        "Layer \"%s\" has %d output(s), but it received %d target tensors.",
                        model->layer.base.name, model->n_outputs, feed->n_y);
    }
    for (int i = 0; i < CN__MODEL_MAX_IO; i++) {
        if (!model->losses[i] || i < feed->n_y) {
            continue;
        }
        if (feed->n_y) {
            return cn__fail(CN_EVALUE, "The model has a loss for output %d, but y has %d array(s)",
                            i, feed->n_y);
        }
        return cn__is_keras3(model->layer.base.keras)
                   ? cn__fail(CN_EVALUE, "None values not supported.")
                   : cn__fail(CN_EVALUE,
                              "Target data is missing. Your model was compiled with loss=%s, and "
                              "therefore expects target data to be provided in `fit()`.",
                              cn_loss_name(model->losses[i]));
    }
    return 0;
}

/* One weight a row from the class of the row: an index, or the largest of a row of scores. */
static cn_tensor *class_weights(const cn_tensor *y, const cn_floats *weights, cn_tensor *old)
{
    int n = weights->n;
    for (int i = 0; !weights->n && i < 32; i++) {
        n = weights->v[i] != 0 ? i + 1 : n;
    }
    int64_t rows = y->shape.dim[0], columns = rows ? cn__size(y) / rows : 0;
    cn_tensor *result = cn_tensor_new(CN_FLOAT32, 1, &rows, NULL);
    const void *data = result ? cn__data(y) : NULL;
    for (int64_t r = 0; data && r < rows; r++) {
        int64_t class = 0;
        if (columns == 1) {
            class = (int64_t)cn__read(y->dtype, data, r);
        }
        for (int64_t c = 1; c < columns; c++) {
            if (cn__read(y->dtype, data, r * columns + c) >
                cn__read(y->dtype, data, r * columns + class)) {
                class = c;
            }
        }
        double weight = class >= 0 && class < n ? weights->v[class] : 1;
        if (old) {
            weight *= cn__read(old->dtype, cn__data(old), r);
        }
        ((float *)result->data)[r] = (float)weight;
    }
    return data ? result : NULL;
}

static int add_weights(cn__feed *feed, const cn_tensors *weights, const cn_floats *class_weight)
{
    int n = count(weights), code = 0;
    if (n > 1 && n != feed->n_y) {
        return cn__fail(CN_EVALUE,
                        "sample_weight: expected one, or one for each of the %d outputs, "
                        "got %d",
                        feed->n_y, n);
    }
    for (int i = 0; code == 0 && i < n; i++) {
        feed->w[i] = weights->v[i];
    }
    for (int i = 1; n == 1 && i < feed->n_y; i++) {
        feed->w[i] = feed->w[0];
    }
    bool by_class = class_weight && (class_weight->n > 0 || class_weight->v[0] != 0);
    for (int i = 1; class_weight && !by_class && i < 32; i++) {
        by_class = class_weight->v[i] != 0;
    }
    if (code == 0 && by_class) {
        if (feed->n_y != 1) {
            return cn__fail(CN_EVALUE, "`class_weight` is only supported for Models with a single "
                                       "output.");
        }
        feed->w[0] = class_weights(feed->y[0], class_weight, feed->w[0]);
        code = feed->w[0] ? 0 : cn_error_code();
    }
    return code;
}

int cn__feed_make(cn__feed *feed, cn_model *model, cn__phase phase, const cn_tensors *x,
                  const cn_tensors *y, const cn_tensors *weights, const cn_floats *class_weight)
{
    *feed = (cn__feed){.rows = -1};
    feed->n_x = count(x);
    feed->n_y = phase == CN__PREDICT ? 0 : count(y);
    int code = 0;
    if (!feed->n_x) {
        return cn__pending() ? CN_EPENDING : cn__fail(CN_EVALUE, "No data: x is NULL");
    }
    for (int i = 0; code == 0 && i < feed->n_x; i++) {
        feed->x[i] = x->v[i];
        code = check_rows(x->v[i], "x", i);
    }
    for (int i = 0; code == 0 && i < feed->n_y; i++) {
        feed->y[i] = y->v[i];
        code = check_rows(y->v[i], "y", i);
    }
    const cn_tensors none = {{NULL}};
    const cn_tensors *lists[] = {x, feed->n_y ? y : &none,
                                 phase == CN__PREDICT || !weights ? &none : weights};
    for (int i = 0; code == 0 && i < count(lists[2]); i++) {
        code = check_rows(lists[2]->v[i], "sample_weight", i);
    }
    code = code < 0 ? code : check_lengths(feed, model, lists);
    if (code == 0 && model->graph && feed->n_x != model->n_inputs) {
        code = cn__fail(CN_EVALUE,
                        "Layer \"%s\" expects %d input(s), but it received %d input tensors.",
                        model->layer.base.name, model->n_inputs, feed->n_x);
    }
    if (code == 0 && phase != CN__PREDICT) {
        code = check_targets(feed, model, phase);
    }
    if (code == 0 && feed->rows == 0) {
        code = cn__fail(CN_EVALUE, "Expected input data to be non-empty.");
    }
    return code < 0 || phase == CN__PREDICT ? code : add_weights(feed, weights, class_weight);
}
