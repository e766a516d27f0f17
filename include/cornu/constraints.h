/* Constraints (keras.constraints): what a weight is projected to after each step. */
#ifndef CORNU_CONSTRAINTS_H
#define CORNU_CONSTRAINTS_H

#include <cornu/classes.h>
#include <cornu/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cn_constraint cn_constraint;

/* A constraint: the projected weight, written in ops. */
typedef struct cn_constraint_class {
    cn_class base;
    cn_tensor *(*call)(const cn_constraint *self, cn_tensor *weight);
} cn_constraint_class;

CN_API cn_constraint *cn_constraint_new(const cn_constraint_class *cls, const void *args);
CN_API const void *cn_constraint_arguments(const cn_constraint *constraint);
/* Makes the class known to files and identifiers, under "package>name". */
CN_API int cn_register_constraint(const cn_constraint_class *cls, const char *package);
/* A constraint from a function of (weight, user). */
CN_API cn_constraint *cn_constraint_from(cn_tensor *(*function)(cn_tensor *weight, void *user),
                                         void *user, const char *name);
/* A constraint from a name ("max_norm"), JSON or object (keras.constraints.get). */
CN_API cn_constraint *cn_constraint_get(cn_identifier identifier);
/* constraint(weight): the projected weight, in a tensor of its own. */
CN_API cn_tensor *cn_constraint_call(const cn_constraint *constraint, cn_tensor *weight);

/* Constraints without arguments: weights >= 0, and kernels (size, size, in, out) whose values
 * depend on the distance from the centre only. */
typedef struct cn_constraint_args {
    size_t size;
    CN__END;
} cn_constraint_args;
CN_API cn_constraint *cn_constraint_non_neg(void);
CN_API cn_constraint *cn_constraint_radial(void);

/* Norms along the axes at most max_value. */
typedef struct cn_constraint_max_norm_args {
    size_t size;
    double max_value; /* 2 */
    cn_ints axis;     /* 0 */
    CN__END;
} cn_constraint_max_norm_args;
#define CN_CONSTRAINT_MAX_NORM_DEFAULTS .max_value = 2
CN_API extern const cn_constraint_max_norm_args cn_constraint_max_norm_defaults;
CN_API cn_constraint *cn_constraint_max_norm_with(const cn_constraint_max_norm_args *args);
#define cn_constraint_max_norm(...)                                                                \
    CN__CALL(cn_constraint_max_norm_with, cn_constraint_max_norm_args,                             \
             CN_CONSTRAINT_MAX_NORM_DEFAULTS, __VA_ARGS__)

/* Norms along the axes moved into [min_value, max_value], by the part `rate` of the way. */
typedef struct cn_constraint_min_max_norm_args {
    size_t size;
    double min_value, max_value, rate; /* 0, 1, 1 */
    cn_ints axis;                      /* 0 */
    CN__END;
} cn_constraint_min_max_norm_args;
#define CN_CONSTRAINT_MIN_MAX_NORM_DEFAULTS .max_value = 1, .rate = 1
CN_API extern const cn_constraint_min_max_norm_args cn_constraint_min_max_norm_defaults;
CN_API cn_constraint *cn_constraint_min_max_norm_with(const cn_constraint_min_max_norm_args *args);
#define cn_constraint_min_max_norm(...)                                                            \
    CN__CALL(cn_constraint_min_max_norm_with, cn_constraint_min_max_norm_args,                     \
             CN_CONSTRAINT_MIN_MAX_NORM_DEFAULTS, __VA_ARGS__)

/* Norms along the axes of 1. */
typedef struct cn_constraint_unit_norm_args {
    size_t size;
    cn_ints axis; /* 0 */
    CN__END;
} cn_constraint_unit_norm_args;
#define CN_CONSTRAINT_UNIT_NORM_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_constraint_unit_norm_args cn_constraint_unit_norm_defaults;
CN_API cn_constraint *cn_constraint_unit_norm_with(const cn_constraint_unit_norm_args *args);
#define cn_constraint_unit_norm(...)                                                               \
    CN__CALL(cn_constraint_unit_norm_with, cn_constraint_unit_norm_args,                           \
             CN_CONSTRAINT_UNIT_NORM_DEFAULTS, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif
