/* Archives of arrays, compiled once more for tests of a library that was built without libzip. */
#if CN_TEST_HAVE_LIBZIP && !CN__HAVE_LIBZIP
#undef CN__HAVE_LIBZIP
#define CN__HAVE_LIBZIP 1
#include "../../src/data/npz.c"
#else
typedef int nothing_to_add;
#endif
