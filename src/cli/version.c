/* cornu version: what this build is, and what it uses on this machine. */
#include "cli/cli.h"
#include "core/threads.h"
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if CN__HAVE_JANSSON
#include <jansson.h>
#endif
#if CN__HAVE_LIBZIP
#include <zip.h>
#endif
#if CN__HAVE_ZLIB
#include <zlib.h>
#endif
#if CN__HAVE_PNG
#include <png.h>
#endif

static const cn__cli_option options[] = {CN__CLI_END};

static void print_kernels(void)
{
    const char *wanted = getenv("CORNU_KERNELS");
    bool reference = wanted && !strcmp(wanted, "reference");
    printf("kernels: %s\n", reference         ? "reference"
                            : CN__HAVE_ONEDNN ? "cpu, oneDNN, reference"
                                              : "cpu, reference");
    printf("instruction set: %s (built for", cn__cpu_isa_name(cn__cpu_isa()));
    static const char *const built[] = {
#ifdef CN__HAVE_ISA_avx512
        "avx512",
#endif
#ifdef CN__HAVE_ISA_avx2
        "avx2",
#endif
#ifdef CN__HAVE_ISA_sse2
        "sse2",
#endif
        "plain"};
    for (size_t i = 0; i < sizeof built / sizeof *built; i++) {
        printf("%s %s", i ? "," : "", built[i]);
    }
    printf(")\n");
}

static void print_libraries(void)
{
    const char *separator = " ";
    printf("libraries:");
#if CN__HAVE_ONEDNN
    printf("%soneDNN", separator);
    separator = ", ";
#endif
#if CN__HAVE_JANSSON
    printf("%sjansson %s", separator, JANSSON_VERSION);
    separator = ", ";
#endif
#if CN__HAVE_LIBZIP
    printf("%slibzip %s", separator, zip_libzip_version());
    separator = ", ";
#endif
#if CN__HAVE_ZLIB
    printf("%szlib %s", separator, zlibVersion());
    separator = ", ";
#endif
#if CN__HAVE_PNG
    printf("%slibpng %s", separator, PNG_LIBPNG_VER_STRING);
    separator = ", ";
#endif
#if CN__HAVE_CURL
    printf("%slibcurl (opened when it is needed)", separator);
    separator = ", ";
#endif
    printf("%s\n", *separator == ' ' ? " none" : "");
}

static int run(const cn__cli_values *v)
{
    (void)v;
    printf("cornu %s\n", cn_version());
    printf("Keras: %s by default\n", cn_keras());
    print_kernels();
    printf("threads: %d\n", cn_num_threads());
    print_libraries();
    return 0;
}

const cn__cli_command cn__cli_version = {
    .name = "version",
    .usage = "",
    .does = "prints the version and what is in use",
    .text = "Prints Cornu's version, the Keras that it follows by default, the kernels and the "
            "instruction set in use, the number of threads and the libraries of this build.",
    .options = options,
    .min_positional = 0,
    .max_positional = 0,
    .run = run};
