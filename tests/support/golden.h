/* Golden cases: what the real Keras answered, read from ../shared/golden (CORNU_SHARED says where
 * else). */
#ifndef CN_TESTS_SUPPORT_GOLDEN_H
#define CN_TESTS_SUPPORT_GOLDEN_H

#include <cornu/tensor.h>
#include <stdbool.h>

#if CN_TEST_HAVE_JANSSON
#include <jansson.h>

typedef struct golden_case {
    const char *kind, *name; /* "layers", "Dense_01" */
    json_t *json;
    char npz[1024]; /* path of the arrays; they are read when asked for */
} golden_case;

/* Calls check for every case of a kind ("layers"), or of those whose name begins with `prefix`
 * (NULL: all), each in a scope of its own; a pending error that check leaves fails the test. Skips
 * the running cmocka test, and says so, if the folder is not there. Returns how many cases check
 * answered for with true; prints how many it passed over. The environment's CORNU_TEST_CASE
 * names the one case to run. */
int golden_each(const char *kind, const char *prefix,
                bool (*check)(const golden_case *c, void *user), void *user);
/* Whether n cases are enough: one at least, or the only one that CORNU_TEST_CASE names may be of
 * another test. What is there depends on the variant of the golden data. */
bool golden_some(int n);
/* The path of a file below shared/ in `buffer` of 1024 bytes; NULL if there is no such file. */
const char *golden_path(const char *below, char *buffer);
/* The text of a file (free() it), or NULL. */
char *golden_text(const char *below);
/* An array of the case; fails the test if it has none of this name. */
cn_tensor *golden_array(const golden_case *c, const char *name);
bool golden_has(const golden_case *c, const char *name);
/* A member of the case's JSON as text, or NULL. */
const char *golden_string(const golden_case *c, const char *key);
/* Fails unless dtype class and shape are equal and |got - want| <= absolute + relative |want|
 * everywhere; NaN agrees with NaN only, an infinity with the same one. `what` names the value in
 * the message. */
void golden_close(const golden_case *c, const char *what, const cn_tensor *got,
                  const cn_tensor *want, double absolute, double relative);
/* Whether two JSON values are equal, numbers by value (2 and 2.0), objects with their keys in the
 * same order. */
bool golden_same_json(const json_t *a, const json_t *b);
#endif

#endif
