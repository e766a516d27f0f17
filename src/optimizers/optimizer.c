/* Optimizers as objects: making them, their variables, the learning rate. */
#include "optimizers/optimizer.h"

#include "utils/config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

extern const cn_optimizer_class cn__optimizer_muon;

static int count_set(double a, double b, double c)
{
    return !isnan(a) + !isnan(b) + !isnan(c);
}

static int check_clipping(const cn_optimizer *self, const cn_optimizer_args *a)
{
    if (cn__is_keras3(self->base.keras)) {
        if (count_set(a->clipnorm, a->clipvalue, a->global_clipnorm) > 1) {
            return cn__fail(CN_EVALUE,
                            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                            "Received: clipnorm=%g, clipvalue=%g, global_clipnorm=%g",
                            a->clipnorm, a->clipvalue, a->global_clipnorm);
        }
    } else if (!isnan(a->clipnorm) && !isnan(a->global_clipnorm)) {
        return cn__fail(CN_EVALUE,
                        "At most one of `clipnorm` and `global_clipnorm` can be set. Received: "
                        "clipnorm=%g, global_clipnorm=%g.",
                        a->clipnorm, a->global_clipnorm);
    }
    return 0;
}

static int check_arguments(const cn_optimizer *self, const cn_optimizer_args *a)
{
    if (a->gradient_accumulation_steps != CN_NONE && a->gradient_accumulation_steps != 0 &&
        a->gradient_accumulation_steps < 2) {
        return cn__fail(CN_EVALUE,
                        "`gradient_accumulation_steps` must be an integer >= 2. Received: "
                        "gradient_accumulation_steps=%" PRId64,
                        a->gradient_accumulation_steps);
    }
    if (a->use_ema && !(a->ema_momentum >= 0 && a->ema_momentum <= 1)) {
        return cn__fail(CN_EVALUE,
                        "`ema_momentum` must be in the range [0, 1]. Received: ema_momentum=%g",
                        a->ema_momentum);
    }
    if (a->use_ema && a->ema_overwrite_frequency != CN_NONE && a->ema_overwrite_frequency < 0) {
        return cn__fail(CN_EVALUE,
                        "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
                        "ema_overwrite_frequency=%" PRId64,
                        a->ema_overwrite_frequency);
    }
    if (a->decay != 0 && !self->legacy && !cn__is_keras3(self->base.keras)) {
        return cn__fail(CN_EVALUE,
                        "decay is deprecated in the new TF-Keras optimizer, please check the "
                        "docstring for valid arguments, or use the legacy optimizer, e.g., "
                        "tf.keras.optimizers.legacy.%s.",
                        self->base.class->name);
    }
    return check_clipping(self, a);
}

static cn_tensor *own_scalar(const cn_optimizer *self, const char *word, cn_dtype dtype,
                             double value)
{
    bool keras3 = cn__is_keras3(self->base.keras);
    cn__text name = {0};
    if (keras3 || self->legacy) {
        cn__text_add(&name, "%s/", self->base.name);
    }
    cn__text_add(&name, keras3 ? "%s" : "%s:0", word);
    char *text = cn__text_take(&name);
    cn_tensor *t = text ? cn__variable_new(text, dtype, &(cn_shape){0}, false) : NULL;
    cn__free_mem(text);
    if (t) {
        cn__write(dtype, t->data, 0, value);
    }
    return t;
}

void cn__optimizer_default_rate(cn_optimizer *self, double rate, double old)
{
    cn_optimizer_args *a = cn__optimizer_head(self);
    if (isnan(a->learning_rate)) {
        a->learning_rate = cn__is_multi_backend(self->base.keras) ? old : rate;
    }
}

