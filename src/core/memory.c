/* The replaceable allocator, aligned blocks, checked sizes and growing strings. */
#include "core/memory.h"

#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void *default_resize(void *pointer, size_t bytes, void *user)
{
    (void)user;
    return realloc(pointer, bytes);
}

static void default_release(void *pointer, void *user)
{
    (void)user;
    free(pointer);
}

static cn_allocator allocator = {sizeof(cn_allocator), default_alloc, default_resize,
                                 default_release, NULL};

int cn_set_allocator(const cn_allocator *a)
{
    if (!a || a->size < sizeof *a || !a->alloc || !a->resize || !a->release) {
        return cn__fail(CN_EVALUE, "cn_set_allocator: expected a record with size, alloc, resize "
                                   "and release set");
    }
    allocator = *a;
    return 0;
}

void *cn__malloc(size_t bytes)
{
    void *p = allocator.alloc(bytes ? bytes : 1, allocator.user);
    if (!p) {
        cn__no_memory();
    }
    return p;
}

void *cn__calloc(size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes) {
        cn__no_memory();
        return NULL;
    }
    void *p = cn__malloc(count * bytes);
    if (p) {
        memset(p, 0, count * bytes);
    }
    return p;
}

void *cn__realloc(void *pointer, size_t bytes)
{
    void *p = pointer ? allocator.resize(pointer, bytes ? bytes : 1, allocator.user)
                      : allocator.alloc(bytes ? bytes : 1, allocator.user);
    if (!p) {
        cn__no_memory();
    }
    return p;
}

void cn__free_mem(void *pointer)
{
    if (pointer) {
        allocator.release(pointer, allocator.user);
    }
}

char *cn__strndup(const char *text, size_t length)
{
    char *copy = cn__malloc(length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}

char *cn__strdup(const char *text)
{
    return cn__strndup(text, strlen(text));
}

char *cn__printf(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = n < 0 ? NULL : cn__malloc((size_t)n + 1);
    if (text) {
        va_start(list, format);
        vsnprintf(text, (size_t)n + 1, format, list);
        va_end(list);
    }
    return text;
}

/* The block's own address is kept just before the aligned one. */
void *cn__malloc_aligned(size_t bytes)
{
    enum { ALIGN = 64 };
    if (bytes > SIZE_MAX - 2 * ALIGN) {
        cn__no_memory();
        return NULL;
    }
    char *block = cn__malloc(bytes + ALIGN + sizeof(void *));
    if (!block) {
        return NULL;
    }
    uintptr_t address = (uintptr_t)block + sizeof(void *) + ALIGN - 1;
    char *aligned = (char *)(address - address % ALIGN);
    memcpy(aligned - sizeof(void *), &block, sizeof block);
    return aligned;
}

void cn__free_aligned(void *pointer)
{
    if (pointer) {
        void *block;
        memcpy(&block, (char *)pointer - sizeof(void *), sizeof block);
        cn__free_mem(block);
    }
}

int cn__grow(void **array, int64_t *capacity, int64_t count, size_t bytes)
{
    if (count <= *capacity) {
        return 0;
    }
    int64_t want = *capacity < 8 ? 8 : *capacity, total;
    while (want < count) {
        if (!cn__mul_size(want, 2, &want)) {
            return cn__no_memory();
        }
    }
    if (!cn__mul_size(want, (int64_t)bytes, &total)) {
        return cn__no_memory();
    }
    void *grown = cn__realloc(*array, (size_t)total);
    if (!grown) {
        return CN_ENOMEM;
    }
    *array = grown;
    *capacity = want;
    return 0;
}

bool cn__mul_size(int64_t a, int64_t b, int64_t *product)
{
    if (a < 0 || b < 0 || (b && a > INT64_MAX / b)) {
        return false;
    }
    *product = a * b;
    return true;
}

bool cn__add_size(int64_t a, int64_t b, int64_t *sum)
{
    if (a < 0 || b < 0 || a > INT64_MAX - b) {
        return false;
    }
    *sum = a + b;
    return true;
}

static bool text_reserve(cn__text *text, size_t more)
{
    if (text->failed) {
        return false;
    }
    if (text->length + more + 1 > text->capacity) {
        size_t want = text->capacity ? text->capacity * 2 : 256;
        while (want < text->length + more + 1) {
            want *= 2;
        }
        char *grown = cn__realloc(text->data, want);
        if (!grown) {
            text->failed = true;
            return false;
        }
        text->data = grown;
        text->capacity = want;
    }
    return true;
}

void cn__text_append(cn__text *text, const char *data, size_t length)
{
    if (text_reserve(text, length)) {
        memcpy(text->data + text->length, data, length);
        text->length += length;
        text->data[text->length] = 0;
    }
}

void cn__text_pad(cn__text *text, char c, int64_t count)
{
    if (count > 0 && text_reserve(text, (size_t)count)) {
        memset(text->data + text->length, c, (size_t)count);
        text->length += (size_t)count;
        text->data[text->length] = 0;
    }
}

void cn__text_add(cn__text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (n >= 0 && text_reserve(text, (size_t)n)) {
        va_start(list, format);
        vsnprintf(text->data + text->length, (size_t)n + 1, format, list);
        va_end(list);
        text->length += (size_t)n;
    }
}

char *cn__text_take(cn__text *text)
{
    if (!text->failed && !text->data) {
        cn__text_append(text, "", 0);
    }
    char *data = text->data;
    if (text->failed) {
        cn__free_mem(data);
        data = NULL;
        cn__no_memory();
    }
    *text = (cn__text){0};
    return data;
}

void cn__text_free(cn__text *text)
{
    cn__free_mem(text->data);
    *text = (cn__text){0};
}
