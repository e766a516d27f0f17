/* cornu plot: the training curves of a history. */
#include "cli/cli.h"
#include "utils/config.h"
#include <cornu/plot.h>

#include <math.h>
#include <string.h>

static const cn__cli_option options[] = {CN__CLI_END};

#if CN__HAVE_JANSSON
/* Python writes NaN and Infinity into JSON, which has no such words: null stands for them. For the
 * caller to free. */
static char *without_words(const char *text)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    cn__text out = {0};
    for (bool quoted = false; *text;) {
        size_t n = 0;
        for (size_t i = 0; !quoted && !n && i < sizeof words / sizeof *words; i++) {
            n = strncmp(text, words[i], strlen(words[i])) ? 0 : strlen(words[i]);
        }
        quoted = *text == '"' ? !quoted : quoted;
        cn__text_append(&out, n ? "null" : text, n ? 4 : 1);
        text += n ? n : 1;
    }
    return cn__text_take(&out);
}

/* The values of one log; what is not finite leaves a gap. */
static cn_tensor *curve(const char *path, const char *name, const json_t *list)
{
    int64_t n = (int64_t)json_array_size(list);
    if (!json_is_array(list)) {
        cn__fail(CN_EFORMAT, "%s: expected a list of numbers at \"%s\"", path, name);
        return NULL;
    }
    cn_tensor *t = cn_tensor_new(CN_FLOAT64, 1, &n, NULL);
    double *values = t ? cn_tensor_data_mutable(t) : NULL;
    for (int64_t i = 0; values && i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        values[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    return values ? t : NULL;
}

static int plot(const char *path, json_t *history, const char *out)
{
    int n = (int)json_object_size(history), at = 0;
    if (!json_is_object(history) || n == 0) {
        return cn__fail(CN_EFORMAT, "%s: expected a history, one object of lists by log name",
                        path);
    }
    if (json_object_get(history, "class_name")) {
        return cn__fail(CN_EUNSUPPORTED,
                        "%s is a model, and graphs of models are not in this build, which draws "
                        "histories (cornu summary prints the layers)",
                        path);
    }
    cn_named_tensors curves = {n, cn__calloc((size_t)n, sizeof(char *)),
                               cn__calloc((size_t)n, sizeof(cn_tensor *))};
    const char *name;
    const json_t *list;
    int code = curves.names && curves.tensors ? 0 : CN_ENOMEM;
    json_object_foreach(history, name, list)
    {
        if (code == 0) {
            curves.names[at] = name;
            curves.tensors[at] = curve(path, name, list);
            code = curves.tensors[at++] ? 0 : cn_error_code();
        }
    }
    code = code < 0 ? code : cn_plot_curves(out, &curves);
    cn__free_mem(curves.names);
    cn__free_mem(curves.tensors);
    return code;
}
#endif

static int run(const cn__cli_values *v)
{
    const char *in = v->positional[0], *out = v->positional[1];
    if (cn__cli_format_missing(in) < 0) {
        return cn_error_code();
    }
    if (!cn__cli_ends(out, ".png") && !cn__cli_ends(out, ".svg")) {
        return cn__fail(CN_EVALUE, "expected a picture that ends in .png or .svg, got \"%s\"", out);
    }
#if CN__HAVE_JANSSON
    size_t size;
    char *text = cn__cli_read_file(in, &size);
    char *plain = text ? without_words(text) : NULL;
    json_t *history = plain ? cn__json_loads(plain, strlen(plain), in) : NULL;
    int code = history ? plot(in, history, out) : cn_error_code();
    json_decref(history);
    cn__free_mem(plain);
    cn__free_mem(text);
    return code;
#else
    return cn__fail(CN_EUNSUPPORTED,
                    "%s: this build cannot read JSON (it was made without jansson)", in);
#endif
}

const cn__cli_command cn__cli_plot = {
    .name = "plot",
    .usage = "HISTORY.json OUT.png|OUT.svg",
    .does = "draws the training curves of a history",
    .text = "Draws a history as cornu fit --history writes it: a panel for each metric and for the "
            "loss, training and validation in one, through gnuplot. Graphs of models are not in "
            "this build.",
    .options = options,
    .min_positional = 2,
    .max_positional = 2,
    .run = run};
