/* Line plots and training curves, written as scripts for gnuplot. */
#include "core/tensor.h"
#include "utils/gnuplot.h"

#include <cornu/plot.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const cn_plot_args cn_plot_defaults = {.size = sizeof(cn_plot_args), CN_PLOT_DEFAULTS};
const cn_plot_curves_args cn_plot_curves_defaults = {.size = sizeof(cn_plot_curves_args),
                                                     CN_PLOT_CURVES_DEFAULTS};

/* Colours that differ in lightness too, so that they can be told apart on paper and by most eyes.
 */
static const char *const palette[] = {"#2a6f97", "#e07a3f", "#3a9a6b", "#b5486b",
                                      "#7d5ba6", "#c9a227", "#4aa3c7", "#6b705c"};
enum { COLORS = sizeof palette / sizeof *palette, MOST_PIXELS = 20000, MOST_PANELS = 12 };

static bool take_arguments(void *out, size_t size, const void *args, const char *path,
                           const char *who)
{
    size_t given = args != NULL ? *(const size_t *)args : size;
    if (cn__pending()) {
        return false;
    }
    if (path == NULL || given == 0) {
        cn__fail(CN_EVALUE, "%s: expected a path and arguments with their size set", who);
        return false;
    }
    if (args != NULL) {
        memcpy(out, args, given < size ? given : size);
    }
    return true;
}

static int check_size(int width, int height, const char *path)
{
    if (width < 100 || height < 100 || width > MOST_PIXELS || height > MOST_PIXELS) {
        return cn__fail(CN_EVALUE, "%s: expected a size of 100 to %d pixels, got %d by %d", path,
                        MOST_PIXELS, width, height);
    }
    return 0;
}

/* A number of gnuplot's data, whatever the locale; what is not finite is missing there. */
static void add_number(cn__text *script, double value)
{
    char text[40];
    cn_format_double(value, text, sizeof text);
    cn__text_add(script, " %s", isfinite(value) ? text : "NaN");
}

/* The block $d<number> with the points of a line; x counts from `first` where it is not given. */
static int add_data(cn__text *script, int number, const cn_tensor *x, const cn_tensor *y, int first)
{
    y = cn__check_tensor(y, "cn_plot");
    const void *ys = y != NULL ? cn__data(y) : NULL, *xs = NULL;
    if (ys != NULL && x != NULL) {
        x = cn__check_tensor(x, "cn_plot");
        xs = x != NULL ? cn__data(x) : NULL;
        if (xs == NULL) {
            return cn_error_code();
        }
        if (cn__size(x) != cn__size(y)) {
            return cn__fail(CN_EVALUE,
                            "cn_plot: expected as many x as y, got %" PRId64 " and %" PRId64,
                            cn__size(x), cn__size(y));
        }
    }
    if (ys == NULL) {
        return cn_error_code();
    }
    cn__text_add(script, "$d%d << END_OF_DATA\n", number);
    for (int64_t i = 0; i < cn__size(y); i++) {
        add_number(script, xs != NULL ? cn__read(x->dtype, xs, i) : (double)(first + i));
        add_number(script, cn__read(y->dtype, ys, i));
        cn__text_append(script, "\n", 1);
    }
    /* A block of nothing is an error to gnuplot; a missing point is not. */
    cn__text_add(script, "%sEND_OF_DATA\n", cn__size(y) == 0 ? "NaN NaN\n" : "");
    return script->failed ? cn__no_memory() : 0;
}

static void add_set(cn__text *script, const char *what, const char *text, const char *rest)
{
    if (text != NULL && *text != '\0') {
        cn__text_add(script, "set %s ", what);
        cn__gnuplot_string(script, text);
        cn__text_add(script, "%s\n", rest);
    }
}

