/* Logs: ordered names with numbers, made when they are read; and histories of them. */
#include "utils/logs.h"

#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void cn__logs_reset(cn_logs *logs, int (*fill)(cn_logs *logs, void *user), void *user)
{
    for (int64_t i = 0; i < logs->n; i++) {
        cn__free_mem(logs->list[i].name);
    }
    logs->n = 0;
    logs->fill = fill;
    logs->user = user;
    logs->filled = false;
}

void cn__logs_free(cn_logs *logs)
{
    cn__logs_reset(logs, NULL, NULL);
    cn__free_mem(logs->list);
    logs->list = NULL;
    logs->capacity = 0;
}

int cn__logs_fill(cn_logs *logs)
{
    if (logs->filled || !logs->fill) {
        return 0;
    }
    logs->filled = true;
    return logs->fill(logs, logs->user);
}

/* Readers take const logs, but the first of them makes the values come. */
static cn_logs *ready(const cn_logs *logs)
{
    cn_logs *open = (cn_logs *)(uintptr_t)logs;
    return open && cn__logs_fill(open) == 0 ? open : NULL;
}

const cn__log *cn__logs_find(const cn_logs *logs, const char *name)
{
    const cn_logs *open = ready(logs);
    for (int64_t i = 0; open && name && i < open->n; i++) {
        if (strcmp(open->list[i].name, name) == 0) {
            return &open->list[i];
        }
    }
    return NULL;
}

double cn_logs_get(const cn_logs *logs, const char *name, double otherwise)
{
    const cn__log *log = cn__logs_find(logs, name);
    return log ? log->value : otherwise;
}

bool cn_logs_has(const cn_logs *logs, const char *name)
{
    return cn__logs_find(logs, name) != NULL;
}

static int set(cn_logs *logs, const char *name, double value, bool single)
{
    if (!logs || !name) {
        return cn__fail(CN_EVALUE, "cn_logs_set: the %s is NULL", logs ? "name" : "logs");
    }
    int code = cn__logs_fill(logs);
    if (code < 0) {
        return code;
    }
    cn__log *log = (cn__log *)(uintptr_t)cn__logs_find(logs, name);
    if (!log) {
        code = cn__grow((void **)&logs->list, &logs->capacity, logs->n + 1, sizeof *log);
        char *copy = code < 0 ? NULL : cn__strdup(name);
        if (!copy) {
            return CN_ENOMEM;
        }
        log = &logs->list[logs->n++];
        log->name = copy;
    }
    log->value = value;
    log->single = single;
    return 0;
}

int cn_logs_set(cn_logs *logs, const char *name, double value)
{
    return set(logs, name, value, false);
}

int cn__logs_set_single(cn_logs *logs, const char *name, float value)
{
    return set(logs, name, value, true);
}

int cn_logs_count(const cn_logs *logs)
{
    const cn_logs *open = ready(logs);
    return open ? (int)open->n : 0;
}

const char *cn_logs_name_at(const cn_logs *logs, int index)
{
    const cn_logs *open = ready(logs);
    return open && index >= 0 && index < open->n ? open->list[index].name : NULL;
}

double cn_logs_value_at(const cn_logs *logs, int index)
{
    const cn_logs *open = ready(logs);
    return open && index >= 0 && index < open->n ? open->list[index].value : (double)NAN;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cn__log *)a)->name, ((const cn__log *)b)->name);
}

void cn__logs_sort(cn_logs *logs, int64_t first)
{
    if (first < logs->n) {
        qsort(logs->list + first, (size_t)(logs->n - first), sizeof *logs->list, by_name);
    }
}

int cn__logs_merge(cn_logs *logs, const cn_logs *from, const char *prefix)
{
    const cn_logs *open = ready(from);
    int code = open ? 0 : cn_error_code();
    for (int64_t i = 0; code == 0 && open && i < open->n; i++) {
        char *name = cn__printf("%s%s", prefix, open->list[i].name);
        code = name ? set(logs, name, open->list[i].value, open->list[i].single) : CN_ENOMEM;
        cn__free_mem(name);
    }
    return code;
}

char *cn__logs_names(const cn_logs *logs)
{
    cn__text text = {0};
    cn__text_add(&text, "%s", "");
    for (int i = 0; i < cn_logs_count(logs); i++) {
        cn__text_add(&text, "%s%s", i ? "," : "", cn_logs_name_at(logs, i));
    }
    return cn__text_take(&text);
}

static void destroy_history(void *object)
{
    cn_history *history = object;
    for (int64_t i = 0; i < history->n_series; i++) {
        cn__free_mem(history->series[i].name);
        cn__free_mem(history->series[i].values);
    }
    cn__free_mem(history->series);
    cn__free_mem(history->epochs);
}

