/* Progress bars: the texts of the real Keras from the numbers found in them, exact strings with a
 * clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#include "utils/logs.h"
#include "utils/print.h"
#include "utils/progress.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char printed[1 << 16];

static void catch_text(const char *text, void *user)
{
    (void)user;
    strncat(printed, text, sizeof printed - strlen(printed) - 1);
}

static double now;

static double fake_clock(void *user)
{
    (void)user;
    return now;
}

static void begin(cn__progress *bar, int64_t target, int verbose, int keras)
{
    cn__progress_begin(bar, target, verbose, keras, NULL);
    bar->clock = fake_clock;
    bar->start = now;
}

static void set(cn_logs *logs, double loss, double accuracy)
{
    cn__logs_reset(logs, NULL, NULL);
    cn_logs_set(logs, "loss", loss);
    cn_logs_set(logs, "accuracy", accuracy);
}

static void bar_of_keras2(void **state)
{
    (void)state;
    cn__progress bar = {0};
    cn_logs logs = {0};
    printed[0] = 0;
    now = 100;
    cn_set_output(catch_text, NULL);
    begin(&bar, 375, 1, 221);
    now += 0.5;
    set(&logs, 2.5, 0.0005);
    cn__progress_update(&bar, 1, &logs, false);
    now += 0.01; /* too soon to draw */
    cn__progress_update(&bar, 2, &logs, false);
    now += 1.49;
    set(&logs, 0.50096, 0.82031);
    cn__progress_update(&bar, 375, &logs, true);
    cn_set_output(NULL, NULL);
    cn__progress_end(&bar);
    char want[1024] = "\r  1/375 [..............................] - ETA: 3:07 - loss: 2.5000 - "
                      "accuracy: 5.0000e-04";
    size_t width = strlen(want) - 1;
    for (size_t i = 0; i < width; i++) {
        strcat(want, "\b");
    }
    strcat(want, "\r375/375 [==============================] - 2s 4ms/step - loss: 0.5010 - "
                 "accuracy: 0.8203");
    for (size_t i =
             strlen("375/375 [==============================] - 2s 4ms/step - loss: 0.5010 - "
                    "accuracy: 0.8203");
         i < width; i++) {
        strcat(want, " ");
    }
    strcat(want, "\n");
    assert_string_equal(printed, want);
    cn__logs_free(&logs);
}

static void lines_of_keras23(void **state)
{
    (void)state;
    cn__progress bar = {0};
    cn_logs logs = {0};
    printed[0] = 0;
    now = 0;
    cn_set_output(catch_text, NULL);
    cn__progress_epoch(203, 1, 0, 1);
    begin(&bar, 48000, 1, 203);
    assert_false(bar.in_place); /* this is no terminal */
    now = 1;
    set(&logs, 2, 0.1);
    cn__progress_update(&bar, 16000, &logs, false);
    now = 3;
    set(&logs, 0.50096, 0.82031);
    cn__progress_update(&bar, 48000, &logs, true);
    cn__progress_end(&bar);
    begin(&bar, 48000, 2, 203);
    cn__progress_update(&bar, 48000, &logs, true);
    cn__progress_end(&bar);
    cn__logs_free(&logs);
    cn_set_output(NULL, NULL);
    assert_string_equal(
        printed,
        "Epoch 1/1\n"
        "\n16000/48000 [=========>....................] - ETA: 2s - loss: 2.0000 - accuracy: 0.1000"
        "\n48000/48000 [==============================] - 3s 62us/step - loss: 0.5010 - accuracy: "
        "0.8203\n"
        " - 0s - loss: 0.5010 - accuracy: 0.8203\n");
}

static void silence_and_unread_logs(void **state)
{
    (void)state;
    cn__progress bar = {0};
    printed[0] = 0;
    cn_set_output(catch_text, NULL);
    cn__progress_epoch(221, 0, 0, 2);
    cn__progress_epoch(221, 1, 0, 1);
    begin(&bar, 4, 0, 221);
    cn__progress_update(&bar, 4, NULL, true);
    cn_set_output(NULL, NULL);
    cn__progress_end(&bar);
    assert_string_equal(printed, "");
}

#if CN_TEST_HAVE_JANSSON
/* The text without colours and strokes drawn over, durations as #, and blanks that fill up a line
 * left out. */
