/* Errors as values: one pending message a thread. */
#ifndef CN_CORE_ERROR_H
#define CN_CORE_ERROR_H

#include <cornu/base.h>

/* Keeps the first error of this thread; returns `code` (negative). */
int cn__fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "<words>: " before the pending message, to say where it came from. */
void cn__fail_context(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cn__no_memory(void);
/* True while an error is pending: every public call checks it first and does nothing. */
bool cn__pending(void);
/* Takes the pending error away and gives it back later: for clean-up code that must run calls
 * meanwhile. */
typedef struct cn__saved_error {
    int code;
    char *text;
} cn__saved_error;
cn__saved_error cn__error_save(void);
void cn__error_restore(cn__saved_error saved);

#endif
