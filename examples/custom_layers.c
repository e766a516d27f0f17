/* Layers and models of one's own, and gradients by tapes (the fifth worksheet). It takes a second,
 * with or without --quick. */
#include <cornu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What repr() shows of a small array: as str(), whose fields are equally wide, with commas between
 * them and rows that begin one column after `margin`. */
static void print_array(const cn_tensor *t, int margin)
{
    int64_t n = cn_tensor_rank(t) ? cn_tensor_dim(t, -1) : 1;
    const char *text = cn_tensor_string(t);
    while (text && *text) {
        size_t width = strcspn(text, "]\n"), brackets = strspn(text, " [");
        const char *row =
            text + (brackets ? strcspn(text, "[") + strspn(strchr(text, '['), "[") : 0);
        int field = (int)((text + width - row - (n - 1)) / n);
        printf("%.*s", (int)(row - text), text);
        for (int64_t i = 0; i < n; i++) {
            printf("%s%.*s", i ? ", " : "", field, row + i * (field + 1));
        }
        text += width;
        for (; *text == ']' || *text == '\n'; text++) {
            *text == '\n' ? (void)printf(",\n%*s", margin, "") : (void)putchar(*text);
        }
    }
}

/* [<tf.Variable 'dense/kernel:0' shape=(4, 2) dtype=float32, numpy=array([[…]], dtype=float32)>, …]
 */
static void print_variables(int n, cn_tensor *const *list)
{
    putchar('[');
    for (int i = 0; i < n; i++) {
        int rank = cn_tensor_rank(list[i]);
        printf("%s<tf.Variable '%s' shape=(", i ? ", " : "", cn_tensor_name(list[i]));
        for (int a = 0; a < rank; a++) {
            printf("%lld%s", (long long)cn_tensor_dim(list[i], a),
                   a + 1 < rank ? ", "
                   : rank == 1  ? ","
                                : "");
        }
        printf(") dtype=%s, numpy=%s", cn_dtype_name(cn_tensor_dtype(list[i])),
               rank > 1 ? "\narray(" : "array(");
        print_array(list[i], 6);
        printf(", dtype=%s)>", cn_dtype_name(cn_tensor_dtype(list[i])));
    }
    putchar(']');
}

/* y = sigmoid(x·W + b): class OurDenseLayer(tf.keras.layers.Layer). */
typedef struct our_dense_args {
    CN_LAYER_ARGS;
    int64_t n_output_nodes;
} our_dense_args;

static int our_dense_build(cn_layer *self, const cn_shape *input_shape, int n_inputs)
{
    const our_dense_args *args = cn_layer_arguments(self);
    int64_t d = input_shape->dim[input_shape->rank - 1];
    (void)n_inputs;
    cn_layer_add_weight(self, .name = "weight", .shape = {d, args->n_output_nodes});
    cn_layer_add_weight(self, .name = "bias", .shape = {1, args->n_output_nodes});
    return 0;
}

static cn_tensor *our_dense_call(cn_layer *self, cn_tensor *const *x, int n,
                                 const cn_call_args *args)
{
    (void)n;
    (void)args;
    cn_tensor *z = cn_add(cn_matmul(x[0], cn_layer_weight(self, 0)), cn_layer_weight(self, 1));
    return cn_sigmoid(z);
}

static const cn_field our_dense_fields[] = {CN_FIELD(our_dense_args, INT64, n_output_nodes), {0}};
static const our_dense_args our_dense_defaults = {.size = sizeof(our_dense_args),
                                                  CN_LAYER_DEFAULTS};
static const cn_layer_class our_dense = {.base = {.size = sizeof(cn_layer_class),
                                                  .name = "OurDenseLayer",
                                                  .args_size = sizeof(our_dense_args),
                                                  .defaults = &our_dense_defaults,
                                                  .fields = our_dense_fields},
                                         .build = our_dense_build,
                                         .call = our_dense_call};

static cn_layer *make_our_dense(int64_t n_output_nodes)
{
    our_dense_args args = our_dense_defaults;
    args.n_output_nodes = n_output_nodes;
    return cn_layer_new(&our_dense, &args);
}

