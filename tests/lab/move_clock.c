/* SPDX-License-Identifier: Apache-2.0 */
/* Moves the wall clock of the processes that preload it: by the seconds that stand, as a 64-bit number, in /run/libvirt/clock. A change
 * is seen at once by all of them. Only the wall clock moves; what runs by the monotonic one goes on, and so do deadlines on the wall
 * clock, which the kernel compares with its own.
 *
 * libfaketime was tried: what it shifts is told by environment variables, which libvirtd does not hand to QEMU, and from a file it takes
 * a change only after a while. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "/run/libvirt/clock"
/* Seconds since boot are less, seconds since 1970 are more. */
#define WALL_CLOCK 1000000000

static const volatile int64_t *shift;

__attribute__ ((constructor)) static void
map (void)
{
    int fd = open (FILE_NAME, O_RDONLY | O_CLOEXEC);
    void *page = fd >= 0 ? mmap (NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close (fd);
    if (page != MAP_FAILED)
        shift = page;
}

static int64_t
moved (void)
{
    return shift != NULL ? *shift : 0;
}

int
clock_gettime (clockid_t clock, struct timespec *out)
{
    static int (*next) (clockid_t, struct timespec *);
    int result;

    if (next == NULL)
        next = (int (*) (clockid_t, struct timespec *))dlsym (RTLD_NEXT, "clock_gettime");
    result = next != NULL ? next (clock, out) : (int)syscall (SYS_clock_gettime, clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += moved ();
    return result;
}

int
gettimeofday (struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime (CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t
time (time_t *out)
{
    struct timespec now;

    clock_gettime (CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* A deadline as the kernel's clock counts. */
static const struct timespec *
unmoved (const struct timespec *deadline, struct timespec *buffer)
{
    if (deadline == NULL || deadline->tv_sec < WALL_CLOCK)
        return deadline;
    *buffer = *deadline;
    buffer->tv_sec -= moved ();
    return buffer;
}

int
pthread_cond_timedwait (pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                        const struct timespec *restrict deadline)
{
    static int (*next) (pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec buffer;

    /* Conditions of before 2.3.2 have another layout and the same name. */
    if (next == NULL)
        next = (int (*) (pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym (
            RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    return next (cond, mutex, unmoved (deadline, &buffer));
}

int
sem_timedwait (sem_t *restrict semaphore, const struct timespec *restrict deadline)
{
    static int (*next) (sem_t *, const struct timespec *);
    struct timespec buffer;

    if (next == NULL)
        next = (int (*) (sem_t *, const struct timespec *))dlsym (RTLD_NEXT, "sem_timedwait");
    return next (semaphore, unmoved (deadline, &buffer));
}
