/** The IPv4 address in the four bytes from `at`. */
export function ipv4Text(bytes: Buffer, at = 0): string {
  return `${bytes.readUInt8(at)}.${bytes.readUInt8(at + 1)}.${bytes.readUInt8(at + 2)}.${bytes.readUInt8(at + 3)}`
}

/** RFC 5952 text: lower case, the longest run of zero groups (the first of equals, two at least) shortened. */
export function ipv6Text(bytes: Buffer, at = 0): string {
  let best = -1
  let bestLength = 1
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && bytes.readUInt16BE(at + (start + length) * 2) === 0) length += 1
    if (length > bestLength) {
      best = start
      bestLength = length
    }
    start += length
  }
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === best) {
      text += '::'
      group += bestLength - 1
      continue
    }
    if (group > 0 && group !== best + bestLength) text += ':'
    text += bytes.readUInt16BE(at + group * 2).toString(16)
  }
  return text
}