static const cn__object_type history_type = {CN__HISTORY, "history", destroy_history};

cn_history *cn__history_new(void)
{
    return cn__object_new(&history_type, sizeof(cn_history));
}

static cn__series *find_series(const cn_history *history, const char *name)
{
    for (int64_t i = 0; name && i < history->n_series; i++) {
        if (strcmp(history->series[i].name, name) == 0) {
            return &history->series[i];
        }
    }
    return NULL;
}

static cn__series *add_series(cn_history *history, const char *name)
{
    int code = cn__grow((void **)&history->series, &history->series_capacity, history->n_series + 1,
                        sizeof *history->series);
    char *copy = code < 0 ? NULL : cn__strdup(name);
    if (!copy) {
        return NULL;
    }
    cn__series *series = &history->series[history->n_series++];
    *series = (cn__series){.name = copy};
    return series;
}

int cn__history_append(cn_history *history, int64_t epoch, const cn_logs *logs)
{
    int code = cn__grow((void **)&history->epochs, &history->epochs_capacity, history->n_epochs + 1,
                        sizeof *history->epochs);
    if (code < 0) {
        return code;
    }
    history->epochs[history->n_epochs++] = epoch;
    for (int i = 0, n = cn_logs_count(logs); i < n; i++) {
        const char *name = cn_logs_name_at(logs, i);
        cn__series *series = find_series(history, name);
        series = series ? series : add_series(history, name);
        if (!series || cn__grow((void **)&series->values, &series->capacity, series->n + 1,
                                sizeof *series->values) < 0) {
            return CN_ENOMEM;
        }
        series->values[series->n++] = cn_logs_value_at(logs, i);
    }
    return 0;
}

void cn__history_restart(cn_history *history)
{
    history->n_epochs = 0;
}

const double *cn_history_get(const cn_history *history, const char *name, int64_t *n)
{
    if (n) {
        *n = 0;
    }
    if (cn__expect(history, CN__HISTORY, "cn_history_get") < 0) {
        return NULL;
    }
    const cn__series *series = find_series(history, name);
    if (series && n) {
        *n = series->n;
    }
    return series ? series->values : NULL;
}

int cn_history_count(const cn_history *history)
{
    return cn__expect(history, CN__HISTORY, "cn_history_count") < 0 ? 0 : (int)history->n_series;
}

const char *cn_history_name_at(const cn_history *history, int index)
{
    bool there = cn__expect(history, CN__HISTORY, "cn_history_name_at") == 0 && index >= 0 &&
                 index < history->n_series;
    return there ? history->series[index].name : NULL;
}

const int64_t *cn_history_epochs(const cn_history *history, int64_t *n)
{
    if (n) {
        *n = 0;
    }
    if (cn__expect(history, CN__HISTORY, "cn_history_epochs") < 0) {
        return NULL;
    }
    if (n) {
        *n = history->n_epochs;
    }
    return history->epochs;
}

/* A string as json.dumps writes it, for names: quotes, backslashes and control characters escaped.
 */
static void add_json_string(cn__text *text, const char *s)
{
    cn__text_add(text, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            cn__text_add(text, "\\%c", c);
        } else if (c < 0x20) {
            cn__text_add(text, "\\u%04x", c);
        } else {
            cn__text_add(text, "%c", c);
        }
    }
    cn__text_add(text, "\"");
}

/* json.dumps writes NaN, Infinity and -Infinity, which are no JSON, but which Python reads. */
static void add_json_number(cn__text *text, double value)
{
    char number[40];
    if (isinf(value)) {
        cn__text_add(text, value > 0 ? "Infinity" : "-Infinity");
    } else {
        cn__text_add(text, "%s",
                     isnan(value) ? "NaN" : cn__format_double(value, number, sizeof number));
    }
}

const char *cn_history_json(const cn_history *history)
{
    if (cn__expect(history, CN__HISTORY, "cn_history_json") < 0) {
        return NULL;
    }
    cn__text text = {0};
    cn__text_add(&text, "{");
    for (int64_t i = 0; i < history->n_series; i++) {
        const cn__series *series = &history->series[i];
        cn__text_add(&text, "%s", i ? ", " : "");
        add_json_string(&text, series->name);
        cn__text_add(&text, ": [");
        for (int64_t k = 0; k < series->n; k++) {
            cn__text_add(&text, "%s", k ? ", " : "");
            add_json_number(&text, series->values[k]);
        }
        cn__text_add(&text, "]");
    }
    cn__text_add(&text, "}");
    char *json = cn__text_take(&text);
    return json ? cn__scope_string(json) : NULL;
}
