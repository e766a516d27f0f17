/* Convolution in detail (the fourth worksheet): an edge filter by hand, strides, padding and the
 * three poolings, a network of three convolutions, and what its filters see as pictures. --quick
 * trains one epoch on a part of the data. */
#include <cornu.h>
#include <stdio.h>
#include <string.h>

static void print_shape(const char *what, cn_tensor *t)
{
    printf("%s (", what);
    for (int i = 0; i < cn_tensor_rank(t); i++) {
        printf(i ? ", %lld" : "%lld", (long long)cn_tensor_dim(t, i));
    }
    printf(")\n");
}

/* Vertical edges of an image that is bright on the left and dark on the right. */
static void edge_filter(void)
{
    cn_tensor *left = cn_full(2, (int64_t[]){6, 3}, 10, CN_FLOAT32);
    cn_tensor *right = cn_zeros(6, 3);
    cn_tensor *image = cn_concatenate(1, left, right);
    cn_tensor *column = cn_reshape(cn_array(1, 0, -1), 1, 3);
    cn_tensor *filter = cn_concatenate(0, column, column, column);
    cn_tensor *edges = cn_conv(cn_reshape(image, 1, 6, 6, 1), cn_reshape(filter, 3, 3, 1, 1));
    printf("image\n%s\nfilter\n%s\nedges\n%s\n", cn_tensor_string(image), cn_tensor_string(filter),
           cn_tensor_string(cn_reshape(edges, 4, 4)));
}

/* What filters, strides, padding, dilation and pooling do to the shape of one image. */
static void shapes(cn_tensor *image)
{
    print_shape("image", image);
    print_shape("Conv2D(32, 3)", cn_call(cn_conv2d(32, .kernel_size = {3}), image));
    print_shape("Conv2D(8, (5, 3))", cn_call(cn_conv2d(8, .kernel_size = {5, 3}), image));
    print_shape("padding='same'",
                cn_call(cn_conv2d(8, .kernel_size = {3}, .padding = "same"), image));
    print_shape("strides=2", cn_call(cn_conv2d(8, .kernel_size = {3}, .strides = {2}), image));
    print_shape("dilation_rate=2",
                cn_call(cn_conv2d(8, .kernel_size = {3}, .dilation_rate = {2}), image));
    cn_tensor *small = cn_reshape(cn_arange(1, 17, 1, CN_FLOAT32), 1, 4, 4, 1);
    printf("pooling of\n%s\n", cn_tensor_string(cn_reshape(small, 4, 4)));
    printf("max\n%s\n", cn_tensor_string(cn_reshape(cn_call(cn_max_pooling2d(), small), 2, 2)));
    printf("average\n%s\n",
           cn_tensor_string(cn_reshape(cn_call(cn_average_pooling2d(), small), 2, 2)));
    printf("sum\n%s\n", cn_tensor_string(cn_reshape(cn_call(cn_sum_pooling2d(), small), 2, 2)));
}

/* The maps that a convolution makes of an image, one picture a filter. */
static void draw_maps(cn_model *model, const char *layer, cn_tensor *image, const char *path)
{
    cn_tensor *inside = cn_model_layer_output(model, layer);
    cn_model *part = cn_functional(.inputs = {cn_model_input(model, 0)}, .outputs = {inside});
    cn_tensor *maps = cn_model_predict(part, image, .verbose = 0); /* (1, height, width, filters) */
    maps =
        cn_transpose(cn_reshape(maps, cn_tensor_dim(maps, 1), cn_tensor_dim(maps, 2), -1), 2, 0, 1);
    cn_plot_images(path, cn_divide(maps, cn_maximum(cn_max(maps), 1e-6)), .columns = 8);
    printf("maps of %s: %s\n", layer, path);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && !strcmp(argv[1], "--quick");
    cn_set_random_seed(1);
    edge_filter();
    cn_dataset data = cn_dataset_mnist();
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    cn_tensor *x = cn_divide(cn_reshape(data.x_train, -1, 28, 28, 1), 255);
    cn_tensor *x_test = cn_divide(cn_reshape(data.x_test, -1, 28, 28, 1), 255);
    cn_tensor *y = cn_to_categorical(data.y_train), *y_test = cn_to_categorical(data.y_test);
    print_shape("train labels", y);
    print_shape("train images", x);
    cn_tensor *image = cn_rows(x, 5, 6);
    shapes(image);

    cn_clear_session(); /* the layers above do not count in the names of the network's */
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_conv2d(32, .kernel_size = {3, 3}, .activation = "relu",
                                  .input_shape = {28, 28, 1}));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {2, 2}));
    cn_model_add(model, cn_conv2d(64, .kernel_size = {3, 3}, .activation = "relu"));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {2, 2}));
    cn_model_add(model, cn_conv2d(64, .kernel_size = {3, 3}, .activation = "relu"));
    cn_model_add(model, cn_flatten());
    cn_model_add(model, cn_dense(64, .activation = "relu"));
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    cn_model_summary(model);
    cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                     .metrics = {"accuracy"});
    int64_t rows = quick ? 6000 : CN_END;
    cn_model_fit(model, cn_rows(x, 0, rows), cn_rows(y, 0, rows), .epochs = quick ? 1 : 5,
                 .batch_size = 64);
    cn_scores scores = cn_model_evaluate(model, x_test, y_test);
    printf("Pérdida (testing) = %.2f, accuracy (testing) = %.2f\n", scores.values[0],
           scores.values[1]);
    printf("test accuracy: %.4f\n", scores.values[1]);
    cn_plot_images("convnet_image.png", cn_reshape(image, 28, 28));
    draw_maps(model, "conv2d", image, "convnet_conv2d.png");
    draw_maps(model, "conv2d_1", image, "convnet_conv2d_1.png");
    draw_maps(model, "conv2d_2", image, "convnet_conv2d_2.png");
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return 0;
}
