import { createInterface } from 'node:readline/promises'

/** Whether the user typed exactly this word; false where there is no terminal to ask on. */
export async function typed(question: string, word: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return (await asking.question(question)).trim() === word
  } catch {
    // Ctrl-C, or the end of input.
    return false
  } finally {
    asking.close()
  }
}
