import { printableLine } from '../../../lib/printable.ts'

/** Text as a command prints it, with lines that came and went in their colours. Signs say it too. */
export function DiffText({ text, label }: { readonly text: string; readonly label: string }) {
  const lines = text.replace(/\n$/, '').split('\n')
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the keys
    // biome-ignore lint/a11y/useSemanticElements: it is no set of fields
    <pre class="diff" aria-label={label} role="group" tabIndex={0}>
      {lines.map((line, i) => (
        <span key={i} class={`diff-line ${kindOf(line)}`}>
          {printableLine(line)}
          {'\n'}
        </span>
      ))}
    </pre>
  )
}

function kindOf(line: string): string {
  const sign = line.trimStart()[0]
  if (line.startsWith('+++') || line.startsWith('---')) return 'file'
  return sign === '+' ? 'came' : sign === '-' ? 'went' : line.startsWith('@@') ? 'file' : ''
}
