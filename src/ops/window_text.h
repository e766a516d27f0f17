/* How numbers of windows are written in messages. */
#ifndef CN_OPS_WINDOW_TEXT_H
#define CN_OPS_WINDOW_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* "(2, 2)", as Python writes a tuple; "[2 2]", as numpy writes an array. At most three numbers;
 * returns `text` (64 bytes). */
char *cn__tuple_text(int n, const int64_t *v, char *text, size_t size);
char *cn__array_text(int n, const int64_t *v, char *text, size_t size);

#endif
