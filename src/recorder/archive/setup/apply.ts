import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { addressOf } from '../s3/client.ts'
import type { Credentials } from '../s3/credentials.ts'
import { judge, S3Failure, textOf } from '../s3/failure.ts'
import { readText, type S3Request, send, timeoutsFor } from '../s3/request.ts'
import type { S3Settings } from '../settings.ts'
import { isAmazon, policyName, type SetupStep } from './steps.ts'

const MAX_ANSWER_BYTES = 256 * 1024
const AMAZON_IAM = 'https://iam.amazonaws.com'

export interface ApplyOptions {
  readonly settings: S3Settings
  /** Of somebody who may make buckets: never the recorder's own. */
  readonly credentials: Credentials
  readonly user?: string
  /** Where another service than Amazon's answers for IAM. */
  readonly iamEndpoint?: string
  readonly now?: () => number
}

export interface StepResult {
  readonly step: SetupStep
  /** "done", "there" (nothing was to be done), or "left" (this service, or the user, does it otherwise). */
  readonly state: 'done' | 'there' | 'left' | 'failed'
  readonly note?: string
}

/** Does one step. A lifecycle of somebody else's is left as it is. */
export async function applyStep(step: SetupStep, options: ApplyOptions): Promise<StepResult> {
  try {
    if (step.kind === 'policy') return await putPolicy(step, options)
    if (step.kind === 'lifecycle') {
      const others = await foreignRules(options)
      if (others.length > 0)
        return {
          step,
          state: 'left',
          note: `the bucket has rules already (${others.join(', ')}), which this would replace. Fix: add ours to them by hand`,
        }
    }
    await request(options, 'PUT', step.what, step.resource, step.body)
    return { step, state: 'done' }
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error
    if (error.message.includes('BucketAlreadyOwnedByYou')) return { step, state: 'there' }
    if (error.message.includes('BucketAlreadyExists'))
      return {
        step,
        state: 'failed',
        note: "a bucket of this name is somebody else's. Fix: choose another name",
      }
    if (step.kind !== 'create' && isUnknown(error, options.settings))
      return { step, state: 'left', note: 'this service does not know it' }
    return { step, state: 'failed', note: error.message }
  }
}

/** Services say in their own ways that they have no such thing: some take it for another request, and find it malformed. */
function isUnknown({ status, message }: S3Failure, settings: S3Settings): boolean {
  if (status === 501 || status === 405 || /NotImplemented|MethodNotAllowed|not implemented/i.test(message))
    return true
  return !isAmazon(settings) && message.includes('MalformedXML')
}

/** The names of the lifecycle's rules that are not ours. */
async function foreignRules(options: ApplyOptions): Promise<string[]> {
  try {
    const text = await request(options, 'GET', 'the lifecycle', 'lifecycle', '')
    return [...text.matchAll(/<Rule>(.*?)<\/Rule>/gs)]
      .map(([, rule = '']) => textOf(rule, 'ID') || 'one without a name')
      .filter((id) => !id.startsWith('sekisho-'))
  } catch (error) {
    if (error instanceof S3Failure && (error.kind === 'absent' || /NoSuchLifecycle/.test(error.message)))
      return []
    throw error
  }
}

async function putPolicy(step: SetupStep, options: ApplyOptions): Promise<StepResult> {
  const { settings, user, iamEndpoint } = options
  const endpoint = iamEndpoint ?? (isAmazon(settings) ? AMAZON_IAM : undefined)
  if (user === undefined)
    return {
      step,
      state: 'left',
      note: 'attach what "sekisho archive policy" prints to the user, or say --user NAME',
    }
  if (endpoint === undefined)
    return {
      step,
      state: 'left',
      note: 'this service has its own way for rights. Fix: say --iam-endpoint if it has IAM',
    }
  const form = new URLSearchParams({
    Action: 'PutUserPolicy',
    Version: '2010-05-08',
    UserName: user,
    PolicyName: policyName(),
    PolicyDocument: step.body,
  }).toString()
  await ask({
    what: `PutUserPolicy ${user}`,
    method: 'POST',
    url: new URL(endpoint),
    // IAM is one for all regions, and signed as this one.
    region: 'us-east-1',
    service: 'iam',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-amz-content-sha256': createHash('sha256').update(form).digest('hex'),
    },
    text: form,
    options,
  })
  return { step, state: 'done' }
}

function request(
  options: ApplyOptions,
  method: 'PUT' | 'GET',
  what: string,
  resource: string | undefined,
  text: string,
): Promise<string> {
  const url = addressOf(options.settings, '')
  url.pathname = url.pathname.replace(/(?<=.)\/$/, '')
  if (resource !== undefined) url.searchParams.set(resource, '')
  return ask({
    what: `${method} ${resource ?? 'bucket'} (${what})`,
    method,
    url,
    region: options.settings.region,
    headers: {
      'x-amz-content-sha256': createHash('sha256').update(text).digest('hex'),
      // PutBucketLifecycleConfiguration wants a checksum.
      ...(text !== '' && {
        'content-md5': createHash('md5').update(text).digest('base64'),
        'content-type': 'application/xml',
      }),
    },
    text,
    options,
  })
}

async function ask({
  text,
  options,
  ...rest
}: Pick<S3Request, 'what' | 'method' | 'url' | 'region' | 'service' | 'headers'> & {
  readonly text: string
  readonly options: ApplyOptions
}): Promise<string> {
  const { credentials, now = Date.now } = options
  const bytes = Buffer.from(text)
  const read = async (answer: IncomingMessage): Promise<string> => {
    const status = answer.statusCode ?? 0
    const body = await readText(answer, MAX_ANSWER_BYTES).catch(() => '')
    if (status >= 200 && status < 300) return body
    const failure = judge(rest.what, { status, headers: answer.headers, body }, now())
    // The hint is for the recorder's key; this is somebody else's.
    throw new S3Failure(
      failure.kind,
      failure.message.replace(/in credentials_file$/, 'that was given'),
      status,
    )
  }
  return send(
    {
      ...rest,
      credentials,
      body: { open: () => Readable.from([bytes]), bytes: bytes.length },
      now: now(),
      timeouts: timeoutsFor(bytes.length),
    },
    read,
  )
}
