/* What older versions of Keras wrote differently: Keras 1's argument names, 2.3's initializers,
 * keys that nobody reads. */
#include "core/error.h"
#include "utils/config_internal.h"

#include <cornu/initializers.h>
#include <cornu/regularizers.h>

#if CN__HAVE_JANSSON
#include <math.h>
#include <string.h>

typedef struct renaming {
    const char *class_name; /* NULL: any layer */
    const char *older, *name;
} renaming;

static const renaming renamings[] = {
    {"Dense", "output_dim", "units"},
    {"Embedding", "init", "embeddings_initializer"},
    {NULL, "init", "kernel_initializer"},
    {NULL, "inner_init", "recurrent_initializer"},
    {NULL, "inner_activation", "recurrent_activation"},
    {"Embedding", "W_regularizer", "embeddings_regularizer"},
    {"Embedding", "W_constraint", "embeddings_constraint"},
    {NULL, "W_regularizer", "kernel_regularizer"},
    {NULL, "U_regularizer", "recurrent_regularizer"},
    {NULL, "b_regularizer", "bias_regularizer"},
    {NULL, "W_constraint", "kernel_constraint"},
    {NULL, "b_constraint", "bias_constraint"},
    {NULL, "bias", "use_bias"},
    {NULL, "p", "rate"},
    {NULL, "nb_filter", "filters"},
    {NULL, "border_mode", "padding"},
    {NULL, "subsample", "strides"},
    {NULL, "filter_length", "kernel_size"},
    {NULL, "beta_init", "beta_initializer"},
    {NULL, "gamma_init", "gamma_initializer"},
};

const char *cn__legacy_key(cn__kind kind, const char *class_name, const char *key)
{
    if (kind == CN__CONSTRAINT && strcmp(key, "m") == 0) {
        return "max_value";
    }
    if (kind == CN__OPTIMIZER && strcmp(key, "lr") == 0) {
        return "learning_rate";
    }
    if (kind != CN__LAYER) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof renamings / sizeof *renamings; i++) {
        const renaming *r = &renamings[i];
        if ((!r->class_name || strcmp(r->class_name, class_name) == 0) &&
            strcmp(r->older, key) == 0) {
            return r->name;
        }
    }
    return NULL;
}

bool cn__is_ignored_key(cn__kind kind, const char *key)
{
    static const char *const layer_keys[] = {
        "input_dim",
        "input_length",
        "input_dtype",
        "sparse",
        "ragged",
        "optional",
        "mode",
        "implementation",
        "time_major",
        "dynamic",
        "quantization_config",
        "fused",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "virtual_batch_size",
        "synchronized",
        "groups",
        "unroll",
        "consume_less",
        "dim_ordering",
        "autocast",
        "shared_object_id",
    };
    static const char *const other_keys[] = {
        "dtype", "name", "jit_compile", "is_legacy_optimizer", "fn", "shared_object_id", "autocast",
    };
    const char *const *keys = kind == CN__LAYER ? layer_keys : other_keys;
    size_t n = kind == CN__LAYER ? sizeof layer_keys / sizeof *layer_keys
                                 : sizeof other_keys / sizeof *other_keys;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

json_t *cn__legacy_object(cn__kind kind, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    if (kind != CN__REGULARIZER || !name || strstr(name, "Regularizer") == NULL) {
        return NULL;
    }
    json_t *l1 = json_object_get(object, "l1"), *l2 = json_object_get(object, "l2");
    return json_pack("{s:s, s:{s:f, s:f}}", "class_name", "L1L2", "config", "l1",
                     l1 ? json_number_value(l1) : 0., "l2", l2 ? json_number_value(l2) : 0.);
}

/* GlorotUniform and its kin were functions that made a VarianceScaling. */
static json_t *variance_scaling(const cn__instance *instance)
{
    static const struct {
        const char *name;
        double scale;
        const char *mode, *distribution;
    } kinds[] = {
        {"GlorotUniform", 1, "fan_avg", "uniform"}, {"GlorotNormal", 1, "fan_avg", "normal"},
        {"HeUniform", 2, "fan_in", "uniform"},      {"HeNormal", 2, "fan_in", "normal"},
        {"LecunUniform", 1, "fan_in", "uniform"},   {"LecunNormal", 1, "fan_in", "normal"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, instance->class->name) == 0) {
            int64_t seed = ((const cn_initializer_glorot_uniform_args *)instance->args)->seed;
            return json_pack("{s:s, s:{s:f, s:s, s:s, s:o}}", "class_name", "VarianceScaling",
                             "config", "scale", kinds[i].scale, "mode", kinds[i].mode,
                             "distribution", kinds[i].distribution, "seed",
                             seed == CN_NONE ? json_null() : json_integer(seed));
        }
    }
    return NULL;
}

static json_t *penalty(const cn__instance *instance)
{
    bool is_l1 = strcmp(instance->class->name, "L1") == 0;
    if (!is_l1 && strcmp(instance->class->name, "L2") != 0) {
        return NULL;
    }
    double value = is_l1 ? ((const cn_regularizer_l1_args *)instance->args)->l1
                         : ((const cn_regularizer_l2_args *)instance->args)->l2;
    return json_pack("{s:s, s:{s:f, s:f}}", "class_name", "L1L2", "config", "l1",
                     is_l1 ? (double)(float)value : 0., "l2", is_l1 ? 0. : (double)(float)value);
}

json_t *cn__legacy_serialize(const cn__instance *instance, int keras)
{
    if (!instance->class->module) {
        return NULL;
    }
    if (instance->object.kind == CN__REGULARIZER && (cn__is_multi_backend(keras) || keras < 204)) {
        return penalty(instance);
    }
    if (instance->object.kind != CN__INITIALIZER) {
        return NULL;
    }
    if (cn__is_multi_backend(keras)) {
        return variance_scaling(instance);
    }
    if (keras != 201) {
        return NULL;
    }
    /* tf.keras up to 2.1 wrote the initializer's dtype too. */
    json_t *config = cn__get_config(instance, CN__DIALECT_KERAS2);
    if (!config || cn__json_set(config, "dtype", json_string("float32")) < 0) {
        json_decref(config);
        return NULL;
    }
    return json_pack("{s:s, s:o}", "class_name", instance->class->name, "config", config);
}
#else
typedef int cn__no_json;
#endif
