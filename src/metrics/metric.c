/* Metrics as objects: making and naming them, their variables, updating, resetting. */
#include "metrics/metric.h"
#include "utils/config.h"

#include <string.h>

const cn_metric_args cn_metric_defaults = {.size = sizeof(cn_metric_args), CN_METRIC_DEFAULTS};

/* Names that are not the class's in snake case, and classes whose objects Keras counts (precision,
 * precision_1 …). */
static const struct {
    const char *class, *keras2, *keras3;
} own_names[] = {
    {"LogCoshError", "logcosh", "logcosh"},
    {"FBetaScore", "fbeta_score", "fbeta_score"},
    {"KLDivergence", "kullback_leibler_divergence", "kl_divergence"},
};
static const char *const counted[] = {"TruePositives",
                                      "TrueNegatives",
                                      "FalsePositives",
                                      "FalseNegatives",
                                      "Precision",
                                      "Recall",
                                      "AUC",
                                      "PrecisionAtRecall",
                                      "RecallAtPrecision",
                                      "SensitivityAtSpecificity",
                                      "SpecificityAtSensitivity",
                                      "IoU",
                                      "BinaryIoU",
                                      "MeanIoU",
                                      "OneHotIoU",
                                      "OneHotMeanIoU"};

int cn__metric_rename(cn_metric *self, const char *name)
{
    char *copy = cn__strdup(name);
    if (!copy) {
        return CN_ENOMEM;
    }
    cn__free_mem(self->base.name);
    self->base.name = copy;
    return 0;
}

static int name_metric(cn_metric *self)
{
    const char *class = self->base.class->name;
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++) {
        if (strcmp(own_names[i].class, class) == 0) {
            return cn__metric_rename(self, cn__is_keras3(self->base.keras) ? own_names[i].keras3
                                                                           : own_names[i].keras2);
        }
    }
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        if (strcmp(counted[i], class) == 0) {
            char *name = cn__unique_name(self->base.name, self->base.keras);
            int code = name ? cn__metric_rename(self, name) : CN_ENOMEM;
            cn__free_mem(name);
            return code;
        }
    }
    return 0;
}

static int init_metric(void *instance)
{
    cn_metric *self = instance;
    const cn_metric_class *class = cn__metric_class(self);
    int code = self->base.name_given ? 0 : name_metric(self);
    if (code == 0 && class->state_bytes) {
        self->state = cn__calloc(1, class->state_bytes);
        code = self->state ? 0 : CN_ENOMEM;
    }
    if (code == 0 && class->init) {
        code = class->init(self);
    }
    return code == 0 && class->values && !self->n_variables ? cn__mean_init(self) : code;
}

static void destroy_metric(void *instance)
{
    cn_metric *self = instance;
    const cn_metric_class *class = cn__metric_class(self);
    if (class->destroy && self->state) {
        class->destroy(self->state);
    }
    for (int i = 0; i < self->n_variables; i++) {
        cn__unref(self->variables[i]);
    }
    cn__free_mem(self->variables);
    cn__free_mem(self->initial);
    cn__free_mem(self->state);
    cn__unref(self->loss);
}

#if CN__HAVE_JANSSON
/* An empty list of thresholds or weights is None, which AUC does not write for thresholds; one
 * threshold is a number. */
static int write_config(const void *instance, int dialect, void *config)
{
    static const char *const lists[] = {"thresholds", "label_weights", NULL};
    const cn_metric *self = instance;
    bool area = strcmp(self->base.class->name, "AUC") == 0;
    (void)dialect;
    for (int i = 0; lists[i]; i++) {
        const json_t *list = json_object_get(config, lists[i]);
        size_t n = json_array_size(list);
        json_t *value = NULL;
        if (list && n == 0 && area && i == 0) {
            json_object_del(config, lists[i]);
        } else if (list && n == 0) {
            value = json_null();
        } else if (n == 1 && !area) {
            value = json_incref(json_array_get(list, 0));
        }
        if (value && json_object_set_new(config, lists[i], value) < 0) {
            return cn__no_memory();
        }
    }
    return 0;
}
#define WRITE_CONFIG write_config
#else
#define WRITE_CONFIG NULL
#endif

const cn__kind_info cn__kind_metric = {.type = {CN__METRIC, "metric", NULL},
                                       .bytes = sizeof(cn_metric),
                                       .module = "keras.metrics",
                                       .init = init_metric,
                                       .destroy = destroy_metric,
                                       .write_config = WRITE_CONFIG};

cn_metric *cn_metric_new(const cn_metric_class *cls, const void *args)
{
    if (!cls) {
        cn__fail(CN_EVALUE, "cn_metric_new: the class is NULL");
        return NULL;
    }
    return cn__create(CN__METRIC, &cls->base, args);
}

const void *cn_metric_arguments(const cn_metric *metric)
{
    return cn__expect(metric, CN__METRIC, "cn_metric_arguments") < 0 ? NULL : metric->base.args;
}

void *cn_metric_state(const cn_metric *metric)
{
    return cn__expect(metric, CN__METRIC, "cn_metric_state") < 0 ? NULL : metric->state;
}

const char *cn_metric_name(const cn_metric *metric)
{
    return cn__expect(metric, CN__METRIC, "cn_metric_name") < 0 ? NULL : metric->base.name;
}

