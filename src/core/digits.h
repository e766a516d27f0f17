/* The decimal digits of a floating number: as few as tell it apart from its neighbours, or rounded.
 */
#ifndef CN_CORE_DIGITS_H
#define CN_CORE_DIGITS_H

#include <stdbool.h>

typedef enum cn__width { CN__WIDTH_DOUBLE, CN__WIDTH_FLOAT, CN__WIDTH_HALF } cn__width;

/* |value| = d[0].d[1]d[2]… * 10^exponent, without zeros at the end; zero is one digit 0 with
 * exponent 0. */
typedef struct cn__digits {
    char d[40];
    int n;
    int exponent;
    bool negative;
} cn__digits;

/* The fewest digits that read back as `value`, a finite number of the given width. */
void cn__digits_shortest(double value, cn__width width, cn__digits *out);
/* The exact value rounded to `fraction` digits (at most 17) behind the point, half to even; |value|
 * below 1e17. */
void cn__digits_fixed(double value, int fraction, cn__digits *out);
/* The exact value rounded to `fraction` digits (at most 17) behind the first. */
void cn__digits_scientific(double value, int fraction, cn__digits *out);
/* How many digits stand behind the point when written without an exponent. */
int cn__digits_fraction(const cn__digits *digits);

#endif
