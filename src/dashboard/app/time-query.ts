import { computed } from '@preact/signals'
import { place } from './location.ts'

/** What of the address is about time, to take along from a view to another. */
export const timeQuery = computed(() => {
  const kept = ['since', 'from', 'to'].flatMap((key) => {
    const value = place.value.query.get(key)
    return value === null ? [] : [[key, value]]
  })
  return new URLSearchParams(kept).toString()
})