static int init_optimizer(void *instance)
{
    cn_optimizer *self = instance;
    const cn_optimizer_class *class = cn__optimizer_class(self);
    cn_optimizer_args *a = cn__optimizer_head(self);
    self->legacy = a->legacy || self->base.keras < 211;
    int code = check_arguments(self, a);
    if (code == 0 && class->check) {
        code = class->check(self);
    }
    if (code < 0) {
        return code;
    }
    self->schedule = cn__ref((void *)(uintptr_t)a->learning_rate_schedule);
    self->iterations = own_scalar(self, self->legacy ? "iter" : "iteration", CN_INT64, 0);
    double rate = self->schedule ? cn_schedule_value(self->schedule, 0) : a->learning_rate;
    self->learning_rate = own_scalar(self, "learning_rate", CN_FLOAT32, rate);
    if (class->scalar_name) {
        const char *word = self->legacy ? "momentum_cache" : class->scalar_name;
        self->scalar = own_scalar(self, word, CN_FLOAT32, 1);
    }
    return cn__pending() ? cn_error_code() : 0;
}

static void free_tensors(cn_tensor **t, int64_t n)
{
    for (int64_t i = 0; t && i < n; i++) {
        cn__unref(t[i]);
    }
    cn__free_mem(t);
}

static void destroy_optimizer(void *instance)
{
    cn_optimizer *self = instance;
    cn__unref(self->iterations);
    cn__unref(self->learning_rate);
    cn__unref(self->schedule);
    cn__unref(self->scalar);
    free_tensors(self->slots, self->n_variables * cn__optimizer_class(self)->n_slots);
    free_tensors(self->averages, self->n_variables);
    free_tensors(self->accumulators, self->n_variables);
    free_tensors(self->variables, self->n_variables);
    free_tensors(self->excluded, self->n_excluded);
    for (int i = 0; i < self->n_excluded_names; i++) {
        cn__free_mem(self->excluded_names[i]);
    }
    cn__free_mem(self->excluded_names);
}

#if CN__HAVE_JANSSON
/* Muon's words between commas as a list. */
static json_t *excluded_layers(const cn_optimizer *self)
{
    const char *text = ((const cn_optimizer_muon_args *)self->base.args)->exclude_layers;
    json_t *list = json_array();
    while (list && text && *text) {
        size_t length = strcspn(text, ",");
        if (length && json_array_append_new(list, json_stringn(text, length)) < 0) {
            json_decref(list);
            return NULL;
        }
        text += length + (text[length] == ',');
    }
    return list;
}

/* Legacy optimizers kept most hyper-parameters as float32 variables, and wrote fewer of them. */
static int write_legacy(const cn_optimizer *self, json_t *config)
{
    static const char *const newer[] = {"weight_decay", "use_ema", "ema_momentum",
                                        "ema_overwrite_frequency", NULL};
    static const char *const clips[] = {"clipnorm", "global_clipnorm", "clipvalue", NULL};
    static const char *const rounded[] = {"momentum",
                                          "rho",
                                          "beta_1",
                                          "beta_2",
                                          "learning_rate_power",
                                          "l1_regularization_strength",
                                          "l2_regularization_strength",
                                          "beta",
                                          NULL};
    for (int i = 0; newer[i]; i++) {
        json_object_del(config, newer[i]);
    }
    for (int i = 0; clips[i]; i++) {
        if (json_is_null(json_object_get(config, clips[i]))) {
            json_object_del(config, clips[i]);
        }
    }
    int code = cn__json_set(config, "decay", json_real(cn__optimizer_head(self)->decay));
    for (int i = 0; code == 0 && rounded[i]; i++) {
        const json_t *value = json_object_get(config, rounded[i]);
        if (json_is_number(value)) {
            code = cn__json_set(config, rounded[i], json_real((float)json_number_value(value)));
        }
    }
    return code;
}

