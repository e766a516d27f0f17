/* Gradients: tf.GradientTape. */
#ifndef CORNU_TAPE_H
#define CORNU_TAPE_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_tape_args {
    size_t size;
    bool persistent;               /* false: one gradient ends the tape */
    bool watch_accessed_variables; /* true */
    CN__END;
} cn_tape_args;
#define CN_TAPE_DEFAULTS .watch_accessed_variables = true
CN_API extern const cn_tape_args cn_tape_defaults;
/* Starts recording what this thread computes from trainable variables and watched tensors, until
 * cn_tape_end or, for a tape that is not persistent, until its gradient is taken. Tapes nest. */
CN_API cn_tape *cn_tape_begin_with(const cn_tape_args *args);
#define cn_tape_begin(...) CN__CALL(cn_tape_begin_with, cn_tape_args, CN_TAPE_DEFAULTS, __VA_ARGS__)
/* Stops recording; a gradient can still be taken. */
CN_API int cn_tape_end(cn_tape *tape);
CN_API int cn_tape_watch(cn_tape *tape, cn_tensor *t);
CN_API int cn_tape_reset(cn_tape *tape);
CN_API int cn_tape_stop_recording(cn_tape *tape);
CN_API int cn_tape_resume_recording(cn_tape *tape);

typedef struct cn_gradient_args {
    size_t size;
    cn_tensors output_gradients; /* as many as targets; none: ones */
    const char
        *unconnected_gradients; /* "none": NULL for a source that is not connected; "zero": zeros */
    CN__END;
} cn_gradient_args;
#define CN_GRADIENT_DEFAULTS .unconnected_gradients = "none"
CN_API extern const cn_gradient_args cn_gradient_defaults;
/* d(sum of target)/d(source); NULL without an error if they are not connected. */
CN_API cn_tensor *cn_tape_gradient_with(cn_tape *tape, cn_tensor *target, cn_tensor *source,
                                        const cn_gradient_args *args);
#define cn_tape_gradient(...) cn__tape_gradient(__VA_ARGS__, .end_ = 0)
#define cn__tape_gradient(tape, target, source, ...)                                               \
    CN__CALL3(cn_tape_gradient_with, tape, target, source, cn_gradient_args, CN_GRADIENT_DEFAULTS, \
              __VA_ARGS__)
/* For several targets (their gradients add up) and sources: fills gradients[0 … n_sources - 1]. */
CN_API int cn_tape_gradients_with(cn_tape *tape, int n_targets, cn_tensor *const *targets,
                                  int n_sources, cn_tensor *const *sources, cn_tensor **gradients,
                                  const cn_gradient_args *args);
#define cn_tape_gradients(...) cn__tape_gradients(__VA_ARGS__, .end_ = 0)
#ifdef __GNUC__
#define cn__tape_gradients(tape, n_targets, targets, n_sources, sources, grads, ...)               \
    __extension__({                                                                                \
        CN__QUIET const cn_gradient_args cn__kw = {                                                \
            .size = sizeof(cn_gradient_args), CN_GRADIENT_DEFAULTS, .end_ = 0, __VA_ARGS__};       \
        CN__POP cn_tape_gradients_with(tape, n_targets, targets, n_sources, sources, grads,        \
                                       &cn__kw);                                                   \
    })
#else
#define cn__tape_gradients(tape, n_targets, targets, n_sources, sources, grads, ...)               \
    cn_tape_gradients_with(                                                                        \
        tape, n_targets, targets, n_sources, sources, grads,                                       \
        &(const cn_gradient_args){                                                                 \
            .size = sizeof(cn_gradient_args), CN_GRADIENT_DEFAULTS, .end_ = 0, __VA_ARGS__})
#endif
/* All of d target / d source: shape target.shape + source.shape. */
CN_API cn_tensor *cn_tape_jacobian(cn_tape *tape, cn_tensor *target, cn_tensor *source);

/* Custom gradients (tf.custom_gradient): what `forward` gives, differentiated by `backward`.
 * Backward gets the inputs, the output and d(target)/d(output), and fills gradients[i] with
 * d(target)/d(in[i]), NULL for none; it is written in ops, so that higher derivatives follow.
 * Nothing flows back to tensors that forward uses besides its inputs. `user` must outlive the tape
 * or trace. */
typedef cn_tensor *(*cn_custom_forward)(cn_tensor *const *in, int n_in, void *user);
typedef int (*cn_custom_backward)(cn_tensor *const *in, int n_in, cn_tensor *output,
                                  cn_tensor *upstream, cn_tensor **gradients, void *user);
CN_API cn_tensor *cn_custom_gradient_of(cn_custom_forward forward, cn_custom_backward backward,
                                        void *user, int n_in, cn_tensor *const *in);
/* cn_custom_gradient(forward, backward, user, x, y …) */
#define cn_custom_gradient(forward, backward, user, ...)                                           \
    cn_custom_gradient_of(forward, backward, user,                                                 \
                          (int)(sizeof((cn_tensor *[]){__VA_ARGS__}) / sizeof(cn_tensor *)),       \
                          (cn_tensor *[]){__VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
