/* Identifiers: names, JSON and objects that stand for an activation, a loss, an optimizer …; and
 * the errors for those that do not. */
#include "core/error.h"
#include "core/instance.h"
#include "core/memory.h"

#include <string.h>

const char *cn__kind_words(cn__kind kind)
{
    return kind == CN__LOSS         ? "loss function"
           : kind == CN__METRIC     ? "metric function"
           : kind == CN__ACTIVATION ? "activation function"
                                    : cn__kind_name(kind);
}

int cn__unknown_name(cn__kind kind, const char *name)
{
    if (cn__is_keras3(cn__keras_version())) {
        return cn__fail(CN_EKEY, "Could not interpret %s identifier: %s",
                        kind == CN__ACTIVATION ? "activation function" : cn__kind_name(kind), name);
    }
    if (kind == CN__ACTIVATION) {
        return cn__fail(CN_EKEY, "Unknown activation function '%s' cannot be deserialized.", name);
    }
    return cn__fail(
        CN_EKEY,
        "Unknown %s: '%s'. Please ensure you are using a `keras.utils.custom_object_scope` and "
        "that "
        "this object is included in the scope. See "
        "https://www.tensorflow.org/guide/keras/save_and_serialize#registering_the_custom_object "
        "for details.",
        cn__kind_words(kind), name);
}

/* A name is at most 128 letters, digits, underscores, points and ">", so that a pointer to
 * something else is noticed. */
static bool is_name(const char *text)
{
    int n = 0;
    for (; n <= 128 && text[n]; n++) {
        char c = text[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '>') {
            return false;
        }
    }
    return n > 0 && n <= 128;
}

static void wrong_name(cn__kind kind, const char *what)
{
    const char *word = cn__kind_name(kind);
    bool is_function = kind == CN__LOSS || kind == CN__METRIC || kind == CN__ACTIVATION ||
                       kind == CN__INITIALIZER || kind == CN__REGULARIZER || kind == CN__CONSTRAINT;
    cn__fail(CN_ETYPE,
             "%s: expected a%s %s's name (at most 128 letters, digits and underscores), JSON or an "
             "object%s%s%s",
             what ? what : word, strchr("aeiou", word[0]) ? "n" : "", word,
             is_function ? ". A function of your own is wrapped by cn_" : "",
             is_function ? word : "", is_function ? "_from()" : "");
}

static void *resolve_name(cn__kind kind, const char *name, const char *what)
{
    if (!is_name(name)) {
        wrong_name(kind, what);
        return NULL;
    }
    const char *point = strrchr(name, '.');
    const cn_class *class = cn__class_find(kind, point ? point + 1 : name);
    if (!class) {
        if (!cn__pending()) {
            cn__unknown_name(kind, name);
        }
        return NULL;
    }
    const cn__kind_info *info = cn__kind_info_of(kind);
    const void *args = info && info->named_args ? info->named_args(class, name) : NULL;
    return cn__create(kind, class, args);
}

void *cn__resolve(cn__kind kind, cn_identifier identifier, const char *what)
{
    if (cn__pending() || !identifier) {
        return NULL;
    }
    int got = cn__identifier_kind(identifier);
    if (got) {
        /* Keras takes a layer for an activation: Dense(8, activation=LeakyReLU()). */
        bool fits = got == (int)kind || (kind == CN__ACTIVATION && got == CN__LAYER) ||
                    (kind == CN__LAYER && got == CN__MODEL);
        if (!fits) {
            cn__expect(identifier, kind, what ? what : cn__kind_name(kind));
            return NULL;
        }
        return cn__ref((void *)(uintptr_t)identifier);
    }
    const char *text = identifier;
    void *object = *text == '{' ? cn__deserialize_text(kind, text) : resolve_name(kind, text, what);
    /* What was made belongs to the scope; the caller gets a reference in no scope. */
    cn__ref(object);
    cn_free(object);
    return object;
}