int cn_register_metric(const cn_metric_class *cls, const char *package)
{
    return cn__class_register(CN__METRIC, &cls->base, package);
}

cn_metric *cn_metric_get(cn_identifier identifier)
{
    if (cn__identifier_kind(identifier)) {
        return cn__expect(identifier, CN__METRIC, "metric") < 0
                   ? NULL
                   : (cn_metric *)(uintptr_t)identifier;
    }
    cn_metric *metric = cn__resolve(CN__METRIC, identifier, "metric");
    return metric ? cn__into_scope(metric) : NULL;
}

int cn__metric_direction(const cn_metric *metric)
{
    int direction = cn__metric_class(metric)->direction;
    return direction ? direction : metric->loss ? -1 : 0;
}

static int fill(cn_tensor *variable, double value)
{
    char *data = cn__data_write(variable);
    if (!data) {
        return cn_error_code();
    }
    memset(data, 0, cn__bytes(variable));
    for (int64_t i = 0, n = value == 0 ? 0 : cn__size(variable); i < n; i++) {
        cn__write(variable->dtype, data, i, value);
    }
    return 0;
}

cn_tensor *cn_metric_add_variable(cn_metric *self, const char *name, const cn_shape *shape,
                                  double initial)
{
    if (cn__pending() || cn__expect(self, CN__METRIC, "cn_metric_add_variable") < 0) {
        return NULL;
    }
    size_t n = (size_t)self->n_variables + 1;
    cn_tensor **list = cn__realloc(self->variables, n * sizeof *list);
    self->variables = list ? list : self->variables;
    double *values = list ? cn__realloc(self->initial, n * sizeof *values) : NULL;
    if (!values) {
        return NULL;
    }
    self->initial = values;
    char *text = cn__is_keras3(self->base.keras) ? cn__printf("%s/%s", self->base.name, name)
                                                 : cn__printf("%s:0", name);
    cn_tensor *variable = text ? cn__variable_new(text, CN_FLOAT32, shape, false) : NULL;
    cn__free_mem(text);
    if (!variable || fill(variable, initial) < 0) {
        cn__unref(variable);
        return NULL;
    }
    self->initial[self->n_variables] = initial;
    self->variables[self->n_variables++] = variable;
    return variable;
}

cn_tensor *cn_metric_variable(const cn_metric *self, int index)
{
    bool there = cn__expect(self, CN__METRIC, "cn_metric_variable") == 0 && index >= 0 &&
                 index < self->n_variables;
    return there ? self->variables[index] : NULL;
}

int cn__metric_add(cn_metric *self, int variable, cn_tensor *value)
{
    cn_tensor *old = self->variables[variable];
    return (cn_assign)(old, (cn_add)(old, value));
}

int cn__metric_vector(cn_metric *self, const char *name, int64_t n)
{
    cn_shape shape = {.rank = n >= 0, .dim = {n}};
    return cn_metric_add_variable(self, name, &shape, 0) ? 0 : cn_error_code();
}

int cn__floats_count(const cn_floats *f)
{
    int n = f->n ? f->n : 32;
    while (!f->n && n > 0 && f->v[n - 1] == 0) {
        n--;
    }
    return n;
}

int cn_metric_reset(cn_metric *self)
{
    if (cn__pending() || cn__expect(self, CN__METRIC, "cn_metric_reset") < 0) {
        return cn_error_code();
    }
    if (cn__metric_class(self)->reset) {
        return cn__metric_class(self)->reset(self);
    }
    for (int i = 0; i < self->n_variables; i++) {
        int code = fill(self->variables[i], self->initial[i]);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *sample_weight)
{
    const cn_metric_class *class = cn__metric_class(self);
    cn_tensor *output = y_pred ? y_pred : y_true;
    int code = cn__apply_mask(&sample_weight, output->mask, CN_FLOAT32, false, self->base.keras);
    if (code == 0 && class->build && !self->built) {
        code = class->build(self, &y_true->shape, &output->shape);
        self->built = code == 0;
    }
    if (code < 0) {
        return code;
    }
    if (!class->values) {
        return class->update(self, y_true, y_pred, sample_weight);
    }
    if (!y_pred) {
        return cn__fail(CN_EVALUE, "%s: y_pred is NULL", self->base.name);
    }
    cn_tensor *values = class->values(self, y_true, y_pred);
    return values ? cn__mean_update(self, values, sample_weight) : cn_error_code();
}

int cn_metric_update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred,
                     cn_tensor *sample_weight)
{
    if (cn__pending() || cn__expect(self, CN__METRIC, "cn_metric_update") < 0 ||
        !cn__check_tensor(y_true, "y_true") || (y_pred && !cn__check_tensor(y_pred, "y_pred"))) {
        return cn_error_code();
    }
    cn_scope scope = cn_scope_begin();
    int code = update(self, y_true, y_pred, sample_weight);
    cn_scope_end(scope);
    return code;
}

cn_tensor *cn_metric_result(cn_metric *self)
{
    if (cn__pending() || cn__expect(self, CN__METRIC, "cn_metric_result") < 0) {
        return NULL;
    }
    const cn_metric_class *class = cn__metric_class(self);
    if (class->build && !self->built) {
        cn__fail(CN_ESTATE, "%s: the metric has no result before its first update",
                 self->base.name);
        return NULL;
    }
    return class->values ? cn__mean_result(self) : class->result(self);
}
