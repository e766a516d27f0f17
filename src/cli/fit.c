/* cornu fit: trains a model. */
#include "cli/cli.h"

static const cn__cli_option options[] = {
    {"Data", 0, NULL, CN__CLI_HEADING, 0, NULL},
    {"x", 0, "X", CN__CLI_LIST, CN__CLI_AT(x), "inputs"},
    {"y", 0, "Y", CN__CLI_LIST, CN__CLI_AT(y), "targets"},
    {"sample-weight", 0, "F", CN__CLI_LIST, CN__CLI_AT(sample_weight),
     "one weight for each row; repeated, one array for each output"},
    {"class-weight", 0, "JSON", CN__CLI_TEXT, CN__CLI_AT(class_weight),
     "weights of classes, {\"0\": 1.0, \"1\": 2.5}"},
    {"validation-x", 0, "X", CN__CLI_LIST, CN__CLI_AT(validation_x),
     "inputs to evaluate on after each epoch"},
    {"validation-y", 0, "Y", CN__CLI_LIST, CN__CLI_AT(validation_y), "targets of these"},
    {"validation-sample-weight", 0, "F", CN__CLI_LIST, CN__CLI_AT(validation_sample_weight),
     "weights of these"},
    {"validation-split", 0, "FRACTION", CN__CLI_DOUBLE, CN__CLI_AT(validation_split),
     "keeps the last part of the data, before any shuffling, for validation"},
    {"validation-steps", 0, "N", CN__CLI_COUNT, CN__CLI_AT(validation_steps),
     "ends each validation after N batches"},
    {"validation-batch-size", 0, "N", CN__CLI_COUNT, CN__CLI_AT(validation_batch_size),
     "rows in a batch of validation (those of training)"},
    {"validation-freq", 0, "N|LIST", CN__CLI_COUNTS, CN__CLI_AT(validation_freq),
     "validates after every N-th epoch (1), or after the epochs of the list: [1, 4, 6]"},
    {"Compiling", 0, NULL, CN__CLI_HEADING, 0, NULL},
    CN__CLI_COMPILE_OPTIONS,
    {"Training", 0, NULL, CN__CLI_HEADING, 0, NULL},
    CN__CLI_MODEL_OPTIONS,
    {"batch-size", 0, "N", CN__CLI_COUNT, CN__CLI_AT(batch_size), "rows in a batch (32)"},
    {"epochs", 0, "N", CN__CLI_COUNT, CN__CLI_AT(epochs), "the epoch to end after (1)"},
    {"initial-epoch", 0, "N", CN__CLI_COUNT, CN__CLI_AT(initial_epoch),
     "the epoch to begin with, counted from 0 (0)"},
    {"steps-per-epoch", 0, "N", CN__CLI_COUNT, CN__CLI_AT(steps_per_epoch),
     "batches in an epoch (all of the data)"},
    {"no-shuffle", 0, NULL, CN__CLI_FLAG, CN__CLI_AT(no_shuffle), "takes the rows in their order"},
    {"seed", 0, "N", CN__CLI_COUNT, CN__CLI_AT(seed),
     "the global seed: the same one gives the same bits, with any number of threads"},
    {"callback", 0, "JSON", CN__CLI_LIST, CN__CLI_AT(callbacks),
     "{\"class_name\": \"EarlyStopping\", \"config\": {\"patience\": 3}}; may be repeated"},
    {"Output", 0, NULL, CN__CLI_HEADING, 0, NULL},
    {"save", 0, "OUT", CN__CLI_TEXT, CN__CLI_AT(save),
     "where the trained model goes: NAME.npz takes its weights; NAME.json the architecture and "
     "the compile settings, with the weights beside it in NAME.weights.npz"},
    {"history", 0, "OUT.json", CN__CLI_TEXT, CN__CLI_AT(history),
     "the history, one object of lists by log name"},
    {"csv-log", 0, "F", CN__CLI_TEXT, CN__CLI_AT(csv_log),
     "one line an epoch, as Keras's CSVLogger writes it"},
    {"tensorboard", 0, "DIR", CN__CLI_TEXT, CN__CLI_AT(tensorboard),
     "event files for TensorBoard (not in this build: an error)"},
    {"verbose", 0, "0|1|2", CN__CLI_COUNT, CN__CLI_AT(verbose),
     "nothing, a bar that moves, or one line an epoch (1)"},
    CN__CLI_END,
};

