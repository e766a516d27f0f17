/* Models of the tool: read from a file with their weights, and written back to files. */
#include "cli/cli.h"
#include "models/json.h"
#include "utils/config.h"

#include <stdio.h>
#include <string.h>

#if CN__HAVE_JANSSON
/* A model as if the Keras of the moment had written its file. */
static cn_model *from_file_of_another(const char *path)
{
    size_t size;
    char *text = cn__cli_read_file(path, &size);
    json_t *object = text ? cn__json_loads(text, size, path) : NULL;
    cn_model *model = object ? cn__model_from_json(object, 0) : NULL;
    json_decref(object);
    cn__free_mem(text);
    return model;
}
#endif

cn_model *cn__cli_load_model(const cn__cli_values *values)
{
    const char *path = values->positional[0];
    if (values->keras && cn_set_keras(values->keras) < 0) {
        cn__fail_context("--keras");
        return NULL;
    }
    cn_model *model = NULL;
    if (cn__cli_format_missing(path) == 0) {
#if CN__HAVE_JANSSON
        model = values->keras ? from_file_of_another(path) : cn_model_from_json_file(path);
#else
        model = cn_model_from_json_file(path);
#endif
    }
    if (!model && !strstr(cn_error(), path)) {
        cn__fail_context("%s", path);
    }
    if (model) {
        /* Callbacks and what else is made from now on follow the model's Keras. */
        cn__set_keras_version(model->layer.base.keras);
    }
    return model;
}

char *cn__cli_weights_beside(const char *path)
{
    size_t n = strlen(path) - (cn__cli_ends(path, ".json") ? 5 : 0);
    return cn__printf("%.*s.weights.npz", (int)n, path);
}

/* A model that was saved without its input shape has weights from the first data on. */
static int build_for(cn_model *model, const cn_tensors *x)
{
    if (cn_model_built(model) || !x || !x->v[0]) {
        return 0;
    }
    cn_shape shape = cn_shape_make(cn_tensor_rank(x->v[0]), cn_tensor_shape(x->v[0]));
    if (shape.rank > 0) {
        shape.dim[0] = -1;
    }
    return cn_model_build(model, &shape);
}

int cn__cli_load_weights(cn_model *model, const cn__cli_values *values, const cn_tensors *x,
                         bool needed)
{
    if (build_for(model, x) < 0) {
        return cn_error_code();
    }
    if (values->weights) {
        if (cn__cli_format_missing(values->weights) < 0) {
            return cn_error_code();
        }
        if (!cn__cli_ends(values->weights, ".npz")) {
            return cn__fail(CN_EVALUE, "--weights: expected an .npz file, got \"%s\"",
                            values->weights);
        }
        return cn_model_load_weights(model, values->weights);
    }
    if (!needed || cn_model_count_params(model) == 0) {
        return cn_error_code();
    }
    char *beside = cn__cli_weights_beside(values->positional[0]);
    if (!beside) {
        return CN_ENOMEM;
    }
    FILE *file = fopen(beside, "rb");
    int code = 0;
    if (file) {
        fclose(file);
        code = cn_model_load_weights(model, beside);
    } else {
        code = cn__fail(CN_EVALUE,
                        "%s has no weights: give --weights FILE.npz (or keep them beside it, as "
                        "%s)",
                        values->positional[0], beside);
    }
    cn__free_mem(beside);
    return code;
}

int cn__cli_check_save(const char *option, const char *path)
{
    if (!path) {
        return 0;
    }
    if (cn__cli_format_missing(path) < 0) {
        if (option) {
            cn__fail_context("%s", option);
        }
        return cn_error_code();
    }
    if (!cn__cli_ends(path, ".npz") && !cn__cli_ends(path, ".json")) {
        return cn__fail(CN_EVALUE, "%s%sexpected a name that ends in .npz or .json, got \"%s\"",
                        option ? option : "", option ? ": " : "", path);
    }
    return cn__cli_check_writable(option, path);
}

/* The model's JSON, with its compile_config where it is trained and its Keras does not write one.
 */
static char *model_text(const cn_model *model)
{
    const char *text = cn_model_to_json(model);
    if (!text) {
        return NULL;
    }
#if CN__HAVE_JANSSON
    if ((model->compiled || model->compile_json) && !strstr(text, "\"compile_config\"")) {
        json_t *file = cn__json_loads(text, strlen(text), "model");
        json_t *config = file ? cn__compile_config(model) : NULL;
        char *whole = NULL;
        if (config && json_object_set(file, "compile_config", config) == 0) {
            whole = cn__json_dumps(file);
        }
        json_decref(file);
        json_decref(config);
        return whole;
    }
#endif
    return cn__strdup(text);
}

int cn__cli_save_architecture(const cn_model *model, const char *path)
{
    char *text = model_text(model);
    int code = text ? cn__cli_write_text(path, text) : cn_error_code();
    cn__free_mem(text);
    return code;
}

int cn__cli_save_model(const cn_model *model, const char *path)
{
    if (cn__cli_ends(path, ".npz")) {
        return cn_model_save_weights(model, path);
    }
    char *weights = cn__cli_weights_beside(path);
    int code = weights ? cn_model_save_weights(model, weights) : CN_ENOMEM;
    cn__free_mem(weights);
    return code < 0 ? code : cn__cli_save_architecture(model, path);
}
