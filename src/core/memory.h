/* The replaceable allocator, aligned blocks, and sizes that are checked before they are multiplied.
 */
#ifndef CN_CORE_MEMORY_H
#define CN_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL and CN_ENOMEM on failure. Zero bytes gives a pointer that can be freed. */
void *cn__malloc(size_t bytes);
void *cn__calloc(size_t count, size_t bytes);
void *cn__realloc(void *pointer, size_t bytes);
void cn__free_mem(void *pointer);
char *cn__strdup(const char *text);
char *cn__strndup(const char *text, size_t length);
char *cn__printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* 64-byte aligned, from the same allocator. */
void *cn__malloc_aligned(size_t bytes);
void cn__free_aligned(void *pointer);
/* Grows an array to hold at least `count` items of `bytes`, doubling *capacity; 0 or CN_ENOMEM. */
int cn__grow(void **array, int64_t *capacity, int64_t count, size_t bytes);
/* *product = a * b; false if it would overflow or an operand is negative. */
bool cn__mul_size(int64_t a, int64_t b, int64_t *product);
bool cn__add_size(int64_t a, int64_t b, int64_t *sum);

/* A string that grows. Errors are sticky: `failed` is set and the rest does nothing. */
typedef struct cn__text {
    char *data;
    size_t length, capacity;
    bool failed;
} cn__text;
void cn__text_add(cn__text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cn__text_append(cn__text *text, const char *data, size_t length);
void cn__text_pad(cn__text *text, char c, int64_t count);
/* The string (caller frees with cn__free_mem), or NULL and CN_ENOMEM. */
char *cn__text_take(cn__text *text);
void cn__text_free(cn__text *text);

#endif
