/* Summaries of Keras 2: rows of text in columns, in three generations of layout. */
#include "models/summary.h"

#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"

#include <stdio.h>
#include <string.h>

/* How the versions differ. */
typedef struct layout {
    int until;  /* this version and older */
    bool ruled; /* rows are cut to their column and separated by lines; else wrapped and separated
                   by blanks */
    bool thousands;      /* "34,826" */
    bool sizes;          /* "(136.04 KB)" behind the counts */
    double positions[4]; /* of the columns of a model with connections */
} layout;

static const layout layouts[] = {
    {206, true, true, false, {.33, .55, .67, 1}},
    {212, false, true, false, {.33, .55, .67, 1}},
    {999, false, false, true, {.3, .6, .70, 1}},
};

typedef struct table {
    cn__summary *s;
    const layout *layout;
    int width;
    int ends[CN__SUMMARY_COLUMNS]; /* of the columns */
} table;

static int full_line(table *t, const char *mark, int nested, int count)
{
    cn__text text = {0};
    cn__text_pad(&text, '|', nested);
    for (int i = 0; i < count; i++) {
        cn__text_append(&text, mark, strlen(mark));
    }
    cn__text_pad(&text, '|', nested);
    char *line = cn__text_take(&text);
    int code = line ? cn__summary_line(t->s, line) : CN_ENOMEM;
    cn__free_mem(line);
    return code;
}

/* Fields cut to their columns, with one blank before the next. */
static int ruled_row(table *t, const char *const *fields)
{
    cn__text text = {0};
    int64_t length = 0;
    for (int i = 0; i < t->s->n_columns; i++) {
        if (i > 0 && length > 0) {
            /* The last character of a column is always blank. */
            const char *last = cn__utf8_at(text.data, length - 1);
            text.length = (size_t)(last - text.data);
            text.data[text.length] = '\0';
            cn__text_append(&text, " ", 1);
        }
        int64_t room = t->ends[i] - length;
        const char *end = cn__utf8_at(fields[i], room > 0 ? room : 0);
        cn__text_append(&text, fields[i], (size_t)(end - fields[i]));
        length = text.data ? cn__utf8_length(text.data) : 0;
        cn__text_pad(&text, ' ', t->ends[i] - length);
        length = length > t->ends[i] ? length : t->ends[i];
    }
    char *line = cn__text_take(&text);
    int code = line ? cn__summary_line(t->s, line) : CN_ENOMEM;
    cn__free_mem(line);
    return code;
}

/* How many code points of `left` go into this line: at most `room`, up to the end of a tuple or a
 * quoted name. */
static int64_t cut(const char *left, int64_t room)
{
    static const char *const breaks[] = {"),", "},", "],", "',"};
    room = room < 0 ? 0 : room;
    const char *end = cn__utf8_at(left, room);
    int64_t best = -1;
    for (int i = 0; i < 4; i++) {
        const char *at = strstr(left, breaks[i]);
        if (at && at + 2 <= end) {
            int64_t length = cn__utf8_length(left) - cn__utf8_length(at + 2);
            best = best < 0 || length < best ? length : best;
        }
    }
    return best < 0 ? room : best;
}

static void wrapped_field(table *t, cn__text *text, int64_t *length, const char **left, int column,
                          int nested)
{
    bool last = column == t->s->n_columns - 1;
    int space = last ? 0 : 2;
    int64_t room = t->ends[column] - (column ? t->ends[column - 1] : 0) - space - !last;
    if (column == 0) {
        room -= nested;
        cn__text_pad(text, '|', nested);
        cn__text_append(text, " ", 1);
        *length += nested + 1;
    }
    room = cut(*left, room);
    const char *end = cn__utf8_at(*left, room);
    int64_t count = cn__utf8_length(*left) - cn__utf8_length(end);
    cn__text_append(text, *left, (size_t)(end - *left));
    cn__text_pad(text, ' ', space);
    *length += count + space;
    *left = end;
    int64_t pad = t->ends[column] - *length - (last ? nested : 0);
    cn__text_pad(text, ' ', pad);
    *length += pad > 0 ? pad : 0;
}

