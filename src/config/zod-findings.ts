import { z } from 'zod'
import { either, type Finding, type Path, plain, show } from './finding.ts'
import { suggest } from './suggest.ts'
import { knownKeys, placesOf, requiredKeys, schemasAt } from './walk-schema.ts'

/**
 * Everything a schema finds wrong with a value, in words for the person who wrote the file. `path` is where the
 * value stands. Unlike the schema it goes on behind a wrong key or a wrong discriminator.
 */
export function schemaFindings(schema: z.ZodType, value: unknown, path: Path = []): Finding[] {
  const result = safeParse(schema, value)
  if ('crash' in result) {
    return [
      { path, message: `its schema failed: ${result.crash}`, fix: "report this to the module's author" },
    ]
  }
  const findings = result.issues.flatMap((issue) => translate({ schema, value, path }, issue))
  // Several complaints about one scalar say the same thing twice.
  const seen = new Set<string>()
  const meant = new Set(findings.flatMap((f) => (f.meant === undefined ? [] : [JSON.stringify(f.meant)])))
  return findings.flatMap(({ absent, path: place, at, message, fix }): Finding[] => {
    const finding: Finding = { path: place, message, fix, ...(at && { at }) }
    // "did you mean gateway?" needs no second issue that gateway is missing.
    if (absent && meant.has(JSON.stringify(finding.path))) return []
    const key = JSON.stringify(finding.at === 'key' ? [finding.path, finding.message] : finding.path)
    if (seen.has(key)) return []
    seen.add(key)
    return [finding]
  })
}

function safeParse(schema: z.ZodType, value: unknown): { issues: z.core.$ZodIssue[] } | { crash: string } {
  try {
    const result = schema.safeParse(value)
    return { issues: result.error?.issues ?? [] }
  } catch (error) {
    return { crash: String(error) }
  }
}

/** A finding that may explain another one: a wrong key and the missing key it was meant to be. */
interface Clue extends Finding {
  readonly meant?: Path
  readonly absent?: true
}

interface Scope {
  readonly schema: z.ZodType
  readonly value: unknown
  readonly path: Path
}

function translate(scope: Scope, issue: z.core.$ZodIssue): Clue[] {
  const inside = issue.path as Path
  const path = [...scope.path, ...inside]
  const value = valueAt(scope.value, inside)
  const schemas = schemasAt(scope.schema, inside)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(scope, inside, key))
    case 'invalid_key': {
      const rest = schemas.flatMap((option) =>
        option instanceof z.ZodType ? schemaFindings(option, value, path) : [],
      )
      const noun = issue.issues[0]?.message ?? 'a valid name'
      return [{ path, at: 'key', ...isNot(path.at(-1), noun) }, ...rest]
    }
    case 'invalid_union':
      return union(scope, issue, value, schemas)
    case 'invalid_type':
      if (value === undefined) return [missing(path, schemas)]
      return [{ path, ...wrongType(issue.expected, value, schemas) }]
    case 'invalid_value': {
      if (value === undefined) return [missing(path, schemas)]
      return [{ path, ...notOneOf(value, issue.values.map(String)) }]
    }
    case 'too_small':
    case 'too_big':
      return [{ path, ...outOfRange(issue, value) }]
    case 'custom': {
      const fix: unknown = issue.params?.fix
      const words = isNot(value, issue.message)
      return [
        { path, ...words, ...(typeof fix === 'string' && fix !== '' && { message: issue.message, fix }) },
      ]
    }
    case 'invalid_format':
    case 'invalid_element':
    case 'not_multiple_of':
      return [{ path, ...isNot(value, issue.message) }]
  }
}

