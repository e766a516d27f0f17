/* Fashion-MNIST from start to end: load, prepare, train ten epochs, evaluate, save (the first
 * worksheet). With --quick one short epoch. */
#include <cornu.h>
#include <stdio.h>
#include <string.h>

static void print_shape(cn_tensor *t)
{
    printf("(%lld", (long long)cn_tensor_dim(t, 0));
    for (int i = 1; i < cn_tensor_rank(t); i++) {
        printf(", %lld", (long long)cn_tensor_dim(t, i));
    }
    printf(")\n");
}

/* Labels lie between 0 and 9, and each class has about a tenth of the images. */
static void print_balance(cn_tensor *labels)
{
    printf("%g %g\n", cn_tensor_value(cn_min(labels)), cn_tensor_value(cn_max(labels)));
    for (int i = 0; i < 10; i++) {
        cn_tensor *same = cn_cast(cn_equal(labels, i), CN_INT32);
        printf("Examples class = %d: %.0f\n", i, cn_tensor_value(cn_sum(same)));
    }
}

static cn_tensor *prepare(cn_tensor *images)
{
    return cn_divide(cn_reshape(images, -1, 28 * 28), 255); /* uint8 / 255: float32 */
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && !strcmp(argv[1], "--quick");
    cn_set_random_seed(1);
    cn_dataset data = cn_dataset_fashion_mnist();
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    print_shape(data.x_train);
    print_shape(data.x_test);

    cn_tensor *x_valid = prepare(cn_rows(data.x_train, 0, 10000));
    cn_tensor *x_train = prepare(cn_rows(data.x_train, 10000, quick ? 14000 : CN_END));
    cn_tensor *x_test = prepare(data.x_test);
    cn_tensor *labels = cn_rows(data.y_train, 10000, quick ? 14000 : CN_END);
    print_balance(cn_rows(data.y_train, 0, 10000));
    print_shape(x_train);
    printf("%s\n", cn_tensor_string(cn_rows(labels, 0, 10)));

    cn_tensor *y_valid = cn_to_categorical(cn_rows(data.y_train, 0, 10000), .num_classes = 10);
    cn_tensor *y_train = cn_to_categorical(labels, .num_classes = 10);
    cn_tensor *y_test = cn_to_categorical(data.y_test, .num_classes = 10);
    print_shape(y_train);
    printf("%s\n", cn_tensor_string(cn_rows(y_train, 0, 10)));

    cn_model *model = cn_sequential();
    cn_model_add(model, cn_dense(512, .activation = "relu", .input_shape = {28 * 28}));
    cn_model_add(model, cn_dense(512, .activation = "relu"));
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    cn_model_compile(model, .loss = "categorical_crossentropy", .optimizer = "adam",
                     .metrics = {"accuracy"});
    cn_history *history =
        cn_model_fit(model, x_train, y_train, .batch_size = 128, .epochs = quick ? 1 : 10,
                     .verbose = 1, .validation_data = {x_valid, y_valid});
    cn_scores score = cn_model_evaluate(model, x_test, y_test, .verbose = 0);

    char loss[32], accuracy[32];
    printf("[%s, %s]\n", cn_format_double(score.values[0], loss, sizeof loss),
           cn_format_double(score.values[1], accuracy, sizeof accuracy));
    cn_model_save_weights(model, "fashion_mnist.npz");
    printf("test accuracy: %.4f\n", score.values[1]);
    if (!quick) {
        cn_plot_history("fashion_mnist.png", history);
        printf("curves: fashion_mnist.png\n");
    }
    printf("weights: fashion_mnist.npz\n");
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return 0;
}