static char *plain(const char *text)
{
    char *out = calloc(strlen(text) + 1, 1), *to = out;
    for (const char *p = text; *p;) {
        if (*p == '\b') {
            p++;
            continue;
        }
        size_t digits = strspn(p, "0123456789");
        bool colour = p - text >= 3 && p[-3] == '[' && p[-1] == 'm';
        bool word = p > text && !colour && (isalnum((unsigned char)p[-1]) || strchr("./", p[-1]));
        const char *unit = p + digits;
        size_t length = strncmp(unit, "ms", 2) == 0 || strncmp(unit, "us", 2) == 0 ? 2
                        : *unit == 's'                                             ? 1
                                                                                   : 0;
        if (digits && !word && length && strncmp(unit + length, "tep", 3) != 0) {
            *to++ = '#';
            p = unit + length;
            continue;
        }
        if ((*p == '\n' || *p == '\r') && p != text) {
            while (to > out && to[-1] == ' ') {
                to--;
            }
        }
        *to++ = *p++;
    }
    *to = 0;
    return out;
}

/* Reads "name: number" pairs behind " - ". */
static void read_values(const char *segment, cn_logs *logs)
{
    cn__logs_reset(logs, NULL, NULL);
    for (const char *p = strstr(segment, " - "); p; p = strstr(p + 1, " - ")) {
        char name[64];
        double value;
        if (sscanf(p + 3, "%63[^: ]: %lf", name, &value) == 2 && strcmp(name, "ETA") != 0) {
            cn_logs_set(logs, name, value);
        }
    }
}

/* The first two numbers with a stroke between, past colours. */
static bool read_count(const char *segment, long *current, long *target)
{
    for (const char *p = segment; *p; p++) {
        if (*p == '\033') {
            p += strcspn(p, "m");
        } else if (isdigit((unsigned char)*p) || *p == ' ') {
            return sscanf(p, "%ld/%ld", current, target) == 2;
        }
    }
    return false;
}

/* Draws what the segment shows, a little later each time. */
static void draw(cn__progress *bar, const char *segment, int verbose, int keras)
{
    long current, target;
    cn_logs logs = {0};
    if (!read_count(segment, &current, &target)) {
        return;
    }
    bool last = strchr(segment, '\n') != NULL;
    if (!bar->keras) {
        begin(bar, target, verbose, keras);
    }
    now += 0.1;
    read_values(segment, &logs);
    assert_int_equal(cn__progress_update(bar, current, &logs, last), 0);
    cn__logs_free(&logs);
    if (last) {
        cn__progress_end(bar);
    }
}

static void replay(const char *text, int verbose, int keras)
{
    cn__progress bar = {0};
    char *copy = strdup(text);
    /* A segment ends before a carriage return or behind a newline. */
    for (char *p = copy; *p;) {
        size_t length = strcspn(p, "\r\n");
        if (p[length] == '\n') {
            length++;
        }
        if (length == 0) {
            p++;
            continue;
        }
        char *segment = strndup(p, length);
        int epoch, epochs;
        if (sscanf(segment, "Epoch %d/%d", &epoch, &epochs) == 2) {
            cn__progress_epoch(keras, verbose, epoch - 1, epochs);
        } else {
            draw(&bar, segment, verbose, keras);
        }
        free(segment);
        p += length;
    }
    free(copy);
    cn__progress_end(&bar);
}

static void golden_texts(void **state)
{
    static const char *const models[] = {"mlp", "kerascnn", "multi_io"};
    static const char *const files[] = {"fit_verbose1",
                                        "fit_verbose1_terminal",
                                        "fit_verbose1_validation",
                                        "fit_verbose2",
                                        "fit_verbose2_validation",
                                        "evaluate_verbose1",
                                        "evaluate_verbose1_terminal",
                                        "evaluate_verbose2",
                                        "predict_verbose1"};
    int n = 0, missing = 0;
    (void)state;
    cn_set_output(catch_text, NULL);
    for (int i = 0; i < 3 * 9 * 2; i++) {
        char name[128];
        bool three = i % 2;
        const char *file = files[i / 2 % 9];
        snprintf(name, sizeof name, "golden/text/%s_k%d.%s.txt", models[i / 18], three ? 3 : 2,
                 file);
        char *want = golden_text(name);
        if (!want) {
            missing++;
            continue;
        }
        printed[0] = 0;
        replay(want, strstr(file, "verbose2") ? 2 : 1, three ? 315 : 221);
        char *a = plain(printed), *b = plain(want);
        if (strcmp(a, b) != 0) {
            fail_msg("%s: printed\n%s\nKeras prints\n%s", name, a, b);
        }
        n++;
        free(a);
        free(b);
        free(want);
    }
    cn_set_output(NULL, NULL);
    printf("%d texts\n", n);
    if (missing) {
        printf("skipped: %d\n", missing);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bar_of_keras2),
        cmocka_unit_test(lines_of_keras23),
        cmocka_unit_test(silence_and_unread_logs),
#if CN_TEST_HAVE_JANSSON
        cmocka_unit_test(golden_texts),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
