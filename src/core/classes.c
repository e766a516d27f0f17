/* The tables of built-in classes, the classes that programs register, and finding one by name. */
#include "core/classlist.h"
#include "core/error.h"
#include "core/format.h"
#include "core/instance.h"
#include "core/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
/* Core knows no kind's record but that it begins with a cn_class. */
#define XX(name) extern const struct cn_layer_class cn__layer_##name;
CN__LAYER_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_activation_class cn__activation_##name;
CN__ACTIVATION_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_initializer_class cn__initializer_##name;
CN__INITIALIZER_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_regularizer_class cn__regularizer_##name;
CN__REGULARIZER_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_constraint_class cn__constraint_##name;
CN__CONSTRAINT_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_schedule_class cn__schedule_##name;
CN__SCHEDULE_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_loss_class cn__loss_##name;
CN__LOSS_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_metric_class cn__metric_##name;
CN__METRIC_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_optimizer_class cn__optimizer_##name;
CN__OPTIMIZER_MAP(XX)
#undef XX
#define XX(name) extern const struct cn_callback_class cn__callback_##name;
CN__CALLBACK_MAP(XX)
#undef XX
#define XX(KIND, name) extern const cn__kind_info cn__kind_##name;
CN__KIND_MAP(XX)
#undef XX

#define XX(name) (const cn_class *)&cn__layer_##name,
static const cn_class *const layers[] = {CN__LAYER_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__activation_##name,
static const cn_class *const activations[] = {CN__ACTIVATION_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__initializer_##name,
static const cn_class *const initializers[] = {CN__INITIALIZER_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__regularizer_##name,
static const cn_class *const regularizers[] = {CN__REGULARIZER_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__constraint_##name,
static const cn_class *const constraints[] = {CN__CONSTRAINT_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__schedule_##name,
static const cn_class *const schedules[] = {CN__SCHEDULE_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__loss_##name,
static const cn_class *const losses[] = {CN__LOSS_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__metric_##name,
static const cn_class *const metrics[] = {CN__METRIC_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__optimizer_##name,
static const cn_class *const optimizers[] = {CN__OPTIMIZER_MAP(XX) NULL};
#undef XX
#define XX(name) (const cn_class *)&cn__callback_##name,
static const cn_class *const callbacks[] = {CN__CALLBACK_MAP(XX) NULL};
#undef XX
/* clang-format on */

typedef struct kind_record {
    const cn__kind_info *info;
    const cn_class *const *classes;
} kind_record;

static const kind_record kinds[32] = {
    [CN__LAYER] = {&cn__kind_layer, layers},
    [CN__ACTIVATION] = {&cn__kind_activation, activations},
    [CN__INITIALIZER] = {&cn__kind_initializer, initializers},
    [CN__REGULARIZER] = {&cn__kind_regularizer, regularizers},
    [CN__CONSTRAINT] = {&cn__kind_constraint, constraints},
    [CN__SCHEDULE] = {&cn__kind_schedule, schedules},
    [CN__LOSS] = {&cn__kind_loss, losses},
    [CN__METRIC] = {&cn__kind_metric, metrics},
    [CN__OPTIMIZER] = {&cn__kind_optimizer, optimizers},
    [CN__CALLBACK] = {&cn__kind_callback, callbacks},
};

const cn__kind_info *cn__kind_info_of(cn__kind kind)
{
    return (int)kind > 0 && kind < 32 ? kinds[kind].info : NULL;
}

extern const cn_field cn__layer_base_fields[], cn__loss_base_fields[], cn__metric_base_fields[],
    cn__optimizer_base_fields[];

const cn_field *cn__base_fields(cn__kind kind)
{
    static const cn_field none[] = {{0}};
    switch (kind) {
    case CN__LAYER:
    case CN__MODEL: return cn__layer_base_fields;
    case CN__LOSS: return cn__loss_base_fields;
    case CN__METRIC: return cn__metric_base_fields;
    case CN__OPTIMIZER: return cn__optimizer_base_fields;
    default: return none;
    }
}

/* A class that a program registered; newer ones come first, and a class that replaces another hides
 * it. */
typedef struct registered {
    struct registered *next;
    cn__kind kind;
    const cn_class *class;
    char package[];
} registered;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static registered *registry;

static void free_registry(void)
{
    while (registry) {
        registered *next = registry->next;
        cn__free_mem(registry);
        registry = next;
    }
}

int cn__class_register(cn__kind kind, const cn_class *class, const char *package)
{
    static bool at_exit;
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!class || !class->name || !*class->name || class->args_size < sizeof(size_t)) {
        return cn__fail(
            CN_EVALUE,
            "A %s class needs a name and, in `args_size`, the size of its argument struct",
            cn__kind_name(kind));
    }
    const char *words = package && *package ? package : "Custom";
    size_t bytes = strlen(words) + 1;
    registered *entry = cn__malloc(sizeof *entry + bytes);
    if (!entry) {
        return CN_ENOMEM;
    }
    entry->kind = kind;
    entry->class = class;
    memcpy(entry->package, words, bytes);
    pthread_mutex_lock(&registry_lock);
    if (!at_exit) {
        at_exit = true;
        atexit(free_registry);
    }
    entry->next = registry;
    registry = entry;
    pthread_mutex_unlock(&registry_lock);
    return 0;
}

const char *cn__class_package(const cn_class *class)
{
    pthread_mutex_lock(&registry_lock);
    const registered *entry = registry;
    while (entry && entry->class != class) {
        entry = entry->next;
    }
    pthread_mutex_unlock(&registry_lock);
    return entry ? entry->package : NULL;
}

static int count_built_in(cn__kind kind)
{
    int n = 0;
    while (kinds[kind].classes && kinds[kind].classes[n]) {
        n++;
    }
    return n;
}

const cn_class *cn__class_at(cn__kind kind, int index)
{
    int built_in = count_built_in(kind);
    if (index < built_in) {
        return index < 0 ? NULL : kinds[kind].classes[index];
    }
    pthread_mutex_lock(&registry_lock);
    const registered *entry = registry;
    for (int i = built_in; entry; entry = entry->next) {
        if (entry->kind == kind && i++ == index) {
            break;
        }
    }
    pthread_mutex_unlock(&registry_lock);
    return entry ? entry->class : NULL;
}

static bool is_alias(const char *aliases, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = aliases; at && *at;) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, name, length) == 0) {
            return true;
        }
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

static bool answers(const cn_class *class, cn__kind kind, const char *name)
{
    if (strcmp(class->name, name) == 0 || is_alias(class->aliases, name)) {
        return true;
    }
    /* Keras lowers the names of optimizers before it looks them up. */
    if (kind == CN__OPTIMIZER && strcasecmp(class->name, name) == 0) {
        return true;
    }
    char *snake = cn__snake_case(class->name);
    bool same = snake && strcmp(snake, name) == 0;
    cn__free_mem(snake);
    return same;
}

const cn_class *cn__class_find(cn__kind kind, const char *name)
{
    const char *mark = strchr(name, '>');
    const cn_class *found = NULL;
    pthread_mutex_lock(&registry_lock);
    for (const registered *entry = registry; entry && !found; entry = entry->next) {
        bool package = !mark || (strlen(entry->package) == (size_t)(mark - name) &&
                                 memcmp(entry->package, name, (size_t)(mark - name)) == 0);
        if (entry->kind == kind && package && answers(entry->class, kind, mark ? mark + 1 : name)) {
            found = entry->class;
        }
    }
    pthread_mutex_unlock(&registry_lock);
    for (int i = 0; !found && !mark && kinds[kind].classes && kinds[kind].classes[i]; i++) {
        if (answers(kinds[kind].classes[i], kind, name)) {
            found = kinds[kind].classes[i];
        }
    }
    return found;
}