static void add_range(cn__text *script, char axis, const double *range)
{
    if (range != NULL) {
        cn__text_add(script, "set %crange [", axis);
        add_number(script, range[0]);
        cn__text_append(script, ":", 1);
        add_number(script, range[1]);
        cn__text_append(script, "]\n", 2);
    }
}

/* How one line is drawn: "with lines …". Only colours of the form #rrggbb get into the script. */
static int add_style(cn__text *script, const cn_plot_line *line, int number)
{
    const char *color = line->color != NULL ? line->color : palette[number % COLORS];
    if (*color != '#' || strlen(color) != 7 || strspn(color + 1, "0123456789abcdefABCDEF") != 6) {
        return cn__fail(CN_EVALUE, "cn_plot: expected a color such as \"#2a6f97\", got \"%s\"",
                        color);
    }
    const char *style = line->style != NULL ? line->style : "line";
    bool dashed = strcmp(style, "dashed") == 0;
    if (strcmp(style, "points") == 0) {
        cn__text_add(script, " with points pointtype 7 linecolor rgb '%s'", color);
    } else if (strcmp(style, "both") == 0) {
        cn__text_add(script, " with linespoints pointtype 7 linewidth 2 linecolor rgb '%s'", color);
    } else if (dashed || strcmp(style, "line") == 0) {
        cn__text_add(script, " with lines linewidth 2 dashtype %d linecolor rgb '%s'",
                     dashed ? 2 : 1, color);
    } else {
        return cn__fail(
            CN_EVALUE,
            "cn_plot: expected the style \"line\", \"points\", \"both\" or \"dashed\", got "
            "\"%s\"",
            style);
    }
    return 0;
}

/* "plot $d0 using 1:2 with lines title 'a', …" of `n` lines whose data blocks begin at number
 * `first`. */
static int add_plot(cn__text *script, const cn_plot_line *lines, int n, int first)
{
    int code = 0;
    for (int i = 0; i < n && code == 0; i++) {
        cn__text_add(script, "%s$d%d using 1:2", i ? ", " : "plot ", first + i);
        code = add_style(script, &lines[i], i);
        if (lines[i].label != NULL && *lines[i].label != '\0') {
            cn__text_append(script, " title ", 7);
            cn__gnuplot_string(script, lines[i].label);
        } else {
            cn__text_add(script, " notitle");
        }
    }
    cn__text_append(script, "\n", 1);
    return code;
}

/* The least of the finite values of a tensor that may be NULL; INFINITY if it has none. */
static double least(const cn_tensor *t)
{
    const void *data = t != NULL ? cn__data(t) : NULL;
    double low = INFINITY;
    for (int64_t i = 0; data != NULL && i < cn__size(t); i++) {
        double v = cn__read(t->dtype, data, i);
        low = isfinite(v) && v < low ? v : low;
    }
    return low;
}

static int line_script(cn__text *script, const cn_plot_args *a, cn__picture picture)
{
    int n = 0, code = 0;
    double low = INFINITY;
    cn__gnuplot_begin(script, picture, a->width, a->height);
    while (n < 32 && a->lines[n].y != NULL && code == 0) {
        code = add_data(script, n, a->lines[n].x, a->lines[n].y, 0);
        low = code == 0 ? fmin(low, least(a->lines[n].y)) : low;
        n++;
    }
    if (code == 0 && n == 0) {
        code = cn__fail(CN_EVALUE, "cn_plot: expected at least one line with its y");
    }
    if (code != 0) {
        return code;
    }
    add_set(script, "title", a->title, " font ',13'");
    add_set(script, "xlabel", a->x_label, "");
    add_set(script, "ylabel", a->y_label, "");
    add_range(script, 'x', a->x_range);
    add_range(script, 'y', a->y_range);
    /* Of points that are all missing gnuplot can choose no range. */
    if (low == INFINITY) {
        cn__text_add(script, "%s%s", a->x_range == NULL ? "set xrange [0:1]\n" : "",
                     a->y_range == NULL ? "set yrange [0:1]\n" : "");
    }
    if (a->x_range == NULL && low < INFINITY) {
        cn__text_add(script, "set autoscale xfix\n");
    }
    if (a->log_x || a->log_y) {
        cn__text_add(script, "set logscale %s%s\n", a->log_x ? "x" : "", a->log_y ? "y" : "");
    }
    cn__text_add(script,
                 "set key top right\nset offsets graph 0.02, graph 0.02, graph 0.04, graph 0.02\n");
    return add_plot(script, a->lines, n, 0);
}