/* The schedule in place of the number, and what the generations write besides. */
static int write_config(const void *instance, int dialect, void *config)
{
    const cn_optimizer *self = instance;
    int code = 0;
    if (self->schedule) {
        json_t *schedule = cn__serialize(self->schedule, (cn__dialect)dialect);
        code = schedule ? cn__json_set(config, "learning_rate", schedule) : cn_error_code();
    }
    if (code == 0 && self->base.class == &cn__optimizer_muon.base) {
        code = cn__json_set(config, "exclude_layers", excluded_layers(self));
    }
    if (code < 0 || dialect != CN__DIALECT_KERAS2) {
        return code;
    }
    if (self->legacy) {
        return write_legacy(self, config);
    }
    code = cn__json_set(config, "jit_compile", json_false());
    return code < 0 ? code : cn__json_set(config, "is_legacy_optimizer", json_false());
}
/* Muon's list as words between commas. The text is copied when the optimizer is made of its
 * arguments, which is before this thread reads another one. */
static int read_key(const cn_class *class, const char *key, const void *value, void *args)
{
    static _Thread_local char text[1024];
    if (class != &cn__optimizer_muon.base || strcmp(key, "exclude_layers") != 0) {
        return 0;
    }
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        int n = word && at < sizeof text
                    ? snprintf(text + at, sizeof text - at, "%s%s", at ? "," : "", word)
                    : -1;
        at += n < 0 ? sizeof text : (size_t)n;
        if (at >= sizeof text || strchr(word, ',')) {
            return cn__fail(CN_EVALUE, "Muon: `exclude_layers` should be a list of words without "
                                       "commas, of less than 1024 characters in all");
        }
    }
    ((cn_optimizer_muon_args *)args)->exclude_layers = at ? text : NULL;
    return 1;
}
#define WRITE_CONFIG write_config
#define READ_KEY read_key
#else
#define WRITE_CONFIG NULL
#define READ_KEY NULL
#endif

const cn__kind_info cn__kind_optimizer = {.type = {CN__OPTIMIZER, "optimizer", NULL},
                                          .bytes = sizeof(cn_optimizer),
                                          .module = "keras.optimizers",
                                          .init = init_optimizer,
                                          .destroy = destroy_optimizer,
                                          .write_config = WRITE_CONFIG,
                                          .read_key = READ_KEY};

cn_optimizer *cn_optimizer_new(const cn_optimizer_class *cls, const void *args)
{
    if (!cls) {
        cn__fail(CN_EVALUE, "cn_optimizer_new: the class is NULL");
        return NULL;
    }
    return cn__create(CN__OPTIMIZER, &cls->base, args);
}

const void *cn_optimizer_arguments(const cn_optimizer *optimizer)
{
    return cn__expect(optimizer, CN__OPTIMIZER, "cn_optimizer_arguments") < 0
               ? NULL
               : optimizer->base.args;
}

const char *cn_optimizer_name(const cn_optimizer *optimizer)
{
    return cn__expect(optimizer, CN__OPTIMIZER, "cn_optimizer_name") < 0 ? NULL
                                                                         : optimizer->base.name;
}

int cn_register_optimizer(const cn_optimizer_class *cls, const char *package)
{
    return cn__class_register(CN__OPTIMIZER, &cls->base, package);
}

cn_optimizer *cn_optimizer_get(cn_identifier identifier)
{
    if (cn__identifier_kind(identifier)) {
        return cn__expect(identifier, CN__OPTIMIZER, "optimizer") < 0
                   ? NULL
                   : (cn_optimizer *)(uintptr_t)identifier;
    }
    cn_optimizer *optimizer = cn__resolve(CN__OPTIMIZER, identifier, "optimizer");
    return optimizer ? cn__into_scope(optimizer) : NULL;
}

/* What Keras calls the slot of a variable: adam/dense_kernel_momentum, Adam/m/dense/kernel:0,
 * Adam/dense/kernel/m:0. */
static char *slot_name(const cn_optimizer *self, const cn_tensor *variable, const char *slot)
{
    const char *name = variable->variable->name ? variable->variable->name : "variable";
    char *bare = cn__strdup(name);
    if (!bare) {
        return NULL;
    }
    size_t length = strlen(bare);
    if (length > 2 && strcmp(bare + length - 2, ":0") == 0) {
        bare[length - 2] = 0;
    }
    char *text;
    if (cn__is_keras3(self->base.keras)) {
        for (char *c = bare; *c; c++) {
            *c = *c == '/' ? '_' : *c;
        }
        text = cn__printf("%s/%s_%s", self->base.name, bare, slot);
    } else if (self->legacy) {
        text = cn__printf("%s/%s/%s:0", self->base.name, bare, slot);
    } else {
        text = cn__printf("%s/%s/%s:0", self->base.name, slot, bare);
    }
    cn__free_mem(bare);
    return text;
}