/* Nets and layers that are nothing but a list of layers take these arguments. */
typedef struct net_args {
    CN_LAYER_ARGS;
    int64_t n_output_nodes;
} net_args;

static const net_args net_defaults = {.size = sizeof(net_args), CN_LAYER_DEFAULTS};

/* Keeps the sum of everything that it has seen: state that is not trained. */
static int compute_sum_build(cn_layer *self, const cn_shape *input_shape, int n_inputs)
{
    (void)n_inputs;
    cn_layer_add_weight(self, .name = "total", .shape = {input_shape->dim[input_shape->rank - 1]},
                        .initializer = "zeros", .trainable = false);
    return 0;
}

static cn_tensor *compute_sum_call(cn_layer *self, cn_tensor *const *x, int n,
                                   const cn_call_args *args)
{
    cn_tensor *total = cn_layer_weight(self, 0);
    (void)n;
    (void)args;
    cn_assign_add(total, cn_sum(x[0], .axis = cn_tuple(0)));
    return total;
}

static const cn_layer_class compute_sum = {.base = {.size = sizeof(cn_layer_class),
                                                    .name = "ComputeSum",
                                                    .args_size = sizeof(net_args),
                                                    .defaults = &net_defaults},
                                           .build = compute_sum_build,
                                           .call = compute_sum_call};

/* Three layers inside a layer: their weights are its own. */
typedef struct mlp_state {
    cn_layer *linear[3];
} mlp_state;

static int mlp_init(cn_layer *self)
{
    mlp_state *s = cn_layer_state(self);
    static const int64_t units[3] = {32, 32, 1};
    for (int i = 0; i < 3; i++) {
        s->linear[i] = cn_dense(units[i]);
        cn_layer_track(self, s->linear[i]);
    }
    return 0;
}

static cn_tensor *mlp_call(cn_layer *self, cn_tensor *const *x, int n, const cn_call_args *args)
{
    const mlp_state *s = cn_layer_state(self);
    (void)n;
    (void)args;
    cn_tensor *h = cn_relu(cn_call(s->linear[0], x[0]));
    return cn_call(s->linear[2], cn_relu(cn_call(s->linear[1], h)));
}

static const cn_layer_class mlp_block = {.base = {.size = sizeof(cn_layer_class),
                                                  .name = "MLPBlock",
                                                  .args_size = sizeof(net_args),
                                                  .defaults = &net_defaults},
                                         .call = mlp_call,
                                         .init = mlp_init,
                                         .state_bytes = sizeof(mlp_state)};

/* A model of one's own: one dense layer, and a flag that leaves it out. */
typedef struct subclass_state {
    cn_layer *dense_layer;
} subclass_state;

typedef struct identity_flags {
    bool isidentity;
} identity_flags;

static int subclass_init(cn_layer *self)
{
    const net_args *args = cn_layer_arguments(self);
    subclass_state *s = cn_layer_state(self);
    s->dense_layer = cn_dense(args->n_output_nodes, .activation = "sigmoid");
    return cn_layer_track(self, s->dense_layer);
}

static cn_tensor *subclass_call(cn_layer *self, cn_tensor *const *inputs, int n,
                                const cn_call_args *args)
{
    const subclass_state *s = cn_layer_state(self);
    (void)n;
    (void)args;
    return cn_call(s->dense_layer, inputs[0]);
}

static cn_tensor *identity_call(cn_layer *self, cn_tensor *const *inputs, int n,
                                const cn_call_args *args)
{
    const identity_flags *flags = args->args;
    cn_tensor *x = subclass_call(self, inputs, n, args);
    return flags && flags->isidentity ? inputs[0] : x;
}

static const cn_layer_class subclass_model = {.base = {.size = sizeof(cn_layer_class),
                                                       .name = "SubclassModel",
                                                       .args_size = sizeof(net_args),
                                                       .defaults = &net_defaults},
                                              .call = subclass_call,
                                              .init = subclass_init,
                                              .state_bytes = sizeof(subclass_state)};
static const cn_layer_class identity_model = {.base = {.size = sizeof(cn_layer_class),
                                                       .name = "IdentityModel",
                                                       .args_size = sizeof(net_args),
                                                       .defaults = &net_defaults},
                                              .call = identity_call,
                                              .init = subclass_init,
                                              .state_bytes = sizeof(subclass_state)};

