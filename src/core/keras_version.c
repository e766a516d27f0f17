/* Which Keras objects follow, automatic names, and the constants of keras.config. */
#include "core/error.h"
#include "core/format.h"
#include "core/instance.h"
#include "core/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_KERAS = 221, NEWEST_KERAS2 = 221, NEWEST_KERAS3 = 315 };

static atomic_int current = DEFAULT_KERAS;
/* While this thread reads a file, that file's version; else 0. */
static _Thread_local int reading;
static atomic_bool channels_first;

/* Reads up to three numbers between points; returns how many, or 0 if the text goes on after them.
 */
static int read_numbers(const char *text, long number[3], const char **rest)
{
    int n = 0;
    while (n < 3 && *text >= '0' && *text <= '9') {
        char *end;
        number[n++] = strtol(text, &end, 10);
        text = end;
        if (*text != '.') {
            break;
        }
        text++;
    }
    *rest = text;
    return n;
}

int cn__keras_number(const char *text)
{
    long v[3] = {0};
    const char *rest;
    int n = text ? read_numbers(text, v, &rest) : 0;
    bool tf = n && strcmp(rest, "-tf") == 0;
    if (!n || v[1] > 99 || (*rest && !tf)) {
        return 0;
    }
    if (tf) {
        /* TensorFlow's own copy kept the number of the Keras that it followed. */
        return v[1] >= 3 ? 202 : 201;
    }
    if (v[0] == 1) {
        return 100 + (int)v[1];
    }
    if (v[0] == 2) {
        if (n == 1) {
            return NEWEST_KERAS2;
        }
        /* With its third number "2.2.4" is a version of multi-backend Keras; tf.keras 2.2 never
         * wrote one. */
        return (int)(v[1] < 3 && (n == 3 || v[1] == 0) ? 190 + v[1] : 200 + v[1]);
    }
    if (v[0] == 3) {
        return n == 1 ? NEWEST_KERAS3 : 300 + (int)v[1];
    }
    return 0;
}

const char *cn__keras_text(int keras)
{
    static const char *const known[][2] = {
        {"101", "1.1.2"},    {"102", "1.2.2"}, {"190", "2.0.9"},
        {"191", "2.1.6"},    {"192", "2.2.4"}, {"201", "2.2.4-tf"},
        {"202", "2.3.0-tf"}, {"203", "2.3.1"}, {"315", "3.15.1"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (atoi(known[i][0]) == keras) {
            return known[i][1];
        }
    }
    static _Thread_local char text[32];
    int major = keras / 100, minor = keras % 100;
    text[0] = (char)('0' + major);
    text[1] = '.';
    char *at = text + 2;
    if (minor > 9) {
        *at++ = (char)('0' + minor / 10);
    }
    *at++ = (char)('0' + minor % 10);
    memcpy(at, ".0", 3);
    return text;
}

int cn__keras_version(void)
{
    return reading ? reading : current;
}

int cn__set_keras_version(int keras)
{
    int old = reading;
    reading = keras;
    return old;
}

int cn_set_keras(const char *version)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    int keras = cn__keras_number(version);
    if (!keras || keras > NEWEST_KERAS3 || (keras < 300 && keras > NEWEST_KERAS2)) {
        return cn__fail(CN_EVALUE,
                        "cn_set_keras: expected \"2.3\", \"2.1\" to \"2.21\" or \"3.0\" to "
                        "\"3.15\", got \"%s\"",
                        version ? version : "NULL");
    }
    current = keras;
    return 0;
}

const char *cn_keras(void)
{
    return cn__keras_text(current);
}

const char *cn_image_data_format(void)
{
    return channels_first ? "channels_first" : "channels_last";
}

int cn_set_image_data_format(const char *format)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    bool first = format && strcmp(format, "channels_first") == 0;
    if (!first && (!format || strcmp(format, "channels_last") != 0)) {
        return cn__fail(
            CN_EVALUE,
            "The `data_format` argument must be one of \"channels_first\", \"channels_last\". "
            "Received: %s",
            format ? format : "None");
    }
    channels_first = first;
    return 0;
}

double cn_epsilon(void)
{
    return 1e-7;
}

const char *cn_version(void)
{
    return CN_VERSION;
}

/* How often each base name was given out; a short list, for a program has few kinds of layers. */
typedef struct counter {
    struct counter *next;
    int64_t count;
    char name[];
} counter;

static pthread_mutex_t counters_lock = PTHREAD_MUTEX_INITIALIZER;
static counter *counters;

static void free_counters(void)
{
    while (counters) {
        counter *next = counters->next;
        cn__free_mem(counters);
        counters = next;
    }
}

/* The next number of the name, from 1; 0 and an error if memory ends. */
static int64_t count_name(const char *base)
{
    static bool registered;
    pthread_mutex_lock(&counters_lock);
    counter *c = counters;
    while (c && strcmp(c->name, base) != 0) {
        c = c->next;
    }
    if (!c) {
        size_t bytes = strlen(base) + 1;
        c = cn__malloc(sizeof *c + bytes);
        if (c) {
            memcpy(c->name, base, bytes);
            c->count = 0;
            c->next = counters;
            counters = c;
            if (!registered) {
                registered = true;
                atexit(free_counters);
            }
        }
    }
    int64_t count = c ? ++c->count : 0;
    pthread_mutex_unlock(&counters_lock);
    return count;
}

char *cn__unique_name(const char *base, int keras)
{
    int64_t count = count_name(base);
    if (!count) {
        return NULL;
    }
    if (cn__is_multi_backend(keras) || strcmp(base, "input") == 0) {
        return cn__printf("%s_%lld", base, (long long)count);
    }
    return count == 1 ? cn__strdup(base) : cn__printf("%s_%lld", base, (long long)count - 1);
}

void cn_clear_session(void)
{
    pthread_mutex_lock(&counters_lock);
    free_counters();
    pthread_mutex_unlock(&counters_lock);
}
