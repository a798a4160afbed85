import { formatIssues, issuesJson } from '../config/format.ts'
import type { LoadedRouter } from '../load-router.ts'
import { type Proof, prove } from '../prove/prove.ts'

type Loaded = Extract<LoadedRouter, { ok: true }>

/** A proof for people: what does not hold with its place in the file, then a line about all of it. */
export function describeProof(proof: Proof, { locate, text }: Loaded, color: boolean): string {
  const total = proof.results.length
  if (total === 0) return 'router.yaml has no checks: there is nothing to prove.\n'
  const failed = proof.issues.length
  const by = `${proof.packets} ${proof.packets === 1 ? 'packet' : 'packets'}`
  const verdict =
    failed === 0
      ? `Proved: ${total === 1 ? 'the check holds' : `all ${total} checks hold`}, by ${by}.\n`
      : `${failed} of ${total} ${total === 1 ? 'check' : 'checks'} ${failed === 1 ? 'does' : 'do'} not hold, by ${by}.\n`
  return formatIssues(locate(proof.issues), text, { color }) + verdict
}

/** The same for programs. */
export function proofJson(proof: Proof, { locate }: Loaded): object {
  return {
    ok: proof.ok,
    packets: proof.packets,
    issues: issuesJson(locate(proof.issues)),
    checks: proof.results.map(({ check, packets, failures }) => ({
      ...check,
      holds: packets > 0 && failures.length === 0,
      packets,
      failures: failures.map(({ probe, outcome, decision, arrived }) => ({
        ...probe,
        result: outcome.result,
        ...(arrived !== undefined && { arrived }),
        ...decision,
      })),
    })),
  }
}

/**
 * For apply: plays the checks, prints those that do not hold, and returns why not to go on; undefined when all of them
 * do, or there are none.
 */
export async function unproved(loaded: Loaded, say: (line: string) => void): Promise<string | undefined> {
  const { checks } = loaded
  if (checks.length === 0) return undefined
  say(`proves ${checks.length === 1 ? 'the check' : `${checks.length} checks`} of router.yaml`)
  const proof = await proofOf(loaded)
  if (typeof proof === 'string') return `${proof}, or use --no-prove`
  if (proof.ok) return undefined
  process.stderr.write(describeProof(proof, loaded, process.stderr.isTTY))
  return 'what router.yaml promises would not hold. Fix: mend its rules or its checks, or use --no-prove'
}

/** Plays the checks; in words why that cannot be done here. */
export async function proofOf(loaded: Loaded): Promise<Proof | string> {
  try {
    return await prove(loaded)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `the checks of router.yaml cannot be tried out here: ${why}. Fix: run it as root, with nftables and iproute2 installed`
  }
}
