import type { Issue } from '../../config/issue.ts'
import type { Router } from '../../router/model.ts'

/** An issue for each name in `path`.networks that is no network of the router. */
export function checkNetworks(names: readonly string[], router: Router, path: readonly string[]): Issue[] {
  const known = router.networks.map(({ name }) => name)
  return names.flatMap((name, i) =>
    known.includes(name)
      ? []
      : [
          {
            path: [...path, 'networks', i],
            message: `there is no network ${JSON.stringify(name)}`,
            fix: `use one of ${known.join(', ')}`,
          },
        ],
  )
}