int cn_plot_with(const char *path, const cn_plot_args *args)
{
    cn_plot_args a = cn_plot_defaults;
    if (!take_arguments(&a, sizeof a, args, path, "cn_plot")) {
        return cn_error_code();
    }
    cn__picture picture = cn__picture_of(path);
    int code =
        picture != CN__PICTURE_UNKNOWN ? check_size(a.width, a.height, path) : cn_error_code();
    if (code != 0) {
        return code;
    }
    cn__text script = {0};
    code = line_script(&script, &a, picture);
    if (code == 0) {
        return cn__gnuplot_run(&script, path, picture);
    }
    cn__text_free(&script);
    return code;
}

/* Training curves ------------------------------------------------------------------------------ */

/* One panel: a quantity while training and, where there is one, while validating. */
typedef struct panel {
    const char *name; /* without "val_" */
    const cn_tensor *train, *validation;
} panel;

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* Metrics stand before losses, and learning rates behind both. */
static int rank_of(const char *name)
{
    return strcmp(name, "lr") == 0 || strcmp(name, "learning_rate") == 0 ? 3
           : strcmp(name, "loss") == 0                                   ? 1
           : has(name, "loss")                                           ? 2
                                                                         : 0;
}

static int find_panel(panel *panels, int *n, const char *name)
{
    for (int i = 0; i < *n; i++) {
        if (strcmp(panels[i].name, name) == 0) {
            return i;
        }
    }
    if (*n == MOST_PANELS) {
        return -1;
    }
    int at = (*n)++;
    while (at > 0 && rank_of(panels[at - 1].name) > rank_of(name)) {
        panels[at] = panels[at - 1];
        at--;
    }
    panels[at] = (panel){.name = name};
    return at;
}

static int find_panels(const cn_named_tensors *curves, panel panels[MOST_PANELS])
{
    int n = 0;
    for (int i = 0; i < curves->n; i++) {
        const char *name = curves->names[i];
        bool validation = strncmp(name, "val_", 4) == 0;
        const cn_tensor *t = cn__check_tensor(curves->tensors[i], "cn_plot_curves");
        if (t == NULL) {
            return cn_error_code();
        }
        if (cn_tensor_size(t) <= 0) {
            continue;
        }
        int at = find_panel(panels, &n, validation ? name + 4 : name);
        if (at >= 0) {
            *(validation ? &panels[at].validation : &panels[at].train) = t;
        }
    }
    return n;
}

/* The distance between two numbers on the axis of epochs, so that there are at most ten: 1, 2, 5,
 * 10 … */
static int64_t epoch_step(int64_t epochs)
{
    static const int factors[] = {1, 2, 5};
    for (int64_t ten = 1;; ten *= 10) {
        for (int i = 0; i < 3; i++) {
            if (epochs <= 10 * factors[i] * ten) {
                return factors[i] * ten;
            }
        }
    }
}

