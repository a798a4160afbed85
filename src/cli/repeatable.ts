/** For an option that may be given again and again, without taking the arguments that follow it. */
export function repeatable(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}
