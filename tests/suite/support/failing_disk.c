// Given to a program with LD_PRELOAD: its reading, writing or flushing of the files of a database fails with EIO, as on a
// disk that is about to die, while $FAILING_DISK has a file "read", "write" or "flush". The number in that file is how
// many such calls still succeed.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { READ, WRITE, FLUSH, KINDS };
static const char *const names[KINDS] = {"read", "write", "flush"};
static atomic_long calls[KINDS];

static int is_of_database(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/zendo.db") != NULL;
}

static int fails(enum kind kind, int file) {
    const char *folder = getenv("FAILING_DISK");
    if (!folder || !is_of_database(file)) return 0;
    char path[4096], text[32] = {0};
    snprintf(path, sizeof path, "%s/%s", folder, names[kind]);
    int flag = open(path, O_RDONLY | O_CLOEXEC);
    if (flag < 0) {
        calls[kind] = 0;
        return 0;
    }
    ssize_t (*plain_read)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    plain_read(flag, text, sizeof text - 1);
    close(flag);
    return atomic_fetch_add(&calls[kind], 1) >= atol(text);
}

#define FAILING(kind, result, name, parameters, arguments)      \
    result name parameters {                                    \
        static result(*plain) parameters;                       \
        if (!plain) plain = dlsym(RTLD_NEXT, #name);            \
        if (fails(kind, file)) {                                \
            errno = EIO;                                        \
            return -1;                                          \
        }                                                       \
        return plain arguments;                                 \
    }

FAILING(READ, ssize_t, read, (int file, void *bytes, size_t count), (file, bytes, count))
FAILING(READ, ssize_t, pread, (int file, void *bytes, size_t count, off_t at), (file, bytes, count, at))
FAILING(READ, ssize_t, pread64, (int file, void *bytes, size_t count, off64_t at), (file, bytes, count, at))
FAILING(WRITE, ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
FAILING(WRITE, ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
FAILING(WRITE, ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
FAILING(WRITE, int, ftruncate, (int file, off_t length), (file, length))
FAILING(WRITE, int, ftruncate64, (int file, off64_t length), (file, length))
FAILING(FLUSH, int, fsync, (int file), (file))
FAILING(FLUSH, int, fdatasync, (int file), (file))
