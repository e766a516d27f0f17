/* Tensors: storage, views, variables, reading and writing elements. */
#include "core/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static atomic_uint_least64_t next_id = 1;

static void storage_unref(cn__storage *storage)
{
    if (storage && atomic_fetch_sub_explicit(&storage->refs, 1, memory_order_acq_rel) == 1) {
        if (storage->release) {
            storage->release(storage->user);
        }
        if (!storage->foreign) {
            cn__free_aligned(storage->data);
        }
        cn__free_mem(storage);
    }
}

static cn__storage *storage_new(size_t bytes)
{
    cn__storage *storage = cn__calloc(1, sizeof *storage);
    if (storage) {
        atomic_init(&storage->refs, 1);
        storage->bytes = bytes;
        /* Vector kernels may read, never write, up to one vector past the end of an array. */
        storage->data = cn__malloc_aligned(bytes + 64);
        if (!storage->data) {
            cn__free_mem(storage);
            return NULL;
        }
    }
    return storage;
}

static void destroy_variable(cn__variable *variable)
{
    cn__free_mem(variable->name);
    cn__free_aligned(variable->packed);
    cn__unref((void *)(uintptr_t)variable->regularizer);
    cn__unref((void *)(uintptr_t)variable->constraint);
    cn__free_mem(variable);
}

static void destroy_tensor(void *object)
{
    cn_tensor *t = object;
    storage_unref(t->storage);
    cn__node_unref(t->node);
    cn__unref(t->mask);
    cn__unref(t->keras_history);
    if (t->variable) {
        destroy_variable(t->variable);
    }
    cn__free_mem(t->name);
}

static const cn__object_type tensor_type = {CN__TENSOR, "tensor", destroy_tensor};

static cn_tensor *handle(cn_dtype dtype, const cn_shape *shape, bool owned)
{
    cn_tensor *t = owned ? cn__object_new_owned(&tensor_type, sizeof *t)
                         : cn__object_new(&tensor_type, sizeof *t);
    if (t) {
        t->dtype = dtype;
        t->shape = *shape;
        t->id = next_id++;
    }
    return t;
}

/* The bytes that a shape takes; negative and an error if it has unknown lengths or overflows. */
static int64_t shape_bytes(cn_dtype dtype, const cn_shape *shape)
{
    int64_t size = cn__shape_size(shape), bytes;
    if (size == -1) {
        char text[256];
        return cn__fail(CN_EVALUE, "A tensor needs a known shape, got %s",
                        cn__shape_text(shape, text, sizeof text));
    }
    if (size < 0) {
        return size;
    }
    if (!cn__mul_size(size, (int64_t)cn_dtype_size(dtype), &bytes) || bytes > PTRDIFF_MAX - 4096) {
        return cn__no_memory();
    }
    return bytes;
}

static cn_tensor *allocate(cn_dtype dtype, const cn_shape *shape, bool owned)
{
    int64_t bytes = shape_bytes(dtype, shape);
    if (bytes < 0) {
        return NULL;
    }
    cn__storage *storage = storage_new((size_t)bytes);
    if (!storage) {
        return NULL;
    }
    cn_tensor *t = handle(dtype, shape, owned);
    if (!t) {
        storage_unref(storage);
        return NULL;
    }
    t->storage = storage;
    t->data = storage->data;
    return t;
}

cn_tensor *cn__tensor_new(cn_dtype dtype, const cn_shape *shape)
{
    return allocate(dtype, shape, false);
}

cn_tensor *cn__tensor_view(cn_tensor *t, const cn_shape *shape, size_t offset)
{
    char *data = cn__data(t);
    cn_tensor *view = data ? handle(t->dtype, shape, false) : NULL;
    if (view) {
        atomic_fetch_add_explicit(&t->storage->refs, 1, memory_order_relaxed);
        view->storage = t->storage;
        view->data = data + offset;
    }
    return view;
}

cn_tensor *cn__tensor_symbolic(cn__node *node, int index)
{
    cn_tensor *t = handle(node->dtype[index], &node->shape[index], false);
    if (t) {
        t->node = cn__node_ref(node);
        t->output = index;
    }
    return t;
}

cn_tensor *cn__variable_new(const char *name, cn_dtype dtype, const cn_shape *shape, bool trainable)
{
    cn__variable *variable = cn__calloc(1, sizeof *variable);
    if (!variable) {
        return NULL;
    }
    variable->name = cn__strdup(name ? name : "Variable");
    cn_tensor *t = variable->name ? allocate(dtype, shape, true) : NULL;
    if (!t) {
        destroy_variable(variable);
        return NULL;
    }
    variable->trainable = trainable;
    t->variable = variable;
    return t;
}

