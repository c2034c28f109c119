// As long as the file FAILING_SYNC exists: every fsync of a directory below a session's, and with FAILING_SYNC_FILES
// every fdatasync, fails, or takes FAILING_SYNC_SECONDS where that is set. For LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_on(void) {
    const char *flag = getenv("FAILING_SYNC");
    return flag && access(flag, F_OK) == 0;
}

static int befalls(void) {
    const char *seconds = getenv("FAILING_SYNC_SECONDS");
    if (seconds) {
        sleep((unsigned)atoi(seconds));
        return 0;
    }
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    struct stat found;
    char link[64], path[4096];
    if (is_on() && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        if (strstr(path, "/wal/") && befalls()) return -1;
    }
    return real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (is_on() && getenv("FAILING_SYNC_FILES") && befalls()) return -1;
    return real(fd);
}
