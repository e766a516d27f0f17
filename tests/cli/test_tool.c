/* The tool as its users meet it: help, names, forms of data and options, files that go together,
 * and one line for each error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tool.h"
#include <cornu/arrays.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#if CN__HAVE_JANSSON && CN__HAVE_LIBZIP
enum { ROWS = 24, INPUTS = 3, CLASSES = 4 };

static char folder[TOOL_PATH];
/* Files that every test may read. */
static char model[TOOL_PATH], lazy[TOOL_PATH], x[TOOL_PATH], y[TOOL_PATH], both[TOOL_PATH];

static const char model_text[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": ["
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"a\", \"units\": 5, \"activation\": "
    "\"tanh\"%s}}, {\"class_name\": \"Dense\", \"config\": {\"name\": \"b\", \"units\": 4, "
    "\"activation\": \"softmax\"}}]}, \"keras_version\": \"2.21.0\", \"backend\": \"tensorflow\"}";
static const char input_shape[] = ", \"batch_input_shape\": [null, 3]";

static void write_text(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    va_list list;
    va_start(list, format);
    assert_true(vfprintf(file, format, list) >= 0);
    va_end(list);
    assert_int_equal(fclose(file), 0);
}

static char *read_text(const char *path)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s is not there", path);
    }
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static int make_files(void **state)
{
    (void)state;
    float values[ROWS * INPUTS];
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS * INPUTS; i++) {
        values[i] = (float)((i * 7) % 11) / 11 - 0.5f;
    }
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
    }
    tool_folder_begin(folder);
    cn_scope scope = cn_scope_begin();
    cn_tensor *tx = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){ROWS, INPUTS}, values);
    cn_tensor *ty = cn_tensor_new(CN_INT32, 1, (const int64_t[]){ROWS}, labels);
    const char *const names[] = {"data", "labels"};
    int code = cn_save_npy(tool_path(x, folder, "x.npy"), tx);
    code |= cn_save_npy(tool_path(y, folder, "y.npy"), ty);
    code |= cn_save_npz(tool_path(both, folder, "both.npz"), 2, names,
                        (const cn_tensor *const[]){tx, ty});
    cn_scope_end(scope);
    write_text(tool_path(model, folder, "model.json"), model_text, input_shape);
    write_text(tool_path(lazy, folder, "lazy.json"), model_text, "");
    return code;
}

static int remove_files(void **state)
{
    (void)state;
    tool_folder_end(folder);
    return 0;
}

/* Help, names, version
 * ---------------------------------------------------------------------------------------------- */

static const char *const commands[] = {"fit",  "evaluate", "predict", "summary", "convert",
                                       "plot", "dataset",  "list",    "version"};

/* Whether the text has the option as a word of its own. */
static bool has_option(const char *text, const char *option)
{
    size_t n = strlen(option);
    for (const char *at = text; (at = strstr(at, option)) != NULL; at += n) {
        char after = at[n];
        if (!(after == '-' || (after >= 'a' && after <= 'z'))) {
            return true;
        }
    }
    return false;
}

/* Every option of a text that begins a line of options, "  --x" or "  -o", without roff's
 * backslashes. */
static int options_of(const char *text, const char *before, char out[][40])
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, before)) != NULL;) {
        at += strlen(before);
        size_t k = 0;
        for (; (*at == '\\' || *at == '-' || (*at >= 'a' && *at <= 'z')) && k < 39; at++) {
            if (*at != '\\') {
                out[n][k++] = *at;
            }
        }
        out[n][k] = 0;
        n += k > 1 && out[n][0] == '-';
        assert_true(n < 64);
    }
    return n;
}

