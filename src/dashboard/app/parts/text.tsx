import { printable } from '../../../lib/printable.ts'

/**
 * A text of the network's (a name, an address, a line), apart from the direction of the text around it. Controls, and
 * marks that make it read as another one, are escaped.
 */
export function Told({ text, class: more }: { readonly text: string; readonly class?: string }) {
  return <bdi class={more}>{printable(text)}</bdi>
}
