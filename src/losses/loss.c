/* Losses as objects: making, calling with weights and masks, reducing. */
#include "losses/loss.h"

#include "core/format.h"
#include "ops/op.h"
#include "utils/config.h"

#include <string.h>

const cn_loss_args cn_loss_defaults = {.size = sizeof(cn_loss_args), CN_LOSS_DEFAULTS};

/* The head that all argument structs of losses begin with. */
static cn_loss_args *head(const cn_loss *loss)
{
    return loss->base.args;
}

static int keep_string(const char **field, const char *value)
{
    char *copy = cn__strdup(value);
    if (!copy) {
        return CN_ENOMEM;
    }
    cn__free_mem((void *)(uintptr_t)*field);
    *field = copy;
    return 0;
}

/* Keras names an object after its function, which differs from the class for one of them. */
static int name_loss(cn_loss *loss)
{
    if (loss->base.name_given || strcmp(loss->base.class->name, "Huber") != 0) {
        return 0;
    }
    char *name = cn__strdup("huber_loss");
    if (!name) {
        return CN_ENOMEM;
    }
    cn__free_mem(loss->base.name);
    loss->base.name = name;
    return 0;
}

static int init_loss(void *instance)
{
    static const char *const reductions[] = {"sum_over_batch_size",     "sum",  "none", "mean",
                                             "mean_with_sample_weight", "auto", NULL};
    cn_loss *loss = instance;
    cn_loss_args *args = head(loss);
    const char *reduction = args->reduction ? args->reduction : "none";
    int i = 0;
    while (reductions[i] && strcmp(reductions[i], reduction) != 0) {
        i++;
    }
    if (!reductions[i]) {
        return cn__fail(CN_EVALUE,
                        "Invalid value for argument `reduction`. Expected one of "
                        "{'sum_over_batch_size', 'sum', None, 'none', 'mean', "
                        "'mean_with_sample_weight'}. Received: reduction=%s",
                        reduction);
    }
    if (cn__is_keras3(loss->base.keras) && strcmp(reduction, "auto") == 0) {
        reduction = "sum_over_batch_size";
    }
    if (reduction != args->reduction) {
        int code = keep_string(&args->reduction, reduction);
        if (code < 0) {
            return code;
        }
    }
    return name_loss(loss);
}

#if CN__HAVE_JANSSON
/* tf.keras from 2.13 on names the function that a loss wraps. */
static int write_config(const void *instance, int dialect, void *config)
{
    const cn_loss *loss = instance;
    if (dialect != CN__DIALECT_KERAS2 || loss->base.keras < 213 || loss->function) {
        return 0;
    }
    char *function = cn__snake_case(loss->base.class->name);
    json_t *text = function ? json_string(function) : NULL;
    cn__free_mem(function);
    return text && json_object_set_new(config, "fn", text) == 0 ? 0 : cn__no_memory();
}
#define WRITE_CONFIG write_config
#else
#define WRITE_CONFIG NULL
#endif

const cn__kind_info cn__kind_loss = {.type = {CN__LOSS, "loss", NULL},
                                     .bytes = sizeof(cn_loss),
                                     .module = "keras.losses",
                                     .init = init_loss,
                                     .write_config = WRITE_CONFIG};

cn_loss *cn_loss_new(const cn_loss_class *cls, const void *args)
{
    if (!cls) {
        cn__fail(CN_EVALUE, "cn_loss_new: the class is NULL");
        return NULL;
    }
    return cn__create(CN__LOSS, &cls->base, args);
}

const void *cn_loss_arguments(const cn_loss *loss)
{
    return cn__expect(loss, CN__LOSS, "cn_loss_arguments") < 0 ? NULL : loss->base.args;
}

const char *cn_loss_name(const cn_loss *loss)
{
    return cn__expect(loss, CN__LOSS, "cn_loss_name") < 0 ? NULL : loss->base.name;
}

int cn_register_loss(const cn_loss_class *cls, const char *package)
{
    return cn__class_register(CN__LOSS, &cls->base, package);
}

cn_loss *cn_loss_get(cn_identifier identifier)
{
    if (cn__identifier_kind(identifier)) {
        return cn__expect(identifier, CN__LOSS, "loss") < 0 ? NULL
                                                            : (cn_loss *)(uintptr_t)identifier;
    }
    cn_loss *loss = cn__resolve(CN__LOSS, identifier, "loss");
    return loss ? cn__into_scope(loss) : NULL;
}

