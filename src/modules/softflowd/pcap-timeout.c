/*
 * softflowd asks libpcap to wait for a full buffer (a timeout of 0): since libpcap 1.10 that is 256 KiB of packets, which
 * take minutes in a quiet network. Loaded before libpcap, this asks for what came every 100 ms (pcap_set_timeout(3PCAP)).
 *
 * And in the foreground it heeds no signal, so that as process 1 it outlives SIGTERM: a machine that goes down would wait
 * for it for 90 s.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

static void end(int number) {
  (void)number;
  _exit(0);
}

__attribute__((constructor)) static void heed(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
}

int pcap_set_timeout(void *capture, int milliseconds);

int pcap_activate(void *capture) {
  int (*activate)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "pcap_activate");
  pcap_set_timeout(capture, 100);
  return activate(capture);
}
