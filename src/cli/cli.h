/* What the commands of the tool share: the values of options, how they are declared, loading and
 * saving. */
#ifndef CN_CLI_CLI_H
#define CN_CLI_CLI_H

#include "core/error.h"
#include "core/memory.h"
#include <cornu/arrays.h>
#include <cornu/models.h>

enum { CN__CLI_MAX_LIST = 32, CN__CLI_MAX_COUNTS = 1024, CN__CLI_MAX_POSITIONAL = 2 };

/* The values of an option that may be repeated, in their order. */
typedef struct cn__cli_texts {
    const char *v[CN__CLI_MAX_LIST];
    int n;
} cn__cli_texts;

/* A whole number, or a list of them: "3" or "[1, 4, 6]". */
typedef struct cn__cli_counts {
    bool is_list;
    int n;
    int64_t v[CN__CLI_MAX_COUNTS];
} cn__cli_counts;

/* The values of all options of all commands; a command reads those that it declares. Numbers that
 * were not given are CN_NONE, texts NULL. */
typedef struct cn__cli_values {
    const char *positional[CN__CLI_MAX_POSITIONAL];
    int n_positional;
    cn__cli_texts x, y, sample_weight, validation_x, validation_y, validation_sample_weight;
    cn__cli_texts callbacks;
    const char *weights, *keras, *output, *save, *history, *csv_log, *tensorboard;
    const char *compile, *optimizer, *loss, *loss_weights, *metrics, *weighted_metrics;
    const char *class_weight;
    int64_t batch_size, epochs, initial_epoch, steps_per_epoch, steps, seed, verbose, line_length;
    int64_t validation_steps, validation_batch_size;
    cn__cli_counts validation_freq;
    double validation_split;
    bool no_shuffle, json, expand_nested, show_trainable, help;
} cn__cli_values;

typedef enum cn__cli_kind {
    CN__CLI_FLAG,   /* bool */
    CN__CLI_TEXT,   /* const char * */
    CN__CLI_LIST,   /* cn__cli_texts */
    CN__CLI_COUNT,  /* int64_t, not negative */
    CN__CLI_COUNTS, /* cn__cli_counts, not negative */
    CN__CLI_DOUBLE, /* double */
    CN__CLI_HEADING /* no option: `name` stands above the options that follow */
} cn__cli_kind;

/* An option and its line in --help. */
typedef struct cn__cli_option {
    const char *name; /* without the two dashes; NULL ends a table */
    char letter;      /* the short form, or 0 */
    const char *word; /* what stands for its value in --help */
    cn__cli_kind kind;
    size_t offset; /* in cn__cli_values */
    const char *help;
} cn__cli_option;

typedef struct cn__cli_command {
    const char *name;
    const char *usage; /* what follows the name */
    const char *does;  /* one line, for `cornu --help` */
    const char *text;  /* paragraphs of --help, separated by newlines */
    const cn__cli_option *options;
    int min_positional, max_positional;
    /* 0, or a negative code with a pending error. */
    int (*run)(const cn__cli_values *values);
} cn__cli_command;

#define CN__CLI_COMMAND_MAP(XX)                                                                    \
    XX(fit)                                                                                        \
    XX(evaluate) XX(predict) XX(summary) XX(convert) XX(plot) XX(dataset) XX(list) XX(version)
#define XX(name) extern const cn__cli_command cn__cli_##name;
CN__CLI_COMMAND_MAP(XX)
#undef XX

#define CN__CLI_AT(member) offsetof(cn__cli_values, member)

/* Options that several commands have. */
#define CN__CLI_MODEL_OPTIONS                                                                      \
    {"weights",                                                                                    \
     0,                                                                                            \
     "FILE",                                                                                       \
     CN__CLI_TEXT,                                                                                 \
     CN__CLI_AT(weights),                                                                          \
     "weights of the model: an .npz file with arrays w0, w1 … in the order of get_weights()"},     \
    {                                                                                              \
        "keras", 0, "VERSION", CN__CLI_TEXT, CN__CLI_AT(keras),                                    \
            "which Keras to be, instead of the one that wrote the model: 2.3 (multi-backend), "    \
            "2.1 … 2.21 (tf.keras), 3.0 … 3.15"                                                \
    }