static cn_model *make_model(const cn_layer_class *cls, int64_t n_output_nodes)
{
    net_args args = net_defaults;
    args.n_output_nodes = n_output_nodes;
    return cn_model_new(cls, &args);
}

static void layers(void)
{
    cn_tensor *weights[8];
    cn_set_random_seed(1);
    cn_layer *layer = make_our_dense(3);
    cn_shape shape = cn_shape_of(1, 2);
    cn_layer_build(layer, &shape, 1);
    cn_tensor *x_input = cn_reshape(cn_array(1, 2), 1, 2);
    cn_tensor *y = cn_call(layer, x_input);
    printf("%s\n", cn_tensor_string(y));

    cn_layer *sum = cn_layer_new(&compute_sum, &net_defaults);
    cn_tensor *ones = cn_ones(2, 2);
    printf("%s\n", cn_tensor_string(cn_call(sum, ones)));
    printf("%s\n", cn_tensor_string(cn_call(sum, ones)));
    printf("weights: %d, trainable_weights: %d, non_trainable_weights: %d\n",
           cn_layer_weights(sum, weights, 8), cn_layer_trainable_weights(sum, weights, 8),
           cn_layer_non_trainable_weights(sum, weights, 8));

    cn_layer *mlp = cn_layer_new(&mlp_block, &net_defaults);
    printf("weights before the first call: %d\n", cn_layer_weights(mlp, weights, 8));
    cn_call(mlp, cn_ones(3, 64));
    printf("weights: %d, trainable_weights: %d\n", cn_layer_weights(mlp, weights, 8),
           cn_layer_trainable_weights(mlp, weights, 8));

    cn_layer *dense_layer = cn_dense(2, .activation = "sigmoid");
    printf("La matriz de pesos de la capa es: ");
    print_variables(cn_layer_weights(dense_layer, weights, 8), weights);
    cn_call(dense_layer, cn_ones(1, 4));
    printf(".\nLa matriz de pesos de la capa luego de ser llamada es: ");
    print_variables(cn_layer_weights(dense_layer, weights, 8), weights);
    printf("\n");
}

static void sequential(void)
{
    enum { n_output_nodes = 3 };
    cn_tensor *weights[8];
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_dense(n_output_nodes, .activation = "sigmoid"));
    /* There are no weights before there is an input: Keras says so, and so does the pending error.
     */
    if (cn_model_weights(model, weights, 8) < 0) {
        printf("ValueError: %s\n", cn_error());
        cn_error_clear();
    }
    cn_model_pop(model);
    cn_model_add(model, cn_dense(n_output_nodes, .activation = "sigmoid", .input_shape = {2}));
    print_variables(cn_model_weights(model, weights, 8), weights);
    printf("\n");
    cn_tensor *x_input = cn_reshape(cn_array(1, 2), 1, 2);
    printf("%s\n", cn_tensor_string(cn_model_predict(model, x_input)));
    cn_model_summary(model);
    printf("Número de capas del modelo: %d.\nLista de capas del modelo: [",
           cn_model_n_layers(model));
    for (int i = 0; i < cn_model_n_layers(model); i++) {
        const cn_layer *layer = cn_model_layer(model, i);
        printf("%s<%s %s>", i ? ", " : "", cn_layer_class_name(layer), cn_layer_name(layer));
    }
    printf("]\n");
}

static void subclasses(void)
{
    cn_tensor *x_input = cn_reshape(cn_array(1, 2), 1, 2);
    cn_model *model = make_model(&subclass_model, 3);
    printf("%s\n", cn_tensor_string(cn_call(model, x_input)));
    model = make_model(&identity_model, 3);
    cn_tensor *out_activate = cn_call(model, x_input);
    cn_tensor *out_identity =
        cn_call(model, x_input, .args = &(identity_flags){.isidentity = true});
    printf("La salida con funcón de activación es: %s.\nLa salida con identidad es: %s.\n",
           cn_tensor_string(out_activate), cn_tensor_string(out_identity));
}

