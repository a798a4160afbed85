import { giveWay } from '../../src/lab/cgroup.ts'
import { down } from '../../src/lab/down.ts'
import { labPlaces } from '../../src/lab/places.ts'
import { up } from '../../src/lab/up.ts'

/** One lab with a virtual router for all these tests; as tests/lab/setup.ts otherwise. */
export async function setup(): Promise<() => Promise<void>> {
  const start = Date.now()
  const seconds = () => ((Date.now() - start) / 1000).toFixed(1).padStart(6)
  const end = async (): Promise<void> => {
    if (!process.env.SEKISHO_KEEP_LAB) await down(labPlaces())
  }
  try {
    await up({ vm: true, onProgress: (line) => process.stdout.write(`[${seconds()} s] ${line}\n`) })
    if (process.env.SEKISHO_LAB_YIELDS) await giveWay(labPlaces().id)
  } catch (error) {
    // Vitest takes nothing down after a setup that failed.
    await end()
    throw error
  }
  return end
}