static void test_help_and_man_pages_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char path[TOOL_PATH], options[64][40];
        tool_run run;
        tool_begin(&run, commands[i], "--help", NULL);
        tool_must(&run);
        assert_int_equal(strncmp(run.out, "usage: cornu ", 13), 0);
        snprintf(path, sizeof path, "%s/docs/man/cornu-%s.1", CN_TEST_SOURCE_DIR, commands[i]);
        char *page = read_text(path), *to = page;
        for (const char *from = page; *from; from++) {
            if (*from != '\\') {
                *to++ = *from;
            }
        }
        *to = 0;
        int n = options_of(run.out, "\n  ", options);
        for (int k = 0; k < n; k++) {
            if (!has_option(page, options[k])) {
                fail_msg("cornu-%s.1 does not have %s", commands[i], options[k]);
            }
        }
        n = options_of(page, "\n.BI ", options);
        n += options_of(page, "\n.B ", options + n);
        for (int k = 0; k < n; k++) {
            if (!has_option(run.out, options[k])) {
                fail_msg("cornu %s --help does not have %s of the manual page", commands[i],
                         options[k]);
            }
        }
        tool_end(&run);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const some[][2] = {
        {"layers", "Dense\n"},       {"ops", "\nmatmul\n"},      {"losses", "MeanSquaredError\n"},
        {"metrics", "\nAccuracy\n"}, {"optimizers", "\nAdam\n"}, {"callbacks", "EarlyStopping\n"},
        {"initializers", "Zeros\n"}, {"regularizers", "L2\n"},   {"constraints", "MaxNorm\n"},
        {"schedules", "Cosine"},     {"activations", "relu\n"},  {"datasets", "mnist\n"}};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        tool_run run;
        tool_begin(&run, "list", some[i][0], NULL);
        tool_must(&run);
        if (!strstr(run.out, some[i][1]) || strstr(run.out, "\n\n") || strchr(run.out, ' ')) {
            fail_msg("cornu list %s: expected names with %s, got %s", some[i][0], some[i][1],
                     run.out);
        }
        tool_end(&run);
    }
}

static void test_version(void **state)
{
    (void)state;
    tool_run run;
    setenv("CORNU_NUM_THREADS", "3", 1);
    tool_begin(&run, "version", NULL);
    tool_must(&run);
    unsetenv("CORNU_NUM_THREADS");
    assert_int_equal(strncmp(run.out, "cornu " CN_VERSION "\n", 7 + sizeof CN_VERSION - 1), 0);
    assert_non_null(strstr(run.out, "\nthreads: 3\n"));
    assert_non_null(strstr(run.out, "\nkernels: "));
    assert_non_null(strstr(run.out, "\ninstruction set: "));
    tool_end(&run);
}

/* Errors
 * -------------------------------------------------------------------------------------------------------------
 */

static void test_wrong_command_lines(void **state)
{
    (void)state;
    tool_run run;
    tool_begin(&run, NULL);
    tool_must_refuse(&run, "expected a command", NULL);
    tool_begin(&run, "train", NULL);
    tool_must_refuse(&run, "unknown command \"train\"", NULL);
    tool_begin(&run, "fit", NULL);
    tool_must_refuse(&run, "fit: an argument is missing", NULL);
    tool_begin(&run, "fit", model, model, NULL);
    tool_must_refuse(&run, "too many arguments", NULL);
    tool_begin(&run, "fit", model, "--x", NULL);
    tool_must_refuse(&run, "--x needs a value", NULL);
    tool_begin(&run, "fit", model, "--validation-freq", "[1, 2", NULL);
    tool_must_refuse(&run, "--validation-freq", "[1, 2", NULL);
    tool_begin(&run, "fit", model, "--validation-freq", "-1", NULL);
    tool_must_refuse(&run, "--validation-freq", NULL);
    /* Nothing of a table that turns out to have no room. */
    tool_begin(&run, "summary", model, "--line-length", "1", NULL);
    tool_must_refuse(&run, "no room", NULL);
    tool_begin(&run, "predict", model, "-o", NULL);
    tool_must_refuse(&run, "-o needs a value", NULL);
    tool_begin(&run, "fit", model, "--ex", x, NULL);
    tool_must_refuse(&run, "--ex", NULL);
    tool_begin(&run, "fit", model, "-q", NULL);
    tool_must_refuse(&run, "unknown option -q", NULL);
    tool_begin(&run, "fit", model, "--no-shuffle=1", NULL);
    tool_must_refuse(&run, "--no-shuffle takes no value", NULL);
    tool_begin(&run, "fit", model, "--epochs", "1.5", NULL);
    tool_must_refuse(&run, "--epochs", "\"1.5\"", NULL);
    tool_begin(&run, "fit", model, "--epochs", "-1", NULL);
    tool_must_refuse(&run, "--epochs", NULL);
    tool_begin(&run, "fit", model, "--epochs", "99999999999999999999", NULL);
    tool_must_refuse(&run, "--epochs", NULL);
    tool_begin(&run, "fit", model, "--validation-split", "half", NULL);
    tool_must_refuse(&run, "--validation-split", "\"half\"", NULL);
    tool_begin(&run, "list", "animals", NULL);
    tool_must_refuse(&run, "\"animals\"", NULL);
    tool_begin(&run, "dataset", "animals", NULL);
    tool_must_refuse(&run, "animals", "fashion_mnist", NULL);
}

