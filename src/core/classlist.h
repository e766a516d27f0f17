/* The lists of built-in classes, one a kind: adding one costs a line here and one file in its
 * folder. */
#ifndef CN_CORE_CLASSLIST_H
#define CN_CORE_CLASSLIST_H

/* clang-format off */
/* XX(name): the record is cn__layer_<name>, of type cn_layer_class. */
#define CN__LAYER_MAP(XX) \
    XX(dense) XX(activation) XX(flatten) XX(reshape) XX(dropout) XX(rescaling) XX(input_layer) \
    XX(relu) XX(leaky_relu) XX(softmax) XX(batch_normalization) \
    XX(conv1d) XX(conv2d) XX(conv3d) XX(conv1d_transpose) XX(conv2d_transpose) XX(conv3d_transpose) \
    XX(depthwise_conv1d) XX(depthwise_conv2d) XX(separable_conv1d) XX(separable_conv2d) \
    XX(max_pooling1d) XX(max_pooling2d) XX(max_pooling3d) XX(average_pooling1d) XX(average_pooling2d) XX(average_pooling3d) \
    XX(sum_pooling1d) XX(sum_pooling2d) XX(sum_pooling3d) \
    XX(global_max_pooling1d) XX(global_max_pooling2d) XX(global_max_pooling3d) \
    XX(global_average_pooling1d) XX(global_average_pooling2d) XX(global_average_pooling3d) \
    XX(adaptive_max_pooling1d) XX(adaptive_max_pooling2d) XX(adaptive_max_pooling3d) \
    XX(adaptive_average_pooling1d) XX(adaptive_average_pooling2d) XX(adaptive_average_pooling3d) \
    XX(zero_padding1d) XX(zero_padding2d) XX(zero_padding3d) XX(cropping1d) XX(cropping2d) XX(cropping3d) \
    XX(up_sampling1d) XX(up_sampling2d) XX(up_sampling3d) XX(permute) XX(repeat_vector) \
    XX(layer_normalization) XX(rms_normalization) XX(group_normalization) XX(unit_normalization) \
    XX(spatial_dropout1d) XX(spatial_dropout2d) XX(spatial_dropout3d) XX(gaussian_noise) XX(gaussian_dropout) XX(alpha_dropout) \
    XX(activity_regularization) XX(add) XX(subtract) XX(multiply) XX(average) XX(maximum) XX(minimum) XX(concatenate) XX(dot) \
    XX(embedding) XX(einsum_dense) XX(masking) XX(identity) XX(elu) XX(prelu) XX(thresholded_relu)
#define CN__ACTIVATION_MAP(XX) \
    XX(linear) XX(relu) XX(sigmoid) XX(tanh) XX(softmax) XX(elu) XX(exponential) XX(gelu) XX(hard_sigmoid) \
    XX(leaky_relu) XX(mish) XX(relu6) XX(selu) XX(silu) XX(softplus) XX(softsign) XX(log_softmax) \
    XX(celu) XX(glu) XX(hard_shrink) XX(hard_silu) XX(hard_tanh) XX(log_sigmoid) XX(soft_shrink) XX(sparse_plus) \
    XX(sparse_sigmoid) XX(sparsemax) XX(squareplus) XX(tanh_shrink) XX(threshold)
#define CN__INITIALIZER_MAP(XX) \
    XX(zeros) XX(ones) XX(constant) XX(random_normal) XX(random_uniform) XX(truncated_normal) XX(variance_scaling) \
    XX(glorot_normal) XX(glorot_uniform) XX(he_normal) XX(he_uniform) XX(lecun_normal) XX(lecun_uniform) XX(orthogonal) XX(identity)
#define CN__REGULARIZER_MAP(XX) XX(l1) XX(l2) XX(l1_l2) XX(orthogonal)
#define CN__CONSTRAINT_MAP(XX) XX(max_norm) XX(min_max_norm) XX(non_neg) XX(unit_norm) XX(radial)
#define CN__SCHEDULE_MAP(XX) \
    XX(exponential_decay) XX(inverse_time_decay) XX(piecewise_constant_decay) XX(polynomial_decay) XX(cosine_decay) XX(cosine_decay_restarts)
#define CN__LOSS_MAP(XX) \
    XX(binary_crossentropy) XX(categorical_crossentropy) XX(sparse_categorical_crossentropy) XX(mean_squared_error) \
    XX(mean_absolute_error) XX(hinge) XX(squared_hinge) XX(categorical_hinge) XX(mean_absolute_percentage_error) \
    XX(mean_squared_logarithmic_error) XX(huber) XX(log_cosh) XX(kl_divergence) XX(poisson) XX(cosine_similarity) \
    XX(binary_focal_crossentropy) XX(categorical_focal_crossentropy) XX(categorical_generalized_cross_entropy) \
    XX(dice) XX(tversky) XX(circle) XX(ctc)
#define CN__METRIC_MAP(XX) \
    XX(mean) XX(sum) XX(accuracy) XX(binary_accuracy) XX(categorical_accuracy) XX(sparse_categorical_accuracy) \
    XX(top_k_categorical_accuracy) XX(sparse_top_k_categorical_accuracy) XX(mean_metric_wrapper) \
    XX(binary_crossentropy) XX(categorical_crossentropy) XX(sparse_categorical_crossentropy) XX(mean_squared_error) \
    XX(mean_absolute_error) XX(mean_absolute_percentage_error) XX(mean_squared_logarithmic_error) XX(log_cosh_error) XX(hinge) \
    XX(squared_hinge) XX(categorical_hinge) XX(kl_divergence) XX(poisson) XX(cosine_similarity) \
    XX(root_mean_squared_error) XX(r2_score) XX(pearson_correlation) XX(concordance_correlation) \
    XX(true_positives) XX(true_negatives) XX(false_positives) XX(false_negatives) XX(precision) XX(recall) XX(auc) \
    XX(precision_at_recall) XX(recall_at_precision) XX(sensitivity_at_specificity) XX(specificity_at_sensitivity) \
    XX(fbeta_score) XX(f1_score) XX(iou) XX(binary_iou) XX(mean_iou) XX(one_hot_iou) XX(one_hot_mean_iou)
#define CN__OPTIMIZER_MAP(XX) \
    XX(sgd) XX(rmsprop) XX(adam) XX(adamw) XX(adadelta) XX(adagrad) XX(adamax) XX(nadam) XX(ftrl) XX(lion) XX(adafactor) \
    XX(lamb) XX(muon) XX(schedule_free_adamw)
#define CN__CALLBACK_MAP(XX) XX(history) XX(reduce_lr_on_plateau) XX(lambda) XX(terminate_on_nan) \
    XX(early_stopping) XX(learning_rate_scheduler) XX(csv_logger)
/* clang-format on */

/* XX(KIND, name): the record cn__kind_<name>. */
#define CN__KIND_MAP(XX)                                                                           \
    XX(LAYER, layer)                                                                               \
    XX(ACTIVATION, activation)                                                                     \
    XX(INITIALIZER, initializer)                                                                   \
    XX(REGULARIZER, regularizer)                                                                   \
    XX(CONSTRAINT, constraint)                                                                     \
    XX(SCHEDULE, schedule)                                                                         \
    XX(LOSS, loss)                                                                                 \
    XX(METRIC, metric)                                                                             \
    XX(OPTIMIZER, optimizer)                                                                       \
    XX(CALLBACK, callback)

#endif
