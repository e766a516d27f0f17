/* cornu summary: Keras's table of a model's layers. */
#include "cli/cli.h"

#include <stdio.h>

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

static int collect(const char *line, void *user)
{
    cn__text *text = user;
    cn__text_add(text, "%s\n", line);
    return text->failed ? CN_ENOMEM : 0;
}

/* The whole table or nothing: a width that is too small is found out in its middle. */
static int print_summary(cn_model *model, cn_summary_args *args)
{
    cn__text text = {0};
    args->print_fn = collect;
    args->user = &text;
    int code = cn_model_summary_with(model, args);
    char *whole = code < 0 ? NULL : cn__text_take(&text);
    if (whole && fputs(whole, stdout) < 0) {
        code = cn__fail(CN_EIO, "standard output cannot be written");
    }
    cn__free_mem(whole);
    cn__text_free(&text);
    return code < 0 ? code : cn_error_code();
}

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
    return code < 0 ? code : print_summary(model, &args);
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
