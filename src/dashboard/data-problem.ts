/** Why there is no answer, for the one who asked: an ErrorReport with its HTTP status. */
export class DataProblem extends Error {
  override readonly name = 'DataProblem'
  readonly status: 400 | 404 | 409 | 503
  readonly fix: string | undefined

  constructor(status: DataProblem['status'], error: string, fix?: string) {
    super(error)
    this.status = status
    this.fix = fix
  }
}
