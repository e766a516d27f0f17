/* Summaries of Keras 3: a boxed table whose columns shrink to the terminal, laid out as the library
 * "rich" does it. */
#define _DEFAULT_SOURCE 1 /* ioctl and its window size */
#include "models/summary.h"
#include "optimizers/optimizer.h"

#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef enum align { LEFT, RIGHT, CENTRE } align;

typedef struct table {
    cn__summary *s;
    int console; /* columns of the terminal; longer lines are cut */
    int width;
    int columns[CN__SUMMARY_COLUMNS]; /* with a blank on both sides */
    align align[CN__SUMMARY_COLUMNS];
} table;

/* The parts of a box: left, filling, between columns, right. */
typedef struct rule {
    const char *left, *fill, *middle, *right;
} rule;

static const rule top = {"┏", "━", "┳", "┓"}, below_head = {"┡", "━", "╇", "┩"},
                  between = {"├", "─", "┼", "┤"}, bottom = {"└", "─", "┴", "┘"};
static const rule head_cells = {"┃", " ", "┃", "┃"}, cells = {"│", " ", "│", "│"};

static int terminal_columns(void)
{
    struct winsize size;
    const char *given = getenv("COLUMNS");
    long columns = given ? strtol(given, NULL, 10) : 0;
    if (columns > 0 && columns < 100000) {
        return (int)columns;
    }
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

static int emit(table *t, cn__text *text)
{
    char *line = cn__text_take(text);
    if (!line) {
        return CN_ENOMEM;
    }
    char *end = (char *)(uintptr_t)cn__utf8_at(line, t->console);
    *end = '\0';
    int code = cn__summary_line(t->s, line);
    cn__free_mem(line);
    return code;
}

static int print_rule(table *t, const rule *r)
{
    cn__text text = {0};
    for (int i = 0; i < t->s->n_columns; i++) {
        cn__text_add(&text, "%s", i ? r->middle : r->left);
        for (int k = 0; k < t->columns[i]; k++) {
            cn__text_append(&text, r->fill, strlen(r->fill));
        }
    }
    cn__text_add(&text, "%s", r->right);
    return emit(t, &text);
}

/* A line of a cell: where it begins and ends in the cell's text. */
typedef struct piece {
    const char *begin, *end;
} piece;

static int64_t cells_of(const char *begin, const char *end)
{
    int64_t n = 0;
    for (; begin < end; begin++) {
        n += ((unsigned char)*begin & 0xc0) != 0x80;
    }
    return n;
}

static const char *without_blanks(const char *begin, const char *end)
{
    while (end > begin && end[-1] == ' ') {
        end--;
    }
    return end;
}

/* The next line of a text that is broken between words; a word longer than the column has a line of
 * its own. */
static piece next_line(const char **text, int width)
{
    piece line = {*text, *text};
    const char *at = *text;
    while (*at) {
        const char *word = at;
        at += strspn(at, " ");
        at += strcspn(at, " ");
        const char *end = at;
        at += strspn(at, " ");
        if (line.end > line.begin && cells_of(line.begin, line.end) + cells_of(word, end) > width) {
            at = word;
            break;
        }
        line.end = at;
    }
    *text = line.end;
    return line;
}

/* One line of a cell, cut to the column with an ellipsis and put to its side. */
static void add_cell(cn__text *out, piece line, int width, align side)
{
    const char *end = without_blanks(line.begin, line.end);
    int64_t length = cells_of(line.begin, end);
    bool cut = length > width;
    if (cut) {
        end = cn__utf8_at(line.begin, width - 1);
        length = width;
    }
    int64_t room = width - length, before = side == LEFT ? 0 : side == RIGHT ? room : room / 2;
    cn__text_pad(out, ' ', before);
    cn__text_append(out, line.begin, (size_t)(end - line.begin));
    if (cut) {
        cn__text_append(out, "…", strlen("…"));
    }
    cn__text_pad(out, ' ', room - before);
}

static int count_lines(const char *text, int width)
{
    int n = 0;
    do {
        next_line(&text, width);
        n++;
    } while (*text);
    return n;
}

/* A row is as high as its highest cell; the head's cells stand at its bottom, the others at the
 * top. */
static int print_row(table *t, const char *const *fields, const rule *r)
{
    const char *left[CN__SUMMARY_COLUMNS];
    int lines[CN__SUMMARY_COLUMNS], height = 1;
    for (int i = 0; i < t->s->n_columns; i++) {
        left[i] = fields[i];
        lines[i] = count_lines(fields[i], t->columns[i] - 2);
        height = lines[i] > height ? lines[i] : height;
    }
    for (int line = 0; line < height; line++) {
        cn__text text = {0};
        for (int i = 0; i < t->s->n_columns; i++) {
            int width = t->columns[i] - 2;
            bool above = r == &head_cells && line < height - lines[i];
            piece part = {"", ""};
            if (!above) {
                part = next_line(&left[i], width);
            }
            cn__text_add(&text, "%s ", i ? r->middle : r->left);
            add_cell(&text, part, width, t->align[i]);
            cn__text_append(&text, " ", 1);
        }
        cn__text_add(&text, "%s", r->right);
        int code = emit(t, &text);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static char *connections(const table *t, const cn_layer *layer)
{
    cn__text text = {0};
    for (int i = 0;; i++) {
        char *one = cn__summary_connection(t->s, layer, i);
        if (!one) {
            break;
        }
        cn__text_add(&text, "%s%s", i ? ", " : "", one);
        cn__free_mem(one);
    }
    if (!text.length) {
        cn__text_append(&text, "-", 1);
    }
    return cn__text_take(&text);
}

static char *params(const cn_layer *layer)
{
    char number[40];
    if (!layer->built) {
        return cn__strdup("0 (unbuilt)");
    }
    int64_t count = cn_layer_count_params(layer);
    return count < 0 ? NULL : cn__strdup(cn__format_thousands(count, number, sizeof number));
}

static const char *trainable_mark(const cn_layer *layer)
{
    cn_tensor *weight;
    return cn_layer_weights(layer, &weight, 1) <= 0 ? "-" : layer->trainable ? "Y" : "N";
}

/* "   └ dense (Dense)": layers of nested models are set in. */
static char *layer_title(const cn_layer *layer, int nested)
{
    cn__text text = {0};
    if (nested) {
        cn__text_pad(&text, ' ', 3 * nested);
        cn__text_append(&text, "└ ", strlen("└ "));
    }
    cn__text_add(&text, "%s (%s)", layer->base.name, layer->base.class->name);
    return cn__text_take(&text);
}

static int layer_row(table *t, const cn_model *container, const cn_layer *layer, int nested)
{
    char *fields[CN__SUMMARY_COLUMNS] = {0};
    int n = 3;
    fields[0] = layer_title(layer, nested);
    fields[1] = cn__summary_shape(t->s, container, layer);
    fields[2] = params(layer);
    if (t->s->connected) {
        fields[n++] = connections(t, layer);
    }
    if (t->s->args.show_trainable) {
        fields[n++] = cn__strdup(trainable_mark(layer));
    }
    bool whole = true;
    for (int i = 0; i < n; i++) {
        whole = whole && fields[i];
    }
    int code = whole ? print_row(t, (const char *const *)fields, &cells) : cn_error_code();
    for (int i = 0; i < n; i++) {
        cn__free_mem(fields[i]);
    }
    return code;
}

/* A line stands between rows, the table's lower edge behind the last. */
static int print_layer(table *t, const cn_model *container, const cn_layer *layer, int nested,
                       bool *first)
{
    int code = *first ? 0 : print_rule(t, &between);
    *first = false;
    code = code < 0 ? code : layer_row(t, container, layer, nested);
    const cn_model *inner = t->s->args.expand_nested ? cn__summary_nested(layer) : NULL;
    for (int64_t i = 0; code == 0 && inner && i < inner->layer.n_sublayers; i++) {
        code = print_layer(t, inner, inner->layer.sublayers[i], nested + 1, first);
    }
    return code;
}

/* Takes the excess from the columns as evenly as whole numbers allow, halves to even. */
static void shrink(table *t, int excess)
{
    int left = t->s->n_columns;
    for (int i = 0; i < t->s->n_columns; i++, left--) {
        int part = (int)nearbyint((double)excess / left);
        part = part < t->columns[i] ? part : t->columns[i];
        t->columns[i] -= part;
        excess -= part;
    }
}

/* Spreads what is left over the columns by their widths. */
static void widen(table *t, int missing, int total)
{
    for (int i = 0; i < t->s->n_columns; i++) {
        int part = total > 0 ? (int)ceil((double)t->columns[i] * missing / total) : missing;
        part = part < missing ? part : missing;
        total -= t->columns[i];
        t->columns[i] += part;
        missing -= part;
    }
}

static int place_columns(table *t)
{
    static const double chain[] = {.45, .80, 1, 1}, linked[] = {.3, .56, .74, 1, 1};
    const cn_summary_args *args = &t->s->args;
    int n = t->s->n_columns, own = n - args->show_trainable, usual = t->s->connected ? 108 : 88;
    const double *positions = args->positions.n >= own ? args->positions.v
                              : t->s->connected        ? linked
                                                       : chain;
    usual += args->show_trainable ? 12 : 0;
    usual = usual < t->console - 4 ? usual : t->console - 4;
    t->width = args->line_length > 0 ? args->line_length : usual;
    int at = 0, total = 0, room = t->width - n - 1;
    for (int i = 0; i < n; i++) {
        double position = i == own ? 1 : positions[i] * (args->show_trainable ? .90 : 1);
        int width = (int)(position * t->width) - at;
        if (width < 4) {
            return cn__fail(CN_EVALUE, "Insufficient console width to print summary.");
        }
        at += width;
        t->columns[i] = width + 2 < room ? width + 2 : room;
        total += t->columns[i];
    }
    if (total > room) {
        shrink(t, total - room);
    } else if (total < room) {
        widen(t, room - total, total);
    }
    for (int i = 0; i < n; i++) {
        if (t->columns[i] < 3) {
            return cn__fail(CN_EVALUE, "Insufficient console width to print summary.");
        }
    }
    return 0;
}

static int print_count(table *t, const char *what, const cn__param_count *count)
{
    char number[40], size[40];
    cn__text text = {0};
    cn__format_thousands(count->count, number, sizeof number);
    cn__text_add(&text, " %s params: %s (%s)", what, number,
                 cn__readable_size(count->bytes, "B", size, sizeof size));
    return emit(t, &text);
}

/* The optimizer's variables, once it has any; negative and an error. */
static int count_optimizer(const cn_model *model, cn__param_count *count)
{
    /* Keras makes the optimizer's variables at the first step: until then it has none to show. */
    bool built = model->optimizer && model->optimizer->built;
    int n = built ? cn_optimizer_variables(model->optimizer, NULL, 0) : 0;
    cn_tensor **list = n > 0 ? cn__malloc((size_t)n * sizeof *list) : NULL;
    if (n <= 0 || !list) {
        return n < 0 ? n : n ? CN_ENOMEM : 0;
    }
    n = cn_optimizer_variables(model->optimizer, list, n);
    for (int i = 0; i < n; i++) {
        count->count += cn__size(list[i]);
        count->bytes += (int64_t)cn__bytes(list[i]);
    }
    cn__free_mem(list);
    return 0;
}

static int print_totals(table *t)
{
    cn__param_count trained = {0}, frozen = {0}, optimizer = {0};
    int code = cn__count_trainable(t->s->model, true, &trained);
    code = code < 0 ? code : cn__count_trainable(t->s->model, false, &frozen);
    code = code < 0 ? code : count_optimizer(t->s->model, &optimizer);
    cn__param_count all = {trained.count + frozen.count + optimizer.count,
                           trained.bytes + frozen.bytes + optimizer.bytes};
    code = code < 0 ? code : print_count(t, "Total", &all);
    code = code < 0 ? code : print_count(t, "Trainable", &trained);
    code = code < 0 ? code : print_count(t, "Non-trainable", &frozen);
    return code == 0 && optimizer.count ? print_count(t, "Optimizer", &optimizer) : code;
}

static int print_head(table *t)
{
    const char *titles[CN__SUMMARY_COLUMNS] = {"Layer (type)", "Output Shape", "Param #"};
    int n = 3;
    t->align[2] = RIGHT;
    if (t->s->connected) {
        titles[n++] = "Connected to";
    }
    if (t->s->args.show_trainable) {
        t->align[n] = CENTRE;
        titles[n++] = "Trainable";
    }
    cn__text title = {0};
    cn__text_add(&title, "Model: \"%s\"", t->s->model->layer.base.name);
    int code = emit(t, &title);
    code = code < 0 ? code : print_rule(t, &top);
    code = code < 0 ? code : print_row(t, titles, &head_cells);
    return code < 0 ? code : print_rule(t, &below_head);
}

int cn__summary_rich(cn__summary *s)
{
    table t = {.s = s, .console = terminal_columns()};
    bool first = true;
    int code = place_columns(&t);
    code = code < 0 ? code : print_head(&t);
    for (int i = s->first; code == 0 && i < s->last; i++) {
        code = print_layer(&t, s->model, s->model->layer.sublayers[i], 0, &first);
    }
    code = code < 0 ? code : print_rule(&t, &bottom);
    return code < 0 ? code : print_totals(&t);
}
