/* Configs of layers: what Keras writes besides a class's fields, and reading them. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/layer.h"
#include "layers/op_layer.h"
#include "utils/config.h"

#include <math.h>
#include <string.h>

extern const cn_layer_class cn__layer_batch_normalization;
extern const cn_layer_class cn__layer_dense;
extern const cn_layer_class cn__layer_input_layer;

#if CN__HAVE_JANSSON
static bool given(const cn_ints *ints)
{
    return ints->n > 0 || ints->v[0] != 0;
}

/* The shape that the layer was told its input has, with the batch; null if it was not told. */
static json_t *told_shape(const cn_layer *layer)
{
    const cn_layer_args *args = layer->base.args;
    int64_t dim[CN_MAX_RANK + 1] = {args->batch_size};
    int n = 0;
    if (given(&args->batch_input_shape)) {
        n = cn__ints_count(&args->batch_input_shape);
        memcpy(dim, args->batch_input_shape.v, (size_t)n * sizeof *dim);
    } else if (given(&args->input_shape)) {
        n = 1 + cn__ints_count(&args->input_shape);
        memcpy(dim + 1, args->input_shape.v, (size_t)(n - 1) * sizeof *dim);
    }
    return n ? cn__json_lengths(n, dim) : json_null();
}

static int write_input_layer(const cn_layer *layer, int dialect, json_t *config)
{
    const cn_input_layer_args *args = layer->base.args;
    bool three = dialect == CN__DIALECT_KERAS3;
    int keras = layer->base.keras;
    json_object_clear(config);
    int code = cn__json_set(config, three ? "batch_shape" : "batch_input_shape", told_shape(layer));
    const char *const keys[] = {"dtype", "sparse", "ragged", "name", "optional"};
    for (int i = 0; code == 0 && i < 5; i++) {
        bool old = (i == 2 && cn__is_multi_backend(keras)) ||
                   (i == 4 && (cn__is_multi_backend(keras) || keras < 216));
        if (old && !three) {
            continue;
        }
        json_t *value = i == 0   ? json_string(args->dtype ? args->dtype : "float32")
                        : i == 1 ? json_boolean(args->sparse)
                        : i == 2 ? json_boolean(args->ragged)
                        : i == 3 ? json_string(layer->base.name)
                                 : json_boolean(args->optional);
        code = cn__json_set(config, keys[i], value);
    }
    return code;
}

/* Puts a key behind another one (or before it), where Keras has it. */
static int insert_beside(json_t *config, const char *beside, bool before, const char *key,
                         json_t *value)
{
    json_t *copy = json_copy(config), *item;
    const char *name;
    int code = copy && value ? 0 : cn__no_memory();
    json_object_clear(config);
    json_object_foreach(copy, name, item)
    {
        bool here = strcmp(name, beside) == 0;
        if (code == 0 && here && before) {
            code = cn__json_set(config, key, json_incref(value));
        }
        if (code == 0 && strcmp(name, key) != 0) {
            code = cn__json_set(config, name, json_incref(item));
        }
        if (code == 0 && here && !before) {
            code = cn__json_set(config, key, json_incref(value));
        }
    }
    json_decref(copy);
    json_decref(value);
    return code;
}

