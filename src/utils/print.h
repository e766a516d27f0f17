/* The one way out for what Keras itself prints. */
#ifndef CN_UTILS_PRINT_H
#define CN_UTILS_PRINT_H

#include <stdbool.h>

/* Writes the text as it is and flushes, to standard output or to where cn_set_output says. */
void cn__print(const char *text);
/* The same for formatted text; CN_ENOMEM if that needs memory and there is none. */
int cn__print_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether a person sees it: standard output, and that is a terminal. */
bool cn__output_is_terminal(void);

#endif
