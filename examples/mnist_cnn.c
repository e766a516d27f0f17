/* "KerasCNN" on MNIST (the third worksheet): summary, ten epochs with validation, saving, loading,
 * one image predicted. --quick trains one epoch on a part of the data. */
#include <cornu.h>
#include <stdio.h>
#include <string.h>

static cn_tensor *images(cn_tensor *flat)
{
    return cn_reshape(flat, -1, 28, 28, 1);
}

/* Writes the architecture as JSON, as to_json() gives it. */
static void write_text(const char *path, const char *text)
{
    FILE *file = text ? fopen(path, "w") : NULL;
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        cn_fail(CN_EIO, "cannot write %s", path);
    }
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && !strcmp(argv[1], "--quick");
    cn_set_keras("2.3");
    cn_set_random_seed(1);
    /* The form of TensorFlow 1's tutorials: flat, scaled, one-hot; 55,000 rows for training. */
    cn_dataset data = cn_dataset_mnist(.form = "input_data");
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    cn_tensor *x = images(cn_rows(data.x_train, 0, quick ? 6000 : CN_END));
    cn_tensor *y = cn_rows(data.y_train, 0, quick ? 6000 : CN_END);

    cn_model *net = cn_sequential(.name = "KerasCNN");
    cn_model_add(
        net, cn_conv2d(32, .kernel_size = {3}, .activation = "relu", .input_shape = {28, 28, 1}));
    cn_model_add(net, cn_max_pooling2d(.pool_size = {2}));
    cn_model_add(net, cn_conv2d(64, .kernel_size = {3}, .activation = "relu"));
    cn_model_add(net, cn_max_pooling2d(.pool_size = {2}));
    cn_model_add(net, cn_dropout(0.2));
    cn_model_add(net, cn_flatten());
    cn_model_add(net, cn_dense(10, .activation = "softmax"));
    cn_model_compile(net, .loss = "categorical_crossentropy", .metrics = {"accuracy"},
                     .optimizer =
                         cn_optimizer_adam(.learning_rate = 0.002, .beta_1 = 0.9, .beta_2 = 0.999));
    cn_model_summary(net);

    cn_model_fit(net, x, y, .batch_size = 128, .epochs = quick ? 1 : 10,
                 .validation_data = {images(data.x_test), data.y_test});
    cn_scores scores = cn_model_evaluate(net, images(data.x_test), data.y_test, .verbose = 0);
    printf("test accuracy: %.4f\n", scores.values[1]);

    write_text("model.json", cn_model_to_json(net));
    cn_model_save_weights(net, "model.npz");
    cn_model *loaded = cn_model_from_json_file("model.json");
    cn_model_load_weights(loaded, "model.npz");

    cn_tensor *example = images(cn_rows(data.x_test, 786, 787));
    cn_tensor *prediction = cn_reshape(cn_model_predict(loaded, example, .verbose = 0), -1);
    printf("%s\n", cn_tensor_string(prediction));
    printf("%g\n", cn_tensor_value(cn_argmax(prediction, 0)));
    printf("%g\n", cn_tensor_value(cn_argmax(cn_rows(data.y_test, 786, 787), -1)));
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return 0;
}
