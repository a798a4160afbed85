import type { IptablesRule } from './iptables.ts'

/** A comment for the nft rule, in the signs that router.yaml takes for one. */
export function whyOf(rule: IptablesRule): string {
  const comment = (rule.options.get('--comment') ?? '')
    .replace(/[^\p{L}\p{N} .,:;()/+_@=-]/gu, ' ')
    .replace(/ +/g, ' ')
    .trim()
  return comment === '' ? `iptables line ${rule.line}` : comment.slice(0, 80).trim()
}
