/* CSVLogger: the logs of each epoch as a row of a file, as Python's csv module writes it. */
#include "callbacks/support.h"
#include "core/format.h"
#include "utils/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef cn_callback_csv_logger_args arguments;

typedef struct table {
    FILE *file;
    char **columns; /* without "epoch"; NULL: not known before the first epoch */
    int n;
    bool header;
} table;

static int init(cn_callback *self)
{
    const arguments *a = self->base.args;
    if (!a->filename || !*a->filename) {
        return cn__fail(CN_EVALUE, "CSVLogger: filename is not given");
    }
    if (!a->separator || strlen(a->separator) != 1) {
        return cn__fail(CN_ETYPE, "CSVLogger: \"delimiter\" must be a 1-character string");
    }
    return 0;
}

static int io_error(const cn_callback *self)
{
    return cn__fail(CN_EIO, "CSVLogger: %s: %s", ((const arguments *)self->base.args)->filename,
                    strerror(errno));
}

static int close_file(cn_callback *self)
{
    table *t = self->state;
    FILE *file = t->file;
    t->file = NULL;
    return file && fclose(file) != 0 ? io_error(self) : 0;
}

static void forget_columns(table *t)
{
    for (int i = 0; i < t->n; i++) {
        cn__free_mem(t->columns[i]);
    }
    cn__free_mem(t->columns);
    t->columns = NULL;
    t->n = 0;
}

static void destroy(cn_callback *self)
{
    table *t = self->state;
    forget_columns(t);
    if (t->file) {
        fclose(t->file);
    }
}

/* Whether a file that is to be continued has a first line already. */
static bool has_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    bool text = file && fgetc(file) != EOF;
    if (file) {
        fclose(file);
    }
    return text;
}

static int begin(cn_callback *self, cn_logs *logs)
{
    const arguments *a = self->base.args;
    table *t = self->state;
    (void)logs;
    int code = close_file(self);
    if (code < 0) {
        return code;
    }
    forget_columns(t);
    t->header = !(a->append && has_text(a->filename));
    t->file = fopen(a->filename, a->append ? "ab" : "wb");
    return t->file ? 0 : io_error(self);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sorted names; since 2.15 also those of validation, if the first epoch has none. */
static int find_columns(const cn_callback *self, const cn_logs *logs)
{
    table *t = self->state;
    int n = cn_logs_count(logs);
    bool validated = self->base.keras < 215 || n == 0;
    for (int i = 0; i < n; i++) {
        validated = validated || strncmp(cn_logs_name_at(logs, i), "val_", 4) == 0;
    }
    t->columns = cn__calloc((size_t)(validated ? n : 2 * n) + 1, sizeof *t->columns);
    if (!t->columns) {
        return CN_ENOMEM;
    }
    while (t->n < n) {
        t->columns[t->n] = cn__strdup(cn_logs_name_at(logs, t->n));
        if (!t->columns[t->n]) {
            return CN_ENOMEM;
        }
        t->n++;
    }
    qsort(t->columns, (size_t)n, sizeof *t->columns, by_name);
    for (int i = 0; !validated && i < n; i++) {
        t->columns[t->n] = cn__printf("val_%s", t->columns[i]);
        if (!t->columns[t->n]) {
            return CN_ENOMEM;
        }
        t->n++;
    }
    return 0;
}

/* A name, in quotes where it would be read as something else. */
static void add_name(cn__text *row, const char *name, char separator)
{
    bool quoted = strchr(name, separator) || strpbrk(name, "\"\r\n");
    cn__text_add(row, "%s", quoted ? "\"" : "");
    for (; *name; name++) {
        cn__text_add(row, quoted && *name == '"' ? "\"%c" : "%c", *name);
    }
    cn__text_add(row, "%s", quoted ? "\"" : "");
}

static void add_value(cn__text *row, const cn__log *log)
{
    char number[40];
    if (!log) {
        cn__text_add(row, "NA");
    } else if (log->single) {
        cn__text_add(row, "%s", cn__format_float((float)log->value, number, sizeof number));
    } else {
        cn__text_add(row, "%s", cn__format_double(log->value, number, sizeof number));
    }
}

static int epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    table *t = self->state;
    char separator = ((const arguments *)self->base.args)->separator[0];
    if (!t->file) {
        return cn__fail(CN_ESTATE, "CSVLogger: training has not begun");
    }
    int code = t->columns ? 0 : find_columns(self, logs);
    if (code < 0) {
        return code;
    }
    cn__text row = {0};
    if (t->header) {
        cn__text_add(&row, "epoch");
        for (int i = 0; i < t->n; i++) {
            cn__text_add(&row, "%c", separator);
            add_name(&row, t->columns[i], separator);
        }
        cn__text_add(&row, "\r\n");
        t->header = false;
    }
    cn__text_add(&row, "%" PRId64, epoch);
    for (int i = 0; i < t->n; i++) {
        cn__text_add(&row, "%c", separator);
        add_value(&row, cn__logs_find(logs, t->columns[i]));
    }
    cn__text_add(&row, "\r\n");
    char *text = cn__text_take(&row);
    if (!text) {
        return CN_ENOMEM;
    }
    bool failed = fputs(text, t->file) < 0 || fflush(t->file) != 0;
    cn__free_mem(text);
    return failed ? io_error(self) : 0;
}

static int end(cn_callback *self, cn_logs *logs)
{
    (void)logs;
    return close_file(self);
}

#define T cn_callback_csv_logger_args
static const cn_field fields[] = {
    CN_FIELD(T, STRING, filename), CN_FIELD(T, STRING, separator), CN_FIELD(T, BOOL, append), {0}};
const T cn_callback_csv_logger_defaults = {.size = sizeof(T), CN_CALLBACK_CSV_LOGGER_DEFAULTS};
const cn_callback_class cn__callback_csv_logger = {
    CN__CALLBACK_BASE("CSVLogger", T, cn_callback_csv_logger_defaults, fields),
    .init = init,
    .destroy = destroy,
    .state_bytes = sizeof(table),
    .on_train_begin = begin,
    .on_epoch_end = epoch_end,
    .on_train_end = end};

cn_callback *cn_callback_csv_logger_with(const T *args)
{
    return cn_callback_new(&cn__callback_csv_logger, args);
}
