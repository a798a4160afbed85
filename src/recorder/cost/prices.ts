/** In dollars, before tax; a GB is 2^30 bytes, as AWS counts. */
export interface Prices {
  readonly storagePerGbMonth: number
  /** PUT and LIST. */
  readonly putPer1000: number
  /** GET and HEAD. */
  readonly getPer1000: number
  readonly yenPerDollar: number
  /** The date on which they were right. */
  readonly asOf: string
}

const YEN_PER_DOLLAR = 150
const AS_OF = '2025-06-01'

/** Amazon S3 Standard, the first 50 TB (aws.amazon.com/s3/pricing). Traffic into S3 costs nothing. */
const REGIONS: Readonly<Record<string, Prices>> = {
  'ap-northeast-1': {
    storagePerGbMonth: 0.025,
    putPer1000: 0.0047,
    getPer1000: 0.00037,
    yenPerDollar: YEN_PER_DOLLAR,
    asOf: AS_OF,
  },
  'us-east-1': {
    storagePerGbMonth: 0.023,
    putPer1000: 0.005,
    getPer1000: 0.0004,
    yenPerDollar: YEN_PER_DOLLAR,
    asOf: AS_OF,
  },
}

const DEFAULT_REGION = 'ap-northeast-1'

/** The prices of a region, or of Tokyo where we know none, each replaced by the user's own. */
export function pricesFor(
  region: string | undefined,
  own: Readonly<Record<string, number | string>> = {},
): { readonly region: string; readonly prices: Prices } {
  const known = region !== undefined && Object.hasOwn(REGIONS, region) ? region : DEFAULT_REGION
  const prices = REGIONS[known]
  if (!prices) throw new Error(`no prices of ${known}`)
  return { region: known, prices: { ...prices, ...own } }
}
