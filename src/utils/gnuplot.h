/* Runs gnuplot on a script of ours and keeps the picture that it writes. */
#ifndef CN_UTILS_GNUPLOT_H
#define CN_UTILS_GNUPLOT_H

#include "core/memory.h"

typedef enum cn__picture { CN__PICTURE_UNKNOWN, CN__PICTURE_PNG, CN__PICTURE_SVG } cn__picture;

/* What the ending of the path says; CN__PICTURE_UNKNOWN and an error if it is neither .png nor
 * .svg. */
cn__picture cn__picture_of(const char *path);
/* Begins a script: the terminal of that size and the look that all plots share. */
void cn__gnuplot_begin(cn__text *script, cn__picture picture, int width, int height);
/* Adds text as a string of gnuplot's language: quoted, on one line. */
void cn__gnuplot_string(cn__text *script, const char *text);
/* Runs the script and puts what it draws at `path`. Frees the script. CN_EUNSUPPORTED where there
 * is no gnuplot. */
int cn__gnuplot_run(cn__text *script, const char *path, cn__picture picture);

#endif
