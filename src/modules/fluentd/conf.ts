/** A section of Fluentd's configuration file: <name argument> with parameters and further sections in it. */
export interface Section {
  readonly name: string
  readonly argument?: string
  readonly parameters: Readonly<Record<string, string | number | boolean>>
  readonly sections?: readonly Section[]
}

/** The text of sections, in Fluentd's v1 format; values must not need quotes, or bring their own. */
export function confText(sections: readonly Section[]): string {
  return sections.map((section) => lines(section, '').join('\n')).join('\n\n')
}

function lines({ name, argument, parameters, sections = [] }: Section, indent: string): string[] {
  const head = argument === undefined ? name : `${name} ${argument}`
  return [
    `${indent}<${head}>`,
    ...Object.entries(parameters).map(([key, value]) => `${indent}  ${key} ${value}`),
    ...sections.flatMap((section) => lines(section, `${indent}  `)),
    `${indent}</${name}>`,
  ]
}

/**
 * A value that Fluentd reads from a file when it starts, without its line feed: Ruby in a quoted string (Fluentd's manual,
 * "Config File Syntax", "Embedded Ruby Code"). The secret is in no file of ours.
 */
export function fromFile(path: string): string {
  return `"#{File.read('${path}').strip}"`
}
