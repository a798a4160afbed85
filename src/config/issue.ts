/** Where in the source text an issue was found: 1-based line and column, and the caret's width in characters. */
export interface Location {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly width: number
}

/** One thing wrong with the input, said so that the reader can mend it. */
export interface Issue {
  /** The YAML path, e.g. ['modules', 'kea', 'pools', 0]; empty for the document as a whole. */
  readonly path: readonly (string | number)[]
  /** What is wrong, without the path: "10.0.1.9 is outside home 10.0.0.0/24". */
  readonly message: string
  /** What to do about it: "choose an address from 10.0.0.2 to 10.0.0.254". */
  readonly fix: string
  /** 'error' stops everything; 'warning' is printed and goes on. Default 'error'. */
  readonly severity?: 'error' | 'warning'
  /** Filled in by the config layer from `path`. */
  readonly location?: Location
}