static int wrapped_row(table *t, const char *const *fields, int nested)
{
    const char *left[CN__SUMMARY_COLUMNS];
    bool more = false;
    for (int i = 0; i < t->s->n_columns; i++) {
        left[i] = fields[i];
        more = more || *left[i];
    }
    while (more) {
        cn__text text = {0};
        int64_t length = 0;
        const char *before = left[0];
        more = false;
        for (int i = 0; i < t->s->n_columns; i++) {
            wrapped_field(t, &text, &length, &left[i], i, nested);
            more = more || *left[i];
        }
        cn__text_pad(&text, '|', nested);
        char *line = cn__text_take(&text);
        int code = line ? cn__summary_line(t->s, line) : CN_ENOMEM;
        cn__free_mem(line);
        if (code < 0) {
            return code;
        }
        if (t->ends[0] - 3 - nested <= 0 && left[0] == before && *before) {
            return cn__fail(CN_EVALUE, "summary: the first column has no room");
        }
    }
    return 0;
}

static int row(table *t, const char *const *fields, int nested)
{
    return t->layout->ruled ? ruled_row(t, fields) : wrapped_row(t, fields, nested);
}

/* "['a[0][0]', 'b[0][0]']", or the first alone where every one has a row. */
static char *connections(const table *t, const cn_layer *layer)
{
    cn__text text = {0};
    if (t->layout->ruled) {
        char *first = cn__summary_connection(t->s, layer, 0);
        return first || cn__pending() ? first : cn__strdup("");
    }
    cn__text_append(&text, "[", 1);
    for (int i = 0;; i++) {
        char *one = cn__summary_connection(t->s, layer, i);
        if (!one) {
            break;
        }
        cn__text_add(&text, "%s'%s'", i ? ", " : "", one);
        cn__free_mem(one);
    }
    cn__text_append(&text, "]", 1);
    return cn__text_take(&text);
}

static int more_connections(table *t, const cn_layer *layer)
{
    for (int i = 1; t->layout->ruled && t->s->connected; i++) {
        char *one = cn__summary_connection(t->s, layer, i);
        const char *fields[CN__SUMMARY_COLUMNS] = {"", "", "", one, ""};
        int code = one ? row(t, fields, 0) : 1;
        cn__free_mem(one);
        if (code) {
            return code < 0 ? code : cn__pending() ? cn_error_code() : 0;
        }
    }
    return 0;
}

static char *params(const cn_layer *layer)
{
    if (!layer->built) {
        return cn__strdup("0 (unused)");
    }
    int64_t count = cn_layer_count_params(layer);
    return count < 0 ? NULL : cn__printf("%lld", (long long)count);
}

static int layer_row(table *t, const cn_model *container, const cn_layer *layer, int nested)
{
    char *fields[CN__SUMMARY_COLUMNS] = {0};
    int n = 3;
    fields[0] = cn__printf("%s (%s)", layer->base.name, layer->base.class->name);
    fields[1] = cn__summary_shape(t->s, container, layer);
    fields[2] = params(layer);
    if (t->s->connected) {
        fields[n++] = connections(t, layer);
    }
    if (t->s->args.show_trainable) {
        fields[n++] = cn__strdup(layer->trainable ? "Y" : "N");
    }
    bool whole = true;
    for (int i = 0; i < n; i++) {
        whole = whole && fields[i];
    }
    int code = whole ? row(t, (const char *const *)fields, nested) : cn_error_code();
    for (int i = 0; i < n; i++) {
        cn__free_mem(fields[i]);
    }
    return code == 0 ? more_connections(t, layer) : code;
}

static int print_layer(table *t, const cn_model *container, const cn_layer *layer, int nested,
                       bool last);

static int print_nested(table *t, const cn_model *model, int nested)
{
    int code = t->layout->ruled ? 0 : full_line(t, "\u00af", nested + 1, t->width - 2 * nested - 2);
    for (int64_t i = 0; code == 0 && i < model->layer.n_sublayers; i++) {
        code = print_layer(t, model, model->layer.sublayers[i], nested + 1,
                           i == model->layer.n_sublayers - 1);
    }
    return code == 0 && !t->layout->ruled ? full_line(t, "\u00af", nested, t->width - 2 * nested)
                                          : code;
}