static void gradients(void)
{
    cn_tensor *x = cn_variable(3.0);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y = cn_multiply(x, x);
    printf("%s\n", cn_tensor_string(cn_tape_gradient(tape, y, x)));
    cn_tape_gradient(tape, y, x);
    printf("RuntimeError: %s\n", cn_error());
    cn_error_clear();

    cn_tensor *v = cn_variable(cn_array(1, 2, 3));
    tape = cn_tape_begin(.persistent = true);
    cn_tensor *square = cn_square(v), *cube = cn_multiply(square, v);
    printf("%s %s\n", cn_tensor_string(cn_tape_gradient(tape, square, v)),
           cn_tensor_string(cn_tape_gradient(tape, cube, v)));
    printf("%s\n", cn_tensor_string(cn_tape_jacobian(tape, square, v)));
    cn_tape_end(tape);
}

static void descent(void)
{
    enum { STEPS = 500 };
    const double learning_rate = 1e-2, x_f = 4;
    static double history[STEPS], truth[STEPS];
    cn_tensor *x = cn_variable(cn_random_normal(.shape = {1, 1}));
    printf("X inicial: %s\n", cn_tensor_string(x));
    for (int i = 0; i < STEPS; i++) {
        cn_scope scope = cn_scope_begin();
        cn_tape *tape = cn_tape_begin();
        cn_tensor *loss = cn_square(cn_subtract(x, x_f));
        cn_tensor *grad = cn_tape_gradient(tape, loss, x);
        cn_assign(x, cn_subtract(x, cn_multiply(grad, learning_rate)));
        history[i] = cn_tensor_value(x);
        truth[i] = x_f;
        cn_scope_end(scope);
    }
    printf("X final: %.3f\n", history[STEPS - 1]);
    if (cn_plot("custom_layers.png",
                .lines = {{"Predicted", .y = cn_array_of(STEPS, history)},
                          {"True", .y = cn_array_of(STEPS, truth)}},
                .x_label = "Iteration", .y_label = "x value") < 0 &&
        cn_error_code() == CN_EUNSUPPORTED) {
        printf("%s\n", cn_error());
        cn_error_clear();
    }
}

static void shape(const char *what, const cn_tensor *t)
{
    printf("%s: (", what);
    for (int i = 0; i < cn_tensor_rank(t); i++) {
        printf("%lld%s", (long long)cn_tensor_dim(t, i), i + 1 < cn_tensor_rank(t) ? ", " : ")\n");
    }
}

/* What a convolutional network is made of, and how shapes go through it. */
static void convolutions(void)
{
    cn_tensor *image = cn_reshape(cn_arange(1, 10, 1, CN_FLOAT32), 1, 3, 3, 1);
    cn_tensor *padded = cn_call(cn_zero_padding2d(.padding = {1, 1}), image);
    printf("%s\n", cn_tensor_string(cn_squeeze(padded, CN_NONE)));
    cn_tensor *batch = cn_random_normal(.shape = {4, 28, 28, 3});
    shape("Conv2D(8, 3)", cn_call(cn_conv2d(8, .kernel_size = {3}), batch));
    shape("Conv2D(8, 3, padding='same')",
          cn_call(cn_conv2d(8, .kernel_size = {3}, .padding = "same"), batch));
    cn_tensor *strided = cn_call(cn_conv2d(8, .kernel_size = {3}, .strides = {2}), batch);
    shape("Conv2D(8, 3, strides=2)", strided);
    cn_tensor *pooled = cn_call(cn_max_pooling2d(.pool_size = {2}), strided);
    shape("MaxPooling2D()", pooled);
    shape("Flatten()", cn_call(cn_flatten(), pooled));
    cn_tensor *mse =
        cn_loss_call(cn_loss_mean_squared_error(), cn_array(0, 1), cn_array(1, 3), NULL);
    printf("MSE: %s\n", cn_tensor_string(mse));
}

int main(void)
{
    cn_set_keras("2.12");
    layers();
    sequential();
    subclasses();
    gradients();
    descent();
    convolutions();
    if (cn_error()) {
        fprintf(stderr, "custom_layers: %s\n", cn_error());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