/* A variable of the optimizer's, filled with `initial`, or with a copy of `variable` if that is
 * NaN. */
static cn_tensor *new_slot(const cn_optimizer *self, const cn_tensor *variable, const char *word,
                           const cn_shape *shape, double initial)
{
    char *name = slot_name(self, variable, word);
    /* Keras 3 keeps an integer scalar where Adafactor's factors would be of a vector. */
    cn_dtype dtype = shape->rank == 0 && variable->shape.rank > 0 ? CN_INT32 : variable->dtype;
    cn_tensor *t = name ? cn__variable_new(name, dtype, shape, false) : NULL;
    cn__free_mem(name);
    if (!t) {
        return NULL;
    }
    if (isnan(initial)) {
        const void *from = cn__data(variable);
        if (from) {
            memcpy(t->data, from, cn__bytes(t));
        }
    } else if (initial == 0) {
        memset(t->data, 0, cn__bytes(t));
    } else {
        for (int64_t i = 0, n = cn__size(t); i < n; i++) {
            cn__write(dtype, t->data, i, initial);
        }
    }
    return t;
}

static const char *slot_word(const cn_optimizer *self, int slot)
{
    const cn_optimizer_class *class = cn__optimizer_class(self);
    const char *const *words = cn__is_keras3(self->base.keras) ? class->slot_names
                               : self->legacy                  ? class->legacy_slot_names
                                                               : class->keras2_slot_names;
    return (words ? words : class->slot_names)[slot];
}

static int make_slots(cn_optimizer *self, int64_t i)
{
    const cn_optimizer_class *class = cn__optimizer_class(self);
    cn_tensor *variable = self->variables[i];
    for (int s = 0; s < class->n_slots; s++) {
        cn_shape shape = variable->shape;
        if (class->has_slot && !class->has_slot(self, s)) {
            continue;
        }
        int code = class->slot_shape ? class->slot_shape(self, s, variable, &shape) : 0;
        if (code < 0) {
            return code;
        }
        if (shape.rank < 0) {
            continue;
        }
        double initial = class->slot_initial ? class->slot_initial(self, s) : 0;
        cn_tensor *slot = new_slot(self, variable, slot_word(self, s), &shape, initial);
        if (!slot) {
            return cn_error_code();
        }
        self->slots[i * class->n_slots + s] = slot;
    }
    return 0;
}

/* What every optimizer may keep of a variable: its average and its summed gradients. */
static int make_extras(cn_optimizer *self, int64_t i)
{
    const cn_tensor *variable = self->variables[i];
    if (self->averages) {
        /* tf.keras begins with the weights, Keras 3 with nothing, since its first step gives it no
         * weight. */
        double initial = cn__is_keras3(self->base.keras) ? 0 : (double)NAN;
        self->averages[i] = new_slot(self, variable, "average", &variable->shape, initial);
    }
    if (self->accumulators) {
        self->accumulators[i] =
            new_slot(self, variable, "gradient_accumulator", &variable->shape, 0);
    }
    return cn__pending() ? cn_error_code() : 0;
}

