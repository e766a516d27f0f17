/* Writing configs, compiled once more for tests of a library that was built without jansson. */
#if CN_TEST_HAVE_JANSSON && !CN__HAVE_JANSSON
#undef CN__HAVE_JANSSON
#define CN__HAVE_JANSSON 1
#include "../../src/utils/config_write.c"
#else
typedef int nothing_to_add;
#endif