cn_loss *cn__loss_resolve(cn_identifier identifier, const cn_shape *y_true, const cn_shape *y_pred)
{
    if (identifier && !cn__identifier_kind(identifier)) {
        const char *name = identifier;
        if (strcmp(name, "crossentropy") == 0 || strcmp(name, "ce") == 0) {
            bool binary, sparse;
            cn__target_kind(y_true, y_pred, &binary, &sparse);
            identifier = binary   ? "binary_crossentropy"
                         : sparse ? "sparse_categorical_crossentropy"
                                  : "categorical_crossentropy";
        }
    }
    return cn__resolve(CN__LOSS, identifier, "loss");
}

static cn_tensor *call_function(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    return self->function(cn__like(y_true, y_pred), y_pred, self->user);
}

static const cn_loss_class function_class = {.base = {.size = sizeof(cn_loss_class),
                                                      .name = "LossFunctionWrapper",
                                                      .module = "keras.losses",
                                                      .args_size = sizeof(cn_loss_args),
                                                      .defaults = &cn_loss_defaults},
                                             .call = call_function};

cn_loss *cn_loss_from(cn_tensor *(*function)(cn_tensor *y_true, cn_tensor *y_pred, void *user),
                      void *user, const char *name)
{
    if (!function) {
        cn__fail(CN_EVALUE, "cn_loss_from: the function is NULL");
        return NULL;
    }
    cn_loss_args args = cn_loss_defaults;
    args.name = name ? name : "loss";
    cn_loss *loss = cn_loss_new(&function_class, &args);
    if (loss) {
        loss->function = function;
        loss->user = user;
    }
    return loss;
}

cn_tensor *cn__loss_values(const cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred)
{
    if (!cn__check_tensor(y_true, "y_true") || !cn__check_tensor(y_pred, "y_pred")) {
        return NULL;
    }
    if (cn__is_keras3(loss->base.keras) || !cn__dtype_is_float(y_pred->dtype)) {
        const char *dtype = head(loss)->dtype;
        cn_dtype wanted = dtype ? cn_dtype_from_name(dtype) : CN_FLOAT32;
        /* A cast would hide a softmax from the loss, so it is made only where it changes something.
         */
        y_pred = wanted == y_pred->dtype ? y_pred : cn_cast(y_pred, wanted);
    }
    if (!y_pred) {
        return NULL;
    }
    int code = cn__is_keras3(loss->base.keras) ? cn__match_ranks(&y_true, &y_pred, true)
                                               : cn__match_targets_keras2(&y_true, &y_pred);
    const cn_loss_class *class = (const cn_loss_class *)loss->base.class;
    return code < 0 ? NULL : class->call(loss, y_true, y_pred);
}

cn_tensor *cn_loss_values(const cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred)
{
    if (cn__pending() || cn__expect(loss, CN__LOSS, "cn_loss_values") < 0) {
        return NULL;
    }
    return cn__loss_values(loss, y_true, y_pred);
}

static cn_tensor *reduce(cn_tensor *values, cn_tensor *weights, const char *reduction)
{
    if (strcmp(reduction, "none") == 0 || values->shape.rank == 0) {
        return values;
    }
    cn_tensor *sum = cn_sum_axes(values, -1, NULL, false);
    if (strcmp(reduction, "sum") == 0) {
        return sum;
    }
    if (strcmp(reduction, "mean_with_sample_weight") == 0 && weights) {
        return cn__divide_no_nan(sum, cn_sum_axes(weights, -1, NULL, false));
    }
    if (cn__shape_size(&values->shape) == 0) {
        return sum;
    }
    return cn_divide(sum, cn__count(values));
}

cn_tensor *cn_loss_call(cn_loss *loss, cn_tensor *y_true, cn_tensor *y_pred,
                        cn_tensor *sample_weight)
{
    if (cn__pending() || cn__expect(loss, CN__LOSS, "cn_loss_call") < 0) {
        return NULL;
    }
    int keras = loss->base.keras;
    const char *reduction = head(loss)->reduction;
    cn_tensor *values = cn__loss_values(loss, y_true, y_pred);
    if (!values) {
        return NULL;
    }
    cn_tensor *mask = y_pred->mask;
    if (values->mask) {
        mask = mask ? cn_logical_and(mask, values->mask) : values->mask;
    }
    bool scaled = strcmp(reduction, "auto") == 0 || strcmp(reduction, "sum_over_batch_size") == 0 ||
                  strcmp(reduction, "mean") == 0;
    if (cn__apply_mask(&sample_weight, mask, values->dtype, scaled, keras) < 0) {
        return NULL;
    }
    if (sample_weight) {
        sample_weight = cn_cast(sample_weight, values->dtype);
        if (!sample_weight) {
            return NULL;
        }
        int code = cn__is_keras3(keras) ? cn__match_ranks(&values, &sample_weight, true)
                                        : cn__match_weights_keras2(values, &sample_weight);
        values = code < 0 ? NULL : cn_multiply(values, sample_weight);
    }
    return values ? reduce(values, sample_weight, reduction) : NULL;
}