/* What can be found wrong without reading any data. */
static int check(const cn__cli_values *v)
{
    if (!v->x.n || !v->y.n) {
        return cn__fail(CN_EVALUE, "--%s is missing (see cornu fit --help)", v->x.n ? "y" : "x");
    }
    if (!v->save && !v->history) {
        return cn__fail(CN_EVALUE, "--save is missing: nothing of the training would be kept");
    }
    if (v->verbose > 2) {
        return cn__fail(CN_EVALUE, "--verbose: expected 0, 1 or 2");
    }
    if (v->tensorboard) {
        return cn__fail(CN_EUNSUPPORTED, "--tensorboard: event files are not in this build; "
                                         "--history and --csv-log write the same numbers");
    }
    if (!v->validation_x.n != !v->validation_y.n) {
        return cn__fail(CN_EVALUE, "--validation-x and --validation-y belong together");
    }
    if (v->validation_sample_weight.n && !v->validation_x.n) {
        return cn__fail(CN_EVALUE, "--validation-sample-weight belongs to --validation-x");
    }
    int code = cn__cli_check_save("--save", v->save);
    return code < 0 ? code : cn__cli_check_writable("--history", v->history);
}

static int read_data(const cn__cli_values *v, cn_tensors *x, cn_tensors *y, cn_fit_args *args)
{
    cn__cli_show_downloads();
    int code = cn__cli_tensors("x", &v->x, "x", x);
    code = code < 0 ? code : cn__cli_tensors("y", &v->y, "y", y);
    code = code < 0 ? code
                    : cn__cli_tensors("sample-weight", &v->sample_weight, "sample_weight",
                                      &args->sample_weight);
    code = code < 0 ? code
                    : cn__cli_tensors("validation-x", &v->validation_x, "x", &args->validation_x);
    code = code < 0 ? code
                    : cn__cli_tensors("validation-y", &v->validation_y, "y", &args->validation_y);
    code = code < 0 ? code
                    : cn__cli_tensors("validation-sample-weight", &v->validation_sample_weight,
                                      "sample_weight", &args->validation_sample_weight);
    code = code < 0 ? code : cn__cli_class_weight(v->class_weight, &args->class_weight);
    return code < 0 ? code : cn__cli_callbacks(v, &args->callbacks);
}

static int train(cn_model *model, const cn__cli_values *v, const cn_tensors *x, const cn_tensors *y,
                 const cn_fit_args *args)
{
    const cn_history *history = cn_model_fit_with(model, *x, *y, args);
    if (!history) {
        return cn_error_code();
    }
    int code = v->save ? cn__cli_save_model(model, v->save) : 0;
    const char *text = code == 0 && v->history ? cn_history_json(history) : NULL;
    if (text) {
        code = cn__cli_write_text(v->history, text);
    }
    return code < 0 ? code : cn_error_code();
}

static int run(const cn__cli_values *v)
{
    cn_tensors x, y;
    cn_fit_args args = {.size = sizeof args, CN_FIT_DEFAULTS};
    args.batch_size = v->batch_size;
    args.epochs = v->epochs;
    args.verbose = (int)v->verbose;
    args.validation_split = v->validation_split;
    args.shuffle = !v->no_shuffle;
    args.initial_epoch = v->initial_epoch;
    args.steps_per_epoch = v->steps_per_epoch;
    args.validation_steps = v->validation_steps;
    args.validation_batch_size = v->validation_batch_size;
    if (v->validation_freq.is_list) {
        args.validation_epochs = v->validation_freq.v;
        args.n_validation_epochs = v->validation_freq.n;
    } else {
        args.validation_freq = v->validation_freq.v[0];
    }
    if (check(v) < 0) {
        return cn_error_code();
    }
    if (v->seed != CN_NONE) {
        cn_set_random_seed((uint64_t)v->seed);
    }
    cn_model *model = cn__cli_load_model(v);
    int code = model ? 0 : cn_error_code();
    code = code < 0 ? code : cn__cli_compile(model, v);
    code = code < 0 ? code : read_data(v, &x, &y, &args);
    code = code < 0 ? code : cn__cli_load_weights(model, v, &x, false);
    code = code < 0 ? code : train(model, v, &x, &y, &args);
    return code;
}

const cn__cli_command cn__cli_fit = {
    .name = "fit",
    .usage = "MODEL --x X --y Y --save OUT [OPTION …]",
    .does = "trains a model",
    .text = "Trains the model on the data and saves it. The compile settings come from the model's "
            "file; options override them. Training begins with --weights, else with fresh "
            "weights.\n\n" CN__CLI_MODEL_TEXT " " CN__CLI_DATA_TEXT "\n\n" CN__CLI_JSON_TEXT,
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run};