static int add_panel(cn__text *script, const panel *p, int first)
{
    cn_plot_line lines[2];
    int n = 0, code = 0;
    int64_t epochs = 1;
    const cn_tensor *both[] = {p->train, p->validation};
    static const char *const labels[] = {"train", "validation"};
    for (int i = 0; i < 2 && code == 0; i++) {
        if (both[i] != NULL) {
            int64_t size = cn_tensor_size(both[i]);
            epochs = size > epochs ? size : epochs;
            /* Many epochs would make a caterpillar of the points. */
            lines[n] = (cn_plot_line){.label = labels[i],
                                      .y = both[i],
                                      .color = palette[i],
                                      .style = size <= 40 ? "both" : "line"};
            code = add_data(script, first + n, NULL, both[i], 1);
            n++;
        }
    }
    bool rate = rank_of(p->name) == 3;
    char title[128];
    size_t length = strlen(p->name) < sizeof title - 1 ? strlen(p->name) : sizeof title - 1;
    for (size_t i = 0; i < length; i++) {
        title[i] = p->name[i] == '_' ? ' ' : p->name[i];
    }
    title[length] = '\0';
    add_set(script, "title", rate ? "learning rate" : title, " font ',13'");
    /* Where nothing is finite gnuplot has no range to choose; where a rate is 0 it has no
     * logarithm. */
    double low = fmin(least(p->train), least(p->validation));
    bool logarithmic = rate && low > 0 && low < INFINITY;
    cn__text_add(script, low < INFINITY ? "set yrange [*:*]\n" : "set yrange [0:1]\n");
    /* The points of the first and the last epoch stay clear of the frame. */
    cn__text_add(script,
                 "set xtics %" PRId64 "\nset xlabel 'epoch'\nset xrange [%s:%" PRId64 "%s]\n"
                 "%s\nset key %s %s\n",
                 epoch_step(epochs), epochs > 1 ? "0.8" : "0.5", epochs, epochs > 1 ? ".2" : ".5",
                 logarithmic ? "set logscale y\nset format y '%g'\nset offsets 0, 0, 0, 0"
                             : "unset logscale y\nset format y '%h'\n"
                               "set offsets 0, 0, graph 0.05, graph 0.05",
                 rank_of(p->name) == 0 ? "bottom right" : "top right", n > 1 ? "on" : "off");
    return code == 0 ? add_plot(script, lines, n, first) : code;
}

static int curves_script(cn__text *script, const cn_plot_curves_args *a, const panel *panels, int n,
                         cn__picture picture)
{
    int columns = n <= 3 ? n : n == 4 ? 2 : 3, rows = (n + columns - 1) / columns;
    int width = a->width != 0 ? a->width : 560 * columns;
    int height = a->height != 0 ? a->height : 420 * rows;
    int code = check_size(width, height, "cn_plot_curves");
    if (code != 0) {
        return code;
    }
    cn__gnuplot_begin(script, picture, width, height);
    cn__text_add(script, "set multiplot layout %d,%d", rows, columns);
    if (a->title != NULL && *a->title != '\0') {
        cn__text_append(script, " title ", 7);
        cn__gnuplot_string(script, a->title);
        cn__text_add(script, " font ',14'");
    }
    cn__text_append(script, "\n", 1);
    for (int i = 0; i < n && code == 0; i++) {
        code = add_panel(script, &panels[i], 2 * i);
    }
    cn__text_add(script, "unset multiplot\n");
    return code;
}

int cn_plot_curves_with(const char *path, const cn_named_tensors *curves,
                        const cn_plot_curves_args *args)
{
    cn_plot_curves_args a = cn_plot_curves_defaults;
    if (!take_arguments(&a, sizeof a, args, path, "cn_plot_curves")) {
        return cn_error_code();
    }
    cn__picture picture = cn__picture_of(path);
    if (picture == CN__PICTURE_UNKNOWN) {
        return cn_error_code();
    }
    panel panels[MOST_PANELS];
    int n = curves != NULL ? find_panels(curves, panels) : 0;
    if (n <= 0) {
        return cn__fail(CN_EVALUE, "%s: there are no curves to draw", path);
    }
    cn__text script = {0};
    int code = curves_script(&script, &a, panels, n, picture);
    if (code == 0) {
        return cn__gnuplot_run(&script, path, picture);
    }
    cn__text_free(&script);
    return code;
}