#define CN__CLI_COMPILE_OPTIONS                                                                    \
    {"compile",                                                                                    \
     0,                                                                                            \
     "JSON",                                                                                       \
     CN__CLI_TEXT,                                                                                 \
     CN__CLI_AT(compile),                                                                          \
     "all settings at once, in the form of Keras's compile_config, instead of the file's"},        \
        {"optimizer", 0, "NAME|JSON", CN__CLI_TEXT, CN__CLI_AT(optimizer), "the optimizer"},       \
        {"loss",                                                                                   \
         0,                                                                                        \
         "NAME|JSON",                                                                              \
         CN__CLI_TEXT,                                                                             \
         CN__CLI_AT(loss),                                                                         \
         "the loss; a list or an object by output name where there are several outputs"},          \
        {"metrics",           0,                                                                   \
         "LIST|JSON",         CN__CLI_TEXT,                                                        \
         CN__CLI_AT(metrics), "metrics: names with commas between them, or Keras's list"},         \
        {"weighted-metrics",                                                                       \
         0,                                                                                        \
         "LIST|JSON",                                                                              \
         CN__CLI_TEXT,                                                                             \
         CN__CLI_AT(weighted_metrics),                                                             \
         "metrics that sample and class weights count in"},                                        \
    {                                                                                              \
        "loss-weights", 0, "JSON", CN__CLI_TEXT, CN__CLI_AT(loss_weights),                         \
            "how much each output's loss counts"                                                   \
    }
#define CN__CLI_END                                                                                \
    {                                                                                              \
        NULL, 0, NULL, CN__CLI_FLAG, 0, NULL                                                       \
    }
/* Said in the --help of every command that reads data. */
#define CN__CLI_DATA_TEXT                                                                          \
    "X, Y and weights of samples are .npy, .npz (all its arrays in order, or FILE.npz:NAME for "   \
    "one), idx files (.idx, -ubyte, also .gz), .csv, or mnist:train, mnist:test, "                 \
    "fashion_mnist:train, fashion_mnist:test. Where a model has several inputs or outputs, the "   \
    "option may be repeated."
#define CN__CLI_MODEL_TEXT "MODEL is a .json file in the form of any generation of Keras."
#define CN__CLI_JSON_TEXT                                                                          \
    "Where an option takes JSON it takes the text itself or the path of a file that holds it."

/* Reads the arguments behind the command's name. With --help the help is printed and values->help
 * set. */
int cn__cli_parse(const cn__cli_command *command, int argc, char **argv, cn__cli_values *values);
/* Prints text in lines of at most 79 characters, all but the first `indent` deep; `column` is where
 * the first begins. */
void cn__cli_wrap(const char *text, int indent, int column);

/* Whether the text ends so. */
bool cn__cli_ends(const char *text, const char *end);
/* The whole file with a zero behind it, for the caller to free. NULL and an error. */
char *cn__cli_read_file(const char *path, size_t *size);
/* Writes a text and a newline to a file, whole or not at all. */
int cn__cli_write_text(const char *path, const char *text);
/* CN_EIO if no file can be written there: found out before the work, not after it. The option, as
 * it is written, begins the message; NULL for an argument. */
int cn__cli_check_writable(const char *option, const char *path);

/* The model of values->positional[0], under the Keras of values->keras. */
cn_model *cn__cli_load_model(const cn__cli_values *values);
/* Its weights. `x` may be NULL; else it gives the input shapes of a model that has none of its own.
 * `needed`: a model whose weights nobody gave is an error. */
int cn__cli_load_weights(cn_model *model, const cn__cli_values *values, const cn_tensors *x,
                         bool needed);
/* The path beside model.json where its weights are kept: model.weights.npz. For the caller to free.
 */
char *cn__cli_weights_beside(const char *path);
/* Compiles with the options, over the settings of the file. */
int cn__cli_compile(cn_model *model, const cn__cli_values *values);
/* Checks that a model can be saved under the name, before training; and saves it: .npz weights,
 * .json the architecture with the weights beside it. */
int cn__cli_check_save(const char *option, const char *path);
int cn__cli_save_model(const cn_model *model, const char *path);
/* The .json alone. */
int cn__cli_save_architecture(const cn_model *model, const char *path);

/* All arrays that the specs name, of an option, as inputs ("x") or targets ("y"). */
int cn__cli_tensors(const char *option, const cn__cli_texts *specs, const char *which,
                    cn_tensors *out);
/* Class weights {"0": 1, "1": 2.5}; classes that are left out have 1. */
int cn__cli_class_weight(const char *json, cn_floats *out);
int cn__cli_callbacks(const cn__cli_values *values, cn_callbacks *out);
/* CN_EUNSUPPORTED for an ending that later versions will know. */
int cn__cli_format_missing(const char *path);
/* Says on the terminal how far a download is. */
void cn__cli_show_downloads(void);

#endif