static int build(cn_optimizer *self, int n, cn_tensor *const *variables)
{
    const cn_optimizer_args *a = cn__optimizer_head(self);
    int n_slots = cn__optimizer_class(self)->n_slots;
    size_t count = (size_t)n;
    bool accumulate = a->gradient_accumulation_steps != CN_NONE &&
                      a->gradient_accumulation_steps > 1 && cn__is_keras3(self->base.keras);
    self->variables = cn__calloc(count, sizeof(cn_tensor *));
    self->slots = cn__calloc(count * (size_t)n_slots, sizeof(cn_tensor *));
    self->averages = a->use_ema && !self->legacy ? cn__calloc(count, sizeof(cn_tensor *)) : NULL;
    self->accumulators = accumulate ? cn__calloc(count, sizeof(cn_tensor *)) : NULL;
    if (cn__pending()) {
        return cn_error_code();
    }
    self->n_variables = n;
    for (int i = 0; i < n; i++) {
        self->variables[i] = cn__ref(variables[i]);
    }
    for (int i = 0; i < n; i++) {
        int code = make_extras(self, i);
        code = code < 0 ? code : make_slots(self, i);
        if (code < 0) {
            return code;
        }
    }
    self->built = true;
    return 0;
}

int cn_optimizer_build(cn_optimizer *self, int n, cn_tensor *const *variables)
{
    if (cn__pending() || cn__expect(self, CN__OPTIMIZER, "cn_optimizer_build") < 0) {
        return cn_error_code();
    }
    if (self->built) {
        return 0;
    }
    for (int i = 0; i < n; i++) {
        if (!cn__check_tensor(variables[i], "cn_optimizer_build")) {
            return cn_error_code();
        }
        if (!variables[i]->variable) {
            return cn__fail(CN_ETYPE, "cn_optimizer_build: expected variables, got a tensor");
        }
    }
    int code = build(self, n, variables);
    if (code < 0) {
        int64_t made = self->n_variables;
        free_tensors(self->slots, made * cn__optimizer_class(self)->n_slots);
        free_tensors(self->averages, made);
        free_tensors(self->accumulators, made);
        free_tensors(self->variables, made);
        self->slots = self->averages = self->accumulators = self->variables = NULL;
        self->n_variables = 0;
    }
    return code;
}

bool cn_optimizer_built(const cn_optimizer *self)
{
    return cn__expect(self, CN__OPTIMIZER, "cn_optimizer_built") == 0 && self->built;
}

int cn_optimizer_exclude_from_weight_decay(cn_optimizer *self, int n_variables,
                                           cn_tensor *const *variables, int n_names,
                                           const char *const *names)
{
    if (cn__pending() ||
        cn__expect(self, CN__OPTIMIZER, "cn_optimizer_exclude_from_weight_decay") < 0) {
        return cn_error_code();
    }
    if (self->built) {
        return cn__fail(CN_ESTATE, "`exclude_from_weight_decay()` can only be configured before "
                                   "the optimizer is built.");
    }
    cn_tensor **kept = cn__calloc((size_t)(self->n_excluded + n_variables), sizeof *kept);
    char **words = cn__calloc((size_t)(self->n_excluded_names + n_names), sizeof *words);
    int code = kept && words ? 0 : CN_ENOMEM;
    int n = 0;
    while (code == 0 && n < n_names) {
        words[self->n_excluded_names + n] = cn__strdup(names[n]);
        code = words[self->n_excluded_names + n] ? 0 : CN_ENOMEM;
        n++;
    }
    if (code < 0) {
        while (n-- > 0) {
            cn__free_mem(words[self->n_excluded_names + n]);
        }
        cn__free_mem(kept);
        cn__free_mem(words);
        return code;
    }
    for (int i = 0; i < n_variables; i++) {
        kept[self->n_excluded + i] = cn__ref(variables[i]);
    }
    for (int i = 0; i < self->n_excluded; i++) {
        kept[i] = self->excluded[i];
    }
    for (int i = 0; i < self->n_excluded_names; i++) {
        words[i] = self->excluded_names[i];
    }
    cn__free_mem(self->excluded);
    cn__free_mem(self->excluded_names);
    self->excluded = kept;
    self->excluded_names = words;
    self->n_excluded += n_variables;
    self->n_excluded_names += n_names;
    return 0;
}

typedef struct listing {
    cn_tensor **out;
    int max, n;
} listing;

static void list_one(listing *list, cn_tensor *t)
{
    if (t && list->n < list->max && list->out) {
        list->out[list->n] = t;
    }
    list->n += t != NULL;
}