cn_tensor *cn__check_tensor(const cn_tensor *t, const char *who)
{
    if (cn__pending() || cn__expect(t, CN__TENSOR, who) < 0) {
        return NULL;
    }
    return cn__same_const(t);
}

cn_tensor *cn_tensor_new(cn_dtype dtype, int rank, const int64_t *shape, const void *data)
{
    if (cn__pending()) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK || !cn_dtype_size(dtype)) {
        cn__fail(CN_EVALUE, "cn_tensor_new: expected a dtype and a rank of 0 to %d, got rank %d",
                 CN_MAX_RANK, rank);
        return NULL;
    }
    cn_shape s = cn_shape_make(rank, shape);
    cn_tensor *t = cn__tensor_new(dtype, &s);
    if (t) {
        if (data) {
            memcpy(t->data, data, t->storage->bytes);
        } else {
            memset(t->data, 0, t->storage->bytes);
        }
    }
    return t;
}

cn_tensor *cn_tensor_wrap(cn_dtype dtype, int rank, const int64_t *shape, void *data,
                          void (*release)(void *user), void *user)
{
    if (cn__pending()) {
        return NULL;
    }
    if (rank < 0 || rank > CN_MAX_RANK || !cn_dtype_size(dtype) || !data) {
        cn__fail(CN_EVALUE,
                 "cn_tensor_wrap: expected data, a dtype and a rank of 0 to %d, got "
                 "rank %d",
                 CN_MAX_RANK, rank);
        return NULL;
    }
    cn_shape s = cn_shape_make(rank, shape);
    int64_t bytes = shape_bytes(dtype, &s);
    cn__storage *storage = bytes < 0 ? NULL : cn__calloc(1, sizeof *storage);
    if (!storage) {
        return NULL;
    }
    atomic_init(&storage->refs, 1);
    storage->bytes = (size_t)bytes;
    storage->data = data;
    storage->foreign = true;
    cn_tensor *t = handle(dtype, &s, false);
    if (!t) {
        storage_unref(storage);
        return NULL;
    }
    storage->release = release;
    storage->user = user;
    t->storage = storage;
    t->data = data;
    return t;
}

cn_tensor *cn_array_of(int64_t n, const double *values)
{
    cn_tensor *t = cn_tensor_new(CN_FLOAT32, 1, &n, NULL);
    for (int64_t i = 0; t && i < n; i++) {
        ((float *)t->data)[i] = (float)values[i];
    }
    return t;
}

cn_tensor *cn_scalar(double value, cn_dtype dtype)
{
    cn_tensor *t = cn_tensor_new(dtype, 0, NULL, NULL);
    if (t) {
        cn__write(dtype, t->data, 0, value);
    }
    return t;
}

cn_tensor *cn__same(cn_tensor *t)
{
    return t;
}

cn_tensor *cn__same_const(const cn_tensor *t)
{
    return (cn_tensor *)(uintptr_t)t;
}

cn_tensor *cn__number(double value)
{
    cn_tensor *t = cn_scalar(value, CN_FLOAT64);
    if (t) {
        t->weak = CN__WEAK_FLOAT;
    }
    return t;
}

cn_tensor *cn__integer(int64_t value)
{
    cn_tensor *t = cn_tensor_new(CN_INT64, 0, NULL, &value);
    if (t) {
        t->weak = CN__WEAK_INTEGER;
    }
    return t;
}

cn_tensor *cn__unsigned(uint64_t value)
{
    if (value <= INT64_MAX) {
        return cn__integer((int64_t)value);
    }
    return cn_tensor_new(CN_UINT64, 0, NULL, &value);
}

void *cn__data(const cn_tensor *t)
{
    if (!t->storage) {
        cn__fail(CN_ESTATE, "A symbolic tensor has no values: it is part of a model or function "
                            "that has not been run");
        return NULL;
    }
    if (t->variable && t->variable->canonical_stale) {
        t->variable->unpack(cn__same_const(t));
    }
    return t->data;
}

void *cn__data_write(cn_tensor *t)
{
    void *data = cn__data(t);
    if (data && t->variable) {
        t->variable->packed_stale = true;
        t->variable->version++;
    }
    return data;
}

int64_t cn__size(const cn_tensor *t)
{
    return cn__shape_size(&t->shape);
}

size_t cn__bytes(const cn_tensor *t)
{
    return (size_t)cn__size(t) * cn_dtype_size(t->dtype);
}

cn__node *cn__node_ref(cn__node *node)
{
    if (node) {
        atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    }
    return node;
}

/* Long chains of nodes are released in a loop: the recursion through tensors would exhaust the
 * stack. */
