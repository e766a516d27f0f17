/* The table of all ops, in the list's order. */
#include "ops/op.h"

#include <string.h>

static const cn__op *const table[] = {
#define XX(name) &cn__op_##name,
    CN__OP_MAP(XX)
#undef XX
};

int cn__op_count(void)
{
    return (int)(sizeof table / sizeof *table);
}

const cn__op *cn__op_at(int index)
{
    return index >= 0 && index < cn__op_count() ? table[index] : NULL;
}

const cn__op *cn__op_find(const char *name)
{
    for (int i = 0; i < cn__op_count(); i++) {
        if (!strcmp(table[i]->name, name)) {
            return table[i];
        }
    }
    return NULL;
}
