/** Why a backup or a restore is not done, in words for the user, with what to do about it. */
export class Refusal extends Error {
  readonly fix: string

  constructor(message: string, fix: string, options: ErrorOptions = {}) {
    super(message, options)
    this.fix = fix
  }
}
