import koffi from 'koffi'

/** The C library's calls that Node has no name for; each returns -1 on failure, see `errno`. */
const libc = koffi.load('libc.so.6')

export const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  'int socket(int domain, int type, int protocol)',
)
export const bind: (fd: number, address: Buffer, length: number) => number = libc.func(
  'int bind(int fd, const void *address, uint32_t length)',
)
export const connect: (fd: number, address: Buffer, length: number) => number = libc.func(
  'int connect(int fd, const void *address, uint32_t length)',
)
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int fd, int backlog)')
export const accept: (fd: number, address: Buffer, addressLength: Buffer) => number = libc.func(
  'int accept(int fd, void *address, void *addressLength)',
)
/** Of the calling thread alone: programs that it starts are where it is. */
export const unshare: (flags: number) => number = libc.func('int unshare(int flags)')
export const setns: (fd: number, type: number) => number = libc.func('int setns(int fd, int type)')
export const setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number =
  libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
export const getsockopt: (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number =
  libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)')
export const sendto: (
  fd: number,
  data: Buffer,
  length: number,
  flags: number,
  address: Buffer,
  addressLength: number,
) => number = libc.func(
  'int64_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
)
export const recvfrom: (
  fd: number,
  data: Buffer,
  length: number,
  flags: number,
  address: Buffer,
  addressLength: Buffer,
) => number = libc.func(
  'int64_t recvfrom(int fd, void *data, size_t length, int flags, void *address, void *addressLength)',
)
/** `messages` are structs mmsghdr, which `addressOf` tells where their buffers are. */
export const recvmmsg: (fd: number, messages: Buffer, count: number, flags: number, timeout: null) => number =
  libc.func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)')
export const inetPton: (family: number, text: string, address: Buffer) => number = libc.func(
  'int inet_pton(int family, const char *text, void *address)',
)
const ioctl: (fd: number, request: number) => number = libc.func('int ioctl(int fd, unsigned long request)')
const FIOCLEX = 0x5451
export const close: (fd: number) => number = libc.func('int close(int fd)')
export const ifIndexToName: (index: number, name: Buffer) => unknown = libc.func(
  'void *if_indextoname(unsigned int index, void *name)',
)

/** The interface's index in the process's network namespace; 0 when there is none of this name. */
export const ifNameToIndex: (name: string) => number = libc.func(
  'unsigned int if_nametoindex(const char *name)',
)

const mmap: (
  address: null,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => unknown = libc.func(
  'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
)
const munmap: (address: unknown, length: number) => number = libc.func(
  'int munmap(void *address, size_t length)',
)
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 2n ** 64n - 1n

/** Memory that the kernel shares; nothing may read `memory` any more after `unmap`. */
export interface Mapping {
  readonly memory: ArrayBuffer
  readonly unmap: () => void
}

/** Maps what a descriptor offers, to be read and written by both; undefined on failure, see `errno`. */
export function mapShared(fd: number, length: number): Mapping | undefined {
  const address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0)
  if (koffi.address(address) === MAP_FAILED) return undefined
  return {
    memory: koffi.view(address, length),
    unmap: () => {
      munmap(address, length)
    },
  }
}

const FilterProgram = koffi.struct({ length: 'uint16_t', instructions: 'const void *' })
const attach: (
  fd: number,
  level: number,
  name: number,
  program: { readonly length: number; readonly instructions: Buffer },
  length: number,
) => number = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(FilterProgram), 'uint32_t'])
const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26

/** Gives a socket a classic BPF program, 8 bytes an instruction; -1 on failure. */
export function attachFilter(fd: number, instructions: Buffer): number {
  const program = { length: instructions.length / 8, instructions }
  return attach(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, koffi.sizeof(FilterProgram))
}

const pollFunction = libc.func('int poll(void *fds, unsigned long count, int timeout)')

/** poll(2) on a thread of libuv's pool: resolves to its result. `fds` must not change until then. */
export function poll(fds: Buffer, count: number, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    pollFunction.async(fds, count, timeoutMs, (error: Error | null, result: number) => {
      if (error) reject(error)
      else resolve(result)
    })
  })
}

/** Keeps a descriptor from the programs that this process starts. */
export function closeOnExec(fd: number): void {
  ioctl(fd, FIOCLEX)
}

/** Where a buffer's bytes are in memory: as long as the buffer lives. */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer)
}

export const ERRNO = { EINTR: 4, EAGAIN: 11, EBUSY: 16, ENOBUFS: 105 } as const

/** The error of the last call of this thread. */
export function errno(): number {
  return koffi.errno()
}
