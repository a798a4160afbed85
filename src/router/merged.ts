import type { MergeResult, SavedDaemonJson } from './daemon-json.ts'
import { mergeDaemonJson } from './daemon-json.ts'
import { mergeHosts } from './hosts-file.ts'

/*
 * Files that we share with the user: the generation holds only our part, which is merged into what is there.
 */

export type Saved = SavedDaemonJson

type Merge = (
  existing: string | undefined,
  ours: string | undefined,
  saved: Saved | undefined,
) => MergeResult<Saved>

const MERGES: Readonly<Record<string, Merge>> = {
  '/etc/docker/daemon.json': mergeDaemonJson,
  '/etc/hosts': (existing, ours) => ({ ok: true, text: mergeHosts(existing, ours), saved: undefined }),
}

export const MERGED_PATHS = Object.keys(MERGES)

/** Whether our part of this absolute path is merged into the user's file. */
export function isMerged(path: string): boolean {
  return path in MERGES
}

/** The text that `path` shall have, or why it cannot; `saved` is what the last merge remembered. */
export function mergeInto(
  path: string,
  existing: string | undefined,
  ours: string | undefined,
  saved: Saved | undefined,
): MergeResult<Saved> {
  const merge = MERGES[path]
  if (!merge) throw new Error(`${path} is not a shared file`)
  return merge(existing, ours, saved)
}
