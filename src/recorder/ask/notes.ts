import type { Note } from './ends.ts'
import type { Cell, Style } from './screen.ts'

const NOTES: Readonly<Record<Note, { readonly text: string; readonly style: Style }>> = {
  unresolved: { text: 'unresolved', style: 'yellow' },
  local: { text: 'local', style: 'dim' },
  incoming: { text: 'came in', style: 'magenta' },
}

/** Why an address stands in the place of a name, for people. */
export function noteCell(note: Note): Cell {
  return NOTES[note]
}

export function keyStyle(note: Note | undefined): Style {
  return note === 'unresolved' ? 'yellow' : 'cyan'
}
