/** A device speaks before it is looked at: its first records come this much before its interval. */
export const LEAD_MS = 10_000
/** It is looked at each minute: its last records come this much after. */
export const TAIL_MS = 2 * 60_000
/** Of what is still so there is a row each hour. */
export const OPEN_TAIL_MS = 65 * 60_000

/**
 * SQL (DuckDB) for the spans of `devices`, a relation with the columns of that kind: address, macAddress, device, network,
 * vendor, randomMac, "from" and "to" ("to" excluded). Spans of an address do not overlap, so that whose a record is, is
 *
 *   FROM records r ASOF LEFT JOIN (spans) d ON r.address = d.address AND r."time" >= d."from"
 *
 * with d's columns taken where r."time" < d."to".
 */
export function spansSql(devices: string): string {
  const before =
    'PARTITION BY address ORDER BY "time", macAddress ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING'
  return `SELECT address, macAddress, device, network, vendor, randomMac, "from", "to" FROM (
  SELECT *, least("until" + CASE WHEN "open" THEN INTERVAL '${OPEN_TAIL_MS} milliseconds' ELSE INTERVAL '${TAIL_MS} milliseconds' END,
    coalesce(lead("from") OVER (PARTITION BY address ORDER BY "time", macAddress), TIMESTAMP 'infinity')) AS "to"
  FROM (
    SELECT *, greatest("time" - INTERVAL '${LEAD_MS} milliseconds',
      coalesce(max("until") OVER (${before}), TIMESTAMP '-infinity')) AS "from"
    FROM (
      SELECT address, macAddress, "time", max("until") AS "until", arg_max(device, "until") AS device,
        arg_max(network, "until") AS network, arg_max(vendor, "until") AS vendor, bool_or(randomMac) AS randomMac,
        bool_and(coalesce("open", false)) AS "open"
      FROM (${devices}) GROUP BY address, macAddress, "time")))
  WHERE "from" < "to"`
}
