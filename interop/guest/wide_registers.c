/* User-Mode Linux keeps 2696 octets of a process's extended registers and hands as many back. A kernel on a processor with
 * more of them (AMX has 8 KiB of tiles) takes all or nothing: PTRACE_SETREGSET answers EFAULT, and the guest's first process
 * dies. Loaded before linux.uml, this ptrace() puts what the guest knows over what the processor has, and hands back all. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

static long (*next)(int, pid_t, void *, void *);

long ptrace(enum __ptrace_request request, ...) {
    va_list words;
    va_start(words, request);
    pid_t pid = va_arg(words, pid_t);
    void *address = va_arg(words, void *), *data = va_arg(words, void *);
    va_end(words);
    if (!next)
        next = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
    long done = next(request, pid, address, data);
    if (done == 0 || request != PTRACE_SETREGSET || (unsigned long)address != NT_X86_XSTATE || errno != EFAULT)
        return done;
    static char all[1 << 16] __attribute__((aligned(64)));
    struct iovec *known = data, whole = {all, sizeof all};
    if (next(PTRACE_GETREGSET, pid, address, &whole) != 0 || whole.iov_len < known->iov_len)
        return -1;
    memcpy(all, known->iov_base, known->iov_len);
    return next(PTRACE_SETREGSET, pid, address, &whole);
}
