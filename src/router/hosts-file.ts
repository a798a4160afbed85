/** Ends our line of /etc/hosts. */
const OURS = ' # sekisho'
/** Begins a line of the user's that ours stands in for. */
const ASIDE = '#sekisho# '

/**
 * Puts our line for 127.0.1.1 (`ours`, or undefined to take it back) into /etc/hosts (`existing`): the user's own
 * line for that address is set aside as a comment, and every other line stays as it is.
 */
export function mergeHosts(existing: string | undefined, ours: string | undefined): string | undefined {
  const lines = (existing ?? '').split('\n')
  const restored = lines
    .filter((line) => !line.endsWith(OURS))
    .map((line) => (line.startsWith(ASIDE) ? line.slice(ASIDE.length) : line))
  if (ours === undefined) {
    const text = restored.join('\n')
    return text === '' ? undefined : text
  }
  const aside = restored.map((line) => (/^127\.0\.1\.1\s/.test(line) ? ASIDE + line : line))
  const at = aside.findIndex((line) => line.startsWith(ASIDE) || line === '')
  const position = at === -1 ? aside.length : at
  return aside.toSpliced(position, 0, ours.trim() + OURS).join('\n')
}
