/*
 * A reader of Fluentd's v1 configuration format as its manual describes it ("Config File Syntax",
 * docs.fluentd.org/configuration/config-file), and what the manuals of the plugins that we use say about their
 * parameters: a configuration that passes has no line that Fluentd would not know.
 */

export interface ConfSection {
  readonly name: string
  readonly argument: string
  readonly parameters: Record<string, string>
  readonly sections: ConfSection[]
}

/** Reads a file; throws with the line that is no Fluentd configuration. */
export function parseFluentConf(text: string): ConfSection[] {
  const root: ConfSection = { name: '', argument: '', parameters: {}, sections: [] }
  const open: ConfSection[] = [root]
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    const fail = (why: string): never => {
      throw new Error(`line ${i + 1}: ${why}: ${line}`)
    }
    if (line === '' || line.startsWith('#')) continue
    const top = open.at(-1) ?? root
    const end = /^<\/([a-z_]+)>$/.exec(line)
    if (end) {
      if (open.length < 2 || top.name !== end[1]) fail('closes what is not open')
      open.pop()
      continue
    }
    const begin = /^<([a-z_]+)(?: +([^<>]+?))? *>$/.exec(line)
    if (begin) {
      const section = { name: begin[1] ?? '', argument: begin[2] ?? '', parameters: {}, sections: [] }
      top.sections.push(section)
      open.push(section)
      continue
    }
    const parameter = /^(@?[a-z][a-z0-9_]*) +(\S.*)$/.exec(line)
    if (!parameter?.[1] || !parameter[2]) return fail('neither a section nor a parameter')
    if (open.length < 2) fail('a parameter outside of any section')
    if (parameter[1] in top.parameters) fail('a parameter that is there twice')
    top.parameters[parameter[1]] = readValue(parameter[2], fail)
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)?.name}> is not closed`)
  return root.sections
}

/** A quoted string with its escapes and Ruby left as they are, an array in JSON, or the text up to a comment. */
function readValue(text: string, fail: (why: string) => never): string {
  if (text.startsWith('"')) {
    if (!/^"(?:[^"\\]|\\.)*"(?:\s+#.*)?$/.test(text)) fail('a quoted string that does not end')
    const ruby = [...text.matchAll(/#\{([^}]*)\}/g)].map(([, code = '']) => code)
    for (const code of ruby)
      if (!/^File\.read\('\/[a-z/-]+'\)\.strip$/.test(code)) fail('Ruby that is none of ours')
    return text
  }
  if (/^["']|#\{/.test(text)) fail('Ruby, or a quote, outside of double quotes')
  if (/^[[{]/.test(text)) JSON.parse(text)
  return text.replace(/\s+#.*$/, '')
}

interface Documented {
  /** Where the parameters are described. */
  readonly manual: string
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly sections?: Readonly<Record<string, Documented>>
}

const BUFFER: Documented = {
  manual: 'docs.fluentd.org/configuration/buffer-section and docs.fluentd.org/buffer/file',
  required: ['@type', 'path'],
  optional: [
    'timekey',
    'timekey_wait',
    'timekey_use_utc',
    'timekey_zone',
    'chunk_limit_size',
    'total_limit_size',
    'overflow_action',
    'retry_forever',
    'retry_max_interval',
    'flush_at_shutdown',
    'compress',
  ],
}

/** By directive and @type. */
const PLUGINS: Readonly<Record<string, Documented>> = {
  'source forward': {
    manual: 'docs.fluentd.org/input/forward',
    required: [],
    optional: [
      'port',
      'bind',
      'add_tag_prefix',
      'chunk_size_limit',
      'skip_invalid_event',
      'source_address_key',
    ],
    sections: {
      security: {
        manual: 'docs.fluentd.org/input/forward#less-than-security-greater-than-section',
        required: ['self_hostname', 'shared_key'],
        optional: ['user_auth', 'allow_anonymous_source'],
      },
    },
  },
  'source syslog': {
    manual: 'docs.fluentd.org/input/syslog',
    required: ['tag'],
    optional: [
      'port',
      'bind',
      'frame_type',
      'message_length_limit',
      'severity_key',
      'facility_key',
      'delimiter',
    ],
    sections: {
      transport: { manual: 'docs.fluentd.org/input/syslog#transport-section', required: [], optional: [] },
    },
  },
  'source netflow': {
    manual: 'fluent-plugin-netflow 1.1.0, README.md "Configuration"',
    required: ['tag'],
    optional: ['bind', 'port', 'cache_ttl', 'versions', 'definitions', 'switched_times_from_uptime'],
  },
  'match s3': {
    manual: 'fluent-plugin-s3 1.8.3, docs/output.md and docs/credentials.md',
    required: ['s3_bucket'],
    optional: [
      's3_region',
      's3_endpoint',
      'force_path_style',
      'path',
      's3_object_key_format',
      'time_slice_format',
      'auto_create_bucket',
      'check_bucket',
      'store_as',
    ],
    sections: {
      shared_credentials: {
        manual: 'fluent-plugin-s3 1.8.3, docs/credentials.md',
        required: [],
        optional: ['path', 'profile_name'],
      },
      buffer: BUFFER,
    },
  },
  'match mackerel': {
    manual: 'fluent-plugin-mackerel 1.1.0, README.md "MackerelOutput"',
    required: ['api_key'],
    optional: ['hostid', 'hostid_path', 'service', 'metrics_name', 'out_keys', 'out_key_pattern', 'origin'],
  },
  'match null': { manual: 'docs.fluentd.org/output/null', required: [], optional: [] },
}

const SYSTEM: Documented = {
  manual: 'docs.fluentd.org/deployment/system-config',
  required: [],
  optional: ['suppress_config_dump', 'log_level', 'workers', 'root_dir'],
}

/** Chunk keys are what stands in <buffer …>: docs.fluentd.org/configuration/buffer-section, "Chunk Keys". */
const CHUNK_KEY = /^(tag|time)(,\s*(tag|time))*$/

/** What the manuals do not know, or want and do not find, in sections. */
export function undocumented(sections: readonly ConfSection[]): string[] {
  return sections.flatMap((section) => {
    const { name, argument } = section
    if (name === 'system') return judge(section, SYSTEM)
    if (name === 'label') {
      return argument.startsWith('@') ? undocumented(section.sections) : [`<label ${argument}> is no label`]
    }
    if (name !== 'source' && name !== 'match') return [`<${name}> is no directive that we use`]
    if (name === 'match' && argument === '') return ['<match> without a pattern']
    const plugin = PLUGINS[`${name} ${section.parameters['@type'] ?? ''}`]
    return plugin
      ? judge(section, plugin)
      : [`<${name}> of type ${section.parameters['@type']} is none that we know`]
  })
}

function judge({ name, argument, parameters, sections }: ConfSection, known: Documented): string[] {
  const common = ['@type', '@id', '@log_level', '@label']
  return [
    ...Object.keys(parameters)
      .filter((key) => ![...common, ...known.required, ...known.optional].includes(key))
      .map((key) => `${name}: ${known.manual} has no ${key}`),
    ...known.required
      .filter((key) => !(key in parameters))
      .map((key) => `${name}: ${known.manual} asks for ${key}`),
    ...(name === 'buffer' && !CHUNK_KEY.test(argument) ? [`buffer: ${argument} are no chunk keys`] : []),
    ...(name === 'transport' && argument !== 'tcp' ? [`transport: ${argument}`] : []),
    ...sections.flatMap((section) => {
      const below = known.sections?.[section.name]
      return below ? judge(section, below) : [`${name}: ${known.manual} has no section ${section.name}`]
    }),
  ]
}
