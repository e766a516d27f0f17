/* Weights in .npz files: arrays w0, w1 … in the order of get_weights(). */
#include "core/error.h"
#include "core/memory.h"
#include "models/structure.h"

#include <cornu/arrays.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int check_ending(const char *path, const char *who)
{
    size_t length = path ? strlen(path) : 0;
    if (!path) {
        return cn__fail(CN_ETYPE, "%s: expected a path, got NULL", who);
    }
    if (length < 4 || strcmp(path + length - 4, ".npz") != 0) {
        return cn__fail(
            CN_EUNSUPPORTED,
            "%s: %s: this build reads and writes weights as .npz (arrays w0, w1 … in the order of "
            "get_weights())",
            who, path);
    }
    return 0;
}

static int unbuilt(const cn_model *model)
{
    return cn__fail(
        CN_ESTATE,
        "Model '%s' has not been built: it has no weights yet. Build it by calling it on some data "
        "or by cn_model_build()",
        model->layer.base.name);
}

int cn_model_save_weights(const cn_model *model, const char *path)
{
    cn__tensor_list list = {0};
    if (!cn__check_model(model, "cn_model_save_weights") ||
        check_ending(path, "cn_model_save_weights") < 0) {
        return cn_error_code();
    }
    if (!model->layer.built) {
        return unbuilt(model);
    }
    int code = cn__layer_gather(&model->layer, CN__ALL_WEIGHTS, &list);
    char(*names)[16] = code == 0 ? cn__malloc(((size_t)list.n + 1) * sizeof *names) : NULL;
    const char **pointers = names ? cn__malloc(((size_t)list.n + 1) * sizeof *pointers) : NULL;
    if (pointers) {
        for (int64_t i = 0; i < list.n; i++) {
            cn__text text = {0};
            cn__text_add(&text, "w%lld", (long long)i);
            char *name = cn__text_take(&text);
            strncpy(names[i], name ? name : "", sizeof names[i] - 1);
            names[i][sizeof names[i] - 1] = '\0';
            cn__free_mem(name);
            pointers[i] = names[i];
        }
        code = cn__pending()
                   ? cn_error_code()
                   : cn_save_npz(path, (int)list.n, pointers, (const cn_tensor *const *)list.v);
    }
    cn__free_mem(pointers);
    cn__free_mem(names);
    cn__free_mem(list.v);
    return cn__pending() ? cn_error_code() : code;
}

/* The number of an array's name "w12", or -1. */
static long number_of(const char *name)
{
    char *end;
    if (*name != 'w' || name[1] < '0' || name[1] > '9') {
        return -1;
    }
    errno = 0;
    long number = strtol(name + 1, &end, 10);
    return *end || errno ? -1 : number;
}

/* Sorts the file's weights into values[0 … n - 1] and returns n. What does not count on from w0 is
 * an error; arrays of other names, such as data that are kept beside the weights, are none. */
static int sort_arrays(const cn_named_tensors *file, const char *path, cn_tensor **values)
{
    int n = 0;
    for (int i = 0; i < file->n; i++) {
        n += number_of(file->names[i]) >= 0;
    }
    if (n == 0) {
        return cn__fail(CN_EFORMAT, "%s: expected weights w0, w1 …, found %s%s%s", path,
                        file->n ? "'" : "no arrays", file->n ? file->names[0] : "",
                        file->n ? "'" : "");
    }
    for (int i = 0; i < file->n; i++) {
        long number = number_of(file->names[i]);
        if (number < 0) {
            continue;
        }
        if (number >= n || values[number]) {
            return cn__fail(CN_EFORMAT, "%s: the array '%s' is not one of w0 … w%d", path,
                            file->names[i], n - 1);
        }
        values[number] = file->tensors[i];
    }
    return n;
}

static int load(cn_model *model, const char *path)
{
    cn_named_tensors file = cn_load_npz(path);
    if (cn__pending()) {
        return cn_error_code();
    }
    cn_tensor **values = cn__calloc((size_t)file.n + 1, sizeof *values);
    int code = values ? sort_arrays(&file, path, values) : CN_ENOMEM;
    if (code > 0) {
        /* Counts and shapes are checked before the first value is copied. */
        code = cn_layer_set_weights(&model->layer, code, values);
        if (code < 0) {
            cn__fail_context("%s", path);
        }
    }
    cn__free_mem(values);
    return code;
}

int cn_model_load_weights(cn_model *model, const char *path)
{
    if (!cn__check_model(model, "cn_model_load_weights") ||
        check_ending(path, "cn_model_load_weights") < 0) {
        return cn_error_code();
    }
    if (!model->layer.built) {
        return unbuilt(model);
    }
    cn_scope scope = cn_scope_begin();
    int code = load(model, path);
    cn_scope_end(scope);
    return code;
}
