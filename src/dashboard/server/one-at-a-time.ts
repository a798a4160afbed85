/** Returns a runner of tasks, one after the other, that takes no more than `most` at a time: undefined for a further one. */
export function oneAtATime(most: number): <T>(task: () => Promise<T>) => Promise<T> | undefined {
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    if (waiting >= most) return undefined
    waiting += 1
    const mine = last.then(task, task).finally(() => {
      waiting -= 1
    })
    last = mine.catch(() => undefined)
    return mine
  }
}
