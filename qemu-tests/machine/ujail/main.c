// ujail [OPTION...] -- PROGRAM [ARG...]: a stand-in for OpenWrt's, of the same options and, for these, of the same effect.
//
// Namespaces for mounts, processes and IPC; a root with what is staged and no more; the capabilities of a file; no new
// privileges; an environment of its own. What the real one has besides is refused, so that nobody believes it was tried.
#include <getopt.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ujail.h"

static const char USAGE[] = "ujail <options> -- <binary> <params ...>\n"
                            "  -n <name>  the jail's name          -t <num>  seconds from SIGTERM to SIGKILL\n"
                            "  -C <file>  capabilities             -c        no new privileges\n"
                            "  -e <var>   import environment variable\n"
                            "  -r <file>  read-only in the jail    -w <file> writable in the jail\n"
                            "  -p /proc   -s /sys   -l /dev/log    -u ubus   -o read-only root\n";

int wrong(const char *what, const char *whom) {
    fprintf(stderr, "jail: %s %s\n", what, whom);
    return -1;
}

static volatile sig_atomic_t jailed;
static unsigned patience = 5;

// Whoever ends us means the one inside; of us SIGKILL alone is not told on, and leaves that one behind.
static void hand_on(int number) {
    if (!jailed)
        return;
    kill(jailed, number == SIGALRM ? SIGKILL : number);
    if (number == SIGTERM)
        alarm(patience);
}

static void signals(void) {
    static const int not[] = {SIGCHLD, SIGPIPE, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT, SIGTRAP};
    for (int i = 1; i < NSIG; i++) {
        bool ours = true;
        for (size_t n = 0; n < sizeof not / sizeof *not; n++)
            ours &= not[n] != i;
        struct sigaction action = {.sa_handler = hand_on};
        if (ours)
            sigaction(i, &action, NULL);
    }
}

static int inside(char **program, char **environment, const struct caps *caps, bool no_new_privs, bool read_only) {
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) || enter(read_only))
        return wrong("failed to build", "jail fs");
    if (caps && caps_apply(caps))
        return -1;
    if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return wrong("prctl(PR_SET_NO_NEW_PRIVS)", "failed");
    // Where the environment has a PATH it counts.
    environ = environment;
    execvpe(*program, program, environment);
    return wrong("failed to execve", *program);
}

int main(int argc, char **argv) {
    char *environment[64] = {"container=ujail"}, *name = NULL;
    int option, variables = 1;
    bool proc = false, sys = false, no_new_privs = false, read_only = false, has_caps = false;
    struct caps caps;
    if (getuid())
        return wrong("not root,", "aborting") & 1;
    while ((option = getopt(argc, argv, "+n:t:C:ce:r:w:psluo")) != -1) {
        switch (option) {
        case 'n': name = optarg; break;
        case 't': patience = atoi(optarg); break;
        case 'c': no_new_privs = true; break;
        case 'p': proc = true; break;
        case 's': sys = true; break;
        case 'o': read_only = true; break;
        case 'l': stage_must("/dev/log", true); break;
        case 'u': stage_must("/var/run/ubus/ubus.sock", true); break;
        case 'r':
        case 'w':
            if (strchr(optarg, ':'))
                return wrong("this stand-in has no other place for", optarg) & 1;
            stage(optarg, option == 'w');
            break;
        case 'C':
            if (caps_read(optarg, &caps))
                return 1;
            has_caps = true;
            break;
        case 'e': {
            const char *value = getenv(optarg);
            if (value && variables < 63 && asprintf(&environment[variables++], "%s=%s", optarg, value) < 0)
                return 1;
            break;
        }
        default: fputs(USAGE, stderr); return 1;
        }
    }
    char **program = argv + optind;
    if (!*program) {
        fputs(USAGE, stderr);
        return 1;
    }
    // The program too: without one of its libraries nothing is begun.
    if (stage_program(*program))
        return wrong("failed to load dependencies of", *program) & 1;
    stage_usual(proc, sys);
    if (name)
        prctl(PR_SET_NAME, name);
    signals();
    if (unshare(CLONE_NEWPID))
        return wrong("failed to", "clone") & 1;
    pid_t child = fork();
    if (child < 0)
        return wrong("failed to", "fork") & 1;
    if (child == 0)
        return inside(program, environment, has_caps ? &caps : NULL, no_new_privs, read_only) & 1;
    jailed = child;
    int status;
    while (waitpid(child, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