static int print_layer(table *t, const cn_model *container, const cn_layer *layer, int nested,
                       bool last)
{
    int code = layer_row(t, container, layer, nested);
    const cn_model *inner = t->s->args.expand_nested ? cn__summary_nested(layer) : NULL;
    if (code == 0 && inner) {
        code = print_nested(t, inner, nested);
    }
    if (code == 0 && t->layout->ruled) {
        return nested || !last ? full_line(t, "_", 0, t->width) : 0;
    }
    /* A frame closes a nested model; no blank row stands before the end of a frame. */
    bool blank = !inner && !(nested && last);
    return code == 0 && blank ? full_line(t, " ", nested, t->width - 2 * nested) : code;
}

static int print_count(table *t, const char *what, const cn__param_count *count)
{
    char number[40], size[40], line[160];
    if (t->layout->thousands) {
        cn__format_thousands(count->count, number, sizeof number);
    } else {
        snprintf(number, sizeof number, "%lld", (long long)count->count);
    }
    cn__readable_size(count->bytes, "Byte", size, sizeof size);
    snprintf(line, sizeof line, t->layout->sizes ? "%s params: %s (%s)" : "%s params: %s", what,
             number, size);
    return cn__summary_line(t->s, line);
}

static int print_totals(table *t)
{
    cn__param_count trained = {0}, frozen = {0};
    int code = cn__count_trainable(t->s->model, true, &trained);
    if (code == 0) {
        code = cn__count_trainable(t->s->model, false, &frozen);
    }
    cn__param_count all = {trained.count + frozen.count, trained.bytes + frozen.bytes};
    code = code < 0 ? code : print_count(t, "Total", &all);
    code = code < 0 ? code : print_count(t, "Trainable", &trained);
    code = code < 0 ? code : print_count(t, "Non-trainable", &frozen);
    return code < 0 ? code : full_line(t, "_", 0, t->width);
}

static void place_columns(table *t)
{
    static const double chain[] = {.45, .85, 1};
    const cn_summary_args *args = &t->s->args;
    int n = 3 + t->s->connected, given = args->positions.n;
    const double *positions = given >= n        ? args->positions.v
                              : t->s->connected ? t->layout->positions
                                                : chain;
    t->width = args->line_length > 0 ? args->line_length : t->s->connected ? 98 : 65;
    bool relative = positions[n - 1] <= 1;
    for (int i = 0; i < n; i++) {
        t->ends[i] = (int)(relative ? t->width * positions[i] : positions[i]);
    }
    if (args->show_trainable) {
        t->width += 11;
        t->ends[n] = t->width;
    }
}

static int print_head(table *t)
{
    const char *titles[CN__SUMMARY_COLUMNS] = {"Layer (type)", "Output Shape", "Param #"};
    int n = 3;
    if (t->s->connected) {
        titles[n++] = "Connected to";
    }
    if (t->s->args.show_trainable) {
        titles[n++] = "Trainable";
    }
    char *title = cn__printf("Model: \"%s\"", t->s->model->layer.base.name);
    int code = title ? cn__summary_line(t->s, title) : CN_ENOMEM;
    cn__free_mem(title);
    code = code < 0 ? code : full_line(t, "_", 0, t->width);
    code = code < 0 ? code : row(t, titles, 0);
    return code < 0 ? code : full_line(t, "=", 0, t->width);
}

int cn__summary_rows(cn__summary *s)
{
    table t = {.s = s, .layout = layouts};
    int keras = cn__is_multi_backend(s->keras) ? 0 : s->keras;
    while (keras > t.layout->until) {
        t.layout++;
    }
    place_columns(&t);
    int code = print_head(&t);
    for (int i = s->first; code == 0 && i < s->last; i++) {
        code = print_layer(&t, s->model, s->model->layer.sublayers[i], 0, i == s->last - 1);
    }
    code = code < 0 ? code : full_line(&t, "=", 0, t.width);
    return code < 0 ? code : print_totals(&t);
}
