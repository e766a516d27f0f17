/* JSON text as Python's json module writes it, and reading it with errors that say where. */
#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"
#include "utils/config.h"

#if CN__HAVE_JANSSON
#include <string.h>

enum { MAX_DEPTH = 512 };

/* The code point at *at, which moves on; bytes that are not UTF-8 count as themselves. */
static unsigned next_code_point(const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    unsigned code = more == 3 ? s[0] & 7U : more == 2 ? s[0] & 15U : more ? s[0] & 31U : s[0];
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0U) != 0x80U) {
            *at += i;
            return code;
        }
        code = code << 6 | (s[i] & 63U);
    }
    *at += more + 1;
    return code;
}

static void dump_string(cn__text *out, const char *text)
{
    static const char controls[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    cn__text_append(out, "\"", 1);
    while (*text) {
        const char *mark = strchr(controls, *text);
        if (mark) {
            cn__text_add(out, "\\%c", letters[mark - controls]);
            text++;
            continue;
        }
        unsigned code = next_code_point(&text);
        if (code >= 0x10000) {
            cn__text_add(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                         0xdc00 + ((code - 0x10000) & 0x3ff));
        } else if (code < 0x20 || code > 0x7e) {
            cn__text_add(out, "\\u%04x", code);
        } else {
            cn__text_add(out, "%c", (char)code);
        }
    }
    cn__text_append(out, "\"", 1);
}

static void dump(cn__text *out, const json_t *value, int depth);

static void dump_array(cn__text *out, const json_t *value, int depth)
{
    cn__text_append(out, "[", 1);
    for (size_t i = 0; i < json_array_size(value); i++) {
        cn__text_add(out, "%s", i ? ", " : "");
        dump(out, json_array_get(value, i), depth + 1);
    }
    cn__text_append(out, "]", 1);
}

static void dump_object(cn__text *out, const json_t *value, int depth)
{
    const char *key;
    json_t *item, *object = (json_t *)(uintptr_t)value;
    bool first = true;
    cn__text_append(out, "{", 1);
    json_object_foreach(object, key, item)
    {
        cn__text_add(out, "%s", first ? "" : ", ");
        dump_string(out, key);
        cn__text_append(out, ": ", 2);
        dump(out, item, depth + 1);
        first = false;
    }
    cn__text_append(out, "}", 1);
}

static void dump(cn__text *out, const json_t *value, int depth)
{
    char number[40];
    if (depth > MAX_DEPTH) {
        cn__fail(CN_EVALUE, "A config is nested more than %d levels deep", MAX_DEPTH);
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: dump_object(out, value, depth); break;
    case JSON_ARRAY: dump_array(out, value, depth); break;
    case JSON_STRING: dump_string(out, json_string_value(value)); break;
    case JSON_INTEGER: cn__text_add(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL:
        cn__text_add(out, "%s", cn__format_double(json_real_value(value), number, sizeof number));
        break;
    case JSON_TRUE: cn__text_append(out, "true", 4); break;
    case JSON_FALSE: cn__text_append(out, "false", 5); break;
    default: cn__text_append(out, "null", 4); break;
    }
}

char *cn__json_dumps(const json_t *value)
{
    cn__text text = {0};
    if (!value || cn__pending()) {
        return NULL;
    }
    dump(&text, value, 0);
    if (cn__pending()) {
        cn__text_free(&text);
        return NULL;
    }
    return cn__text_take(&text);
}

json_t *cn__json_loads(const char *text, size_t length, const char *what)
{
    if (cn__pending()) {
        return NULL;
    }
    if (length > (size_t)1 << 28) {
        cn__fail(CN_EFORMAT, "%s: JSON of %zu bytes is longer than the 256 MiB that are read", what,
                 length);
        return NULL;
    }
    json_error_t error;
    /* The code of a Lambda has zeros in its text; no text that is read here goes on behind one. */
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *value = json_loadb(text, length, flags, &error);
    if (!value) {
        cn__fail(CN_EFORMAT, "%s: line %d column %d: %s", what, error.line, error.column,
                 error.text);
    }
    return value;
}

int cn__json_set(json_t *object, const char *key, json_t *value)
{
    if (!value) {
        return cn__pending() ? cn_error_code() : cn__no_memory();
    }
    return json_object_set_new(object, key, value) < 0 ? cn__no_memory() : 0;
}

int cn__json_append(json_t *array, json_t *value)
{
    if (!value) {
        return cn__pending() ? cn_error_code() : cn__no_memory();
    }
    return json_array_append_new(array, value) < 0 ? cn__no_memory() : 0;
}

json_t *cn__json_lengths(int n, const int64_t *lengths)
{
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++) {
        json_t *length = lengths[i] < 0 ? json_null() : json_integer(lengths[i]);
        if (json_array_append_new(list, length) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *cn__json_shape(const cn_shape *shape)
{
    return cn__json_lengths(shape->rank, shape->dim);
}
#else
/* Without jansson this file is empty but for this name, since C wants a declaration in each. */
typedef int cn__no_json;
#endif