/* `cornu fit` on the good model and data, with what makes it wrong. */
static void begin_fit(tool_run *run, const char *tx, const char *ty)
{
    char saved[TOOL_PATH];
    tool_begin(run, "fit", model, "--loss", "sparse_categorical_crossentropy", "--verbose", "0",
               "--save", tool_path(saved, folder, "saved.npz"), NULL);
    tool_add(run, "--x", tx, "--y", ty, NULL);
}

static void test_wrong_data(void **state)
{
    (void)state;
    char path[TOOL_PATH], spec[TOOL_PATH + 20];
    tool_run run;
    begin_fit(&run, x, y);
    tool_add(&run, "--y", y, NULL);
    tool_must_refuse(&run, "2 target tensors", NULL);
    begin_fit(&run, tool_path(path, folder, "nothing.npy"), y);
    tool_must_refuse(&run, "--x: ", "nothing.npy", "No such file", NULL);
    begin_fit(&run, folder, y);
    tool_must_refuse(&run, "--x: ", NULL);
    tool_path(path, folder, "folder.npy");
    assert_int_equal(mkdir(path, 0777), 0);
    begin_fit(&run, path, y);
    tool_must_refuse(&run, "folder.npy", "directory", NULL);
    rmdir(path);
    snprintf(spec, sizeof spec, "%s:features", both);
    begin_fit(&run, spec, y);
    tool_must_refuse(&run, "features", "data", "labels", NULL);
    begin_fit(&run, x, x);
    tool_must_refuse(&run, NULL);
    begin_fit(&run, y, y);
    tool_must_refuse(&run, "fit: ", NULL);
    begin_fit(&run, x, y);
    tool_add(&run, "--batch-size", "0", NULL);
    tool_must_refuse(&run, "batch", NULL);
    begin_fit(&run, x, y);
    tool_add(&run, "--validation-split", "1.5", NULL);
    tool_must_refuse(&run, "validation_split", NULL);
    begin_fit(&run, x, y);
    tool_add(&run, "--validation-x", x, NULL);
    tool_must_refuse(&run, "belong together", NULL);
    begin_fit(&run, x, y);
    tool_add(&run, "--weights", both, NULL);
    tool_must_refuse(&run, "both.npz", NULL);

    /* The first half of an archive. */
    char cut[TOOL_PATH];
    FILE *in = fopen(both, "rb"), *out = fopen(tool_path(cut, folder, "cut.npz"), "wb");
    char bytes[4096];
    size_t n = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fwrite(bytes, 1, n / 2, out), n / 2);
    fclose(in);
    fclose(out);
    begin_fit(&run, cut, y);
    tool_must_refuse(&run, "cut.npz", NULL);

    write_text(tool_path(path, folder, "short.csv"), "0\n1\n2\n");
    begin_fit(&run, x, path);
    tool_must_refuse(&run, "24", "3", NULL);
    write_text(tool_path(path, folder, "labels.csv"), "");
    FILE *labels = fopen(path, "wb");
    for (int i = 0; i < ROWS; i++) {
        fprintf(labels, "%d\n", i == 7 ? 9 : 1);
    }
    fclose(labels);
    begin_fit(&run, x, path);
    tool_must_refuse(&run, "9", "[0, 4)", NULL);
}

