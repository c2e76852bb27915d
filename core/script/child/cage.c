/* cage.c - limits, privileges and system calls of a script process.
 *
 * Each layer holds on its own: without descriptors there is nothing to read or write, without the
 * right to have any there is nothing to open, and the filter below knows two dozen system calls.
 * The order matters: changing the user forgets both what happens when the parent ends and that nobody
 * may look in, so it comes first.
 *
 * Sanitizers need address space by the terabyte and system calls of their own: their builds go
 * without the limit and without the filter. */
#include "core/script/child/cage.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/script/scripts.h"
#include "core/script/wire.h"

#define NOBODY       65534
#define CPU_SECONDS  60         /* of its life; the hub replaces it at half of that */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

void bf_cage_close_all(void)
{
    syscall(SYS_close_range, BF_WIRE_CLOSED, ~0u, 0);
}

/* Of root's, nothing is left; but it must stay somebody whom the hub may kill, which needs a
 * capability that even root may lack. */
static void change_user(void)
{
    if (getuid() != 0 || prctl(PR_CAPBSET_READ, CAP_KILL) != 1)
        return;
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        return;                 /* a namespace that has no nobody */
}

static bool limit(int what, rlim_t value)
{
    struct rlimit now, to = {.rlim_cur = value, .rlim_max = value};

    if (getrlimit(what, &now) == 0 && now.rlim_max < value)
        to.rlim_cur = to.rlim_max = now.rlim_max;       /* it is less already */
    return setrlimit(what, &to) == 0;
}

static bool limit_all(void)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) &&
           limit(RLIMIT_NOFILE, 0) && limit(RLIMIT_CPU, CPU_SECONDS) &&
           (SANITIZED || limit(RLIMIT_AS, BF_SCRIPT_BYTES));
}

static bool give_up_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(ARCH) && !SANITIZED

/* The most frequent ones first. */
static const int allowed[] = {
    SYS_recvfrom, SYS_sendto, SYS_clock_gettime, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise,
    SYS_futex, SYS_getrandom, SYS_gettimeofday, SYS_sched_yield, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_exit, SYS_exit_group};

/* What libraries try and can do without: the answer is no. */
static const int denied[] = {
#ifdef SYS_open
    SYS_open, SYS_access, SYS_stat, SYS_readlink,
#endif
    SYS_openat, SYS_faccessat, SYS_faccessat2, SYS_newfstatat, SYS_fstat, SYS_readlinkat, SYS_write,
    SYS_writev, SYS_ioctl, SYS_lseek, SYS_close};

/* These, unless what is mapped could be run. */
static const int not_executable[] = {SYS_mmap, SYS_mprotect};

struct program {
    struct sock_filter code[128];
    unsigned short n;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    bf_assert(p->n < BF_COUNT(p->code));
    p->code[p->n++] = (struct sock_filter)BPF_JUMP(code, k, yes, no);
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t action) { add(p, BPF_RET | BPF_K, action, 0, 0); }

/* The next `n` instructions are for this one alone. */
static void only_if(struct program *p, int syscall_number, uint8_t n)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)syscall_number, 0, n);
}

static void for_all(struct program *p, const int *list, size_t n, uint32_t action)
{
    for (size_t i = 0; i < n; i++) {
        only_if(p, list[i], 1);
        answer(p, action);
    }
}

static bool filter_system_calls(void)
{
    struct program p = {.n = 0};
    struct sock_fprog prog = {.filter = p.code};

    load(&p, offsetof(struct seccomp_data, arch));
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    answer(&p, SECCOMP_RET_KILL_PROCESS);
    load(&p, offsetof(struct seccomp_data, nr));
    for_all(&p, allowed, BF_COUNT(allowed), SECCOMP_RET_ALLOW);
    for_all(&p, denied, BF_COUNT(denied), SECCOMP_RET_ERRNO | EACCES);
    for (size_t i = 0; i < BF_COUNT(not_executable); i++) {
        only_if(&p, not_executable[i], 4);
        load(&p, offsetof(struct seccomp_data, args[2]));       /* its low half, on both machines */
        add(&p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
        answer(&p, SECCOMP_RET_ALLOW);
        answer(&p, SECCOMP_RET_KILL_PROCESS);
    }
    answer(&p, SECCOMP_RET_KILL_PROCESS);
    prog.len = p.n;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0 || errno == EINVAL;
}

#else
static bool filter_system_calls(void) { return true; }
#endif

bool bf_cage_enter(void)
{
    if (chdir("/") != 0)
        return false;
    change_user();
    return limit_all() && give_up_privileges() && filter_system_calls();
}
