/* cornu summary: Keras's table of a model's layers. */
#include "cli/cli.h"

static const cn__cli_option options[] = {
    {"line-length", 0, "N", CN__CLI_COUNT, CN__CLI_AT(line_length),
     "the width of the table (Keras's own)"},
    {"expand-nested", 0, NULL, CN__CLI_FLAG, CN__CLI_AT(expand_nested),
     "shows the layers of models inside the model"},
    {"show-trainable", 0, NULL, CN__CLI_FLAG, CN__CLI_AT(show_trainable),
     "adds a column that says whether a layer is trained"},
    CN__CLI_MODEL_OPTIONS,
    CN__CLI_END,
};

static int run(const cn__cli_values *v)
{
    if (v->line_length > 10000) {
        return cn__fail(CN_EVALUE, "--line-length: expected at most 10000");
    }
    cn_summary_args args = {.size = sizeof args, CN_SUMMARY_DEFAULTS};
    args.line_length = (int)v->line_length;
    args.expand_nested = v->expand_nested;
    args.show_trainable = v->show_trainable;
    args.printed = true;
    cn_model *model = cn__cli_load_model(v);
    int code = model ? 0 : cn_error_code();
    code = code < 0 ? code : cn__cli_load_weights(model, v, NULL, false);
    code = code < 0 ? code : cn_model_summary_with(model, &args);
    return code;
}

const cn__cli_command cn__cli_summary = {
    .name = "summary",
    .usage = "MODEL [OPTION …]",
    .does = "prints the table of a model's layers",
    .text = "Prints Keras's table: each layer with its type, its output shape and its number of "
            "parameters, then the sums.\n\n" CN__CLI_MODEL_TEXT,
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
