import { spansSql } from '../devices/spans-sql.ts'
import { literal } from '../sql.ts'

/** Zones of flow records that are no network of clients. */
const ROUTER = 'router'
const CONTAINERS = 'containers'
const OUTSIDE = 'wan'

export const THIS_ROUTER = 'this router'

/**
 * SQL for connections as our own side sees them, of flow records for which `where` holds: `address` is our end's (a
 * device's, the router's or a container's), `peer` the other one's, `down` what our end got, `up` what it sent. A
 * connection between two devices has a row for each, the second of which says `second`.
 */
export function endsSql(where = 'true'): string {
  const both = `"time", flowId, flowStart, coalesce(flowEnd, "time") AS flowEnd, flowEndReason, protocolIdentifier,
    destinationTransportPort AS port, applicationName, coalesce(octetDeltaCount, 0) AS sent,
    coalesce(reverseOctetDeltaCount, 0) AS returned`
  const outside = `sourceZone IS NOT DISTINCT FROM '${OUTSIDE}'`
  return `(SELECT *, sent AS up, returned AS down FROM (SELECT ${both}, sourceAddress AS address, sourceZone AS zone,
      destinationAddress AS peer, destinationName AS name, coalesce(destinationNameStatus, '') AS nameStatus,
      false AS incoming, false AS "second"
    FROM flows WHERE (${where}) AND NOT ${outside})
  UNION ALL BY NAME
  SELECT *, returned AS up, sent AS down FROM (SELECT ${both},
      coalesce(postNatDestinationAddress, destinationAddress) AS address, destinationZone AS zone,
      sourceAddress AS peer, NULL AS name, '' AS nameStatus, true AS incoming, NOT ${outside} AS "second"
    FROM flows WHERE (${where}) AND (destinationZone NOT IN ('${OUTSIDE}', '${ROUTER}', '${CONTAINERS}')
      OR (${outside} AND destinationZone IN ('${ROUTER}', '${CONTAINERS}')))))`
}

/** SQL over ends: what a connection went to as people know it, and what kind of name that is (Note). */
export const NAME = 'coalesce(name, peer)'
export const NOTE = `CASE WHEN incoming THEN 'incoming' WHEN name IS NOT NULL THEN '' WHEN nameStatus = 'local' THEN 'local' ELSE 'unresolved' END`
/** SQL over ends: "tcp 443", "icmp". */
export const PORT = `concat_ws(' ', coalesce(map {1: 'icmp', 6: 'tcp', 17: 'udp', 33: 'dccp', 47: 'gre', 50: 'esp', 58: 'icmp6', 132: 'sctp', 136: 'udplite'}[protocolIdentifier], concat('protocol ', protocolIdentifier)), CASE WHEN protocolIdentifier IN (6, 17, 33, 132, 136) THEN port END)`

/**
 * An address that was not asked for, one of the own networks, or one that came in from outside or from another network.
 */
export type Note = 'unresolved' | 'local' | 'incoming'

/**
 * SQL for rows with an `address`, a "time" and a `zone` (null where it is not known), with whose they are: `device` for
 * people (a name, else a MAC address, else the address), and `mac`. A device has the name that it had last. `own` are this
 * router's addresses.
 */
export function withDevice(rows: string, own: readonly string[] = []): string {
  const isOwn = own.length === 0 ? 'false' : `r.address IN (${own.map(literal).join(', ')})`
  return `(SELECT r.*, r.mac_ AS mac, CASE WHEN r.zone = '${ROUTER}' OR (r.mac_ IS NULL AND ${isOwn}) THEN '${THIS_ROUTER}'
      WHEN r.zone = '${CONTAINERS}' THEN '${CONTAINERS}' ELSE coalesce(n.device, r.mac_, r.address) END AS device
    FROM (SELECT r.*, CASE WHEN r."time" < d."to" THEN d.macAddress END AS mac_
      FROM (${rows}) r ASOF LEFT JOIN (${spansSql('SELECT * FROM devices')}) d
      ON r.address = d.address AND r."time" >= d."from") r
    LEFT JOIN (SELECT macAddress, arg_max(device, "until") AS device FROM devices GROUP BY 1) n ON n.macAddress = r.mac_)`
}