static void list_slots(const cn_optimizer *self, listing *list)
{
    const cn_optimizer_class *class = cn__optimizer_class(self);
    unsigned joined = self->legacy ? class->legacy_joined_slots : class->joined_slots;
    for (int first = 0, last; first < class->n_slots; first = last) {
        last = first + 1;
        while (last < class->n_slots && joined >> last & 1) {
            last++;
        }
        for (int64_t i = 0; i < self->n_variables; i++) {
            for (int s = first; s < last; s++) {
                list_one(list, self->slots[i * class->n_slots + s]);
            }
        }
    }
}

int cn_optimizer_variables(const cn_optimizer *self, cn_tensor **out, int max)
{
    if (cn__expect(self, CN__OPTIMIZER, "cn_optimizer_variables") < 0) {
        return cn_error_code();
    }
    bool keras3 = cn__is_keras3(self->base.keras);
    listing list = {out, max, 0};
    list_one(&list, self->iterations);
    if (keras3 && !self->schedule) {
        list_one(&list, self->learning_rate);
    }
    if (self->legacy && self->built) {
        list_one(&list, self->scalar);
    }
    for (int64_t i = 0; self->averages && i < self->n_variables; i++) {
        list_one(&list, self->averages[i]);
    }
    for (int64_t i = 0; self->accumulators && i < self->n_variables; i++) {
        list_one(&list, self->accumulators[i]);
    }
    list_slots(self, &list);
    if (keras3 && self->built) {
        list_one(&list, self->scalar);
    }
    return list.n;
}

cn_tensor *cn_optimizer_scalar(const cn_optimizer *self)
{
    return cn__expect(self, CN__OPTIMIZER, "cn_optimizer_scalar") < 0 ? NULL : self->scalar;
}

double cn_optimizer_learning_rate(const cn_optimizer *self)
{
    if (cn__expect(self, CN__OPTIMIZER, "cn_optimizer_learning_rate") < 0) {
        return NAN;
    }
    if (self->schedule && (cn__is_keras3(self->base.keras) || self->legacy)) {
        return cn_schedule_value(self->schedule, cn_optimizer_iterations(self));
    }
    const void *data = cn__data(self->learning_rate);
    return data ? cn__read(CN_FLOAT32, data, 0) : (double)NAN;
}

int cn_optimizer_set_learning_rate(cn_optimizer *self, double learning_rate)
{
    if (cn__pending() || cn__expect(self, CN__OPTIMIZER, "cn_optimizer_set_learning_rate") < 0) {
        return cn_error_code();
    }
    if (self->schedule) {
        return cn__fail(CN_ETYPE,
                        "This optimizer was created with a `LearningRateSchedule` object as its "
                        "`learning_rate` constructor argument, hence its learning rate is not "
                        "settable. If you need the learning rate to be settable, you should "
                        "instantiate the optimizer with a float `learning_rate` argument.");
    }
    void *data = cn__data_write(self->learning_rate);
    if (!data) {
        return cn_error_code();
    }
    cn__write(CN_FLOAT32, data, 0, learning_rate);
    cn__optimizer_head(self)->learning_rate = (float)learning_rate;
    return 0;
}

int64_t cn_optimizer_iterations(const cn_optimizer *self)
{
    if (cn__expect(self, CN__OPTIMIZER, "cn_optimizer_iterations") < 0) {
        return cn_error_code();
    }
    const void *data = cn__data(self->iterations);
    return data ? *(const int64_t *)data : CN_ESTATE;
}

cn_tensor *cn_optimizer_scale_loss(const cn_optimizer *self, cn_tensor *loss)
{
    if (cn__expect(self, CN__OPTIMIZER, "cn_optimizer_scale_loss") < 0) {
        return NULL;
    }
    double scale = cn__optimizer_head(self)->loss_scale_factor;
    return isnan(scale) || !cn__is_keras3(self->base.keras) ? loss : cn_multiply(loss, scale);
}
