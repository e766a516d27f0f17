/* Errors as values: the pending message of each thread. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fixed buffer, so that reporting "out of memory" needs none; long texts are cut. */
#define MESSAGE_BYTES 4096
static _Thread_local struct {
    int code;
    char text[MESSAGE_BYTES];
} pending;

bool cn__pending(void)
{
    return pending.code != 0;
}

const char *cn_error(void)
{
    return pending.code ? pending.text : NULL;
}

int cn_error_code(void)
{
    return pending.code;
}

void cn_error_clear(void)
{
    pending.code = 0;
    pending.text[0] = 0;
}

static int fail(int code, const char *format, va_list list)
{
    if (!pending.code) {
        pending.code = code < 0 ? code : CN_EVALUE;
        vsnprintf(pending.text, sizeof pending.text, format, list);
    }
    return pending.code;
}

int cn__fail(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int result = fail(code, format, list);
    va_end(list);
    return result;
}

int cn_fail(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int result = fail(code, format, list);
    va_end(list);
    return result;
}

int cn__no_memory(void)
{
    return cn__fail(CN_ENOMEM, "Out of memory");
}

void cn__fail_context(const char *format, ...)
{
    if (!pending.code) {
        return;
    }
    char words[512];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    size_t have = strlen(words), old = strlen(pending.text);
    if (have + 2 + old >= sizeof pending.text) {
        old = sizeof pending.text - have - 3;
    }
    memmove(pending.text + have + 2, pending.text, old);
    pending.text[have + 2 + old] = 0;
    memcpy(pending.text, words, have);
    memcpy(pending.text + have, ": ", 2);
}

cn__saved_error cn__error_save(void)
{
    cn__saved_error saved = {pending.code, NULL};
    if (pending.code) {
        /* Not through the replaceable allocator: an error being saved must not fail because memory
         * has run out there. */
        size_t n = strlen(pending.text) + 1;
        saved.text = malloc(n);
        if (saved.text) {
            memcpy(saved.text, pending.text, n);
        }
        cn_error_clear();
    }
    return saved;
}

void cn__error_restore(cn__saved_error saved)
{
    if (saved.code) {
        cn_error_clear();
        cn__fail(saved.code, "%s", saved.text ? saved.text : "Out of memory");
    }
    free(saved.text);
}
