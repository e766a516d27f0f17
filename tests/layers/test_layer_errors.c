/* Wrong use of layers: one clear error each, in the words of the Keras that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#include "core/instance.h"
#include <cornu/layers.h>
#include <cornu/models.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cn_tensor *zeros(int rank, const int64_t *shape)
{
    return cn_full(rank, shape, 0, CN_FLOAT32);
}
#define ZEROS(...)                                                                                 \
    zeros((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                         \
          (const int64_t[]){__VA_ARGS__})

static void conv2d_rank(void)
{
    cn_call(cn_conv2d(2, .kernel_size = {3}), ZEROS(2, 8, 8));
}

static void negative_filters(void)
{
    cn_conv2d(-2, .kernel_size = {3});
}

static void zero_kernel_size(void)
{
    cn_conv2d(2, .kernel_size = {0});
}

static void kernel_size_length(void)
{
    cn_conv2d(2, .kernel_size = {3, 3, 3});
}

static void zero_strides(void)
{
    cn_conv2d(2, .kernel_size = {3}, .strides = {0});
}

static void unknown_padding(void)
{
    cn_conv2d(2, .kernel_size = {3}, .padding = "full");
}

static void causal_padding_2d(void)
{
    cn_conv2d(2, .kernel_size = {3}, .padding = "causal");
}

static void strides_and_dilation(void)
{
    cn_conv2d(2, .kernel_size = {3}, .strides = {2}, .dilation_rate = {2});
}

static void groups_do_not_divide(void)
{
    cn_conv2d(5, .kernel_size = {3}, .groups = 2);
}

static void channels_not_divisible_by_groups(void)
{
    cn_call(cn_conv2d(4, .kernel_size = {3}, .groups = 2), ZEROS(1, 9, 9, 3));
}

static void kernel_larger_than_input(void)
{
    cn_call(cn_conv2d(2, .kernel_size = {7}), cn_input(.shape = {5, 5, 1}));
}

static void pool_larger_than_input(void)
{
    cn_call(cn_max_pooling2d(.pool_size = {7}), cn_input(.shape = {5, 5, 1}));
}

static void pooling_rank(void)
{
    cn_call(cn_max_pooling2d(), ZEROS(2, 8, 8));
}

static void unknown_data_format(void)
{
    cn_conv2d(2, .kernel_size = {3}, .data_format = "channels_middle");
}

static void concatenate_shapes(void)
{
    cn_call(cn_concatenate_layer(.axis = 1), ZEROS(2, 3, 4), ZEROS(2, 3, 5));
}

static void add_shapes(void)
{
    cn_call(cn_add_layer(), ZEROS(2, 3), ZEROS(2, 4));
}

static void dot_axes(void)
{
    cn_call(cn_dot_layer(.axes = {1}), ZEROS(2, 3), ZEROS(2, 4));
}

static void embedding_negative(void)
{
    cn_embedding(-3, 4);
}

static void permute_dims(void)
{
    cn_permute(.dims = {1, 3});
}

static void cropping_too_large(void)
{
    cn_call(cn_cropping1d(.cropping = {5}), cn_input(.shape = {6, 2}));
}

static void zero_padding_argument(void)
{
    cn_zero_padding2d(.padding = {1, 2, 3});
}

static void upsampling_interpolation(void)
{
    cn_up_sampling2d(.interpolation = "cubic9");
}

static void groupnorm_groups(void)
{
    cn_call(cn_group_normalization(.groups = 3), ZEROS(2, 8));
}

/* Errors of Keras itself: its words, or for those that it puts into a report on the call, which
 * names TensorFlow's nodes, the words that count. */
static const struct mistake {
    const char *name;
    void (*make)(void);
    const char *part2, *part3; /* instead of all of Keras's words */
} mistakes[] = {
#define ALL(name)                                                                                  \
    {                                                                                              \
#name, name, NULL, NULL                                                                    \
    }
    ALL(conv2d_rank),
    ALL(negative_filters),
    ALL(zero_kernel_size),
    ALL(kernel_size_length),
    ALL(zero_strides),
    ALL(unknown_padding),
    ALL(causal_padding_2d),
    ALL(strides_and_dilation),
    ALL(groups_do_not_divide),
    ALL(channels_not_divisible_by_groups),
    ALL(kernel_larger_than_input),
    {"pool_larger_than_input", pool_larger_than_input,
     "Negative dimension size caused by subtracting 7 from 5",
     "Computed output size would be zero or negative."},
    ALL(pooling_rank),
    ALL(unknown_data_format),
    ALL(concatenate_shapes),
    ALL(add_shapes),
    ALL(dot_axes),
    ALL(embedding_negative),
    ALL(permute_dims),
    {"cropping_too_large", cropping_too_large,
     "cropping parameter of Cropping layer must be greater than the input shape. Received: "
     "inputs.shape=(None, 6, 2), and cropping=(5, 5)",
     "`cropping` parameter of `Cropping1D` layer must be smaller than the input length. Received: "
     "input_shape=(None, 6, 2), cropping=(5, 5)"},
    ALL(zero_padding_argument),
    ALL(upsampling_interpolation),
    ALL(groupnorm_groups),
#undef ALL
};

