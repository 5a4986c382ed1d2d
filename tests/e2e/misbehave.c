/* What fakecam.so does not do; goes before it in LD_PRELOAD.
 * While the file named by SWAP_NODES is there, /dev/video0 and /dev/video1 are exchanged, as the kernel does it when two
 * cameras are plugged in again in the other order. While that named by HANG_CALLS is there, no call to a V4L2 device
 * returns, as with a driver that waits for a device that is broken. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define NEXT(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

static const char *other(const char *path)
{
	const char *swapped = getenv("SWAP_NODES");

	if (!path || !swapped || access(swapped, F_OK))
		return path;
	if (!strcmp(path, "/dev/video0"))
		return "/dev/video1";
	return strcmp(path, "/dev/video1") ? path : "/dev/video0";
}

#define OPEN(f) EXPORT int f(const char *path, int flags, ...) \
{ \
	va_list more; \
	va_start(more, flags); \
	mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
	va_end(more); \
	return NEXT(f)(other(path), flags, mode); \
}
OPEN(open)
OPEN(open64)

EXPORT int stat(const char *path, struct stat *to) { return NEXT(stat)(other(path), to); }
EXPORT int stat64(const char *path, struct stat64 *to) { return NEXT(stat64)(other(path), to); }

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	const char *hangs = getenv("HANG_CALLS");
	va_list more;
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	while (_IOC_TYPE(request) == 'V' && hangs && !access(hangs, F_OK))
		usleep(20000);
	return NEXT(ioctl)(fd, request, argument);
}
