/*
 * softflowd asks libpcap to wait for a full buffer (a timeout of 0): since libpcap 1.10 that is 256 KiB of packets, which
 * take minutes in a quiet network. Loaded before libpcap, this asks for what came every 100 ms (pcap_set_timeout(3PCAP)).
 */
#define _GNU_SOURCE
#include <dlfcn.h>

int pcap_set_timeout(void *capture, int milliseconds);

int pcap_activate(void *capture) {
  int (*activate)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "pcap_activate");
  pcap_set_timeout(capture, 100);
  return activate(capture);
}