void cn__node_unref(cn__node *node)
{
    static _Thread_local cn__node **waiting;
    static _Thread_local int64_t count, capacity;
    static _Thread_local bool busy;
    if (!node || atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (busy) {
        cn__saved_error saved = cn__error_save();
        bool kept = cn__grow((void **)&waiting, &capacity, count + 1, sizeof *waiting) == 0;
        cn_error_clear();
        cn__error_restore(saved);
        if (kept) {
            waiting[count++] = node;
            return;
        }
    }
    bool outer = !busy;
    busy = true;
    for (;;) {
        for (int i = 0; i < node->n_in; i++) {
            cn__unref(node->in[i]);
        }
        for (int i = 0; node->saved && i < node->n_out; i++) {
            cn__unref(node->saved[i]);
        }
        cn__free_mem(node->saved);
        cn__free_mem(node->in);
        cn__free_mem(node);
        if (!outer || !count) {
            break;
        }
        node = waiting[--count];
    }
    if (outer) {
        busy = false;
        cn__free_mem(waiting);
        waiting = NULL;
        capacity = 0;
    }
}

cn__node *cn__node_new(const struct cn__op *op, const cn__attrs *attrs, int n_in,
                       cn_tensor *const *in)
{
    cn__node *node = cn__calloc(1, sizeof *node);
    if (!node) {
        return NULL;
    }
    atomic_init(&node->refs, 1);
    node->serial = next_id++;
    node->op = op;
    if (attrs) {
        node->attrs = *attrs;
    }
    if (n_in) {
        node->in = cn__calloc((size_t)n_in, sizeof *node->in);
        if (!node->in) {
            cn__free_mem(node);
            return NULL;
        }
    }
    for (int i = 0; i < n_in; i++) {
        node->in[i] = cn__ref(in[i]);
    }
    node->n_in = n_in;
    return node;
}

cn_dtype cn_tensor_dtype(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_dtype") ? t->dtype : CN_DTYPE_UNSET;
}

int cn_tensor_rank(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_rank") ? t->shape.rank : CN_EPENDING;
}

int64_t cn_tensor_dim(const cn_tensor *t, int axis)
{
    if (!cn__check_tensor(t, "cn_tensor_dim")) {
        return CN_EPENDING;
    }
    int i = cn__axis(axis, t->shape.rank, "cn_tensor_dim");
    return i < 0 ? i : t->shape.dim[i];
}

const int64_t *cn_tensor_shape(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_shape") ? t->shape.dim : NULL;
}

int64_t cn_tensor_size(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_size") ? cn__size(t) : CN_EPENDING;
}

const void *cn_tensor_data(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_data") ? cn__data(t) : NULL;
}

const float *cn_tensor_floats(const cn_tensor *t)
{
    if (!cn__check_tensor(t, "cn_tensor_floats")) {
        return NULL;
    }
    if (t->dtype != CN_FLOAT32) {
        cn__fail(CN_ETYPE, "cn_tensor_floats: expected a float32 tensor, got %s",
                 cn_dtype_name(t->dtype));
        return NULL;
    }
    return cn__data(t);
}

void *cn_tensor_data_mutable(cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_data_mutable") ? cn__data_write(t) : NULL;
}

double cn_tensor_item(const cn_tensor *t, int64_t index)
{
    const void *data = cn__check_tensor(t, "cn_tensor_item") ? cn__data(t) : NULL;
    if (!data) {
        return cn_none_float();
    }
    if (index < 0 || index >= cn__size(t)) {
        cn__fail(CN_EINDEX,
                 "cn_tensor_item: index %" PRId64 " is out of bounds for a tensor of "
                 "%" PRId64 " elements",
                 index, cn__size(t));
        return cn_none_float();
    }
    return cn__read(t->dtype, data, index);
}

double cn_tensor_value(const cn_tensor *t)
{
    if (cn__check_tensor(t, "cn_tensor_value") && cn__shape_known(&t->shape) && cn__size(t) != 1) {
        cn__fail(CN_EVALUE, "cn_tensor_value: expected one element, got %" PRId64, cn__size(t));
    }
    return cn_tensor_item(t, 0);
}

const char *cn_tensor_name(const cn_tensor *t)
{
    if (!cn__check_tensor(t, "cn_tensor_name")) {
        return NULL;
    }
    return t->variable ? t->variable->name : t->name ? t->name : "";
}

bool cn_tensor_is_symbolic(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_is_symbolic") && !t->storage;
}

bool cn_tensor_is_variable(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_is_variable") && t->variable;
}

bool cn_tensor_trainable(const cn_tensor *t)
{
    return cn__check_tensor(t, "cn_tensor_trainable") && t->variable && t->variable->trainable;
}

double cn_none_float(void)
{
    return NAN;
}
