/* Means and sums of values, with weights reduced as the generations of Keras do; means of
 * functions. */
#include "metrics/metric.h"

enum { TOTAL, COUNT };

int cn__mean_init(cn_metric *self)
{
    int code = cn__metric_vector(self, "total", -1);
    return code < 0 ? code : cn__metric_vector(self, "count", -1);
}

/* Means (or sums) over the axes from `first` on. */
static cn_tensor *reduce_from(cn_tensor *x, int first, bool mean)
{
    if (!x || x->shape.rank <= first) {
        return x;
    }
    int64_t axes[CN_MAX_RANK];
    int n = 0;
    for (int a = first; a < x->shape.rank; a++) {
        axes[n++] = a;
    }
    return mean ? cn_mean_axes(x, n, axes, false) : cn_sum_axes(x, n, axes, false);
}

/* w stretched to the shape of x. */
static cn_tensor *spread(cn_tensor *w, cn_tensor *x)
{
    return cn_multiply(cn_ones_like(x), w);
}

/* Keras 3 first makes one value a sample (reduce_to_samplewise_values). */
static int samplewise(cn_tensor **values, cn_tensor **weights, bool mean)
{
    cn_tensor *v = *values, *w = *weights;
    if (w) {
        int code = cn__apply_mask(&w, v->mask, CN_FLOAT32, false, 300);
        code = code < 0 ? code : cn__match_ranks(&v, &w, true);
        if (code < 0) {
            return code;
        }
        int rank = w->shape.rank;
        v = reduce_from(v, rank, mean);
        w = v ? spread(w, v) : NULL;
        v = cn_multiply(v, w);
        w = reduce_from(w, rank > 1 ? 1 : CN_MAX_RANK, mean);
    }
    v = reduce_from(v, 1, mean);
    *values = v;
    *weights = w;
    return cn__pending() ? cn_error_code() : 0;
}

static bool stretches(const cn_shape *w, const cn_shape *v)
{
    bool fits = w->rank == 0 || w->rank == v->rank;
    for (int i = 0; fits && i < w->rank; i++) {
        fits = w->dim[i] == v->dim[i] || w->dim[i] == 1 || w->dim[i] == -1 || v->dim[i] == -1;
    }
    return fits;
}

/* tf.keras weighs every value, and reduces values only if weights do not stretch to them. */
static int weigh_keras2(cn_tensor **values, cn_tensor **weights, bool mean)
{
    cn_tensor *v = *values, *w = *weights;
    int code = cn__apply_mask(&w, v->mask, CN_FLOAT32, false, 200);
    if (code < 0 || !w) {
        *weights = w;
        return code;
    }
    code = cn__match_weights_keras2(v, &w);
    if (code < 0) {
        return code;
    }
    if (!stretches(&w->shape, &v->shape)) {
        v = reduce_from(v, w->shape.rank, mean);
    }
    w = v ? spread(w, v) : NULL;
    *values = cn_multiply(v, w);
    *weights = w;
    return cn__pending() ? cn_error_code() : 0;
}

static int weigh(const cn_metric *self, cn_tensor **values, cn_tensor **weights, bool mean)
{
    cn_tensor *mask = *values ? (*values)->mask : NULL;
    if (*values && (*values)->dtype != CN_FLOAT32) {
        *values = cn_cast(*values, CN_FLOAT32);
        if (*values && mask && !(*values)->mask) {
            (*values)->mask = cn__ref(mask);
        }
    }
    if (*weights) {
        *weights = cn_cast(*weights, CN_FLOAT32);
    }
    if (cn__pending()) {
        return cn_error_code();
    }
    return cn__is_keras3(self->base.keras) ? samplewise(values, weights, mean)
                                           : weigh_keras2(values, weights, mean);
}

int cn__mean_update(cn_metric *self, cn_tensor *values, cn_tensor *weights)
{
    int code = weigh(self, &values, &weights, true);
    if (code < 0) {
        return code;
    }
    cn_tensor *count = weights ? cn_sum_axes(weights, -1, NULL, false) : cn__count(values);
    code = cn__metric_add(self, TOTAL, cn_sum_axes(values, -1, NULL, false));
    return code < 0 ? code : cn__metric_add(self, COUNT, count);
}

cn_tensor *cn__mean_result(cn_metric *self)
{
    return cn__divide_no_nan(self->variables[TOTAL], self->variables[COUNT]);
}

static int update_mean(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weights)
{
    return cn__mean_update(self, y_pred ? y_pred : y_true, weights);
}

static int init_sum(cn_metric *self)
{
    return cn__metric_vector(self, "total", -1);
}

static int update_sum(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weights)
{
    cn_tensor *values = y_pred ? y_pred : y_true;
    int code = weigh(self, &values, &weights, false);
    return code < 0 ? code : cn__metric_add(self, TOTAL, cn_sum_axes(values, -1, NULL, false));
}

static cn_tensor *result_sum(cn_metric *self)
{
    return cn_identity(self->variables[TOTAL]);
}

CN__METRIC_PLAIN(mean, "Mean", NULL, .init = cn__mean_init, .update = update_mean,
                 .result = cn__mean_result)
CN__METRIC_PLAIN(sum, "Sum", NULL, .init = init_sum, .update = update_sum, .result = result_sum)

cn_tensor *cn__loss_metric_values(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    return cn__loss_values(self->loss, y_true, y_pred);
}

int cn__loss_metric_init(cn_metric *self, const cn_loss_class *class, const void *args)
{
    /* The loss follows the version of the metric, which may be that of a file. */
    int keras = cn__set_keras_version(self->base.keras);
    cn_loss *loss = cn_loss_new(class, args);
    cn__set_keras_version(keras);
    self->loss = cn__ref(loss);
    cn_free(loss);
    return self->loss ? 0 : cn_error_code();
}

static cn_tensor *wrapper_values(const cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    if (self->loss) {
        return cn__loss_values(self->loss, y_true, y_pred);
    }
    if (!self->function) {
        cn__fail(CN_ESTATE,
                 "MeanMetricWrapper: it has no function; cn_metric_from() makes one with");
        return NULL;
    }
    return self->function(cn__like(y_true, y_pred), y_pred, self->user);
}

const cn_metric_class cn__metric_mean_metric_wrapper = {
    CN__METRIC_BASE(mean_metric_wrapper, "MeanMetricWrapper", NULL, cn_metric_args,
                    cn_metric_defaults, NULL),
    .values = wrapper_values};

cn_metric *cn_metric_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user),
                          void *user, const char *name)
{
    if (!function) {
        cn__fail(CN_EVALUE, "cn_metric_from: the function is NULL");
        return NULL;
    }
    cn_metric_args args = cn_metric_defaults;
    args.name = name ? name : "metric";
    cn_metric *metric = cn_metric_new(&cn__metric_mean_metric_wrapper, &args);
    if (metric) {
        metric->function = function;
        metric->user = user;
    }
    return metric;
}

cn_metric *cn_metric_from_loss(cn_loss *loss, const char *name)
{
    if (cn__pending() || cn__expect(loss, CN__LOSS, "cn_metric_from_loss") < 0) {
        return NULL;
    }
    cn_metric_args args = cn_metric_defaults;
    args.name = name ? name : loss->base.name;
    cn_metric *metric = cn_metric_new(&cn__metric_mean_metric_wrapper, &args);
    if (metric) {
        metric->loss = cn__ref(loss);
    }
    return metric;
}