/** Words for a message that names what was wanted ("an IPv4 address like 192.0.2.1"), or that is a sentence. */
function isNot(value: unknown, wanted: string): { message: string; fix: string } {
  if (!/^an? /.test(wanted)) {
    const text = wanted.trim() === '' ? 'the value is not accepted' : wanted
    return { message: `${show(value)}: ${text}`, fix: 'correct the value' }
  }
  const noun = wanted.split(/,? like | \(|, /)[0] ?? wanted
  return { message: `${show(value)} is not ${noun}`, fix: `write ${wanted}` }
}

function notOneOf(value: unknown, choices: readonly string[]): { message: string; fix: string } {
  const near = typeof value === 'string' ? suggest(value, choices) : undefined
  return {
    message: `${show(value)} is not ${either(choices)}`,
    fix: near ? `did you mean ${near}?` : `write ${either(choices)}`,
  }
}

function unknownKey(scope: Scope, inside: Path, key: string): Clue {
  const path = [...scope.path, ...inside, key]
  const schemas = schemasAt(scope.schema, inside)
  // In a union the mapping's discriminator has chosen: an option's own keys come first.
  const keys = knownKeys(schemas)
  const near = suggest(key, keys)
  const value = valueAt(scope.value, inside)
  const unused = keys.filter((k) => k !== key && !Object.hasOwn(Object(value), k))
  const elsewhere = placesOf(scope.schema, key).filter((place) => place !== readable([...inside, key]))
  const spelt = near !== undefined && !Object.hasOwn(Object(value), near) ? near : undefined
  const fix = keys.includes(key)
    ? otherOption(schemas, key)
    : spelt !== undefined
      ? `did you mean ${spelt}?`
      : elsewhere.length > 0
        ? `move it: ${either(elsewhere.slice(0, 3))} takes this key`
        : unused.length > 0
          ? `remove it; what may still be added here: ${unused.join(', ')}`
          : 'remove it'
  const meant = spelt !== undefined && !keys.includes(key) ? [...path.slice(0, -1), spelt] : undefined
  return { path, at: 'key', message: `unknown key ${show(key)}`, fix, ...(meant && { meant }) }
}

/** A key that only another option of the union has: `gateway` where mode is dhcp. */
function otherOption(schemas: readonly z.core.$ZodType[], key: string): string {
  for (const option of schemas) {
    const { def } = (option as z.core.$ZodTypes)._zod
    if (def.type !== 'object' || !Object.hasOwn(def.shape, key)) continue
    for (const [name, child] of Object.entries(def.shape)) {
      const childDef = (child as z.core.$ZodTypes)._zod.def
      if (childDef.type === 'literal') return `remove it, or write ${name}: ${String(childDef.values[0])}`
    }
  }
  return 'remove it'
}

function readable(path: Path): string {
  return path.filter((step) => typeof step === 'string').join('.')
}

function missing(path: Path, schemas: readonly z.core.$ZodType[]): Clue {
  const key = path.at(-1) ?? 'value'
  return { path, absent: true, message: `"${key}" is missing`, fix: `add ${example(String(key), schemas)}` }
}

function example(key: string, schemas: readonly z.core.$ZodType[]): string {
  const first = schemas[0]
  const keys = first ? requiredKeys(first) : []
  if (keys.length > 0) return `"${key}:" with ${either(keys, 'and')} under it`
  const given = schemas.map((schema) => exampleOf(schema)).find((e) => e !== undefined)
  if (given !== undefined) return `"${key}: ${Array.isArray(given) ? `[${given.join(', ')}]` : plain(given)}"`
  return `"${key}: " and ${schemas.length > 0 ? kinds(schemas) : 'a value'}`
}

function exampleOf(schema: z.core.$ZodType): unknown {
  const examples: unknown = z.globalRegistry.get(schema)?.examples
  return Array.isArray(examples) ? examples[0] : undefined
}

/** What a value may be, for people: "text", "a whole number", "dhcp or static". */
function kinds(schemas: readonly z.core.$ZodType[]): string {
  const words = schemas.flatMap((schema) => {
    const { def } = (schema as z.core.$ZodTypes)._zod
    if (def.type === 'literal') return def.values.map(String)
    if (def.type === 'enum') return Object.values(def.entries).map(String)
    return [typeName(def.type)]
  })
  return either([...new Set(words)])
}

function typeName(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    tuple: 'a list',
    object: 'a mapping',
    record: 'a mapping',
  }
  return names[type] ?? `a value of type ${type}`
}

function wrongType(
  expected: string,
  value: unknown,
  schemas: readonly z.core.$ZodType[],
): { message: string; fix: string } {
  if (value === null) return { message: 'it has no value', fix: 'give it a value, or remove the key' }
  const wanted = typeName(expected)
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
    return { message: `${show(value)} is not text`, fix: `put quotes around it: "${String(value)}"` }
  }
  if ((expected === 'number' || expected === 'int') && typeof value === 'string' && /^-?\d+$/.test(value)) {
    return { message: `${show(value)} is text, not a number`, fix: 'remove the quotes' }
  }
  if (expected === 'array') {
    const item = plain(value).slice(0, 40)
    return { message: `${show(value)} is not a list`, fix: `write a list: [${item}]` }
  }
  const keys = knownKeys(schemas)
  const fix = keys.length > 0 ? `write a mapping with ${either(keys, 'and')}` : `write ${wanted}`
  return { message: `${show(value)} is not ${wanted}`, fix }
}

