/* The one way out for what Keras itself prints, which a program can turn aside. */
#include "utils/print.h"

#include "core/error.h"
#include "core/memory.h"

#include <cornu/callbacks.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink)(const char *text, void *user);
static void *sink_user;

int cn_set_output(void (*write)(const char *text, void *user), void *user)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    pthread_mutex_lock(&lock);
    sink = write;
    sink_user = user;
    pthread_mutex_unlock(&lock);
    return 0;
}

void cn__print(const char *text)
{
    pthread_mutex_lock(&lock);
    void (*write)(const char *, void *) = sink;
    void *user = sink_user;
    pthread_mutex_unlock(&lock);
    if (write) {
        write(text, user);
    } else {
        fputs(text, stdout);
        fflush(stdout);
    }
}

int cn__print_format(const char *format, ...)
{
    char small[512], *text = small;
    va_list list;
    va_start(list, format);
    int n = vsnprintf(small, sizeof small, format, list);
    va_end(list);
    if (n >= (int)sizeof small) {
        text = cn__malloc((size_t)n + 1);
        if (!text) {
            return CN_ENOMEM;
        }
        va_start(list, format);
        vsnprintf(text, (size_t)n + 1, format, list);
        va_end(list);
    }
    cn__print(text);
    if (text != small) {
        cn__free_mem(text);
    }
    return 0;
}

bool cn__output_is_terminal(void)
{
    pthread_mutex_lock(&lock);
    bool own = !sink;
    pthread_mutex_unlock(&lock);
    return own && isatty(STDOUT_FILENO);
}
