/* Three scalings of the input compared, and the learning rate lowered on a plateau (the second
 * worksheet). --quick trains on a small part of the data; --seed N starts from other weights. */
#include <cornu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images as the network takes them: the first 10,000 for validation, the rest for training. */
typedef struct images {
    cn_tensor *train, *valid, *test;
} images;

static int64_t train_end = CN_END;

static images prepare_dataset(cn_tensor *train, cn_tensor *test)
{
    images set = {.train = cn_reshape(cn_rows(train, 10000, train_end), -1, 28 * 28),
                  .valid = cn_reshape(cn_rows(train, 0, 10000), -1, 28 * 28),
                  .test = cn_reshape(test, -1, 28 * 28)};
    return set;
}

static cn_tensor *y_train, *y_valid, *y_test;

/* Makes, compiles, trains and evaluates a network, and prints its marks on the test set. */
static void exec_dnn(images set, int epochs, cn_callbacks callbacks)
{
    cn_scope scope = cn_scope_begin();
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_dense(512, .activation = "relu", .input_shape = {28 * 28}));
    cn_model_add(model, cn_dense(512, .activation = "relu"));
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    cn_model_compile(model, .loss = "categorical_crossentropy", .optimizer = "adam",
                     .metrics = {"accuracy"});
    cn_model_fit(model, set.train, y_train, .batch_size = 128, .epochs = epochs, .verbose = 0,
                 .validation_data = {set.valid, y_valid}, .callbacks = callbacks);
    cn_scores scores = cn_model_evaluate(model, set.test, y_test, .verbose = 0);
    printf("\nLa Evaluación del modelo con los datos de test es:\n");
    for (int i = 0; i < scores.n; i++) {
        char value[32];
        printf("El Marcador %s del modelo con datos de test es : %s\n",
               cn_model_metrics_name(model, i),
               cn_format_double(scores.values[i], value, sizeof value));
    }
    cn_scope_end(scope);
}

/* LossAndAccuracyPrintingCallback of the worksheet. */
static void print_epoch(int64_t epoch, cn_logs *logs, void *user)
{
    (void)user;
    printf("En la epoch %lld el marcador val_loss para validación es %7.4f y el val_accuracy es "
           "%7.4f\n",
           (long long)epoch + 1, cn_logs_get(logs, "val_loss", 0),
           cn_logs_get(logs, "val_accuracy", 0));
}

static void print_train_batch(int64_t batch, cn_logs *logs, void *user)
{
    (void)user;
    if (batch % 100 == 0) {
        printf("Para el batch de entrenamiento %lld, la perdida (loss) es %7.2f.\n",
               (long long)batch, cn_logs_get(logs, "loss", 0));
    }
}

static void print_test_batch(int64_t batch, cn_logs *logs, void *user)
{
    (void)user;
    if (batch % 100 == 0) {
        printf("Para el  batch de validación %lld, la perdida (loss) es %7.2f.\n", (long long)batch,
               cn_logs_get(logs, "loss", 0));
    }
}

static void print_range(const char *what, cn_tensor *t)
{
    printf("Máximo del dataset de %s %0.4f\n", what, cn_tensor_value(cn_max(t)));
    printf("Mínimo del dataset de %s %0.4f\n", what, cn_tensor_value(cn_min(t)));
}

static void print_moments(const char *what, cn_tensor *t)
{
    printf("Media del dataset de %s %0.4f\n", what, cn_tensor_value(cn_mean(t)));
    printf("Desviación típica del dataset de %s %0.4f\n", what, cn_tensor_value(cn_std(t)));
}

int main(int argc, char **argv)
{
    int epochs = 10, long_epochs = 20;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            epochs = 1;
            long_epochs = 2;
            train_end = 13000;
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        }
    }
    cn_set_keras("2.1");
    cn_set_random_seed(seed);
    cn_dataset data = cn_dataset_fashion_mnist();
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    y_train = cn_to_categorical(cn_rows(data.y_train, 10000, train_end), .num_classes = 10);
    y_valid = cn_to_categorical(cn_rows(data.y_train, 0, 10000), .num_classes = 10);
    y_test = cn_to_categorical(data.y_test, .num_classes = 10);

    cn_tensor *train = cn_divide(data.x_train, 255), *test = cn_divide(data.x_test, 255);
    print_range("entreno", train);
    print_range("test", test);
    images scaled = prepare_dataset(train, test);

    train = cn_subtract(cn_cast(data.x_train, CN_FLOAT32), cn_mean(data.x_train));
    test = cn_subtract(cn_cast(data.x_test, CN_FLOAT32), cn_mean(data.x_test));
    print_moments("entreno", train);
    print_moments("test", test);
    images centred = prepare_dataset(train, test);

    train = cn_divide(train, cn_std(data.x_train));
    test = cn_divide(test, cn_std(data.x_test));
    print_moments("entreno", train);
    print_moments("test", test);
    images standardised = prepare_dataset(train, test);

    cn_callbacks none = {{NULL}};
    exec_dnn(scaled, epochs, none);
    exec_dnn(centred, epochs, none);
    exec_dnn(standardised, epochs, none);

    cn_callback *batches = cn_callback_lambda(.on_train_batch_end = print_train_batch,
                                              .on_test_batch_end = print_test_batch);
    exec_dnn(standardised, 1, (cn_callbacks){{batches}});

    cn_callback *reduce_lr = cn_callback_reduce_lr_on_plateau(.monitor = "val_loss", .factor = 0.5,
                                                              .patience = 2, .verbose = 1);
    cn_callbacks callbacks = {{reduce_lr, cn_callback_lambda(.on_epoch_end = print_epoch)}};
    exec_dnn(standardised, long_epochs, callbacks);
    exec_dnn(centred, long_epochs, callbacks);
    exec_dnn(standardised, long_epochs, callbacks);
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return 0;
}