function outOfRange(
  issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall,
  value: unknown,
): { message: string; fix: string } {
  const small = issue.code === 'too_small'
  const limit = small ? issue.minimum : issue.maximum
  const bound = small ? `at least ${limit}` : `at most ${limit}`
  if (issue.origin === 'array' && small && Array.isArray(value) && value.length === 0) {
    return {
      message: 'the list is empty',
      fix: `add ${bound === 'at least 1' ? 'an entry' : `${bound} entries`}`,
    }
  }
  const units: Readonly<Record<string, string>> = {
    array: ' entries',
    string: ' characters',
    record: ' entries',
  }
  const unit = units[issue.origin]
  if (unit === undefined) {
    return { message: `${show(value)} is ${small ? 'less' : 'more'} than ${limit}`, fix: `write ${bound}` }
  }
  return { message: `it has too ${small ? 'few' : 'many'}${unit}`, fix: `write ${bound}` }
}

function union(
  scope: Scope,
  issue: z.core.$ZodIssueInvalidUnion,
  value: unknown,
  schemas: readonly z.core.$ZodType[],
): Clue[] {
  const inside = issue.path as Path
  const path = [...scope.path, ...inside]
  const { discriminator } = issue
  if (typeof discriminator === 'string') return wrongDiscriminator(scope, inside, discriminator)
  if (value === undefined) return [missing(path, schemas)]
  if (issue.message !== 'Invalid input') return [{ path, ...isNot(value, issue.message) }]

  // The option whose shape fits tells best what is wrong inside it.
  const fitting = issue.errors.filter(
    (errors) => !errors.some((e) => e.path.length === 0 && e.code === 'invalid_type'),
  )
  if (
    typeof value === 'object' ||
    fitting.some((errors) => errors.every((e) => e.code !== 'invalid_value'))
  ) {
    const errors = fitting.toSorted((a, b) => a.length - b.length)[0]
    if (errors)
      return errors.flatMap((e) =>
        translate(scope, { ...e, path: [...inside, ...e.path] } as z.core.$ZodIssue),
      )
  }
  if (value === null) return [{ path, message: 'it has no value', fix: 'give it a value, or remove the key' }]
  const choices = kinds(schemas)
  return [{ path, message: `${show(value)} is not ${choices}`, fix: `write ${choices}` }]
}

/** Without its discriminator (`mode`) a mapping is judged as the option whose keys it shares most. */
function wrongDiscriminator(scope: Scope, inside: Path, discriminator: string): Clue[] {
  const parent = inside.at(-1) === discriminator ? inside.slice(0, -1) : inside
  const value = valueAt(scope.value, parent)
  const options = schemasAt(scope.schema, parent)
  const names = options.flatMap((option) =>
    schemasAt(option, [discriminator]).flatMap((schema) => {
      const { def } = (schema as z.core.$ZodTypes)._zod
      return def.type === 'literal' ? def.values.map(String) : []
    }),
  )
  const path = [...scope.path, ...parent, discriminator]
  const given = valueAt(value, [discriminator])
  const finding: Clue =
    given === undefined
      ? { path, message: `"${discriminator}" is missing`, fix: `add "${discriminator}: ${either(names)}"` }
      : { path, ...notOneOf(given, names) }

  const record: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {}
  const shared = (option: z.core.$ZodType) =>
    knownKeys([option]).filter((key) => Object.hasOwn(record, key)).length
  const [best] = options
    .map((option, i) => ({ option, name: names[i] }))
    .toSorted((a, b) => shared(b.option) - shared(a.option))
  if (!(best?.option instanceof z.ZodType)) return [finding]
  const rest = schemaFindings(best.option, { ...record, [discriminator]: best.name }, [
    ...scope.path,
    ...parent,
  ])
  return [finding, ...rest]
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<PropertyKey, unknown>)[step]
  }
  return at
}
