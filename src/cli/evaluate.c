/* cornu evaluate: the loss and the metrics of a model on data. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>

static const cn__cli_option options[] = {
    {"x", 0, "X", CN__CLI_LIST, CN__CLI_AT(x), "inputs"},
    {"y", 0, "Y", CN__CLI_LIST, CN__CLI_AT(y), "targets"},
    {"sample-weight", 0, "F", CN__CLI_LIST, CN__CLI_AT(sample_weight),
     "one weight for each row; repeated, one array for each output"},
    CN__CLI_MODEL_OPTIONS,
    CN__CLI_COMPILE_OPTIONS,
    {"batch-size", 0, "N", CN__CLI_COUNT, CN__CLI_AT(batch_size), "rows in a batch (32)"},
    {"steps", 0, "N", CN__CLI_COUNT, CN__CLI_AT(steps), "ends after N batches (all of the data)"},
    {"json", 0, NULL, CN__CLI_FLAG, CN__CLI_AT(json), "one JSON object with full precision"},
    CN__CLI_END,
};

static void print_scores(const cn_scores *scores, bool json)
{
    char text[32];
    for (int i = 0; i < scores->n; i++) {
        double value = scores->values[i];
        if (json) {
            /* Python's json module writes and reads NaN and Infinity too. */
            cn_format_double(value, text, sizeof text);
            const char *shown = isnan(value)   ? "NaN"
                                : isinf(value) ? (value > 0 ? "Infinity" : "-Infinity")
                                               : text;
            printf("%s\"%s\": %s", i ? ", " : "{", scores->names[i], shown);
        } else {
            /* Four digits as in Keras's bar, which changes to an exponent for small numbers. */
            printf(fabs(value) > 1e-3 || value == 0 ? "%s%s: %.4f" : "%s%s: %.4e", i ? " - " : "",
                   scores->names[i], value);
        }
    }
    printf(json ? "}\n" : "\n");
}

static int run(const cn__cli_values *v)
{
    if (!v->x.n || !v->y.n) {
        return cn__fail(CN_EVALUE, "--%s is missing (see cornu evaluate --help)",
                        v->x.n ? "y" : "x");
    }
    cn_tensors x, y;
    cn_evaluate_args args = {.size = sizeof args, CN_EVALUATE_DEFAULTS};
    args.batch_size = v->batch_size;
    args.steps = v->steps;
    args.verbose = 0;
    cn__cli_show_downloads();
    cn_model *model = cn__cli_load_model(v);
    int code = model ? 0 : cn_error_code();
    code = code < 0 ? code : cn__cli_compile(model, v);
    code = code < 0 ? code : cn__cli_tensors("x", &v->x, "x", &x);
    code = code < 0 ? code : cn__cli_tensors("y", &v->y, "y", &y);
    code = code < 0 ? code
                    : cn__cli_tensors("sample-weight", &v->sample_weight, "sample_weight",
                                      &args.sample_weight);
    code = code < 0 ? code : cn__cli_load_weights(model, v, &x, true);
    if (code == 0) {
        cn_scores scores = cn_model_evaluate_with(model, x, y, &args);
        code = cn_error_code();
        if (code == 0) {
            print_scores(&scores, v->json);
        }
    }
    return code;
}

const cn__cli_command cn__cli_evaluate = {
    .name = "evaluate",
    .usage = "MODEL --x X --y Y [--weights FILE] [--json] [OPTION …]",
    .does = "prints the loss and the metrics of a model on data",
    .text = "Prints the loss and each metric of the model on the data, in one line.\n\n"
            "MODEL is a .json file in the form of any generation of Keras; without --weights its "
            "weights are taken from NAME.weights.npz beside NAME.json. " CN__CLI_DATA_TEXT
            "\n\n" CN__CLI_JSON_TEXT,
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
