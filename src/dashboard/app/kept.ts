/** What this browser remembers under a name; nothing where it may not. */
export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`sekisho.${name}`)
  } catch {
    return null
  }
}

/** Remembers, or forgets with undefined. Private windows may refuse, and then it holds until the page is left. */
export function keep(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`sekisho.${name}`)
    else localStorage.setItem(`sekisho.${name}`, value)
  } catch {
    // Nothing depends on it.
  }
}
