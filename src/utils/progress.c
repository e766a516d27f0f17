/* The progress bar: what is written after how many steps. Three generations of Keras differ in bar,
 * order and colours. */
#include "utils/progress.h"

#include "core/instance.h"
#include "utils/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define INTERVAL 0.05

/* Generations: 1 multi-backend Keras and tf.keras up to 2.1, 2 tf.keras, 3 Keras 3. */
static int generation(int keras)
{
    return cn__is_keras3(keras) ? 3 : cn__is_multi_backend(keras) || keras < 202 ? 1 : 2;
}

bool cn__progress_counts_samples(int keras)
{
    return generation(keras) == 1;
}

static double now_of(const cn__progress *bar)
{
    if (bar->clock) {
        return bar->clock(bar->clock_user);
    }
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cn__progress_begin(cn__progress *bar, int64_t target, int verbose, int keras,
                        const char *const *stateful_names)
{
    *bar = (cn__progress){.target = target,
                          .verbose = verbose,
                          .keras = keras,
                          .stateful_names = stateful_names,
                          .last_update = -INFINITY};
    /* Python on Linux always took its output for one that can be overwritten, since tf.keras 2.2.
     */
    bar->in_place = generation(keras) > 1 || cn__output_is_terminal();
    bar->unit = keras == 200 || keras == 201 ? "sample" : "step";
    bar->start = now_of(bar);
}

void cn__progress_end(cn__progress *bar)
{
    for (int64_t i = 0; i < bar->n; i++) {
        cn__free_mem(bar->values[i].name);
    }
    cn__free_mem(bar->values);
    *bar = (cn__progress){0};
}

void cn__progress_epoch(int keras, int verbose, int64_t epoch, int64_t epochs)
{
    if (verbose && (epochs > 1 || generation(keras) == 1)) {
        cn__print_format("Epoch %" PRId64 "/%" PRId64 "\n", epoch + 1, epochs);
    }
}

static bool is_stateful(const cn__progress *bar, const char *name)
{
    for (int i = 0; bar->stateful_names && bar->stateful_names[i]; i++) {
        if (strcmp(bar->stateful_names[i], name) == 0) {
            return true;
        }
    }
    return !bar->stateful_names;
}

static cn__progress_value *value_of(cn__progress *bar, const char *name)
{
    for (int64_t i = 0; i < bar->n; i++) {
        if (strcmp(bar->values[i].name, name) == 0) {
            return &bar->values[i];
        }
    }
    int code = cn__grow((void **)&bar->values, &bar->capacity, bar->n + 1, sizeof *bar->values);
    char *copy = code < 0 ? NULL : cn__strdup(name);
    if (!copy) {
        return NULL;
    }
    cn__progress_value *value = &bar->values[bar->n++];
    *value = (cn__progress_value){.name = copy, .stateful = is_stateful(bar, name)};
    return value;
}

/* Means are weighted by the steps that passed since the last values. */
static int take_values(cn__progress *bar, int64_t current, const cn_logs *logs)
{
    int64_t passed = current - bar->seen > 1 ? current - bar->seen : 1;
    for (int i = 0, n = logs ? cn_logs_count(logs) : 0; i < n; i++) {
        cn__progress_value *value = value_of(bar, cn_logs_name_at(logs, i));
        if (!value) {
            return CN_ENOMEM;
        }
        double v = cn_logs_value_at(logs, i);
        value->sum = value->stateful ? v : value->sum + v * (double)passed;
        value->weight = value->stateful ? 1 : value->weight + (double)passed;
    }
    bar->seen = current;
    return cn_error_code();
}

/* " - loss: 0.5010"; a bar shows small numbers of both signs with an exponent, a line all that are
 * not large. */
static void add_values(const cn__progress *bar, cn__text *text)
{
    for (int64_t i = 0; i < bar->n; i++) {
        const cn__progress_value *value = &bar->values[i];
        double mean = value->sum / (value->weight > 1 ? value->weight : 1);
        bool large = (bar->verbose == 1 ? fabs(mean) : mean) > 1e-3;
        cn__text_add(text, " - %s: ", value->name);
        if (isnan(mean)) {
            cn__text_add(text, "nan");
        } else {
            cn__text_add(text, large ? "%.4f" : "%.4e", mean);
        }
    }
}

/* Seconds a step; since tf.keras 2.2 without the first, which builds and warms up. */
static double step_time(cn__progress *bar, int64_t current, double now)
{
    if (!current) {
        return 0;
    }
    double time = (now - bar->start) / (double)current;
    if (generation(bar->keras) > 1) {
        if (bar->first_step_done && current > 1) {
            time = (now - bar->after_first_step) / (double)(current - 1);
        }
        if (current == 1) {
            bar->after_first_step = now;
            bar->first_step_done = true;
        }
    }
    return time;
}

static void add_time(cn__text *text, double seconds, const char *unit)
{
    if (seconds >= 1 || seconds == 0) {
        cn__text_add(text, " %.0fs/%s", seconds, unit);
    } else if (seconds >= 1e-3) {
        cn__text_add(text, " %.0fms/%s", seconds * 1e3, unit);
    } else {
        cn__text_add(text, " %.0fus/%s", seconds * 1e6, unit);
    }
}

static void add_eta(cn__text *text, double eta)
{
    int64_t s = (int64_t)eta;
    if (eta > 3600) {
        cn__text_add(text, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s % 3600 / 60, s % 60);
    } else if (eta > 60) {
        cn__text_add(text, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    } else {
        cn__text_add(text, "%" PRId64 "s", s);
    }
}

static void add_count(cn__text *text, int64_t current, int64_t target)
{
    int digits = 1;
    for (int64_t rest = target; rest >= 10; rest /= 10) {
        digits++;
    }
    cn__text_add(text, "%*" PRId64 "/%" PRId64, digits, current, target);
}

static void repeat(cn__text *text, const char *stroke, int n)
{
    for (int i = 0; i < n; i++) {
        cn__text_add(text, "%s", stroke);
    }
}

/* "1/4 [======>.......................]" */
static void add_plain_bar(const cn__progress *bar, int64_t current, cn__text *text)
{
    if (bar->target == CN_NONE) {
        cn__text_add(text, "%7" PRId64 "/Unknown", current);
        return;
    }
    int done = (int)(30 * ((double)current / (double)bar->target));
    done = done > 30 ? 30 : done;
    add_count(text, current, bar->target);
    cn__text_add(text, " [");
    if (done > 0) {
        cn__text_pad(text, '=', done - 1);
        cn__text_add(text, current < bar->target ? ">" : "=");
    }
    cn__text_pad(text, '.', 30 - done);
    cn__text_add(text, "]");
}

/* The same with 20 heavy lines in colours; returns how many characters take no room on a terminal.
 */
static int add_colour_bar(const cn__progress *bar, int64_t current, cn__text *text)
{
    if (bar->target == CN_NONE || bar->target <= 0) {
        cn__text_add(text, "%7" PRId64 "/Unknown", current);
        return 0;
    }
    int done = (int)(20 * ((double)current / (double)bar->target)), invisible = 8 + 9;
    done = done > 20 ? 20 : done;
    cn__text_add(text, "\033[1m");
    add_count(text, current, bar->target);
    cn__text_add(text, "\033[0m ");
    if (done > 0) {
        cn__text_add(text, "\033[32m");
        repeat(text, "━", done);
        cn__text_add(text, "\033[0m");
        invisible += 9;
    }
    cn__text_add(text, "\033[37m");
    repeat(text, "━", 20 - done);
    cn__text_add(text, "\033[0m");
    return invisible;
}

/* Characters, as Python counts them: the bytes of UTF-8 that begin one. */
static int64_t characters(const char *text, size_t length)
{
    int64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return n;
}

static void add_plain_info(cn__progress *bar, int64_t current, double now, bool finalize,
                           cn__text *text)
{
    double time = step_time(bar, current, now);
    bool running = bar->target != CN_NONE && !finalize;
    if (running) {
        cn__text_add(text, " - ETA: ");
        add_eta(text, time * (double)(bar->target - current));
    } else {
        cn__text_add(text, " - %.0fs", now - bar->start);
        add_time(text, time, bar->unit);
    }
    add_values(bar, text);
}

static int add_colour_info(cn__progress *bar, int64_t current, double now, bool finalize,
                           cn__text *text)
{
    double time = step_time(bar, current, now);
    cn__text_add(text, " \033[1m");
    if (bar->target != CN_NONE && bar->target > 0 && !finalize) {
        add_eta(text, time * (double)(bar->target - current));
    } else {
        cn__text_add(text, "%.0fs", now - bar->start);
    }
    cn__text_add(text, "\033[0m");
    add_time(text, time, bar->unit);
    add_values(bar, text);
    return 8;
}

/* tf.keras measures the line before it fills up an older, longer one, Keras 3 too. */
static void draw(cn__progress *bar, int64_t current, double now, bool finalize, cn__text *text)
{
    int64_t before = bar->width;
    if (bar->in_place) {
        cn__text_pad(text, '\b', before);
        cn__text_add(text, "\r");
    } else {
        cn__text_add(text, "\n");
    }
    size_t start = text->length;
    int invisible = 0;
    if (generation(bar->keras) == 3) {
        invisible = add_colour_bar(bar, current, text);
        invisible += add_colour_info(bar, current, now, finalize, text);
    } else {
        add_plain_bar(bar, current, text);
        add_plain_info(bar, current, now, finalize, text);
    }
    if (text->failed) {
        return;
    }
    bar->width = characters(text->data + start, text->length - start) - invisible;
    cn__text_pad(text, ' ', before - bar->width);
    if (finalize) {
        cn__text_add(text, "\n");
    }
}

static void add_line(cn__progress *bar, int64_t current, double now, cn__text *text)
{
    int kind = generation(bar->keras);
    double time = step_time(bar, current, now), whole = now - bar->start;
    if (kind == 1) {
        cn__text_add(text, " - %.0fs", whole);
        add_values(bar, text);
    } else {
        add_count(text, current, bar->target);
        cn__text_add(text, " - %.0fs", whole);
        if (kind == 3) {
            cn__text_add(text, " -");
            add_time(text, time, bar->unit);
        }
        add_values(bar, text);
        if (kind == 2) {
            cn__text_add(text, " -");
            add_time(text, whole, "epoch");
            cn__text_add(text, " -");
            add_time(text, whole / (double)bar->target, bar->unit);
        }
    }
    cn__text_add(text, "\n");
}

/* Whether the values may stay unread: nothing will be drawn, and all of them are replaced, not
 * averaged. */
static bool can_skip(const cn__progress *bar, double now, bool finalize)
{
    if (finalize) {
        return false;
    }
    bool skip = bar->verbose != 1 || now - bar->last_update < INTERVAL;
    for (int64_t i = 0; skip && bar->verbose == 1 && i < bar->n; i++) {
        skip = bar->values[i].stateful;
    }
    return skip && (bar->verbose != 1 || bar->n > 0);
}

int cn__progress_update(cn__progress *bar, int64_t current, const cn_logs *logs, bool finalize)
{
    if (bar->verbose <= 0) {
        return 0;
    }
    if (bar->target == CN_NONE && finalize) {
        bar->target = current;
    }
    double now = now_of(bar);
    bool quiet = !finalize && (bar->verbose != 1 || now - bar->last_update < INTERVAL);
    if (can_skip(bar, now, finalize)) {
        bar->seen = current;
        return 0;
    }
    int code = take_values(bar, current, logs);
    if (code < 0 || quiet) {
        return code;
    }
    cn__text text = {0};
    if (bar->verbose == 1) {
        draw(bar, current, now, finalize, &text);
    } else {
        add_line(bar, current, now, &text);
    }
    char *message = cn__text_take(&text);
    if (!message) {
        return CN_ENOMEM;
    }
    cn__print(message);
    cn__free_mem(message);
    bar->last_update = now;
    return 0;
}
