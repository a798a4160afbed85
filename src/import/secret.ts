/** A secret of the old installation, for a file of its own: root's, mode 0400. */
export interface Secret {
  /** The file's name in the folder of secrets. */
  readonly name: string
  readonly text: string
}

/** Whether this is the X and x that stand for a key where a key is shown to others. */
export function isPlaceholder(secret: string): boolean {
  return /[Xx]{8}/.test(secret)
}