static void test_wrong_settings(void **state)
{
    (void)state;
    char path[TOOL_PATH];
    tool_run run;
    tool_begin(&run, "fit", model, "--x", x, "--y", y, "--save", tool_path(path, folder, "s.npz"),
               NULL);
    tool_must_refuse(&run, "no compile settings", "--loss", NULL);
    tool_begin(&run, "fit", model, "--x", x, "--y", y, "--loss", "mse", NULL);
    tool_must_refuse(&run, "--save is missing", NULL);
    tool_begin(&run, "fit", model, "--x", x, "--save", path, "--loss", "mse", NULL);
    tool_must_refuse(&run, "--y is missing", NULL);
    static const char *const wrong[][3] = {
        {"--loss", "mean_sqared_error", "mean_sqared_error"},
        {"--optimizer", "adamm", "adamm"},
        {"--metrics", "acuracy", "acuracy"},
        {"--optimizer", "{\"class_name\": \"Adam\", \"config\": {\"speed\": 2}}", "speed"},
        {"--optimizer", "{\"class_name\": ", "--optimizer"},
        {"--compile", "[1, 2]", "--compile"},
        {"--compile", "settings.json", "settings.json"},
        {"--callback", "{\"class_name\": \"EarlyStoping\", \"config\": {}}", "EarlyStoping"},
        {"--callback", "{\"class_name\": \"EarlyStopping\", \"config\": {\"patient\": 3}}",
         "patient"},
        {"--class-weight", "{\"cat\": 1}", "cat"},
        {"--class-weight", "{\"0\": \"much\"}", "--class-weight"},
        {"--class-weight", "{\"70\": 1}", "70"},
        {"--loss-weights", "[1, 2]", "loss_weights"},
        {"--verbose", "3", "--verbose"},
        {"--keras", "4", "--keras"},
        {"--tensorboard", "logs", "not in this build"},
        {"--save", "weights.h5", "not in this build"},
        {"--save", "weights.txt", ".npz"},
        {"--save", "/nowhere/weights.npz", "--save: /nowhere/weights.npz"},
        {"--history", "/nowhere/history.json", "--history: /nowhere/history.json"},
        {"--weights", "weights.h5", "not in this build"},
        {"--weights", "weights.txt", ".npz"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin_fit(&run, x, y);
        tool_add(&run, wrong[i][0], wrong[i][1], NULL);
        tool_must_refuse(&run, wrong[i][2], NULL);
    }
    tool_path(path, folder, "saved.npz");
    if (access(path, F_OK) == 0) {
        fail_msg("%s was written although no training ended well", path);
    }
}

static void test_wrong_models(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", "broken.json"},
        {"{\"class_name\": \"Sequential\"", "line 1"},
        {"[1, 2]", "object"},
        {"{\"class_name\": \"Forest\", \"config\": {}}", "Forest"},
        {"{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"Tree\", "
         "\"config\": {}}]}}",
         "Tree"}};
    char path[TOOL_PATH];
    tool_run run;
    tool_path(path, folder, "broken.json");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(path, "%s", texts[i][0]);
        tool_begin(&run, "summary", path, NULL);
        tool_must_refuse(&run, texts[i][1], NULL);
    }
    tool_begin(&run, "summary", lazy, NULL);
    tool_must_refuse(&run, "not yet been built", NULL);
    tool_begin(&run, "summary", "net.keras", NULL);
    tool_must_refuse(&run, "not in this build", NULL);
    tool_begin(&run, "predict", model, "--x", x, NULL);
    tool_must_refuse(&run, "has no weights", "model.weights.npz", NULL);
    tool_begin(&run, "plot", model, "graph.png", NULL);
    tool_must_refuse(&run, "graphs of models are not in this build", NULL);
    tool_begin(&run, "plot", model, "graph.bmp", NULL);
    tool_must_refuse(&run, ".png or .svg", NULL);
    tool_begin(&run, "convert", model, "net.keras", NULL);
    tool_must_refuse(&run, "not in this build", NULL);
    tool_begin(&run, "convert", both, "net.json", NULL);
    tool_must_refuse(&run, "weights only", NULL);
}

/* Files that go together
 * --------------------------------------------------------------------------------------------- */

/* What a command prints, which must end well; static memory of `size` bytes. */
static void output_of(tool_run *run, char *out, size_t size)
{
    tool_must(run);
    assert_true(strlen(run->out) < size);
    memcpy(out, run->out, strlen(run->out) + 1);
    tool_end(run);
}