#if CN_TEST_HAVE_JANSSON
static void check_words(const struct mistake *m, const json_t *list, bool three)
{
    const json_t *entry = NULL;
    for (size_t i = 0; i < json_array_size(list) && !entry; i++) {
        json_t *one = json_array_get(list, i);
        entry = strcmp(json_string_value(json_object_get(one, "name")), m->name) == 0 ? one : NULL;
    }
    assert_non_null(entry);
    const char *words = json_string_value(json_object_get(entry, "words"));
    const char *part = three ? m->part3 : m->part2;
    cn_clear_session();
    m->make();
    assert_non_null(cn_error());
    if (part) {
        assert_non_null(words);
        assert_non_null(strstr(words, part));
        if (!strstr(cn_error(), part)) {
            fail_msg("%s: \"%s\" lacks \"%s\"", m->name, cn_error(), part);
        }
    } else if (words && strcmp(words, cn_error()) != 0) {
        fail_msg("%s: \"%s\", Keras says \"%s\"", m->name, cn_error(), words);
    }
    cn_error_clear();
}

static void keras_words(void **state)
{
    (void)state;
    for (int three = 0; three < 2; three++) {
        char *text =
            golden_text(three ? "golden/text/errors_k3.json" : "golden/text/errors_k2.json");
        if (!text) {
            print_message("[  SKIPPED ] golden/text is not there (CORNU_SHARED)\n");
            skip();
        }
        json_t *root = json_loads(text, 0, NULL);
        free(text);
        assert_non_null(root);
        cn_set_keras(three ? "3.15" : "2.21");
        for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
            cn_scope scope = cn_scope_begin();
            check_words(&mistakes[i], json_object_get(root, "errors"), three);
            cn_scope_end(scope);
        }
        cn_set_keras("2.21");
        json_decref(root);
    }
}
#endif

/* What Keras has no golden text for, with a word that the message must hold. */
static void expect(const char *part, int line)
{
    if (!cn_error() || !strstr(cn_error(), part)) {
        fail_msg("line %d: \"%s\" lacks \"%s\"", line, cn_error() ? cn_error() : "no error", part);
    }
    cn_error_clear();
}
#define EXPECT(part) expect(part, __LINE__)

static void own_words(void **state)
{
    (void)state;
    cn_conv2d(0, .kernel_size = {3});
    EXPECT("Received filters=0.");
    cn_conv2d(4, .kernel_size = {3}, .groups = 0);
    EXPECT("groups=0");
    cn_conv2d_transpose(2, .kernel_size = {3}, .strides = {2}, .output_padding = {2});
    EXPECT("Strides must be greater than output padding. Received strides=(2, 2), "
           "output_padding=(2, 2).");
    cn_depthwise_conv2d(.kernel_size = {3}, .depth_multiplier = 0);
    EXPECT("`depth_multiplier`");
    cn_max_pooling2d(.pool_size = {-1});
    EXPECT("`pool_size`");
    cn_adaptive_max_pooling2d();
    EXPECT("`output_size`");
    cn_zero_padding2d(.padding = {-1});
    EXPECT("negative");
    cn_repeat_vector(0);
    EXPECT("n=0");
    cn_call(cn_subtract_layer(), ZEROS(2, 3));
    EXPECT("exactly 2 inputs");
    cn_call(cn_dot_layer(.axes = {1}), ZEROS(2, 3), ZEROS(2, 3), ZEROS(2, 3));
    EXPECT("list of 2 inputs");
    cn_call(cn_add_layer(), ZEROS(2, 3), ZEROS(3, 3));
    EXPECT("different batch sizes");
    cn_call(cn_layer_normalization(.axis = {4}), ZEROS(2, 3));
    EXPECT("Axis 4 is out of bounds");
    cn_spatial_dropout2d(1.5);
    EXPECT("Invalid value 1.5 received for `rate`");
    cn_gaussian_noise(-1);
    EXPECT("`stddev`");
    cn_thresholded_relu(.theta = -1);
    EXPECT("theta");
    cn_einsum_dense("ab,bc", .output_shape = {3});
    EXPECT("Invalid einsum equation 'ab,bc'");
    cn_call(cn_einsum_dense("ab,cd->ad", .output_shape = {3}), ZEROS(2, 3));
    EXPECT("'c'");
    cn_call(cn_embedding(3, 4), cn_full(2, (const int64_t[]){1, 2}, 7, CN_INT32));
    EXPECT("7");
    cn_layer *conv = cn_conv2d(2, .kernel_size = {3});
    assert_non_null(cn_call(conv, ZEROS(1, 5, 5, 3)));
    cn_call(conv, ZEROS(1, 5, 5, 4));
    EXPECT("expected axis -1 of input shape to have value 3, but received input with shape (1, 5, "
           "5, 4)");
    cn_call(conv, ZEROS(1, 2, 5, 3));
    EXPECT("One of the dimensions in the output is <= 0");
}