/* Axes as a list, once the layer is built: tf.keras's count from the front. */
static int write_axes(const cn_layer *layer, bool three, json_t *config)
{
    for (const cn_field *f = layer->base.class->fields; f && f->type; f++) {
        bool many = f->type == CN_FIELD_INTS;
        if (!(f->flags & CN_FIELD_AXES) || !layer->built || (three && !many)) {
            continue;
        }
        const void *at = (const char *)layer->base.args + f->offset;
        int n = many ? cn__ints_count(at) : 1;
        json_t *list = json_array();
        for (int i = 0; list && i < n; i++) {
            int64_t axis = many ? ((const cn_ints *)at)->v[i] : *(const int64_t *)at;
            axis += axis < 0 && !three ? layer->input_shapes[0].rank : 0;
            if (json_array_append_new(list, json_integer(axis)) < 0) {
                json_decref(list);
                list = NULL;
            }
        }
        int code = cn__json_set(config, f->name, list);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* The limits of batch renormalization as a dictionary of those that are set. */
static json_t *renorm_clipping(const cn_batch_normalization_args *args)
{
    const struct {
        const char *key;
        double value;
    } limits[] = {
        {"rmax", args->renorm_rmax}, {"rmin", args->renorm_rmin}, {"dmax", args->renorm_dmax}};
    json_t *object = json_object();
    for (int i = 0; object && i < 3; i++) {
        if (!isnan(limits[i].value) &&
            cn__json_set(object, limits[i].key, json_real(limits[i].value)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static int write_batch_normalization(const cn_layer *layer, int dialect, json_t *config)
{
    const cn_batch_normalization_args *args = layer->base.args;
    int keras = cn__is_keras3(layer->base.keras) ? layer->base.keras : 315;
    if (dialect == CN__DIALECT_KERAS3 ? keras < 314 : !args->renorm) {
        return 0;
    }
    int code = cn__json_set(config, "renorm", json_boolean(args->renorm));
    if (code == 0) {
        code = cn__json_set(config, "renorm_clipping",
                            args->renorm ? renorm_clipping(args) : json_null());
    }
    return code == 0 ? cn__json_set(config, "renorm_momentum", json_real(args->renorm_momentum))
                     : code;
}

/* Before 2.3 only the first layer had a dtype, before 2.2 a Flatten no data format. */
static void forget_newer_keys(const cn_layer *layer, json_t *config)
{
    if (!json_object_get(config, "batch_input_shape")) {
        json_object_del(config, "dtype");
    }
    if (layer->base.keras < 192 && strcmp(layer->base.class->name, "Flatten") == 0) {
        json_object_del(config, "data_format");
    }
}

/* Keras 3 gives SpatialDropout an order of its own, a plain dtype and no word on training. */
static int write_spatial_dropout(const cn_layer *layer, json_t *config)
{
    const char *const keys[] = {"rate", "seed", "name", "dtype", "data_format"};
    const cn_layer_args *args = layer->base.args;
    json_t *copy = json_copy(config);
    int code = copy ? 0 : cn__no_memory();
    json_object_clear(config);
    for (int i = 0; code == 0 && i < 5; i++) {
        json_t *value = json_object_get(copy, keys[i]);
        if (i == 3) {
            code =
                cn__json_set(config, keys[i], json_string(args->dtype ? args->dtype : "float32"));
        } else if (value) {
            code = cn__json_set(config, keys[i], json_incref(value));
        }
    }
    json_decref(copy);
    return code;
}

int cn__layer_write_config(const void *object, int dialect, void *config)
{
    const cn_layer *layer = object;
    bool three = dialect == CN__DIALECT_KERAS3;
    if (layer->base.class == &cn__layer_input_layer.base) {
        return write_input_layer(layer, dialect, config);
    }
    if (cn__is_op_layer(layer)) {
        return cn__op_layer_write_config(layer, dialect, config);
    }
    int code = 0;
    if (three) {
        code = write_axes(layer, true, config);
        json_t *activity = json_object_get(config, "activity_regularizer");
        /* Keras 3's Dense leaves the key to the base class, which writes it only if it is set. */
        const cn_class *class = layer->base.class;
        bool base_class_writes = class == &cn__layer_dense.base || !class->module;
        if (json_is_null(activity) && base_class_writes) {
            json_object_del(config, "activity_regularizer");
        } else if (activity && !json_is_null(activity) && code == 0) {
            code = insert_beside(config, "dtype", false, "activity_regularizer",
                                 json_incref(activity));
        }
        const char *name = layer->base.class->name;
        if (code == 0 && strncmp(name, "SpatialDropout", 14) == 0) {
            code = write_spatial_dropout(layer, config);
        } else if (code == 0 && strcmp(name, "ELU") == 0) {
            code = insert_beside(config, "name", false, "alpha",
                                 json_incref(json_object_get(config, "alpha")));
        }
    } else {
        const cn_layer_args *args = layer->base.args;
        if (given(&args->batch_input_shape) || given(&args->input_shape)) {
            bool before = cn__is_multi_backend(layer->base.keras);
            code = insert_beside(config, "dtype", before, "batch_input_shape", told_shape(layer));
        }
        if (code == 0) {
            code = write_axes(layer, false, config);
        }
    }
    if (code == 0 && !three && layer->base.keras < 200) {
        forget_newer_keys(layer, config);
    }
    if (code == 0 && layer->base.class == &cn__layer_batch_normalization.base) {
        code = write_batch_normalization(layer, dialect, config);
    }
    return code;
}

/* Layers without weights that Keras 3 counts as built from the start: they have no build_config. */
static bool is_built_at_once(const cn_class *class)
{
    /* MaxPooling2D, GlobalAveragePooling1D …, but not AdaptiveMaxPooling2D. */
    if (strstr(class->name, "Pooling") && !strstr(class->name, "Adaptive")) {
        return true;
    }
    static const char *const names[] = {"Activation",
                                        "ActivityRegularization",
                                        "AlphaDropout",
                                        "Dropout",
                                        "ELU",
                                        "GaussianDropout",
                                        "GaussianNoise",
                                        "Identity",
                                        "LeakyReLU",
                                        "Masking",
                                        "ReLU",
                                        "Reshape",
                                        "Softmax",
                                        "SpatialDropout1D",
                                        "SpatialDropout2D",
                                        "SpatialDropout3D",
                                        "UnitNormalization",
                                        NULL};
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], class->name) == 0) {
            return true;
        }
    }
    return false;
}

int cn__layer_write_object(const void *layer, int dialect, void *object)
{
    const cn_layer *self = layer;
    const cn_class *class = self->base.class;
    bool old = !cn__is_keras3(self->base.keras) && self->base.keras < 213;
    if (!self->built || !self->n_input_shapes || class == &cn__layer_input_layer.base ||
        (dialect == CN__DIALECT_KERAS3 ? is_built_at_once(class) : old)) {
        return 0;
    }
    json_t *shapes = NULL;
    if (self->n_input_shapes == 1 && cn__layer_class(self)->n_inputs >= 0) {
        shapes = cn__json_shape(&self->input_shapes[0]);
    } else {
        shapes = json_array();
        for (int i = 0; shapes && i < self->n_input_shapes; i++) {
            const cn_shape *s = &self->input_shapes[i];
            if (json_array_append_new(shapes, cn__json_shape(s)) < 0) {
                json_decref(shapes);
                shapes = NULL;
            }
        }
    }
    json_t *build = shapes ? json_pack("{s:o}", "input_shape", shapes) : NULL;
    return cn__json_set(object, "build_config", build);
}

int cn__layer_read_key(const cn_class *class, const char *key, const void *value, void *args)
{
    if (class != &cn__layer_batch_normalization.base || strcmp(key, "renorm_clipping") != 0 ||
        !json_is_object((const json_t *)value)) {
        return 0;
    }
    cn_batch_normalization_args *a = args;
    double *const limits[] = {&a->renorm_rmax, &a->renorm_rmin, &a->renorm_dmax};
    const char *const keys[] = {"rmax", "rmin", "dmax"};
    for (int i = 0; i < 3; i++) {
        const json_t *limit = json_object_get(value, keys[i]);
        *limits[i] = json_is_number(limit) ? json_number_value(limit) : NAN;
    }
    return 1;
}

const char *cn_layer_get_config(const cn_layer *layer)
{
    if (cn__pending() || !cn__as_layer(layer, "cn_layer_get_config")) {
        return NULL;
    }
    json_t *config = cn__get_config(layer, cn__is_keras3(layer->base.keras) ? CN__DIALECT_KERAS3
                                                                            : CN__DIALECT_KERAS2);
    char *text = config ? cn__json_dumps(config) : NULL;
    json_decref(config);
    return cn__scope_string(text);
}
#else
int cn__layer_write_config(const void *layer, int dialect, void *config)
{
    (void)layer;
    (void)dialect;
    (void)config;
    return 0;
}

int cn__layer_write_object(const void *layer, int dialect, void *object)
{
    return cn__layer_write_config(layer, dialect, object);
}

int cn__layer_read_key(const cn_class *class, const char *key, const void *value, void *args)
{
    (void)class;
    (void)key;
    (void)value;
    (void)args;
    return 0;
}

const char *cn_layer_get_config(const cn_layer *layer)
{
    if (!cn__pending() && cn__as_layer(layer, "cn_layer_get_config")) {
        cn__fail(CN_EUNSUPPORTED, "cn_layer_get_config: this build has no jansson");
    }
    return NULL;
}
#endif

cn_layer *cn_layer_from_config(const char *json)
{
    if (cn__pending()) {
        return NULL;
    }
    if (!json || *json != '{') {
        cn__fail(CN_EFORMAT, "cn_layer_from_config: expected JSON that begins with {");
        return NULL;
    }
    return cn__deserialize_text(CN__LAYER, json);
}
