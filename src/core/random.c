/* Philox 4x32-10 and the distributions made from it: element i of a draw depends on the stream and
 * i only. */
#define _DEFAULT_SOURCE /* M_PI */
#include "core/random.h"

#include "core/error.h"
#include "core/philox.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The words of a batch of blocks. */
#define BATCH CN__PHILOX_WORDS

/* The counter of block b: its number below, the step above. Redraws of single elements (attempt >=
 * 1) live where the top 16 bits of the number are not zero, which no array reaches. */
static void counter_of(cn__stream stream, uint64_t block, unsigned attempt, uint32_t counter[4])
{
    counter[0] = (uint32_t)block;
    counter[1] = (uint32_t)(block >> 32) | (uint32_t)attempt << 16;
    counter[2] = (uint32_t)stream.step;
    counter[3] = (uint32_t)(stream.step >> 32);
}

/* The words of a draw in batches: words[0 … n) are those of elements [at, at + n). */
typedef struct reader {
    cn__stream stream;
    int64_t at, end;
    uint32_t batch[BATCH];
} reader;

static const uint32_t *next_words(reader *r, int *n)
{
    /* Batches begin at blocks that are multiples of four words, so a split may cut into the first
     * of them. */
    int64_t skip = r->at % 4;
    cn__philox_blocks(r->stream.key, r->stream.step, (uint64_t)(r->at / 4), r->batch);
    int64_t count = BATCH - skip;
    if (count > r->end - r->at) {
        count = r->end - r->at;
    }
    *n = (int)count;
    r->at += count;
    return r->batch + skip;
}

void cn__random_bits(cn__stream stream, int64_t begin, int64_t n, uint32_t *out)
{
    reader r = {.stream = stream, .at = begin, .end = begin + n};
    while (r.at < r.end) {
        int count;
        const uint32_t *words = next_words(&r, &count);
        memcpy(out, words, (size_t)count * sizeof *out);
        out += count;
    }
}

void cn__random_uniform(cn__stream stream, int64_t begin, int64_t n, float *out)
{
    reader r = {.stream = stream, .at = begin, .end = begin + n};
    while (r.at < r.end) {
        int count;
        const uint32_t *words = next_words(&r, &count);
        for (int i = 0; i < count; i++) {
            /* As a signed integer, which every instruction set converts; 2^-24 makes all of them
             * exact. */
            out[i] = (float)(int32_t)(words[i] >> 8) * 0x1p-24f;
        }
        out += count;
    }
}

/* Sixteen more bits for an element, from a counter of its own. */
static uint16_t lower_half(cn__stream stream, int64_t element)
{
    const uint32_t key[2] = {(uint32_t)stream.key, (uint32_t)(stream.key >> 32)};
    uint32_t counter[4], words[4];
    counter_of(stream, (uint64_t)element, 1, counter);
    cn__philox(counter, key, words);
    return (uint16_t)words[0];
}

void cn__random_keep(cn__stream stream, int64_t begin, int64_t n, double keep, uint8_t *out)
{
    if (!(keep > 0)) {
        memset(out, 0, (size_t)n);
        return;
    }
    if (keep >= 1) {
        memset(out, 1, (size_t)n);
        return;
    }
    /* 2^32 * keep of the 2^32 words keep; at least one and not all, since keep lies between. The
     * upper half of a word decides almost always, so each word serves two elements; where it does
     * not, the lower half comes from a draw of its own. */
    uint32_t last = (uint32_t)(ceil(keep * 0x1p32) - 1);
    const uint16_t upper = (uint16_t)(last >> 16);
    int64_t end = begin + n;
    reader r = {.stream = stream, .at = begin / 2, .end = end / 2 + end % 2};
    while (r.at < r.end) {
        int64_t i = 2 * r.at;
        int count, ties = 0;
        const uint32_t *words = next_words(&r, &count);
        uint8_t kept[2 * BATCH], tie[2 * BATCH];
        for (int w = 0; w < count; w++) {
            uint16_t a = (uint16_t)words[w], b = (uint16_t)(words[w] >> 16);
            kept[2 * w] = a < upper;
            kept[2 * w + 1] = b < upper;
            tie[2 * w] = a == upper;
            tie[2 * w + 1] = b == upper;
            ties |= tie[2 * w] | tie[2 * w + 1];
        }
        for (int k = 0; ties != 0 && k < 2 * count; k++) {
            if (tie[k]) {
                kept[k] = lower_half(stream, i + k) <= (uint16_t)last;
            }
        }
        int64_t skip = i < begin ? begin - i : 0, stop = end - i < 2 * count ? end - i : 2 * count;
        memcpy(out + (i + skip - begin), kept + skip, (size_t)(stop - skip));
    }
}

/* Box and Muller: two words give two independent normals, r cos t and r sin t with r = sqrt(-2 log
 * u) and t = 2 pi v. u lies in (0, 1], so that the logarithm is finite. */
static void box_muller(uint32_t a, uint32_t b, float out[2])
{
    double r = sqrt(-2 * log(((double)a + 1) * 0x1p-32));
    double t = (double)b * (2 * M_PI * 0x1p-32);
    out[0] = (float)(r * cos(t));
    out[1] = (float)(r * sin(t));
}

