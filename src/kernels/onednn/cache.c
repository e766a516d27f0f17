/* Convolutions of oneDNN kept by shape: a fixed number of them, shared by all threads. */
#include "kernels/onednn/onednn.h"

#include <pthread.h>
#include <string.h>

/* More than the shapes of any network of today, and than the threads that can be inside a call. In
 * static memory, so that what outlives every model owes nothing to the user's allocator. */
enum { ENTRIES = 512 };

static cn__onednn_conv entries[ENTRIES];
static uint64_t hashes[ENTRIES]; /* 0: free; beside each other, so that a search reads 4 KB */
static uint64_t clock_ticks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a over the key's numbers, never 0. */
static uint64_t hash_of(const cn__onednn_key *key)
{
    int32_t word[sizeof *key / sizeof(int32_t)];
    memcpy(word, key, sizeof *key);
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        hash = (hash ^ (uint32_t)word[i]) * 1099511628211u;
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}

/* A free place, else the one not used for longest; -1 if all are in use. */
static int find_place(void)
{
    int best = -1;
    for (int i = 0; i < ENTRIES; i++) {
        if (!hashes[i]) {
            return i;
        }
        if (!entries[i].uses && (best < 0 || entries[i].stamp < entries[best].stamp)) {
            best = i;
        }
    }
    return best;
}

/* A new entry, made under the lock: threads that come together want the same one. */
static cn__onednn_conv *add(const cn__onednn_key *key, uint64_t hash)
{
    int at = cn__onednn_engine() ? find_place() : -1;
    if (at < 0) {
        return NULL;
    }
    if (hashes[at]) {
        cn__onednn_destroy(&entries[at]);
        hashes[at] = 0;
    }
    memset(&entries[at], 0, sizeof entries[at]);
    entries[at].key = *key;
    int before = cn__onednn_begin();
    dnnl_status_t status = cn__onednn_make(&entries[at]);
    cn__onednn_end(before);
    if (status != dnnl_success) {
        return NULL;
    }
    hashes[at] = hash;
    return &entries[at];
}

const cn__onednn_conv *cn__onednn_take(const cn__onednn_key *key)
{
    uint64_t hash = hash_of(key);
    cn__onednn_conv *found = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; !found && i < ENTRIES; i++) {
        if (hashes[i] == hash && !memcmp(&entries[i].key, key, sizeof *key)) {
            found = &entries[i];
        }
    }
    found = found ? found : add(key, hash);
    if (found) {
        found->uses++;
        found->stamp = ++clock_ticks;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void cn__onednn_give(const cn__onednn_conv *conv)
{
    pthread_mutex_lock(&lock);
    entries[conv - entries].uses--;
    pthread_mutex_unlock(&lock);
}
