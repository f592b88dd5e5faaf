// Capabilities as an OCI file has them: five sets, each a list of names; one that is missing is empty.
#include <ctype.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ujail.h"

static const char *const NAMES[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};
enum { COUNT = sizeof NAMES / sizeof *NAMES };

static int number_of(const char *name, size_t length) {
    for (int i = 0; i < COUNT; i++)
        if (length == 4 + strlen(NAMES[i]) && !strncasecmp(name, "CAP_", 4) && !strncasecmp(name + 4, NAMES[i], length - 4))
            return i;
    return -1;
}

// The names between the brackets after "KEY":. Of JSON no more is needed, and nothing else is taken.
static int set_of(const char *text, const char *key, uint64_t *set) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    *set = 0;
    const char *at = strstr(text, quoted);
    if (!at)
        return 0;
    at += strlen(quoted);
    while (isspace(*at) || *at == ':')
        at++;
    if (*at++ != '[')
        return wrong("no list of capabilities", key);
    for (;;) {
        while (isspace(*at) || *at == ',')
            at++;
        if (*at == ']')
            return 0;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        int number = end ? number_of(at + 1, end - at - 1) : -1;
        if (number < 0)
            return wrong("no capability in the list", key);
        *set |= UINT64_C(1) << number;
        at = end + 1;
    }
}

int caps_read(const char *path, struct caps *caps) {
    char text[8192];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length <= 0)
        return wrong("failed to read capabilities from", path);
    close(file);
    text[length] = 0;
    return set_of(text, "bounding", &caps->bounding) | set_of(text, "effective", &caps->effective) |
           set_of(text, "inheritable", &caps->inheritable) | set_of(text, "permitted", &caps->permitted) |
           set_of(text, "ambient", &caps->ambient);
}

// For the moment, those in `keep` as well.
static int reduce(const struct caps *caps, uint64_t keep) {
    for (int cap = 0; cap < COUNT && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (!((caps->bounding | keep) >> cap & 1) && prctl(PR_CAPBSET_DROP, cap))
            return wrong("cannot drop from the bounding set", NAMES[cap]);
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = (caps->effective | keep) >> 32 * half;
        data[half].permitted = (caps->permitted | keep) >> 32 * half;
        data[half].inheritable = (caps->inheritable | keep) >> 32 * half;
    }
    if (syscall(SYS_capset, &head, data))
        return wrong("capset()", "failed");
    for (int cap = 0; cap < COUNT; cap++) {
        int there = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0), wanted = caps->ambient >> cap & 1;
        if (there >= 0 && there != wanted &&
            prctl(PR_CAP_AMBIENT, wanted ? PR_CAP_AMBIENT_RAISE : PR_CAP_AMBIENT_LOWER, cap, 0, 0))
            return wrong("cannot set ambient", NAMES[cap]);
    }
    return 0;
}

int caps_apply(const struct caps *caps) {
    uint64_t keep = 1 << CAP_SETGID | 1 << CAP_SETUID | 1 << CAP_SETPCAP;
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || reduce(caps, keep))
        return wrong("capabilities", "cannot be reduced");
    if (prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NOROOT_LOCKED))
        return wrong("prctl(PR_SET_SECUREBITS)", "failed");
    return reduce(caps, 0);
}