void cn__random_normal(cn__stream stream, int64_t begin, int64_t n, float *out)
{
    int64_t end = begin + n;
    /* Elements 2k and 2k + 1 come from the words 2k and 2k + 1, so reading starts at an even one.
     */
    reader r = {.stream = stream, .at = begin - begin % 2, .end = end + end % 2};
    int64_t i = r.at;
    while (r.at < r.end) {
        int count;
        const uint32_t *words = next_words(&r, &count);
        for (int w = 0; w + 1 < count; w += 2, i += 2) {
            float pair[2];
            box_muller(words[w], words[w + 1], pair);
            for (int k = 0; k < 2; k++) {
                if (i + k >= begin && i + k < end) {
                    out[i + k - begin] = pair[k];
                }
            }
        }
    }
}

/* |x| <= 2 for the element that fell outside: four candidates an attempt, from a counter of its
 * own. */
static float redraw(cn__stream stream, int64_t element)
{
    const uint32_t key[2] = {(uint32_t)stream.key, (uint32_t)(stream.key >> 32)};
    for (unsigned attempt = 1; attempt < 0x10000; attempt++) {
        uint32_t counter[4], words[4];
        float x[4];
        counter_of(stream, (uint64_t)element, attempt, counter);
        cn__philox(counter, key, words);
        box_muller(words[0], words[1], x);
        box_muller(words[2], words[3], x + 2);
        for (int k = 0; k < 4; k++) {
            if (fabsf(x[k]) <= 2) {
                return x[k];
            }
        }
    }
    return 0; /* after 2^18 draws with a chance of 0.95 each: never */
}

void cn__random_truncated_normal(cn__stream stream, int64_t begin, int64_t n, float *out)
{
    cn__random_normal(stream, begin, n, out);
    for (int64_t i = 0; i < n; i++) {
        if (!(fabsf(out[i]) <= 2)) {
            out[i] = redraw(stream, begin + i);
        }
    }
}

/* The words of a stream one after the other. */
typedef struct source {
    reader r;
    const uint32_t *words;
    int left;
} source;

static uint32_t next_word(source *s)
{
    if (s->left == 0) {
        s->r.end = INT64_MAX;
        s->words = next_words(&s->r, &s->left);
    }
    s->left--;
    return *s->words++;
}

/* A number below `bound`, each with the same chance. Up to 32 bits it is the upper half of word *
 * bound, where the first 2^32 mod bound values of the lower half are thrown away (Lemire, 2019): no
 * division in most cases. */
static uint64_t below(source *s, uint64_t bound)
{
    if (bound <= UINT32_MAX) {
        uint64_t product = next_word(s) * bound;
        if ((uint32_t)product < bound) {
            uint32_t unfair = (uint32_t)(-(uint32_t)bound % bound);
            while ((uint32_t)product < unfair) {
                product = next_word(s) * bound;
            }
        }
        return product >> 32;
    }
    uint64_t rest = (UINT64_MAX % bound + 1) % bound;
    for (;;) {
        uint64_t x = (uint64_t)next_word(s) << 32;
        x |= next_word(s);
        if (x <= UINT64_MAX - rest) {
            return x % bound;
        }
    }
}

void cn__random_permutation(cn__stream stream, int64_t n, int64_t *out)
{
    source s = {.r = {.stream = stream}};
    for (int64_t i = 0; i < n; i++) {
        out[i] = i;
    }
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)below(&s, (uint64_t)i + 1);
        int64_t swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
}

/* Seeds --------------------------------------------------------------------------------------- */

/* SplitMix64's finaliser: every bit of x reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint64_t cn__seed_mix(uint64_t seed, uint64_t op)
{
    return mix(mix(seed + 0x9E3779B97F4A7C15u) + (op + 1) * 0x9E3779B97F4A7C15u);
}

static pthread_mutex_t seed_lock = PTHREAD_MUTEX_INITIALIZER;
static bool seed_known;
static uint64_t seed_global;
static uint64_t seed_count;

/* The clock, the process and where the system put our memory: different in every run. */
static uint64_t fresh_seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed = mix((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
    seed = mix(seed ^ (uint64_t)getpid());
    return mix(seed ^ (uint64_t)(uintptr_t)&seed ^ (uint64_t)(uintptr_t)&seed_global << 20);
}

/* With the lock held. */
static uint64_t known_seed(void)
{
    if (!seed_known) {
        seed_global = fresh_seed();
        seed_known = true;
    }
    return seed_global;
}

uint64_t cn__seed_global(void)
{
    pthread_mutex_lock(&seed_lock);
    uint64_t seed = known_seed();
    pthread_mutex_unlock(&seed_lock);
    return seed;
}

uint64_t cn__seed_next(void)
{
    pthread_mutex_lock(&seed_lock);
    uint64_t seed = known_seed();
    uint64_t count = seed_count++;
    pthread_mutex_unlock(&seed_lock);
    return cn__seed_mix(seed, count);
}

int cn_set_random_seed(uint64_t seed)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    pthread_mutex_lock(&seed_lock);
    seed_global = seed;
    seed_known = true;
    seed_count = 0;
    pthread_mutex_unlock(&seed_lock);
    return 0;
}
