/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Process 1 of the guest: boot.c brings up the root file system, agent.c runs
 * one job there, ask.c is the command `host` (the same binary by that name).
 * systemd.c hands process 1 over to systemd, which runs the agent as a service.
 */
#ifndef LAB_GUEST_H
#define LAB_GUEST_H

#define LAB_RUN "/run/memoffline-lab"
#define LAB_SOCKET LAB_RUN "/host.sock"

/* Ends the machine after telling the kernel log, and the host if port_fd >= 0, why. */
void lab_fail(int port_fd, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void lab_poweroff(void) __attribute__((noreturn));

/* Returns the open port to the host. */
int boot_port(void);
int boot_await_port(void);
void boot_root(int port_fd);
int boot_wants_systemd(void);

/* Before the root file system is entered: root is where it lies. */
void systemd_copy_units(int port_fd, const char *root);
void systemd_start(int port_fd) __attribute__((noreturn));
void systemd_poweroff(void) __attribute__((noreturn));

void agent_run(int port_fd) __attribute__((noreturn));
int ask_main(int argc, char **argv);

#endif
