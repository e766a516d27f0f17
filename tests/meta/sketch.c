/* The user's side of the whole design in one program, which must compile strictly against the
 * public headers. */
#include <cornu.h>
#include <stdio.h>

int main(void)
{
    cn_dataset data = cn_dataset_fashion_mnist();
    cn_tensor *x = cn_divide(cn_cast(cn_reshape(data.x_train, -1, 28 * 28), CN_FLOAT32), 255);
    cn_tensor *y = cn_to_categorical(data.y_train, .num_classes = 10);

    cn_model *model = cn_sequential();
    cn_model_add(model, cn_dense(512, .activation = "relu", .input_shape = {28 * 28}));
    cn_model_add(model, cn_dense(512, .activation = "relu", .use_bias = false));
    cn_model_add(model, cn_dense(10));
    cn_model_add(model, cn_conv2d(32, .kernel_size = {3, 3}, .activation = "relu"));
    cn_model_compile(model, .optimizer = cn_optimizer_adam(.learning_rate = 0.002),
                     .loss = "categorical_crossentropy", .metrics = {"accuracy"});
    cn_model_fit(model, cn_rows(x, 10000, CN_END), cn_rows(y, 10000, CN_END), .batch_size = 128,
                 .epochs = 10, .validation_data = {cn_rows(x, 0, 10000), cn_rows(y, 0, 10000)},
                 .callbacks = {cn_callback_reduce_lr_on_plateau(.monitor = "val_loss",
                                                                .factor = 0.5, .patience = 2)});
    cn_model_save_weights(model, "fashion.npz");
    for (int step = 0; step < 500; step++) {
        cn_scope scope = cn_scope_begin();
        cn_tape *tape = cn_tape_begin();
        cn_tensor *z = cn_square(cn_subtract(x, 4));
        cn_assign_sub(x, cn_multiply(cn_tape_gradient(tape, z, x), 0.01));
        cn_scope_end(scope);
    }
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return 0;
}