/* Sizes that no memory holds, and whose products do not fit: an error, wherever it is noticed. */
static void huge_sizes(void **state)
{
    const int64_t huge = INT64_C(1) << 62, large = INT32_MAX;
    (void)state;
    for (int i = 0; i < 20; i++) {
        cn_layer *layer =
            i == 0    ? cn_conv2d(huge, .kernel_size = {3})
            : i == 1  ? cn_conv2d(2, .kernel_size = {huge})
            : i == 2  ? cn_conv2d(2, .kernel_size = {3}, .padding = "same", .dilation_rate = {huge})
            : i == 3  ? cn_conv2d_transpose(2, .kernel_size = {3}, .strides = {huge})
            : i == 4  ? cn_conv2d_transpose(huge, .kernel_size = {3})
            : i == 5  ? cn_depthwise_conv2d(.kernel_size = {3}, .depth_multiplier = huge)
            : i == 6  ? cn_separable_conv2d(2, .kernel_size = {3}, .depth_multiplier = huge)
            : i == 7  ? cn_separable_conv2d(huge, .kernel_size = {3})
            : i == 8  ? cn_max_pooling2d(.pool_size = {huge})
            : i == 9  ? cn_average_pooling2d(.pool_size = {huge})
            : i == 10 ? cn_adaptive_average_pooling2d(.output_size = {huge})
            : i == 11 ? cn_zero_padding2d(.padding = {huge})
            : i == 12 ? cn_cropping2d(.cropping = {huge})
            : i == 13 ? cn_up_sampling2d(.sizes = {huge})
            : i == 14 ? cn_up_sampling2d(.sizes = {large}, .interpolation = "bilinear")
            : i == 15 ? cn_conv2d(2, .kernel_size = {large})
            : i == 16 ? cn_conv2d(2, .kernel_size = {large}, .dilation_rate = {large})
            : i == 17 ? cn_conv2d_transpose(2, .kernel_size = {3}, .strides = {large})
            : i == 18 ? cn_average_pooling2d(.pool_size = {large})
                      : cn_max_pooling2d(.pool_size = {3}, .strides = {huge});
        cn_tensor *y = layer ? cn_call(layer, ZEROS(1, 6, 6, 4)) : NULL;
        if (y || !cn_error()) {
            fail_msg("layer %d: no error", i);
        }
        cn_error_clear();
    }
    cn_call(cn_embedding(huge, huge), cn_full(1, (const int64_t[]){1}, 0, CN_INT32));
    assert_non_null(cn_error());
    cn_error_clear();
    cn_call(cn_repeat_vector(huge), ZEROS(2, 3));
    assert_non_null(cn_error());
    cn_error_clear();
}

/* Keras's other names for a class. */
static void aliases(void **state)
{
    static const char *const names[][2] = {{"Convolution1D", "Conv1D"},
                                           {"Convolution2D", "Conv2D"},
                                           {"Convolution3D", "Conv3D"},
                                           {"Convolution2DTranspose", "Conv2DTranspose"},
                                           {"SeparableConvolution2D", "SeparableConv2D"},
                                           {"MaxPool2D", "MaxPooling2D"},
                                           {"AvgPool1D", "AveragePooling1D"},
                                           {"GlobalAvgPool2D", "GlobalAveragePooling2D"},
                                           {"GlobalMaxPool3D", "GlobalMaxPooling3D"}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cn_class *class = cn__class_find(CN__LAYER, names[i][0]);
        assert_non_null(class);
        assert_string_equal(class->name, names[i][1]);
    }
    assert_string_equal(cn_layer_class_name(cn_max_pool2d()), "MaxPooling2D");
    assert_string_equal(cn_layer_class_name(cn_global_avg_pool1d()), "GlobalAveragePooling1D");
    assert_string_equal(cn_layer_class_name(cn_convolution2d(1, .kernel_size = {1})), "Conv2D");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if CN_TEST_HAVE_JANSSON
        cmocka_unit_test(keras_words),
#endif
        cmocka_unit_test(own_words),
        cmocka_unit_test(huge_sizes),
        cmocka_unit_test(aliases)
    };
    return cmocka_run_group_tests_name("layer errors", tests, NULL, NULL);
}
