/** Says when a phase begins, and how many seconds it took. */
export async function timed<T>(
  label: string,
  work: () => Promise<T>,
  onProgress?: (line: string) => void,
): Promise<T> {
  onProgress?.(`${label}…`)
  const start = performance.now()
  const result = await work()
  onProgress?.(`${label}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return result
}