static void test_a_model_through_its_life(void **state)
{
    (void)state;
    char net[TOOL_PATH], three[TOOL_PATH], history[TOOL_PATH], log[TOOL_PATH], out[TOOL_PATH];
    char first[4096], second[4096];
    tool_run run;
    tool_path(net, folder, "net.json");
    tool_begin(&run, "fit", lazy, "--x", x, "--y", y, "--save", net, "--optimizer",
               "{\"class_name\": \"Adam\", \"config\": {\"learning_rate\": 0.05}}", "--loss",
               "sparse_categorical_crossentropy", "--metrics", "accuracy", "--epochs", "3",
               "--verbose", "2", "--seed", "7", "--history",
               tool_path(history, folder, "history.json"), "--csv-log",
               tool_path(log, folder, "log.csv"), "--validation-split", "0.25", NULL);
    tool_must(&run);
    assert_non_null(strstr(run.out, "Epoch 3/3\n"));
    assert_non_null(strstr(run.out, "val_accuracy: "));
    tool_end(&run);
    assert_int_equal(strncmp(read_text(history), "{\"loss\": [", 10), 0);
    assert_int_equal(strncmp(read_text(log), "epoch,accuracy,loss,val_accuracy,val_loss\r\n", 43),
                     0);

    /* Saved as .json it knows its settings and finds its weights. */
    tool_begin(&run, "evaluate", net, "--x", x, "--y", y, "--json", NULL);
    output_of(&run, first, sizeof first);
    assert_int_equal(strncmp(first, "{\"loss\": ", 9), 0);
    assert_non_null(strstr(first, ", \"accuracy\": "));
    tool_begin(&run, "evaluate", net, "--x", x, "--y", y, NULL);
    tool_must(&run);
    assert_int_equal(strncmp(run.out, "loss: ", 6), 0);
    assert_non_null(strstr(run.out, " - accuracy: "));
    tool_end(&run);

    /* The same in Keras 3's words, and through its weights alone. */
    tool_begin(&run, "convert", net, tool_path(three, folder, "three.json"), "--keras", "3", NULL);
    tool_must(&run);
    tool_end(&run);
    assert_non_null(strstr(read_text(three), "\"registered_name\": null"));
    tool_begin(&run, "evaluate", three, "--x", x, "--y", y, "--json", NULL);
    output_of(&run, second, sizeof second);
    assert_string_equal(first, second);
    char weights[TOOL_PATH], ordered[TOOL_PATH];
    tool_begin(&run, "convert", net, tool_path(weights, folder, "only.npz"), NULL);
    tool_must(&run);
    tool_end(&run);
    tool_begin(&run, "convert", weights, tool_path(ordered, folder, "ordered.npz"), NULL);
    tool_must(&run);
    tool_end(&run);
    tool_begin(&run, "evaluate", model, "--weights", ordered, "--x", x, "--y", y, "--json",
               "--loss", "sparse_categorical_crossentropy", "--metrics", "[\"accuracy\"]", NULL);
    output_of(&run, second, sizeof second);
    assert_string_equal(first, second);

    /* Predictions as text read back as what the file has. */
    tool_begin(&run, "predict", net, "--x", x, "-o", tool_path(out, folder, "p.npy"), NULL);
    tool_must(&run);
    tool_end(&run);
    tool_begin(&run, "predict", net, "--x", x, NULL);
    tool_must(&run);
    cn_scope scope = cn_scope_begin();
    cn_tensor *p = cn_load_npy(out);
    assert_non_null(p);
    assert_int_equal(cn_tensor_size(p), ROWS * CLASSES);
    char *at = run.out;
    for (int64_t i = 0; i < ROWS * CLASSES; i++) {
        assert_true(strtof(at, &at) == (float)cn_tensor_item(p, i));
        assert_int_equal(*at, (i + 1) % CLASSES ? ' ' : '\n');
    }
    cn_scope_end(scope);
    tool_end(&run);
}

