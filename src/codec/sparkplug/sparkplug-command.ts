import { type EdgeName, sparkplugTopic } from './topic.ts'
import type { SparkplugCodec } from './sparkplug-codec.ts'
import type { SparkplugMetric } from './sparkplug-payload.ts'

export interface SparkplugCommand {
  topic: string
  payload: Uint8Array
}

/** What an edge or one of its devices shall set, as NCMD or DCMD. CODEC_INVALID with the path. */
export function sparkplugCommand(
  codec: Pick<SparkplugCodec, 'encode'>,
  to: EdgeName & { device?: string },
  { metrics, timestamp }: { metrics: readonly SparkplugMetric[]; timestamp: number },
): SparkplugCommand {
  const { group, edge, device } = to
  const kind = device === undefined ? 'NCMD' : 'DCMD'
  return {
    topic: sparkplugTopic({ group, kind, edge, ...(device !== undefined && { device }) }),
    payload: codec.encode!({ timestamp, metrics }, {}),
  }
}

/** Sparkplug 3, 6.4.6: say all your names and values again. */
export const rebirthMetric: SparkplugMetric = { name: 'Node Control/Rebirth', type: 'Boolean', value: true }
