import type { Credentials } from '../../../src/recorder/archive/s3/credentials.ts'
import type { S3Settings } from '../../../src/recorder/archive/settings.ts'
import { applyStep } from '../../../src/recorder/archive/setup/apply.ts'
import { type SetupOptions, setupSteps } from '../../../src/recorder/archive/setup/steps.ts'

/** Settings of a bucket at a server of a test. */
export function bucketSettings(endpoint: string, bucket: string): S3Settings {
  return { bucket, region: 'us-east-1', endpoint, prefix: 'logs/', pathStyle: true }
}

/** Does all of `archive setup`: a line for each step, "lifecycle done". */
export async function setUp(
  settings: S3Settings,
  credentials: Credentials,
  more: SetupOptions & { readonly iamEndpoint?: string } = {},
): Promise<string[]> {
  const lines: string[] = []
  for (const step of setupSteps(settings, more)) {
    const { state, note } = await applyStep(step, { settings, credentials, ...more })
    lines.push(`${step.kind} ${state}${note === undefined ? '' : `: ${note}`}`)
  }
  return lines
}
