/* The clock that a process sees, by LD_PRELOAD: with TREERING_CLOCK=stands it stands still, with `jumps` each look is an hour before or behind the true time. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int stands;

/* Whoever waits for a moment that never comes is ended, by the system's own clock. */
__attribute__((constructor)) static void begin(void) {
    const char *how = getenv("TREERING_CLOCK");
    stands = how && strcmp(how, "stands") == 0;
    alarm(120);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static unsigned looks;
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (stands) {
        now->tv_sec = 1000000;
        now->tv_nsec = 0;
    } else {
        now->tv_sec += __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED) * 2654435761u >> 31 ? 3600 : -3600;
    }
    return (int)failed;
}
