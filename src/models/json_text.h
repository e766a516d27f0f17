/* A model from JSON text, for those who read it from files. */
#ifndef CN_MODELS_JSON_TEXT_H
#define CN_MODELS_JSON_TEXT_H

#include <cornu/models.h>

/* `what` is named in errors: a path. */
cn_model *cn__model_from_text(const char *text, size_t length, const char *what);

#endif
