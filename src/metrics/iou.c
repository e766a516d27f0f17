/* Intersection over union, from a matrix of counts of labels and predictions. */
#include "metrics/metric.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What the five classes have, in different structs. */
typedef struct overlap {
    int64_t classes, ignored, axis; /* ignored CN_NONE: none */
    bool sparse_true, sparse_pred;
    double threshold; /* NaN: predictions are class numbers */
    int n_targets;    /* 0: all classes */
    int64_t targets[8];
} overlap;

static int init(cn_metric *self, overlap given, const cn_ints *targets)
{
    overlap *o = self->state;
    cn_metric_args *head = self->base.args;
    *o = given;
    if (cn__is_keras3(self->base.keras) && !head->dtype) {
        head->dtype = cn__strdup("int64");
        if (!head->dtype) {
            return CN_ENOMEM;
        }
    }
    if (o->classes < 1) {
        return cn__fail(CN_EVALUE, "%s: `num_classes` must be > 0. Received: num_classes=%" PRId64,
                        self->base.class->name, o->classes);
    }
    o->n_targets = targets ? cn__ints_count(targets) : 0;
    for (int i = 0; i < o->n_targets; i++) {
        o->targets[i] = targets->v[i];
        if (o->targets[i] < 0 || o->targets[i] >= o->classes) {
            return cn__fail(CN_EVALUE,
                            "Target class id %" PRId64 " is out of range, which is [0, %" PRId64
                            ").",
                            o->targets[i], o->classes);
        }
    }
    cn_shape shape = {.rank = 2, .dim = {o->classes, o->classes}};
    return cn_metric_add_variable(self, "total_confusion_matrix", &shape, 0) ? 0 : cn_error_code();
}

/* Class numbers as a flat list. */
static cn_tensor *numbers(cn_tensor *x, bool sparse, int64_t axis)
{
    x = sparse ? x : cn_argmax(x, axis);
    return x ? cn_cast(cn_reshape(x, -1), CN_INT64) : NULL;
}

/* Keras 3 counts in integers, to which it cuts the weights, unless the metric's dtype is floating.
 */
static bool in_integers(const cn_metric *self)
{
    const char *dtype = ((const cn_metric_args *)self->base.args)->dtype;
    return cn__is_keras3(self->base.keras) && (!dtype || !strstr(dtype, "float"));
}

/* The matrix is one-hot labels times weighted one-hot predictions; numbers out of range have no
 * one. */
static int update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred, cn_tensor *weight)
{
    const overlap *o = self->state;
    if (!y_pred) {
        return cn__fail(CN_EVALUE, "%s: y_pred is NULL", self->base.name);
    }
    if (!isnan(o->threshold)) {
        y_pred = cn_cast(cn_greater_equal(y_pred, o->threshold), CN_INT64);
    }
    cn_tensor *y = numbers(y_true, o->sparse_true, o->axis);
    cn_tensor *p = y_pred ? numbers(y_pred, o->sparse_pred, o->axis) : NULL;
    if (!y || !p) {
        return cn_error_code();
    }
    cn_tensor *w = cn_ones_like(cn_cast(y, CN_FLOAT32));
    if (weight) {
        weight = cn_cast(weight, CN_FLOAT32);
        weight = weight && weight->shape.rank > 1 ? cn_reshape(weight, -1) : weight;
        w = cn_multiply(w, in_integers(self) ? cn_trunc(weight) : weight);
    }
    if (o->ignored != CN_NONE) {
        w = cn_multiply(w, cn_cast(cn_not_equal(y, o->ignored), CN_FLOAT32));
    }
    cn_tensor *labels = cn_multiply(cn_one_hot(y, o->classes, CN_FLOAT32), cn_expand_dims(w, -1));
    cn_tensor *decided = cn_one_hot(p, o->classes, CN_FLOAT32);
    return labels && decided ? cn__metric_add(self, 0, cn_matmul_t(labels, decided, true, false))
                             : cn_error_code();
}

static cn_tensor *only_targets(const overlap *o, cn_tensor *x)
{
    if (!o->n_targets) {
        return x;
    }
    int64_t n = o->n_targets;
    cn_tensor *indices = cn_tensor_new(CN_INT64, 1, &n, o->targets);
    return indices ? cn_gather(x, indices, 0) : NULL;
}

static cn_tensor *result(cn_metric *self)
{
    const overlap *o = self->state;
    const int64_t rows = 0, columns = 1;
    cn_tensor *matrix = self->variables[0];
    cn_tensor *both = cn_sum_axes(
        cn_multiply(matrix, cn_eye(o->classes, o->classes, 0, CN_FLOAT32)), 1, &columns, false);
    cn_tensor *either = cn_subtract(
        cn_add(cn_sum_axes(matrix, 1, &rows, false), cn_sum_axes(matrix, 1, &columns, false)),
        both);
    both = only_targets(o, both);
    either = only_targets(o, either);
    bool three = cn__is_keras3(self->base.keras);
    cn_tensor *present = cn_cast(cn_greater(either, three ? 1e-9 : 0.0), CN_FLOAT32);
    cn_tensor *n = cn_sum_axes(present, -1, NULL, false);
    if (!three) {
        cn_tensor *sum = cn_sum_axes(cn__divide_no_nan(both, either), -1, NULL, false);
        return cn__divide_no_nan(sum, n);
    }
    cn_tensor *part = cn_multiply(cn_divide(both, cn_add(either, 1e-7)), present);
    return cn_divide(cn_sum_axes(part, -1, NULL, false), cn_add(n, 1e-7));
}

