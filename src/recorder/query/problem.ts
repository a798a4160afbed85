/** What a person who asks can do something about: the message says what is wrong, and how to go on. */
export class QueryProblem extends Error {
  override readonly name = 'QueryProblem'
}