static void test_forms_of_data_and_settings(void **state)
{
    (void)state;
    char table[TOOL_PATH], settings[TOOL_PATH], specs[2][TOOL_PATH + 20], saved[TOOL_PATH];
    char first[4096], second[4096];
    tool_run run;
    cn_scope scope = cn_scope_begin();
    assert_int_equal(cn_save_csv(tool_path(table, folder, "x.csv"), cn_load_npy(x)), 0);
    cn_scope_end(scope);
    tool_path(saved, folder, "forms.npz");
    write_text(tool_path(settings, folder, "settings.json"),
               "{\"optimizer\": \"sgd\", \"loss\": \"sparse_categorical_crossentropy\"}");
    tool_begin(&run, "fit", model, "--x", x, "--y", y, "--seed", "1", "--save", saved, "--compile",
               settings, "--verbose", "2", NULL);
    tool_must(&run);
    tool_end(&run);
    snprintf(specs[0], sizeof specs[0], "%s:data", both);
    snprintf(specs[1], sizeof specs[1], "%s:labels", both);
    tool_begin(&run, "evaluate", model, "--x", x, "--y", y, "--weights", saved, "--json",
               "--compile", settings, NULL);
    output_of(&run, first, sizeof first);
    tool_begin(&run, "evaluate", model, "--x", specs[0], "--y", specs[1], "--weights", saved,
               "--json", "--compile", settings, "--batch-size", "24", NULL);
    output_of(&run, second, sizeof second);
    assert_int_equal(strncmp(first, second, 14), 0); /* other batches, other rounding */
    tool_begin(&run, "evaluate", model, "--x", table, "--y", y, "--weights", saved, "--json",
               "--compile", settings, NULL);
    output_of(&run, second, sizeof second);
    assert_string_equal(first, second);
}

static void test_the_same_seed_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const threads[] = {"1", "2", "3"};
    char path[TOOL_PATH];
    static char bytes[3][8192];
    size_t size[3];
    for (int i = 0; i < 3; i++) {
        tool_run run;
        setenv("CORNU_NUM_THREADS", threads[i], 1);
        tool_begin(&run, "fit", model, "--x", x, "--y", y, "--seed", "5", "--epochs", "4", "--loss",
                   "sparse_categorical_crossentropy", "--batch-size", "5", "--verbose", "0",
                   "--history", tool_path(path, folder, "bits.json"), NULL);
        tool_must(&run);
        tool_end(&run);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size[i] = fread(bytes[i], 1, sizeof bytes[i], file);
        fclose(file);
    }
    unsetenv("CORNU_NUM_THREADS");
    for (int i = 1; i < 3; i++) {
        assert_int_equal(size[i], size[0]);
        assert_memory_equal(bytes[i], bytes[0], size[0]);
    }
}

static void test_summary(void **state)
{
    (void)state;
    tool_run run;
    tool_begin(&run, "summary", model, "--line-length", "70", NULL);
    tool_must(&run);
    assert_int_equal(strncmp(run.out, "Model: \"net\"\n", 13), 0);
    assert_int_equal(strspn(run.out + 13, "_"), 70);
    assert_non_null(strstr(run.out, "Total params: 44"));
    tool_end(&run);
}

static void test_plot(void **state)
{
    (void)state;
    if (system("gnuplot --version > /dev/null 2>&1") != 0) {
        skip();
    }
    char history[TOOL_PATH], picture[TOOL_PATH];
    tool_run run;
    write_text(tool_path(history, folder, "curves.json"),
               "{\"loss\": [3.0, NaN, 1.5], \"val_loss\": [3.5, Infinity, 2.5], \"accuracy\": "
               "[0.1, 0.2, 0.3]}");
    tool_begin(&run, "plot", history, tool_path(picture, folder, "curves.png"), NULL);
    tool_must(&run);
    tool_end(&run);
    assert_memory_equal(read_text(picture), "\x89PNG", 4);
}

static void test_output_that_cannot_be_written(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    int status = system("'" CN_TEST_BINARY_DIR "/cornu' list layers > /dev/full 2>/dev/null");
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_and_man_pages_agree),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_wrong_data),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_wrong_models),
        cmocka_unit_test(test_a_model_through_its_life),
        cmocka_unit_test(test_forms_of_data_and_settings),
        cmocka_unit_test(test_the_same_seed_gives_the_same_bits),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_plot),
        cmocka_unit_test(test_output_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
#else
int main(void)
{
    printf("this build reads no JSON or no archives\nskipped: 13\n");
    return 0;
}
#endif
