import { signal } from '@preact/signals'

const narrow = window.matchMedia('(max-width: 719px)')

/** Whether the window is as narrow as a phone's, where tables become cards. */
export const isPhone = signal(narrow.matches)

narrow.addEventListener('change', (event) => {
  isPhone.value = event.matches
})