static int init_iou(cn_metric *self)
{
    const cn_metric_iou_args *a = self->base.args;
    return init(self,
                (overlap){a->num_classes,
                          a->ignore_class,
                          a->axis,
                          a->sparse_y_true,
                          a->sparse_y_pred,
                          NAN,
                          0,
                          {0}},
                &a->target_class_ids);
}

static int init_binary_iou(cn_metric *self)
{
    const cn_metric_binary_iou_args *a = self->base.args;
    return init(self, (overlap){2, CN_NONE, -1, true, true, a->threshold, 0, {0}},
                &a->target_class_ids);
}

static int init_mean_iou(cn_metric *self)
{
    const cn_metric_mean_iou_args *a = self->base.args;
    return init(self,
                (overlap){a->num_classes,
                          a->ignore_class,
                          a->axis,
                          a->sparse_y_true,
                          a->sparse_y_pred,
                          NAN,
                          0,
                          {0}},
                NULL);
}

static int init_one_hot_iou(cn_metric *self)
{
    const cn_metric_one_hot_iou_args *a = self->base.args;
    return init(
        self,
        (overlap){a->num_classes, a->ignore_class, a->axis, false, a->sparse_y_pred, NAN, 0, {0}},
        &a->target_class_ids);
}

static int init_one_hot_mean_iou(cn_metric *self)
{
    const cn_metric_one_hot_mean_iou_args *a = self->base.args;
    return init(
        self,
        (overlap){a->num_classes, a->ignore_class, a->axis, false, a->sparse_y_pred, NAN, 0, {0}},
        NULL);
}

#define T cn_metric_iou_args
static const cn_field iou_fields[] = {CN_FIELD(T, INT64, num_classes),
                                      CN_FIELD(T, INTS, target_class_ids),
                                      CN_FIELD(T, INT64, ignore_class),
                                      CN_FIELD(T, BOOL, sparse_y_true),
                                      CN_FIELD(T, BOOL, sparse_y_pred),
                                      CN_FIELD(T, INT64, axis),
                                      {0}};
#undef T
#define T cn_metric_binary_iou_args
static const cn_field binary_iou_fields[] = {
    CN_FIELD(T, INTS, target_class_ids), CN_FIELD(T, DOUBLE, threshold), {0}};
#undef T
#define T cn_metric_mean_iou_args
static const cn_field mean_iou_fields[] = {
    CN_FIELD(T, INT64, num_classes),  CN_FIELD(T, INT64, ignore_class),
    CN_FIELD(T, BOOL, sparse_y_true), CN_FIELD(T, BOOL, sparse_y_pred),
    CN_FIELD(T, INT64, axis),         {0}};
#undef T
#define T cn_metric_one_hot_iou_args
static const cn_field one_hot_iou_fields[] = {
    CN_FIELD(T, INT64, num_classes),  CN_FIELD(T, INTS, target_class_ids),
    CN_FIELD(T, INT64, ignore_class), CN_FIELD(T, BOOL, sparse_y_pred),
    CN_FIELD(T, INT64, axis),         {0}};
#undef T
#define T cn_metric_one_hot_mean_iou_args
static const cn_field one_hot_mean_iou_fields[] = {CN_FIELD(T, INT64, num_classes),
                                                   CN_FIELD(T, INT64, ignore_class),
                                                   CN_FIELD(T, BOOL, sparse_y_pred),
                                                   CN_FIELD(T, INT64, axis),
                                                   {0}};
#undef T

#define SHARED .update = update, .result = result, .state_bytes = sizeof(overlap), .direction = 1
CN__METRIC_RECORD(iou, "IoU", NULL, CN_METRIC_IOU_DEFAULTS, .init = init_iou, SHARED)
CN__METRIC_RECORD(binary_iou, "BinaryIoU", NULL, CN_METRIC_BINARY_IOU_DEFAULTS,
                  .init = init_binary_iou, SHARED)
CN__METRIC_RECORD(mean_iou, "MeanIoU", NULL, CN_METRIC_MEAN_IOU_DEFAULTS, .init = init_mean_iou,
                  SHARED)
CN__METRIC_RECORD(one_hot_iou, "OneHotIoU", NULL, CN_METRIC_ONE_HOT_IOU_DEFAULTS,
                  .init = init_one_hot_iou, SHARED)
CN__METRIC_RECORD(one_hot_mean_iou, "OneHotMeanIoU", NULL, CN_METRIC_ONE_HOT_MEAN_IOU_DEFAULTS,
                  .init = init_one_hot_mean_iou, SHARED)
