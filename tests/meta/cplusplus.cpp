/* A C++17 program that uses the same functions as C: it trains a small dense net by the _with
 * functions and by overloads. */
#include <cornu.h>

#include <cmath>
#include <cstdio>
#include <vector>

static cn_layer *dense(int64_t units, const char *activation, int64_t columns)
{
    cn_dense_args args = cn_dense_defaults;
    args.units = units;
    args.activation = activation;
    if (columns) {
        args.input_shape.v[0] = columns;
        args.input_shape.n = 1;
    }
    return cn_dense_with(&args);
}

static int failed(const char *what)
{
    std::fprintf(stderr, "%s: %s\n", what, cn_error() ? cn_error() : "not as expected");
    return 1;
}

/* Numbers and tensors in every place, of every type that has an overload of its own. */
static bool numbers()
{
    const double values[] = {2, 4, 8};
    cn_tensor *v = cn_array_of(3, values);
    const cn_tensor *constant = v;
    cn_tensor *results[] = {cn_divide(v, 2),
                            cn_divide(v, 2.0),
                            cn_divide(v, 2.0f),
                            cn_multiply(0.5, v),
                            cn_multiply(v, 0.5L),
                            cn_divide(constant, 2L),
                            cn_divide(v, 2LL),
                            cn_divide(v, 2u),
                            cn_divide(v, 2ul),
                            cn_divide(v, 2ull),
                            cn_subtract(v, cn_divide(v, 2)),
                            cn_where(true, cn_divide(v, 2), 0)};
    for (cn_tensor *r : results) {
        if (!r || cn_tensor_item(r, 0) != 1 || cn_tensor_item(r, 2) != 4) {
            return false;
        }
    }
    cn_tensor *variable = cn_variable_with(cn__tensor_of(3.0), &cn_variable_defaults);
    cn_assign_sub(variable, 1);
    cn_assign_add(variable, 0.5);
    bool good = cn_tensor_value(variable) == 2.5 && cn_assign(variable, v) < 0;
    cn_error_clear();
    return good && !cn_add(nullptr, 1) && cn_error_code() != 0;
}

int main()
{
    if (!numbers()) {
        return failed("numbers");
    }
    cn_error_clear();
    cn_set_random_seed(1);
    const int64_t rows = 64, shape[] = {rows, 4};
    std::vector<float> data(rows * 4), targets(rows);
    for (int64_t i = 0; i < rows * 4; i++) {
        data[static_cast<std::size_t>(i)] = static_cast<float>(i * 37 % 255);
    }
    cn_tensor *x = cn_divide(cn_tensor_new(CN_FLOAT32, 2, shape, data.data()), 255);
    cn_tensor *y = cn_greater(cn_slice(x, 1, 0, 1, 1), 0.5);
    cn_sequential_args sequential = cn_sequential_defaults;
    sequential.layers[0] = dense(16, "relu", 4);
    sequential.layers[1] = dense(1, "sigmoid", 0);
    cn_model *model = cn_sequential_with(&sequential);
    cn_optimizer_adam_args adam = cn_optimizer_adam_defaults;
    adam.learning_rate = 0.02;
    cn_compile_args compile = cn_compile_defaults;
    compile.optimizer = cn_optimizer_adam_with(&adam);
    compile.loss.v[0] = "binary_crossentropy";
    compile.metrics.v[0] = "accuracy";
    cn_model_compile_with(model, &compile);
    cn_fit_args fit = cn_fit_defaults;
    fit.epochs = 60;
    fit.verbose = 0;
    cn_history *history = cn_model_fit_with(model, cn__data_one(x), cn__data_one(y), &fit);
    int64_t n = 0;
    const double *loss = history ? cn_history_get(history, "loss", &n) : nullptr;
    if (!loss || n != 60 || !(loss[59] < 0.6 * loss[0])) {
        return failed("fit");
    }
    cn_evaluate_args evaluate = cn_evaluate_defaults;
    evaluate.verbose = 0;
    cn_scores scores = cn_model_evaluate_with(model, cn__data_one(x), cn__data_one(y), &evaluate);
    cn_predict_args predict = cn_predict_defaults;
    predict.verbose = 0;
    cn_tensor *p = cn_model_predict_with(model, cn__data_one(x), &predict);
    float first = 0;
    cn_model_predict_into(model, cn_tensor_data(x), 1, &first, sizeof first);
    if (scores.n != 2 || !p ||
        !(std::fabs(static_cast<double>(first) - cn_tensor_item(p, 0)) < 1e-6)) {
        return failed("predict");
    }
    return cn_error() ? failed("at the end") : 0;
}
