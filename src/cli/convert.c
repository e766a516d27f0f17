/* cornu convert: a model and its weights from one form to another. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const cn__cli_option options[] = {CN__CLI_MODEL_OPTIONS, CN__CLI_END};

/* Weights from one .npz to another, in the order and under the names that Cornu writes. */
static int copy_weights(const char *in, const char *out)
{
    char names[32], *storage = NULL;
    cn_named_tensors list = cn_load_npz(in);
    if (list.n == 0) {
        return cn_error() ? cn_error_code() : cn__fail(CN_EFORMAT, "%s has no arrays", in);
    }
    int n = 0;
    for (int i = 0; i < list.n; i++) {
        n += list.names[i][0] == 'w' && list.names[i][1] &&
             !list.names[i][1 + strspn(list.names[i] + 1, "0123456789")];
    }
    if (n == 0) {
        return cn__fail(CN_EFORMAT, "%s: expected weights w0, w1 …, found '%s'", in, list.names[0]);
    }
    const char **order = cn__calloc((size_t)list.n, sizeof *order);
    const cn_tensor **values = cn__calloc((size_t)list.n, sizeof *values);
    storage = cn__calloc((size_t)list.n, sizeof names);
    int code = order && values && storage ? 0 : CN_ENOMEM;
    for (int i = 0; code == 0 && i < n; i++) {
        char *name = storage + (size_t)i * sizeof names;
        snprintf(name, sizeof names, "w%d", i);
        order[i] = name;
        for (int k = 0; k < list.n; k++) {
            values[i] = strcmp(list.names[k], name) == 0 ? list.tensors[k] : values[i];
        }
        if (!values[i]) {
            code = cn__fail(CN_EFORMAT, "%s: expected %d arrays w0 … w%d, found no %s", in, n,
                            n - 1, name);
        }
    }
    code = code < 0 ? code : cn_save_npz(out, n, order, values);
    cn__free_mem(order);
    cn__free_mem(values);
    cn__free_mem(storage);
    return code;
}

static int convert_model(const cn__cli_values *v, const char *out)
{
    cn_model *model = cn__cli_load_model(v);
    int code = model ? 0 : cn_error_code();
    bool weights = code == 0 && cn__cli_ends(out, ".npz");
    if (code == 0 && !weights && !v->weights) {
        /* An architecture may go alone; its weights go with it where they lie beside it. */
        char *beside = cn__cli_weights_beside(v->positional[0]);
        FILE *file = beside ? fopen(beside, "rb") : NULL;
        code = beside ? 0 : CN_ENOMEM;
        weights = file != NULL;
        if (file) {
            fclose(file);
        }
        cn__free_mem(beside);
    }
    if (code == 0 && (weights || v->weights)) {
        code = cn__cli_load_weights(model, v, NULL, true);
        code = code < 0 ? code : cn__cli_save_model(model, out);
    } else if (code == 0) {
        code = cn__cli_save_architecture(model, out);
    }
    return code;
}

static int run(const cn__cli_values *v)
{
    const char *in = v->positional[0], *out = v->positional[1];
    if (cn__cli_format_missing(in) < 0 || cn__cli_check_save(NULL, out) < 0) {
        return cn_error_code();
    }
    if (!cn__cli_ends(in, ".npz")) {
        return convert_model(v, out);
    }
    return cn__cli_ends(out, ".npz")
               ? copy_weights(in, out)
               : cn__fail(CN_EVALUE,
                          "%s holds weights only: to write %s give the architecture, cornu convert "
                          "MODEL.json %s --weights %s",
                          in, out, out, in);
}

const cn__cli_command cn__cli_convert = {
    .name = "convert",
    .usage = "IN OUT [OPTION …]",
    .does = "writes a model or its weights in another form",
    .text = "Reads a model or weights and writes them in the form that the ending of OUT names.\n\n"
            "MODEL.json to OUT.json: the architecture in the words of the Keras that --keras names "
            "(that of the file). Weights, from --weights or MODEL.weights.npz beside the file, go "
            "to OUT.weights.npz.\n"
            "MODEL.json to OUT.npz: these weights alone.\n"
            "WEIGHTS.npz to OUT.npz: the arrays w0, w1 … put in their order.\n\n"
            "The forms .keras and .h5 are not in this build.",
    .options = options,
    .min_positional = 2,
    .max_positional = 2,
    .run = run};
