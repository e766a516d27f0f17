/* cornu predict: the outputs of a model for rows of data. */
#include "cli/cli.h"
#include "models/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cn__cli_option options[] = {
    {"x", 0, "X", CN__CLI_LIST, CN__CLI_AT(x), "inputs"},
    {"output", 'o', "OUT", CN__CLI_TEXT, CN__CLI_AT(output),
     "the file to write, .npy or .npz; several outputs go to an .npz under their names"},
    CN__CLI_MODEL_OPTIONS,
    {"batch-size", 0, "N", CN__CLI_COUNT, CN__CLI_AT(batch_size), "rows in a batch (32)"},
    {"steps", 0, "N", CN__CLI_COUNT, CN__CLI_AT(steps), "ends after N batches (all of the data)"},
    CN__CLI_END,
};

/* The fewest digits that read back as the same float32. */
static void print_float(double value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value) {
            break;
        }
    }
    fputs(text, stdout);
}

static void print_rows(const cn_tensor *t)
{
    int64_t rows = cn_tensor_rank(t) > 0 ? cn_tensor_dim(t, 0) : 1;
    int64_t each = rows > 0 ? cn_tensor_size(t) / rows : 0;
    bool is_float = cn_tensor_dtype(t) == CN_FLOAT32 || cn_tensor_dtype(t) == CN_FLOAT16 ||
                    cn_tensor_dtype(t) == CN_BFLOAT16;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < each; i++) {
            double value = cn_tensor_item(t, row * each + i);
            fputs(i ? " " : "", stdout);
            if (is_float) {
                print_float(value);
            } else {
                printf("%.17g", value);
            }
        }
        putchar('\n');
    }
}

static int write_outputs(const cn_model *model, const char *path, cn_tensor *const *outputs, int n)
{
    char automatic[CN__MODEL_MAX_IO][24];
    const char *names[CN__MODEL_MAX_IO];
    for (int i = 0; i < n; i++) {
        snprintf(automatic[i], sizeof automatic[i], "output_%d", i);
        names[i] = model->output_names[i] ? model->output_names[i] : automatic[i];
    }
    if (!path) {
        for (int i = 0; i < n; i++) {
            if (n > 1) {
                printf("# %s\n", names[i]);
            }
            print_rows(outputs[i]);
        }
        return 0;
    }
    if (cn__cli_ends(path, ".npy")) {
        return n == 1 ? cn_save_npy(path, outputs[0])
                      : cn__fail(CN_EVALUE,
                                 "-o %s: the model has %d outputs, which need a name that ends in "
                                 ".npz",
                                 path, n);
    }
    return cn_save_npz(path, n, names, (const cn_tensor *const *)outputs);
}

static int run(const cn__cli_values *v)
{
    if (!v->x.n) {
        return cn__fail(CN_EVALUE, "--x is missing (see cornu predict --help)");
    }
    if (v->output && !cn__cli_ends(v->output, ".npy") && !cn__cli_ends(v->output, ".npz")) {
        return cn__fail(CN_EVALUE, "-o: expected a name that ends in .npy or .npz, got \"%s\"",
                        v->output);
    }
    cn_tensors x;
    cn_tensor *outputs[CN__MODEL_MAX_IO] = {NULL};
    cn_predict_args args = {.size = sizeof args, CN_PREDICT_DEFAULTS};
    args.batch_size = v->batch_size;
    args.steps = v->steps;
    args.verbose = 0;
    args.outputs = outputs + 1;
    cn__cli_show_downloads();
    int code = cn__cli_check_writable("-o", v->output);
    cn_model *model = code < 0 ? NULL : cn__cli_load_model(v);
    if (!model) {
        return cn_error_code();
    }
    code = cn__cli_tensors("x", &v->x, "x", &x);
    code = code < 0 ? code : cn__cli_load_weights(model, v, &x, true);
    outputs[0] = code < 0 ? NULL : cn_model_predict_with(model, x, &args);
    if (outputs[0]) {
        int n = cn_model_n_outputs(model);
        code = write_outputs(model, v->output, outputs, n);
    }
    return code < 0 ? code : cn_error_code();
}

const cn__cli_command cn__cli_predict = {
    .name = "predict",
    .usage = "MODEL --x X [--weights FILE] [-o OUT] [OPTION …]",
    .does = "computes the outputs of a model",
    .text = "Computes the model's outputs for the rows of X. Without -o they are printed as text, "
            "a row on each line.\n\n"
            "MODEL is a .json file in the form of any generation of Keras; without --weights its "
            "weights are taken from NAME.weights.npz beside NAME.json. " CN__CLI_DATA_TEXT,
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
